package aimemory_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// A store passes through another product's PostgreSQL store, in a schema beside that of
// a third one, and is at home again what it was, byte for byte.
func TestPostgresChain(t *testing.T) {
	for _, version := range []int{20, 101} {
		t.Run(fmt.Sprintf("V%d", version), func(t *testing.T) {
			t.Parallel()
			dir, database := t.TempDir(), pgserver.New(t)
			source, home := filepath.Join(dir, "source.db"), filepath.Join(dir, "home.db")
			create(t, source, version)
			archive, first := storetest.Export(t, source, exporter.Options{})
			for _, step := range []struct{ target, layout string }{
				{database, "memarc"}, {database + "?schema=other", "vestige"}, {home, ""},
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
				if there.End.Content != first.End.Content || step.layout != "" && there.Source.Layout != step.layout {
					t.Errorf("%s: exported as %+v with content digest %s, of the source %s", step.layout, there.Source, there.End.Content, first.End.Content)
				}
				storetest.SameLedger(t, there.Losses)
			}
			if n := ask[int](t, database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'other' AND tablename = 'knowledge_nodes'"); n != 1 {
				t.Error("the schema does not hold the store")
			}
			storetest.Same(t, source, home)
			storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
		})
	}
}
