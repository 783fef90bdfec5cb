package file_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/engine/file"
	"github.com/memarc/memarc/internal/store"
)

// lines is the smallest format: a line for each row.
var lines = &store.FileFormat{
	Name: "test-lines", Engine: "file", Layout: "lines", Endings: []string{".lines"},
	Schema: &store.Schema{Tables: []store.TableDef{{Name: "lines", Columns: []store.ColumnDef{{Name: "line", Decl: "TEXT"}}}}},
	Is:     func(head []byte) bool { return strings.HasPrefix(string(head), "lines\n") },
	Read: func(ctx context.Context, files fs.FS, names []string, into store.Target) ([]store.SchemaLoss, error) {
		raw, err := fs.ReadFile(files, names[0])
		rows := store.NewRows(1)
		for line := range strings.Lines(strings.TrimPrefix(string(raw), "lines\n")) {
			rows.Columns[0].AppendString(strings.TrimSuffix(line, "\n"))
			rows.N++
		}
		return nil, errors.Join(err, into.Insert(ctx, "lines", []string{"line"}, rows, func(int, error) {}))
	},
	Write: func(ctx context.Context, from store.Tables, create func(string) (io.Writer, error)) error {
		out, err := create("")
		if err != nil {
			return err
		}
		w := bufio.NewWriter(out)
		fmt.Fprintln(w, "lines")
		for rows, err := range from.Scan(ctx, store.Query{Table: "lines", Columns: []string{"line"}}) {
			if err != nil {
				return err
			}
			for row := range rows.N {
				fmt.Fprintf(w, "%s\n", rows.Columns[0].Bytes(row))
			}
		}
		return w.Flush()
	},
	Normal: func(_ string, _ []string, rows *store.Rows, refuse func(int, string)) {
		for row := range rows.N {
			if strings.Contains(string(rows.Columns[0].Bytes(row)), "\n") {
				refuse(row, "a line has no lines")
			}
		}
	},
}

func open(t *testing.T, path string) store.Target {
	t.Helper()
	target, err := file.Engine(lines).OpenTarget(context.Background(), store.Location{Raw: path, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	return target
}

func insert(t *testing.T, target store.Target, texts ...string) (refused []string) {
	t.Helper()
	rows := store.NewRows(1)
	for _, s := range texts {
		rows.Columns[0].AppendString(s)
		rows.N++
	}
	err := target.Insert(context.Background(), "lines", []string{"line"}, rows, func(row int, err error) {
		refused = append(refused, texts[row]+": "+err.Error())
	})
	if err != nil {
		t.Fatal(err)
	}
	return refused
}

func content(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestTarget(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.lines")
	target := open(t, path)
	if !target.Fresh() {
		t.Error("not fresh")
	}
	if err := target.Exec(ctx, lines.Schema.Tables[0].CreateSQL()); err != nil {
		t.Fatal(err)
	}
	if refused := insert(t, target, "one", "t\nwo", "three"); len(refused) != 1 || refused[0] != "t\nwo: a line has no lines" {
		t.Errorf("%q", refused)
	}
	if err := target.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("visible before Commit")
	}
	insert(t, target, "four") // after Settle: written again
	if err := target.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "lines\none\nthree\nfour\n" {
		t.Errorf("%q", got)
	}
	for _, test := range []struct {
		name, want string
		meanwhile  func()
		fails      bool
	}{
		{"closed", "lines\none\nthree\nfour\n", nil, false},
		{"written meanwhile", "lines\nanother\n", func() { os.WriteFile(path, []byte("lines\nanother\n"), 0o600) }, true},
	} {
		target := open(t, path)
		insert(t, target, "five")
		if err := target.Settle(ctx); err != nil {
			t.Fatal(err)
		}
		if test.meanwhile != nil {
			test.meanwhile()
			if err := target.Commit(ctx); (err != nil) != test.fails {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		if err := target.Close(); err != nil {
			t.Error(err)
		}
		if got := content(t, path); got != test.want {
			t.Errorf("%s: %q", test.name, got)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// A new file is never written over one that came meanwhile.
func TestCameMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lines")
	target := open(t, path)
	if err := target.Exec(context.Background(), lines.Schema.Tables[0].CreateSQL()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := target.Commit(context.Background()); !errors.Is(err, fs.ErrExist) || content(t, path) != "mine" {
		t.Errorf("%v, %q", err, content(t, path))
	}
}

func TestClaims(t *testing.T) {
	dir := t.TempDir()
	e := file.Engine(lines)
	for _, name := range []string{"yes", "no", "empty.lines"} {
		text := map[string]string{"yes": "lines\n", "no": "line\n"}[name]
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for raw, want := range map[string]bool{
		dir: false, dir + "/yes": true, dir + "/no": false, dir + "/new.lines": true, dir + "/new": false, dir + "/new/": true,
		"file:" + dir + "/no": true, "file://" + dir + "/yes": true, dir + "/no?format=lines": true, "sqlite:" + dir + "/yes": false,
	} {
		l, err := store.ParseLocation(raw)
		if err != nil {
			t.Fatal(err)
		}
		if e.Claims(l) != want {
			t.Errorf("%s: %v", raw, !want)
		}
	}
	for raw, want := range map[string]error{dir + "/empty.lines": store.ErrNotStore, dir + "/none.lines": store.ErrNotFound, "file:" + dir: store.ErrNotStore} {
		l, _ := store.ParseLocation(raw)
		if _, err := e.Open(context.Background(), l); !errors.Is(err, want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	l, _ := store.ParseLocation("file://" + dir + "/yes")
	db, err := e.Open(context.Background(), l)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
