package newfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/memarc/memarc/internal/engine/newfile"
)

// A folder whose maker is gone is removed by the next one; one in use, a young one and
// one without a lock are not.
func TestCreateFolder(t *testing.T) {
	dir := t.TempDir()
	make := func() (string, *os.File) {
		t.Helper()
		folder, lock, err := newfile.CreateFolder(dir, "memarc-x-", os.RemoveAll)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { lock.Close() })
		if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%v, %v", info, err)
		}
		return folder, lock
	}
	age := func(folder string) {
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(folder, "lock"), old, old); err != nil {
			t.Fatal(err)
		}
	}
	left, lock := make()
	busy, held := make()
	young, other := make()
	if err := newfile.Lock(open(t, filepath.Join(busy, "lock"))); !newfile.IsLocked(err) {
		t.Skipf("NOT PROVEN, files cannot be locked here: %v", err)
	}
	foreign := filepath.Join(dir, "memarc-x-foreign")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	age(left)
	age(busy)
	for _, f := range []*os.File{lock, other} {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	make()
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a forgotten folder is still there: %v", err)
	}
	for _, folder := range []string{busy, young, foreign} {
		if _, err := os.Stat(folder); err != nil {
			t.Errorf("it was removed: %v", err)
		}
	}
	held.Close()
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A file is never published over another, and replaced only when that is meant.
func TestPublish(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "a")
	write := func(text string) string {
		t.Helper()
		f, err := newfile.Create(final)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}
	if err := newfile.Publish(write("one"), final, false); err != nil {
		t.Fatal(err)
	}
	for _, replace := range []bool{false, true} {
		temporary := write("two")
		if err := newfile.Publish(temporary, final, replace); !errors.Is(err, os.ErrExist) {
			t.Errorf("%v", err)
		}
		if err := os.Remove(temporary); err != nil {
			t.Fatal(err)
		}
	}
	if err := newfile.Replace(write("three"), final); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(final)
	entries, _ := os.ReadDir(dir)
	if err != nil || string(raw) != "three" || len(entries) != 1 {
		t.Errorf("%q, %v, %v", raw, entries, err)
	}
}
