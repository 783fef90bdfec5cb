package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/memarc/memarc/internal/engine/newfile"
)

// TestSweep removes what a killed import has left, and neither what another one is
// building nor anything else.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "a.db")
	old := time.Now().Add(-time.Hour)
	put := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		return path
	}
	left := put(".a.db" + newfile.Mark + "1")
	others := []string{put(".b.db" + newfile.Mark + "1"), put("a.db-wal"), put(".a.db.memarc-1")}
	busy := put(".a.db" + newfile.Mark + "2")
	f, err := os.OpenFile(busy, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := newfile.Lock(f); err != nil {
		t.Skipf("NOT PROVEN, files cannot be locked here: %v", err)
	}
	young := put(".a.db" + newfile.Mark + "3")
	if err := os.Chtimes(young, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	target, err := OpenTarget(context.Background(), final)
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Exec(context.Background(), "CREATE TABLE t (a)"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("a forgotten file is still there")
	}
	for _, path := range append(others, busy, young) {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("it was removed: %v", err)
		}
	}
	if err := target.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(final); err != nil {
		t.Error(err)
	}
}
