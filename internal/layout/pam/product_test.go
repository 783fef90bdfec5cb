package pam_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// library runs the format's own library, by a Python that has it installed.
func library(t *testing.T, args ...string) []byte {
	t.Helper()
	python := os.Getenv("MEMARC_TEST_PAM")
	if python == "" {
		const why = "MEMARC_TEST_PAM names no Python with portable-ai-memory: that its library takes what memarc writes"
		if slices.Contains(strings.Fields(os.Getenv("MEMARC_TEST_REQUIRE")), "pam") {
			t.Fatal(why)
		}
		t.Skip("NOT PROVEN, " + why)
	}
	script, err := filepath.Abs("testdata/library.py")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, append([]string{script}, args...)...)
	cmd.Env = append(os.Environ(), "PYTHONUTF8=1")
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", args, err, complaints.String())
	}
	return out
}

// validate proves a bundle by the library's models, its checks, and the format's schemas.
func validate(t *testing.T, dir string) {
	t.Helper()
	var got struct{ Issues []string }
	if err := json.Unmarshal(library(t, "validate", dir), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Issues) > 0 {
		t.Errorf("%d issues, the first of which is %s", len(got.Issues), got.Issues[0])
	}
}

// What the library saves is told by columns alone, comes back byte for byte and valid, and
// has its checksum computed.
func TestLibrarySaves(t *testing.T) {
	dir := t.TempDir()
	source, home, there := filepath.Join(dir, "source"), filepath.Join(dir, "home"), filepath.Join(dir, "m.db")
	library(t, "save", source) // skips without the library
	archive, report := storetest.Export(t, source, exporter.Options{})
	storetest.SameLedger(t, report.Losses)
	storetest.MustImport(t, home+"/?format=pam", archive, store.SinkOptions{})
	want, got := storetest.Contents(t, source), storetest.Contents(t, home)
	for name := range want {
		if want[name] != got[name] {
			t.Errorf("%s: other bytes", name)
		}
	}
	validate(t, home)
	storetest.MustImport(t, there, archive, store.SinkOptions{Layout: "memarc"})
	for _, query := range []string{
		`SELECT count(*) FROM memories WHERE "pam.spelling" IS NOT NULL`,
		`SELECT count(*) FROM memories WHERE "pam.content_hash" IS NOT NULL`,
		`SELECT count(*) FROM relations WHERE "pam.spelling" IS NOT NULL`,
		`SELECT count(*) FROM embeddings WHERE "pam.spelling" IS NOT NULL`,
	} {
		if n := storetest.One(t, there, query); n != "0" {
			t.Errorf("%s: %s", query, n)
		}
	}
	// What another product changes has its hash and the checksum made anew.
	changed := filepath.Join(dir, "changed")
	storetest.Exec(t, there, "UPDATE memories SET content = content || ' and more'")
	archive, _ = storetest.Export(t, there, exporter.Options{})
	storetest.MustImport(t, changed+"/?format=pam", archive, store.SinkOptions{})
	validate(t, changed)
}

// Hashes and canonical forms are the library's, of any texts and numbers.
func TestLibraryHashes(t *testing.T) {
	dir := t.TempDir()
	library(t, "hard", dir)
	home := filepath.Join(dir, "home")
	archive, _ := storetest.Export(t, filepath.Join(dir, "source"), exporter.Options{})
	there := filepath.Join(dir, "m.db")
	storetest.MustImport(t, there, archive, store.SinkOptions{Layout: "memarc"})
	if n := storetest.One(t, there, `SELECT count(*) FROM memories WHERE "pam.content_hash" IS NOT NULL`); n != "0" {
		t.Errorf("%s hashes are others", n)
	}
	storetest.Exec(t, there, "DELETE FROM memories WHERE id LIKE '%7'")
	archive, _ = storetest.Export(t, there, exporter.Options{})
	storetest.MustImport(t, home+"/?format=pam", archive, store.SinkOptions{})
	validate(t, home)
}
