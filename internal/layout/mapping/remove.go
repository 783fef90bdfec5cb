package mapping

import (
	"context"
	"fmt"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

var _ store.Remover = (*sink)(nil)

// Remove finds the records by what the target shows: a tombstone's leaf says which
// record is meant wherever it stands, in a row of its own, in columns of another one's
// row, or in the sidecar, also where the native key is not the record's.
func (s *sink) Remove(ctx context.Context, gone *store.Removal) error {
	if s.opts.CommitEvery > 0 {
		return fmt.Errorf("%w: an incremental archive is imported in one transaction; leave --commit-every out", store.ErrUsage)
	}
	first := !s.exact
	s.exact, s.opts.Policy, s.replaced = true, store.Overwrite, format.NewLeafSet()
	src, err := newSource(ctx, s.db, s.layout, s.version)
	if err != nil {
		return err
	}
	r := &remover{Removal: gone, sink: s, src: src, clear: store.NewRows(2)}
	if first { // later they are settled
		if err := r.takeSpaces(ctx); err != nil {
			return err
		}
	}
	if err := r.findRows(ctx); err != nil {
		return err
	}
	if err := r.removeWhole(ctx); err != nil {
		return err
	}
	for _, t := range slices.Backward(r.tables) { // what refers goes before what is referred to
		if err := r.remove(ctx, t); err != nil {
			return err
		}
	}
	for _, set := range []*format.LeafSet{gone.Deleted, gone.Replaced} {
		for name, n := range set.Left() {
			return fmt.Errorf("section %q: %d records that are to be removed are not in the target as the archive means them", name, n)
		}
	}
	return r.prepareWriters(ctx)
}

// A remover takes records out of one target.
type remover struct {
	*store.Removal
	sink   *sink
	src    *source
	tables []*doomed
	clear  *store.Rows // section and place of entries of the sidecar
}

// doomed is what is to become of one table's rows.
type doomed struct {
	tableShape
	main    *part
	first   bool              // rows are removed also when a next version comes
	alone   bool              // those are that hold no record which stays
	byKey   *store.Rows       // keys of rows to remove
	byRow   *store.Rows       // rows to remove that no key tells apart
	copies  map[[16]byte]bool // rows of byRow, in short
	again   *store.Rows       // rows that are equal to removed ones, and stay
	emptied map[*part]*store.Rows
	hidden  *store.Rows              // entries of the sidecar: rows that are no records
	orphans map[string]*format.Batch // records whose rows are removed, and who stay
}

// A destiny is what becomes of a record.
type destiny uint8

const (
	absent destiny = iota // there is none
	stays
	deleted
	replaced
)

// wants tells whether any part of the table has records that go.
func (r *remover) wants(t tableShape) bool {
	return slices.ContainsFunc(t.parts, func(p *part) bool { return r.Deleted.Has(p.section.Name) || r.Replaced.Has(p.section.Name) })
}

// findRows looks at all rows of the tables that have records that go.
func (r *remover) findRows(ctx context.Context) error {
	if r.src.sidecar != nil {
		r.src.sidecar.start(func(string) bool { return true })
		defer r.src.sidecar.end()
	}
	for _, t := range r.src.shape.tables {
		if !r.wants(t) {
			continue
		}
		d := r.doom(t)
		r.tables = append(r.tables, d)
		for rows, err := range r.sink.db.Scan(ctx, store.Query{Table: t.table.Name, Columns: t.columns, Shared: true}) {
			if err == nil {
				err = r.judge(ctx, d, rows)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *remover) doom(t tableShape) *doomed {
	d := &doomed{tableShape: t, main: mainPart(t.parts), copies: map[[16]byte]bool{}, emptied: map[*part]*store.Rows{},
		again: store.NewRows(len(t.columns)), hidden: store.NewRows(len(sidecarColumns)), orphans: map[string]*format.Batch{}}
	d.first = removedFirst(t.table, d.main)
	d.alone = contested(r.sink.catalog, t.table, d.main.key)
	d.byKey = store.NewRows(len(d.main.key))
	d.byRow = store.NewRows(len(t.columns))
	return d
}

func mainPart(parts []*part) *part {
	for _, p := range parts {
		if !p.updates {
			return p
		}
	}
	return parts[0]
}

// removedFirst tells whether the next version of a row cannot take its place: where
// rows are not told apart by a key, or by one that the next version may not have.
func removedFirst(t *store.CatalogTable, p *part) bool {
	if !told(t, p.key) {
		return true
	}
	for _, k := range p.key {
		i := slices.IndexFunc(p.columns, func(c bound) bool { return c.column == k })
		if i < 0 || !slices.Contains(p.section.Key, p.section.Fields[p.columns[i].field].Name) {
			return true
		}
	}
	return false
}

// contested tells whether the next version of a row may have, besides its key, what
// another row must give up first, and nothing hangs on the row in the meantime.
func contested(c *store.Catalog, t *store.CatalogTable, key []string) bool {
	other := func(columns []string) bool { return !slices.Equal(columns, key) }
	if !slices.ContainsFunc(t.Unique, other) && !slices.ContainsFunc(t.Indexes, func(ix format.Index) bool { return ix.Unique && other(ix.Columns) }) {
		return false
	}
	return !c.Bound || !slices.ContainsFunc(c.Tables, func(from store.CatalogTable) bool {
		return slices.ContainsFunc(from.Foreign, func(f format.ForeignKey) bool { return f.Table == t.Name })
	})
}

// told tells whether no two rows of the table can have the same key, unless a part of
// it is NULL.
func told(t *store.CatalogTable, key []string) bool {
	return len(key) > 0 && (slices.Equal(t.Primary, key) || slices.ContainsFunc(t.Unique, func(u []string) bool { return slices.Equal(u, key) }))
}

// A reading of a part's records: what each of the rows gives, natively and restored.
type shown struct {
	part    *part
	native  []format.Leaf // of the record of each row
	fate    []destiny     // of each row
	at      []int         // the restored record of each row, or -1
	records *format.Batch
}

// show restores the records of a run of rows and says what becomes of them.
func (r *remover) show(ctx context.Context, p *part, rows *store.Rows) (*shown, error) {
	which := p.present(rows)
	if which == nil {
		which = all(rows.N)
	}
	b := p.get(rows, func(int) bool { return true })
	x := &shown{part: p, native: make([]format.Leaf, rows.N), fate: make([]destiny, rows.N), at: slices.Repeat([]int{-1}, rows.N)}
	for i, leaf := range b.AppendLeaves(nil) {
		x.native[which[i]] = leaf
	}
	var err error
	if b.Rows > 0 && p.rest != "" {
		if b, err = p.putRest(b, &rows.Columns[p.restAt]); err != nil {
			return nil, err
		}
	}
	if r.src.sidecar != nil {
		f, err := r.src.sidecar.prepare(ctx, p, b)
		if err != nil {
			return nil, err
		}
		which = f.given(which)
		if b, _, err = f.finish(); err != nil {
			return nil, err
		}
	}
	x.records = b
	for i, leaf := range b.AppendLeaves(nil) {
		row := which[i]
		x.at[row], x.fate[row] = i, stays
		switch {
		case r.Replaced.Take(p.section.Name, leaf.Sum[:]):
			x.fate[row] = replaced
			r.sink.replaced.Add(p.section.Name, format.Leaf{Sum: format.Hash(append(leaf.Place[:], make([]byte, 16)...))})
		case r.Deleted.Take(p.section.Name, leaf.Sum[:]):
			x.fate[row] = deleted
		}
	}
	return x, nil
}

// given returns those of the rows that finish makes records of.
func (f *restoration) given(rows []int) []int {
	if f.rows == nil {
		return rows
	}
	var out []int
	for i, row := range rows {
		at := f.found[i]
		if at >= 0 && f.rows.Columns[1].Kinds[at] != store.Null && f.rows.Columns[2].Kinds[at] == store.Null &&
			format.Hash(f.rows.Columns[1].Bytes(at)) == f.leaves[i].Sum {
			continue // the row stands for no record
		}
		out = append(out, row)
	}
	return out
}

// judge decides on a run of rows.
func (r *remover) judge(ctx context.Context, d *doomed, rows *store.Rows) error {
	var main *shown
	var others []*shown
	for _, p := range d.parts {
		x, err := r.show(ctx, p, rows)
		if err != nil {
			return err
		}
		defer x.records.Release()
		if p == d.main {
			main = x
		} else {
			others = append(others, x)
		}
	}
	keys := positions(d.columns, d.main.key)
	for row := range rows.N {
		nameless := len(keys) == 0 || anyNull(rows, keys, row)
		fate := main.fate[row]
		first := d.first || nameless || d.alone && !slices.ContainsFunc(others, func(x *shown) bool { return x.fate[row] == stays })
		if fate != deleted && !(fate == replaced && first) {
			if len(d.copies) > 0 && d.copies[rowHash(rows, row)] {
				d.again.AppendRow(rows, row)
			}
			for _, x := range others {
				if x.fate[row] == deleted {
					r.empty(d, x, rows, row)
				}
			}
			continue
		}
		if nameless || !told(d.table, d.main.key) {
			d.copies[rowHash(rows, row)] = true
			d.byRow.AppendRow(rows, row)
		} else {
			appendCells(d.byKey, rows, keys, row)
		}
		for _, x := range append(others, main) {
			r.forget(x, row)
			if x.fate[row] == stays && x != main {
				d.orphan(x, row)
			}
		}
	}
	return nil
}

func positions(columns, names []string) (out []int) {
	for _, name := range names {
		if at := slices.Index(columns, name); at >= 0 {
			out = append(out, at)
		}
	}
	return out
}

func appendCells(to, rows *store.Rows, columns []int, row int) {
	for i, at := range columns {
		to.Columns[i].AppendRow(&rows.Columns[at], row)
	}
	to.N++
}

// forget clears what the sidecar holds of a row's record, and that it is none.
func (r *remover) forget(x *shown, row int) {
	if x.native[row] == (format.Leaf{}) {
		return
	}
	place := x.native[row].Place
	r.clear.Columns[0].AppendString(x.part.section.Name)
	r.clear.Columns[1].AppendBlob(place[:])
	r.clear.N++
}

func (d *doomed) orphan(x *shown, row int) {
	b := d.orphans[x.part.section.Name]
	if b == nil {
		b = format.NewBatch(x.records.Section)
		d.orphans[x.part.section.Name] = b
	}
	b.AppendRow(x.records, x.at[row])
}

// empty takes a record out of columns of a row that stays. If the row shows one even
// then, the sidecar says that it is none.
func (r *remover) empty(d *doomed, x *shown, rows *store.Rows, row int) {
	r.forget(x, row)
	p := x.part
	mine := d.emptiable(p)
	left := store.NewRows(len(rows.Columns))
	for i := range rows.Columns {
		if slices.Contains(mine, d.columns[i]) {
			left.Columns[i].AppendNull()
		} else {
			left.Columns[i].AppendRow(&rows.Columns[i], row)
		}
	}
	left.N = 1
	if len(mine) > 0 {
		if d.emptied[p] == nil {
			d.emptied[p] = store.NewRows(len(d.main.key) + len(mine))
		}
		e := d.emptied[p]
		for i, at := range positions(d.columns, d.main.key) {
			e.Columns[i].AppendRow(&rows.Columns[at], row)
		}
		for i := range mine {
			e.Columns[len(d.main.key)+i].AppendNull()
		}
		e.N++
	}
	gives := p.get(left, func(int) bool { return true })
	defer gives.Release()
	for _, leaf := range gives.AppendLeaves(nil) {
		(&sidecarWriter{}).add(d.hidden, p.section.Name, leaf.Place, &leaf.Sum, nil, nil)
	}
}

// emptiable returns the columns of an optional part that may be NULL and that no other
// part has.
func (d *doomed) emptiable(p *part) (out []string) {
	if !p.optional || len(d.main.key) == 0 {
		return nil
	}
	for i := range p.columns {
		name := p.columns[i].column
		others := slices.ContainsFunc(d.parts, func(o *part) bool {
			return o != p && slices.ContainsFunc(o.columns, func(c bound) bool { return c.column == name })
		})
		at := slices.IndexFunc(d.table.Columns, func(c format.TableColumn) bool { return c.Name == name })
		if !others && !slices.Contains(p.key, name) && !(at >= 0 && d.table.Columns[at].NotNull) {
			out = append(out, name)
		}
	}
	return out
}
