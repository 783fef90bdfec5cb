package vestige_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/vestige"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// plain adds memories with schedules, vectors and edges that PostgreSQL holds exactly.
func plain(memories int) []string {
	id := func(i int) string { return plannedUUID("a1a10000", 7*i) }
	at := func(i int) string { return text(fmt.Sprintf("2026-02-01T01:02:03.%06d+00:00", 100001+i)) }
	return []string{
		insert("knowledge_nodes", "id, content, node_type, created_at, updated_at, last_accessed, stability, difficulty, retrieval_strength, reps, lapses, tags, has_embedding, embedding_model", memories, func(i int) []string {
			return []string{text(id(i)), text(fmt.Sprintf("otter ☃ %d", i)), text("fact"), at(i), at(i), at(i), number(1.5 + float64(i)), number(5), number(0.7), number(i % 9), number(i % 3), text(`["a"]`), "1", text("small")}
		}),
		insert("node_embeddings", "node_id, embedding, dimensions, model, created_at", memories, func(i int) []string {
			return []string{text(id(i)), fmt.Sprintf("x'0000803f0000004000004040%04x8041'", i), "4", text("small"), at(i)}
		}),
		insert("memory_connections", "source_id, target_id, strength, link_type, created_at, last_activated, activation_count", memories/2, func(i int) []string {
			return []string{text(id(i)), text(id(i + 1)), number(0.25), text("semantic"), at(i), at(i), number(i)}
		}),
	}
}

// Every change of a single value in the product's own tables is found and named, and
// nothing else. The model's name and dimension stand for all vectors, and so apart.
func TestEdits(t *testing.T) {
	const edits = 1000
	source, target := t.TempDir()+"/source.db", pgserver.New(t)
	planned(t, source, 18, "states")
	storetest.Exec(t, source, plain(200)...)
	archive, _ := storetest.Export(t, source, exporter.Options{})
	storetest.MustImport(t, target, archive, store.SinkOptions{})
	if named, _ := storetest.Compare(t, archive, target); len(named) > 0 {
		t.Fatalf("differs before any edit: %+v", named[0])
	}
	done := storetest.EditPostgres(t, target, rand.New(rand.NewPCG(storetest.Seed(t), 3)), edits, "embedding_model")
	if len(done) != edits {
		t.Errorf("%d edits", len(done))
	}
	named, sections := storetest.Compare(t, archive, target)
	oracle := storetest.Oracle{Layout: vestige.Postgres(), Sections: sections, Constants: map[string]string{"space": "small"}, Loose: func(section, id, field string) bool {
		// SQLite has no metadata: what PostgreSQL demands counts once the row has changed.
		return !strings.HasPrefix(id, "a1a1") || section == format.Memories && field == "metadata"
	}}
	oracle.Check(t, done, named)

	run(t, connect(t, target), "UPDATE embedding_model SET name = 'smaller'")
	after, _ := storetest.Compare(t, archive, target)
	vectors := 0
	for _, n := range after {
		if n.Section == format.Embeddings {
			vectors++
		}
	}
	if vectors < 2*(plannedMemories+200) { // each is gone and has come
		t.Errorf("another model shows in %d vectors", vectors)
	}
}
