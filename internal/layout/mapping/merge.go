package mapping

import (
	"context"
	"fmt"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// merge decides row by row between the target's record and the archive's.
func (s *sink) merge(ctx context.Context, w *writer, b *format.Batch, res *store.Result, taken *[]int, refuse func([]int) func(int, error)) error {
	p := w.part
	keys, others, names := p.split()
	have, found, at, err := s.lookUp(ctx, w, keys)
	if err != nil {
		return err
	}
	// Rows without a key are found only if they hold their records whole.
	partial := s.sidecar != nil && !w.total && !s.opts.NoSidecar && len(p.key) > 0
	if partial {
		// What counts is what the row and the sidecar make together.
		shown, err := s.sidecar.shows(ctx, w, pick(w.rows, keys, all(b.Rows)))
		if err != nil {
			return err
		}
		places := map[[16]byte]bool{}
		for _, place := range shown {
			places[place] = true
		}
		for row, leaf := range b.AppendLeaves(nil) {
			if _, ok := shown[leaf.Sum]; ok {
				at[row] = same
			} else if at[row] == same {
				at[row] = found[row]
			}
			// Only the product takes the two for the same.
			if at[row] >= 0 && !s.exact && !places[leaf.Place] && s.keepsRefused() {
				at[row] = occupied
				refuse(nil)(row, errOccupied)
			}
		}
		if s.exact {
			if err := s.refuseOccupied(ctx, w, b, pick(w.rows, keys, all(b.Rows)), at, refuse(nil)); err != nil {
				return err
			}
		}
	}
	var insert, update []int
	for row := range b.Rows {
		switch {
		case at[row] == occupied:
		case at[row] == same && s.exact && !partial && anyNull(w.rows, keys, row):
			insert = append(insert, row) // one more of those that no key tells apart
		case at[row] == same:
			res.Unchanged++
			if !partial {
				*taken = append(*taken, row)
			}
		case w.fixed:
			res.Skipped++
		case at[row] == none:
			insert = append(insert, row)
		default:
			take, err := s.resolve(w, b, row, have, at[row])
			if err != nil {
				return err
			}
			if take {
				update = append(update, row)
			} else {
				res.Skipped++
			}
		}
	}
	before := len(*taken) // updates go first: what they give up, other records may take
	*taken = append(*taken, update...)
	if s.exact {
		err = s.updateChanged(ctx, w, update, have, at, refuse)
	} else {
		err = s.db.Update(ctx, p.table, p.key, names, pick(w.rows, append(slices.Clone(keys), others...), update), refuse(update))
	}
	if err != nil {
		return err
	}
	for _, row := range (*taken)[min(before, len(*taken)):] {
		w.taken[b.Place(row)] = true
		res.Updated++
	}
	*taken = append(*taken, insert...)
	if err := s.db.Insert(ctx, p.table, p.names(), pick(w.rows, all(p.width()), insert), refuse(insert)); err != nil {
		return err
	}
	for _, row := range insert {
		w.fresh[b.Place(row)] = true
	}
	return nil
}

// What lookUp finds of a row, if not the position of the row with its key.
const (
	none     = -1 // nothing
	same     = -2 // the row itself
	occupied = -3 // another record's row, which keeps it; see remove.go
)

// lookUp looks the rows up in the table: at holds for each same, none, or what found
// holds, the position in have of the row with the same key. Where all of a row is
// its key, rows may be alike, and a bag counts them.
func (s *sink) lookUp(ctx context.Context, w *writer, keys []int) (have *store.Rows, found, at []int, err error) {
	p := w.part
	if len(keys) == 0 || len(keys) != len(p.key) || s.layout.Own != nil && (len(keys) > indexed || len(keys) >= len(p.columns)-1) {
		at, err = s.inBag(ctx, w)
		return nil, at, at, err
	}
	have, found, err = s.db.Lookup(ctx, p.table, p.key, p.names(), pick(w.rows, keys, all(w.rows.N)))
	if err != nil {
		return nil, nil, nil, err
	}
	s.keepSecrets(w, have, found)
	told, err := s.db.Stored(ctx, p.table, p.names(), w.rows, p.names())
	if err != nil {
		return nil, nil, nil, err
	}
	if told == nil {
		told = w.rows
	}
	at = slices.Clone(found)
	var unsure []int // of those whose key may stand in several rows
	for row := range at {
		switch {
		case found[row] >= 0 && (equalRows(told, row, have, found[row]) || equalRows(w.rows, row, have, found[row])):
			at[row] = same
		case anyNull(w.rows, keys, row):
			at[row] = none
			unsure = append(unsure, row)
		case found[row] >= 0 && !w.unique:
			unsure = append(unsure, row)
		}
	}
	if len(unsure) == 0 {
		return have, found, at, nil
	}
	subset := pick(w.rows, all(p.width()), unsure)
	exact, in, err := s.db.Lookup(ctx, p.table, p.names(), p.names(), subset)
	if err != nil {
		return nil, nil, nil, err
	}
	for i, row := range unsure {
		if in[i] >= 0 && equalRows(subset, i, exact, in[i]) { // 1 and 1.0 are equal to the engine
			at[row] = same
		}
	}
	return have, found, at, nil
}

// inBag finds rows of a table without a key among all that it held before.
func (s *sink) inBag(ctx context.Context, w *writer) ([]int, error) {
	p := w.part
	if w.bag == nil {
		w.bag = map[[16]byte]int{}
		for rows, err := range s.db.Scan(ctx, store.Query{Table: p.table, Columns: p.names()}) {
			if err != nil {
				return nil, err
			}
			for row := range rows.N {
				w.bag[rowHash(rows, row)]++
			}
		}
	}
	at := make([]int, w.rows.N)
	for row := range at {
		at[row] = none
		if h := rowHash(w.rows, row); w.bag[h] > 0 {
			w.bag[h]--
			at[row] = same
		}
	}
	return at, nil
}

// rowHash is a short name for a row's values and their storage classes.
func rowHash(rows *store.Rows, row int) [16]byte {
	var buf []byte
	for i := range rows.Columns {
		buf = rows.Columns[i].Value(row).Append(buf)
	}
	return format.Place(buf)
}

func anyNull(rows *store.Rows, columns []int, row int) bool {
	return slices.ContainsFunc(columns, func(c int) bool { return rows.Columns[c].Kinds[row] == store.Null })
}

// resolve applies the conflict policy to a record that the target holds with
// another content.
func (s *sink) resolve(w *writer, b *format.Batch, row int, have *store.Rows, at int) (take bool, err error) {
	switch s.opts.Policy {
	case store.Skip:
		return false, nil
	case store.Overwrite:
		return true, nil
	case store.Newer:
		if main := s.mainWriter(w.part); w.part.updates && main != nil {
			return main.taken[w.part.rowPlace(b, row)], nil // the row's record has decided
		}
		if w.part.updated < 0 {
			return false, nil
		}
		c := &w.part.columns[w.part.updated]
		field := &b.Columns[c.field]
		var theirs format.Column
		theirs.Reset(field.Type)
		one := store.NewRows(1)
		one.Columns[0].AppendRow(&have.Columns[w.part.updated], at)
		c.lens.Get(&one.Columns[0], &theirs, func(int) {})
		return !field.Null(row) && (theirs.Null(0) || field.Int(row) > theirs.Int(0)), nil
	}
	return false, fmt.Errorf("section %q, record %q: %w; choose --on-conflict skip, overwrite or newer", b.Section.Name, b.ID(row), store.ErrConflict)
}

// writePart fills columns of rows that another part has created.
func (s *sink) writePart(ctx context.Context, w *writer, b *format.Batch, res *store.Result, taken *[]int, refuse func([]int) func(int, error)) error {
	p := w.part
	keys, others, names := p.split()
	which := all(b.Rows)
	updated := map[int]bool{}
	var err error
	if main := s.mainWriter(p); main != nil && main.merge {
		have, found, err := s.db.Lookup(ctx, p.table, p.key, p.names(), pick(w.rows, keys, which))
		if err != nil {
			return err
		}
		var shown map[format.Hash][16]byte
		absent := map[[16]byte]bool{}
		if s.sidecar != nil && !s.opts.NoSidecar {
			if shown, err = s.sidecar.shows(ctx, w, pick(w.rows, keys, which)); err != nil {
				return err
			}
			for _, leaf := range b.AppendLeaves(nil) {
				absent[leaf.Place] = true
			}
			for _, place := range shown {
				delete(absent, place)
			}
		}
		leaves := b.AppendLeaves(nil)
		full, err := s.foundFull(ctx, w, keys, func(row int) bool {
			return !s.exact && found[row] >= 0 && absent[leaves[row].Place] && !main.fresh[p.rowPlace(b, row)]
		})
		if err != nil {
			return err
		}
		which = which[:0]
		for row := range b.Rows {
			_, unchanged := shown[leaves[row].Sum]
			switch {
			case s.exact && shown != nil && found[row] >= 0 && !main.fresh[p.rowPlace(b, row)] && !absent[leaves[row].Place] && !s.succeeds(b, row):
				refuse(nil)(row, store.ErrConflict)
			case full[row] && s.keepsRefused():
				refuse(nil)(row, errOccupied)
			case !full[row] && (found[row] < 0 || main.fresh[p.rowPlace(b, row)] || absent[leaves[row].Place]):
				which = append(which, row)
			case unchanged:
				res.Unchanged++
			case shown == nil && equalRows(w.rows, row, have, found[row]):
				res.Unchanged++
				*taken = append(*taken, row)
			default:
				take, err := s.resolve(w, b, row, have, found[row])
				if err != nil {
					return err
				}
				if take {
					which = append(which, row)
					updated[row] = true
					res.Updated++
				} else {
					res.Skipped++
				}
			}
		}
	}
	if !s.exact && w.several(b) {
		var full map[int]bool
		if full, err = s.occupied(ctx, w, keys, slices.DeleteFunc(slices.Clone(which), func(row int) bool { return updated[row] })); err != nil {
			return err
		}
		for row := range full {
			refuse(nil)(row, errOccupied)
		}
		which = slices.DeleteFunc(which, func(row int) bool { return full[row] })
	}
	*taken = append(*taken, which...)
	return s.db.Update(ctx, p.table, p.key, names, pick(w.rows, append(slices.Clone(keys), others...), which), func(i int, err error) {
		if row := which[i]; updated[row] {
			res.Updated--
		}
		refuse(which)(i, err)
	})
}

// mainWriter returns the writer that creates the rows of the part's table.
func (s *sink) mainWriter(p *part) *writer {
	for _, w := range s.writers {
		if w.part.table == p.table && !w.part.updates {
			return w
		}
	}
	return nil
}

func equalRows(a *store.Rows, row int, b *store.Rows, at int) bool {
	for i := range a.Columns {
		if !a.Columns[i].Equal(row, &b.Columns[i], at) {
			return false
		}
	}
	return true
}

// rowPlace is the place of the record that made the row of a part's record: by the
// key of the row alone, which may be less than the record's.
func (p *part) rowPlace(b *format.Batch, row int) [16]byte {
	section := &format.Section{Name: b.Section.Name, Fields: b.Section.Fields}
	for _, k := range p.key {
		if i := slices.IndexFunc(p.columns, func(c bound) bool { return c.column == k }); i >= 0 {
			section.Key = append(section.Key, section.Fields[p.columns[i].field].Name)
		}
	}
	of := *b
	of.Section = section
	return of.Place(row)
}
