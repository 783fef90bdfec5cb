package langgraph_test

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
	"github.com/memarc/memarc/internal/layout/langgraph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// seen is what LangGraph's store gives of what it holds.
type seen struct {
	Items, Found [][]any
}

// product runs LangGraph's own store, by a Python that has it installed.
func product(t *testing.T, mode, where string) (out seen) {
	t.Helper()
	python := os.Getenv("MEMARC_TEST_LANGGRAPH")
	if python == "" {
		const why = "MEMARC_TEST_LANGGRAPH names no Python with langgraph-checkpoint-sqlite, langgraph-checkpoint-postgres and psycopg: that LangGraph reads what memarc writes"
		if slices.Contains(strings.Fields(os.Getenv("MEMARC_TEST_REQUIRE")), "langgraph") {
			t.Fatal(why)
		}
		t.Skip("NOT PROVEN, " + why)
	}
	script, err := filepath.Abs("testdata/product.py")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, script, mode, where)
	cmd.Dir = t.TempDir()
	var complaints strings.Builder
	cmd.Stderr = &complaints
	raw, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", mode, err, complaints.String())
	}
	return out
}

// scores are how near what it found is; which of those that are as near, is open.
func scores(s seen) (out []any) {
	for _, f := range s.Found {
		out = append(out, f[2])
	}
	return out
}

// targets are new stores of each engine.
var targets = map[string]func(t *testing.T) string{
	"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "s.db") },
	"postgres": func(t *testing.T) string { return pgserver.New(t) },
}

// What LangGraph has written comes back so that it sees the same, in its own engine and in
// the other one, under one content digest.
func TestProductWrites(t *testing.T) {
	for from, source := range targets {
		for to, target := range targets {
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				path, there, home := source(t), target(t), source(t)
				before := product(t, "write", path)
				archive, report := storetest.Export(t, path, exporter.Options{})
				if report.Source.Layout != langgraph.Name {
					t.Fatalf("recognised as %+v", report.Source)
				}
				storetest.SameLedger(t, report.Losses)
				if got := storetest.MustImport(t, there, archive, store.SinkOptions{}); got.Target != report.End.Content {
					t.Errorf("content digest there %s, of the source %s", got.Target, report.End.Content)
				}
				again, _ := storetest.Export(t, there, exporter.Options{})
				if got := storetest.MustImport(t, home, again, store.SinkOptions{}); got.Target != report.End.Content {
					t.Errorf("content digest at home %s, of the source %s", got.Target, report.End.Content)
				}
				if from == "sqlite" {
					storetest.Same(t, path, home)
					storetest.SameLines(t, storetest.Schema(t, path), storetest.Schema(t, home))
				}
				for _, where := range []string{there, home} {
					after := product(t, "read", where)
					if len(before.Items) != 64 || len(after.Items) != len(before.Items) || !reflect.DeepEqual(scores(before), scores(after)) {
						t.Fatalf("it saw %d items and found %v, and sees %d and finds %v", len(before.Items), before.Found, len(after.Items), after.Found)
					}
					for i := range before.Items { // times have another form in the other engine
						if !reflect.DeepEqual(before.Items[i][:3], after.Items[i][:3]) {
							t.Errorf("it saw %v and sees %v", before.Items[i], after.Items[i])
						}
					}
				}
			})
		}
	}
}

// LangGraph sees every memory of another product, as LangMem would have written it, and
// what it adds is a memory like any other.
func TestProductReads(t *testing.T) {
	for to, target := range targets {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			source, there := filepath.Join(t.TempDir(), "s.db"), target(t)
			if err := sample.AIMemory(source, sample.Lean(120)); err != nil {
				t.Fatal(err)
			}
			archive, report := storetest.Export(t, source, exporter.Options{})
			storetest.MustImport(t, there, archive, store.SinkOptions{Layout: langgraph.Name})
			got := product(t, "go_on", there)
			if n := uint64(len(got.Items)); n != report.Sections["memories"].Written+1 {
				t.Errorf("%d items, want %d", n, report.Sections["memories"].Written+1)
			}
			for _, item := range got.Items {
				value := item[2].(map[string]any)
				if _, ok := value["content"]; !ok {
					t.Errorf("item %v has no content", item)
				}
			}
			if _, after := storetest.Export(t, there, exporter.Options{}); after.Sections["memories"].Written != report.Sections["memories"].Written+1 {
				t.Errorf("%d memories after one more", after.Sections["memories"].Written)
			}
		})
	}
}
