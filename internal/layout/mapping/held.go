package mapping

import (
	"context"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Where one table holds the records of several sections, a source that has such a
// table itself yields them run by run: some memories, the vectors of these memories,
// the next memories. Rows are held until all their parts have come, so that each is
// written once.
type held struct {
	w     *writer
	b     *format.Batch // a copy: the caller takes the batch back
	rows  *store.Rows
	names []string
	parts []heldPart
	lent  []lentCells // columns that come behind the writer's own
}

// Cells are lent by the writer of a part.
type lentCells struct {
	w      *writer
	column int
}

// A heldPart is a batch whose records fill columns of held rows.
type heldPart struct {
	w   *writer
	b   *format.Batch
	row []int // the held row of each record
}

// holds tells whether new rows of the writer wait for other parts.
func (s *sink) holds(w *writer) bool {
	return !w.part.updates && !w.merge && slices.ContainsFunc(w.others, func(o *part) bool { return s.writers[o.section.Name] != nil })
}

// hold takes the writer's rows.
func hold(w *writer, b *format.Batch) *held {
	return &held{w: w, b: b.Clone(), rows: w.giveRows(), names: w.part.names()}
}

// waitsFor tells whether records of the writer may fill the held rows.
func (h *held) waitsFor(w *writer) bool {
	return w.part.updates && w.part.table == h.w.part.table && !slices.ContainsFunc(h.parts, func(p heldPart) bool { return p.w == w })
}

// mayWait tells whether the held rows can wait while records of a writer are written:
// of a part of theirs, or of another table where nothing refers to theirs yet.
func (s *sink) mayWait(w *writer) bool {
	table := s.held.w.part.table
	switch {
	case w == nil:
		return true
	case w.part.table == table:
		return s.held.waitsFor(w)
	}
	return s.catalog.Table(table) == nil
}

// fill puts the records of a part, whose native rows are in w.rows, into the held
// rows. Those that have none there take the long way.
func (s *sink) fill(ctx context.Context, w *writer, b *format.Batch) (res store.Result, err error) {
	h := s.held
	w.several(b)
	keys, others, names := w.part.split()
	mine, _, _ := h.w.part.split()
	takes, err := s.takes(ctx, w, keys)
	if err != nil {
		return res, err
	}
	of := make([]int, 0, b.Rows)
	var rest []int
	source := slices.Repeat([]int{-1}, h.rows.N) // the record that fills a held row
	for row, next := 0, 0; row < b.Rows; row++ {
		at := next
		for at < h.rows.N && !equalKeys(w.rows, keys, row, h.rows, mine, at) {
			at++
		}
		if at == h.rows.N || !takes(row) {
			rest = append(rest, row)
			continue
		}
		source[at], next = row, at+1
		of = append(of, at)
	}
	if len(rest) < b.Rows {
		whole := len(rest) == 0 && b.Rows == h.rows.N // record by record, in order
		for n, i := range others {
			var cells store.Cells
			if whole {
				cells = w.giveCells(i)
			} else {
				cells.Reset()
				for _, row := range source {
					if row < 0 {
						cells.AppendNull()
					} else {
						cells.AppendRow(&w.rows.Columns[i], row)
					}
				}
			}
			h.rows.Columns = append(h.rows.Columns, cells)
			h.names, h.lent = append(h.names, names[n]), append(h.lent, lentCells{w, i})
		}
		kept := b.Clone
		if len(rest) > 0 {
			kept = func() *format.Batch { return some(b, except(b.Rows, rest)) }
		}
		h.parts = append(h.parts, heldPart{w, kept(), of})
		res.Written = uint64(len(of))
	}
	if len(rest) == 0 {
		return res, nil
	}
	if err := s.flush(ctx); err != nil {
		return res, err
	}
	late := some(b, rest)
	defer late.Release()
	if err := s.put(w, late); err != nil {
		return res, err
	}
	more, err := s.write(ctx, w, late)
	more.Written += res.Written
	return more, err
}

// takes tells of native rows whether the target's columns can hold them, as far as it
// says so beforehand.
func (s *sink) takes(ctx context.Context, w *writer, keys []int) (func(row int) bool, error) {
	told, err := s.db.Stored(ctx, w.part.table, w.part.names(), w.rows, w.part.names())
	if err != nil || told == nil || len(keys) == 0 {
		return func(int) bool { return true }, err
	}
	return func(row int) bool { return told.Columns[keys[0]].Kinds[row] != store.Null }, nil
}

func equalKeys(a *store.Rows, keys []int, row int, b *store.Rows, mine []int, at int) bool {
	for i := range keys {
		if !a.Columns[keys[i]].Equal(row, &b.Columns[mine[i]], at) {
			return false
		}
	}
	return true
}

// flush writes the held rows.
func (s *sink) flush(ctx context.Context) error {
	h := s.held
	if h == nil {
		return nil
	}
	s.held = nil
	beside := s.beside(h.w)
	settle := func(refused map[int]error) error {
		defer h.release()
		if err := s.putAside(ctx, h, refused); err != nil {
			return err
		}
		if !beside || len(refused) == h.rows.N {
			return nil
		}
		taken := slices.DeleteFunc(all(h.rows.N), func(row int) bool { return refused[row] != nil })
		now, err := s.native(ctx, h.w, h.names, h.rows, taken)
		if err != nil {
			return err
		}
		asides, err := s.heldAsides(h, taken, now)
		if err != nil {
			return err
		}
		return s.sidecar.keep(ctx, asides)
	}
	if s.flies(h.w) {
		f := &flight{w: h.w, names: h.names, rows: h.rows, settle: settle, drop: h.release}
		if beside {
			f.asides = func(now *given) ([]aside, error) { return s.heldAsides(h, all(h.rows.N), now) }
		}
		return s.fly(ctx, f)
	}
	refused, err := s.insert(ctx, h.w, h.names, h.rows)
	if err != nil {
		h.release()
		return err
	}
	return settle(refused)
}

// heldAsides finds what the native rows of held records, of which those taken are in
// the table, do not give.
func (s *sink) heldAsides(h *held, taken []int, now *given) ([]aside, error) {
	out, err := s.sidecar.asides(h.w, h.b, taken, now)
	if err != nil {
		return nil, err
	}
	position := slices.Repeat([]int{-1}, h.rows.N) // of held rows in taken
	for i, row := range taken {
		position[row] = i
	}
	for _, other := range h.w.others {
		filled := make([]bool, len(taken))
		for _, p := range h.parts {
			if p.w.reading != other {
				continue
			}
			var records []int
			at := &given{rows: now.rows, names: now.names, put: now.put}
			for record, row := range p.row {
				if i := position[row]; i >= 0 {
					records, at.at, filled[i] = append(records, record), append(at.at, now.at[i]), true
				}
			}
			if p.w.total {
				continue
			}
			more, err := s.sidecar.asides(p.w, p.b, records, at)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		}
		which := slices.DeleteFunc(all(len(taken)), func(i int) bool { return filled[i] })
		more, err := s.sidecar.absent(h.w, other, now, which)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// putAside gives the records of rows that the target has refused to the sidecar, or
// reports them.
func (s *sink) putAside(ctx context.Context, h *held, refused map[int]error) error {
	if len(refused) == 0 {
		return nil
	}
	aside := func(b *format.Batch, row func(record int) int) error {
		rest := format.NewBatch(b.Section)
		defer rest.Release()
		for record := range b.Rows {
			err := refused[row(record)]
			switch {
			case err == nil:
			case s.keepsRefused():
				rest.AppendRow(b, record)
			default:
				s.late = append(s.late, reject(b, record, err))
			}
		}
		if rest.Rows == 0 {
			return nil
		}
		_, err := s.sidecar.whole(ctx, rest)
		return err
	}
	if err := aside(h.b, func(record int) int { return record }); err != nil {
		return err
	}
	for _, p := range h.parts {
		if err := aside(p.b, func(record int) int { return p.row[record] }); err != nil {
			return err
		}
	}
	return nil
}

func (h *held) release() {
	own := len(h.rows.Columns) - len(h.lent)
	for i, l := range h.lent {
		l.w.takeCells(l.column, h.rows.Columns[own+i])
	}
	h.rows.Columns = h.rows.Columns[:own]
	h.w.takeRows(h.rows)
	h.b.Release()
	for _, p := range h.parts {
		p.b.Release()
	}
}
