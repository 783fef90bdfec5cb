package mapping

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// documents shows an engine's tables with the members of their JSON columns as columns.
// Which tables have one, Catalog finds out.
type documents struct {
	store.Tables
	layout *store.Layout
	of     map[string]*document
}

// withDocuments returns the database as the layout's maps see it.
func withDocuments(db store.Tables, l *store.Layout) store.Tables {
	db = withBlanks(db, l)
	if len(l.Documents) == 0 {
		return db
	}
	return &documents{Tables: db, layout: l}
}

// Concurrent tells whether the engine reads several tables at once as fast.
func (t *documents) Concurrent() bool {
	c, ok := t.Tables.(concurrent)
	return ok && c.Concurrent()
}

// Catalog lists what the database holds, and behind each JSON column its members.
func (t *documents) Catalog(ctx context.Context) (*store.Catalog, error) {
	inner, err := t.Tables.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	c := *inner
	c.Tables = slices.Clone(inner.Tables)
	of := map[string]*document{}
	for i := range t.layout.Documents {
		def := &t.layout.Documents[i]
		table := c.Table(def.Table)
		if table == nil || table.Kind != store.Ordinary {
			continue
		}
		d, ok := newDocument(def, table)
		if !ok {
			continue
		}
		of[def.Table] = d
		columns, classes := d.virtual()
		table.Columns = slices.Concat(table.Columns, columns)
		table.Classes = slices.Concat(table.Classes, classes)
	}
	t.of = of
	return &c, nil
}

// bare is a table without the columns that stand for members.
func bare(l *store.Layout, t format.Table) format.Table {
	for i := range l.Documents {
		if d := &l.Documents[i]; d.Table == t.Name {
			t.Columns = slices.DeleteFunc(slices.Clone(t.Columns), func(c format.TableColumn) bool {
				return c.Name == d.Column+order || slices.ContainsFunc(d.Members, func(m store.Member) bool { return c.Name == d.Column+"."+m.Name || c.Name == d.Column+"."+m.Name+stale })
			})
		}
	}
	return t
}

// concerns tells whether any of the columns is made from the JSON column.
func (d *document) concerns(columns []string) bool {
	return d != nil && slices.ContainsFunc(columns, d.makes)
}

func (d *document) makes(column string) bool {
	return column == d.column || slices.Contains(d.columns, column)
}

// A view makes the rows that are asked for from those of the engine.
type view struct {
	codec   *codec
	native  []string // columns to ask the engine for
	from    []int    // for each column asked for: the native one, or -1
	member  []int    // or the member
	text    int      // native column
	copies  []int    // native columns
	members []store.Cells
	rest    store.Cells // texts that members do not give
	out     store.Rows
}

func (d *document) view(columns []string) *view {
	v := &view{codec: newCodec(d), members: make([]store.Cells, len(d.columns)), out: store.Rows{Columns: make([]store.Cells, len(columns))}}
	need := func(name string) int {
		at := slices.Index(v.native, name)
		if at < 0 {
			at = len(v.native)
			v.native = append(v.native, name)
		}
		return at
	}
	for _, name := range columns {
		from, member := -1, slices.Index(d.columns, name)
		if member < 0 && name != d.column {
			from = need(name)
		}
		v.from, v.member = append(v.from, from), append(v.member, member)
	}
	v.text = need(d.column)
	for _, name := range d.copies {
		v.copies = append(v.copies, need(name))
	}
	return v
}

// expand turns native rows into those asked for, until giveBack.
func (v *view) expand(rows *store.Rows) *store.Rows {
	for i := range v.members {
		v.members[i].Reset()
	}
	v.rest.Reset()
	copies := make([]*store.Cells, len(v.copies))
	for i, at := range v.copies {
		copies[i] = &rows.Columns[at]
	}
	text := &rows.Columns[v.text]
	for row := range rows.N {
		switch text.Kinds[row] {
		case store.Text:
			if v.codec.expand(text.Bytes(row), v.members, copies, row) {
				v.rest.AppendNull()
				continue
			}
		default:
			for i := range v.members {
				v.members[i].AppendNull()
			}
		}
		v.rest.AppendRow(text, row)
	}
	v.out.N = rows.N
	v.each(rows, func(out, in *store.Cells) { *out = *in })
	return &v.out
}

// giveBack returns to the engine's rows and to the view what the consumer has left in
// their place.
func (v *view) giveBack(rows *store.Rows) {
	v.each(rows, func(out, in *store.Cells) { *in = *out })
}

func (v *view) each(rows *store.Rows, f func(out, in *store.Cells)) {
	for i := range v.out.Columns {
		switch {
		case v.from[i] >= 0:
			f(&v.out.Columns[i], &rows.Columns[v.from[i]])
		case v.member[i] >= 0:
			f(&v.out.Columns[i], &v.members[v.member[i]])
		default:
			f(&v.out.Columns[i], &v.rest)
		}
	}
}

// Scan yields the rows in runs. A condition is the user's, over the engine's columns.
func (t *documents) Scan(ctx context.Context, q store.Query) iter.Seq2[*store.Rows, error] {
	d := t.of[q.Table]
	if !d.concerns(q.Columns) {
		return t.Tables.Scan(ctx, q)
	}
	return func(yield func(*store.Rows, error) bool) {
		v := d.view(q.Columns)
		inner := q
		inner.Columns = v.native
		for rows, err := range t.Tables.Scan(ctx, inner) {
			if err != nil {
				yield(nil, err)
				return
			}
			more := yield(v.expand(rows), nil)
			v.giveBack(rows)
			if !more {
				return
			}
		}
	}
}

// Distinct returns the distinct combinations of columns of a table, ordered.
func (t *documents) Distinct(ctx context.Context, table string, columns []string, limit int) (*store.Rows, error) {
	if !t.of[table].concerns(columns) {
		return t.Tables.Distinct(ctx, table, columns, limit)
	}
	found := store.NewRows(len(columns))
	seen := map[string]bool{}
	var buf []byte
	for rows, err := range t.Scan(ctx, store.Query{Table: table, Columns: columns}) {
		if err != nil {
			return nil, err
		}
		for row := range rows.N {
			buf = buf[:0]
			for i := range rows.Columns {
				buf = rows.Columns[i].Value(row).Append(buf)
			}
			if seen[string(buf)] {
				continue
			}
			if found.N == limit {
				return nil, fmt.Errorf("table %q has more than %d combinations of %q", table, limit, columns)
			}
			seen[string(buf)] = true
			found.AppendRow(rows, row)
		}
	}
	order := all(found.N)
	slices.SortFunc(order, func(a, b int) int {
		for i := range found.Columns {
			if n := compareCells(&found.Columns[i], a, b); n != 0 {
				return n
			}
		}
		return 0
	})
	return pick(found, all(len(columns)), order), nil
}

// compareCells orders cells as SQLite does: by class, then by value.
func compareCells(c *store.Cells, a, b int) int {
	rank := func(row int) store.Kind {
		if k := c.Kinds[row]; k != store.Integer {
			return k
		}
		return store.Real
	}
	number := func(row int) float64 {
		if c.Kinds[row] == store.Integer {
			return float64(c.Int(row))
		}
		return c.Float(row)
	}
	if n := cmp.Compare(rank(a), rank(b)); n != 0 {
		return n
	}
	switch {
	case rank(a) == store.Real && c.Kinds[a] == c.Kinds[b] && c.Kinds[a] == store.Integer:
		return cmp.Compare(c.Int(a), c.Int(b))
	case rank(a) == store.Real:
		return cmp.Compare(number(a), number(b))
	case rank(a) == store.Null:
		return 0
	}
	return bytes.Compare(c.Bytes(a), c.Bytes(b))
}

var errMemberKey = errors.New("a member of a document is no key")

// Lookup returns, for each row of keys, the row of the table with that key. If all of a
// document is key, it is looked up as its text; if only a part is, that part is compared
// with the row that the others find.
func (t *documents) Lookup(ctx context.Context, table string, keys, columns []string, rows *store.Rows) (*store.Rows, []int, error) {
	d := t.of[table]
	if !d.concerns(columns) && !d.concerns(keys) {
		return t.Tables.Lookup(ctx, table, keys, columns, rows)
	}
	asked := slices.Clone(columns)
	var compare []int // keys that are compared
	inner, names := rows, keys
	var bad map[int]error
	switch {
	case !d.concerns(keys):
	case d.whole(keys):
		inner, names, bad = d.fold(keys, rows)
	default:
		var plain []int
		names = nil
		for i, k := range keys {
			if d.makes(k) {
				compare, asked = append(compare, i), append(asked, k)
			} else {
				plain, names = append(plain, i), append(names, k)
			}
		}
		if len(names) == 0 {
			return nil, nil, errMemberKey
		}
		inner = pick(rows, plain, all(rows.N))
	}
	v := d.view(asked)
	native, found, err := t.Tables.Lookup(ctx, table, names, v.native, inner)
	if err != nil {
		return nil, nil, err
	}
	out := v.expand(native)
	for row := range found {
		if bad[row] != nil {
			found[row] = -1
		}
		for n, i := range compare {
			if found[row] >= 0 && !rows.Columns[i].Equal(row, &out.Columns[len(columns)+n], found[row]) {
				found[row] = -1
			}
		}
	}
	out.Columns = out.Columns[:len(columns)]
	return out, found, nil
}

// whole tells whether the columns give the JSON column, whatever it holds.
func (d *document) whole(columns []string) bool {
	given := func(name string) bool { return slices.Contains(columns, name) }
	return given(d.column) && !slices.ContainsFunc(d.columns, func(name string) bool { return !given(name) })
}

// text renders the JSON column from rows with the named columns; bad are the rows
// whose values JSON cannot hold.
func (d *document) text(columns []string, rows *store.Rows) (cells store.Cells, bad map[int]error) {
	c := newCodec(d)
	cells.Reset()
	at := func(name string) *store.Cells {
		if i := slices.Index(columns, name); i >= 0 {
			return &rows.Columns[i]
		}
		return nil
	}
	r := &documentRow{raw: at(d.column)}
	for _, name := range d.columns {
		r.members = append(r.members, at(name))
	}
	for _, name := range d.copies {
		r.copies = append(r.copies, at(name))
	}
	for r.row = range rows.N {
		if err := c.render(&cells, r); err != nil {
			if bad == nil {
				bad = map[int]error{}
			}
			bad[r.row] = fmt.Errorf("column %q: %w", d.column, err)
			cells.AppendNull()
		}
	}
	return cells, bad
}

// fold puts the JSON column in the place of what stands for it.
func (d *document) fold(columns []string, rows *store.Rows) (out *store.Rows, names []string, bad map[int]error) {
	out = &store.Rows{N: rows.N}
	for i, name := range columns {
		if !d.makes(name) {
			out.Columns, names = append(out.Columns, rows.Columns[i]), append(names, name)
		}
	}
	cells, bad := d.text(columns, rows)
	out.Columns, names = append(out.Columns, cells), append(names, d.column)
	return out, names, bad
}

// documentTarget is documents of a target.
type documentTarget struct {
	store.Target
	read *documents
}

// documentsIn returns the target as the layout's maps see it.
func documentsIn(db store.Target, l *store.Layout) store.Target {
	db = blanksIn(db, l)
	if len(l.Documents) == 0 {
		return db
	}
	return &documentTarget{db, &documents{Tables: db, layout: l}}
}

// Concurrent tells whether the engine reads several tables at once as fast.
func (t *documentTarget) Concurrent() bool { return t.read.Concurrent() }

// CountsInserted tells whether generated keys follow those that were inserted.
func (t *documentTarget) CountsInserted() bool {
	c, ok := t.Target.(counting)
	return ok && c.CountsInserted()
}

// Catalog lists what the database holds, and behind each JSON column its members.
func (t *documentTarget) Catalog(ctx context.Context) (*store.Catalog, error) {
	return t.read.Catalog(ctx)
}

// Distinct returns the distinct combinations of columns of a table, ordered.
func (t *documentTarget) Distinct(ctx context.Context, table string, columns []string, limit int) (*store.Rows, error) {
	return t.read.Distinct(ctx, table, columns, limit)
}

// Scan yields the rows in runs.
func (t *documentTarget) Scan(ctx context.Context, q store.Query) iter.Seq2[*store.Rows, error] {
	return t.read.Scan(ctx, q)
}

// Lookup returns, for each row of keys, the row of the table with that key.
func (t *documentTarget) Lookup(ctx context.Context, table string, keys, columns []string, rows *store.Rows) (*store.Rows, []int, error) {
	return t.read.Lookup(ctx, table, keys, columns, rows)
}

// Stored returns what a Lookup would give of rows that Insert takes.
func (t *documentTarget) Stored(ctx context.Context, table string, columns []string, rows *store.Rows, want []string) (*store.Rows, error) {
	d := t.read.of[table]
	if !d.concerns(columns) && !d.concerns(want) {
		return t.Target.Stored(ctx, table, columns, rows, want)
	}
	in, names := rows, columns
	if d.concerns(columns) {
		var bad map[int]error
		if in, names, bad = d.fold(columns, rows); len(bad) > 0 {
			return nil, nil
		}
	}
	v := d.view(want)
	out, err := t.Target.Stored(ctx, table, names, in, v.native)
	if err != nil || out == nil {
		return nil, err
	}
	return v.expand(out), nil
}

// Insert inserts rows.
func (t *documentTarget) Insert(ctx context.Context, table string, columns []string, rows *store.Rows, reject func(int, error)) error {
	d := t.read.of[table]
	if !d.concerns(columns) {
		return t.Target.Insert(ctx, table, columns, rows, reject)
	}
	out, names, bad := d.fold(columns, rows)
	out, reject = without(out, bad, reject)
	return t.Target.Insert(ctx, table, names, out, reject)
}

// without leaves out the rows that are rejected beforehand.
func without(rows *store.Rows, bad map[int]error, reject func(int, error)) (*store.Rows, func(int, error)) {
	if len(bad) == 0 {
		return rows, reject
	}
	var good []int
	for row := range rows.N {
		if err := bad[row]; err != nil {
			reject(row, err)
		} else {
			good = append(good, row)
		}
	}
	return pick(rows, all(len(rows.Columns)), good), func(i int, err error) { reject(good[i], err) }
}

// Update sets columns of the rows with the given keys. Members that are not given stay
// what they are.
func (t *documentTarget) Update(ctx context.Context, table string, keys, columns []string, rows *store.Rows, reject func(int, error)) error {
	d := t.read.of[table]
	if d.concerns(keys) {
		return errMemberKey
	}
	given := slices.Concat(keys, columns)
	// A new value of a column that a member copies changes the document too.
	if !d.concerns(columns) && (d == nil || !slices.ContainsFunc(columns, func(name string) bool { return slices.Contains(d.copies, name) })) {
		return t.Target.Update(ctx, table, keys, columns, rows, reject)
	}
	names, full := given, rows
	var missing []string
	for _, name := range slices.Concat([]string{d.column}, d.columns, d.copies) {
		if !slices.Contains(given, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		have, found, err := t.Lookup(ctx, table, keys, missing, pick(rows, all(len(keys)), all(rows.N)))
		if err != nil {
			return err
		}
		names = slices.Concat(given, missing)
		full = &store.Rows{N: rows.N, Columns: slices.Clone(rows.Columns)}
		for i := range missing {
			var cells store.Cells
			cells.Reset()
			for row := range rows.N {
				if found[row] < 0 {
					cells.AppendNull()
				} else {
					cells.AppendRow(&have.Columns[i], found[row])
				}
			}
			full.Columns = append(full.Columns, cells)
		}
	}
	text, bad := d.text(names, full)
	out := &store.Rows{N: rows.N}
	var set []string
	for i, name := range given {
		if i < len(keys) || !d.makes(name) {
			out.Columns = append(out.Columns, rows.Columns[i])
			if i >= len(keys) {
				set = append(set, name)
			}
		}
	}
	out.Columns, set = append(out.Columns, text), append(set, d.column)
	out, reject = without(out, bad, reject)
	return t.Target.Update(ctx, table, keys, set, out, reject)
}

// Delete deletes the rows with the given keys.
func (t *documentTarget) Delete(ctx context.Context, table string, keys []string, rows *store.Rows) error {
	if t.read.of[table].concerns(keys) {
		return errMemberKey
	}
	return t.Target.Delete(ctx, table, keys, rows)
}
