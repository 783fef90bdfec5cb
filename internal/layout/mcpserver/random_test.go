package mcpserver_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// randomFile makes a file of lines of all kinds in any order, with few names, so that many
// come again.
func randomFile(rng *rand.Rand) string {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	blank := func() string { return pick("", "", "", " ", "\t") }
	text := func() string {
		return pick(`"a"`, `"b"`, `"\u0061"`, `"é"`, `"\u00e9"`, `""`, `"x\ny"`, `"\ud800"`, `"😀"`, `"\/"`, "\"\x7f\u2028\"", "\"\xff\"", `"b"`, `"c"`)
	}
	value := func() string {
		return pick(text(), text(), text(), "1", "-0.0e5", "null", "true", `{"a":[1, 2],"a":3}`, "[]", "["+text()+"]")
	}
	list := func() string {
		var items []string
		for range rng.IntN(4) {
			items = append(items, pick(text(), text(), text(), value()))
		}
		return "[" + blank() + strings.Join(items, ","+blank()) + "]"
	}
	line := func() string {
		var members []string
		add := func(name, value string) { members = append(members, `"`+name+`"`+blank()+":"+blank()+value) }
		switch rng.IntN(8) {
		case 0, 1, 2:
			add("type", `"entity"`)
			add("name", pick(text(), text(), value()))
			add("entityType", pick(text(), text(), value()))
			add("observations", pick(list(), list(), value()))
		case 3, 4:
			add("type", `"relation"`)
			add("from", pick(text(), text(), value()))
			add("to", text())
			add("relationType", text())
		case 5:
			return pick("", "", " ", "\r", "\uFEFF", "\u00a0\t")
		case 6:
			return pick("7", `"x"`, "[]", "{}", marker, `{"type":"note"}`, value()+" ", `{"type":"entity"}`)
		default:
			return pick(ann, bob, knows)
		}
		for range rng.IntN(3) {
			switch rng.IntN(4) {
			case 0:
				add(pick("title", "name", "extra", "type"), value())
			case 1:
				i := rng.IntN(len(members))
				members = slices.Delete(members, i, i+1)
			case 2:
				rng.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
			}
		}
		return blank() + "{" + blank() + strings.Join(members, ","+blank()) + "}" + blank() + pick("", "", "\r")
	}
	lines := []string{pick("", "", "\uFEFF") + pick(ann, marker, knows)}
	for range rng.IntN(40) {
		if l := line(); strings.TrimSpace(l) != "null" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n") + pick("", "\n", "\n\n")
}

// Files of any lines come back byte for byte, and what is merged into them leaves each of
// their lines.
func TestRandomFiles(t *testing.T) {
	n := 20
	if storetest.Long() {
		n = 2000
	}
	rng := rand.New(rand.NewPCG(storetest.Seed(t), 3))
	source := filepath.Join(t.TempDir(), "s.db")
	if err := sources["memorygraph"](source); err != nil {
		t.Fatal(err)
	}
	foreign, _ := storetest.Export(t, source, exporter.Options{})
	for i := range n {
		text := randomFile(rng)
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path, there, home := filepath.Join(dir, "f.jsonl"), filepath.Join(dir, "m.db"), filepath.Join(dir, "h.jsonl")
			put(t, path, text)
			_, report := storetest.Restored(t, path, there, "memarc")
			archive, second := storetest.Export(t, there, exporter.Options{})
			storetest.MustImport(t, home, archive, store.SinkOptions{})
			if got := read(t, home); got != text || second.End.Content != report.End.Content {
				t.Fatalf("%q\nbecame %q", text, got)
			}
			storetest.MustImport(t, path, foreign, store.SinkOptions{})
			unmarked := func(text string) []string { return strings.Split(strings.TrimPrefix(text, "\uFEFF"), "\n") }
			was, now := unmarked(text), unmarked(read(t, path))
			for _, line := range was {
				if at := slices.Index(now, line); at >= 0 {
					now = slices.Delete(now, at, at+1)
				} else {
					t.Fatalf("%q\nhas lost the line %q", text, line)
				}
			}
			if again := storetest.MustImport(t, path, foreign, store.SinkOptions{}); again.Sections["memories"].Written > 0 {
				t.Errorf("%q: a second import writes %+v", text, again.Sections)
			}
		})
	}
}
