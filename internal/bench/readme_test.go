package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/falkorserver"
	"github.com/memarc/memarc/internal/store/storetest/neo4jserver"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

const root = "../.."

func readme(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// The examples of the README run, in a folder with a store of testdata, each of
// them with exit code 0.
func TestReadmeExamples(t *testing.T) {
	work, run := examples(t)
	storetest.Exec(t, filepath.Join(work, "notes.db"), "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL, labels TEXT, created_at TEXT)",
		`INSERT INTO notes VALUES (1, 'the first', '["a"]', '2026-03-01T10:00:00Z'), (2, 'the second', NULL, NULL)`)
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readme(t), -1)
	if len(blocks) < 5 {
		t.Fatalf("%d examples", len(blocks))
	}
	digests := map[string]bool{}
	for _, e := range blocks {
		for line := range strings.Lines(e[1]) {
			if out := run(line); strings.HasPrefix(line, "memarc digest") {
				digests[strings.Fields(out)[0]] = true
			}
		}
	}
	if len(digests) != 1 {
		t.Errorf("the digests differ: %v", digests)
	}
}

// The examples for PostgreSQL run too, on databases of the test's own and with a
// server of vectors of its own in the places of those that they name.
func TestReadmePostgres(t *testing.T) {
	memories, agents := pgserver.New(t), pgserver.New(t)
	work, run := examples(t)
	if err := sample.AIMemory(filepath.Join(work, "ai-memory.db"), sample.Lean(20)); err != nil {
		t.Fatal(err)
	}
	run("memarc export ai-memory.db -o big.marc")
	models := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Input []string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		answer := map[string][][]float32{}
		for _, text := range asked.Input {
			answer["embeddings"] = append(answer["embeddings"], []float32{float32(len(text)), 1, 2})
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	defer models.Close()
	schema := "?schema=vestige"
	if strings.Contains(agents, "?") {
		schema = "&schema=vestige"
	}
	here := strings.NewReplacer(
		"postgres://me@localhost/memories", "'"+memories+"'", "postgres:///memories", "'"+memories+"'",
		`"postgres://me@db.example.org/agents?schema=vestige"`, "'"+agents+schema+"'", "http://localhost:11434", models.URL+"/api")
	block := regexp.MustCompile("(?s)```sh postgres\n(.*?)```").FindStringSubmatch(readme(t))
	if block == nil {
		t.Fatal("no examples")
	}
	for line := range strings.Lines(block[1]) {
		local := here.Replace(line)
		if local == line {
			t.Errorf("%snames no server", line)
		}
		run(local)
	}
}

// The examples for graphs run on servers of the test's own.
func TestReadmeGraph(t *testing.T) {
	falkor, neo4j := falkorserver.New(t), neo4jserver.New(t)
	work, run := examples(t)
	if err := sample.MemoryGraph(filepath.Join(work, "memory.db"), sample.Lean(20)); err != nil {
		t.Fatal(err)
	}
	here := strings.NewReplacer("falkordb://localhost:6379/memorygraph", "'"+falkor+"'", "bolt://neo4j:secret@localhost:7687", "'"+neo4j+"'")
	block := regexp.MustCompile("(?s)```sh graph\n(.*?)```").FindStringSubmatch(readme(t))
	if block == nil {
		t.Fatal("no examples")
	}
	for line := range strings.Lines(block[1]) {
		local := here.Replace(line)
		if local == line {
			t.Errorf("%snames no server", line)
		}
		run(local)
	}
}

// examples returns a folder with a store of testdata, and what runs a line in it, with
// exit code 0 or the test fails, and returns its output.
func examples(t *testing.T) (work string, run func(line string) string) {
	t.Helper()
	work, do := workshop(t)
	return work, func(line string) string {
		t.Helper()
		out, err := do(line)
		if err != nil {
			t.Errorf("%s%v\n%s", line, err, out)
		}
		return out
	}
}

// workshop returns a folder with a store of testdata, and what runs a line of bash in it
// and returns both of its outputs.
func workshop(t *testing.T) (work string, run func(line string) (string, error)) {
	t.Helper()
	for _, program := range []string{"bash", "zstd"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("NOT PROVEN, %s is missing: that the examples run", program)
		}
	}
	dir := t.TempDir()
	memarc, err := buildMemarc(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	work = filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(root, "testdata", "vestige-v11.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, "vestige.db"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return work, func(line string) (string, error) {
		cmd := exec.Command("bash", "-c", line)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "HOME="+work, "PATH="+filepath.Dir(memarc)+string(filepath.ListSeparator)+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
}

// The README's first command prints what the README shows.
func TestReadmeFirstCommand(t *testing.T) {
	digest := regexp.MustCompile(`content digest ([0-9a-f]{64})`).FindStringSubmatch(readme(t))
	raw, err := os.ReadFile(filepath.Join(root, "testdata", "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	if digest == nil || !strings.Contains(string(raw), `"vestige-v11.db": "`+digest[1]+`"`) {
		t.Errorf("the README shows %q, golden.json has\n%s", digest, raw)
	}
}

// The README lists every code of the loss ledger, and no other.
func TestReadmeCodes(t *testing.T) {
	_, section, _ := strings.Cut(readme(t), "## The loss ledger")
	section, _, _ = strings.Cut(section, "\n## ")
	var listed []string
	for _, line := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(section, -1) {
		for _, code := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(line[1], -1) {
			listed = append(listed, code[1])
		}
	}
	// A database's objects have their type in the code.
	inCode := []string{string(store.Withheld)}
	for _, object := range []string{"index", "trigger", "view", "materialized-view", "policy", "rule", "sequence", "type", "function", "constraint"} {
		inCode = append(inCode, "schema-"+object)
	}
	literal := regexp.MustCompile(`(?:Code: |lose\((?:t, )?|\bcode\()"([a-z][a-z-]*[a-z])"|"(schema-[a-z]+)"`)
	for _, folder := range []string{"exporter", "importer", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "storetest") {
				return err
			}
			raw, err := os.ReadFile(path)
			for _, m := range literal.FindAllStringSubmatch(string(raw), -1) {
				inCode = append(inCode, m[1]+m[2])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(listed)
	slices.Sort(inCode)
	if inCode = slices.Compact(inCode); !slices.Equal(listed, inCode) {
		t.Errorf("the README lists the codes\n%q, the program has\n%q", listed, inCode)
	}
}
