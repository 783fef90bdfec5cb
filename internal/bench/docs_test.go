package main

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/falkorserver"
	"github.com/memarc/memarc/internal/store/storetest/neo4jserver"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// productStores are those that the pages speak of, by the names that the products give them.
var productStores = map[string]string{
	"ai-memory.db": "ai-memory", "bundle": "pam", "claude-mem.db": "claude-mem", "history.db": "mem0-history", "langgraph.db": "langgraph",
	"mem0.db": "ninaivalaigal", "memory.db": "memorygraph", "memory.jsonl": "mcp-memory", "openmemory.db": "openmemory",
	"sqlite_vec.db": "mcp-memory-service", "vector_store.db": "mem0",
}

// pages returns the texts of docs by the names of their files.
func pages(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	out := map[string]string{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(path)] = string(raw)
	}
	return out
}

var (
	block = regexp.MustCompile("(?ms)^```(sh|console)( postgres| graph| exit \\d+)?\n(.*?)^```$")
	// server is what a page calls a database of its reader.
	server = regexp.MustCompile(`postgres:///memories|falkordb://localhost:6379/memorygraph|bolt://neo4j:secret@localhost:7687`)
)

// The examples of the pages run in order, each page's in a folder of its own that holds a
// store of every product. A block of sh has a command in each line, that ends with exit
// code 0. One of console has a command behind its dollar, that ends with the exit code
// which the block names, and then lines that the command prints.
func TestDocsExamples(t *testing.T) {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Skip("NOT PROVEN, sqlite3 is missing: that the examples of docs run")
	}
	work, run := workshop(t)
	for _, name := range slices.Sorted(maps.Keys(productStores)) {
		to := name + " --to-layout " + productStores[name]
		if filepath.Ext(name) == "" {
			to = "'" + name + "/?format=" + productStores[name] + "'"
		}
		if out, err := run("memarc migrate vestige.db " + to); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	storetest.Exec(t, filepath.Join(work, "openmemory.db"),
		`INSERT INTO configs (id, "key", value) VALUES ('4c7d8e915d439b1e0b8a9c5e6a0f2f6a', 'main', '{"api_key": "a secret"}')`)
	newer, err := filepath.Abs(filepath.Join(root, "spec", "vectors", "guide-version-2.marc"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run("cp '" + newer + "' newer.marc && mkdir ../fresh && mv * ../fresh"); err != nil {
		t.Fatal(out)
	}
	for name, text := range pages(t) {
		t.Run(name, func(t *testing.T) {
			if out, err := run("rm -rf * .[a-z]*; cp -r ../fresh/* ."); err != nil {
				t.Fatal(out)
			}
			servers := map[string]string{}
			for _, e := range block.FindAllStringSubmatch(text, -1) {
				body := server.ReplaceAllStringFunc(e[3], func(named string) string {
					if servers[named] == "" {
						servers[named] = "'" + fresh(t, named) + "'"
					}
					return servers[named]
				})
				if e[1] == "console" {
					code, _ := strconv.Atoi(strings.TrimPrefix(e[2], " exit ")) // 0 for none
					console(t, run, code, body)
					continue
				}
				for line := range strings.Lines(body) {
					if out, err := run(line); err != nil {
						t.Errorf("%s%v\n%s", line, err, out)
					}
				}
			}
		})
	}
}

// fresh starts an empty database of the kind that a page names.
func fresh(t *testing.T, named string) string {
	switch scheme, _, _ := strings.Cut(named, ":"); scheme {
	case "postgres":
		return pgserver.New(t)
	case "falkordb":
		return falkorserver.New(t)
	}
	return neo4jserver.New(t)
}

// console runs a command and looks for lines in what it prints.
func console(t *testing.T, run func(string) (string, error), want int, body string) {
	t.Helper()
	first, shown, _ := strings.Cut(body, "\n")
	command, ok := strings.CutPrefix(first, "$ ")
	if !ok {
		t.Fatalf("%q is no command behind a dollar", first)
	}
	out, err := run(command)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("%s: exit code %d, the page says %d\n%s", command, got, want, out)
	}
	for line := range strings.Lines(shown) {
		if !strings.Contains("\n"+out, "\n"+line) {
			t.Errorf("%s: the page shows\n%sand it prints\n%s", command, line, out)
		}
	}
}

// The pages and the README lead nowhere that is not there.
func TestDocsLinks(t *testing.T) {
	texts := pages(t)
	for name := range texts {
		if name != "index.md" && !strings.Contains(texts["index.md"], "("+name+")") {
			t.Errorf("index.md does not name %s", name)
		}
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	check := func(name, dir, text string) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(dir, m[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	check("README.md", root, readme(t))
	for name, text := range texts {
		check(name, filepath.Join(root, "docs"), text)
	}
}

// The README says of every product's layout what the layout's own table of columns says.
func TestReadmeFidelity(t *testing.T) {
	_, section, ok := strings.Cut(readme(t), "\n| target | engine |")
	section, _, _ = strings.Cut(section, "\n\n")
	if !ok {
		t.Fatal("no table")
	}
	told := map[string][]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(line, "|\n "), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if strings.HasPrefix(cells[0], "`") {
			for engine := range strings.SplitSeq(cells[1], ", ") {
				told[cells[0]+" "+engine] = cells[2:]
			}
		}
	}
	for _, l := range all.Registry().Layouts {
		if l.Own != nil || l.Maps == nil || l.Schema == nil { // of the last, no new store is made
			continue
		}
		for _, engine := range l.Engines {
			key := "`" + l.Name + "` " + engine
			if want := fidelity(l); !slices.Equal(told[key], want) {
				t.Errorf("%s: the README says\n%q, the layout\n%q", key, told[key], want)
			}
			delete(told, key)
		}
	}
	if len(told) > 0 {
		t.Errorf("the README has layouts that there are not: %v", told)
	}
}

// fidelity says what becomes of a title, content, tags, times, vectors, relations, history
// and secrets in a new store of a layout.
func fidelity(l *store.Layout) (out []string) {
	sidecar := "sidecar"
	if slices.Equal(l.Engines, []string{"folder"}) {
		sidecar = "left out"
	}
	has := func(section, field string) bool {
		return slices.ContainsFunc(l.Maps, func(m store.TableMap) bool {
			made := slices.ContainsFunc(l.Schema.Tables, func(t store.TableDef) bool { return t.Name == m.Table })
			return made && m.Section == section && (field == "" || slices.ContainsFunc(m.Columns, func(c store.ColumnMap) bool { return c.Field == field }))
		})
	}
	say := func(native bool) {
		if native {
			out = append(out, "native")
		} else {
			out = append(out, sidecar)
		}
	}
	say(has(format.Memories, "title"))
	say(has(format.Memories, "content"))
	say(has(format.Memories, "tags"))
	if has(format.Memories, "created_at") && !has(format.Memories, "updated_at") {
		out = append(out, "created alone")
	} else {
		say(has(format.Memories, "created_at"))
	}
	say(has(format.Embeddings, ""))
	say(has(format.Relations, ""))
	say(has(format.Events, ""))
	if len(l.Secrets) > 0 {
		return append(out, "withheld")
	}
	return append(out, "none known")
}
