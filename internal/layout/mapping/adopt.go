package mapping

import (
	"context"
	"slices"

	"github.com/memarc/memarc/internal/store"
)

// adopt adds the rows to which the product wants records of other products to refer.
func (s *sink) adopt(ctx context.Context) error {
	if s.from != foreign || s.layout.Schema == nil {
		return nil
	}
	for _, st := range s.layout.Schema.At(s.version).Adopt {
		at := slices.IndexFunc(s.shape.tables, func(t tableShape) bool { return t.table.Name == st.Object })
		if at < 0 {
			continue
		}
		t := &s.shape.tables[at]
		before, err := s.places(ctx, t)
		if err != nil {
			return err
		}
		if err := s.db.Exec(ctx, st.SQL); err != nil {
			return err
		}
		if s.sidecar == nil || s.opts.NoSidecar {
			continue
		}
		if err := s.sidecar.hide(ctx, t, before); err != nil {
			return err
		}
	}
	return nil
}

// places returns those of the records that a table holds.
func (s *sink) places(ctx context.Context, t *tableShape) (map[[16]byte]bool, error) {
	out := map[[16]byte]bool{}
	for native, err := range s.db.Scan(ctx, store.Query{Table: t.table.Name, Columns: t.columns}) {
		if err != nil {
			return nil, err
		}
		for _, p := range t.parts {
			b := p.get(native, func(int) bool { return true })
			for _, leaf := range b.AppendLeaves(nil) {
				out[leaf.Place] = true
			}
			b.Release()
		}
	}
	return out, nil
}
