package mem0_test

import (
	"path/filepath"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/mem0"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// A step is a store on a chain, and its layout there.
type step struct{ target, layout string }

// chain passes a store from one to the next and compares the last with the first.
func chain(t *testing.T, source string, steps ...step) {
	t.Helper()
	archive, first := storetest.Export(t, source, exporter.Options{})
	for _, s := range steps {
		report := storetest.MustImport(t, s.target, archive, store.SinkOptions{Layout: s.layout})
		if report.Target != first.End.Content {
			t.Errorf("%s: content digest %s, of the source %s", s.layout, report.Target, first.End.Content)
		}
		again := storetest.MustImport(t, s.target, archive, store.SinkOptions{})
		for section, c := range again.Sections {
			if c.Written+c.Updated+c.Skipped > 0 && section != format.Spaces {
				t.Errorf("%s: again: section %q: %+v", s.layout, section, c)
			}
		}
		var there *exporter.Report
		archive, there = storetest.Export(t, s.target, exporter.Options{})
		if there.End.Content != first.End.Content || there.Source.Layout != s.layout {
			t.Errorf("%s: exported as %+v with content digest %s, of the source %s", s.layout, there.Source, there.End.Content, first.End.Content)
		}
		storetest.SameLedger(t, there.Losses)
	}
	home := steps[len(steps)-1].target
	storetest.Same(t, source, home)
	storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
}

// A store passes through other products' PostgreSQL stores, and one of its own.
func TestPostgresChain(t *testing.T) {
	dir := t.TempDir()
	source, home := filepath.Join(dir, "source.db"), filepath.Join(dir, "home.db")
	create(t, source, 40, true)
	chain(t, source, step{pgserver.New(t), "memarc"}, step{pgserver.New(t), mem0.Name}, step{pgserver.New(t), "vestige"}, step{pgserver.New(t), "ai-memory"}, step{home, mem0.Name})
}

// Another product's store passes through the databases and files of both libraries.
func TestForeignChain(t *testing.T) {
	for name, write := range map[string]func(path string) error{
		"vestige":     func(path string) error { return sample.Project(path, 39) },
		"ai-memory":   func(path string) error { return sample.AIMemory(path, sample.Lean(60)) },
		"memorygraph": func(path string) error { return sample.MemoryGraph(path, sample.Lean(60)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source, file, home := filepath.Join(dir, "source.db"), filepath.Join(dir, "file.db"), filepath.Join(dir, "home.db")
			if err := write(source); err != nil {
				t.Fatal(err)
			}
			chain(t, source, step{file, mem0.Name}, step{pgserver.New(t), mem0.Name}, step{home, name})
		})
	}
}
