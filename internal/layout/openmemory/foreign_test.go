package openmemory_test

import (
	"fmt"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/memorygraph"
	"github.com/memarc/memarc/internal/layout/openmemory"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

var (
	asMemarc     = store.SinkOptions{Layout: "memarc"}
	asOpenMemory = store.SinkOptions{Layout: openmemory.Name}
)

// others are stores of other products.
var others = map[string]func(path string) error{
	"vestige":     func(path string) error { return sample.Project(path, 31) },
	"ai-memory":   func(path string) error { return sample.AIMemory(path, sample.Lean(60)) },
	"memorygraph": func(path string) error { return sample.MemoryGraph(path, sample.Lean(60)) },
}

// kept are what the product demands of every store: queries that count what breaks it.
var kept = []string{
	"SELECT count(*) FROM memories m LEFT JOIN users u ON m.user_id = u.id LEFT JOIN apps a ON m.app_id = a.id WHERE u.id IS NULL OR a.id IS NULL",
	"SELECT count(*) FROM memories WHERE state NOT IN ('active', 'paused', 'archived', 'deleted') OR state IS NULL OR metadata IS NULL OR created_at IS NULL OR updated_at IS NULL",
	"SELECT count(*) FROM memory_status_history h LEFT JOIN memories m ON h.memory_id = m.id WHERE m.id IS NULL",
	"SELECT count(*) FROM users WHERE user_id IS NULL OR user_id = ''",
}

// keptInSQLite are those that only SQLite does not see to itself.
var keptInSQLite = []string{
	"SELECT count(*) FROM memories WHERE typeof(id) <> 'text' OR length(id) <> 32 OR typeof(user_id) <> 'text' OR length(created_at) <> 26 OR length(updated_at) <> 26 OR json_type(metadata) <> 'object'",
	"SELECT count(*) FROM users WHERE typeof(id) <> 'text' OR length(id) <> 32",
}

// Records of other products come into a new store and into one that is there, keep what the
// product demands, come again unchanged, and come home as they were.
func TestForeign(t *testing.T) {
	for name, write := range others {
		for _, existing := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, existing %v", name, existing), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				source, target := dir+"/s.db", dir+"/t.db"
				if err := write(source); err != nil {
					t.Fatal(err)
				}
				before := uint64(0)
				if existing {
					create(t, target, 4)
					storetest.Exec(t, target, "UPDATE memories SET created_at = '2026-02-01 01:02:03.123456', updated_at = '2026-02-01 01:02:03.123456', metadata = '{}'")
					before = filled
				}
				archive, report := storetest.Export(t, source, exporter.Options{})
				got := storetest.MustImport(t, target, archive, asOpenMemory)
				if !existing && got.Target != report.End.Content {
					t.Errorf("content digest %s, of the source %s", got.Target, report.End.Content)
				}
				for _, query := range append(keptInSQLite, kept...) {
					if n := storetest.One(t, target, query); n != "0" {
						t.Errorf("%s: %s", query, n)
					}
				}
				if n, want := storetest.One(t, target, "SELECT count(*) FROM memories"), fmt.Sprint(before+report.Sections["memories"].Written); n != want {
					t.Errorf("%s memories, want %s", n, want)
				}
				again := storetest.MustImport(t, target, archive, store.SinkOptions{})
				for section, c := range again.Sections {
					if c.Written+c.Updated > 0 && section != "spaces" {
						t.Errorf("the second import writes: section %q: %+v", section, c)
					}
				}
				if existing {
					return
				}
				back, _ := storetest.Export(t, target, exporter.Options{})
				storetest.MustImport(t, dir+"/home.db", back, store.SinkOptions{Layout: name})
				storetest.Same(t, source, dir+"/home.db")
			})
		}
	}
}

// Every kind of record goes through the layout as it was.
func TestForeignAnything(t *testing.T) {
	path := t.TempDir() + "/t.db"
	first := storetest.MustImport(t, path, storetest.Records(t), asOpenMemory)
	_, report := storetest.Export(t, path, exporter.Options{})
	if report.End.Content != first.Target {
		t.Errorf("content digest %s, of the archive %s", report.End.Content, first.Target)
	}
	for _, query := range append(keptInSQLite, kept...) {
		if n := storetest.One(t, path, query); n != "0" {
			t.Errorf("%s: %s", query, n)
		}
	}
}

// What the product adds to records of others refers to them by what they call themselves.
func TestProductGoesOn(t *testing.T) {
	dir := t.TempDir()
	source, there, home := dir+"/s.db", dir+"/t.db", dir+"/h.db"
	storetest.Exec(t, source, memorygraph.CreateStatements(10)...)
	for _, id := range []string{"first", "12345678-9012-3456-7890-123456789012", "6f1e0000-0000-4000-8000-00000000000a"} {
		storetest.Exec(t, source, fmt.Sprintf(`INSERT INTO nodes (id, label, properties) VALUES ('%s', 'Memory', '{"id": "%s", "title": "t", "content": "c %s"}')`, id, id, id))
	}
	archive, _ := storetest.Export(t, source, exporter.Options{})
	storetest.MustImport(t, there, archive, asOpenMemory)
	if got := storetest.One(t, there, "SELECT group_concat(typeof(id) || length(id)) || max(id = '6f1e00000000400080000000000000''0a') || (SELECT user_id FROM users) || (SELECT name FROM apps) FROM memories"); got != "text32,text32,text320default_useropenmemory" {
		t.Errorf("memories, users and apps: %s", got)
	}
	storetest.Exec(t, there,
		"UPDATE memories SET content = 'edited' WHERE content = 'c first'",
		"INSERT INTO memory_status_history (id, memory_id, changed_by, old_state, new_state, changed_at) SELECT substr(id, 1, 31) || 'f', id, user_id, 'active', 'paused', '2026-03-01 00:00:00.000000' FROM memories WHERE content LIKE 'c 1%' OR content = 'edited'")
	back, _ := storetest.Export(t, there, exporter.Options{})
	storetest.MustImport(t, home, back, asMemarc)
	if got := storetest.One(t, home, "SELECT group_concat(id || ' ' || content, '; ') FROM (SELECT * FROM memories ORDER BY id)"); got != "12345678-9012-3456-7890-123456789012 c 12345678-9012-3456-7890-123456789012; 6f1e0000-0000-4000-8000-00000000000a c 6f1e0000-0000-4000-8000-00000000000a; first edited" {
		t.Errorf("memories %s", got)
	}
	if got := storetest.One(t, home, "SELECT group_concat(memory_id || ' ' || before || ' ' || after || ' ' || actor, '; ') FROM (SELECT * FROM events ORDER BY memory_id)"); got != "12345678-9012-3456-7890-123456789012 active paused "+openmemory.StrangerID+"; first active paused "+openmemory.StrangerID {
		t.Errorf("events %s", got)
	}
}
