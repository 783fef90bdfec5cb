package mapping

import (
	"context"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A row has columns for one record of a part, where an archive may have several: vectors
// of more than one model for a memory. The first one gets them.

// errOccupied refuses a record for whose row another one has come before.
var errOccupied = store.Unfit("the product holds one such record with each row, and has another one there")

// several tells whether two of the part's records that have come so far may belong into
// one row: they differ in what the row's key does not say.
func (w *writer) several(b *format.Batch) bool {
	if w.severally || !w.reading.optional {
		return w.severally
	}
	for _, name := range b.Section.Key {
		field := b.Section.Field(name)
		if slices.ContainsFunc(w.part.columns, func(c bound) bool { return c.field == field && slices.Contains(w.part.key, c.column) }) {
			continue
		}
		c := &b.Columns[field]
		first := w.first[name]
		if first == nil {
			first = &format.Column{}
			first.Reset(c.Type)
			first.AppendRow(c, 0)
			if w.first == nil {
				w.first = map[string]*format.Column{}
			}
			w.first[name] = first
		}
		for row := range b.Rows {
			if !c.EqualRow(row, first, 0) {
				w.severally = true
				return true
			}
		}
	}
	return false
}

// occupied returns those of the records whose rows hold one already, or are to hold one
// that comes before.
func (s *sink) occupied(ctx context.Context, w *writer, keys, which []int) (map[int]bool, error) {
	p := w.part
	wanted := pick(w.rows, keys, which)
	rows, found, err := s.db.Lookup(ctx, p.table, p.key, w.columns, wanted)
	if err != nil {
		return nil, err
	}
	held := w.reading.present(rows)
	full, met := map[int]bool{}, map[[16]byte]bool{}
	for i, row := range which {
		_, there := slices.BinarySearch(held, found[i])
		h := rowHash(wanted, i)
		if found[i] >= 0 && (held == nil || there) || met[h] {
			full[row] = true
		}
		met[h] = true
	}
	return full, nil
}

// foundFull returns those of the asked rows of a target that hold a record of the part.
func (s *sink) foundFull(ctx context.Context, w *writer, keys []int, asked func(row int) bool) (map[int]bool, error) {
	if !w.reading.optional {
		return nil, nil
	}
	var which []int
	for row := range w.rows.N {
		if asked(row) {
			which = append(which, row)
		}
	}
	if len(which) == 0 {
		return nil, nil
	}
	return s.occupied(ctx, w, keys, which)
}
