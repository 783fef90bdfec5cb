package memorygraph_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/memorygraph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// product runs the product's own classes, by a Python that has them installed.
func product(t *testing.T, mode, path string) []byte {
	t.Helper()
	python := os.Getenv("MEMARC_TEST_MEMORYGRAPH")
	if python == "" {
		const why = "MEMARC_TEST_MEMORYGRAPH names no Python with memorygraphMCP: that the product reads what memarc writes"
		if slices.Contains(strings.Fields(os.Getenv("MEMARC_TEST_REQUIRE")), "memorygraph") {
			t.Fatal(why)
		}
		t.Skip("NOT PROVEN, " + why)
	}
	script, err := filepath.Abs("testdata/product.py")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, script, mode, path)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", mode, err, complaints.String())
	}
	return out
}

// seen is what the product reads of a store.
type seen struct {
	Memories  map[string]map[string]any
	Relations map[string][]any
}

func look(t *testing.T, path string) (out seen) {
	t.Helper()
	if err := json.Unmarshal(product(t, "read", path), &out); err != nil {
		t.Fatal(err)
	}
	for id, m := range out.Memories {
		if m == nil {
			t.Errorf("%s: the product does not see memory %q", filepath.Base(path), id)
		}
	}
	return out
}

// What the product has written is told by its members alone, and comes back so that the
// product sees the same.
func TestProductWrites(t *testing.T) {
	dir := t.TempDir()
	source, home, there := filepath.Join(dir, "s.db"), filepath.Join(dir, "h.db"), filepath.Join(dir, "m.db")
	product(t, "write", source)
	archive, report := storetest.Restored(t, source, home, "")
	if report.Source.Layout != memorygraph.Name || report.Source.Version != "10" {
		t.Errorf("recognised as %+v", report.Source)
	}
	storetest.SameLedger(t, report.Losses)
	storetest.Same(t, source, home)
	storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
	storetest.MustImport(t, there, archive, store.SinkOptions{Layout: "memarc"})
	for _, sql := range []string{
		`SELECT count(*) FROM memories WHERE "memorygraph.properties" IS NOT NULL OR leftovers IS NOT NULL`,
		`SELECT count(*) FROM relations WHERE "memorygraph.properties" IS NOT NULL OR leftovers IS NOT NULL`,
	} {
		if got := storetest.One(t, there, sql); got != "0" {
			t.Errorf("%s: %s", sql, got)
		}
	}
	before, after := look(t, source), look(t, home)
	if len(before.Memories) != 120 || len(before.Relations) == 0 || !reflect.DeepEqual(before, after) {
		t.Errorf("the product saw %d memories and %d relations, and sees %d and %d or others", len(before.Memories), len(before.Relations), len(after.Memories), len(after.Relations))
	}
	// A new store of memarc's is one of the product's: it finds nothing to make, and a
	// memory of its own is written as it would be in its own.
	fresh := filepath.Join(dir, "f.db")
	storetest.MustImport(t, fresh, storetest.Records(t), store.SinkOptions{Layout: memorygraph.Name})
	schema := storetest.Schema(t, fresh)
	storetest.SameLines(t, storetest.Schema(t, source), schema)
	product(t, "read", fresh)
	storetest.SameLines(t, schema, storetest.Schema(t, fresh))
}

// The product sees every memory and every relation of another product.
func TestProductReads(t *testing.T) {
	for name, write := range map[string]func(path string) error{
		"vestige":   func(path string) error { return sample.Project(path, 39) },
		"ai-memory": func(path string) error { return sample.AIMemory(path, sample.Lean(200)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source, target, there := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.db"), filepath.Join(dir, "m.db")
			if err := write(source); err != nil {
				t.Fatal(err)
			}
			archive, report := storetest.Export(t, source, exporter.Options{})
			storetest.MustImport(t, target, archive, store.SinkOptions{Layout: memorygraph.Name})
			storetest.MustImport(t, there, archive, store.SinkOptions{Layout: "memarc"})
			got := look(t, target)
			if n := uint64(len(got.Memories)); n != report.Sections["memories"].Written {
				t.Errorf("%d memories, want %d", n, report.Sections["memories"].Written)
			}
			if n := uint64(len(got.Relations)); n != report.Sections["relations"].Written {
				t.Errorf("%d relations, want %d", n, report.Sections["relations"].Written)
			}
			for id, m := range got.Memories {
				if want := strings.TrimSpace(storetest.One(t, there, "SELECT content FROM memories WHERE id = "+text(id))); m["content"] != want {
					t.Errorf("memory %q: %q, want %q", id, m["content"], want)
				}
			}
		})
	}
	t.Run("anything", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "t.db")
		storetest.MustImport(t, path, storetest.Records(t), store.SinkOptions{Layout: memorygraph.Name})
		if n := fmt.Sprint(len(look(t, path).Memories)); n == "0" || n != storetest.One(t, path, "SELECT count(*) FROM nodes") {
			t.Errorf("%s memories", n)
		}
	})
}
