package store

import (
	"context"
	"errors"
	"iter"

	"github.com/memarc/memarc/format"
)

// A Fate is what becomes of a part of a source.
type Fate string

// The fates of house law 1: everything has one.
const (
	Carried Fate = "carried" // in sections, field by field
	Derived Fate = "derived" // rebuilt by the target
	Lost    Fate = "lost"    // in the loss ledger
)

// An Item is one part of what a store holds: a table, a label.
type Item struct {
	Name     string
	Fate     Fate
	Sections []string // where it is carried
	Rows     int64    // native rows; -1 where it was not counted
}

// A Description is what a source holds, before any record is read.
type Description struct {
	ID       format.StoreID
	Origin   *format.Origin
	Sections []*format.Section
	Spaces   []format.Space
	Items    []Item
	// Losses that are known before reading.
	Losses []format.Loss
	// Secrets says what becomes of secrets, where the store has a place for them.
	Secrets SecretsOption
}

// Records returns the rows of items that are carried, for a progress bar.
func (d *Description) Records() (n int64) {
	for _, item := range d.Items {
		if item.Fate == Carried && item.Rows > 0 {
			n += item.Rows * int64(max(1, len(item.Sections)))
		}
	}
	return n
}

// A Selection narrows what is read. The zero value selects everything.
type Selection struct {
	// Where is a condition on the memories in the engine's own language.
	Where string
	// Sections names the sections to read; nil for all.
	Sections map[string]bool
}

// Wants tells whether the section is selected.
func (s Selection) Wants(section string) bool { return s.Sections == nil || s.Sections[section] }

// A Source reads one store under one snapshot.
type Source interface {
	// Describe lists everything the store holds, carried or not.
	Describe(ctx context.Context) (*Description, error)
	// Read yields batches, what is referred to before what refers to it, and at
	// most one error, as its last pair. The consumer owns the batches.
	Read(ctx context.Context, sel Selection) iter.Seq2[*format.Batch, error]
	// Losses returns what reading has found that cannot be carried.
	Losses() []format.Loss
	Close() error
}

// Secretive is the ability of a source to leave out what its layout calls secret;
// Describe and Read then do. The ledger counts it.
type Secretive interface{ Withhold() }

// A SecretsOption says whether secrets are in an archive; it stands in the manifest's
// options under this name.
type SecretsOption string

// The options, the second of which is a loss code too.
const (
	Secrets                = "secrets"
	Withheld SecretsOption = "withheld"
	Included SecretsOption = "included"
)

// Policy is what to do with a record whose key the target already has with
// another content.
type Policy string

// The conflict policies of import.
const (
	Fail      Policy = "fail"      // refuse the import
	Skip      Policy = "skip"      // keep the target's record
	Overwrite Policy = "overwrite" // take the archive's record
	Newer     Policy = "newer"     // take the one updated later
)

// A Reject is a record that the target does not take.
type Reject struct {
	Section string `json:"section"`
	ID      string `json:"id"`
	Reason  string `json:"reason"`
	// Record is the record as NDJSON.
	Record []byte `json:"-"`
}

// A Result counts what became of a batch's records.
type Result struct {
	Written, Unchanged, Updated, Skipped uint64
	Rejects                              []Reject
}

// A Step is one thing that an import would do.
type Step struct {
	What    string `json:"what"` // create, insert, merge, rebuild, leave
	Where   string `json:"where"`
	Detail  string `json:"detail,omitempty"`
	Section string `json:"section,omitempty"`
}

// A Plan is what an import would do to a target.
type Plan struct {
	ID     format.StoreID
	Fresh  bool // the target holds nothing yet
	Steps  []Step
	Losses []format.Loss
}

// A Sink writes one store. Nothing is visible to others before Commit, and
// Close without Commit leaves the store as it was.
type Sink interface {
	// Plan says what would be done, and writes nothing. It comes first.
	Plan(ctx context.Context, m *format.Manifest) (*Plan, error)
	// Begin prepares the target for the manifest's sections.
	Begin(ctx context.Context) error
	// Write writes a batch, which stays the caller's. The same batch twice
	// counts as unchanged.
	Write(ctx context.Context, b *format.Batch) (Result, error)
	// Late returns, once each, records that the target has refused after Write had
	// counted them as written.
	Late() []Reject
	// Recounted returns, once and by section, what became of records that Write had
	// counted as written, though they waited for others.
	Recounted() map[string]Result
	// Finish builds what is derived: indexes, full-text search.
	Finish(ctx context.Context) error
	// Notes returns what people should know of records that were taken, and Left what
	// is left to be done after the import.
	Notes() []Reject
	Left() []Step
	// ReadBack returns a source of what the target now holds.
	ReadBack(ctx context.Context) (Source, error)
	// Losses returns what the target could not hold.
	Losses() []format.Loss
	Commit(ctx context.Context) error
	Close() error
}

// SinkOptions are the choices of an import; the zero value is the default.
type SinkOptions struct {
	Policy    Policy
	NoSidecar bool
	Layout    string // by name; "" for the manifest's origin, else memarc
	// CommitEvery commits whenever so many records more were taken; 0 is all or
	// nothing.
	CommitEvery int64
	// Embeddings says what to do with vectors of another space than a target's that
	// takes one alone.
	Embeddings EmbeddingPolicy
	// Reembed replaces the space that the target takes by the archive's.
	Reembed bool
	// AllIndexes makes also the slow indexes of tables that the import creates. Those
	// that a target had are kept in any case.
	AllIndexes bool
}

// EmbeddingPolicy is what to do with vectors that the target has no place for.
type EmbeddingPolicy string

// The policies.
const (
	RefuseEmbeddings EmbeddingPolicy = ""     // refuse the import
	KeepEmbeddings   EmbeddingPolicy = "keep" // beside the product's own, where it does not see them
	DropEmbeddings   EmbeddingPolicy = "drop" // leave them out; the ledger counts them
)

// Errors that callers branch on.
var (
	// ErrNotFound means that the store does not exist.
	ErrNotFound = errors.New("no such store")
	// ErrNotStore means that the location holds something that is no store.
	ErrNotStore = errors.New("not a store")
	// ErrEncrypted means a database that looks encrypted.
	ErrEncrypted = errors.New("database is encrypted or not a database")
	// ErrConflict means a record that the target holds with another content,
	// under the policy Fail.
	ErrConflict = errors.New("target holds another record with this key")
	// ErrNoRow means that an update has found no row with its key.
	ErrNoRow = errors.New("there is no row with this key")
	// ErrDangling means rows that refer to nothing.
	ErrDangling = errors.New("rows refer to rows that are not there")
	// ErrSpace means that the target takes vectors of another space alone.
	ErrSpace = errors.New("the target's vectors are of another space")
	// ErrUsage means that the request cannot be meant as it was said.
	ErrUsage = errors.New("bad request")
)
