package store

import (
	"context"

	"github.com/memarc/memarc/format"
)

// A Removal names, by their leaves, the records that an incremental archive takes out
// of a target. Those that were found are taken out of the sets.
type Removal struct {
	Deleted  *format.LeafSet // that are gone
	Replaced *format.LeafSet // of which Write brings the next version
}

// A Remover is the ability of a Sink to take records away.
type Remover interface {
	// Remove takes records out of a target that holds all of them, just as the archive's
	// base does. It comes between Begin and the first Write, and from then on Write
	// replaces what stands under a record's key, whatever the policy; and once more after
	// Finish, for records that the product's triggers have added meanwhile.
	Remove(ctx context.Context, gone *Removal) error
}
