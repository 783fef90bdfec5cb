package vestige_test

import (
	"path/filepath"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// A store passes through another product's PostgreSQL store and memarc's own, and is at
// home again what it was, byte for byte.
func TestPostgresChain(t *testing.T) {
	for name, make := range map[string]func(t testing.TB, path string){
		"planned": func(t testing.TB, path string) { planned(t, path, 18, "retrievability") },
		"V11":     func(t testing.TB, path string) { create(t, path, 11) },
		"V39":     func(t testing.TB, path string) { create(t, path, 39) },
		"V39 of 1": func(t testing.TB, path string) {
			create(t, path, 39)
			storetest.Exec(t, path, "DELETE FROM knowledge_nodes WHERE rowid > 1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source, home := filepath.Join(dir, "source.db"), filepath.Join(dir, "home.db")
			make(t, source)
			archive, first := storetest.Export(t, source, exporter.Options{})
			for _, step := range []struct{ target, layout string }{
				{pgserver.New(t), "ai-memory"}, {pgserver.New(t), "memarc"}, {pgserver.New(t), "vestige"}, {home, ""},
			} {
				report := storetest.MustImport(t, step.target, archive, store.SinkOptions{Layout: step.layout})
				if report.Target != first.End.Content {
					t.Errorf("%s: content digest %s, of the source %s", step.layout, report.Target, first.End.Content)
				}
				again := storetest.MustImport(t, step.target, archive, store.SinkOptions{})
				for section, c := range again.Sections {
					if c.Written+c.Updated+c.Skipped > 0 && section != format.Spaces {
						t.Errorf("%s: again: section %q: %+v", step.layout, section, c)
					}
				}
				var there *exporter.Report
				archive, there = storetest.Export(t, step.target, exporter.Options{})
				if there.End.Content != first.End.Content {
					t.Errorf("%s: content digest of the export %s, of the source %s", step.layout, there.End.Content, first.End.Content)
				}
				storetest.SameLedger(t, there.Losses)
			}
			storetest.Same(t, source, home)
			storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
		})
	}
}
