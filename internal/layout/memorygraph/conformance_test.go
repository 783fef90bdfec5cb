package memorygraph_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/layout/memorygraph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

func config(f form) storetest.Config {
	return storetest.Config{
		Layout: memorygraph.Name, Version: fmt.Sprint(f.version),
		Create: func(t testing.TB, path string) { create(t, path, f, 40, 30, true) },
		Add: []string{
			"INSERT INTO nodes VALUES ('added', 'Memory', " + text(memory(3)) + ", '2026-03-01 00:00:00', '2026-03-01 00:00:00')",
			// Not the clock's time: two stores get the row.
			"INSERT INTO relationships (id, from_id, to_id, rel_type, properties, created_at) VALUES ('added', 'added', '" + id(1001) + "', 'CAUSES', " + text(edge(1, "added", true)) + ", '2026-03-01 00:00:00')",
		},
		Change: []string{"UPDATE nodes SET properties = json_set(properties, '$.title', 'the product wrote this', '$.updated_at', '2027-12-01T00:00:00.500000+00:00') WHERE id = '" + id(1002) + "'"},
		Remove: []string{
			"DELETE FROM relationships WHERE from_id = '" + id(1003) + "' OR to_id = '" + id(1003) + "'",
			"DELETE FROM nodes WHERE id = '" + id(1003) + "'",
			"DELETE FROM nodes WHERE id = '" + id(10) + "'",
		},
		Changed: 1, Dated: true,
		Via: []string{"memarc", "vestige", "ai-memory"},
	}
}

func TestConformance(t *testing.T) {
	for name, f := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(f)
			c.Brief = name != "current" && name != "first"
			storetest.Run(t, c)
		})
	}
}

// A store of the size that people have comes back through every layout, under one
// content digest.
func TestRoundTrips(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "source.db")
	create(t, source, forms["current"], 2000, 500, true)
	archive, report := storetest.Export(t, source, exporter.Options{})
	storetest.SameLedger(t, report.Losses)
	for _, layout := range []string{"", "memarc", "vestige", "ai-memory"} {
		t.Run("via "+layout, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			there, home := filepath.Join(dir, "there.db"), filepath.Join(dir, "home.db")
			storetest.MustImport(t, there, archive, store.SinkOptions{Layout: layout})
			again, second := storetest.Export(t, there, exporter.Options{})
			storetest.MustImport(t, home, again, store.SinkOptions{Layout: memorygraph.Name})
			_, third := storetest.Export(t, home, exporter.Options{})
			if second.End.Content != report.End.Content || third.End.Content != report.End.Content {
				t.Errorf("content digests %s, %s, %s", report.End.Content, second.End.Content, third.End.Content)
			}
			storetest.Same(t, source, home)
			storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
		})
	}
}

// What the members say takes no room twice: only what the product does not write today
// is kept as a text.
func TestTexts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	create(t, path, forms["current"], 300, 50, false)
	archive, _ := storetest.Export(t, path, exporter.Options{})
	beside := filepath.Join(t.TempDir(), "m.db")
	storetest.MustImport(t, beside, archive, store.SinkOptions{Layout: "memarc"})
	for query, want := range map[string]string{
		`SELECT count(*) FROM memories WHERE "memorygraph.properties" IS NOT NULL`:                                                   "0",
		`SELECT count(*) FROM memories WHERE leftovers IS NOT NULL`:                                                                  "0",
		`SELECT count(*) FROM relations WHERE "memorygraph.properties" IS NOT NULL OR leftovers IS NOT NULL`:                         "0",
		`SELECT count(*) FROM memories WHERE title IS NULL OR content IS NULL OR kind IS NULL OR tags IS NULL OR created_at IS NULL`: "0",
		`SELECT count(*) FROM relations WHERE weight IS NULL OR confidence IS NULL OR created_at IS NULL OR recorded_at IS NULL`:     "0",
		`SELECT count(*) FROM memories WHERE metadata IS NOT NULL AND project = '/work/otter' AND owner = 'ada'`:                     "100",
		`SELECT count(*) FROM relations WHERE "memorygraph.properties.valid_until.stale" = 'null' AND valid_until IS NOT NULL`:       "2",
		`SELECT count(*) FROM relations WHERE "memorygraph.properties.invalidated_by.stale" = 'null'`:                                "1",
		`SELECT count(*) FROM relations WHERE "memorygraph.evidence_count" IS NULL OR "memorygraph.last_validated" IS NULL`:          "0",
	} {
		if got := storetest.One(t, beside, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// The product's indexes for several tenants come back, and a new store has none.
func TestTenantIndexes(t *testing.T) {
	dir := t.TempDir()
	source, home, there, fresh := dir+"/s.db", dir+"/h.db", dir+"/v.db", dir+"/f.db"
	create(t, source, forms["current"], 5, 0, false)
	storetest.Exec(t, source, "CREATE INDEX idx_memory_tenant ON nodes(json_extract(properties, '$.context.tenant_id')) WHERE label = 'Memory'")
	_, report := storetest.Restored(t, source, home, "")
	storetest.SameLedger(t, report.Losses)
	storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
	storetest.Restored(t, source, there, "vestige")
	archive, _ := storetest.Export(t, there, exporter.Options{})
	storetest.MustImport(t, fresh, archive, store.SinkOptions{Layout: memorygraph.Name})
	storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, fresh))
}

// The tables that the product's Turso backend makes are none of this layout's, and come
// back as they are.
func TestTurso(t *testing.T) {
	dir := t.TempDir()
	path, restored := filepath.Join(dir, "turso.db"), filepath.Join(dir, "restored.db")
	storetest.Exec(t, path,
		"CREATE TABLE nodes (id TEXT PRIMARY KEY, type TEXT NOT NULL, title TEXT, content TEXT, summary TEXT, context TEXT, importance REAL, tags TEXT, created_at TEXT, updated_at TEXT)",
		"CREATE TABLE relationships (id TEXT PRIMARY KEY, from_id TEXT, to_id TEXT, type TEXT, context TEXT, strength REAL, confidence REAL, created_at TEXT)",
		"INSERT INTO nodes (id, type, title) VALUES ('1', 'task', 't')")
	_, report := storetest.Restored(t, path, restored, "")
	if report.Source.Layout != "generic" {
		t.Errorf("recognised as %s", report.Source.Layout)
	}
	storetest.Same(t, path, restored)
}

// Every change of one character is found and named.
func TestEdits(t *testing.T) {
	const edits = 1000
	source, target := filepath.Join(t.TempDir(), "source.db"), filepath.Join(t.TempDir(), "target.db")
	create(t, source, forms["current"], 900, 300, false)
	archive, _ := storetest.Export(t, source, exporter.Options{})
	storetest.MustImport(t, target, archive, store.SinkOptions{})
	if named, _ := storetest.Compare(t, archive, target); len(named) > 0 {
		t.Fatalf("differs before any edit: %+v", named[0])
	}
	done := storetest.EditSQLite(t, target, rand.New(rand.NewPCG(storetest.Seed(t), 2)), edits)
	if len(done) != edits {
		t.Errorf("%d edits", len(done))
	}
	named, sections := storetest.Compare(t, archive, target)
	// A change of a JSON text is one of a member, or of the text as a whole; one of a
	// column makes its copy stale.
	for i := range done {
		text := slices.Contains(done[i].Columns, "properties")
		if text {
			done[i].Columns = append(done[i].Columns, "properties.order")
		}
		for _, d := range memorygraph.Layout().Documents {
			for _, m := range d.Members {
				if text || m.Copy != "" && slices.Contains(done[i].Columns, m.Copy) {
					done[i].Columns = append(done[i].Columns, "properties."+m.Name, "properties."+m.Name+".stale")
				}
			}
		}
	}
	oracle := storetest.Oracle{Layout: memorygraph.Layout(), Sections: sections, Loose: func(_, id, _ string) bool { return strings.HasPrefix(id, "none") }}
	oracle.Check(t, done, named)
}
