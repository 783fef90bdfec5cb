package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/memarc/memarc/internal/store"
)

// A run of rows ends at so many rows or bytes, whichever comes first.
const (
	runRows  = 4096
	runBytes = 4 << 20
)

// Scan yields the rows of a table in the order in which they are stored.
func (d *DB) Scan(ctx context.Context, q store.Query) iter.Seq2[*store.Rows, error] {
	return func(yield func(*store.Rows, error) bool) {
		s, err := d.selection(ctx, q)
		if err != nil {
			yield(nil, err)
			return
		}
		read := d.copyOut
		if q.Shared {
			read = d.fetch
		}
		stopped := false
		err = read(ctx, s, func(rows *store.Rows) bool {
			stopped = !yield(rows, nil)
			return !stopped
		})
		if err != nil && !stopped { // a consumer that has gone meets it at the next call
			yield(nil, d.scanError(q, err))
		}
	}
}

// scanError says what of a query has failed.
func (d *DB) scanError(q store.Query, err error) error {
	err = fmt.Errorf("table %q: %w", q.Table, d.failed("read", err))
	var pg *pgconn.PgError
	if q.Where != "" && errors.As(err, &pg) {
		switch pg.Code[:2] {
		case "0A", "21", "22", "25", "42": // features, cardinality, data, writing, syntax and names
			return fmt.Errorf("%w: condition %q: %w", store.ErrUsage, q.Where, err)
		}
	}
	return err
}

// A selection is what a query asks for, as SQL.
type selection struct {
	columns []*column
	sql     string // SELECT
	copy    string // COPY
}

func (d *DB) selection(ctx context.Context, q store.Query) (*selection, error) {
	t, err := d.table(ctx, q.Table)
	if err != nil {
		return nil, err
	}
	s := new(selection)
	if s.columns, err = t.pick(q.Columns); err != nil {
		return nil, d.failed("read", err)
	}
	// COPY of a table names it alone: columns that are stored, in all its rows.
	plain := q.Where == "" && len(q.Filters) == 0 && t.kind == "r" && len(s.columns) > 0
	var names []string
	for _, c := range s.columns {
		plain = plain && c.codec != nil && !c.generated
		names = append(names, c.expression())
	}
	list := strings.Join(names, ", ")
	s.sql = "SELECT " + list + " FROM " + d.from(t)
	if q.Where != "" {
		if err := confined(q.Where); err != nil {
			return nil, err
		}
	}
	if where := q.Condition(); where != "" {
		s.sql += " WHERE " + where
	}
	what := "(" + s.sql + ")"
	if plain {
		what = d.qualified(t.name) + " (" + list + ")"
	}
	s.copy = "COPY " + what + " TO STDOUT (FORMAT binary)"
	return s, nil
}

// from names a table in a query. Tables that inherit from it are tables of their
// own; the parts of a partitioned one are not.
func (d *DB) from(t *table) string {
	if t.kind == "p" {
		return d.qualified(t.name)
	}
	return "ONLY " + d.qualified(t.name)
}

// buffers is how many runs of rows are in use at once: one is filled, one waits,
// and one is the consumer's.
const buffers = 3

// copyOut reads the rows of a selection in one go, ahead of the consumer.
func (d *DB) copyOut(ctx context.Context, s *selection, yield func(*store.Rows) bool) error {
	return d.guarded(ctx, func() error {
		r := newCopyReader(s.columns)
		done := make(chan error, 1)
		go func() {
			_, err := d.client().PgConn().CopyTo(ctx, r, s.copy)
			done <- errors.Join(err, r.end(err == nil))
		}()
		finished := false
		defer func() {
			if !finished { // the consumer panics
				d.abandon(r, done)
			}
		}()
		for rows := range r.full {
			if !yield(rows) {
				finished = true
				d.abandon(r, done)
				return nil
			}
			rows.Reset()
			r.free <- rows
		}
		finished = true
		return <-done
	})
}

// abandon ends a COPY and takes what has come of it, so that the connection can
// be used again. The transaction has failed then, up to its savepoint.
func (d *DB) abandon(r *copyReader, done <-chan error) {
	close(r.stop)
	select {
	case <-done: // it had come to its end
		return
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// Should the request not get through, the rest of the rows is read, and dropped.
	_ = d.client().PgConn().CancelRequest(ctx)
	<-done
}
