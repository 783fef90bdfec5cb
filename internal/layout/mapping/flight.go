package mapping

import (
	"context"

	"github.com/memarc/memarc/internal/store"
)

// Where an engine works behind its caller's back, rows are on their way while the next
// batch is read and made ready; and where it says beforehand what it will give of rows,
// while it is found out what the sidecar is to take of their records. One flight at a time:
// the next begins when the one before has landed.

// A flight is rows on their way, and what the sidecar is to take of their records.
type flight struct {
	w     *writer
	names []string
	rows  *store.Rows // the flight's own until it has landed
	// asides finds what the sidecar is to take if no row is refused; nil for nothing.
	asides func(now *given) ([]aside, error)
	// settle does what is left to do where rows were refused, or the target has not said
	// what it gives; drop comes in its place where nothing is left.
	settle func(refused map[int]error) error
	drop   func()

	end     func() error
	refused map[int]error
	kept    bool // the sidecar has what it is to take
}

// flies tells whether rows of the writer can go that way.
func (s *sink) flies(w *writer) bool {
	if !s.beside(w) {
		return s.ahead() != nil
	}
	return w.told && !s.opts.NoSidecar
}

// ahead returns the target's ability to be written while the next batch is made ready, if
// it has it and nothing about that batch depends on what becomes of this one.
func (s *sink) ahead() store.Behind {
	behind, ok := s.db.(store.Behind)
	if !ok || s.provenance() == foreign || s.orphans || s.opts.CommitEvery > 0 {
		return nil
	}
	return behind
}

// fly begins a flight, and ends it if it has to.
func (s *sink) fly(ctx context.Context, f *flight) error {
	var now *given
	var err error
	if f.asides != nil { // before the flight, as it may ask the target
		now, err = s.told(ctx, f.w, f.names, f.rows, all(f.rows.N))
	}
	if err = firstError(err, s.land()); err != nil {
		f.drop()
		return err
	}
	s.flying = f
	behind := s.ahead()
	if err := s.begin(ctx, f, now, behind); err != nil || behind != nil {
		return err
	}
	return s.land()
}

func (s *sink) begin(ctx context.Context, f *flight, now *given, behind store.Behind) error {
	f.refused = map[int]error{}
	found := make(chan []aside, 1)
	defer close(found) // the flight waits for it, and what asks the target for the flight
	work := func(db store.Target) error {
		err := db.Insert(ctx, f.w.part.table, f.names, f.rows, func(row int, err error) { f.refused[row] = err })
		asides, ok := <-found
		if err != nil || !ok || len(f.refused) > 0 {
			return err
		}
		for _, a := range asides {
			if err := storeEntries(ctx, db, a.entries, a.clear); err != nil {
				return err
			}
		}
		f.kept = true
		return nil
	}
	if behind != nil {
		f.end = behind.Behind(work)
	} else {
		ended := make(chan error, 1)
		go func() { ended <- work(s.db) }()
		f.end = func() error { return <-ended }
	}
	switch {
	case f.asides == nil:
		found <- nil
	case now != nil:
		asides, err := f.asides(now)
		if err != nil {
			return err
		}
		found <- asides
	}
	return nil
}

// land waits for the end of the flight.
func (s *sink) land() error {
	f := s.flying
	if f == nil {
		return nil
	}
	s.flying = nil
	if err := f.end(); err != nil || f.kept {
		f.drop()
		return err
	}
	return f.settle(f.refused)
}

// writeBehind inserts a batch's rows while the next one is made ready.
func (s *sink) writeBehind(ctx context.Context, f *fate) (store.Result, error) {
	f.b = f.b.Clone() // the caller takes the batch back
	f.w.giveRows()
	drop := func() {
		f.w.takeRows(f.rows)
		f.b.Release()
	}
	flight := &flight{
		w: f.w, names: f.w.part.names(), rows: f.rows, drop: drop,
		settle: func(refused map[int]error) error {
			defer drop()
			f.refuseAll(refused)
			if err := f.settle(ctx); err != nil {
				return err
			}

			s.late = append(s.late, f.res.Rejects...)
			s.recount(f.b.Section.Name, f.res)
			return nil
		},
	}
	if s.beside(f.w) {
		flight.asides = func(now *given) ([]aside, error) { return s.asides(f.w, f.b, f.taken, now) }
	}
	return store.Result{Written: uint64(f.b.Rows)}, s.fly(ctx, flight)
}

// giveRows gives the writer's rows away. Their memory comes back with takeRows.
func (w *writer) giveRows() *store.Rows {
	rows := w.rows
	if w.rows = w.spare; w.rows == nil {
		w.rows = store.NewRows(w.part.width())
	}
	w.spare = nil
	return rows
}

func (w *writer) takeRows(rows *store.Rows) {
	if len(rows.Columns) == w.part.width() {
		w.spare = rows
	}
}

// giveCells gives one column of the writer's rows away.
func (w *writer) giveCells(i int) store.Cells {
	cells := w.rows.Columns[i]
	if w.rows.Columns[i] = (store.Cells{}); w.spare != nil {
		w.rows.Columns[i], w.spare.Columns[i] = w.spare.Columns[i], store.Cells{}
	}
	return cells
}

func (w *writer) takeCells(i int, cells store.Cells) {
	if w.spare == nil {
		w.spare = store.NewRows(w.part.width())
	}
	if i < len(w.spare.Columns) {
		w.spare.Columns[i] = cells
	}
}
