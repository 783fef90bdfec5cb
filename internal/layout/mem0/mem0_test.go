package mem0_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/mem0"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

func TestLocations(t *testing.T) {
	env := map[string]string{"HOME": "/h", "MEM0_DIR": "/m"}
	getenv := func(name string) string { return env[name] }
	if got, want := mem0.Layout().Locations(getenv), []string{"/m/vector_store.db", "/h/.mem0/vector_store.db", "vector_store.db",
		"/m/vector_store_entities.db", "/h/.mem0/vector_store_entities.db", "vector_store_entities.db"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := mem0.HistoryLayout().Locations(getenv), []string{"/m/history.db", "/h/.mem0/history.db", "memory.db"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Tables of the same names that are not the product's are left to others.
func TestNotMem0(t *testing.T) {
	for name, statements := range map[string][]string{
		"vectors alone":    {"CREATE TABLE vectors (id TEXT PRIMARY KEY, vector BLOB, payload TEXT)"},
		"more of vectors":  {"CREATE TABLE vectors (id TEXT PRIMARY KEY, vector BLOB, payload TEXT, model TEXT)", "CREATE TABLE memory_migrations (id INTEGER PRIMARY KEY, user_id TEXT)"},
		"another history":  {"CREATE TABLE history (id INTEGER PRIMARY KEY, command TEXT, created_at TEXT)"},
		"another messages": {"CREATE TABLE messages (id TEXT PRIMARY KEY, role TEXT, content TEXT)"},
	} {
		path := filepath.Join(t.TempDir(), "s.db")
		storetest.Exec(t, path, statements...)
		if _, report := storetest.Export(t, path, exporter.Options{}); report.Source.Layout != "generic" {
			t.Errorf("%s: recognised as %s", name, report.Source.Layout)
		}
	}
	database := pgserver.New(t)
	on(t, database, "CREATE EXTENSION vector", "CREATE TABLE docs (id uuid PRIMARY KEY, vector vector(3), payload jsonb, source text)",
		"CREATE TABLE mem0migrations (id uuid PRIMARY KEY, vector vector(3), payload jsonb)", "CREATE TABLE users (id uuid, email text, password_hash text)")
	if _, report := storetest.Export(t, database, exporter.Options{}); report.Source.Layout != "generic" {
		t.Errorf("recognised as %s", report.Source.Layout)
	}
}

// A table's name never becomes a statement: those that could are no collections.
func TestHostileNames(t *testing.T) {
	for name, want := range map[string]bool{`a"b; DROP TABLE x; --`: true, "$memarc$; DROP TABLE x; --": false, "x$NAME": false, "{EMBEDDING_DIM}": false, "☃": true} {
		l := mem0.Postgres().Adapt([]format.Table{{Name: name, Columns: []format.TableColumn{{Name: "id", Type: "uuid"}, {Name: "vector", Type: "vector(3)"}, {Name: "payload", Type: "jsonb"}}}})
		if (l != nil) != want {
			t.Errorf("%q: %v", name, l != nil)
		}
	}
	source, home := pgserver.New(t), pgserver.New(t)
	fill(t, source, `a"b'; DROP TABLE zoo; --☃`, 4)
	storetest.Restored(t, source, home, "")
	storetest.SameLines(t, rows(t, source, `a"b'; DROP TABLE zoo; --☃`), rows(t, home, `a"b'; DROP TABLE zoo; --☃`))
	storetest.SameLines(t, rows(t, source, "zoo"), rows(t, home, "zoo"))
}

// The file of entities is recognised, and its members are fields.
func TestEntities(t *testing.T) {
	dir := t.TempDir()
	source, home, there := filepath.Join(dir, "vector_store_entities.db"), filepath.Join(dir, "h.db"), filepath.Join(dir, "m.db")
	storetest.Exec(t, source, append(slices.Clone(statements), "INSERT INTO vectors VALUES ("+text(id(1))+", "+vector(1, 8)+", "+
		text(`{"data":"Ada","entityType":"PROPER","linkedMemoryIds":["`+id(2)+`","`+id(3)+`"],"user_id":"ada"}`)+")")...)
	_, report := storetest.Restored(t, source, home, "")
	if report.Source.Layout != mem0.Name {
		t.Errorf("recognised as %s", report.Source.Layout)
	}
	storetest.Same(t, source, home)
	storetest.Restored(t, source, there, "memarc")
	if got := storetest.One(t, there, `SELECT content || ' ' || "mem0.entity_type" || ' ' || json_array_length("mem0.linked_memory_ids") || ' ' || owner FROM memories WHERE "mem0.payload" IS NULL`); got != "Ada PROPER 2 ada" {
		t.Errorf("the entity is %q", got)
	}
}

// A file that holds memories and their history is one store of both.
func TestHistoryBesideMemories(t *testing.T) {
	source, home := filepath.Join(t.TempDir(), "s.db"), filepath.Join(t.TempDir(), "h.db")
	create(t, source, 20, false)
	storetest.Exec(t, source, histories["3"]...)
	_, report := storetest.Restored(t, source, home, "")
	if report.Source.Layout != mem0.Name || report.Sections[format.Events].Written != 3 {
		t.Errorf("%+v, %+v", report.Source, report.Sections)
	}
	storetest.Same(t, source, home)
}
