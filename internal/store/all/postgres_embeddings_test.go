package all_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// A target whose vectors are of another dimension refuses an import and says the ways
// out, each of which is proved.
func TestPostgresEmbeddings(t *testing.T) {
	const had, more = 20, 30
	make := func(memories, dimension int) []byte {
		path, size := filepath.Join(t.TempDir(), "s.db"), sample.Lean(memories)
		size.Dimension = dimension
		if err := sample.AIMemory(path, size); err != nil {
			t.Fatal(err)
		}
		archive, report := storetest.Export(t, path, exporter.Options{})
		if report.Sections["embeddings"].Written != uint64(memories) {
			t.Fatalf("embeddings: %+v", report.Sections["embeddings"])
		}
		return archive
	}
	first, second := make(had, 8), make(more, 6)
	for _, c := range []struct {
		name   string
		policy store.EmbeddingPolicy
		want   importer.Count
		ledger []string
		after  uint64
	}{
		{"refuse", store.RefuseEmbeddings, importer.Count{}, nil, had},
		{"keep", store.KeepEmbeddings, importer.Count{Read: more, Written: more}, nil, had + more},
		{"drop", store.DropEmbeddings, importer.Count{Read: more, Skipped: more}, []string{"embeddings-dropped embeddings 30 accepted"}, had},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := pgserver.New(t)
			storetest.MustImport(t, target, first, store.SinkOptions{Layout: "ai-memory"})
			before := storetest.ReadPostgres(t, target)
			report, err := storetest.Import(target, second, store.SinkOptions{Embeddings: c.policy}, importer.Options{})
			if c.policy == store.RefuseEmbeddings {
				if !errors.Is(err, store.ErrSpace) {
					t.Fatalf("error %v", err)
				}
				for _, part := range []string{"6 dimensions", "8 dimensions", "--embeddings keep", "--embeddings drop", "memarc reembed"} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("error %q does not say %q", err, part)
					}
				}
				storetest.SameDump(t, before, storetest.ReadPostgres(t, target))
			} else {
				if err != nil || !report.Verified {
					t.Fatalf("verified %v, error %v", report.Verified, err)
				}
				if got := report.Sections["embeddings"]; got != c.want {
					t.Errorf("embeddings: %+v, want %+v", got, c.want)
				}
				if got := report.Sections["memories"]; got.Written != more {
					t.Errorf("memories: %+v", got)
				}
				storetest.SameLedger(t, report.Losses, c.ledger...)
			}
			if n := ask[int](t, target, "SELECT count(*) FROM memories WHERE vector_dims(embedding) = 8"); n != had {
				t.Errorf("%d vectors of the product's own", n)
			}
			if n := ask[int](t, target, "SELECT count(*) FROM memories WHERE embedding IS NOT NULL"); n != had {
				t.Errorf("%d vectors in the product's column", n)
			}
			_, there := storetest.Export(t, target, exporter.Options{})
			if n := there.Sections["embeddings"].Written; n != c.after {
				t.Errorf("%d embeddings come out, want %d", n, c.after)
			}
			if c.policy == store.KeepEmbeddings { // what is kept already is no reason to refuse
				again := storetest.MustImport(t, target, second, store.SinkOptions{})
				if got := again.Sections["embeddings"]; got.Unchanged != more {
					t.Errorf("again: embeddings: %+v", got)
				}
			}
		})
	}
}
