package mapping

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Write writes a batch.
func (s *sink) Write(ctx context.Context, b *format.Batch) (store.Result, error) {
	if res, done, err := s.passed(b); done || err != nil {
		return res, err
	}
	if err := s.step(ctx, b); err != nil {
		return store.Result{}, err
	}
	res, err := s.take(ctx, b)
	if err == nil {
		s.advance(b, &res)
	}
	return res, err
}

func (s *sink) take(ctx context.Context, b *format.Batch) (res store.Result, err error) {
	w := s.writers[b.Section.Name]
	if s.held != nil && !s.mayWait(w) {
		if err := s.flush(ctx); err != nil {
			return res, err
		}
	}
	switch {
	case w == nil && b.Section.Name == format.Spaces && s.layout.Spaces != nil:
		kept := b.Clone()
		s.spaces = append(s.spaces, kept)
		return s.countSpaces(kept), nil
	case w == nil:
		return s.sidecar.whole(ctx, b)
	}
	s.note(w, b)
	replace := func(native *format.Batch, err error) error {
		if err == nil && native != b {
			b = native
		}
		return err
	}
	if err := replace(s.screen(ctx, b, &res)); err != nil {
		return res, err
	}
	if (s.foreign || s.visitors || s.otherEngine()) && !w.total && !s.opts.NoSidecar {
		if err := replace(s.sidecar.divert(ctx, w, b, &res)); err != nil {
			return res, err
		}
	}
	if b.Rows == 0 {
		return res, nil
	}
	if err := replace(s.putOff(w, b, &res)); err != nil || b.Rows == 0 {
		return res, err
	}
	if err := s.put(w, b); err != nil {
		return store.Result{}, err
	}
	if err := replace(s.lostReferences(ctx, w, b, &res)); err != nil || b.Rows == 0 {
		return res, err
	}
	if s.provenance() == foreign {
		w.tellApart(b)
	}
	if w.total && w.part.unheld && s.layout.Own == nil && !s.opts.NoSidecar {
		if err := s.keepUnheld(ctx, w); err != nil {
			return res, err
		}
	}
	if s.sidecar != nil && !w.total && len(w.part.key) == 0 {
		if err := replace(s.sidecar.divertKeyless(ctx, w, b, &res)); err != nil || b.Rows == 0 {
			return res, err
		}
		if err := s.put(w, b); err != nil {
			return store.Result{}, err
		}
	}
	var native store.Result
	switch {
	case s.held != nil && s.held.waitsFor(w):
		native, err = s.fill(ctx, w, b)
	case s.holds(w):
		s.held = hold(w, b)
		native.Written = uint64(b.Rows)
	default:
		native, err = s.write(ctx, w, b)
	}
	res.Written += native.Written
	res.Unchanged += native.Unchanged
	res.Updated += native.Updated
	res.Skipped += native.Skipped
	res.Rejects = append(res.Rejects, native.Rejects...)
	if b.Section.Name == format.Memories {
		s.written += int64(native.Written)
	}
	return res, err
}

// screen takes out of a batch of embeddings what a target that takes one space alone
// does not take.
func (s *sink) screen(ctx context.Context, b *format.Batch, res *store.Result) (*format.Batch, error) {
	if b.Section.Name != format.Embeddings || s.shape == nil || s.shape.model == nil {
		return b, nil
	}
	m := s.shape.model
	var fit, other []int
	for row := range b.Rows {
		if m.fits(b, row) {
			fit = append(fit, row)
		} else {
			other = append(other, row)
		}
	}
	if len(other) == 0 {
		return b, nil
	}
	if s.opts.Embeddings == store.DropEmbeddings {
		res.Skipped += uint64(len(other))
		s.dropped += uint64(len(other))
		return some(b, fit), nil
	}
	rest := some(b, other)
	defer rest.Release()
	known, err := s.sidecar.holdsAll(ctx, rest)
	if err != nil {
		return b, err
	}
	if s.opts.Embeddings == store.RefuseEmbeddings && !s.fresh() && !known {
		name, dim := "", int64(0)
		if c := b.Typed("space", format.Text); c != nil && !c.Null(other[0]) {
			name = c.String(other[0])
		}
		if c := b.Typed("vector", format.Vector); c != nil && !c.Null(other[0]) {
			dim = int64(len(c.Bytes(other[0])) / 4)
		}
		return b, spaceError(signature(name, dim, ""), signature(m.name, m.dimension, m.hash))
	}
	if s.sidecar == nil {
		return b, nil // a store of the same product: what it refuses is reported
	}
	whole, err := s.sidecar.whole(ctx, rest)
	res.Written += whole.Written
	res.Unchanged += whole.Unchanged
	res.Rejects = append(res.Rejects, whole.Rejects...)
	return some(b, fit), err
}

// keepUnheld gives a store of the product's own a sidecar after all: it has leftovers
// whose field has been changed somewhere else since, so that they are no native value.
func (s *sink) keepUnheld(ctx context.Context, w *writer) error {
	w.total = false
	if s.sidecar != nil {
		return nil
	}
	s.sidecar = newSidecarWriter(s)
	return s.sidecar.begin(ctx)
}

// some copies some records of a batch.
func some(b *format.Batch, rows []int) *format.Batch {
	out := format.NewBatch(b.Section)
	for _, row := range rows {
		out.AppendRow(b, row)
	}
	return out
}

// countSpaces counts the spaces that the target had already as unchanged.
func (s *sink) countSpaces(b *format.Batch) (res store.Result) {
	for _, sp := range format.SpacesOf(b) {
		if slices.ContainsFunc(s.had, func(have format.Space) bool { return have.ID == sp.ID && have.Dimension == sp.Dimension }) {
			res.Unchanged++
		} else {
			res.Written++
		}
	}
	return res
}

// A fate is what becomes of the records of a batch in the target.
type fate struct {
	sink    *sink
	w       *writer
	b       *format.Batch
	rows    *store.Rows // the native rows of the batch
	res     store.Result
	taken   []int // rows of the batch that are in the target now
	refused []int // rows that go to the sidecar instead
	waiting []int // rows that refer to what may come yet
	guests  []int // rows that another product has added
}

// refuse notes that the target does not take a row.
func (f *fate) refuse(row int, err error) {
	s := f.sink
	switch {
	case (errors.Is(err, store.ErrDangling) || errors.Is(err, store.ErrNoRow)) && !s.last:
		f.waiting = append(f.waiting, row)
	case s.keepsRefused():
		f.refused = append(f.refused, row)
	case errors.Is(err, errOccupied) && s.mayVisit():
		f.guests = append(f.guests, row)
	case s.leaveOut(f.b.Section.Name, err) && s.bare:
		f.res.Skipped++
	default:
		f.res.Rejects = append(f.res.Rejects, reject(f.b, row, err))
	}
	f.taken = slices.DeleteFunc(f.taken, func(r int) bool { return r == row })
	s.unmint(f.w, f.b, row)
}

func (f *fate) refuseAll(bad map[int]error) {
	for _, row := range slices.Sorted(maps.Keys(bad)) {
		f.refuse(row, bad[row])
	}
}

// beside tells whether the sidecar may have to take something of the writer's records.
func (s *sink) beside(w *writer) bool {
	return s.sidecar != nil && !w.total && len(w.part.key) > 0
}

// write inserts, merges or updates the rows that put has made of the batch.
func (s *sink) write(ctx context.Context, w *writer, b *format.Batch) (res store.Result, err error) {
	f := &fate{sink: s, w: w, b: b, rows: w.rows}
	refuse := func(rows []int) func(int, error) {
		return func(i int, err error) {
			if rows != nil {
				i = rows[i]
			}
			f.refuse(i, err)
		}
	}
	switch {
	case w.part.updates:
		err = s.writePart(ctx, w, b, &f.res, &f.taken, refuse)
	case !w.merge:
		f.taken = all(b.Rows)
		if w.seeded { // the archive's record is worth more
			keys, _, _ := w.part.split()
			if err := s.db.Delete(ctx, w.part.table, w.part.key, pick(w.rows, keys, f.taken)); err != nil {
				return res, err
			}
		}
		if s.flies(w) {
			return s.writeBehind(ctx, f)
		}
		var bad map[int]error
		if bad, err = s.insert(ctx, w, w.part.names(), w.rows); err == nil {
			f.refuseAll(bad)
		}
	default:
		err = s.merge(ctx, w, b, &f.res, &f.taken, refuse)
	}
	if err == nil {
		err = f.settle(ctx)
	}
	return f.res, err
}

// settle sees to what the target has not taken, and to what the sidecar is to take of the
// rest.
func (f *fate) settle(ctx context.Context) error {
	s, w, b := f.sink, f.w, f.b
	if s.beside(w) && len(f.taken) > 0 {
		now, err := s.native(ctx, w, w.part.names(), f.rows, f.taken)
		if err != nil {
			return err
		}
		asides, err := s.asides(w, b, f.taken, now)
		if err != nil {
			return err
		}
		if err := s.sidecar.keep(ctx, asides); err != nil {
			return err
		}
	}
	if len(f.waiting) > 0 {
		slices.Sort(f.waiting)
		s.early = append(s.early, early{some(b, f.waiting), s.visitors, s.orphans})
	}
	if len(f.guests) > 0 {
		slices.Sort(f.guests)
		s.early = append(s.early, early{b: some(b, f.guests), visitors: true})
	}
	if len(f.refused) > 0 {
		slices.Sort(f.refused)
		rest := some(b, f.refused)
		defer rest.Release()
		whole, err := s.sidecar.whole(ctx, rest)
		if err != nil {
			return err
		}
		f.res.Unchanged += whole.Unchanged
	}
	f.res.Written = uint64(b.Rows-len(f.res.Rejects)) - f.res.Unchanged - f.res.Updated - f.res.Skipped
	return nil
}

// asides finds what the native rows of records that the target has taken do not give.
func (s *sink) asides(w *writer, b *format.Batch, taken []int, now *given) ([]aside, error) {
	out, err := s.sidecar.asides(w, b, taken, now)
	for _, other := range w.others {
		if err != nil {
			break
		}
		var more []aside
		more, err = s.sidecar.absent(w, other, now, all(len(taken)))
		out = append(out, more...)
	}
	return out, err
}

// reject describes a record that the target does not take.
func reject(b *format.Batch, row int, err error) store.Reject {
	line, jsonErr := b.AppendNDJSON(nil, row)
	if jsonErr != nil {
		line = nil
	}
	return store.Reject{Section: b.Section.Name, ID: b.ID(row), Reason: err.Error(), Record: line}
}

// pick copies rows, and of them some columns.
func pick(rows *store.Rows, columns, which []int) *store.Rows {
	out := store.NewRows(len(columns))
	for _, row := range which {
		for i, c := range columns {
			out.Columns[i].AppendRow(&rows.Columns[c], row)
		}
		out.N++
	}
	return out
}

// split returns the positions of the key columns and of the others.
func (p *part) split() (keys, others []int, names []string) {
	for _, k := range p.key {
		if i := slices.IndexFunc(p.columns, func(c bound) bool { return c.column == k }); i >= 0 {
			keys = append(keys, i)
		}
	}
	for i, c := range p.columns {
		if !slices.Contains(keys, i) {
			others = append(others, i)
			names = append(names, c.column)
		}
	}
	if p.rest != "" {
		others, names = append(others, len(p.columns)), append(names, p.rest)
	}
	return keys, others, names
}

// except returns the numbers below n that are not in an ascending list.
func except(n int, without []int) []int {
	out := make([]int, 0, n-len(without))
	for i := range n {
		if len(without) > 0 && without[0] == i {
			without = without[1:]
			continue
		}
		out = append(out, i)
	}
	return out
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// note tells of records of the same product, from another engine, with a value that
// was none of its column's: it is kept as a leftover, but the product will not see it.
func (s *sink) note(w *writer, b *format.Batch) {
	o := s.manifest.Origin
	left := b.Column(format.Leftovers)
	if left == nil || left.AllNull() || !s.foreign || o == nil || o.Layout != s.layout.Name || len(s.notes) >= maxNotes {
		return
	}
	for i := range w.part.columns {
		c := &w.part.columns[i]
		if c.field == noField {
			continue
		}
		name, field := leftoverName(o.Layout, o.Engine, c.column), &b.Columns[c.field]
		for row := range b.Rows {
			if left.Null(row) || !field.Null(row) || len(s.notes) >= maxNotes {
				continue
			}
			entries, err := format.ParseMap(left.Bytes(row))
			if err != nil {
				continue // put reports it
			}
			if slices.ContainsFunc(entries, func(e format.Entry) bool { return e.Name == name }) {
				s.notes = append(s.notes, reject(b, row, fmt.Errorf("column %q holds no %s; the value is kept as a leftover", c.column, field.Type)))
			}
		}
	}
}

// maxNotes is how many notes are kept.
const maxNotes = 1000
