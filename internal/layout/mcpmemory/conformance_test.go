package mcpmemory_test

import (
	"fmt"
	"testing"

	"github.com/memarc/memarc/internal/layout/mcpmemory"
	"github.com/memarc/memarc/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	for _, version := range []int{7, 9, 12, 19} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, storetest.Config{
				Layout: mcpmemory.Name, Version: fmt.Sprint(version),
				Create: func(t testing.TB, path string) { create(t, path, version, 60) },
				Add: []string{
					"INSERT INTO memories (id, content_hash, content, tags, memory_type, metadata, created_at, updated_at) VALUES (900, 'added', 'added', 'x', 'observation', '{}', 1.75e9, 1.75e9)",
					"INSERT INTO memory_embeddings (rowid, content_embedding, store) VALUES (900, zeroblob(32), 'default')",
				},
				Change: []string{"UPDATE memories SET tags = 'the,product', updated_at = 1.9e9 WHERE id = 12"},
				Remove: []string{
					"DELETE FROM memory_embeddings WHERE rowid = 15",
					"DELETE FROM memories WHERE id = 15",
				},
				Changed: 1, Dated: true, Brief: version != latest,
				Via: []string{"memarc", "vestige", "ai-memory", "memorygraph"},
			})
		})
	}
}

const latest = 19
