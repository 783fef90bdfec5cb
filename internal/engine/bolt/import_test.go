package bolt_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/engine/bolt"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/neo4jserver"
)

// registry knows an engine before all others.
func registry(e *store.Engine) *store.Registry {
	r := *all.Registry()
	r.Engines = append([]*store.Engine{e}, r.Engines...)
	return &r
}

func export(t *testing.T, r *store.Registry, url string) format.Hash {
	t.Helper()
	src, err := r.OpenSource(t.Context(), url, "")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	report, err := exporter.Export(t.Context(), src, io.Discard, exporter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return report.End.Content
}

func imported(ctx context.Context, r *store.Registry, url string, archive []byte, so store.SinkOptions, o importer.Options) (*importer.Report, error) {
	in, err := format.NewReader(bytes.NewReader(archive), format.ReaderOptions{})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	sink, err := r.OpenSink(ctx, url, in.Manifest(), so)
	if err != nil {
		return nil, err
	}
	report, err := importer.Import(ctx, in, sink, o)
	return report, errors.Join(err, sink.Close())
}

// An archive with every section and every edge of every type goes into a graph and comes
// out of it the same, with the statements of each product, and Memgraph's grammar takes
// all that are sent to it.
func TestImport(t *testing.T) {
	archive := storetest.Records(t)
	t.Run("neo4j", func(t *testing.T) { roundTrip(t, all.Registry(), archive, false) })
	t.Run("memgraph", func(t *testing.T) {
		e, check := bolt.PretendMemgraph()
		roundTrip(t, registry(e), archive, true)
		t.Logf("%d statements", check(t))
	})
}

func roundTrip(t *testing.T, r *store.Registry, archive []byte, memgraph bool) {
	url := neo4jserver.New(t)
	if memgraph {
		url = "memgraph" + strings.TrimPrefix(url, "bolt")
	}
	into := func() *importer.Report {
		t.Helper()
		report, err := imported(t.Context(), r, url, archive, store.SinkOptions{Layout: "memarc"}, importer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !report.Verified || report.Rejected() > 0 {
			t.Fatalf("verified %v, %d rejected: %v", report.Verified, report.Rejected(), report.Rejects[:min(3, len(report.Rejects))])
		}
		return report
	}
	report := into()
	once := export(t, r, url)
	if once != report.End.Content {
		t.Error("the archive comes back as another")
	}
	into() // it converges
	if again := export(t, r, url); again != once {
		t.Error("a second import changes the graph")
	}
	// An import that ends early is undone.
	ctx, cancel := context.WithCancel(t.Context())
	_, err := imported(ctx, r, url, archive, store.SinkOptions{Layout: "memarc"}, importer.Options{Progress: func(importer.Progress) { cancel() }})
	cancel()
	if err == nil {
		t.Log("the import was done before it could be ended")
	}
	if again := export(t, r, url); again != once {
		t.Error("an import that was ended has changed the graph")
	}
}
