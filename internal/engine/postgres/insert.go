package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/memarc/memarc/internal/store"
)

// aboutRow tells whether an error concerns rows alone: data, constraints, what a
// trigger raises, the greatest size of an index entry.
func aboutRow(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 {
		return false
	}
	switch pg.Code[:2] {
	case "22", "23", "44", "P0":
		return true
	}
	return pg.Code == "54000"
}

// rowError is what a person needs to know of why the server refuses a row. The
// server's details would show the row itself.
func rowError(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return fmt.Errorf("the server refuses it: %.200q", strings.Join(strings.Fields(pg.Message), " "))
	}
	return err
}

// halve does work for rows under a savepoint. Where the server refuses a row, halves
// are tried, down to that row, which is reported.
func (t *Target) halve(ctx context.Context, which []int, reject func(int, error), work func(which []int) error) error {
	if len(which) == 0 {
		return nil
	}
	err := t.guarded(ctx, func() error { return work(which) })
	switch {
	case err == nil:
		return nil
	case !aboutRow(err) || t.conn.IsClosed():
		return err
	case len(which) == 1:
		reject(which[0], rowError(err))
		return nil
	}
	middle := len(which) / 2
	if err := t.halve(ctx, which[:middle], reject, work); err != nil {
		return err
	}
	return t.halve(ctx, which[middle:], reject, work)
}

// Insert inserts rows.
func (t *Target) Insert(ctx context.Context, name string, columns []string, rows *store.Rows, reject func(row int, err error)) error {
	if rows.N == 0 {
		return nil
	}
	tab, err := t.ready(ctx, name)
	if err != nil {
		return err
	}
	picked, err := tab.pick(columns)
	if err != nil {
		return t.failed("write", err)
	}
	which := holds(picked, rows, reject)
	if err := t.count(ctx, tab, len(which)); err != nil {
		return err
	}
	plain := true
	for _, c := range picked {
		plain = plain && c.codec != nil
	}
	insert := t.insertStaged
	if plain {
		insert = t.insertPlain
	}
	if err := insert(ctx, tab, picked, rows, which, reject); err != nil {
		return fmt.Errorf("table %q: %w", name, t.failed("write", err))
	}
	return nil
}

// insertPlain copies rows straight into the table.
func (t *Target) insertPlain(ctx context.Context, tab *table, columns []*column, rows *store.Rows, which []int, reject func(int, error)) error {
	into := t.qualified(tab.name) + " (" + writtenColumns(columns) + ")"
	return t.halve(ctx, which, reject, func(which []int) error {
		return t.copyIn(ctx, into, newCopyStream(columns, rows, which, false))
	})
}

func (t *Target) copyIn(ctx context.Context, into string, s *copyStream) error {
	_, err := t.conn.PgConn().CopyFrom(ctx, s, "COPY "+into+" FROM STDIN (FORMAT binary)")
	s.stop() // where it has failed, a goroutine may still read
	return err
}

func writtenColumns(columns []*column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return nameList(names)
}
