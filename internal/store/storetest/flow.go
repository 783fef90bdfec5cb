package storetest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
)

// Seed returns the seed of this run and prints it.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("MEMARC_TEST_SEED"); s != "" {
		v, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("MEMARC_TEST_SEED: %v", err)
		}
		seed = v
	}
	t.Logf("MEMARC_TEST_SEED=%d", seed)
	return seed
}

// Long tells whether long enumerations run in full.
func Long() bool { return os.Getenv("MEMARC_TEST_LONG") == "1" }

// Export exports the store at path.
func Export(t testing.TB, path string, o exporter.Options) ([]byte, *exporter.Report) {
	t.Helper()
	src, err := all.Registry().OpenSource(context.Background(), path, "")
	if err != nil {
		t.Fatalf("open source: %v", err)
	}
	defer func() {
		if err := src.Close(); err != nil {
			t.Errorf("close source: %v", err)
		}
	}()
	var out bytes.Buffer
	report, err := exporter.Export(context.Background(), src, &out, o)
	if err != nil {
		t.Fatalf("export: %v", err)
	}
	return out.Bytes(), report
}

// Import imports an archive into the store at path.
func Import(path string, archive []byte, so store.SinkOptions, o importer.Options) (*importer.Report, error) {
	return ImportContext(context.Background(), path, archive, so, o)
}

// ImportContext imports an archive under a context.
func ImportContext(ctx context.Context, path string, archive []byte, so store.SinkOptions, o importer.Options) (report *importer.Report, err error) {
	r, err := format.NewReader(bytes.NewReader(archive), format.ReaderOptions{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	sink, err := all.Registry().OpenSink(ctx, path, r.Manifest(), so)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := sink.Close(); e != nil && err == nil {
			err = fmt.Errorf("close sink: %w", e)
		}
	}()
	return importer.Import(ctx, r, sink, o)
}

// MustImport imports an archive and fails the test unless the target is proved to
// hold all of it.
func MustImport(t testing.TB, path string, archive []byte, so store.SinkOptions) *importer.Report {
	t.Helper()
	return mustImport(t, path, archive, so, nil)
}

func mustImport(t testing.TB, path string, archive []byte, so store.SinkOptions, ledger []string) *importer.Report {
	t.Helper()
	report, err := Import(path, archive, so, importer.Options{})
	if err != nil {
		t.Fatalf("import: %v %s", err, firstReject(report))
	}
	if !report.Verified || report.Rejected() > 0 {
		t.Fatalf("import: verified %v, %d rejected %v", report.Verified, report.Rejected(), firstReject(report))
	}
	SameLedger(t, report.Losses, ledger...)
	return report
}

func firstReject(r *importer.Report) string {
	if r == nil || len(r.Rejects) == 0 {
		return ""
	}
	return fmt.Sprintf("%s %q: %s", r.Rejects[0].Section, r.Rejects[0].ID, r.Rejects[0].Reason)
}

// Ledger returns losses as lines: code, where, count.
func Ledger(losses []format.Loss) []string {
	out := []string{}
	for _, l := range losses {
		line := fmt.Sprintf("%s %s %d", l.Code, l.Where, l.Count)
		if l.Accepted {
			line += " accepted"
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// SameLedger fails the test unless the ledger holds exactly the lines.
func SameLedger(t testing.TB, losses []format.Loss, want ...string) {
	t.Helper()
	want = slices.Clone(want)
	slices.Sort(want)
	SameLines(t, want, Ledger(losses))
}

// Restored exports the store at path and imports it into a new file of the given
// layout; "" is the archive's own.
func Restored(t testing.TB, path, to, layout string) ([]byte, *exporter.Report) {
	t.Helper()
	archive, report := Export(t, path, whole)
	MustImport(t, to, archive, store.SinkOptions{Layout: layout})
	return archive, report
}
