package all_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memarc/memarc/chain"
	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// changed makes a vestige store, its whole archive and an incremental one on top.
func changed(t *testing.T) (source string, full, inc []byte, want format.Hash) {
	t.Helper()
	source = filepath.Join(t.TempDir(), "a.db")
	storetest.MustImport(t, source, storetest.Records(t), store.SinkOptions{Layout: "vestige"})
	full, _ = storetest.Export(t, source, exporter.Options{})
	storetest.Exec(t, source, "DELETE FROM knowledge_nodes WHERE id = 'm51'", "UPDATE knowledge_nodes SET content = 'changed' WHERE id = 'm52'")
	var report *exporter.Report
	inc, report = storetest.Export(t, source, exporter.Options{Since: storetest.Chain(t, full)})
	return source, full, inc, report.Result.Content
}

// Whatever goes wrong, the target is what it was.
func TestIncrementUndone(t *testing.T) {
	_, full, inc, _ := changed(t)
	dir := t.TempDir()
	target, other := filepath.Join(dir, "b.db"), filepath.Join(dir, "c.db")
	storetest.MustImport(t, target, full, store.SinkOptions{})
	storetest.MustImport(t, other, full, store.SinkOptions{Layout: "memarc"})
	storetest.Exec(t, other, "DELETE FROM memories WHERE id = 'm52'")
	for _, cut := range []int{len(inc) - 1, len(inc) / 2, len(inc) * 9 / 10} {
		storetest.Unchanged(t, dir, func() {
			if _, err := storetest.Import(target, inc[:cut], store.SinkOptions{}, importer.Options{}); !errors.Is(err, format.ErrTruncated) {
				t.Errorf("cut at %d: %v", cut, err)
			}
		})
	}
	storetest.Unchanged(t, dir, func() {
		if _, err := storetest.Import(other, inc, store.SinkOptions{Policy: store.Overwrite}, importer.Options{}); !errors.Is(err, importer.ErrBase) {
			t.Errorf("another state: %v", err)
		}
		if _, err := storetest.Import(filepath.Join(dir, "new.db"), inc, store.SinkOptions{}, importer.Options{}); !errors.Is(err, importer.ErrBase) {
			t.Errorf("a new store: %v", err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		_, err := storetest.ImportContext(ctx, target, inc, store.SinkOptions{}, importer.Options{Progress: func(at importer.Progress) {
			if at.Stage == "import" {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if report, err := storetest.Import(target, inc, store.SinkOptions{}, importer.Options{DryRun: true}); err != nil || report.Sections[format.Memories].Deleted != 1 {
			t.Errorf("dry run: %v, %+v", err, report.Sections)
		}
	})
}

// Archives that are no chain are refused, and the missing one is named.
func TestNoChain(t *testing.T) {
	source, full, inc, _ := changed(t)
	storetest.Exec(t, source, "DELETE FROM knowledge_nodes WHERE id = 'm52'")
	next, _ := storetest.Export(t, source, exporter.Options{Since: storetest.Chain(t, inc, full)})
	beside, _ := storetest.Export(t, source, exporter.Options{Since: storetest.Chain(t, full)})
	for name, archives := range map[string][][]byte{
		"is missing": {full, next}, "are the same": {full, full, inc}, "both stand": {full, inc, beside}, "no archive": {},
	} {
		_, err := chain.Open(context.Background(), storetest.Files(archives...), format.ReaderOptions{})
		if !errors.Is(err, chain.ErrMissing) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for at := len(inc) / 3; at < len(inc); at += len(inc)/40 + 1 { // a damaged link
		bad := append([]byte(nil), inc...)
		bad[at] ^= 1
		if _, err := chain.Open(context.Background(), storetest.Files(full, bad), format.ReaderOptions{}); err == nil {
			t.Errorf("a flipped bit at %d was not found", at)
		}
	}
}

// PostgreSQL takes incremental archives as SQLite does.
func TestIncrementPostgres(t *testing.T) {
	source := filepath.Join(t.TempDir(), "a.db")
	if err := sample.Large(source, sample.Lean(60)); err != nil {
		t.Fatal(err)
	}
	full, _ := storetest.Export(t, source, exporter.Options{})
	storetest.Exec(t, source, "DELETE FROM knowledge_nodes WHERE rowid IN (1, 5, 9)", "UPDATE knowledge_nodes SET content = content || ' more' WHERE rowid IN (2, 3)",
		"DELETE FROM memory_connections WHERE rowid % 7 = 0")
	inc, made := storetest.Export(t, source, exporter.Options{Since: storetest.Chain(t, full)})
	for _, layout := range []string{"memarc", "vestige"} {
		target := pgserver.New(t)
		storetest.MustImport(t, target, full, store.SinkOptions{Layout: layout})
		report, err := storetest.Import(target, inc, store.SinkOptions{}, importer.Options{})
		if err != nil || !report.Verified || report.Target != made.Result.Content {
			t.Errorf("%s: %v, %+v", layout, err, report)
		}
	}
}
