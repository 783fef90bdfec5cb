//go:build unix

package confine_test

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/confine"
	"github.com/memarc/memarc/internal/confine/confinetest"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
)

func limits(t testing.TB, folder string, servers ...string) *confine.Limits {
	t.Helper()
	l, err := confine.New(all.Registry(), []string{folder}, servers)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTricksAreRefused(t *testing.T) {
	allowed, outside := confinetest.Ground(t)
	l := limits(t, allowed)
	t.Chdir(outside) // a relative path must not be the working folder's
	for _, trick := range confinetest.Tricks {
		raw := confinetest.Expand(trick, allowed, outside)
		if got, err := l.Store(raw); err == nil {
			t.Errorf("store %q passed as %q", trick, got)
		} else if !errors.Is(err, store.ErrUsage) {
			t.Errorf("store %q: %v is no error of usage", trick, err)
		}
		if trick == "wal.db" { // as a file that nothing is opened beside
			continue
		}
		if got, err := l.File(raw); err == nil {
			t.Errorf("file %q passed as %q", trick, got)
		}
	}
}

func TestPathsInsidePass(t *testing.T) {
	allowed, outside := confinetest.Ground(t)
	t.Chdir(outside)
	l := limits(t, allowed)
	for raw, want := range map[string]string{
		"own.db": "IN/own.db", "IN/own.db": "IN/own.db", "new.db": "IN/new.db", "sub/a/b/new.db": "IN/sub/a/b/new.db", "inner-link.db": "IN/own.db", "..own.db": "IN/..own.db",
		"sqlite:own.db": "sqlite:IN/own.db", "sqlite:///IN/own.db": "sqlite:IN/own.db", "file:///IN/x.json": "file:IN/x.json", "file://localhost/IN/x.json": "file:IN/x.json",
		"x.json?format=json": "IN/x.json?format=json", "own.db?layout=vestige": "IN/own.db?layout=vestige", "SQLITE:own.db?layout=vestige": "sqlite:IN/own.db?layout=vestige",
		"notes/": "IN/notes/", "sub/../own.db": "IN/own.db", "falkordblite:new.rdb?graph=a b&layout=memarc": "falkordblite:IN/new.rdb?graph=a+b&layout=memarc",
	} {
		in := strings.NewReplacer("/IN", allowed, "IN", allowed).Replace(raw)
		got, err := l.Store(in)
		if want := strings.ReplaceAll(want, "IN", allowed); err != nil || got != want {
			t.Errorf("%q is %q, %v, want %q", raw, got, err, want)
		}
	}
}

// A folder that has become a link since it was checked is not followed.
func TestFolderIsNotLeftLater(t *testing.T) {
	allowed, outside := confinetest.Ground(t)
	l := limits(t, allowed)
	p, err := l.File("sub/new.marc")
	if err != nil {
		t.Fatal(err)
	}
	root, err := l.Folder(filepath.Dir(p))
	if err != nil {
		t.Fatal(err)
	}
	root.Close()
	if err := errors.Join(os.Remove(filepath.Join(allowed, "sub")), os.Symlink(outside, filepath.Join(allowed, "sub"))); err != nil {
		t.Fatal(err)
	}
	if root, err := l.Folder(filepath.Dir(p)); err == nil {
		t.Errorf("%q was opened as %q", p, root.Name())
	}
	if _, err := l.Folder(outside); !errors.Is(err, confine.ErrOutside) {
		t.Errorf("a folder that is not allowed: %v", err)
	}
}

func TestFoldersMustExist(t *testing.T) {
	allowed, _ := confinetest.Ground(t)
	for _, folder := range []string{filepath.Join(allowed, "none"), filepath.Join(allowed, "own.db")} {
		if _, err := confine.New(all.Registry(), []string{folder}, nil); !errors.Is(err, store.ErrUsage) {
			t.Errorf("%q: %v", folder, err)
		}
	}
}

func TestServers(t *testing.T) {
	l := limits(t, t.TempDir(), "postgres://admin:top@db.example:5432/memories?sslmode=verify-full&sslcert=/k/c.pem&sslkey=/k/k.pem", "falkordb://localhost:6379", "bolt://[::1]:7687/neo4j")
	for raw, want := range map[string]string{
		"postgres://db.example:5432/memories":              "postgres://admin:top@db.example:5432/memories?sslcert=%2Fk%2Fc.pem&sslkey=%2Fk%2Fk.pem&sslmode=verify-full",
		"PostgreSQL://me:mine@DB.Example:5432/memories":    "postgres://me:mine@db.example:5432/memories?sslcert=%2Fk%2Fc.pem&sslkey=%2Fk%2Fk.pem&sslmode=verify-full",
		"postgres://db.example:5432/memories?schema=other": "postgres://admin:top@db.example:5432/memories?schema=other&sslcert=%2Fk%2Fc.pem&sslkey=%2Fk%2Fk.pem&sslmode=verify-full",
		"redis://localhost:6379/any%2Fgraph":               "falkordb://localhost:6379/any%2Fgraph",
		"bolt://[::1]:7687/neo4j":                          "bolt://[::1]:7687/neo4j",
	} {
		if got, err := l.Store(raw); err != nil || got != want {
			t.Errorf("%q is %q, %v, want %q", raw, got, err, want)
		}
	}
	for _, raw := range []string{
		"postgres://db.example:5432/other", "postgres://db.example:5432/", "postgres://db.example:5432/memories2", "postgres://db.example:5433/memories", "postgres://db.example/memories",
		"postgres://db.example.evil:5432/memories", "postgres://db.example:5432@evil/memories", "postgres://evil/db.example:5432/memories", "postgres://db.example:5432,evil:5432/memories",
		"postgres://evil,db.example:5432/memories", "postgres://db.example:5432%2Cevil/memories", "postgres://db.example:5432/memories/../other", "postgres://db.example:5432/%6demories/x",
		"postgres://db.example:5432/memories?host=evil", "postgres://db.example:5432/memories?hostaddr=10.0.0.1", "postgres://db.example:5432/memories?port=1", "postgres://db.example:5432/memories?dbname=other",
		"postgres://db.example:5432/memories?sslcert=/etc/passwd", "postgres://db.example:5432/memories?sslkey=/etc/passwd", "postgres://db.example:5432/memories?sslrootcert=/etc/passwd",
		"postgres://db.example:5432/memories?passfile=/etc/passwd", "postgres://db.example:5432/memories?service=x", "postgres://db.example:5432/memories?servicefile=/etc/passwd",
		"postgres://db.example:5432/memories?sslmode=disable", "postgres://db.example:5432/memories?options=-c%20x", "postgres://db.example:5432/memories?%68ost=evil",
		"postgres://db.example:5432/memories?layout=/etc/passwd", "postgres://db.example:5432/memories?layout=a&layout=b", "postgres://db.example:5432/memories#x", "postgres:db.example:5432/memories",
		"postgres://%2Fvar%2Frun/memories", "postgres:///memories?host=/var/run", "falkordb://localhost:6379/g?socket=/run/x.sock", "falkordbs://localhost:6379/g", "falkordb://localhost:6379/g?ca=/etc/passwd",
		"bolt://[::1]:7687/system", "bolt://[::1]:7687/neo4j?database=system", "neo4j://[::1]:7687/neo4j", "bolt+ssc://[::1]:7687/neo4j", "bolt://localhost:7687/neo4j",
	} {
		if got, err := l.Store(raw); err == nil {
			t.Errorf("%q passed as %q", raw, got)
		}
	}
	_, err := l.Store("postgres://me:sesame@evil/db")
	if err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("the error shows the password: %v", err)
	}
	for _, raw := range []string{"postgres", "db.example:5432", "sqlite:///x.db", "file:///etc", "https://x/y", "postgres://a,b/db", "postgres:///db"} {
		if _, err := confine.New(all.Registry(), nil, []string{raw}); err == nil {
			t.Errorf("--allow-url %q passed", raw)
		}
	}
}

// FuzzStore checks what passes with the operating system's own confinement.
func FuzzStore(f *testing.F) {
	allowed, outside := confinetest.Ground(f)
	l := limits(f, allowed, "postgres://db.example/memories")
	for _, trick := range confinetest.Tricks {
		f.Add(confinetest.Expand(trick, allowed, outside))
	}
	f.Add("own.db?layout=vestige")
	f.Add("postgres://me:x@db.example/memories?schema=a")
	root, err := os.OpenRoot(allowed)
	if err != nil {
		f.Fatal(err)
	}
	defer root.Close()
	f.Fuzz(func(t *testing.T, raw string) {
		if file, err := l.File(raw); err == nil {
			inside(t, root, raw, file)
			if at, err := store.ParseLocation(file); err != nil || at.Path != file {
				t.Fatalf("%q: the path %q reads as %q (%v)", raw, file, at.Path, err)
			}
		}
		got, err := l.Store(raw)
		if err != nil {
			return
		}
		at, err := store.ParseLocation(got)
		switch {
		case err != nil:
			t.Fatalf("%q passed as %q: %v", raw, got, err)
		case at.Scheme == "postgres":
			if u, err := url.Parse(got); err != nil || u.Host != "db.example" || u.Path != "/memories" {
				t.Fatalf("%q passed as %q", raw, got)
			}
		default:
			inside(t, root, raw, at.Path)
		}
		if again, err := l.Store(got); err != nil || again != got {
			t.Fatalf("%q passed as %q, and that as %q, %v", raw, got, again, err)
		}
	})
}

// inside fails for a path that leads out of a folder or goes through a link.
func inside(t *testing.T, root *os.Root, raw, p string) {
	t.Helper()
	rel, err := filepath.Rel(root.Name(), p)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	for at := rel; ; at = filepath.Dir(at) {
		info, err := root.Lstat(at)
		switch {
		case err == nil && !info.Mode().IsRegular() && !info.IsDir():
			t.Fatalf("%q passed as %q, of which %q is %v", raw, p, at, info.Mode())
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			t.Fatalf("%q passed as %q: %v", raw, p, err)
		}
		if at == "." {
			return
		}
	}
}
