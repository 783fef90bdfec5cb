package memorygraph_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/layout/memorygraph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/falkorserver"
	"github.com/memarc/memarc/internal/store/storetest/neo4jserver"
	"github.com/memarc/memarc/internal/store/storetest/rawgraph"
)

// places are where the product keeps a store: each gives the location of an empty one.
var places = map[string]func(t testing.TB) string{
	"sqlite":   func(t testing.TB) string { return filepath.Join(t.TempDir(), "s.db") },
	"neo4j":    func(t testing.TB) string { return neo4jserver.New(t) },
	"falkordb": func(t testing.TB) string { return falkorserver.New(t) },
}

// untidy fails the test if an import has left more in a graph than it may.
func untidy(t testing.TB, url string) {
	t.Helper()
	if strings.HasSuffix(url, ".db") {
		return
	}
	if marks := rawgraph.Open(t, url).Marks(t); len(marks) > 0 {
		t.Errorf("marks of the import are left: %q", marks)
	}
}

// unchanged imports an archive again and fails the test if anything is written.
func unchanged(t testing.TB, target string, archive []byte) {
	t.Helper()
	report := storetest.MustImport(t, target, archive, store.SinkOptions{})
	for section, c := range report.Sections {
		if c.Written+c.Updated+c.Skipped+c.Rejected > 0 {
			t.Errorf("again: section %q: %+v", section, c)
		}
	}
}

// A store moves along every pair of engines and along chains of three, under one content
// digest, and is at home what it was, byte for byte. What is no memory goes with it.
func TestGraphChains(t *testing.T) {
	chains := [][]string{
		{"neo4j", "falkordb"}, {"falkordb", "neo4j"}, // with sqlite at both ends: four of the six pairs each
		{"neo4j", "neo4j"}, {"falkordb", "falkordb"}, {"falkordb", "sqlite", "neo4j"}, {"neo4j", "sqlite", "falkordb"},
	}
	memories, hub := 2000, 500
	if !storetest.Long() {
		chains, memories, hub = chains[:2], 400, 100
	}
	source := filepath.Join(t.TempDir(), "source.db")
	create(t, source, forms["current"], memories, hub, true)
	first := map[string][]byte{}
	archive, report := storetest.Export(t, source, exporter.Options{})
	storetest.SameLedger(t, report.Losses)
	want := report.End.Content
	for _, layout := range []string{memorygraph.Name, "memarc"} {
		for _, chain := range chains {
			t.Run(layout+" "+strings.Join(chain, ">"), func(t *testing.T) {
				on := archive
				for _, place := range chain {
					there := places[place](t)
					imported := storetest.MustImport(t, there, on, store.SinkOptions{Layout: layout})
					if imported.Target != want {
						t.Errorf("%s: content digest %s, of the source %s", place, imported.Target, want)
					}
					again, out := storetest.Export(t, there, exporter.Options{})
					if out.Source.Engine != place || out.Source.Layout != layout {
						t.Errorf("recognised as %+v", out.Source)
					}
					if out.End.Content != want {
						t.Errorf("%s: content digest of the export %s, of the source %s", place, out.End.Content, want)
					}
					storetest.SameLedger(t, out.Losses)
					unchanged(t, there, on)
					untidy(t, there)
					if f := first[layout+place]; f == nil {
						first[layout+place] = again
					}
					on = again
				}
				home := places["sqlite"](t)
				if back := storetest.MustImport(t, home, on, store.SinkOptions{Layout: memorygraph.Name}); back.Target != want {
					t.Errorf("content digest at home %s, of the source %s", back.Target, want)
				}
				_, last := storetest.Export(t, home, exporter.Options{})
				storetest.SameLedger(t, last.Losses)
				storetest.Same(t, source, home)
				storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
				if got := storetest.One(t, home, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'memarc%'"); got != "0" {
					t.Errorf("the store at home has %s tables of memarc's", got)
				}
			})
		}
	}
}

// Stores of every form that the tables have had come back from a graph.
func TestGraphForms(t *testing.T) {
	for name, f := range forms {
		for _, place := range []string{"falkordb", "neo4j"} {
			if place == "neo4j" && !storetest.Long() && name != "half migrated" {
				continue
			}
			t.Run(fmt.Sprint(name, " ", place), func(t *testing.T) {
				source, there, home := places["sqlite"](t), places[place](t), places["sqlite"](t)
				create(t, source, f, 40, 30, true)
				archive, report := storetest.Export(t, source, exporter.Options{})
				storetest.MustImport(t, there, archive, store.SinkOptions{})
				again, out := storetest.Export(t, there, exporter.Options{})
				storetest.SameLedger(t, out.Losses)
				storetest.MustImport(t, home, again, store.SinkOptions{})
				if out.End.Content != report.End.Content {
					t.Errorf("content digest %s, of the source %s", out.End.Content, report.End.Content)
				}
				storetest.Same(t, source, home)
				if !slices.Equal(storetest.Schema(t, source), storetest.Schema(t, home)) {
					storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
				}
			})
		}
	}
}
