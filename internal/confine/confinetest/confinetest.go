//go:build unix

// Package confinetest has the locations by which a hostile caller would leave the folders
// that were allowed, for all tests of what takes locations from one.
package confinetest

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Ground makes an allowed folder, with a way out of every kind in it, and a folder beside
// it whose name begins the same.
func Ground(t testing.TB) (allowed, outside string) {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	allowed, outside = filepath.Join(top, "in"), filepath.Join(top, "in-side")
	for _, dir := range []string{filepath.Join(allowed, "sub"), outside} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{filepath.Join(outside, "secret.db"), filepath.Join(allowed, "own.db"), filepath.Join(allowed, "b.db?layout=vestige"),
		filepath.Join(allowed, "wal.db"), filepath.Join(allowed, "settled.rdb")} {
		if err := os.WriteFile(file, []byte("SQLite format 3\x00 and more"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings := `{"pidfile": "` + filepath.Join(outside, "pid") + `", "unixsocket": "` + filepath.Join(outside, "s") + `"}`
	if err := os.WriteFile(filepath.Join(allowed, "settled.rdb.settings"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"file-link.db": filepath.Join(outside, "secret.db"), "relative-link.db": "../in-side/secret.db", "folder-link": outside,
		"dangling.db": filepath.Join(outside, "new.db"), "inner-link.db": "own.db", "question.db": "b.db?layout=vestige", "loop.db": "loop.db",
		"wal.db-wal": filepath.Join(outside, "secret.db"), "chain": "folder-link", "proc-link": "/proc/self/cwd", "root-link": "/",
	} {
		if err := os.Symlink(target, filepath.Join(allowed, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(allowed, "pipe.db"), 0o600); err != nil {
		t.Fatal(err)
	}
	return allowed, outside
}

// Tricks are locations of which none may pass. IN and OUT stand for
// the two folders of Ground.
var Tricks = []string{
	"", "-", "OUT/secret.db", "OUT/new.db", "OUT", "IN/../in-side/secret.db", "../in-side/secret.db", "sub/../../in-side/secret.db", "IN-side/secret.db",
	"file-link.db", "relative-link.db", "folder-link/secret.db", "folder-link/new.db", "chain/new.db", "chain/a/b/new.db", "dangling.db", "IN/loop.db", "question.db",
	"root-link/etc/passwd", "proc-link/x.db", "own.db/x.db", "own.db/../../in-side/secret.db",
	"sqlite:OUT/secret.db", "sqlite:IN/../in-side/secret.db", "sqlite:folder-link/new.db", "sqlite:dangling.db", "SQLite:OUT/secret.db", "sQlItE:../in-side/secret.db",
	"sqlite://OUT/secret.db", "sqlite:///OUT/secret.db", "sqlite:////OUT/secret.db", "sqlite://localhost/OUT/secret.db", "sqlite://etc/passwd",
	"file:OUT/secret.db", "file://OUT/secret.db", "file:///OUT/secret.db", "file://localhost/OUT/secret.db", "FILE://LOCALHOST/etc/passwd", "file://remote/etc/passwd",
	"file://localhostOUT/secret.db", "file:OUT/new.json?format=memorygraph-json", "file:IN/sub?mode=ro", "file:own.db?mode=ro", "sqlite:own.db?mode=rwc&vfs=unix-none", "own.db?immutable=1",
	"sqlite:file:OUT/secret.db?mode=ro", "sqlite:file:own.db", "sqlite:postgres:x", "file:sqlite:OUT/secret.db", "falkordblite:OUT/secret.db", "falkordblite://OUT/secret.db", "falkordblite://in-side/secret.db", "falkordblite:///OUT/x?graph=a", "falkordblite:settled.rdb",
	"own.db?layout=OUT/layout.yaml", "own.db?layout=../in-side/layout.yaml", "own.db?layout=a&format=/etc", "IN/own.db?layout=%2Fetc%2Fpasswd", "wal.db", "sqlite:wal.db",
	"/dev/fd/0", "/dev/stdin", "/dev/null", "/dev/zero", "/proc/self/fd/0", "/proc/self/environ", "/proc/self/root/etc/passwd", "/proc/self/cwd/x", "/proc/thread-self/maps", "pipe.db", "sqlite:pipe.db",
	"own.db\x00/etc/passwd", "own.db\n", "\x1b[2Jown.db", "own\xff.db", "~/x.db\x7f", strings.Repeat("a/", 3000) + "x.db",
	"/", "//", "///", "..", "../", "../in-side", "./../in-side/secret.db", "IN/./sub/./../../in-side/secret.db", "IN//..//in-side//secret.db",
	"http://localhost/x", "https://localhost/x", "postgres://localhost/db", "postgres:///db", "postgres:db", "neo4j://localhost", "redis://localhost:6379", "falkordb://?socket=/run/redis.sock", "ftp://x/y", "vestige:own.db", "data:,x",
}

// Expand puts the folders into a trick.
func Expand(trick, allowed, outside string) string {
	return strings.NewReplacer("OUT", outside, "IN", allowed).Replace(trick)
}
