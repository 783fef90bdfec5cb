package mapping

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// surrogates shows tables that refer to the rows of another by a number as if they
// referred by what these rows are known as: behind the column of the number stands
// COLUMN.NAME, and the number is NULL wherever that says it.
type surrogates struct {
	store.Tables
	layout *store.Layout
}

// withSurrogates returns the database as the layout's maps see it.
func withSurrogates(db store.Tables, l *store.Layout) store.Tables {
	if len(l.Surrogates) == 0 {
		return db
	}
	return &surrogates{db, l}
}

// Concurrent tells whether the engine reads several tables at once as fast.
func (t *surrogates) Concurrent() bool {
	c, ok := t.Tables.(concurrent)
	return ok && c.Concurrent()
}

// surrogateOf returns by what a table refers to another, if it does by a number.
func surrogateOf(l *store.Layout, table string) *store.Surrogate {
	for i := range l.Surrogates {
		if l.Surrogates[i].Table == table {
			return &l.Surrogates[i]
		}
	}
	return nil
}

// knownByName tells whether the table's primary key is only a number of its rows.
func knownByName(l *store.Layout, table string) bool {
	return slices.ContainsFunc(l.Surrogates, func(s store.Surrogate) bool { return s.Table == table || s.Owner == table })
}

// named is the column that says what the row referred to is known as.
func named(s *store.Surrogate) string { return s.Column + "." + s.Name }

// Catalog lists what the database holds, and behind each number what it stands for.
func (t *surrogates) Catalog(ctx context.Context) (*store.Catalog, error) {
	inner, err := t.Tables.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	c := *inner
	c.Tables = slices.Clone(inner.Tables)
	for i := range t.layout.Surrogates {
		s := &t.layout.Surrogates[i]
		table := c.Table(s.Table)
		if table == nil || table.Kind != store.Ordinary || !table.HasColumn(s.Column) || !c.Has(s.Owner, s.Key, s.Name) {
			continue
		}
		table.Columns = append(slices.Clone(table.Columns), format.TableColumn{Name: named(s), Type: "TEXT"})
		table.Classes = append(slices.Clone(table.Classes), store.Text)
	}
	return &c, nil
}

// asDeclared is a table without the columns that stand for numbers.
func asDeclared(l *store.Layout, t format.Table) format.Table {
	if s := surrogateOf(l, t.Name); s != nil {
		t.Columns = slices.DeleteFunc(slices.Clone(t.Columns), func(c format.TableColumn) bool { return c.Name == named(s) })
	}
	return t
}

// concerns tells whether the columns have to do with the number.
func concerns(s *store.Surrogate, columns []string) bool {
	return s != nil && (slices.Contains(columns, s.Column) || slices.Contains(columns, named(s)))
}

// native returns the columns to ask the engine for: the number first.
func native(s *store.Surrogate, columns []string) []string {
	out := []string{s.Column}
	for _, name := range columns {
		if name != s.Column && name != named(s) {
			out = append(out, name)
		}
	}
	return out
}

// expand makes rows of the native ones.
func (t *surrogates) expand(ctx context.Context, s *store.Surrogate, columns []string, rows *store.Rows) (*store.Rows, error) {
	number := &rows.Columns[0]
	names, found, err := t.Tables.Lookup(ctx, s.Owner, []string{s.Key}, []string{s.Name}, &store.Rows{N: rows.N, Columns: rows.Columns[:1]})
	if err != nil {
		return nil, err
	}
	out := &store.Rows{N: rows.N}
	next := 1
	for _, name := range columns {
		var cells store.Cells
		cells.Reset()
		switch name {
		case s.Column, named(s):
			for row := range rows.N {
				switch known := found[row] >= 0 && names.Columns[0].Kinds[found[row]] != store.Null; {
				case known && name != s.Column:
					cells.AppendRow(&names.Columns[0], found[row])
				case !known && name == s.Column:
					cells.AppendRow(number, row)
				default:
					cells.AppendNull()
				}
			}
		default:
			cells, next = rows.Columns[next], next+1
		}
		out.Columns = append(out.Columns, cells)
	}
	return out, nil
}

// giveBack leaves what the consumer has put in the place of the engine's columns.
func giveBack(s *store.Surrogate, columns []string, rows, out *store.Rows) {
	next := 1
	for i, name := range columns {
		if name != s.Column && name != named(s) {
			rows.Columns[next], next = out.Columns[i], next+1
		}
	}
}

// Scan yields the rows in runs.
func (t *surrogates) Scan(ctx context.Context, q store.Query) iter.Seq2[*store.Rows, error] {
	s := surrogateOf(t.layout, q.Table)
	if !concerns(s, q.Columns) {
		return t.Tables.Scan(ctx, q)
	}
	return func(yield func(*store.Rows, error) bool) {
		inner := q
		inner.Columns, inner.Shared = native(s, q.Columns), true
		for rows, err := range t.Tables.Scan(ctx, inner) {
			var out *store.Rows
			if err == nil {
				out, err = t.expand(ctx, s, q.Columns, rows)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			more := yield(out, nil)
			giveBack(s, q.Columns, rows, out)
			if !more {
				return
			}
		}
	}
}

// Lookup returns, for each row of keys, the row of the table with that key.
func (t *surrogates) Lookup(ctx context.Context, table string, keys, columns []string, rows *store.Rows) (*store.Rows, []int, error) {
	s := surrogateOf(t.layout, table)
	if !concerns(s, keys) && !concerns(s, columns) {
		return t.Tables.Lookup(ctx, table, keys, columns, rows)
	}
	names, inner := keys, rows
	if concerns(s, keys) {
		var err error
		if names, inner, err = t.fold(ctx, s, keys, rows); err != nil {
			return nil, nil, err
		}
	}
	got, found, err := t.Tables.Lookup(ctx, table, names, native(s, columns), inner)
	if err != nil {
		return nil, nil, err
	}
	out, err := t.expand(ctx, s, columns, got)
	return out, found, err
}

// fold puts the number in the place of what stands for it, as the first column; NULL
// where there is no such row.
func (t *surrogates) fold(ctx context.Context, s *store.Surrogate, columns []string, rows *store.Rows) ([]string, *store.Rows, error) {
	var number store.Cells
	number.Reset()
	out := &store.Rows{N: rows.N, Columns: []store.Cells{number}}
	var found []int
	var numbers *store.Rows
	name, direct := slices.Index(columns, named(s)), slices.Index(columns, s.Column)
	if name >= 0 {
		var err error
		if numbers, found, err = t.Tables.Lookup(ctx, s.Owner, []string{s.Name}, []string{s.Key}, &store.Rows{N: rows.N, Columns: rows.Columns[name : name+1]}); err != nil {
			return nil, nil, err
		}
	}
	for row := range rows.N {
		switch {
		case name >= 0 && rows.Columns[name].Kinds[row] != store.Null:
			if found[row] < 0 {
				out.Columns[0].AppendNull()
			} else {
				out.Columns[0].AppendRow(&numbers.Columns[0], found[row])
			}
		case direct >= 0:
			out.Columns[0].AppendRow(&rows.Columns[direct], row)
		default:
			out.Columns[0].AppendNull()
		}
	}
	for i := range columns {
		if i != name && i != direct {
			out.Columns = append(out.Columns, rows.Columns[i])
		}
	}
	return native(s, columns), out, nil
}

var errNoOwner = errors.New("there is no row to which it belongs")

// numbered is fold, for rows that must have a number.
func (t *surrogates) numbered(ctx context.Context, s *store.Surrogate, columns []string, rows *store.Rows) (names []string, out *store.Rows, bad map[int]error, err error) {
	if names, out, err = t.fold(ctx, s, columns, rows); err != nil {
		return nil, nil, nil, err
	}
	for row := range out.N {
		if out.Columns[0].Kinds[row] == store.Null {
			if bad == nil {
				bad = map[int]error{}
			}
			bad[row] = fmt.Errorf("table %q: %w in table %q", s.Table, errNoOwner, s.Owner)
		}
	}
	return names, out, bad, nil
}

// surrogateTarget is surrogates of a target.
type surrogateTarget struct {
	store.Target
	read *surrogates
}

// surrogatesIn returns the target as the layout's maps see it.
func surrogatesIn(db store.Target, l *store.Layout) store.Target {
	if len(l.Surrogates) == 0 {
		return db
	}
	return &surrogateTarget{db, &surrogates{db, l}}
}

// Concurrent tells whether the engine reads several tables at once as fast.
func (t *surrogateTarget) Concurrent() bool { return t.read.Concurrent() }

// Catalog lists what the database holds.
func (t *surrogateTarget) Catalog(ctx context.Context) (*store.Catalog, error) {
	return t.read.Catalog(ctx)
}

// Scan yields the rows in runs.
func (t *surrogateTarget) Scan(ctx context.Context, q store.Query) iter.Seq2[*store.Rows, error] {
	return t.read.Scan(ctx, q)
}

// Lookup returns, for each row of keys, the row of the table with that key.
func (t *surrogateTarget) Lookup(ctx context.Context, table string, keys, columns []string, rows *store.Rows) (*store.Rows, []int, error) {
	return t.read.Lookup(ctx, table, keys, columns, rows)
}

// Stored leaves it to the database what stands in tables that refer by a number.
func (t *surrogateTarget) Stored(ctx context.Context, table string, columns []string, rows *store.Rows, want []string) (*store.Rows, error) {
	if surrogateOf(t.read.layout, table) != nil {
		return nil, nil
	}
	return t.Target.Stored(ctx, table, columns, rows, want)
}

// Insert inserts rows.
func (t *surrogateTarget) Insert(ctx context.Context, table string, columns []string, rows *store.Rows, reject func(int, error)) error {
	s := surrogateOf(t.read.layout, table)
	if !concerns(s, columns) {
		return t.Target.Insert(ctx, table, columns, rows, reject)
	}
	names, out, bad, err := t.read.numbered(ctx, s, columns, rows)
	if err != nil {
		return err
	}
	out, reject = without(out, bad, reject)
	return t.Target.Insert(ctx, table, names, out, reject)
}

// Update sets columns of the rows with the given keys, of which the number stays.
func (t *surrogateTarget) Update(ctx context.Context, table string, keys, columns []string, rows *store.Rows, reject func(int, error)) error {
	s := surrogateOf(t.read.layout, table)
	if !concerns(s, slices.Concat(keys, columns)) {
		return t.Target.Update(ctx, table, keys, columns, rows, reject)
	}
	given := slices.Concat(keys, columns)
	names, out, bad, err := t.read.numbered(ctx, s, given, rows)
	if err != nil {
		return err
	}
	count := 1
	for _, k := range keys {
		if k != s.Column && k != named(s) {
			count++
		}
	}
	out, reject = without(out, bad, reject)
	return t.Target.Update(ctx, table, names[:count], names[count:], out, reject)
}

// Delete deletes the rows with the given keys.
func (t *surrogateTarget) Delete(ctx context.Context, table string, keys []string, rows *store.Rows) error {
	s := surrogateOf(t.read.layout, table)
	if !concerns(s, keys) {
		return t.Target.Delete(ctx, table, keys, rows)
	}
	names, out, bad, err := t.read.numbered(ctx, s, keys, rows)
	if err != nil {
		return err
	}
	out, _ = without(out, bad, func(int, error) {})
	return t.Target.Delete(ctx, table, names, out)
}
