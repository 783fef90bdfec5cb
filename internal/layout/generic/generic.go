// Package generic is the layout of a store that no other layout knows: every
// table is carried, typed, as it is.
package generic

import (
	"context"

	"github.com/memarc/memarc/internal/store"
)

// Layout returns the layout for the registry. It recognises everything.
func Layout() *store.Layout {
	return &store.Layout{
		Name:    "generic",
		Engines: []string{"sqlite", "postgres"},
		Any:     true,
		Detect:  func(context.Context, *store.Catalog, store.Tables) (int, bool) { return 0, true },
	}
}
