package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/memarc/memarc/internal/engine/sqlite"
	"github.com/memarc/memarc/internal/store"
)

// A DB is a store of text files opened for reading.
type DB struct {
	*tables
	place *place
	guard []state
}

var _ store.Tables = (*DB)(nil)

// tables is the private database.
type tables struct {
	*sqlite.Target
	format *store.FileFormat
	dir    string
	losses []store.SchemaLoss
}

func newTables(ctx context.Context, f *store.FileFormat) (*tables, error) {
	dir, err := os.MkdirTemp("", "memarc-file-*")
	if err != nil {
		return nil, fmt.Errorf("create folder for the rows of a file: %w", err)
	}
	t := &tables{format: f, dir: dir}
	if t.Target, err = sqlite.OpenTarget(ctx, filepath.Join(dir, "rows.db")); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return t, nil
}

// Catalog lists the tables, as those of the format's engine.
func (t *tables) Catalog(ctx context.Context) (*store.Catalog, error) {
	c, err := t.Target.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	out := &store.Catalog{Engine: t.format.Engine, Tables: slices.Clone(c.Tables), Objects: c.Objects}
	if len(out.Tables) > 0 {
		out.Tables[0].Code = t.losses
	}
	return out, nil
}

// Close removes the database.
func (t *tables) Close() error {
	return errors.Join(t.Target.Close(), os.RemoveAll(t.dir))
}

// read loads files into tables of their own.
func read(ctx context.Context, f *store.FileFormat, path string, files fs.FS, names []string) (*tables, error) {
	t, err := newTables(ctx, f)
	if err != nil {
		return nil, err
	}
	schema := f.Schema.At(f.Version)
	for i := range schema.Tables {
		if err == nil {
			err = t.Exec(ctx, schema.Tables[i].CreateSQL())
		}
	}
	if err == nil {
		t.losses, err = f.Read(ctx, files, names, t.Target)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %q: %w", path, err), t.Close())
	}
	return t, nil
}

// load opens a store.
func load(ctx context.Context, p *place) (*DB, error) {
	guard, err := statesOf(p)
	if err != nil {
		return nil, err
	}
	t, err := read(ctx, p.format, p.path, os.DirFS(p.dir), p.names)
	if err != nil {
		return nil, err
	}
	db := &DB{t, p, guard}
	if err := db.Unchanged(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// state is what changes when a file is written.
type state struct {
	name           string
	size, modified int64
}

func statesOf(p *place) ([]state, error) {
	var out []state
	for _, name := range p.names {
		info, err := os.Stat(filepath.Join(p.dir, name))
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", p.path, err)
		}
		out = append(out, state{name, info.Size(), info.ModTime().UnixNano()})
	}
	return out, nil
}

// Unchanged fails if a file was written after reading it began.
func (db *DB) Unchanged() error {
	now, err := statesOf(db.place)
	if err == nil && !slices.Equal(now, db.guard) {
		err = fmt.Errorf("read %q: another program has written it meanwhile; run the command again", db.place.path)
	}
	return err
}
