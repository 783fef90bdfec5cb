package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

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
		if d.client().PgConn().TxStatus() == 'T' {
			if closeErr := d.exec(ctx, "CLOSE "+name); err == nil {
				err = closeErr
			}
		}
	}()
	spare := store.NewRows(len(s.columns))
	at := d.readAhead(ctx, s, name, firstFetch, store.NewRows(len(s.columns)))
	for {
		run := <-at
		if run.err != nil {
			return run.err
		}
		got := run.rows.N
		if got == run.asked {
			n := min(runRows, max(1, runBytes/(1+run.size/got)))
			at = d.readAhead(ctx, s, name, n, spare)
		}
		if got == 0 || !yield(run.rows) || got < run.asked {
			return nil
		}
		spare = run.rows
	}
}

// A fetched run is what a cursor was asked for.
type fetched struct {
	rows        *store.Rows
	asked, size int
	err         error
}

// readAhead asks a cursor for its next rows while the consumer has those before.
func (d *DB) readAhead(ctx context.Context, s *selection, cursor string, n int, rows *store.Rows) <-chan fetched {
	conn := d.client().PgConn()
	out, pending := make(chan fetched, 1), make(chan struct{})
	d.pending = pending
	rows.Reset()
	go func() {
		defer close(pending)
		size, err := collect(ctx, conn, "FETCH "+strconv.Itoa(n)+" FROM "+cursor, nil, nil, func(values [][]byte) error {
			return appendValues(rows, s.columns, values)
		})
		out <- fetched{rows, n, size, err}
	}()
	return out
}

// collect runs a query with parameters in their binary form, and calls f for
// every row, whose values are binary, too. It returns how many bytes came.
func (d *DB) collect(ctx context.Context, sql string, params [][]byte, oids []uint32, f func(values [][]byte) error) (int, error) {
	return collect(ctx, d.client().PgConn(), sql, params, oids, f)
}

func collect(ctx context.Context, conn *pgconn.PgConn, sql string, params [][]byte, oids []uint32, f func(values [][]byte) error) (int, error) {
	binary := []int16{1}
	result := conn.ExecParams(ctx, sql, params, oids, binary, binary)
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
