package claudemem_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/claudemem"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// seen is what the product reads of a store.
type seen struct {
	Observations, Sessions []map[string]any
	Dangling               int
	Added, Known, Again    int
}

// product runs the product's own class over a store.
func product(t *testing.T, mode, path string) (out seen) {
	t.Helper()
	folder := os.Getenv("MEMARC_TEST_CLAUDEMEM")
	if folder == "" {
		const why = "MEMARC_TEST_CLAUDEMEM names no folder that has bun and claude-mem in its node_modules: that the product reads what memarc writes"
		if slices.Contains(strings.Fields(os.Getenv("MEMARC_TEST_REQUIRE")), "claudemem") {
			t.Fatal(why)
		}
		t.Skip("NOT PROVEN, " + why)
	}
	script, err := filepath.Abs("testdata/product.cjs")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(folder, "node_modules", ".bin", "bun"), script, mode, path)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "CLAUDE_MEM_DATA_DIR="+cmd.Dir)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	raw, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", mode, err, raw, complaints.String())
	}
	return out
}

// What the product has written comes back so that it sees the same.
func TestProductWrites(t *testing.T) {
	dir := t.TempDir()
	source, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "h.db")
	before := product(t, "write", source)
	storetest.Exec(t, source, "PRAGMA wal_checkpoint(TRUNCATE)")
	_, report := storetest.Restored(t, source, home, "")
	if report.Source.Layout != claudemem.Name || report.Source.Version != "52" {
		t.Errorf("recognised as %+v", report.Source)
	}
	storetest.SameLedger(t, report.Losses)
	storetest.Same(t, source, home)
	storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
	if after := product(t, "read", home); len(before.Observations) != 12 || !reflect.DeepEqual(before, after) {
		t.Errorf("the product saw %v and sees %v", before, after)
	}
}

// The product sees every memory of another product, finds nothing to mend in the store,
// and goes on with it.
func TestProductReads(t *testing.T) {
	for name, write := range map[string]func(path string) error{
		"vestige":   func(path string) error { return sample.Project(path, 39) },
		"ai-memory": func(path string) error { return sample.AIMemory(path, sample.Lean(200)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source, target := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.db")
			if err := write(source); err != nil {
				t.Fatal(err)
			}
			archive, report := storetest.Export(t, source, exporter.Options{})
			storetest.MustImport(t, target, archive, store.SinkOptions{Layout: claudemem.Name})
			got := product(t, "read", target)
			if n := uint64(len(got.Observations)); n != report.Sections["memories"].Written {
				t.Errorf("%d observations, want %d", n, report.Sections["memories"].Written)
			}
			for _, o := range got.Observations {
				if o["title"] == "" || o["narrative"] == "" || o["memory_session_id"] == nil {
					t.Errorf("the product sees %v", o)
				}
			}
			if got.Dangling != 0 || len(got.Sessions) == 0 {
				t.Errorf("%d observations have no session, of %d sessions", got.Dangling, len(got.Sessions))
			}
			// Its own hash of a memory that is there finds it.
			added := product(t, "add", target)
			if added.Added <= len(got.Observations)-1 || added.Again != added.Known {
				t.Errorf("the product added %d, and knew %d as %d", added.Added, added.Known, added.Again)
			}
			if _, after := storetest.Export(t, target, exporter.Options{}); after.Sections["memories"].Written != report.Sections["memories"].Written+1 {
				t.Errorf("%d memories after one more", after.Sections["memories"].Written)
			}
		})
	}
}
