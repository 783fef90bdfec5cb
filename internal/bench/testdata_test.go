package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The generator makes what testdata holds.
func TestTestdata(t *testing.T) {
	dir := t.TempDir()
	if err := makeTestdata(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil || string(got) != string(want) {
		t.Errorf("content digests (%v)\n%s\nwant those of testdata\n%s", err, got, want)
	}
}

// Making test data leaves what is there alone.
func TestTestdataStays(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "v1-arrow.marc")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := makeTestdata(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(path); err != nil || string(raw) != "old" {
		t.Errorf("the archive that was there is now %d bytes, %v", len(raw), err)
	}
}
