package mapping

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

func (s *sink) createTables(ctx context.Context) error {
	var reference *store.Schema
	if s.layout.Schema != nil {
		reference = s.layout.Schema.At(s.version)
	}
	if reference != nil && s.fresh() {
		for _, st := range reference.Before {
			if t := reference.Table(st.Object); t != nil && !s.makes(t) {
				continue
			}
			if err := s.db.Exec(ctx, st.SQL); err != nil {
				return err
			}
		}
	}
	if s.foreign {
		if !s.fresh() {
			return s.declareMissing(ctx, reference)
		}
		for _, t := range reference.Tables {
			if !s.makes(&t) {
				continue
			}
			if err := s.create(ctx, &t, s.sized); err != nil {
				return err
			}
		}
		for _, seed := range reference.Seeds {
			if t := reference.Table(seed.Object); t != nil && !s.makes(t) {
				continue
			}
			if err := s.db.Exec(ctx, seed.SQL); err != nil {
				return err
			}
		}
		return nil
	}
	if s.manifest.Origin == nil {
		return nil
	}
	for i := range s.manifest.Origin.Tables {
		t := &s.manifest.Origin.Tables[i]
		have := s.catalog.Table(t.Name)
		var def *store.TableDef
		if reference != nil {
			def = reference.Table(t.Name)
		}
		switch {
		case have != nil:
			continue // columns that it lacks go to the sidecar
		case def != nil:
			if err := s.create(ctx, adapt(def, t), func(sql string) string { return s.sizedAs(sql, t) }); err != nil {
				return err
			}
			if err := s.addMissing(ctx, def, t); err != nil {
				return err
			}
		default:
			if err := s.db.CreateTable(ctx, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareShapes enters in the ledger what the tables that were created are not,
// though the origin's were.
func (s *sink) compareShapes(catalog *store.Catalog) {
	if s.foreign || s.manifest.Origin == nil {
		return
	}
	_, schemaless := s.db.(store.Schemaless)
	for i := range s.manifest.Origin.Tables {
		want := &s.manifest.Origin.Tables[i]
		got := catalog.Table(want.Name)
		if got == nil || s.catalog.Table(want.Name) != nil {
			continue
		}
		differs := func(where, what string, want, got any) {
			s.losses = append(s.losses, format.Loss{Code: "schema-differs", Where: where, Count: 1, Reason: fmt.Sprintf("%s was %v and is %v in the target", what, want, got)})
		}
		for _, c := range want.Columns {
			at := slices.IndexFunc(got.Columns, func(have format.TableColumn) bool { return have.Name == c.Name })
			if at < 0 {
				differs(want.Name+"."+c.Name, "the column", "there", "missing")
				continue
			}
			if have := got.Columns[at]; have.Type != c.Type {
				differs(want.Name+"."+c.Name, "the declared type", c.Type, have.Type)
			} else if have.NotNull != c.NotNull {
				differs(want.Name+"."+c.Name, "NOT NULL", c.NotNull, have.NotNull)
			} else if have.Keyword != c.Keyword || !bytes.Equal(have.Default, c.Default) {
				differs(want.Name+"."+c.Name, "the default", string(c.Default)+c.Keyword, string(have.Default)+have.Keyword)
			}
		}
		unique := got.Unique
		if schemaless { // what the product makes itself is no loss where there was nothing
			unique = slices.DeleteFunc(slices.Clone(unique), func(key []string) bool {
				return !slices.ContainsFunc(want.Unique, func(had []string) bool { return slices.Equal(had, key) })
			})
		}
		for _, part := range []struct {
			what      string
			want, got any
		}{
			{"the primary key", want.Primary, got.Primary}, {"the set of unique keys", want.Unique, unique}, {"the set of foreign keys", want.Foreign, got.Foreign},
			{"the kind", []any{want.Strict, want.WithoutRowid, want.Autoincrement, want.Module, want.Options}, []any{got.Strict, got.WithoutRowid, got.Autoincrement, got.Module, got.Options}},
		} {
			if w, g := fmt.Sprint(part.want), fmt.Sprint(part.got); w != g {
				differs(want.Name, part.what, w, g)
			}
		}
	}
}

// declareMissing adds the tables of a store that is new beside what others keep in the
// same graph.
func (s *sink) declareMissing(ctx context.Context, reference *store.Schema) error {
	db, ok := s.db.(store.Schemaless)
	if !ok || reference == nil {
		return nil
	}
	for i := range reference.Tables { // others may have nodes with the same label
		if err := db.Declare(ctx, &reference.Tables[i]); err != nil {
			return err
		}
	}
	return nil
}

// makes tells whether a new store has a table: as the store had that the records come
// from, or, for records of another product or engine, because they need it.
func (s *sink) makes(t *store.TableDef) bool {
	if o := s.manifest.Origin; !s.foreign && o != nil {
		return slices.ContainsFunc(o.Tables, func(have format.Table) bool { return have.Name == t.Name })
	}
	if t.Spaced && strings.Contains(t.CreateSQL(), store.DimensionMark) {
		return s.dimension() > 0
	}
	return !t.Spaced || len(s.manifest.Spaces) > 0
}

// create creates a table of the reference schema.
func (s *sink) create(ctx context.Context, def *store.TableDef, sized func(sql string) string) error {
	if db, ok := s.db.(store.Schemaless); ok {
		return db.Declare(ctx, def)
	}
	return s.db.Exec(ctx, sized(def.CreateSQL()))
}

// adapt returns a table of the reference schema with just the columns that the
// origin's table had.
func adapt(def *store.TableDef, t *format.Table) *store.TableDef {
	at := *def
	at.Columns = nil
	for _, c := range def.Columns {
		if c.Computed() || slices.ContainsFunc(t.Columns, func(have format.TableColumn) bool { return have.Name == c.Name }) {
			at.Columns = append(at.Columns, c)
		}
	}
	return &at
}

// sized puts the dimension of a new store's vectors into a statement of its schema.
func (s *sink) sized(sql string) string {
	return strings.ReplaceAll(sql, store.DimensionMark, fmt.Sprint(s.dimension()))
}

// sizedAs takes the dimension that the origin's table had.
func (s *sink) sizedAs(sql string, t *format.Table) string {
	if s.layout.Model == nil {
		return sql
	}
	for _, at := range s.layout.Model.Vectors {
		i := slices.IndexFunc(t.Columns, func(c format.TableColumn) bool { return at[0] == t.Name && at[1] == c.Name })
		if i < 0 {
			continue
		}
		if n := declaredDimension(t.Columns[i].Type); n > 0 {
			return strings.ReplaceAll(sql, store.DimensionMark, fmt.Sprint(n))
		}
	}
	return s.sized(sql)
}

// fewMemories is up to how many memories slow indexes are made without being asked
// for: more take seconds and minutes.
const fewMemories = 2000

// leaveIndex tells whether a new table does without a slow index for now, and says so.
func (s *sink) leaveIndex(o *store.ObjectDef) bool {
	if s.opts.AllIndexes || s.written <= fewMemories {
		return false
	}
	s.left = append(s.left, store.Step{What: "leave", Where: o.Name, Detail: s.sized(o.SQL)})
	return true
}

// Left returns what was left to be done after the import, as statements.
func (s *sink) Left() []store.Step { return s.left }

// refer creates the references of the tables that this import has created. Records
// that refer to nothing go to the sidecar: the product's table cannot hold them.
func (s *sink) refer(ctx context.Context) error {
	for table, keys := range s.references() {
		for i := range keys {
			f := &keys[i]
			err := s.db.AddForeignKey(ctx, table, f)
			if errors.Is(err, store.ErrDangling) {
				var ok bool
				if ok, err = s.settleDangling(ctx, table, f); err == nil && ok {
					err = s.db.AddForeignKey(ctx, table, f)
				}
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// references yields the tables that this import has created with what they refer to.
func (s *sink) references() iter.Seq2[string, []format.ForeignKey] {
	return func(yield func(string, []format.ForeignKey) bool) {
		if !s.foreign {
			if s.manifest.Origin == nil {
				return
			}
			for i := range s.manifest.Origin.Tables {
				t := &s.manifest.Origin.Tables[i]
				if s.catalog.Table(t.Name) == nil && !yield(t.Name, t.Foreign) {
					return
				}
			}
			return
		}
		if s.layout.Schema == nil {
			return
		}
		for _, t := range s.layout.Schema.At(s.version).Tables {
			var keys []format.ForeignKey
			for _, f := range t.Foreign {
				keys = append(keys, f.ForeignKey)
			}
			if s.makes(&t) && s.catalog.Table(t.Name) == nil && !yield(t.Name, keys) {
				return
			}
		}
	}
}

// settleDangling moves the rows that refer to nothing to the sidecar, and tells
// whether the reference can be created.
func (s *sink) settleDangling(ctx context.Context, table string, f *format.ForeignKey) (bool, error) {
	at := slices.IndexFunc(s.shape.tables, func(t tableShape) bool { return t.table.Name == table })
	if at < 0 {
		return true, nil
	}
	t := &s.shape.tables[at]
	key := t.parts[0].key
	rows, err := s.db.Dangling(ctx, table, key, f)
	if err != nil || rows == nil || rows.N == 0 {
		return true, err
	}
	if s.sidecar == nil || s.opts.NoSidecar || len(key) == 0 {
		s.losses = append(s.losses, format.Loss{Code: "schema-differs", Where: table, Count: uint64(rows.N),
			Reason: fmt.Sprintf("rows refer to rows of table %q that are not there, so the reference is not created", f.Table)})
		return false, nil
	}
	return true, s.sidecar.evict(ctx, t, key, rows)
}

// addMissing adds the columns that the origin's table had beyond the reference.
func (s *sink) addMissing(ctx context.Context, def *store.TableDef, t *format.Table) error {
	if def.Module != "" {
		return nil // its columns are given once and for all
	}
	for i := range t.Columns {
		if !def.HasColumn(t.Columns[i].Name) {
			if err := s.db.AddColumn(ctx, t.Name, &t.Columns[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// createObjects creates indexes, full-text tables and triggers of the tables that
// this import has created, and fills them.
func (s *sink) createObjects(ctx context.Context) error {
	created := func(table string) bool { return s.catalog.Table(table) == nil }
	var reference *store.Schema
	known := map[string]bool{}
	if s.layout.Schema != nil {
		reference = s.layout.Schema.At(s.version)
		for _, o := range reference.Objects {
			known[o.Name] = true
		}
	}
	if o := s.manifest.Origin; o != nil && !s.foreign {
		for i := range o.Tables {
			t := &o.Tables[i]
			for _, ix := range t.Indexes {
				if !created(t.Name) || known[ix.Name] {
					continue
				}
				if err := s.db.CreateIndex(ctx, t.Name, &ix); err != nil {
					return err
				}
			}
		}
	}
	if reference == nil {
		return nil
	}
	rebuild := false
	for _, o := range reference.Objects {
		if !created(o.Table) || s.foreign && o.Optional || !s.foreign && !slices.Contains(s.manifest.Origin.Objects, o.Name) {
			continue
		}
		if o.Slow && s.leaveIndex(&o) {
			continue
		}
		if err := s.db.Exec(ctx, s.sized(o.SQL)); err != nil {
			return fmt.Errorf("create %q: %w", o.Name, err)
		}
		rebuild = true
	}
	if !rebuild {
		return nil
	}
	catalog, err := s.db.Catalog(ctx)
	if err != nil {
		return err
	}
	for _, r := range reference.Rebuild {
		if r.Object != "" && catalog.Table(r.Object) == nil {
			continue
		}
		if err := s.db.Exec(ctx, r.SQL); err != nil {
			return err
		}
	}
	return nil
}
