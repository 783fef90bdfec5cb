package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
)

// An Engine is how a kind of database is talked to.
type Engine struct {
	Name string
	// Claims tells whether a location is the engine's.
	Claims func(l Location) bool
	// Open opens a store for reading, OpenTarget for writing.
	Open       func(ctx context.Context, l Location) (Tables, error)
	OpenTarget func(ctx context.Context, l Location) (Target, error)
	// Beside lists the other files that the engine may open for the store at a location;
	// nil if there are none. What one of them names is among them.
	Beside func(l Location) ([]string, error)
}

// Preferring is the ability of a target for which a layout is meant if it is new and
// nothing else is asked for.
type Preferring interface{ PrefersLayout() string }

// A Registry knows engines and layouts, in the order in which they are asked.
type Registry struct {
	Engines []*Engine
	Layouts []*Layout // the last one that recognises everything stands last
	// Source and Sink join an opened engine with a layout.
	Source func(ctx context.Context, db Tables, l *Layout, version int) (Source, error)
	Sink   func(db Target, l *Layout, version int, opts SinkOptions) Sink
	// Default is the layout of a new target of no product.
	Default string
}

// With returns a registry that asks one more layout, before all others.
func (r *Registry) With(l *Layout) *Registry {
	out := *r
	out.Layouts = append([]*Layout{l}, r.Layouts...)
	return &out
}

// Layout returns the named layout for an engine; "" takes the first of any.
func (r *Registry) Layout(name, engine string) (*Layout, error) {
	var names []string
	known := false
	for _, l := range r.Layouts {
		if engine != "" && !slices.Contains(l.Engines, engine) {
			known = known || l.Name == name
			continue
		}
		if l.Name == name {
			return l, nil
		}
		if !slices.Contains(names, l.Name) {
			names = append(names, l.Name)
		}
	}
	if known {
		return nil, fmt.Errorf("%w: layout %q does not exist for the engine %s; its layouts are %s", ErrUsage, name, engine, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("%w: there is no layout %q; the layouts are %s", ErrUsage, name, strings.Join(names, ", "))
}

func (r *Registry) engine(l Location) (*Engine, error) {
	for _, e := range r.Engines {
		if e.Claims(l) {
			return e, nil
		}
	}
	if l.Scheme != "" {
		return nil, fmt.Errorf("%w: location %q: no engine for %q in this version of memarc", ErrUsage, l, l.Scheme+":")
	}
	if info, err := os.Stat(l.Path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %q: %w", l.Path, ErrNotFound)
	} else if err == nil && info.IsDir() {
		return nil, fmt.Errorf("open %q: %w: it is a directory", l.Path, ErrNotStore)
	}
	return nil, fmt.Errorf("open %q: %w: not a SQLite database", l.Path, ErrNotStore)
}

// detect finds the layout of a catalog; without weak it leaves out the one that
// recognises everything.
func (r *Registry) detect(ctx context.Context, db Tables, c *Catalog, want string, weak bool) (*Layout, int, bool) {
	for _, layout := range r.Layouts {
		if want != "" && layout.Name != want || !slices.Contains(layout.Engines, c.Engine) || layout.Any && !weak && want == "" {
			continue
		}
		if version, ok := layout.Detect(ctx, c, db); ok {
			return layout, version, true
		}
	}
	return nil, 0, false
}

// recognise finds the layout of an opened database, in the name space that it is
// used with or else in the only other one that holds a store.
func (r *Registry) recognise(ctx context.Context, db Tables, want string, l Location) (*Layout, int, error) {
	c, err := db.Catalog(ctx)
	if err != nil {
		return nil, 0, err
	}
	if want != "" {
		if _, err := r.Layout(want, c.Engine); err != nil {
			return nil, 0, err
		}
	}
	if layout, version, ok := r.detect(ctx, db, c, want, false); ok {
		return layout, version, nil
	}
	var schemas []string
	several, ok := db.(Schemas)
	if ok {
		if schemas, err = several.Schemas(ctx); err != nil {
			return nil, 0, err
		}
	}
	var found *Layout
	version, where := 0, []string{}
	for i, name := range schemas {
		if i == 0 {
			continue // the one in use
		}
		if err := several.Use(ctx, name); err != nil {
			return nil, 0, err
		}
		if c, err = db.Catalog(ctx); err != nil {
			return nil, 0, err
		}
		if layout, v, ok := r.detect(ctx, db, c, want, false); ok {
			found, version, where = layout, v, append(where, name)
		}
	}
	switch {
	case len(where) == 1:
		return found, version, several.Use(ctx, where[0])
	case len(where) > 1:
		return nil, 0, fmt.Errorf("%w: %q holds stores in the schemas %s; choose one with ?schema=NAME", ErrUsage, l, strings.Join(where, ", "))
	case len(schemas) > 1:
		if err := several.Use(ctx, schemas[0]); err != nil {
			return nil, 0, err
		}
	}
	if want != "" {
		return nil, 0, fmt.Errorf("%w: %q is not a store of layout %q", ErrUsage, l, want)
	}
	if c, err = db.Catalog(ctx); err != nil {
		return nil, 0, err
	}
	if len(c.Tables) == 0 && len(schemas) > 1 {
		return nil, 0, fmt.Errorf("open %q: %w: schema %q has no tables; those with tables are %s, choose one with ?schema=NAME", l, ErrNotStore, schemas[0], strings.Join(schemas[1:], ", "))
	}
	if layout, version, ok := r.detect(ctx, db, c, want, true); ok {
		return layout, version, nil
	}
	return nil, 0, fmt.Errorf("open %q: %w: no layout recognises it", l, ErrNotStore)
}

// OpenSource opens the store at a location; layout, if not empty, overrides what
// is recognised.
func (r *Registry) OpenSource(ctx context.Context, raw, layout string) (Source, error) {
	l, err := ParseLocation(raw)
	if err != nil {
		return nil, err
	}
	if layout == "" {
		layout = l.Layout
	}
	e, err := r.engine(l)
	if err != nil {
		return nil, err
	}
	db, err := e.Open(ctx, l)
	if err != nil {
		return nil, err
	}
	found, version, err := r.recognise(ctx, db, layout, l)
	if err == nil {
		var src Source
		if src, err = r.Source(ctx, db, found, version); err == nil {
			return src, nil
		}
	}
	return nil, errors.Join(err, db.Close())
}

// Beside lists the files that opening the store at a location may open besides the one
// that it names. Those that a store has only when it is written to need not exist.
func (r *Registry) Beside(raw string) ([]string, error) {
	l, err := ParseLocation(raw)
	if err != nil {
		return nil, err
	}
	e, err := r.engine(l)
	if err != nil || e.Beside == nil {
		return nil, err
	}
	return e.Beside(l)
}

// OpenTables opens the database at a location without a layout.
func (r *Registry) OpenTables(ctx context.Context, raw string) (Tables, error) {
	l, err := ParseLocation(raw)
	if err != nil {
		return nil, err
	}
	e, err := r.engine(l)
	if err != nil {
		return nil, err
	}
	return e.Open(ctx, l)
}

// OpenSink opens or prepares the store at a location for the records of an
// archive. A new store gets the layout asked for, else the archive's origin's,
// else the registry's default.
func (r *Registry) OpenSink(ctx context.Context, raw string, m *format.Manifest, opts SinkOptions) (Sink, error) {
	l, err := ParseLocation(raw)
	if err != nil {
		return nil, err
	}
	if opts.Layout == "" {
		opts.Layout = l.Layout
	}
	e, err := r.engine(l)
	if err != nil {
		return nil, err
	}
	db, err := e.OpenTarget(ctx, l)
	if err != nil {
		return nil, err
	}
	layout, version, err := r.targetLayout(ctx, db, m, opts.Layout, l)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return r.Sink(db, layout, version, opts), nil
}

func (r *Registry) targetLayout(ctx context.Context, db Target, m *format.Manifest, want string, l Location) (*Layout, int, error) {
	c, err := db.Catalog(ctx)
	if err != nil {
		return nil, 0, err
	}
	if !db.Fresh() && len(c.Tables) > 0 {
		if _, ok := db.(Schemaless); !ok {
			return r.targetOf(ctx, db, c, want, l)
		}
		// What others keep in a graph stays beside a new store.
		if layout, version, ok := r.detect(ctx, db, c, want, false); ok {
			return layout, version, nil
		}
	}
	if want == "" && m.Origin != nil {
		// The source product's own layout, where it can be made in this engine.
		if layout, err := r.Layout(m.Origin.Layout, c.Engine); err == nil && (layout.Schema != nil || layout.Takes(m.Origin, c.Engine)) {
			return layout, 0, nil
		}
	}
	if p, ok := db.(Preferring); ok && want == "" {
		want = p.PrefersLayout()
	}
	if want == "" {
		want = r.Default
	}
	layout, err := r.Layout(want, c.Engine)
	return layout, 0, err
}

// targetOf recognises the layout of a target that holds tables. Only the name space
// in use counts: nobody wants records in another.
func (r *Registry) targetOf(ctx context.Context, db Target, c *Catalog, want string, l Location) (*Layout, int, error) {
	if layout, version, ok := r.detect(ctx, db, c, want, true); ok {
		return layout, version, nil
	}
	if want != "" {
		if _, err := r.Layout(want, c.Engine); err != nil {
			return nil, 0, err
		}
		return nil, 0, fmt.Errorf("%w: %q is not a store of layout %q", ErrUsage, l, want)
	}
	return nil, 0, fmt.Errorf("open %q: %w: no layout recognises it", l, ErrNotStore)
}
