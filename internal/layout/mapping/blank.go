package mapping

import (
	"context"
	"iter"
	"slices"

	"github.com/memarc/memarc/internal/store"
)

// blanks shows an engine's tables with NULL where a column that must not be NULL holds an
// empty BLOB: store.ColumnMap.Blank. The engine itself never gives NULL there.
type blanks struct {
	store.Tables
	of map[string]string // columns, by table
}

// blanksOf returns the columns of a layout in which an empty BLOB stands for no value.
func blanksOf(l *store.Layout) map[string]string {
	of := map[string]string{}
	for _, m := range l.Maps {
		for _, c := range m.Columns {
			if c.Blank {
				of[m.Table] = c.Column
			}
		}
	}
	return of
}

// withBlanks returns the database as the layout's maps see it.
func withBlanks(db store.Tables, l *store.Layout) store.Tables {
	if of := blanksOf(l); len(of) > 0 {
		return &blanks{db, of}
	}
	return db
}

// Concurrent tells whether the engine reads several tables at once as fast.
func (t *blanks) Concurrent() bool {
	c, ok := t.Tables.(concurrent)
	return ok && c.Concurrent()
}

// show makes NULL of empty BLOBs.
func (t *blanks) show(table string, columns []string, rows *store.Rows) *store.Rows {
	at := t.at(table, columns)
	if at < 0 || rows == nil {
		return rows
	}
	c := &rows.Columns[at]
	for row, kind := range c.Kinds {
		if kind == store.Blob && len(c.Bytes(row)) == 0 {
			c.Kinds[row] = store.Null
		}
	}
	return rows
}

// at returns the position of a table's column among others, or -1.
func (t *blanks) at(table string, columns []string) int {
	column, ok := t.of[table]
	if !ok {
		return -1
	}
	return slices.Index(columns, column)
}

// fill makes empty BLOBs of NULL, in a copy.
func (t *blanks) fill(table string, columns []string, rows *store.Rows) *store.Rows {
	at := t.at(table, columns)
	if at < 0 || !slices.Contains(rows.Columns[at].Kinds, store.Null) {
		return rows
	}
	out := &store.Rows{N: rows.N, Columns: slices.Clone(rows.Columns)}
	var cells store.Cells
	cells.Reset()
	for row := range rows.N {
		if rows.Columns[at].Kinds[row] == store.Null {
			cells.AppendBlob(nil)
		} else {
			cells.AppendRow(&rows.Columns[at], row)
		}
	}
	out.Columns[at] = cells
	return out
}

// Scan yields the rows in runs.
func (t *blanks) Scan(ctx context.Context, q store.Query) iter.Seq2[*store.Rows, error] {
	if t.at(q.Table, q.Columns) < 0 {
		return t.Tables.Scan(ctx, q)
	}
	return func(yield func(*store.Rows, error) bool) {
		for rows, err := range t.Tables.Scan(ctx, q) {
			if !yield(t.show(q.Table, q.Columns, rows), err) {
				return
			}
		}
	}
}

// Distinct returns the distinct combinations of columns of a table, ordered.
func (t *blanks) Distinct(ctx context.Context, table string, columns []string, limit int) (*store.Rows, error) {
	rows, err := t.Tables.Distinct(ctx, table, columns, limit)
	return t.show(table, columns, rows), err
}

// Lookup returns, for each row of keys, the row of the table with that key.
func (t *blanks) Lookup(ctx context.Context, table string, keys, columns []string, rows *store.Rows) (*store.Rows, []int, error) {
	result, found, err := t.Tables.Lookup(ctx, table, keys, columns, t.fill(table, keys, rows))
	return t.show(table, columns, result), found, err
}

// blanksTarget is blanks of a target.
type blanksTarget struct {
	store.Target
	read *blanks
}

// blanksIn returns the target as the layout's maps see it.
func blanksIn(db store.Target, l *store.Layout) store.Target {
	if of := blanksOf(l); len(of) > 0 {
		return &blanksTarget{db, &blanks{db, of}}
	}
	return db
}

// Concurrent tells whether the engine reads several tables at once as fast.
func (t *blanksTarget) Concurrent() bool { return t.read.Concurrent() }

// Scan yields the rows in runs.
func (t *blanksTarget) Scan(ctx context.Context, q store.Query) iter.Seq2[*store.Rows, error] {
	return t.read.Scan(ctx, q)
}

// Distinct returns the distinct combinations of columns of a table, ordered.
func (t *blanksTarget) Distinct(ctx context.Context, table string, columns []string, limit int) (*store.Rows, error) {
	return t.read.Distinct(ctx, table, columns, limit)
}

// Lookup returns, for each row of keys, the row of the table with that key.
func (t *blanksTarget) Lookup(ctx context.Context, table string, keys, columns []string, rows *store.Rows) (*store.Rows, []int, error) {
	return t.read.Lookup(ctx, table, keys, columns, rows)
}

// complete adds to rows of a table the column that nobody gives a value.
func (t *blanksTarget) complete(table string, columns []string, rows *store.Rows) ([]string, *store.Rows) {
	column, ok := t.read.of[table]
	if !ok || slices.Contains(columns, column) {
		return columns, t.read.fill(table, columns, rows)
	}
	var cells store.Cells
	cells.Reset()
	for range rows.N {
		cells.AppendBlob(nil)
	}
	return append(slices.Clone(columns), column), &store.Rows{N: rows.N, Columns: append(slices.Clone(rows.Columns), cells)}
}

// Stored returns what a Lookup would give of rows that Insert takes.
func (t *blanksTarget) Stored(ctx context.Context, table string, columns []string, rows *store.Rows, want []string) (*store.Rows, error) {
	columns, rows = t.complete(table, columns, rows)
	out, err := t.Target.Stored(ctx, table, columns, rows, want)
	return t.read.show(table, want, out), err
}

// Insert inserts rows.
func (t *blanksTarget) Insert(ctx context.Context, table string, columns []string, rows *store.Rows, reject func(int, error)) error {
	columns, rows = t.complete(table, columns, rows)
	return t.Target.Insert(ctx, table, columns, rows, reject)
}

// Update sets columns of the rows with the given keys.
func (t *blanksTarget) Update(ctx context.Context, table string, keys, columns []string, rows *store.Rows, reject func(int, error)) error {
	return t.Target.Update(ctx, table, keys, columns, t.read.fill(table, slices.Concat(keys, columns), rows), reject)
}
