package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/memarc/memarc/internal/store"
)

// aboutRow tells whether an error concerns rows alone: data, constraints, what a
// trigger raises, limits of size and nesting.
func aboutRow(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 {
		return false
	}
	switch pg.Code[:2] {
	case "22", "23", "44", "P0":
		return true
	}
	return pg.Code == "54000" || pg.Code == "54001" // too large, or nested too deeply
}

// What a row is refused for, where that matters.
var (
	errReference = errors.New("the server refuses it") // it refers to a row that is not there
	errData      = errors.New("the server refuses it") // a value is none of its type
	errRow       = errors.New("the server refuses it")
)

// rowError is what a person needs to know of why the server refuses a row. The
// server's details would show the whole row; its message quotes one value at most.
func rowError(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	why := errRow
	switch {
	case pg.Code == "23503":
		why = errReference
	case strings.HasPrefix(pg.Code, "22"):
		why = errData
	}
	return fmt.Errorf("%w: %.200q", why, strings.Join(strings.Fields(pg.Message), " "))
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
	case !aboutRow(err) || t.client().IsClosed():
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

// insertAll does work for rows as halve does. A row that refers to one behind it is
// refused where the two come apart: such rows are tried again as long as that helps.
func (t *Target) insertAll(ctx context.Context, which []int, reject func(int, error), work func(which []int) error) error {
	for {
		early := map[int]error{}
		err := t.halve(ctx, which, func(row int, err error) {
			if errors.Is(err, errReference) {
				early[row] = err
			} else {
				reject(row, err)
			}
		}, work)
		if err != nil {
			return err
		}
		again := sortedRows(early)
		if len(again) == 0 || len(again) == len(which) {
			for _, row := range again {
				reject(row, early[row])
			}
			return nil
		}
		which = again
	}
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
	if err := t.watchKeys(ctx, tab, picked, rows, which); err != nil {
		return err
	}
	insert := t.insertStaged
	if isPlain(picked) {
		insert = t.insertPlain
	}
	if err := insert(ctx, tab, picked, rows, which, reject); err != nil {
		return fmt.Errorf("table %q: %w", name, t.failed("write", err))
	}
	return nil
}

func isPlain(columns []*column) bool {
	return !slices.ContainsFunc(columns, func(c *column) bool { return c.codec == nil })
}

// insertPlain copies rows straight into the table.
func (t *Target) insertPlain(ctx context.Context, tab *table, columns []*column, rows *store.Rows, which []int, reject func(int, error)) error {
	into := t.qualified(tab.name) + " (" + writtenColumns(columns) + ")"
	return t.insertAll(ctx, which, reject, func(which []int) error {
		return copyIn(ctx, t.client().PgConn(), into, newCopyStream(columns, rows, which, false))
	})
}

func copyIn(ctx context.Context, conn *pgconn.PgConn, into string, s *copyStream) error {
	_, err := conn.CopyFrom(ctx, s, "COPY "+into+" FROM STDIN (FORMAT binary)")
	s.stop() // where it has failed, a goroutine may still read
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // of which the broken connection is the consequence
	}
	return err
}

func writtenColumns(columns []*column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return nameList(names)
}
