package textfile

import (
	"context"

	"github.com/memarc/memarc/internal/store"
)

// A Load fills a table run by run.
type Load struct {
	// Rows takes the cells of the row at hand, one for each column.
	Rows *store.Rows
	// Refused, if set, makes a sentence of why the table does not take a row.
	Refused func(rows *store.Rows, row int, err error) error
	into    store.Target
	table   string
	columns []string
}

// NewLoad returns a load of a table's columns.
func NewLoad(into store.Target, table string, columns []string) *Load {
	return &Load{Rows: store.NewRows(len(columns)), into: into, table: table, columns: columns}
}

// A run of rows that are inserted at once.
const (
	runRows  = 256
	runBytes = 1 << 20
)

// Next ends a row.
func (l *Load) Next(ctx context.Context) error {
	l.Rows.N++
	if l.Rows.N < runRows && (l.Rows.N&15 != 0 || l.Rows.Size() < runBytes) {
		return nil
	}
	return l.Flush(ctx)
}

// Flush inserts what has come so far. A row that is refused ends it.
func (l *Load) Flush(ctx context.Context) error {
	var refused error
	err := l.into.Insert(ctx, l.table, l.columns, l.Rows, func(row int, err error) {
		if refused == nil {
			if refused = err; l.Refused != nil {
				refused = l.Refused(l.Rows, row, err)
			}
		}
	})
	l.Rows.Reset()
	if err == nil {
		err = refused
	}
	return err
}
