package file

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/memarc/memarc/internal/store"
)

// Wherever the change of names is broken off, the store is found with the file that goes
// with it, and what is left of a try is gone after the next one.
func TestBrokenOff(t *testing.T) {
	pair := &store.FileFormat{Name: "pair", Beside: ".side", Is: func(head []byte) bool { return bytes.HasPrefix(head, []byte("store")) }}
	dir := t.TempDir()
	final, written := filepath.Join(dir, "a"), filepath.Join(dir, ".a.new")
	put := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := func() (out string) {
		t.Helper()
		p, err := engine{pair}.locate(store.Location{Path: final})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range p.names {
			raw, err := os.ReadFile(filepath.Join(p.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			out += string(raw) + ";"
		}
		return out
	}
	put(final, "store 0")
	put(final+".side", "side 0")
	last := 4
	for broken := range last + 1 {
		before, after := fmt.Sprintf("store %d;side %d;", broken, broken), fmt.Sprintf("store %d;side %d;", broken+1, broken+1)
		if got := found(); got != before {
			t.Fatalf("before: %s", got)
		}
		put(written, fmt.Sprintf("store %d", broken+1))
		put(written+".side", fmt.Sprintf("side %d", broken+1))
		steps, err := pairSteps(written, final, ".side")
		if err != nil || len(steps) != last {
			t.Fatalf("%d steps: %v", len(steps), err)
		}
		for _, step := range steps[:broken] {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		want := before
		if broken >= 2 {
			want = after
		}
		if got := found(); got != want {
			t.Errorf("broken off after %d steps: %s, want %s", broken, got, want)
		}
		// The next import comes to its end.
		put(written, fmt.Sprintf("store %d", broken+1))
		put(written+".side", fmt.Sprintf("side %d", broken+1))
		if err := publishPair(written, final, ".side"); err != nil {
			t.Fatal(err)
		}
		if got := found(); got != after {
			t.Errorf("afterwards: %s", got)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 2 {
			t.Errorf("the folder has %v", entries)
		}
	}
	// So it is where there was no store before.
	for _, name := range []string{final, final + ".side"} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	for broken := range last + 1 {
		put(written, "store x")
		put(written+".side", "side x")
		steps, err := pairSteps(written, final, ".side")
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range steps[:broken] {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		if broken >= 2 {
			if got := found(); got != "store x;side x;" {
				t.Errorf("broken off after %d steps: %s", broken, got)
			}
		} else if target, err := create(pair, final, false); err != nil {
			t.Errorf("broken off after %d steps: %v", broken, err)
		} else if err := target.Close(); err != nil {
			t.Error(err)
		}
	}
	// A new store takes none over from one that is no more, and leaves it alone.
	if err := os.Remove(final); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := create(pair, final, false); !errors.Is(err, store.ErrUsage) {
			t.Errorf("created beside %q: %v", final+".side", err)
		}
		put(final, "") // as a product leaves a store of which all was deleted
	}
	if raw, err := os.ReadFile(final + ".side"); err != nil || len(raw) == 0 {
		t.Errorf("%q %v", raw, err)
	}
}
