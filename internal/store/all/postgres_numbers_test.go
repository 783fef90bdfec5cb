package all_test

import (
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// run runs statements on a PostgreSQL database.
func run(t *testing.T, address string, statements ...string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	for _, s := range statements {
		if _, err := c.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// ask returns the only cell of a query on a PostgreSQL database.
func ask[T any](t *testing.T, address, sql string) (out T) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if err := c.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// imported imports an archive and fails the test unless the counts of its sections
// are those given.
func imported(t *testing.T, target string, archive []byte, options store.SinkOptions, want map[string]importer.Count) {
	t.Helper()
	report := storetest.MustImport(t, target, archive, options)
	for section, c := range want {
		if got := report.Sections[section]; got != c {
			t.Errorf("section %q: %+v, want %+v", section, got, c)
		}
	}
	if len(report.Rejects) > 0 {
		t.Errorf("refused: %+v", report.Rejects[0])
	}
}

// What a migration of 1 000 memories reports: forward, repeated, reverse, and into a
// target in which every row has changed.
func TestPostgresNumbers(t *testing.T) {
	const n = 1000
	dir := t.TempDir()
	source, home, target := filepath.Join(dir, "source.db"), filepath.Join(dir, "home.db"), pgserver.New(t)
	if err := sample.AIMemory(source, sample.Lean(n)); err != nil {
		t.Fatal(err)
	}
	archive, first := storetest.Export(t, source, exporter.Options{})
	links := first.Sections["relations"].Written
	if links == 0 {
		t.Fatal("the store holds no links")
	}
	all := func(count func(read uint64) importer.Count) map[string]importer.Count {
		return map[string]importer.Count{"memories": count(n), "embeddings": count(n), "relations": count(links)}
	}
	written := all(func(n uint64) importer.Count { return importer.Count{Read: n, Written: n} })
	unchanged := all(func(n uint64) importer.Count { return importer.Count{Read: n, Unchanged: n} })
	updated := all(func(n uint64) importer.Count { return importer.Count{Read: n, Updated: n} })
	skipped := all(func(n uint64) importer.Count { return importer.Count{Read: n, Skipped: n} })

	imported(t, target, archive, store.SinkOptions{}, written)
	for sql, want := range map[string]uint64{
		"SELECT count(*) FROM memories": n, "SELECT count(*) FROM memories WHERE embedding IS NOT NULL": n, "SELECT count(*) FROM memory_links": links,
	} {
		if got := ask[uint64](t, target, sql); got != want {
			t.Errorf("%s: %d, want %d", sql, got, want)
		}
	}
	before := storetest.ReadPostgres(t, target)
	for _, policy := range []store.Policy{"", store.Overwrite} {
		imported(t, target, archive, store.SinkOptions{Policy: policy}, unchanged)
	}
	storetest.SameDump(t, before, storetest.ReadPostgres(t, target))

	there, second := storetest.Export(t, target, exporter.Options{})
	if second.End.Content != first.End.Content {
		t.Errorf("content digest there %s, of the source %s", second.End.Content, first.End.Content)
	}
	imported(t, home, there, store.SinkOptions{}, written)
	imported(t, home, there, store.SinkOptions{}, unchanged)
	storetest.Same(t, source, home)

	// The target has memories of its own, which no import may touch.
	run(t, target, "INSERT INTO memories (id, tier, namespace, title, content, source) VALUES ('own', 'long', 'own', 'own', 'a badger', 'user')",
		"INSERT INTO memory_links (source_id, target_id) SELECT 'own', min(id) FROM memories WHERE id <> 'own'")
	const own = "SELECT string_agg(m::text || l::text, '') FROM memories m JOIN memory_links l ON l.source_id = m.id WHERE id = 'own'"
	kept := ask[string](t, target, own)
	const vector = "(SELECT array_agg(x + 1 ORDER BY o) FROM unnest(embedding::real[]) WITH ORDINALITY u(x, o))::vector"
	change := func(by string) []string {
		return []string{
			"UPDATE memories SET content = content || '!', updated_at = updated_at + interval '" + by + "', embedding = " + vector + " WHERE id <> 'own'",
			"UPDATE memory_links SET created_at = created_at + interval '" + by + "' WHERE source_id <> 'own'",
		}
	}
	// Vectors stand in the rows of their memories; links do not say when they were changed.
	later := map[string]importer.Count{"memories": skipped["memories"], "embeddings": skipped["embeddings"], "relations": skipped["relations"]}
	earlier := map[string]importer.Count{"memories": updated["memories"], "embeddings": updated["embeddings"], "relations": skipped["relations"]}
	for _, c := range []struct {
		name, by string
		policy   store.Policy
		want     map[string]importer.Count
	}{
		{"skip", "1 day", store.Skip, skipped},
		{"newer, the target's are", "1 day", store.Newer, later},
		{"overwrite", "1 day", store.Overwrite, updated},
		{"newer, the archive's are", "-1 day", store.Newer, earlier},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, target, change(c.by)...)
			var before storetest.Dump
			if c.policy == store.Skip {
				before = storetest.ReadPostgres(t, target)
			}
			imported(t, target, archive, store.SinkOptions{Policy: c.policy}, c.want)
			if got := ask[string](t, target, own); got != kept {
				t.Errorf("the target's own memory is %s, was %s", got, kept)
			}
			switch c.policy {
			case store.Skip:
				storetest.SameDump(t, before, storetest.ReadPostgres(t, target))
			case store.Overwrite:
				imported(t, target, archive, store.SinkOptions{}, unchanged)
			}
		})
	}
	imported(t, target, archive, store.SinkOptions{Policy: store.Overwrite}, map[string]importer.Count{"memories": unchanged["memories"], "relations": updated["relations"]})
}
