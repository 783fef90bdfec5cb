package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/engine/sqlite"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
)

// notes makes a small database of no product with so many rows.
func notes(t testing.TB, path string, rows int) {
	t.Helper()
	storetest.Exec(t, path, "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)",
		fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO note SELECT i, hex(randomblob(500)) FROM n", rows))
}

func random(n int) []byte {
	rng := rand.New(rand.NewPCG(7, 7))
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = byte(rng.Uint32())
	}
	return raw
}

func TestOpenErrors(t *testing.T) {
	defer sqlite.Patience(100)()
	dir := t.TempDir()
	file := func(name string, raw []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := filepath.Join(dir, "whole.db")
	notes(t, whole, 200)
	raw, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(dir, "locked.db")
	notes(t, locked, 3)
	writer := storetest.Open(t, locked)
	defer writer.Close()
	if err := writer.Exec("BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "pipe.db")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(raw)
	copy(damaged[2*4096:], random(len(damaged)-2*4096))
	for _, test := range []struct {
		name, path string
		is         error
		says       string
	}{
		{"missing", filepath.Join(dir, "missing.db"), store.ErrNotFound, "missing.db"},
		{"missing, by scheme", "sqlite:" + filepath.Join(dir, "missing"), store.ErrNotFound, "missing"},
		{"missing, without an ending", filepath.Join(dir, "missing"), store.ErrNotFound, "missing"},
		{"missing folder", filepath.Join(dir, "no", "such.db"), store.ErrNotFound, "such.db"},
		{"folder", filepath.Join(dir, "folder.db"), store.ErrNotStore, "directory"},
		{"folder, without an ending", dir, store.ErrNotStore, "directory"},
		{"pipe", fifo, store.ErrNotStore, "regular"},
		{"empty", file("empty.db", nil), store.ErrNotStore, "empty"},
		{"text", file("text.db", []byte(strings.Repeat("this is no database\n", 100))), store.ErrNotStore, "not a SQLite"},
		{"short", file("short.db", []byte("SQLite format 3\x00")), store.ErrNotStore, "not a SQLite"},
		{"text, without an ending", file("text", []byte("hello")), store.ErrNotStore, "not a SQLite"},
		{"encrypted", file("encrypted.db", random(8192)), store.ErrEncrypted, "encrypted"},
		{"truncated to one page", file("truncated.db", raw[:4096]), nil, "cut short"},
		{"truncated", file("truncated2.db", raw[:len(raw)/2]), nil, "cut short"},
		{"damaged", file("damaged.db", damaged), nil, "damaged"},
		{"locked", locked, nil, "another program holds a lock"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := storetest.Folder(t, dir)
			src, err := all.Registry().OpenSource(context.Background(), test.path, "")
			if err == nil {
				_, err = exporter.Export(context.Background(), src, &bytes.Buffer{}, exporter.Options{})
				src.Close()
			}
			if err == nil {
				t.Fatal("no error")
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %v is not %v", err, test.is)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %q does not say %q", err, test.says)
			}
			if after := storetest.Folder(t, dir); !slices.Equal(before, after) {
				t.Errorf("the folder has changed:\n%q\n%q", before, after)
			}
		})
	}
}

// archive exports a small store.
func archive(t testing.TB, rows int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	notes(t, path, rows)
	raw, _ := storetest.Export(t, path, exporter.Options{})
	return raw
}

func TestTargetErrors(t *testing.T) {
	defer sqlite.Patience(100)()
	dir := t.TempDir()
	a := archive(t, 5)
	for name, raw := range map[string]string{"text.db": "not a database at all\n", "encrypted.db": string(random(4096)), "short.db": "SQLite format 3\x00"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(raw), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(dir, "locked.db")
	notes(t, locked, 3)
	writer := storetest.Open(t, locked)
	defer writer.Close()
	if err := writer.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path string
		is   error
		says string
	}{
		{"no/such/folder.db", os.ErrNotExist, "such"},
		{"text.db/below.db", nil, "below.db"},
		{"folder.db", store.ErrNotStore, "directory"},
		{"text.db", store.ErrNotStore, "not a SQLite"},
		{"short.db", store.ErrNotStore, "not a SQLite"},
		{"encrypted.db", store.ErrEncrypted, "encrypted"},
		{"locked.db", nil, "lock"},
	} {
		t.Run(test.path, func(t *testing.T) {
			storetest.Unchanged(t, dir, func() {
				_, err := storetest.Import(filepath.Join(dir, test.path), a, store.SinkOptions{}, importer.Options{})
				if err == nil {
					t.Fatal("no error")
				}
				if test.is != nil && !errors.Is(err, test.is) {
					t.Errorf("error %v is not %v", err, test.is)
				}
				if !strings.Contains(err.Error(), test.says) {
					t.Errorf("error %q does not say %q", err, test.says)
				}
			})
		})
	}
}

// An empty file stands for a store that is to be made.
func TestEmptyTarget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	storetest.MustImport(t, path, archive(t, 5), store.SinkOptions{})
	if got := storetest.One(t, path, "SELECT count(*) FROM note"); got != "5" {
		t.Errorf("%s rows", got)
	}
}

// A file that comes while the import runs is not written over.
func TestTargetThatComesMeanwhile(t *testing.T) {
	for _, name := range []string{"new.db", "empty.db"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			if name == "empty.db" {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			a := archive(t, 5)
			const mine = "this is mine"
			_, err := storetest.Import(path, a, store.SinkOptions{}, importer.Options{Progress: func(p importer.Progress) {
				if p.Stage == "derive" {
					if err := os.WriteFile(path, []byte(mine), 0o600); err != nil {
						t.Error(err)
					}
				}
			}})
			if err == nil {
				t.Error("no error")
			}
			if raw, _ := os.ReadFile(path); string(raw) != mine {
				t.Errorf("the file now holds %.40q", raw)
			}
			if got := storetest.Folder(t, dir); len(got) != 2 {
				t.Errorf("files are left behind: %q", got)
			}
		})
	}
}

// What a program that died in the middle of a transaction left behind is read as
// if it had been rolled back.
func TestHotJournal(t *testing.T) {
	live, dir := filepath.Join(t.TempDir(), "live.db"), t.TempDir()
	notes(t, live, 300)
	want := storetest.Read(t, live)
	c := storetest.Open(t, live)
	defer c.Close()
	for _, s := range []string{"PRAGMA cache_size=1", "PRAGMA cache_spill=1", "BEGIN", "UPDATE note SET body = 'half done ' || id"} {
		if err := c.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "s.db")
	for _, suffix := range []string{"", "-journal"} {
		raw, err := os.ReadFile(live + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+suffix, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if raw, _ := os.ReadFile(path); !bytes.Contains(raw, []byte("half done")) {
		t.Fatal("the transaction has not reached the file")
	}
	restored := filepath.Join(t.TempDir(), "r.db")
	storetest.Unchanged(t, dir, func() { storetest.Restored(t, path, restored, "") })
	storetest.SameDump(t, want, storetest.Read(t, restored))
}

// full imports into a store while the file system takes no more.
func full(job string) {
	path, archivePath, _ := strings.Cut(job, "|")
	raw, err := os.ReadFile(archivePath)
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	signal.Ignore(syscall.SIGXFSZ)
	limit := uint64(200 << 10)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		fmt.Println("no limit:", err)
		os.Exit(3)
	}
	if _, err = storetest.Import(path, raw, store.SinkOptions{}, importer.Options{}); err != nil {
		fmt.Println("error:", err)
		os.Exit(0)
	}
	fmt.Println("no error")
	os.Exit(1)
}

// A disk that is full leaves nothing of a new store, and an existing one as it was.
func TestFullDisk(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source.db")
	notes(t, source, 2000) // about 2 MiB
	raw, _ := storetest.Export(t, source, exporter.Options{})
	file := filepath.Join(t.TempDir(), "a.marc")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	existing := filepath.Join(dir, "existing.db")
	storetest.Exec(t, existing, "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)", "INSERT INTO note VALUES (-1, 'earlier')")
	wal := filepath.Join(dir, "wal.db")
	storetest.Exec(t, wal, "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)", "INSERT INTO note VALUES (-1, 'earlier')", "PRAGMA journal_mode=WAL")
	for _, path := range []string{filepath.Join(dir, "new.db"), existing, wal} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			before := storetest.Contents(t, dir)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "MEMARC_TEST_FULL="+path+"|"+file)
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code == 3 {
				t.Skipf("NOT PROVEN: the size of files cannot be limited here: %s", out)
			} else if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if !strings.Contains(string(out), "error:") || !strings.Contains(string(out), filepath.Base(path)) {
				t.Errorf("it said %q", out)
			}
			if after := storetest.Contents(t, dir); !maps.Equal(before, after) {
				t.Errorf("the folder has changed: %d files before, %d after", len(before), len(after))
			}
		})
	}
}

// The condition of a query is one condition.
func TestHostileConditions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	notes(t, path, 3)
	for _, where := range []string{
		"1); DROP TABLE note; --", "1; DROP TABLE note", "id = ", "nonsense(", "1) UNION SELECT 1, 2 --", "(1", "1)", "id = 1 -- comment", "/* open", "'open", "",
		"load_extension('x')", "1 ORDER BY id", "1 LIMIT 1", "1 GROUP BY id", "1 UNION SELECT 1 AS rowid, 2", "EXISTS (SELECT * FROM sqlite_schema)", "writefile('x', 'y')", "?",
	} {
		storetest.Unchanged(t, filepath.Dir(path), func() {
			db, err := sqlite.Open(context.Background(), path, sqlite.OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			rows := 0
			for r, err2 := range db.Scan(context.Background(), store.Query{Table: "note", Columns: []string{"id", "body"}, Where: where}) {
				if err = err2; err == nil {
					rows += r.N
				}
			}
			allowed := slices.Contains([]string{"", "id = 1 -- comment", "EXISTS (SELECT * FROM sqlite_schema)", "?"}, where)
			if (err == nil) != allowed || err != nil && !errors.Is(err, store.ErrUsage) {
				t.Errorf("condition %q: %d rows, error %v", where, rows, err)
			}
		})
	}
}

// Tables and columns come from an archive, which is written by an enemy.
func TestHostileShapes(t *testing.T) {
	ctx := context.Background()
	for _, table := range []format.Table{
		{Name: `x" (a); DROP TABLE victim; --`, Columns: []format.TableColumn{{Name: `a" TEXT); DROP TABLE victim; --`, Type: `TEXT); DROP TABLE victim; --`}}},
		{Name: "d", Columns: []format.TableColumn{{Name: "a", Type: "TEXT", Default: []byte(`"'); DROP TABLE victim; --"`)}}},
		{Name: "k", Columns: []format.TableColumn{{Name: "a", Type: "TEXT", Keyword: "1); DROP TABLE victim; --"}}},
		{Name: "f", Columns: []format.TableColumn{{Name: "a", Type: "TEXT"}}, Foreign: []format.ForeignKey{{Columns: []string{"a"}, Table: "victim", OnDelete: "CASCADE); DROP TABLE victim; --"}}},
		{Name: "t", Columns: []format.TableColumn{{Name: "a", Type: "VARCHAR(10) DEFAULT (randomblob(1))"}}},
		{Name: "sqlite_evil", Columns: []format.TableColumn{{Name: "a"}}},
	} {
		path := filepath.Join(t.TempDir(), "s.db")
		storetest.Exec(t, path, "CREATE TABLE victim (a)")
		target, err := sqlite.OpenTarget(ctx, path)
		if err != nil {
			t.Fatal(err)
		}
		err = target.CreateTable(ctx, &table)
		if err == nil {
			err = target.Commit(ctx)
		}
		target.Close()
		if got := storetest.One(t, path, "SELECT count(*) FROM sqlite_schema WHERE name = 'victim'"); got != "1" {
			t.Errorf("table %q: the victim is gone (%v)", table.Name, err)
		}
		if got := storetest.One(t, path, "SELECT coalesce(max(sql), '') FROM sqlite_schema WHERE name <> 'victim'"); strings.Contains(strings.ReplaceAll(got, table.Name, ""), "randomblob") {
			t.Errorf("table %q: %s", table.Name, got)
		}
	}
}

// A reader that goes on while its database is written by a program without a
// log is told so, or kept apart from it.
func TestWriterComesMeanwhile(t *testing.T) {
	defer sqlite.Patience(100)()
	for _, mode := range []string{"DELETE", "WAL"} {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s.db")
			notes(t, path, 20000)
			storetest.Exec(t, path, "PRAGMA journal_mode="+mode)
			src, err := all.Registry().OpenSource(context.Background(), path, "")
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			wrote := false
			var out bytes.Buffer
			_, err = exporter.Export(context.Background(), src, &out, exporter.Options{Progress: func(exporter.Progress) {
				if !wrote {
					wrote = true
					c := storetest.Open(t, path)
					defer c.Close()
					if werr := c.Exec("PRAGMA busy_timeout=0; DELETE FROM note WHERE id % 2 = 0"); werr != nil {
						t.Logf("the writer: %v", werr)
						wrote = true
					} else {
						t.Log("the writer has written")
					}
				}
			}})
			if mode == "WAL" && err == nil {
				t.Error("a writer came and the export says nothing")
			}
			if mode == "DELETE" && err != nil {
				t.Errorf("the writer should have been kept out: %v", err)
			}
		})
	}
}
