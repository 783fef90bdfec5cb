package aimemory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// fieldOf tells as which field, in which section, of which type a layout carries a column.
func fieldOf(t *testing.T, l *store.Layout, table string, c store.ColumnDef) string {
	t.Helper()
	section, field, by := "", c.Name, ""
	for _, m := range l.Maps {
		if m.Table != table {
			continue
		}
		if section == "" {
			section = m.Section
		}
		for _, cm := range m.Columns {
			if cm.Column == c.Name && by == "" {
				section, field, by = m.Section, cm.Field, cm.Lens
			}
		}
	}
	if by == "" {
		by = naturalLens(c.Decl)
	}
	got, err := lens.ByName(by)
	if err != nil {
		t.Fatalf("%s.%s: %v", table, c.Name, err)
	}
	return fmt.Sprintf("%s %s %s", section, field, got.Type)
}

// naturalLens is the lens of a column that no map names, by its declared type.
func naturalLens(decl string) string {
	switch word, _, _ := strings.Cut(decl, " "); word {
	case "INTEGER", "BIGINT", "BIGSERIAL":
		return "int"
	case "REAL", "DOUBLE":
		return "real"
	case "BLOB", "BYTEA":
		return "blob"
	case "TEXT":
		return "text"
	}
	return "any"
}

// Every column that both engines have is the same field of the same type.
func TestSameFields(t *testing.T) {
	sqlite, pg := Layout(), Postgres()
	now := sqlite.Schema.At(latestVersion)
	compared := 0
	for _, there := range pg.Schema.At(latestVersion).Tables {
		here := now.Table(there.Name)
		if here == nil {
			if there.Name != "kg_projection_outbox" { // the queue of a graph that only PostgreSQL has
				t.Errorf("SQLite has no table %s", there.Name)
			}
			continue
		}
		for _, c := range there.Columns {
			at := slices.IndexFunc(here.Columns, func(h store.ColumnDef) bool { return h.Name == c.Name })
			switch {
			case strings.Contains(c.Decl, "GENERATED"):
				continue
			case at < 0:
				if there.Name+"."+c.Name != "schema_version.applied_at" {
					t.Errorf("SQLite has no column %s.%s", there.Name, c.Name)
				}
				continue
			}
			if a, b := fieldOf(t, sqlite, there.Name, here.Columns[at]), fieldOf(t, pg, there.Name, c); a != b {
				t.Errorf("%s.%s: %q in SQLite, %q in PostgreSQL", there.Name, c.Name, a, b)
			}
			compared++
		}
		for _, c := range here.Columns {
			if !there.HasColumn(c.Name) {
				t.Errorf("PostgreSQL has no column %s.%s", there.Name, c.Name)
			}
		}
	}
	if compared < 300 {
		t.Errorf("only %d columns compared", compared)
	}
}

// References of PostgreSQL stand beside the tables, whose definitions have none; they
// name tables and columns that are there.
func TestPostgresReferences(t *testing.T) {
	for v := 1; v <= latestVersion; v++ {
		at := pgSchema.At(v)
		for i := range at.Tables {
			table := &at.Tables[i]
			if sql := table.CreateSQL(); strings.Contains(sql, "REFERENCES") || strings.Contains(sql, "vector(") && !strings.Contains(sql, store.DimensionMark) {
				t.Errorf("V%d: %s", v, sql)
			}
			for _, f := range table.Foreign {
				if to := at.Table(f.Table); to == nil || !to.HasColumn(f.To[0]) || !table.HasColumn(f.Columns[0]) {
					t.Errorf("V%d: %s refers to %+v", v, table.Name, f)
				}
			}
		}
		for _, o := range at.Objects {
			if at.Table(o.Table) == nil {
				t.Errorf("V%d: %s belongs to %s, which does not exist", v, o.Name, o.Table)
			}
		}
	}
}

func TestTwins(t *testing.T) {
	for _, c := range []struct{ sqlite, postgres, back int }{
		{3, 15, 28}, {14, 15, 28}, {20, 28, 28}, {28, 28, 28}, {31, 41, 42}, {42, 41, 42}, {45, 54, 54}, {54, 54, 54}, {57, 57, 57}, {101, 101, 101},
	} {
		if got := pgTwin(format.StoreID{Version: fmt.Sprint(c.sqlite)}); got != c.postgres {
			t.Errorf("twin of SQLite %d: %d, want %d", c.sqlite, got, c.postgres)
		}
		if got := sqliteTwin(format.StoreID{Version: fmt.Sprint(c.postgres)}); got != c.back {
			t.Errorf("twin of PostgreSQL %d: %d, want %d", c.postgres, got, c.back)
		}
	}
	for _, version := range []string{"", "x", "-1", "102"} {
		if got := pgTwin(format.StoreID{Version: version}); got != 0 {
			t.Errorf("twin of %q: %d", version, got)
		}
	}
}
