package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A Target is a database opened for writing: one transaction, and a lock that keeps
// other imports into the schema out.
type Target struct {
	DB
	fresh  bool
	before map[string]bool // tables that were there before
	locked map[string]bool // of these, those that nobody else can write until the end
	loads  map[string]*tableLoad
	order  []string          // of loads
	staged map[string]string // staging tables of this transaction by their columns
	stages int
	steps  bool // the import commits in steps
	// What Stored has found out of the defaults of tables.
	constants map[string]map[string]*store.Cells
	triggered map[string]bool // tables with triggers that may change rows
}

var _ store.Target = (*Target)(nil)

// OpenTarget opens the database at a location for writing.
func OpenTarget(ctx context.Context, l store.Location) (*Target, error) {
	d, err := connect(ctx, l)
	if err != nil {
		return nil, err
	}
	t := &Target{DB: *d, loads: map[string]*tableLoad{}, before: map[string]bool{}, staged: map[string]string{}}
	t.schema = "" // it need not be there yet
	if err := t.open(ctx, l.Schema); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

const write = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

func (t *Target) open(ctx context.Context, schema string) error {
	if err := t.begin(ctx, write); err != nil {
		return err
	}
	if schema == "" {
		schema = t.schema
	}
	if err := checkName(schema); err != nil {
		return fmt.Errorf("%w: open %q: %w", store.ErrUsage, t.name, err)
	}
	if err := t.lockOut(ctx, schema); err != nil {
		return err
	}
	var there bool
	if err := t.client().QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)", schema).Scan(&there); err != nil {
		return t.failed("open", err)
	}
	if !there {
		if err := t.exec(ctx, "CREATE SCHEMA "+store.QuoteName(schema)); err != nil {
			return t.failed("write", err)
		}
	}
	if err := t.Use(ctx, schema); err != nil {
		return err
	}
	rows, err := t.client().Query(ctx, `SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
			WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`, t.schema)
	if err != nil {
		return t.failed("open", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return t.failed("open", err)
	}
	for _, name := range names {
		t.before[name] = true
	}
	t.fresh = len(names) == 0
	if t.before[indexTable] {
		if err := t.loadIndexes(ctx); err != nil {
			return err
		}
	}
	return t.writePath(ctx)
}

// lockPatience is how long an import waits for the end of another one: a server may
// notice only after a while that a program is gone.
const lockPatience = 5 * time.Second

// lockOut keeps other imports into the schema out.
func (t *Target) lockOut(ctx context.Context, schema string) error {
	for deadline := time.Now().Add(lockPatience); ; {
		var alone bool
		err := t.client().QueryRow(ctx, "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('memarc ' || pg_catalog.current_database() || ' ' || $1, 0))", schema).Scan(&alone)
		switch {
		case err != nil:
			return t.failed("lock", err)
		case alone:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%w: another import into schema %q of %q is running; wait for its end", store.ErrUsage, schema, t.name)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("open %q: %w", t.name, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// writeSettings make the load fast. Long values are compressed by lz4, which takes a
// fraction of the time, unless somebody has chosen for the server.
const writeSettings = `SET LOCAL maintenance_work_mem = '256MB';
SET LOCAL max_parallel_maintenance_workers = 2;
SELECT pg_catalog.set_config(name, 'lz4', true) FROM pg_catalog.pg_settings
	WHERE name = 'default_toast_compression' AND source = 'default' AND 'lz4' = ANY (enumvals)`

// writePath makes the schema the one in which names without one are created and
// found.
func (t *Target) writePath(ctx context.Context) error {
	rows, err := t.client().Query(ctx, `SELECT n.nspname::text FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
		WHERE n.nspname <> 'pg_catalog' ORDER BY e.extname <> 'vector', n.nspname::text COLLATE "C"`)
	if err != nil {
		return t.failed("open", err)
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return t.failed("open", err)
	}
	path := []string{store.QuoteName(t.schema)}
	for _, s := range schemas {
		if name := store.QuoteName(s); !slices.Contains(path, name) {
			path = append(path, name)
		}
	}
	// What is not on the path, pg_catalog, is searched first.
	if err := t.exec(ctx, writeSettings+"; SET LOCAL search_path = "+strings.Join(path, ", ")); err != nil {
		return t.failed("open", err)
	}
	t.locked = map[string]bool{}
	return nil
}

// Fresh tells that the schema held no table before.
func (t *Target) Fresh() bool { return t.fresh }

// Behind does work while the caller goes on. The work has a target of its own, whose state
// becomes this one's at its end.
func (t *Target) Behind(work func(store.Target) error) (end func() error) {
	t.wait()
	inner, done := new(Target), make(chan struct{})
	*inner = *t
	t.pending, t.landed = done, func() { *t = *inner }
	var failed error
	go func() {
		defer close(done)
		if failed = work(inner); failed != nil && inner.broken == nil {
			inner.broken = failed
		}
		inner.wait()
	}()
	return func() error {
		<-done
		return failed
	}
}

// Exec runs a statement of a layout's own schema.
func (t *Target) Exec(ctx context.Context, statement string) error {
	if err := t.restoreKeys(ctx); err != nil {
		return err
	}
	t.forget()
	t.constants, t.triggered = nil, nil
	if err := t.exec(ctx, statement); err != nil {
		return fmt.Errorf("run %.60q: %w", statement, t.failed("write", err))
	}
	if strings.Contains(statement, "EXTENSION") {
		locked := t.locked
		err := t.writePath(ctx)
		t.locked = locked
		return err
	}
	return nil
}

// Drop removes a table.
func (t *Target) Drop(ctx context.Context, table string) error {
	return t.Exec(ctx, "DROP TABLE "+t.qualified(table))
}

// ready prepares a table for being written: one that was there before is locked
// against others, so that what is read back is what was written.
func (t *Target) ready(ctx context.Context, name string) (*table, error) {
	t.wait()
	tab, err := t.table(ctx, name)
	if err != nil {
		return nil, err
	}
	if (t.before[name] || t.steps) && !t.locked[name] {
		if err := t.exec(ctx, "LOCK TABLE "+t.qualified(name)+" IN SHARE ROW EXCLUSIVE MODE"); err != nil {
			return nil, fmt.Errorf("table %q: %w", name, t.failed("lock", err))
		}
		t.locked[name] = true
	}
	return tab, nil
}

// sequenceSQL finds the sequence that a column owns, or else names in its default.
const sequenceSQL = `SELECT n.nspname::text, c.relname::text, s.seqmin FROM pg_catalog.pg_attribute a
	LEFT JOIN pg_catalog.pg_attrdef x ON x.adrelid = a.attrelid AND x.adnum = a.attnum
	JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_class'::regclass AND p.refclassid = 'pg_catalog.pg_class'::regclass
			AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum AND p.deptype IN ('a', 'i')
		OR p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.objid = x.oid AND p.refclassid = 'pg_catalog.pg_class'::regclass AND p.deptype = 'n'
	JOIN pg_catalog.pg_sequence s ON s.seqrelid = CASE p.deptype WHEN 'n' THEN p.refobjid ELSE p.objid END
	JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE a.attrelid = $1 AND a.attname = $2 ORDER BY p.deptype = 'n' LIMIT 1`

// SetSequence sets the number after which a table's generated keys go on.
func (t *Target) SetSequence(ctx context.Context, name string, last *int64) error {
	tab, err := t.ready(ctx, name)
	if err != nil {
		return err
	}
	for i := range tab.columns {
		c := &tab.columns[i]
		if !c.counts() {
			continue
		}
		var schema, sequence string
		var least int64
		if err := t.client().QueryRow(ctx, sequenceSQL, tab.oid, c.name).Scan(&schema, &sequence, &least); err != nil {
			return fmt.Errorf("table %q: %w", name, t.failed("find the sequence of", err))
		}
		full := store.QuoteName(schema) + "." + store.QuoteName(sequence)
		// setval alone would outlast the end of the transaction; RESTART makes the
		// sequence anew within it.
		err := t.exec(ctx, "ALTER SEQUENCE "+full+" RESTART")
		if err == nil && last != nil && *last >= least {
			_, err = t.client().Exec(ctx, "SELECT pg_catalog.setval($1::text::regclass, $2)", full, *last)
		}
		if err != nil {
			return fmt.Errorf("table %q: %w", name, t.failed("set the sequence of", err))
		}
		return nil
	}
	return nil
}

// SetSetting fails: a database has no settings that stores keep.
func (t *Target) SetSetting(_ context.Context, name string, _ int64) error {
	return fmt.Errorf("setting %q is unknown", name)
}

// Dangling returns the keys of rows whose reference has nothing to refer to.
func (t *Target) Dangling(ctx context.Context, name string, key []string, f *format.ForeignKey) (*store.Rows, error) {
	if err := t.restoreKeys(ctx, name, f.Table); err != nil {
		return nil, err
	}
	tab, err := t.table(ctx, name)
	if err != nil {
		return nil, err
	}
	columns, err := tab.pick(key)
	if err != nil {
		return nil, t.failed("read", err)
	}
	to, err := t.target(ctx, tab, f)
	if err != nil {
		return nil, err
	}
	var list, known, match []string
	for _, c := range columns {
		list = append(list, "t."+c.expression())
	}
	for i := range to {
		known = append(known, "t."+store.QuoteName(f.Columns[i])+" IS NOT NULL")
		match = append(match, "p."+store.QuoteName(to[i])+" = t."+store.QuoteName(f.Columns[i]))
	}
	query := "SELECT " + strings.Join(list, ", ") + " FROM " + t.qualified(name) + " t WHERE " + strings.Join(known, " AND ") +
		" AND NOT EXISTS (SELECT FROM " + t.qualified(f.Table) + " p WHERE " + strings.Join(match, " AND ") + ")"
	rows := store.NewRows(len(columns))
	if _, err := t.collect(ctx, query, nil, nil, func(values [][]byte) error { return appendValues(rows, columns, values) }); err != nil {
		return nil, fmt.Errorf("table %q: %w", name, t.failed("read", err))
	}
	return rows, nil
}

// target returns the columns that a reference of a table leads to.
func (t *Target) target(ctx context.Context, tab *table, f *format.ForeignKey) ([]string, error) {
	wrong := func(err error) error { return fmt.Errorf("reference of table %q: %w", tab.name, err) }
	parent, err := t.table(ctx, f.Table)
	if err != nil {
		return nil, wrong(err)
	}
	to := f.To
	if len(to) == 0 {
		if to, err = t.primary(ctx, parent); err != nil {
			return nil, err
		}
	}
	if len(to) != len(f.Columns) || len(to) == 0 {
		return nil, wrong(fmt.Errorf("%d columns refer to %d of table %q", len(f.Columns), len(to), f.Table))
	}
	if _, err = tab.pick(f.Columns); err == nil {
		_, err = parent.pick(to)
	}
	if err != nil {
		return nil, wrong(err)
	}
	return to, nil
}

// primary returns the columns of a table's primary key.
func (t *Target) primary(ctx context.Context, tab *table) ([]string, error) {
	rows, err := t.client().Query(ctx, `SELECT a.attname::text FROM pg_catalog.pg_index i JOIN pg_catalog.unnest(i.indkey) WITH ORDINALITY k (n, at) ON true
		JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n
		WHERE i.indrelid = $1 AND i.indisprimary ORDER BY k.at`, tab.oid)
	if err != nil {
		return nil, t.failed("read", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("table %q: %w", tab.name, t.failed("read the key of", err))
	}
	return names, nil
}

// Checkpoint makes what was done so far visible, durably, and goes on.
func (t *Target) Checkpoint(ctx context.Context) error {
	if err := t.restoreKeys(ctx); err != nil {
		return err
	}
	if !t.steps {
		t.steps = true
		for name, l := range t.loads {
			if err := t.keepIndexes(ctx, name, l.indexes); err != nil {
				return err
			}
		}
	}
	if err := t.commit(ctx); err != nil {
		return err
	}
	if err := t.begin(ctx, write); err != nil {
		return err
	}
	t.staged = map[string]string{}
	t.forget()
	t.constants, t.triggered = nil, nil
	return t.writePath(ctx)
}

// Commit makes everything visible, durably, with the indexes that were put aside.
func (t *Target) Commit(ctx context.Context) error {
	if err := t.restoreKeys(ctx); err != nil {
		return err
	}
	for _, l := range t.loads {
		if len(l.indexes) > 0 {
			if err := t.Settle(ctx); err != nil {
				return err
			}
		}
	}
	return t.commit(ctx)
}

func (t *Target) commit(ctx context.Context) error {
	t.wait()
	switch {
	case t.broken != nil:
		return t.failed("write", t.broken)
	case t.client().IsClosed():
		return fmt.Errorf("commit %q: the connection is broken, and what was not committed before is undone", t.name)
	case t.client().PgConn().TxStatus() == 'E':
		return fmt.Errorf("write %q: the transaction has failed", t.name)
	}
	err := t.exec(ctx, "COMMIT")
	if err != nil && t.client().IsClosed() {
		return fmt.Errorf("commit %q: the connection broke, and it is not known whether everything was written or nothing; run the same import again: %w", t.name, explain(err))
	}
	if err != nil {
		return t.failed("commit", err)
	}
	return nil
}

// loaded returns the names of tables that got rows, in the order of their first.
func (t *Target) loaded() []string {
	if len(t.order) == len(t.loads) {
		return t.order
	}
	return slices.Sorted(maps.Keys(t.loads))
}

// Close undoes what was not committed and ends the connection. The lock goes first: the
// server lets go of it only some time after the connection has ended.
func (t *Target) Close() error {
	if !t.client().IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		// Where this fails, the end of the connection does the same.
		end := "SELECT pg_catalog.pg_advisory_unlock_all()"
		if t.conn.PgConn().TxStatus() != 'I' {
			end = "ROLLBACK; " + end
		}
		_ = t.exec(ctx, end)
	}
	return t.DB.Close()
}
