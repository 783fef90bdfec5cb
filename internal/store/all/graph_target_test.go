package all_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/rawgraph"
)

// stranger puts into a graph what is nobody's business: nodes with the label of the
// product's too, and an index.
func stranger(t testing.TB, url string) *rawgraph.Graph {
	t.Helper()
	g, name := rawgraph.Open(t, url), ""
	if engineOf(url) != "falkordb" {
		name = "strangers IF NOT EXISTS "
	} else if slices.ContainsFunc(g.Dump(t, true)["definitions"], func(d string) bool { return strings.Contains(d, "Badger") }) {
		g.Run(t, "DROP INDEX FOR (n:Badger) ON (n.set)")
	}
	g.Run(t, "CREATE INDEX "+name+"FOR (n:Badger) ON (n.set)",
		"CREATE (a:Badger {set: 'one', n: 0.1, tags: ['a', 'b']})-[:DIGS {deep: 1.5}]->(b:Badger:Brock {set: 'two'})-[:DIGS]->(a), (b)-[:DIGS]->(b), (:Memory {name: 'no memory of the product', observations: []}), ({alone: true})")
	return g
}

// strangers are the lines of a dump that are the stranger's.
func strangers(d map[string][]string) map[string][]string {
	out := map[string][]string{}
	for what, lines := range d {
		out[what] = slices.DeleteFunc(slices.Clone(lines), func(l string) bool {
			return !strings.Contains(l, "Badger") && !strings.Contains(l, "no memory of the product") && !strings.Contains(l, "alone")
		})
	}
	return out
}

var samples = map[string]func(path string) error{
	"memorygraph": func(path string) error { return sample.MemoryGraph(path, sample.Lean(120)) },
	"vestige":     func(path string) error { return sample.Large(path, sample.Lean(60)) },
	"ai-memory":   func(path string) error { return sample.AIMemory(path, sample.Lean(60)) },
}

func sampled(t testing.TB, product string) (path string, archive []byte, report *exporter.Report) {
	t.Helper()
	path = filepath.Join(t.TempDir(), product+".db")
	if err := samples[product](path); err != nil {
		t.Fatal(err)
	}
	archive, report = storetest.Export(t, path, exporter.Options{})
	storetest.SameLedger(t, report.Losses)
	return path, archive, report
}

// The memories of other products pass through a graph, in memarc's layout and in
// memorygraph's, and are at home what they were, byte for byte.
func TestGraphForeign(t *testing.T) {
	for product := range samples {
		source, archive, first := sampled(t, product)
		for engine := range graphs {
			for _, layout := range []string{"memarc", "memorygraph"} {
				t.Run(fmt.Sprint(product, " ", layout, " ", engine), func(t *testing.T) {
					there, home := graphs[engine](t), filepath.Join(t.TempDir(), "home.db")
					report := storetest.MustImport(t, there, archive, store.SinkOptions{Layout: layout})
					if report.Target != first.End.Content {
						t.Errorf("content digest there %s, of the source %s", report.Target, first.End.Content)
					}
					if layout == "memorygraph" && product != layout {
						seen := rawgraph.Open(t, there).One(t, "MATCH (m:Memory) WHERE m.title IS NOT NULL AND m.content IS NOT NULL AND m.created_at IS NOT NULL RETURN count(m)")
						if seen != int64(first.Sections["memories"].Written) {
							t.Errorf("the product sees %v memories of %d", seen, first.Sections["memories"].Written)
						}
					}
					out, second := storetest.Export(t, there, exporter.Options{})
					storetest.SameLedger(t, second.Losses)
					if second.Source.Layout != layout || second.Source.Engine != engine || second.End.Content != first.End.Content {
						t.Errorf("%+v with content digest %s, the source had %s", second.Source, second.End.Content, first.End.Content)
					}
					again(t, there, archive, store.SinkOptions{})
					noMarks(t, there)
					storetest.MustImport(t, home, out, store.SinkOptions{Layout: product})
					storetest.Same(t, source, home)
					storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
				})
			}
		}
	}
}

// A faulty sink loses a record, or fails, behind the importer's back.
type faulty struct {
	store.Sink
	batches int // before it fails
	drops   bool
}

var errFault = errors.New("fault")

func (f *faulty) Write(ctx context.Context, b *format.Batch) (store.Result, error) {
	if f.batches--; f.batches == 0 && !f.drops {
		return store.Result{}, errFault
	}
	if f.batches == 0 {
		less := format.NewBatch(b.Section)
		defer less.Release()
		for row := 1; row < b.Rows; row++ {
			less.AppendRow(b, row)
		}
		res, err := f.Sink.Write(ctx, less)
		res.Written++
		return res, err
	}
	return f.Sink.Write(ctx, b)
}

func faultyImport(t testing.TB, url string, archive []byte, so store.SinkOptions, o importer.Options, wrap func(store.Sink) store.Sink) error {
	t.Helper()
	r, err := format.NewReader(bytes.NewReader(archive), format.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sink, err := all.Registry().OpenSink(t.Context(), url, r.Manifest(), so)
	if err != nil {
		t.Fatal(err)
	}
	_, err = importer.Import(t.Context(), r, wrap(sink), o)
	if e := sink.Close(); e != nil {
		t.Errorf("close: %v", e)
	}
	return err
}

// What a graph held stays as it was, whatever comes of an import; what an import has
// begun goes with it.
func TestGraphKeepsOthers(t *testing.T) {
	_, archive, _ := sampled(t, "memorygraph")
	path := filepath.Join(t.TempDir(), "few.db")
	if err := sample.MemoryGraph(path, sample.Lean(7)); err != nil {
		t.Fatal(err)
	}
	few, _ := storetest.Export(t, path, exporter.Options{})
	for _, layout := range []string{"memarc", "memorygraph"} {
		for engine := range graphs {
			t.Run(layout+" "+engine, func(t *testing.T) {
				url, options := graphs[engine](t), store.SinkOptions{Layout: layout}
				g := stranger(t, url)
				before := strangers(g.Dump(t, true))
				// A store beside what others have, under the layout that is asked for or the
				// product's own, and strictly.
				if layout == "memorygraph" {
					options.Layout = ""
				}
				report, err := storetest.Import(url, few, options, importer.Options{Strict: true})
				if err != nil || !report.Verified {
					t.Fatalf("beside a stranger's graph: %v", err)
				}
				storetest.SameDump(t, before, strangers(g.Dump(t, true)))
				keepsOthers(t, url, g, archive, options)
			})
		}
	}
}

func keepsOthers(t *testing.T, url string, g *rawgraph.Graph, archive []byte, options store.SinkOptions) {
	before := g.Dump(t, true)
	same := func(what string) {
		t.Helper()
		after := g.Dump(t, true)
		// FalkorDB keeps the indexes of labels that nothing has any more.
		for _, d := range after["definitions"] {
			if !slices.Contains(before["definitions"], d) && !strings.Contains(d, "Memory") && !strings.Contains(d, "Memarc") && !strings.Contains(d, "RELATIONSHIP") {
				t.Errorf("%s: there is now %s", what, d)
			}
		}
		after["definitions"] = strangers(after)["definitions"]
		want := map[string][]string{"nodes": before["nodes"], "relationships": before["relationships"], "definitions": strangers(before)["definitions"]}
		if diff := storetest.Diff(want, after); len(diff) > 0 {
			t.Errorf("%s: %.500q", what, diff[:min(len(diff), 5)])
		}
	}
	layout := options.Layout
	for batches := range 2 {
		err := faultyImport(t, url, archive, options, importer.Options{}, func(s store.Sink) store.Sink { return &faulty{s, batches + 1, false} })
		if !errors.Is(err, errFault) {
			t.Fatalf("error %v", err)
		}
		same(fmt.Sprintf("%s: failed at batch %d", layout, batches+1))
	}
	err := faultyImport(t, url, archive, options, importer.Options{}, func(s store.Sink) store.Sink { return &faulty{s, 1, true} })
	if !errors.Is(err, importer.ErrDifference) {
		t.Errorf("a record was lost and the error is %v", err)
	}
	same(layout + ": verification failed")
	// One refused record undoes all, if that is asked for. A changed record is refused.
	if layout != "memarc" {
		_, foreign, _ := sampled(t, "vestige")
		_, err = storetest.Import(url, foreign, store.SinkOptions{Layout: layout, NoSidecar: true}, importer.Options{Strict: true})
		if !errors.Is(err, importer.ErrRejected) {
			t.Errorf("strict: %v", err)
		}
		same(layout + ": strict")
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = storetest.ImportContext(ctx, url, archive, options, importer.Options{Progress: func(p importer.Progress) {
		if p.Stage == "verify" {
			cancel()
		}
	}})
	if cancel(); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
	same(layout + ": cancelled")
	if _, err = storetest.Import(url, archive[:len(archive)*2/3], options, importer.Options{}); err == nil {
		t.Error("a truncated archive is imported")
	}
	same(layout + ": truncated archive")
	storetest.MustImport(t, url, archive, options)
	storetest.SameDump(t, strangers(before), strangers(g.Dump(t, false)))
	after := g.Dump(t, true)
	again(t, url, archive, options)
	storetest.SameDump(t, after, g.Dump(t, true))
	noMarks(t, url)
}

// An import of a product's records into a store of memarc's own that has those of
// another gives its tables more columns, and takes them back where it fails.
func TestGraphColumnsUndone(t *testing.T) {
	for engine := range graphs {
		t.Run(engine, func(t *testing.T) {
			url := graphs[engine](t)
			_, first, _ := sampled(t, "vestige")
			_, second, _ := sampled(t, "memorygraph")
			storetest.MustImport(t, url, first, store.SinkOptions{Layout: "memarc"})
			g := rawgraph.Open(t, url)
			before := g.Dump(t, true)
			if _, err := storetest.Import(url, second[:len(second)*2/3], store.SinkOptions{}, importer.Options{}); !errors.Is(err, format.ErrTruncated) {
				t.Fatalf("a truncated archive: %v", err)
			}
			after := g.Dump(t, true)
			storetest.SameLines(t, before["nodes"], after["nodes"])
			noMarks(t, url)
			storetest.MustImport(t, url, second, store.SinkOptions{})
			noMarks(t, url)
		})
	}
}

// A record that has changed in the graph, and one that has changed since, under each
// policy.
func TestGraphConflicts(t *testing.T) {
	_, archive, _ := sampled(t, "memorygraph")
	for engine := range graphs {
		t.Run(engine, func(t *testing.T) {
			url := graphs[engine](t)
			g := rawgraph.Open(t, url)
			storetest.MustImport(t, url, archive, store.SinkOptions{})
			whole := g.Dump(t, true)
			change := func(day string) map[string][]string {
				g.Run(t, "MATCH (m:Memory) WITH m ORDER BY m.id LIMIT 3 SET m.title = 'changed', m.updated_at = '"+day+"T00:00:00+00:00'",
					"MATCH ()-[r]->() WITH r ORDER BY r.id LIMIT 2 SET r.strength = 0.123456789")
				return g.Dump(t, true)
			}
			for _, c := range []struct {
				policy  store.Policy
				day     string
				updated uint64
				skipped uint64
			}{{store.Skip, "2020-01-01", 0, 5}, {store.Newer, "2099-01-01", 0, 5}, {store.Newer, "2020-01-01", 3, 2}, {store.Overwrite, "2099-01-01", 5, 0}} {
				changed := change(c.day)
				report := storetest.MustImport(t, url, archive, store.SinkOptions{Policy: c.policy})
				updated, skipped := uint64(0), uint64(0)
				for _, s := range report.Sections {
					updated, skipped = updated+s.Updated, skipped+s.Skipped
				}
				if updated != c.updated || skipped != c.skipped {
					t.Errorf("%s: %d updated, %d skipped: %+v", c.policy, updated, skipped, report.Sections)
				}
				switch {
				case c.updated == 0:
					storetest.SameDump(t, changed, g.Dump(t, true))
				case c.skipped == 0:
					storetest.SameDump(t, whole, g.Dump(t, true))
				}
				noMarks(t, url)
			}
			changed := change("2020-01-01")
			_, err := storetest.Import(url, archive, store.SinkOptions{Policy: store.Fail}, importer.Options{})
			if !errors.Is(err, store.ErrConflict) {
				t.Errorf("error %v, want ErrConflict", err)
			}
			storetest.SameDump(t, changed, g.Dump(t, true))
			// An import that has overwritten and then fails gives back what it has replaced.
			err = faultyImport(t, url, archive, store.SinkOptions{Policy: store.Overwrite}, importer.Options{}, func(s store.Sink) store.Sink { return &faulty{s, 2, false} })
			if !errors.Is(err, errFault) {
				t.Errorf("error %v", err)
			}
			storetest.SameDump(t, changed, g.Dump(t, true))
		})
	}
}
