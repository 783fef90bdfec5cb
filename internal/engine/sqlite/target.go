package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/engine/newfile"
	"github.com/memarc/memarc/internal/store"
)

// A Target is a database opened for writing: a new file under a temporary name,
// or an existing one inside one transaction.
type Target struct {
	DB
	final     string   // path that Commit makes visible
	temporary string   // "" where the file existed before
	mark      *os.File // holds the lock on the temporary file
	fresh     bool     // the target held nothing before
	replace   bool     // an empty file stands at final
}

var _ store.Target = (*Target)(nil)

// OpenTarget opens the database at path for writing, or prepares a new one.
func OpenTarget(ctx context.Context, path string) (*Target, error) {
	extensions()
	t := &Target{DB: DB{name: path}, final: path}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.fresh, err = true, checkFolder(path)
	case err != nil:
		return nil, fmt.Errorf("open %q: %w", path, err)
	case info.Mode().IsRegular() && info.Size() == 0:
		t.fresh, t.replace = true, true
	default:
		if _, err := probe(path); err != nil {
			return nil, err
		}
		err = t.attach(ctx)
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// checkFolder fails if a new file cannot be made at path.
func checkFolder(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("create %q: folder %q: %w", path, dir, errors.Unwrap(err))
	}
	if !info.IsDir() {
		return fmt.Errorf("create %q: %q is not a folder", path, dir)
	}
	return nil
}

// create makes a new database under a temporary name beside the final one.
func (t *Target) create(ctx context.Context) error {
	f, err := newfile.Create(t.final)
	if err != nil {
		return fmt.Errorf("create %q: %w", t.final, err)
	}
	t.temporary, t.mark = f.Name(), f
	registerWriteBehind()
	// Without a journal the only sync is that of the commit, which also brings
	// errors of writing behind to light.
	return t.start(ctx, t.temporary, "mode=rw&vfs="+writeBehindVFS, []string{
		"PRAGMA page_size=32768", "PRAGMA journal_mode=OFF", "PRAGMA synchronous=NORMAL", "PRAGMA locking_mode=EXCLUSIVE",
		"PRAGMA foreign_keys=0", "PRAGMA trusted_schema=1", "PRAGMA cache_size=-8000", "PRAGMA temp_store=1", "BEGIN IMMEDIATE",
	})
}

// attach opens the existing database in one transaction.
func (t *Target) attach(ctx context.Context) error {
	log := exists(t.final + "-wal")
	err := t.start(ctx, t.final, "mode=rw", []string{
		fmt.Sprintf("PRAGMA busy_timeout=%d", patience), "PRAGMA foreign_keys=0", "PRAGMA trusted_schema=1", "PRAGMA cache_size=-8000", "BEGIN IMMEDIATE",
	})
	if err != nil || !log {
		return err
	}
	// Unless there is a Commit, Close leaves a log that others have left as it is.
	return t.keepLog(true)
}

// keepLog says whether the last one to close the database leaves its log alone, instead
// of copying it into the database.
func (t *Target) keepLog(keep bool) error {
	if _, err := t.conn.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, keep); err != nil {
		return t.failed("open", err)
	}
	return nil
}

func (t *Target) start(ctx context.Context, path, params string, statements []string) (err error) {
	name, err := uri(path, params)
	if err != nil {
		return err
	}
	if t.conn, err = sqlite3.OpenContext(ctx, name); err != nil {
		return t.failed("open", err)
	}
	for _, s := range statements {
		if err := t.conn.Exec(s); err != nil {
			return t.failed("open", err)
		}
	}
	return nil
}

// Fresh tells that the target held nothing before.
func (t *Target) Fresh() bool { return t.fresh }

// Catalog lists what the database holds.
func (t *Target) Catalog(ctx context.Context) (*store.Catalog, error) {
	if t.conn == nil {
		return emptyCatalog(), nil
	}
	return t.DB.Catalog(ctx)
}

// Exec runs a statement of a layout's own schema.
func (t *Target) Exec(ctx context.Context, statement string) error {
	t.catalog = nil
	if t.conn == nil { // a new database begins with its first statement
		if err := t.create(ctx); err != nil {
			return err
		}
	}
	defer t.conn.SetInterrupt(t.conn.SetInterrupt(ctx))
	if err := t.conn.Exec(statement); err != nil {
		return fmt.Errorf("run %.60q: %w", statement, t.failed("write", err))
	}
	return nil
}

// Drop removes a table.
func (t *Target) Drop(ctx context.Context, table string) error {
	return t.Exec(ctx, "DROP TABLE "+store.QuoteName(table))
}

// AddColumn adds a column to a table.
func (t *Target) AddColumn(ctx context.Context, table string, c *format.TableColumn) error {
	plain := *c
	if len(plain.Default) == 0 && plain.Keyword == "" {
		plain.NotNull = false // rows that are there have no value for it
	}
	decl, err := columnSQL(&plain, false)
	if err != nil {
		return fmt.Errorf("add column to table %q: %w", table, err)
	}
	return t.Exec(ctx, "ALTER TABLE "+store.QuoteName(table)+" ADD COLUMN "+decl)
}

// CreateIndex creates an index over whole columns.
func (t *Target) CreateIndex(ctx context.Context, table string, ix *format.Index) error {
	unique := ""
	if ix.Unique {
		unique = "UNIQUE "
	}
	return t.Exec(ctx, "CREATE "+unique+"INDEX "+store.QuoteName(ix.Name)+" ON "+store.QuoteName(table)+" ("+nameList(ix.Columns)+")")
}

// refused tells whether the error concerns the row alone.
func refused(err error) bool {
	return errors.Is(err, sqlite3.CONSTRAINT) || errors.Is(err, sqlite3.MISMATCH) || errors.Is(err, sqlite3.TOOBIG)
}

// run binds each row's cells in order and steps the statement.
func (t *Target) run(ctx context.Context, query string, rows *store.Rows, order []int, reject func(int, error), none error) error {
	if rows.N == 0 {
		return nil
	}
	s, err := t.prepare(query)
	if err != nil {
		return err
	}
	defer t.conn.SetInterrupt(t.conn.SetInterrupt(ctx))
	for row := range rows.N {
		for n, i := range order {
			if err := bind(s, n+1, &rows.Columns[i], row); err != nil {
				return t.failed("write", err)
			}
		}
		s.Step()
		err := s.Err()
		if resetErr := s.Reset(); err == nil {
			err = resetErr
		}
		switch {
		case err != nil && refused(err):
			reject(row, err)
		case err != nil:
			return t.failed("write", err)
		case none != nil && t.conn.Changes() == 0:
			reject(row, none)
		}
	}
	return nil
}

func natural(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// Insert inserts rows.
func (t *Target) Insert(ctx context.Context, table string, columns []string, rows *store.Rows, reject func(int, error)) error {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ")
	query := "INSERT INTO " + store.QuoteName(table) + " (" + nameList(columns) + ") VALUES (" + marks + ")"
	return t.run(ctx, query, rows, natural(len(columns)), reject, nil)
}

// Update sets columns of the rows with the given keys.
func (t *Target) Update(ctx context.Context, table string, keys, columns []string, rows *store.Rows, reject func(int, error)) error {
	if len(columns) == 0 {
		return nil
	}
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = store.QuoteName(c) + " = ?"
	}
	query := "UPDATE " + store.QuoteName(table) + " SET " + strings.Join(sets, ", ") + " WHERE " + conditions(keys)
	order := natural(len(keys) + len(columns))
	order = append(order[len(keys):], order[:len(keys)]...)
	return t.run(ctx, query, rows, order, reject, store.ErrNoRow)
}

// Delete deletes the rows with the given keys.
func (t *Target) Delete(ctx context.Context, table string, keys []string, rows *store.Rows) error {
	query := "DELETE FROM " + store.QuoteName(table) + " WHERE " + conditions(keys)
	return t.run(ctx, query, rows, natural(len(keys)), func(int, error) {}, nil)
}

// CountsInserted tells that generated keys follow those that were inserted.
func (t *Target) CountsInserted() bool { return true }

// SetSequence sets the number after which a table's generated keys go on.
func (t *Target) SetSequence(ctx context.Context, table string, last *int64) error {
	table, err := t.sequenceOf(ctx, table)
	if err != nil {
		return err
	}
	if err := t.Exec(ctx, "DELETE FROM sqlite_sequence WHERE name="+literal(table)); err != nil || last == nil {
		return err
	}
	return t.Exec(ctx, fmt.Sprintf("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %d)", literal(table), *last))
}

// SetSetting sets a number of the database's header.
func (t *Target) SetSetting(ctx context.Context, name string, v int64) error {
	if !slices.Contains(settingNames, name) {
		return fmt.Errorf("setting %q is unknown", name)
	}
	return t.Exec(ctx, fmt.Sprintf("PRAGMA %s=%d", name, v))
}

// Unchanged holds always: the transaction keeps other writers out.
func (t *Target) Unchanged() error { return nil }

// Stored asks the database always.
func (t *Target) Stored(context.Context, string, []string, *store.Rows, []string) (*store.Rows, error) {
	return nil, nil
}

// Dangling finds nothing: references stand in the tables' definitions and are not
// enforced during a load.
func (t *Target) Dangling(context.Context, string, []string, *format.ForeignKey) (*store.Rows, error) {
	return nil, nil
}

// AddForeignKey does nothing: CreateTable has written the references.
func (t *Target) AddForeignKey(context.Context, string, *format.ForeignKey) error { return nil }

// Settle does nothing.
func (t *Target) Settle(context.Context) error { return nil }

// Checkpoint fails: a file appears as a whole or not at all.
func (t *Target) Checkpoint(context.Context) error {
	return fmt.Errorf("%w: a SQLite target is written in one transaction; leave --commit-every out", store.ErrUsage)
}

// Commit makes everything visible, durably.
func (t *Target) Commit(ctx context.Context) error {
	if t.conn == nil {
		if err := t.create(ctx); err != nil {
			return err
		}
	}
	if err := t.finalize(); err != nil {
		return t.failed("write", err)
	}
	if err := t.conn.Exec("COMMIT"); err != nil {
		return t.failed("write", err)
	}
	if t.temporary == "" {
		return t.keepLog(false)
	}
	if err := t.conn.Close(); err != nil {
		return t.failed("close", err)
	}
	t.conn = nil
	if err := t.unmark(); err != nil {
		return fmt.Errorf("write %q: %w", t.final, err)
	}
	if err := newfile.Publish(t.temporary, t.final, t.replace); err != nil {
		return fmt.Errorf("write %q: %w", t.final, err)
	}
	t.temporary = ""
	return nil
}

// unmark gives the lock on the temporary file back.
func (t *Target) unmark() error {
	if t.mark == nil {
		return nil
	}
	f := t.mark
	t.mark = nil
	return f.Close()
}

// Close without Commit undoes everything.
func (t *Target) Close() error {
	err := t.finalize()
	if t.conn != nil && t.temporary == "" && !t.conn.GetAutocommit() {
		err = errors.Join(err, t.conn.Exec("ROLLBACK"))
	}
	err = errors.Join(err, t.DB.Close(), t.unmark())
	if t.temporary != "" {
		err = errors.Join(err, os.Remove(t.temporary))
		t.temporary = ""
	}
	return err
}
