package mcpserver_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// An import that a crash breaks off leaves the records of before it or of after it. If the
// product writes after the crash, what it knows of the records is right in any case.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "1.db"), filepath.Join(dir, "2.db")
	for path, source := range map[string]string{first: "memorygraph", second: "vestige"} {
		if err := sources[source](path); err != nil {
			t.Fatal(err)
		}
	}
	target := filepath.Join(dir, "t.jsonl")
	a, before := storetest.Export(t, first, exporter.Options{})
	storetest.MustImport(t, target, a, store.SinkOptions{})
	old := [2]string{read(t, target), read(t, target+".memarc")}
	b, _ := storetest.Export(t, second, exporter.Options{})
	storetest.MustImport(t, target, b, store.SinkOptions{})
	now := [2]string{read(t, target), read(t, target+".memarc")}
	_, after := storetest.Export(t, target, exporter.Options{})
	staged := fmt.Sprintf("%s.memarc-%x", target, sha256.Sum256([]byte(now[0])))[:len(target)+8+16]

	put(t, target, old[0])
	put(t, target+".memarc", old[1])
	put(t, staged, now[1])
	if _, report := storetest.Export(t, target, exporter.Options{}); report.End.Content != before.End.Content {
		t.Error("before the store is replaced: other records")
	}
	put(t, target, now[0])
	if _, report := storetest.Export(t, target, exporter.Options{}); report.End.Content != after.End.Content {
		t.Error("after the store was replaced: other records")
	}
	// The product writes: what the first import brought is whole, and what the second did is
	// what the product has of it.
	put(t, target, now[0]+"\n"+bob)
	plain := filepath.Join(dir, "m.db")
	archive, _ := storetest.Export(t, target, exporter.Options{})
	storetest.MustImport(t, plain, archive, store.SinkOptions{Layout: "memarc"})
	lines := fmt.Sprint(strings.Count(now[0], `{"type":"entity"`) + 1)
	if got := storetest.One(t, plain, "SELECT count(*) FROM memories"); got != lines {
		t.Errorf("%s memories of %s lines", got, lines)
	}
	if got, want := storetest.One(t, plain, "SELECT count(*) FROM memories WHERE created_at IS NOT NULL"), fmt.Sprint(before.Sections["memories"].Written); got != want {
		t.Errorf("%s memories are whole, want %s", got, want)
	}
	// Running the second import again brings the rest.
	put(t, target, now[0])
	storetest.MustImport(t, target, b, store.SinkOptions{})
	if got := names(t, dir); len(got) != 5 {
		t.Errorf("the folder has %q", got)
	}
}

// Without the file beside it a store is read as the product has it; what is wrong with that
// file is said.
func TestBeside(t *testing.T) {
	dir := t.TempDir()
	source, target := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.jsonl")
	if err := sources["memorygraph"](source); err != nil {
		t.Fatal(err)
	}
	archive, report := storetest.Export(t, source, exporter.Options{})
	storetest.MustImport(t, target, archive, store.SinkOptions{})
	link := filepath.Join(t.TempDir(), "link.jsonl")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if _, again := storetest.Export(t, link, exporter.Options{}); again.End.Content != report.End.Content {
		t.Error("through a link: other records")
	}
	whole := read(t, target+".memarc")
	rows := strings.SplitAfter(whole, "\n")
	for text, want := range map[string]string{
		"":                               "it is cut short",
		whole[:len(whole)/2]:             "it is cut short",
		strings.Join(rows[:9], ""):       "it is cut short",
		strings.Join(rows[:1], "") + "7": "malformed",
		strings.Join(append(rows[:3:3], rows[4:]...), ""): "malformed",
		whole + "{}": "malformed",
		strings.Replace(whole, `"memarc_sidecar":1`, `"memarc_sidecar":2`, 1): "its version is 2",
		strings.Replace(whole, `"name":"memarc_sidecar"`, `"name":"x"`, 1):    "malformed",
		"text": "invalid",
	} {
		put(t, target+".memarc", text)
		_, err := storetest.Import(target, archive, store.SinkOptions{}, importer.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "move it away") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	if err := os.Remove(target + ".memarc"); err != nil {
		t.Fatal(err)
	}
	_, bare := storetest.Export(t, target, exporter.Options{})
	if n := report.Sections["memories"].Written; bare.Sections["memories"].Written != n || bare.End.Content == report.End.Content {
		t.Errorf("%+v", bare.Sections)
	}
	clean := filepath.Join(t.TempDir(), "c.jsonl")
	if _, err := storetest.Import(clean, archive, store.SinkOptions{NoSidecar: true}, importer.Options{}); err != nil {
		t.Error(err)
	}
	if got := names(t, filepath.Dir(clean)); len(got) != 1 || read(t, clean) != read(t, target) {
		t.Errorf("without a sidecar: %q", got)
	}
}
