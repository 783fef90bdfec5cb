package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/memarc/memarc/internal/store"
)

// firstFetch is how many rows a cursor is asked for before their size is known.
const firstFetch = 128

// fetch reads the rows of a selection through a cursor, so that the connection
// is free while the consumer has a run.
func (d *DB) fetch(ctx context.Context, s *selection, yield func(*store.Rows) bool) (err error) {
	var name string
	err = d.guarded(ctx, func() error {
		d.marks++
		name = fmt.Sprintf("memarc_cursor_%d", d.marks)
		return d.exec(ctx, "DECLARE "+name+" BINARY NO SCROLL CURSOR FOR "+s.sql)
	})
	if err != nil {
		return err
	}
	defer func() {
		if d.conn.PgConn().TxStatus() == 'T' {
			if closeErr := d.exec(ctx, "CLOSE "+name); err == nil {
				err = closeErr
			}
		}
	}()
	rows := store.NewRows(len(s.columns))
	for n := firstFetch; ; {
		rows.Reset()
		size, err := d.collect(ctx, "FETCH "+strconv.Itoa(n)+" FROM "+name, nil, nil, func(values [][]byte) error {
			return appendValues(rows, s.columns, values)
		})
		if err != nil {
			return err
		}
		if got := rows.N; got == 0 || !yield(rows) || got < n {
			return nil
		}
		n = min(runRows, max(1, runBytes/(1+size/n)))
	}
}

// collect runs a query with parameters in their binary form, and calls f for
// every row, whose values are binary, too. It returns how many bytes came.
func (d *DB) collect(ctx context.Context, sql string, params [][]byte, oids []uint32, f func(values [][]byte) error) (int, error) {
	binary := []int16{1}
	result := d.conn.PgConn().ExecParams(ctx, sql, params, oids, binary, binary)
	size := 0
	var err error
	for result.NextRow() {
		values := result.Values()
		for _, v := range values {
			size += len(v) + 16
		}
		if err == nil { // Close takes the rest
			err = f(values)
		}
	}
	if _, closeErr := result.Close(); closeErr != nil {
		return size, closeErr
	}
	return size, err
}

// appendValues appends a row of binary values.
func appendValues(rows *store.Rows, columns []*column, values [][]byte) error {
	if len(values) != len(columns) {
		return fmt.Errorf("a row has %d values instead of %d", len(values), len(columns))
	}
	for i, c := range columns {
		if values[i] == nil {
			rows.Columns[i].AppendNull()
		} else if err := c.decode(values[i], &rows.Columns[i]); err != nil {
			return err
		}
	}
	rows.N++
	return nil
}
