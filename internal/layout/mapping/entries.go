package mapping

import (
	"bytes"
	"context"
	"iter"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// The sidecar's entries were written in the order of their native rows, and mostly
// both are read in it too: then one walk along each finds what belongs together. A row
// whose entry does not come next is looked up.

// entries walks along the sidecar's entries of one section.
type entries struct {
	next    func() (*store.Rows, error, bool)
	stop    func()
	run     *store.Rows
	at      int
	ended   bool
	pending int              // entries that were neither met nor looked up
	ahead   map[[16]byte]int // entries that were looked up before the walk met them
}

// entryColumns are what an entry is made of; the place comes first.
var entryColumns = []string{"place", "native", "record", "gone"}

func withNative(section string) []store.Filter {
	return []store.Filter{{Column: "section", Is: store.Equal, Text: section}, {Column: "native", Is: store.NotNull}}
}

// walk begins a walk along a section's entries.
func (r *sidecarReader) walk(ctx context.Context, section string) *entries {
	if e := r.walks[section]; e != nil {
		return e
	}
	e := &entries{ahead: map[[16]byte]int{}, pending: int(r.total[section] + r.absent[section])}
	e.next, e.stop = iter.Pull2(r.db.Scan(ctx, store.Query{Table: sidecarTable, Columns: entryColumns, Filters: withNative(section), Shared: true}))
	r.walks[section] = e
	return e
}

// peek returns the entry that comes next; false at the end.
func (e *entries) peek() (row int, ok bool, err error) {
	for {
		for ; e.run != nil && e.at < e.run.N; e.at++ {
			if len(e.ahead) == 0 {
				return e.at, true, nil
			}
			place := [16]byte(e.run.Columns[0].Bytes(e.at))
			if e.ahead[place] == 0 {
				return e.at, true, nil
			}
			if e.ahead[place]--; e.ahead[place] == 0 {
				delete(e.ahead, place)
			}
		}
		if e.ended {
			return 0, false, nil
		}
		rows, err, ok := e.next()
		if err != nil {
			return 0, false, err
		}
		e.run, e.at, e.ended = rows, 0, !ok
	}
}

// find returns the entries of records by their leaves, as rows and the row of each
// record, or -1.
func (r *sidecarReader) find(ctx context.Context, section string, leaves []format.Leaf) (*store.Rows, []int, error) {
	if r.walks == nil {
		return r.lookUp(ctx, section, leaves)
	}
	e := r.walk(ctx, section)
	out := store.NewRows(len(entryColumns))
	found := make([]int, len(leaves))
	var missed []format.Leaf
	var missing []int
	for row, leaf := range leaves {
		found[row] = -1
		at, ok, err := e.peek()
		if err != nil {
			return nil, nil, err
		}
		if ok && bytes.Equal(e.run.Columns[0].Bytes(at), leaf.Place[:]) {
			found[row] = out.N
			out.AppendRow(e.run, at)
			e.at++
			e.pending--
			continue
		}
		missed, missing = append(missed, leaf), append(missing, row)
	}
	if len(missed) == 0 || e.pending == 0 {
		return out, found, nil
	}
	rows, at, err := r.lookUp(ctx, section, missed)
	if err != nil {
		return nil, nil, err
	}
	for i, row := range missing {
		if at[i] >= 0 {
			found[row] = out.N
			out.AppendRow(rows, at[i])
			e.ahead[missed[i].Place]++
			e.pending--
		}
	}
	return out, found, nil
}

func (r *sidecarReader) lookUp(ctx context.Context, section string, leaves []format.Leaf) (*store.Rows, []int, error) {
	keys := store.NewRows(2)
	for _, leaf := range leaves {
		keys.Columns[0].AppendString(section)
		keys.Columns[1].AppendBlob(leaf.Place[:])
		keys.N++
	}
	return r.db.Lookup(ctx, sidecarTable, []string{"section", "place"}, entryColumns, keys)
}

// end ends all walks.
func (r *sidecarReader) end() {
	for _, e := range r.walks {
		e.stop()
	}
	r.walks = nil
}
