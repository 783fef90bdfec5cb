package mcpmemory_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/mcpmemory"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// product runs the product's own classes, by a Python that has them installed.
func product(t *testing.T, mode, path string, in []byte) []byte {
	t.Helper()
	python := os.Getenv("MEMARC_TEST_MCPMEMORY")
	if python == "" {
		const why = "MEMARC_TEST_MCPMEMORY names no Python with mcp-memory-service: that the product reads what memarc writes"
		if slices.Contains(strings.Fields(os.Getenv("MEMARC_TEST_REQUIRE")), "mcpmemory") {
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
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", mode, err, complaints.String())
	}
	return out
}

// seen is what the product reads of a store.
type seen struct {
	Memories map[string]struct {
		Content, Type, Created string
		Hash, Itself           bool
		Tags                   []string
		Metadata               map[string]any
		Found                  int
	}
	Edges           [][]any
	Full            int
	Stored, Deleted bool
	Why, Check      string
}

// look lets the product read a copy of a store and write to it.
func look(t *testing.T, path string) (out seen) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "look.db")
	archive, _ := os.ReadFile(path)
	if err := os.WriteFile(copied, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(product(t, "read", copied, nil), &out); err != nil {
		t.Fatal(err)
	}
	if !out.Stored || !out.Deleted || out.Check != "ok" {
		t.Errorf("%s: the product cannot go on: stored %v (%s), deleted %v, integrity %s", filepath.Base(path), out.Stored, out.Why, out.Deleted, out.Check)
	}
	return out
}

// What the product has written comes back so that the product sees the same, by every way.
func TestProductWrites(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "s.db")
	product(t, "write", source, nil)
	storetest.Exec(t, source, "PRAGMA wal_checkpoint(TRUNCATE)")
	want := look(t, source)
	if len(want.Memories) != 28 || len(want.Edges) < 10 {
		t.Fatalf("the product sees %d memories and %d edges", len(want.Memories), len(want.Edges))
	}
	for _, via := range []string{"", "memarc", "vestige"} {
		home, there := filepath.Join(dir, "home"+via+".db"), filepath.Join(dir, "there"+via+".db")
		archive, report := storetest.Export(t, source, exporter.Options{})
		if via != "" {
			storetest.MustImport(t, there, archive, store.SinkOptions{Layout: via})
			archive, _ = storetest.Export(t, there, exporter.Options{})
		}
		storetest.MustImport(t, home, archive, store.SinkOptions{Layout: mcpmemory.Name})
		if report.Source.Layout != mcpmemory.Name || report.Source.Version != "19" {
			t.Errorf("recognised as %+v", report.Source)
		}
		storetest.SameLedger(t, report.Losses)
		storetest.Same(t, source, home)
		storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
		if got := look(t, home); !reflect.DeepEqual(got, want) {
			t.Errorf("via %q the product sees\n%v, want\n%v", via, got, want)
		}
	}
}

// The product reads records of another product and finds each by its content.
func TestProductReads(t *testing.T) {
	dir := t.TempDir()
	source, there := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.db")
	if err := sample.MemoryGraph(source, sample.Lean(40)); err != nil {
		t.Fatal(err)
	}
	archive, _ := storetest.Export(t, source, exporter.Options{})
	storetest.MustImport(t, there, archive, store.SinkOptions{Layout: mcpmemory.Name})
	got := look(t, there)
	if len(got.Memories) != 40 || got.Full != 40 || len(got.Edges) == 0 {
		t.Errorf("the product sees %d memories, %d texts, %d edges", len(got.Memories), got.Full, len(got.Edges))
	}
	for id, m := range got.Memories {
		if !m.Hash || len(m.Tags) == 0 || m.Content == "" {
			t.Errorf("memory %s: %+v", id, m)
		}
	}
}

// contents are texts that tell Python's rules of blanks and capitals from others'.
var contents = []string{"", "  A b\n", "\x1c\x1d\x1e\x1f\u0085\u00a0\u2003x\u3000", "\u200bX\ufeff", "İSTANBUL ẞ ΣΑΣ ὈΔΥΣΣΕΎΣ", "ΑΣ", "Σ", "AΣ B", "ǅ Ǆ Ω K Å", "\u1c89\ua7cb\u2c2f"}

var letters = []rune("aAzZ ΣσςΆİıẞß\t\n\x1c\u00a0\u2028.'’\u0307\u00adÀǅ")

func TestHash(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	all := slices.Clone(contents[:len(contents)-1]) // new letters depend on Python's version
	for range 400 {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteRune(letters[r.IntN(len(letters))])
		}
		all = append(all, b.String())
	}
	in, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	if err := json.Unmarshal(product(t, "hash", "", in), &want); err != nil {
		t.Fatal(err)
	}
	for i, c := range all {
		if got := mcpmemory.ContentHash(c); got != want[i] {
			t.Errorf("%+q: %s, want %s", c, got, want[i])
		}
	}
}
