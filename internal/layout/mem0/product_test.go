package mem0_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/mem0"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// needs returns what a variable names, or skips the test.
func needs(t *testing.T, variable, why string) string {
	t.Helper()
	v := os.Getenv(variable)
	if v == "" {
		if slices.Contains(strings.Fields(os.Getenv("MEMARC_TEST_REQUIRE")), "mem0") {
			t.Fatal(variable + why)
		}
		t.Skip("NOT PROVEN, " + variable + why)
	}
	return v
}

func run(t *testing.T, cmd *exec.Cmd) []byte {
	t.Helper()
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Environ(), "HOME="+cmd.Dir, "MEM0_DIR="+cmd.Dir, "MEM0_TELEMETRY=false")
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v\n%s", cmd.Args, err, complaints.String())
	}
	return out
}

// node runs the TypeScript library, by a folder in which it is installed.
func node(t *testing.T, mode, location, history string, more ...string) []byte {
	t.Helper()
	folder := needs(t, "MEMARC_TEST_MEM0_NODE", " names no folder with mem0ai, better-sqlite3 and pg: that mem0's TypeScript library reads what memarc writes")
	script, err := filepath.Abs("testdata/product.cjs")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", append([]string{script, mode, location, history}, more...)...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(folder, "node_modules"))
	return run(t, cmd)
}

// seen is what the product reads of a store.
type seen struct {
	Memories map[string]map[string]any // by identifier
	Found    []string                  // by a search
	History  []map[string]any          // of all memories
}

func look(t *testing.T, location, history string, scopes ...string) (out seen) {
	t.Helper()
	if err := json.Unmarshal(node(t, "read", location, history, scopes...), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// What the library has written is told by its members alone, and comes back byte for byte,
// so that the library sees the same: in SQLite, and by way of the other library's table.
func TestProductWrites(t *testing.T) {
	dir := t.TempDir()
	source, home, there := filepath.Join(dir, "s.db"), filepath.Join(dir, "h.db"), filepath.Join(dir, "m.db")
	events, told := filepath.Join(dir, "memory.db"), filepath.Join(dir, "memory-home.db")
	node(t, "write", source, events)
	archive, report := storetest.Restored(t, source, home, "")
	if report.Source.Layout != mem0.Name {
		t.Errorf("recognised as %+v", report.Source)
	}
	storetest.SameLedger(t, report.Losses)
	storetest.Same(t, source, home)
	storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
	storetest.MustImport(t, there, archive, store.SinkOptions{Layout: "memarc"})
	for sql, want := range map[string]string{
		`SELECT count(*) FROM memories WHERE "mem0.payload" IS NOT NULL OR leftovers IS NOT NULL`:             "0",
		`SELECT count(*) FROM memories WHERE owner IS NULL OR content IS NULL OR created_at IS NULL`:          "0",
		`SELECT count(*) FROM memories WHERE metadata LIKE '%"topic"%'`:                                       "30",
		`SELECT count(*) FROM embeddings WHERE length(vector) <> 32`:                                          "0",
		`SELECT count(*) FROM embeddings`:                                                                     storetest.One(t, source, "SELECT count(*) FROM vectors"),
		`SELECT count(*) FROM memories WHERE "mem0.text_lemmatized" IS NULL OR length("mem0.hash") IS NOT 32`: "0",
	} {
		if got := storetest.One(t, there, sql); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	_, report = storetest.Restored(t, events, told, "")
	if report.Source.Layout != mem0.History || report.Source.Version != "3" {
		t.Errorf("recognised as %+v", report.Source)
	}
	storetest.Same(t, events, told)
	storetest.SameLines(t, storetest.Schema(t, events), storetest.Schema(t, told))
	before, after := look(t, source, events, "user_id=ada"), look(t, home, told, "user_id=ada")
	if len(before.Memories) != 29 || len(before.History) == 0 || len(before.Found) == 0 || !reflect.DeepEqual(before, after) {
		t.Errorf("the library saw %d memories, and sees %d or others", len(before.Memories), len(after.Memories))
	}
	// A new store is one of the library's: it finds nothing to make.
	fresh := filepath.Join(dir, "f.db")
	storetest.MustImport(t, fresh, storetest.Records(t), store.SinkOptions{Layout: mem0.Name})
	schema := storetest.Schema(t, fresh)
	look(t, fresh, filepath.Join(dir, "none.db"), "user_id=ada")
	storetest.SameLines(t, schema, storetest.Schema(t, fresh))
}

// The library sees every memory of another product, and finds those with vectors.
func TestProductReads(t *testing.T) {
	for name, write := range map[string]func(path string) error{
		"vestige":   func(path string) error { return sample.Project(path, 39) },
		"ai-memory": func(path string) error { return sample.AIMemory(path, sample.Lean(60)) },
	} {
		for engine, location := range map[string]func(dir string) string{
			"sqlite":   func(dir string) string { return filepath.Join(dir, "t.db") },
			"postgres": func(string) string { return pgserver.New(t) },
		} {
			t.Run(name+" in "+engine, func(t *testing.T) {
				dir := t.TempDir()
				source, target, there := filepath.Join(dir, "s.db"), location(dir), filepath.Join(dir, "m.db")
				if err := write(source); err != nil {
					t.Fatal(err)
				}
				archive, report := storetest.Export(t, source, exporter.Options{})
				storetest.MustImport(t, target, archive, store.SinkOptions{Layout: mem0.Name})
				storetest.MustImport(t, there, archive, store.SinkOptions{Layout: "memarc"})
				got := look(t, target, filepath.Join(dir, "events.db"), "user_id=*", "agent_id=*")
				if n := uint64(len(got.Memories)); n != report.Sections["memories"].Written {
					t.Errorf("%d memories, want %d", n, report.Sections["memories"].Written)
				}
				if len(got.Found) == 0 && storetest.One(t, there, "SELECT count(*) FROM embeddings") != "0" {
					t.Error("a search finds nothing")
				}
				for id, m := range got.Memories {
					if engine == "postgres" {
						break // some have an identifier of their own
					}
					if want := storetest.One(t, there, "SELECT content FROM memories WHERE id = "+text(id)); m["memory"] != want || m["hash"] != sum(want) {
						t.Errorf("memory %q: %q, want %q", id, m["memory"], want)
					}
				}
			})
		}
	}
}

// The Python library reads a history that memarc has made, and leaves the table alone.
func TestPythonReadsHistory(t *testing.T) {
	folder := needs(t, "MEMARC_TEST_MEM0_PYTHON", " names no folder with the Python package mem0ai: that its history is read")
	dir := t.TempDir()
	for name, version := range map[string]string{"own": "2", "of another product": ""} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name+".db")
			if version != "" {
				source := filepath.Join(dir, "source.db")
				storetest.Exec(t, source, histories[version]...)
				storetest.Restored(t, source, path, "")
			} else {
				storetest.MustImport(t, path, storetest.Records(t), store.SinkOptions{Layout: mem0.History})
			}
			schema := storetest.Schema(t, path)
			ids := storetest.One(t, path, "SELECT json_group_array(DISTINCT memory_id) FROM history WHERE memory_id IS NOT NULL")
			script, err := filepath.Abs("testdata/history.py")
			if err != nil {
				t.Fatal(err)
			}
			python := os.Getenv("PYTHON")
			if python == "" {
				python = "python3"
			}
			out := run(t, exec.Command(python, script, filepath.Join(folder, "mem0", "memory", "storage.py"), path, ids))
			if got, want := strings.TrimSpace(string(out)), storetest.One(t, path, "SELECT count(*) FROM history WHERE memory_id IS NOT NULL"); got != want || got == "0" {
				t.Errorf("Python sees %s rows, want %s", got, want)
			}
			storetest.SameLines(t, schema, storetest.Schema(t, path))
		})
	}
}

// What the TypeScript library has written into PostgreSQL comes home as it was, with the
// names that it gives its members, also by way of its own file.
func TestProductWritesPostgres(t *testing.T) {
	dir, source, home, last := t.TempDir(), pgserver.New(t), pgserver.New(t), pgserver.New(t)
	events, file := filepath.Join(dir, "memory.db"), filepath.Join(dir, "file.db")
	node(t, "write", source, events)
	archive, report := storetest.Export(t, source, exporter.Options{})
	storetest.SameLedger(t, report.Losses)
	storetest.MustImport(t, home, archive, store.SinkOptions{})
	storetest.SameDump(t, storetest.ReadPostgres(t, source), storetest.ReadPostgres(t, home))
	before := look(t, source, events, "user_id=ada", "user_id=bob")
	if after := look(t, home, events, "user_id=ada", "user_id=bob"); len(before.Memories) != 30 || !reflect.DeepEqual(before, after) {
		t.Errorf("the library saw %d memories, and sees %d or others", len(before.Memories), len(after.Memories))
	}
	storetest.MustImport(t, file, archive, store.SinkOptions{Layout: mem0.Name})
	if _, fresh := storetest.Export(t, file, exporter.Options{}); fresh.End.Content != report.End.Content {
		t.Errorf("content digest of the file %s, of the source %s", fresh.End.Content, report.End.Content)
	}
	there := look(t, file, events, "user_id=ada", "user_id=bob")
	if !reflect.DeepEqual(before.Memories, there.Memories) {
		t.Errorf("the library saw %d memories, and sees %d or others in its file", len(before.Memories), len(there.Memories))
	}
	// The library has written down anew by which identifier it counts its users.
	back, _ := storetest.Export(t, file, exporter.Options{})
	storetest.MustImport(t, last, back, store.SinkOptions{})
	storetest.SameLines(t, rows(t, source, "mem0"), rows(t, last, "mem0"))
}
