package sqlite

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
)

// A target that is closed without a commit leaves the log of a program that was killed,
// and with one copies it into the database.
func TestCloseKeepsForeignLog(t *testing.T) {
	dir := t.TempDir()
	live, path := filepath.Join(dir, "live.db"), filepath.Join(dir, "left.db")
	c, err := sqlite3.Open("file:" + live)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Exec("PRAGMA journal_mode=WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{}
	for _, ending := range []string{"", "-wal"} {
		if want[ending], err = os.ReadFile(live + ending); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+ending, want[ending], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, commit := range []bool{false, true} {
		target, err := OpenTarget(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		if commit {
			if err := target.Commit(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if err := target.Close(); err != nil {
			t.Fatal(err)
		}
		for ending, raw := range want {
			if now, err := os.ReadFile(path + ending); (err == nil && bytes.Equal(now, raw)) == commit && ending == "-wal" || !commit && !bytes.Equal(now, raw) {
				t.Errorf("commit %v: left.db%s has %d bytes, was %d (%v)", commit, ending, len(now), len(raw), err)
			}
		}
	}
}
