package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/memarc/memarc/internal/layout/vestige"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"memarc": main})
}

func TestScripts(t *testing.T) {
	sqlite3.AutoExtension(fts5.Register)
	vectors, err := filepath.Abs("../../spec/vectors")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("VECTORS", vectors)
			env.Setenv("MEMARC_DEBUG", "1") // a panic is to be seen
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("ESC", "\x1b")
			env.Setenv("CSI", "\x9b") // not UTF-8
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Geteuid() == 0, nil
			case "postgres":
				return hasPostgres(t)
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "store": makeStore, "sql": runSQL, "damage": damage, "sum": sum, "bare": bare, "files": files, "lines": lines, "databases": databases, "query": query, "models": models,
		},
	})
}

// exits CODE COMMAND... runs a command and checks its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("run: %v", err)
	}
	if want := args[0]; strconv.Itoa(got) != want {
		ts.Fatalf("exit code %d, want %s", got, want)
	}
}

// store FILE VERSION MEMORIES makes a store of vestige.
func makeStore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: store FILE VERSION MEMORIES")
	}
	version, err := strconv.Atoi(args[1])
	ts.Check(err)
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	c, err := sqlite3.Open("file:" + filepath.ToSlash(ts.MkAbs(args[0])))
	ts.Check(err)
	defer c.Close()
	run := func(s string) {
		if err := c.Exec(s); err != nil {
			ts.Fatalf("%s: %v", s, err)
		}
	}
	run("PRAGMA synchronous=OFF")
	for _, s := range vestige.CreateStatements(version) {
		run(s)
	}
	run("BEGIN")
	for i := range n {
		at := fmt.Sprintf("'2026-02-%02dT10:11:12.%09d+00:00'", 1+i%28, i*1000)
		run(fmt.Sprintf(`INSERT INTO knowledge_nodes (id, content, node_type, created_at, updated_at, last_accessed, tags) VALUES
			('id-%d', 'the otter number %d', '%s', %s, %s, %s, '["all","tag %d","a, b"]')`, i, i, []string{"fact", "event"}[i%2], at, at, at, i%3))
		run(fmt.Sprintf(`INSERT INTO node_embeddings (node_id, embedding, dimensions, model, created_at) VALUES ('id-%d', x'0000803f%08x', 2, 'm', %s)`, i, i, at))
	}
	run("COMMIT")
}

// sql FILE STATEMENT... runs statements and prints what they return.
func runSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: sql FILE STATEMENT...")
	}
	c, err := sqlite3.Open("file:" + filepath.ToSlash(ts.MkAbs(args[0])))
	ts.Check(err)
	defer c.Close()
	for _, query := range args[1:] {
		s, _, err := c.Prepare(query)
		ts.Check(err)
		for s.Step() {
			var row []string
			for i := range s.ColumnCount() {
				row = append(row, s.ColumnText(i))
			}
			fmt.Fprintln(ts.Stdout(), strings.Join(row, "|"))
		}
		ts.Check(s.Close())
	}
}

// damage FILE flip OFFSET | cut SIZE | add BYTES changes a file, noise SIZE makes
// one; a negative number counts from the end.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: damage FILE flip|cut|add N")
	}
	path := ts.MkAbs(args[0])
	raw, err := os.ReadFile(path)
	if args[1] != "noise" {
		ts.Check(err)
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	if n < 0 {
		n += len(raw)
	}
	switch args[1] {
	case "flip":
		raw[n] ^= 1
	case "cut":
		raw = raw[:n]
	case "noise":
		for raw = nil; len(raw) < n; {
			next := sha256.Sum256(raw)
			raw = append(raw, next[:]...)
		}
	case "add":
		raw = append(raw, make([]byte, n)...)
	default:
		ts.Fatalf("unknown damage %q", args[1])
	}
	ts.Check(os.WriteFile(path, raw, 0o600))
}

// sum FILE... prints the SHA-256 of files.
func sum(ts *testscript.TestScript, neg bool, args []string) {
	for _, path := range args {
		raw, err := os.ReadFile(ts.MkAbs(path))
		ts.Check(err)
		fmt.Fprintf(ts.Stdout(), "%x  %s\n", sha256.Sum256(raw), path)
	}
}

// files DIR NAME... checks that a folder holds these files and no other, not
// even a hidden one.
func files(ts *testscript.TestScript, neg bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(args[1:], " ") {
		ts.Fatalf("folder %s holds %q, want %q", args[0], got, args[1:])
	}
}

// bare checks that neither output of the last command holds a control character
// but line ends, an invisible character, or bytes that are not UTF-8.
func bare(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range []string{"stdout", "stderr"} {
		for i, line := range strings.Split(ts.ReadFile(name), "\n") {
			if got := printable(line); got != line {
				ts.Fatalf("%s, line %d: %s", name, i+1, got)
			}
		}
	}
}

// lines OUTPUT N checks how many lines the last command printed.
func lines(ts *testscript.TestScript, neg bool, args []string) {
	if got := strings.Count(ts.ReadFile(args[0]), "\n"); strconv.Itoa(got) != args[1] {
		ts.Fatalf("%s has %d lines, want %s", args[0], got, args[1])
	}
}
