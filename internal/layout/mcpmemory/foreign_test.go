package mcpmemory_test

import (
	"path/filepath"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/mcpmemory"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// Records of other products become records that the product can read, and come home.
func TestForeign(t *testing.T) {
	for name, create := range map[string]func(path string) error{
		"memorygraph": func(path string) error { return sample.MemoryGraph(path, sample.Lean(60)) },
		"ai-memory":   func(path string) error { return sample.AIMemory(path, sample.Lean(60)) },
		"vestige":     func(path string) error { return sample.Large(path, sample.Lean(60)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source, there, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.db"), filepath.Join(dir, "h.db")
			if err := create(source); err != nil {
				t.Fatal(err)
			}
			archive, report := storetest.Export(t, source, exporter.Options{})
			storetest.MustImport(t, there, archive, store.SinkOptions{Layout: mcpmemory.Name})
			for query, want := range map[string]string{
				"PRAGMA integrity_check":             "ok",
				"SELECT count(*) = 60 FROM memories": "1",
				"SELECT count(*) FROM memories WHERE length(content_hash) <> 64 OR tags = '' OR tags IS NULL OR store <> 'default' OR deleted_at IS NOT NULL": "0",
				"SELECT count(*) FROM memories WHERE abs(created_at - unixepoch(created_at_iso)) > 1 OR abs(updated_at - unixepoch(updated_at_iso)) > 1":      "0",
				"SELECT count(*) FROM memory_graph WHERE source_hash NOT IN (SELECT content_hash FROM memories) OR similarity NOT BETWEEN 0 AND 1":            "0",
				"SELECT count(*) FROM memory_embeddings WHERE rowid NOT IN (SELECT id FROM memories) OR store <> 'default'":                                   "0",
				"SELECT count(*) = (SELECT count(*) FROM memories) FROM memory_content_fts":                                                                   "1",
			} {
				if got := storetest.One(t, there, query); got != want {
					t.Errorf("%s: %s, want %s", query, got, want)
				}
			}
			storetest.MustImport(t, there, archive, store.SinkOptions{})
			back, again := storetest.Export(t, there, exporter.Options{})
			if again.End.Content != report.End.Content {
				t.Errorf("content digest %s, of the source %s", again.End.Content, report.End.Content)
			}
			storetest.MustImport(t, home, back, store.SinkOptions{Layout: report.Source.Layout})
			storetest.Same(t, source, home)
		})
	}
}

// Vectors follow their memories to whatever numbers these have.
func TestVectorsFollow(t *testing.T) {
	dir := t.TempDir()
	source, beside, there := filepath.Join(dir, "s.db"), filepath.Join(dir, "m.db"), filepath.Join(dir, "t.db")
	if err := sample.Large(source, sample.Lean(300)); err != nil {
		t.Fatal(err)
	}
	archive, _ := storetest.Export(t, source, exporter.Options{})
	storetest.MustImport(t, beside, archive, store.SinkOptions{Layout: "memarc"})
	storetest.MustImport(t, there, archive, store.SinkOptions{Layout: mcpmemory.Name})
	c := storetest.Open(t, beside)
	defer c.Close()
	want := storetest.Query(t, c, "SELECT m.content, e.vector FROM memories m JOIN embeddings e ON e.memory_id = m.id ORDER BY 1, 2")
	d := storetest.Open(t, there)
	defer d.Close()
	got := storetest.Query(t, d, "SELECT m.content, e.content_embedding FROM memories m JOIN memory_embeddings e ON e.rowid = m.id ORDER BY 1, 2")
	if len(got) == 0 || len(got) != len(want) {
		t.Fatalf("%d vectors, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i][0] != want[i][0] || got[i][1] != want[i][1] {
			t.Fatalf("vector %d is %.80q, want %.80q", i, got[i], want[i])
		}
	}
}
