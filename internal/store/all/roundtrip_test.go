package all_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/layout/vestige"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
)

func init() { sqlite3.AutoExtension(fts5.Register) }

func createVestige(t *testing.T, path string, version int) {
	t.Helper()
	c, err := sqlite3.Open("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, s := range vestige.CreateStatements(version) {
		if err := c.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	for i := range 5 {
		stamp := fmt.Sprintf("'2026-02-12T10:11:12.%09d+00:00'", i*1000)
		for _, s := range []string{
			fmt.Sprintf(`INSERT INTO knowledge_nodes (id, content, created_at, updated_at, last_accessed, tags) VALUES ('id-%d', 'hello world %d', %s, %s, %s, '["a","b"]')`, i, i, stamp, stamp, stamp),
			fmt.Sprintf(`INSERT INTO node_embeddings (node_id, embedding, dimensions, model, created_at) VALUES ('id-%d', x'0000803f00000040', 2, 'm', %s)`, i, stamp),
		} {
			if err := c.Exec(s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
	}
}

func export(t *testing.T, path string) ([]byte, *exporter.Report) {
	t.Helper()
	src, err := all.Registry().OpenSource(context.Background(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var out bytes.Buffer
	report, err := exporter.Export(context.Background(), src, &out, exporter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), report
}

func restore(t *testing.T, archive []byte, path, layout string) *importer.Report {
	t.Helper()
	r, err := format.NewReader(bytes.NewReader(archive), format.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sink, err := all.Registry().OpenSink(context.Background(), path, r.Manifest(), store.SinkOptions{Layout: layout})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	report, err := importer.Import(context.Background(), r, sink, importer.Options{})
	if err != nil {
		t.Fatalf("%v\n%+v", err, report)
	}
	return report
}

func TestVestigeComesBack(t *testing.T) {
	for _, version := range vestige.Versions() {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a.db")
			createVestige(t, path, version)
			archive, report := export(t, path)
			if len(report.Losses) > 0 {
				t.Errorf("losses: %+v", report.Losses)
			}
			if report.Source.Version != fmt.Sprint(version) {
				t.Errorf("recognised as version %s", report.Source.Version)
			}
			for _, via := range []string{"vestige", "memarc"} {
				target := filepath.Join(dir, via+".db")
				got := restore(t, archive, target, via)
				if got.Target != report.End.Content {
					t.Errorf("%s: digest differs", via)
				}
				again, second := export(t, target)
				if second.End.Content != report.End.Content {
					t.Errorf("%s: digest of second export differs", via)
				}
				home := filepath.Join(dir, via+"-home.db")
				restore(t, again, home, "")
				if _, third := export(t, home); third.End.Content != report.End.Content || third.Source.Layout != "vestige" {
					t.Errorf("%s: digest at home differs", via)
				}
			}
		})
	}
}
