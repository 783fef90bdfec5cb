package mapping

import (
	"context"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// counting is the ability of an engine whose generated keys follow those that were
// inserted by themselves.
type counting interface{ CountsInserted() bool }

// goOn lets generated keys go on behind those that records have brought, where the engine
// does not see to it: the next row that the product adds must not meet one of theirs.
func (s *sink) goOn(ctx context.Context, created *store.Catalog) error {
	if db, ok := s.db.(counting); ok && db.CountsInserted() {
		return nil
	}
	for _, w := range s.writers {
		t := created.Table(w.part.table)
		if t == nil || !t.Autoincrement || len(t.Primary) != 1 || !s.foreign && s.catalog.Table(t.Name) == nil {
			continue // a new table of the same product has its origin's number
		}
		last, err := s.greatest(ctx, t.Name, t.Primary[0])
		if err != nil {
			return err
		}
		if last != nil && (t.Sequence == nil || *t.Sequence < *last) {
			if err := s.db.SetSequence(ctx, t.Name, last); err != nil {
				return err
			}
		}
	}
	return nil
}

// greatest returns the greatest number in a column; nil if there is none.
func (s *sink) greatest(ctx context.Context, table, column string) (*int64, error) {
	var last *int64
	for rows, err := range s.db.Scan(ctx, store.Query{Table: table, Columns: []string{column}}) {
		if err != nil {
			return nil, err
		}
		for row := range rows.N {
			if v := rows.Columns[0].Value(row); v.Type == format.Int && (last == nil || int64(v.Cell) > *last) {
				n := int64(v.Cell)
				last = &n
			}
		}
	}
	return last, nil
}
