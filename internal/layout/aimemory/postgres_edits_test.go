package aimemory_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/layout/aimemory"
	"github.com/memarc/memarc/internal/layout/memarc"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// plainID names a memory so that no change of one character gives another's name.
func plainID(i int) string {
	name := []byte(fmt.Sprintf("plain-%03d", i))
	for at, c := range name {
		if c >= '0' && c <= '9' {
			name[at] = 'a' + 2*(c-'0')
		}
	}
	return string(name)
}

// plain returns statements that add records which the tables of both engines hold
// exactly.
func plain(memories, links int) []string {
	var rows, edges []string
	for i := range memories {
		rows = append(rows, fmt.Sprintf("('%s', 'long', 'plain', 'title %d', 'otter ☃ %d', '[\"a\",\"b\"]', 5, %v, 'user', %d, '2026-02-01T01:02:03+00:00', '2026-02-01T01:02:03.%06d+00:00', '{\"n\": %d}',"+
			" x'010000803f%04x0041', 2, 'all-MiniLM-L6-v2#none')", plainID(i), i, i, 0.1+float64(i)/3000, i, 100001+i, i, i))
	}
	for i := range links {
		edges = append(edges, fmt.Sprintf("('%s', '%s', 'related_to', '2026-02-01T01:02:03.%06d+00:00', 'unsigned')", plainID(i), plainID(i+1), 100001+i))
	}
	return []string{
		"INSERT INTO memories (id, tier, namespace, title, content, tags, priority, confidence, source, access_count, created_at, updated_at, metadata, embedding, embedding_dim, embedding_space) VALUES " + strings.Join(rows, ", "),
		"INSERT INTO memory_links (source_id, target_id, relation, created_at, attest_level) VALUES " + strings.Join(edges, ", "),
	}
}

// Every change of a single value in the target's own tables is found and named, and
// nothing else.
func TestEdits(t *testing.T) {
	const edits = 1000
	source := filepath.Join(t.TempDir(), "source.db")
	create(t, source, 101)
	storetest.Exec(t, source, plain(700, 300)...)
	archive, _ := storetest.Export(t, source, exporter.Options{})
	for name, c := range map[string]struct {
		layout *store.Layout
		target func(t *testing.T) string
		edit   func(t testing.TB, target string, rng *rand.Rand, n int, except ...string) []storetest.Edit
	}{
		"ai-memory on PostgreSQL": {aimemory.Postgres(), func(t *testing.T) string { return pgserver.New(t) }, storetest.EditPostgres},
		"memarc on PostgreSQL":    {memarc.Postgres(), func(t *testing.T) string { return pgserver.New(t) }, storetest.EditPostgres},
		"ai-memory on SQLite":     {aimemory.Layout(), func(t *testing.T) string { return filepath.Join(t.TempDir(), "target.db") }, storetest.EditSQLite},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := c.target(t)
			storetest.MustImport(t, target, archive, store.SinkOptions{Layout: c.layout.Name})
			if named, _ := storetest.Compare(t, archive, target); len(named) > 0 {
				t.Fatalf("differs before any edit: %+v", named[0])
			}
			done := c.edit(t, target, rand.New(rand.NewPCG(storetest.Seed(t), 2)), edits)
			if len(done) != edits {
				t.Errorf("%d edits", len(done))
			}
			named, sections := storetest.Compare(t, archive, target)
			oracle := storetest.Oracle{Layout: c.layout, Sections: sections, Loose: func(_, id, _ string) bool { return !strings.HasPrefix(id, "plain") }}
			oracle.Check(t, done, named)
		})
	}
}
