package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A Target is a store of text files opened for writing. Its rows come into the private
// database; Settle makes files of them under a temporary name.
type Target struct {
	*tables
	final   string
	exists  bool // an empty file or folder stands at final
	fresh   bool
	source  *DB    // of an existing file
	written string // the files under their temporary name, "" if rows have come since
}

var (
	_ store.Target      = (*Target)(nil)
	_ store.Sidecarless = (*Target)(nil)
	_ store.Preferring  = (*Target)(nil)
)

// create prepares a new store.
func create(f *store.FileFormat, path string, exists bool) (*Target, error) {
	path = filepath.Clean(path)
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("create %q: folder %q: %w", path, dir, errors.Unwrap(err))
	} else if !info.IsDir() {
		return nil, fmt.Errorf("create %q: %q is not a folder", path, dir)
	}
	if f.Beside != "" {
		if err := orphaned(path, f.Beside); err != nil {
			return nil, fmt.Errorf("create %q: %w", path, err)
		}
	}
	t, err := newTables(context.Background(), f)
	if err != nil {
		return nil, err
	}
	return &Target{tables: t, final: path, exists: exists, fresh: true}, nil
}

// attach opens an existing file: it is read, merged and written anew.
func attach(ctx context.Context, p *place) (*Target, error) {
	db, err := load(ctx, p)
	if err != nil {
		return nil, err
	}
	return &Target{tables: db.tables, final: p.path, source: db}, nil
}

// Fresh tells that there was no store before.
func (t *Target) Fresh() bool { return t.fresh }

// Sidecarless tells that the format has no place but for the product's own.
func (t *Target) Sidecarless() bool { return !t.format.Sidecar }

// PrefersLayout names the layout of a new store.
func (t *Target) PrefersLayout() string { return t.format.Layout }

// Exec runs a statement of a layout's own schema.
func (t *Target) Exec(ctx context.Context, statement string) error {
	t.stale()
	return t.tables.Exec(ctx, statement)
}

// CreateTable creates a table.
func (t *Target) CreateTable(ctx context.Context, def *format.Table) error {
	t.stale()
	return t.tables.CreateTable(ctx, def)
}

// Drop removes a table.
func (t *Target) Drop(ctx context.Context, table string) error {
	t.stale()
	return t.tables.Drop(ctx, table)
}

// AddColumn refuses: a file has the columns of its format.
func (t *Target) AddColumn(_ context.Context, table string, c *format.TableColumn) error {
	return fmt.Errorf("%w: the format %s has no column %q in %q", store.ErrUsage, t.format.Name, c.Name, table)
}

// Insert inserts rows as the file will give them.
func (t *Target) Insert(ctx context.Context, table string, columns []string, rows *store.Rows, reject func(int, error)) error {
	t.stale()
	return t.change(ctx, table, columns, rows, reject, func(rows *store.Rows, reject func(int, error)) error {
		return t.tables.Insert(ctx, table, columns, rows, reject)
	})
}

// Update sets columns, likewise.
func (t *Target) Update(ctx context.Context, table string, keys, columns []string, rows *store.Rows, reject func(int, error)) error {
	t.stale()
	all := append(append([]string{}, keys...), columns...)
	return t.change(ctx, table, all, rows, reject, func(rows *store.Rows, reject func(int, error)) error {
		return t.tables.Update(ctx, table, keys, columns, rows, reject)
	})
}

// change writes rows in the form in which the file will give them.
func (t *Target) change(ctx context.Context, table string, columns []string, rows *store.Rows, reject func(int, error), write func(*store.Rows, func(int, error)) error) error {
	if strings.HasPrefix(table, "memarc_") {
		return write(rows, reject)
	}
	if t.Sidecarless() { // nothing but the format's own keys can refuse a row then
		out := reject
		reject = func(row int, err error) {
			if !errors.As(err, new(store.Unfit)) {
				err = store.Unfit("nothing in the file would tell it from another one")
			}
			out(row, err)
		}
	}
	normal := store.NewRows(len(rows.Columns))
	for row := range rows.N {
		normal.AppendRow(rows, row)
	}
	refused := map[int]bool{}
	refuse := func(row int, err error) {
		if !refused[row] {
			refused[row] = true
			reject(row, err)
		}
	}
	t.format.Normal(table, columns, normal, func(row int, reason string) { refuse(row, store.Unfit(reason)) })
	if err := t.homeless(ctx, table, columns, normal, refuse); err != nil {
		return err
	}
	if t.format.Fits != nil {
		if err := t.format.Fits(ctx, t.tables, table, columns, normal, refuse); err != nil {
			return err
		}
	}
	if len(refused) == 0 {
		return write(normal, reject)
	}
	taken, at := store.NewRows(len(rows.Columns)), []int{}
	for row := range normal.N {
		if !refused[row] {
			taken.AppendRow(normal, row)
			at = append(at, row)
		}
	}
	return write(taken, func(row int, err error) { reject(at[row], err) })
}

// homeless refuses rows in whose file they would stand if there were one.
func (t *Target) homeless(ctx context.Context, table string, columns []string, rows *store.Rows, refuse func(int, error)) error {
	in, ok := t.format.Within[table]
	at := slices.Index(columns, in.Column)
	if !ok || at < 0 {
		return nil
	}
	_, found, err := t.tables.Lookup(ctx, in.Table, []string{in.Key}, []string{in.Key}, &store.Rows{N: rows.N, Columns: rows.Columns[at : at+1]})
	for row, i := range found {
		if i < 0 {
			refuse(row, store.Dangling{Unfit: "the record in whose file it would stand is not there"})
		}
	}
	return err
}

// Delete deletes rows.
func (t *Target) Delete(ctx context.Context, table string, keys []string, rows *store.Rows) error {
	t.stale()
	return t.tables.Delete(ctx, table, keys, rows)
}

// Stored asks the tables always.
func (t *Target) Stored(context.Context, string, []string, *store.Rows, []string) (*store.Rows, error) {
	return nil, nil
}

// SetSetting does nothing: a file has no numbers of its own.
func (t *Target) SetSetting(context.Context, string, int64) error { return nil }

// SetSequence does nothing.
func (t *Target) SetSequence(context.Context, string, *int64) error { return nil }

// Checkpoint fails: a file appears as a whole or not at all.
func (t *Target) Checkpoint(context.Context) error {
	return fmt.Errorf("%w: a file is written as a whole; leave --commit-every out", store.ErrUsage)
}

// stale says that the files under their temporary name are not what the tables hold.
func (t *Target) stale() {
	if t.written != "" {
		_ = os.RemoveAll(t.written)
		if t.format.Beside != "" {
			_ = os.Remove(t.written + t.format.Beside)
		}
		t.written = ""
	}
}

// Settle writes the files, under a temporary name, and takes from then on for the
// store's rows what they give.
func (t *Target) Settle(ctx context.Context) error {
	if t.written != "" {
		return nil
	}
	before, err := t.count(ctx)
	if err != nil {
		return err
	}
	names, err := t.write(ctx)
	if err != nil {
		return fmt.Errorf("write %q: %w", t.final, err)
	}
	dir := t.written
	if !t.format.Folder {
		dir = filepath.Dir(t.written)
	}
	now, err := read(ctx, t.format, t.final, os.DirFS(dir), names)
	if err != nil {
		return err
	}
	if err := t.tables.Close(); err != nil {
		return errors.Join(err, now.Close())
	}
	t.tables = now
	after, err := t.count(ctx)
	if err != nil {
		return err
	}
	for table, n := range before {
		if after[table] != n {
			return fmt.Errorf("write %q: %d rows of %q became %d in the file; please report this", t.final, n, table, after[table])
		}
	}
	return nil
}

func (t *Target) count(ctx context.Context) (map[string]int64, error) {
	c, err := t.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for i := range c.Tables {
		if c.Tables[i].Kind == store.Ordinary {
			if out[c.Tables[i].Name], err = t.Count(ctx, c.Tables[i].Name); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// write writes files beside the final ones and returns their names.
func (t *Target) write(ctx context.Context) (names []string, err error) {
	dir, base := filepath.Split(t.final)
	var file *os.File
	if t.format.Folder {
		if t.written, err = os.MkdirTemp(filepath.Clean(dir+"."), "."+base+".memarc-*"); err != nil {
			return nil, err
		}
	} else {
		if file, err = os.CreateTemp(filepath.Clean(dir+"."), "."+base+".memarc-*"); err != nil {
			return nil, err
		}
		t.written, names = file.Name(), []string{filepath.Base(file.Name())}
	}
	w := bufio.NewWriterSize(nil, 64<<10)
	end := func() error {
		if file == nil {
			return nil
		}
		f := file
		file = nil
		return errors.Join(w.Flush(), f.Sync(), f.Close())
	}
	if file != nil {
		w.Reset(file)
	}
	err = t.format.Write(ctx, t.tables, func(name string) (io.Writer, error) {
		path := filepath.Join(t.written, name)
		if !t.format.Folder {
			if name == "" || name != t.format.Beside {
				return w, nil
			}
			path = t.written + name
		}
		if err := end(); err != nil {
			return nil, err
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		names = append(names, filepath.Base(path))
		file = f
		w.Reset(f)
		return w, nil
	})
	return names, errors.Join(err, end())
}

// Commit gives the files their final name.
func (t *Target) Commit(ctx context.Context) error {
	if err := t.Settle(ctx); err != nil {
		return err
	}
	if err := t.publish(); err != nil {
		return fmt.Errorf("write %q: %w", t.final, err)
	}
	t.written = ""
	return nil
}

func (t *Target) publish() error {
	switch {
	case t.source != nil: // unless somebody has changed it since
		if err := t.source.Unchanged(); err != nil {
			return err
		}
		info, err := os.Stat(t.final)
		if err != nil {
			return err
		}
		if err := os.Chmod(t.written, info.Mode().Perm()); err != nil {
			return err
		}
	case t.exists: // Remove takes neither a folder with files nor, here, a file with content
		if info, err := os.Lstat(t.final); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
			return &fs.PathError{Op: "create", Path: t.final, Err: fs.ErrExist}
		}
		if err := os.Remove(t.final); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		fallthrough
	default:
		if _, err := os.Lstat(t.final); err == nil {
			return &fs.PathError{Op: "create", Path: t.final, Err: fs.ErrExist}
		}
	}
	if t.format.Beside != "" {
		return publishPair(t.written, t.final, t.format.Beside)
	}
	if t.format.Folder {
		if err := syncPath(t.written); err != nil {
			return err
		}
	}
	if err := os.Rename(t.written, t.final); err != nil {
		return err
	}
	return syncPath(filepath.Dir(t.final))
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Unchanged holds: what was read is in the tables.
func (t *Target) Unchanged() error { return nil }

// Close without Commit leaves everything as it was.
func (t *Target) Close() error {
	t.stale()
	return t.tables.Close()
}
