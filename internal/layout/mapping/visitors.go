package mapping

import (
	"context"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A product's memories may go abroad, and what another product has added there comes home
// with them. Such records lack what this product demands of its own. They wait until all
// others are there, and are then taken as those of another product are: what is made for
// them is no part of them, and the sidecar says so.

// early are records that wait for the end.
type early struct {
	b        *format.Batch
	visitors bool // another product has added them
	orphans  bool // their rows have been removed, and may have come back
}

// provenance says where the records at hand come from.
func (s *sink) provenance() provenance {
	if s.visitors {
		return foreign
	}
	return s.from
}

// visits tells whether a record lacks what the table demands, though its map can make it.
func (p *part) visits(b *format.Batch, row int) bool {
	if left := b.Column(format.Leftovers); left != nil && !left.Null(row) {
		return false
	}
	for i := range p.columns {
		c := &p.columns[i]
		if c.demanded && c.field != noField && (c.def != nil || c.make != nil || len(c.els) > 0) && b.Columns[c.field].Null(row) {
			return true
		}
	}
	return slices.ContainsFunc(p.demands, func(of []string) bool {
		return !slices.ContainsFunc(p.columns, func(c bound) bool {
			return slices.Contains(of, c.column) && c.field != noField && !b.Columns[c.field].Null(row)
		})
	})
}

// mayVisit tells whether records of another product can be taken at the end.
func (s *sink) mayVisit() bool {
	return s.from == own && !s.last && s.layout.Own == nil && !s.opts.NoSidecar
}

// putOff returns the batch without the records that another product has added.
func (s *sink) putOff(w *writer, b *format.Batch, res *store.Result) (*format.Batch, error) {
	if !s.mayVisit() || w.part.updates {
		return b, nil
	}
	var which []int
	for row := range b.Rows {
		if w.part.visits(b, row) {
			which = append(which, row)
		}
	}
	if len(which) == 0 {
		return b, nil
	}
	s.early = append(s.early, early{b: some(b, which), visitors: true})
	res.Written += uint64(len(which))
	return some(b, except(b.Rows, which)), nil
}

// writeEarly writes the records that have waited for the end, in the order in which sections
// refer to each other.
func (s *sink) writeEarly(ctx context.Context) error {
	s.last = true
	slices.SortStableFunc(s.early, func(a, b early) int { return sectionRank(a.b.Section.Name) - sectionRank(b.b.Section.Name) })
	for _, e := range s.early {
		if err := s.receive(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (s *sink) receive(ctx context.Context, e early) error {
	if s.visitors = e.visitors; e.visitors {
		if err := s.welcome(ctx, s.writers[e.b.Section.Name]); err != nil {
			return err
		}
	}
	s.orphans = e.orphans
	res, err := s.take(ctx, e.b)
	if err == nil {
		err = s.flush(ctx)
	}
	if err == nil {
		err = s.land()
	}
	s.visitors, s.orphans = false, false
	s.late = append(s.late, res.Rejects...)
	if !e.orphans && !s.exact {
		s.recount(e.b.Section.Name, res)
	}
	return err
}

func (s *sink) recount(section string, res store.Result) {
	if s.recounted == nil {
		s.recounted = map[string]store.Result{}
	}
	sum := s.recounted[section]
	sum.Unchanged += res.Unchanged
	sum.Updated += res.Updated
	sum.Skipped += res.Skipped
	s.recounted[section] = sum
}

// welcome makes a writer take records of another product.
func (s *sink) welcome(ctx context.Context, w *writer) error {
	if w.guests {
		return nil
	}
	w.guests = true
	w.part = rebind(w.reading, s.manifest.Section(w.part.section.Name), foreign)
	w.rows, w.spare = store.NewRows(w.part.width()), nil
	if err := s.keepUnheld(ctx, w); err != nil || s.mints != nil {
		return err
	}
	return s.beginMints(ctx)
}
