package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/memarc/memarc/internal/store"
)

// DB is a database of a server: one connection with one transaction. It
// implements store.Tables and store.Schemas.
type DB struct {
	conn   *pgx.Conn
	schema string
	name   string // the location without its password
	types  *typeIndex
	tables map[string]*table
	// savepoints and cursors that there have been, for their names
	marks int
	// pending is closed once a cursor has read ahead, or work behind the caller's back is
	// done; nil if there is none. landed then takes over what that has left.
	pending chan struct{}
	landed  func()
	broken  error // why work behind the caller's back has failed
}

// client returns the connection, once nothing is read ahead or done behind on it.
func (d *DB) client() *pgx.Conn {
	d.wait()
	return d.conn
}

func (d *DB) wait() {
	if d.pending == nil {
		return
	}
	<-d.pending
	d.pending = nil
	if landed := d.landed; landed != nil {
		d.landed = nil
		landed()
	}
}

var (
	_ store.Tables  = (*DB)(nil)
	_ store.Schemas = (*DB)(nil)
)

// snapshot begins a transaction that sees one moment and cannot write.
const snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

// settings make results independent of the server's, the role's and the
// database's. A role that does not see all rows of a table fails instead.
const settings = `;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '30s';
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL synchronize_seqscans = off;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL row_security = off;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL standard_conforming_strings = on;
SET LOCAL DateStyle = 'ISO';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL TimeZone = 'UTC';
SET LOCAL extra_float_digits = 3;
SET LOCAL bytea_output = 'hex';
SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout'`

// Open opens the database at a location for reading.
func Open(ctx context.Context, l store.Location) (*DB, error) {
	d, err := connect(ctx, l)
	if err != nil {
		return nil, err
	}
	if err := d.begin(ctx, snapshot); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// connect opens a connection without a transaction.
func connect(ctx context.Context, l store.Location) (*DB, error) {
	cfg, err := config(l)
	if err != nil {
		return nil, err
	}
	name := locationName(l)
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, connectError(name, cfg, err)
	}
	return &DB{conn: conn, schema: l.Schema, name: name}, nil
}

// readBuffer is how many bytes are read from the server at once.
const readBuffer = 256 << 10

// frontend reads in greater pieces than pgx does by itself.
func frontend(r io.Reader, w io.Writer) *pgproto3.Frontend {
	return pgproto3.NewFrontend(bufio.NewReaderSize(r, readBuffer), w)
}

// begin starts the transaction with a BEGIN statement, and finds the schema.
func (d *DB) begin(ctx context.Context, statement string) error {
	if err := d.exec(ctx, statement+settings); err != nil {
		return d.failed("open", err)
	}
	if d.schema == "" {
		if err := d.client().QueryRow(ctx, "SELECT coalesce(pg_catalog.current_schema(), 'public')").Scan(&d.schema); err != nil {
			return d.failed("open", err)
		}
		return d.setPath(ctx)
	}
	return d.Use(ctx, d.schema)
}

// Use makes the methods concern the named schema.
func (d *DB) Use(ctx context.Context, schema string) error {
	var there bool
	err := d.client().QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)", schema).Scan(&there)
	if err != nil {
		return d.failed("open", err)
	}
	if !there {
		return fmt.Errorf("open %q: %w: the database has no schema %q", d.name, store.ErrNotFound, schema)
	}
	d.schema = schema
	d.forget()
	return d.setPath(ctx)
}

// setPath makes the names of types that stand in the schema, or come with pgvector,
// short ones. Whatever else could be found on a path is named in full.
func (d *DB) setPath(ctx context.Context) error {
	path := []string{"pg_catalog", store.QuoteName(d.schema)}
	rows, err := d.client().Query(ctx, `SELECT n.nspname::text FROM pg_catalog.pg_extension e
		JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'`)
	if err != nil {
		return d.failed("open", err)
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return d.failed("open", err)
	}
	for _, s := range schemas {
		path = append(path, store.QuoteName(s))
	}
	if err := d.exec(ctx, "SET LOCAL search_path = "+strings.Join(slices.Compact(path), ", ")); err != nil {
		return d.failed("open", err)
	}
	return nil
}

// Schemas lists the schemas that hold tables, the one in use first.
func (d *DB) Schemas(ctx context.Context) ([]string, error) {
	rows, err := d.client().Query(ctx, `SELECT n.nspname::text FROM pg_catalog.pg_namespace n
		WHERE pg_catalog.left(n.nspname::text, 3) <> 'pg_' AND n.nspname NOT IN ('information_schema', $1)
		AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
		AND EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
			AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
		ORDER BY n.nspname::text COLLATE "C"`, d.schema)
	if err != nil {
		return nil, d.failed("list schemas of", err)
	}
	others, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, d.failed("list schemas of", err)
	}
	return append([]string{d.schema}, others...), nil
}

// exec runs statements that return nothing of interest.
func (d *DB) exec(ctx context.Context, statements string) error {
	return d.client().PgConn().Exec(ctx, statements).Close()
}

// guarded runs f under a savepoint, so that its failure, or its end by a cancel
// request, leaves the transaction and its snapshot as they were.
func (d *DB) guarded(ctx context.Context, f func() error) (err error) {
	d.marks++
	mark := fmt.Sprintf("memarc_mark_%d", d.marks)
	if err := d.exec(ctx, "SAVEPOINT "+mark); err != nil {
		return err
	}
	defer func() { // also if f panics
		if d.client().IsClosed() {
			return
		}
		end := "RELEASE SAVEPOINT " + mark
		if d.client().PgConn().TxStatus() == 'E' {
			end = "ROLLBACK TO SAVEPOINT " + mark + "; " + end
		}
		err = errors.Join(err, d.exec(ctx, end))
	}()
	return f()
}

// qualified returns the quoted name of something in the schema.
func (d *DB) qualified(name string) string {
	return store.QuoteName(d.schema) + "." + store.QuoteName(name)
}

// Unchanged returns nil: all that is read is of one snapshot.
func (d *DB) Unchanged() error { return nil }

// Close ends the connection, and with it the transaction.
func (d *DB) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := d.client().Close(ctx); err != nil {
		return d.failed("close", err)
	}
	return nil
}
