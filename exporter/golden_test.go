package exporter_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/verify"
)

const testdata = "../testdata"

// golden returns the recorded content digests of the files of testdata with an
// ending, by path.
func golden(t *testing.T, ending string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(testdata, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var recorded map[string]string
	if err := json.Unmarshal(raw, &recorded); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, digest := range recorded {
		if strings.HasSuffix(name, ending) {
			out[filepath.Join(testdata, name)] = digest
		}
	}
	files, err := filepath.Glob(filepath.Join(testdata, "*"+ending))
	if err != nil || len(files) == 0 || len(files) != len(out) {
		t.Fatalf("testdata has %d files *%s, golden.json names %d (%v)", len(files), ending, len(out), err)
	}
	return out
}

// Archives of every format version stay readable, and hold what they held.
func TestGoldenArchives(t *testing.T) {
	for path, want := range golden(t, ".marc") {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found, err := verify.Archive(t.Context(), bytes.NewReader(raw), verify.Options{})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got := found.End.Content.String(); got != want {
			t.Errorf("%s: content digest %s, want %s", path, got, want)
		}
		a, err := format.OpenArchive(bytes.NewReader(raw), int64(len(raw)), format.ReaderOptions{})
		if err != nil || a.End().Root != found.End.Root {
			t.Errorf("%s: opened by its index: %v", path, err)
		}
	}
}

// The independent reader says the same.
func TestGoldenArchivesInPython(t *testing.T) {
	for _, program := range []string{"python3", "zstd"} {
		if _, err := exec.LookPath(program); err != nil {
			why := program + " is missing: that the independent reader reads the golden archives"
			if strings.Contains(os.Getenv("MEMARC_TEST_REQUIRE"), "python") {
				t.Fatal(why)
			}
			t.Skip("NOT PROVEN, " + why)
		}
	}
	for path, want := range golden(t, ".marc") {
		out, err := exec.Command("python3", "-B", "../spec/reader/marc.py", "verify", path).Output()
		var got struct{ Content string }
		if jsonErr := json.Unmarshal(out, &got); err != nil || jsonErr != nil || got.Content != want {
			t.Errorf("%s: %v, %v: %s; want content digest %s", path, err, jsonErr, out, want)
		}
	}
}

// The stores give the same content digest as on the day they were made.
func TestGoldenStores(t *testing.T) {
	for path, want := range golden(t, ".db") {
		for _, encoding := range []format.Encoding{format.Arrow, format.NDJSON} {
			storetest.Unchanged(t, testdata, func() {
				_, report := storetest.Export(t, path, exporter.Options{Encoding: encoding})
				if got := report.End.Content.String(); got != want {
					t.Errorf("%s as %s: content digest %s, want %s", path, encoding, got, want)
				}
				storetest.SameLedger(t, report.Losses)
			})
		}
	}
}

// The archives restore the stores from which they came, straight and through
// another layout.
func TestGoldenArchivesRestore(t *testing.T) {
	for path, want := range golden(t, ".marc") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			archive, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			straight, other, home := filepath.Join(dir, "straight.db"), filepath.Join(dir, "other.db"), filepath.Join(dir, "home.db")
			storetest.MustImport(t, straight, archive, store.SinkOptions{})
			storetest.MustImport(t, other, archive, store.SinkOptions{Layout: "memarc"})
			back, _ := storetest.Export(t, other, exporter.Options{})
			storetest.MustImport(t, home, back, store.SinkOptions{})
			for _, restored := range []string{straight, other, home} {
				if _, report := storetest.Export(t, restored, exporter.Options{}); report.End.Content.String() != want {
					t.Errorf("%s: content digest %s, want %s", filepath.Base(restored), report.End.Content, want)
				}
			}
			storetest.Same(t, straight, home)
			if !strings.Contains(path, "v39") {
				raw, err := os.ReadFile(filepath.Join(testdata, "vestige-v11.db"))
				if err != nil {
					t.Fatal(err)
				}
				source := filepath.Join(dir, "source.db")
				if err := os.WriteFile(source, raw, 0o600); err != nil {
					t.Fatal(err)
				}
				storetest.Same(t, source, straight)
			}
		})
	}
}
