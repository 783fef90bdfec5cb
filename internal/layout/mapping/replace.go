package mapping

import (
	"context"
	"maps"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// refuseOccupied refuses records whose native key another record has that stays: a copy of
// the same record, another version that stands beside it, or one that only the product
// takes for the same.
func (s *sink) refuseOccupied(ctx context.Context, w *writer, b *format.Batch, keys *store.Rows, at []int, refuse func(int, error)) error {
	for row := range b.Rows {
		if at[row] == none || at[row] >= 0 && s.succeeds(b, row) {
			continue
		}
		there, err := s.sidecar.shows(ctx, w, pick(keys, all(len(keys.Columns)), []int{row}))
		if err != nil {
			return err
		}
		if len(there) > 0 {
			at[row] = occupied
			refuse(row, store.ErrConflict)
		}
	}
	return nil
}

// succeeds tells, once for each, whether a record is the next version of one that has
// a native row.
func (s *sink) succeeds(b *format.Batch, row int) bool {
	place := b.Place(row)
	return s.replaced.Take(b.Section.Name, place[:])
}

// updateChanged updates of each row the columns that differ, as the product itself did:
// its triggers may look at which columns are set.
func (s *sink) updateChanged(ctx context.Context, w *writer, update []int, have *store.Rows, at []int, refuse func([]int) func(int, error)) error {
	keys, others, names := w.part.split()
	groups := map[string][]int{}
	for _, row := range update {
		differs := make([]byte, len(others))
		for i, c := range others {
			if !w.rows.Columns[c].Equal(row, &have.Columns[c], at[row]) {
				differs[i] = 1
			}
		}
		groups[string(differs)] = append(groups[string(differs)], row)
	}
	for _, differs := range slices.Sorted(maps.Keys(groups)) {
		columns, set := slices.Clone(keys), []string{}
		for i, c := range others {
			if differs[i] == 1 {
				columns, set = append(columns, c), append(set, names[i])
			}
		}
		if len(set) == 0 { // only the sidecar has changed
			continue
		}
		if err := s.db.Update(ctx, w.part.table, w.part.key, set, pick(w.rows, columns, groups[differs]), refuse(groups[differs])); err != nil {
			return err
		}
	}
	return nil
}
