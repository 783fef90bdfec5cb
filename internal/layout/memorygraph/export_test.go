package memorygraph_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/memorygraph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
)

func readJSON(t testing.TB, path string) (out map[string]any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return out
}

func onlyFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(want) {
		t.Errorf("the folder has %v, want %q: %v", entries, want, err)
	}
}

// Exports of both versions come back with all that they say, also through a database.
func TestJSONExports(t *testing.T) {
	for _, name := range []string{"export-1.0.json", "export-2.0.json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, dir := filepath.Join("testdata", name), t.TempDir()
			archive, report := storetest.Export(t, source, exporter.Options{})
			storetest.SameLedger(t, report.Losses)
			if report.Source.Engine != "file" || report.Source.Layout != memorygraph.Name {
				t.Errorf("recognised as %+v", report.Source)
			}
			home := filepath.Join(dir, "home.json")
			storetest.MustImport(t, home, archive, store.SinkOptions{})
			want, got := readJSON(t, source), readJSON(t, home)
			// A null context and none are the same.
			if !reflect.DeepEqual(want, withoutNulls(want, got)) {
				t.Errorf("want %v\ngot %v", want, got)
			}
			for _, layout := range []string{memorygraph.Name, "memarc", "vestige", "ai-memory"} {
				there, back := filepath.Join(dir, layout+".db"), filepath.Join(dir, layout+".json")
				storetest.MustImport(t, there, archive, store.SinkOptions{Layout: layout})
				again, second := storetest.Export(t, there, exporter.Options{})
				if second.End.Content != report.End.Content {
					t.Errorf("%s: content digest %s, want %s", layout, second.End.Content, report.End.Content)
				}
				storetest.MustImport(t, back, again, store.SinkOptions{})
				if a, b := storetest.Bytes(t, home), storetest.Bytes(t, back); len(a) != 1 || a[""] != b[""] {
					t.Errorf("%s: another file", layout)
				}
			}
		})
	}
}

// withoutNulls takes the nulls away that a file has where the other has nothing.
func withoutNulls(want, got map[string]any) map[string]any {
	for name, v := range got {
		switch w, has := want[name]; {
		case v == nil && !has:
			delete(got, name)
		case has:
			withoutNullsIn(w, v)
		}
	}
	return got
}

func withoutNullsIn(want, got any) {
	switch g := got.(type) {
	case map[string]any:
		if w, ok := want.(map[string]any); ok {
			withoutNulls(w, g)
		}
	case []any:
		if w, ok := want.([]any); ok && len(w) == len(g) {
			for i := range g {
				withoutNullsIn(w[i], g[i])
			}
		}
	}
}

// A database goes into a file and comes back byte for byte.
func TestThroughJSON(t *testing.T) {
	for name, write := range map[string]func(path string){
		"memorygraph": func(path string) { create(t, path, forms["current"], 300, 40, true) },
		"vestige": func(path string) {
			if err := sample.Project(path, 39); err != nil {
				t.Fatal(err)
			}
		},
		"ai-memory": func(path string) {
			if err := sample.AIMemory(path, sample.Lean(100)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			source, there, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.json"), filepath.Join(dir, "h.db")
			write(source)
			archive, report := storetest.Restored(t, source, there, "")
			_, second := storetest.Restored(t, there, home, "")
			if second.End.Content != report.End.Content {
				t.Errorf("content digests %s and %s", report.End.Content, second.End.Content)
			}
			storetest.Same(t, source, home)
			storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
			// Again into the same file: nothing changes.
			before := storetest.Bytes(t, there)
			if r := storetest.MustImport(t, there, archive, store.SinkOptions{}); r.Plan.Fresh {
				t.Error("not merged")
			}
			if !reflect.DeepEqual(before, storetest.Bytes(t, there)) {
				t.Error("the second import has changed the file")
			}
			onlyFiles(t, dir, "s.db", "t.json", "h.db")
		})
	}
}

// An edge that no longer holds is none that the product may see.
func TestEnded(t *testing.T) {
	dir := t.TempDir()
	source, target := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.json")
	create(t, source, forms["current"], 300, 40, true)
	ended := storetest.One(t, source, "SELECT count(*) FROM relationships WHERE valid_until IS NOT NULL")
	edges := storetest.One(t, source, "SELECT count(*) FROM relationships WHERE valid_until IS NULL")
	storetest.Restored(t, source, target, "")
	if n := len(readJSON(t, target)["relationships"].([]any)); fmt.Sprint(n) != edges || ended == "0" {
		t.Errorf("%d relationships, want %s without %s", n, edges, ended)
	}
}

// What a file cannot hold stands in the ledger, field by field.
func TestLosses(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "s.db")
	create(t, source, forms["current"], 100, 10, false)
	archive, _ := storetest.Export(t, source, exporter.Options{})
	for target, o := range map[string]store.SinkOptions{"t.json": {NoSidecar: true}, "notes/": {}} {
		report, err := storetest.Import(filepath.Join(dir, target)+map[bool]string{true: "/"}[strings.HasSuffix(target, "/")], archive, o, importer.Options{})
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		lost := map[string]bool{}
		for _, l := range report.Losses {
			lost[l.Where] = true
			if l.Code != "no-sidecar" || l.Count == 0 {
				t.Errorf("%s: %+v", target, l)
			}
		}
		for _, where := range []string{"memories.access_count", "relations.valid_from", "relations.memorygraph.last_validated"} {
			if !lost[where] {
				t.Errorf("%s: %s is not in the ledger", target, where)
			}
		}
		if lost["memories.title"] || lost["memories.created_at"] || lost["relations.type"] {
			t.Errorf("%s: %v", target, lost)
		}
	}
	storetest.Export(t, filepath.Join(dir, "notes"), exporter.Options{})
}

// A merge keeps what the file had; one that does not come to its end leaves it alone.
func TestMergeJSON(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "t.json")
	raw, err := os.ReadFile("testdata/export-2.0.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(target, raw, 0o640); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(dir, "s.db")
	create(t, source, forms["current"], 20, 5, false)
	archive, _ := storetest.Export(t, source, exporter.Options{})
	before := storetest.Bytes(t, target)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := storetest.ImportContext(ctx, target, archive, store.SinkOptions{}, importer.Options{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(before, storetest.Bytes(t, target)) {
		t.Error("an import that was broken off has changed the file")
	}
	storetest.MustImport(t, target, archive, store.SinkOptions{})
	want, got := readJSON(t, "testdata/export-2.0.json"), readJSON(t, target)
	if all := got["memories"].([]any); !reflect.DeepEqual(all[:2], want["memories"]) || got["memory_count"] != float64(len(all)) {
		t.Errorf("the file's own memories became %v", all[:2])
	}
	if !reflect.DeepEqual(got["beside"], want["beside"]) {
		t.Error("a member of the file's own is gone")
	}
	if info, err := os.Stat(target); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	onlyFiles(t, dir, "s.db", "t.json")
}

// The product's notes are read as far as they say anything, and memarc's own come back.
func TestMarkdown(t *testing.T) {
	dir := t.TempDir()
	archive, report := storetest.Export(t, "testdata/notes", exporter.Options{})
	storetest.SameLedger(t, report.Losses, "direction-unknown relationships 1")
	first, second := filepath.Join(dir, "first")+"/", filepath.Join(dir, "second")+"/"
	storetest.MustImport(t, first, archive, store.SinkOptions{})
	again, report2 := storetest.Export(t, filepath.Clean(first), exporter.Options{})
	storetest.SameLedger(t, report2.Losses)
	if report.End.Content != report2.End.Content {
		t.Errorf("content digests %s and %s", report.End.Content, report2.End.Content)
	}
	storetest.MustImport(t, second, again, store.SinkOptions{})
	if a, b := storetest.Contents(t, first), storetest.Contents(t, second); len(a) != 2 || !reflect.DeepEqual(a, b) {
		t.Errorf("%v\n%v", a, b)
	}
	there := filepath.Join(dir, "t.db")
	storetest.MustImport(t, there, archive, store.SinkOptions{Layout: "memarc"})
	if got := storetest.One(t, there, "SELECT title || '|' || summary || '|' || content FROM memories WHERE id = 'aaaaaaaa-1'"); got != "First: \"quoted\" #1|in short|line\n\n## Relationships\n\nno list" {
		t.Errorf("%s", got)
	}
	if _, err := storetest.Import(filepath.Clean(first), archive, store.SinkOptions{}, importer.Options{}); !errors.Is(err, store.ErrUsage) {
		t.Errorf("a folder with files: %v", err)
	}
}

// What is wrong with a file is one sentence.
func TestWrongExports(t *testing.T) {
	const memory = `{"id": "a", "type": "task", "title": "t", "content": "c"}`
	file := func(memories, edges string) string {
		return `{"format_version": "2.0", "memories": [` + memories + `], "relationships": [` + edges + `]}`
	}
	for text, want := range map[string]string{
		"":                                      "the file is empty",
		`{"a": 1}`:                              "no export of a format",
		`[]`:                                    "no export of a format",
		file(memory, "")[:60]:                   "cut short after 60 bytes",
		file(memory, "") + "x":                  "not valid JSON",
		file(memory, "") + "{}":                 "something follows behind its end",
		file(memory+","+memory, ""):             `the memory with id "a" stands in it twice`,
		file(`{"id": "a", "id": "b"}`, ""):      "has a member twice",
		file(`{"type": "task"}`, ""):            `memory 1 has no "id"`,
		file(`{"id": 7}`, ""):                   `memory 1 has no "id"`,
		file("7", ""):                           "memory 1 is no object",
		file(memory, `{"from_memory_id": "a"}`): `relationship 1 has no "to_memory_id"`,
		`{"format_version": "2.0", "memories": []}`:                                                                                          `it has no member "relationships"`,
		`{"format_version": "3.0", "memories": [], "relationships": []}`:                                                                     `format_version is "3.0"`,
		`{"memories": [], "relationships": []}`:                                                                                              `format_version is ""`,
		`{"format_version": "2.0", "memories": {}, "relationships": []}`:                                                                     "is no list",
		`{"format_version": "2.0", "memories": [], "relationships": [], "memarc_sidecar": 1}`:                                                "malformed",
		`{"format_version": "2.0", "memories": [], "relationships": [], "memarc_sidecar": {"table": {"name": "nodes"}, "rows": []}}`:         "malformed",
		`{"format_version": "2.0", "memories": [], "relationships": [], "memarc_sidecar": {"table": {"name": "memarc_sidecar"}, "rows": 1}}`: "malformed",
	} {
		path := filepath.Join(t.TempDir(), "f.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		src, err := all.Registry().OpenSource(context.Background(), path, "")
		if err == nil {
			src.Close()
			t.Errorf("%q: no error", text)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if text != "" {
			before := storetest.Bytes(t, path)
			if _, err := storetest.Import(path, storetest.Records(t), store.SinkOptions{}, importer.Options{}); err == nil {
				t.Errorf("%q: written", text)
			}
			if !reflect.DeepEqual(before, storetest.Bytes(t, path)) {
				t.Errorf("%q: changed", text)
			}
		}
	}
}

// A count that is not so is in the ledger.
func TestCounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.json")
	if err := os.WriteFile(path, []byte(`{"format_version": "2.0", "memory_count": 3, "memories": [{"id": "a"}], "relationships": []}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, report := storetest.Export(t, path, exporter.Options{})
	storetest.SameLedger(t, report.Losses, "count-differs memory_count 2")
}

// Records of any product, with values that no export can hold, all come back.
func TestHostileRecords(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "t.json")
	storetest.MustImport(t, target, storetest.Records(t), store.SinkOptions{})
	if _, err := storetest.Import(filepath.Join(dir, "notes")+"/", storetest.Records(t), store.SinkOptions{}, importer.Options{}); err != nil {
		t.Error(err)
	}
	storetest.Export(t, filepath.Join(dir, "notes"), exporter.Options{})
}

// A big file takes no more memory than a small one.
func TestFlatExport(t *testing.T) {
	if !storetest.Long() {
		t.Skip("MEMARC_TEST_LONG is not 1")
	}
	dir := t.TempDir()
	peak := func(n int) uint64 {
		source, home := filepath.Join(dir, fmt.Sprint(n)+".json"), filepath.Join(dir, fmt.Sprint(n)+"-home.json")
		f, err := os.Create(source)
		if err != nil {
			t.Fatal(err)
		}
		w := bufio.NewWriter(f)
		fmt.Fprint(w, `{"format_version": "2.0", "memories": [`)
		content := strings.Repeat("some words ", 100)
		for i := range n {
			fmt.Fprintf(w, `%s{"id": "m%d", "type": "task", "title": "t%d", "content": "%s%d", "tags": ["a"]}`, map[bool]string{true: ","}[i > 0], i, i, content, i)
		}
		fmt.Fprint(w, `], "relationships": []}`)
		if err := errors.Join(w.Flush(), f.Close()); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		stop, most := make(chan struct{}), make(chan uint64)
		go func() {
			var top uint64
			for {
				select {
				case <-stop:
					most <- top
					return
				case <-time.After(5 * time.Millisecond):
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					top = max(top, m.HeapInuse)
				}
			}
		}()
		archive := filepath.Join(dir, "a.marc")
		out, err := os.Create(archive)
		if err != nil {
			t.Fatal(err)
		}
		src, err := all.Registry().OpenSource(context.Background(), source, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := exporter.Export(context.Background(), src, out, exporter.Options{}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(src.Close(), out.Close()); err != nil {
			t.Fatal(err)
		}
		in, err := os.Open(archive)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		r, err := format.NewReader(in, format.ReaderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		sink, err := all.Registry().OpenSink(context.Background(), home, r.Manifest(), store.SinkOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if report, err := importer.Import(context.Background(), r, sink, importer.Options{}); err != nil || !report.Verified {
			t.Fatal(err)
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		close(stop)
		return <-most
	}
	small, big := peak(10_000), peak(100_000)
	t.Logf("%d and %d MiB", small>>20, big>>20)
	if big > small+48<<20 {
		t.Errorf("the heap grows from %d to %d MiB", small>>20, big>>20)
	}
}

// Whatever is read can be written and read again, with one digest.
func FuzzExport(f *testing.F) {
	for _, name := range []string{"export-1.0.json", "export-2.0.json"} {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"format_version": "2.0", "memories": [{"id": "", "context": null, "importance": -0, "tags": "[]", "other": {}}], "relationships": []}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		dir := t.TempDir()
		path, home := filepath.Join(dir, "f.json"), filepath.Join(dir, "h.json")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		src, err := all.Registry().OpenSource(context.Background(), path, "")
		if err != nil {
			return
		}
		if src.Close() != nil || strings.Contains(string(raw), "memarc_sidecar") {
			return // a sidecar may say what contradicts the records
		}
		archive, report := storetest.Export(t, path, exporter.Options{})
		r, err := storetest.Import(home, archive, store.SinkOptions{}, importer.Options{})
		if err != nil || !r.Verified {
			t.Fatalf("%v %v", err, r)
		}
		if _, second := storetest.Export(t, home, exporter.Options{}); second.End.Content != report.End.Content {
			t.Fatalf("content digests %s and %s", report.End.Content, second.End.Content)
		}
	})
}

// Whatever stands in a note, reading what was read and written gives the same.
func FuzzNote(f *testing.F) {
	for _, text := range storetest.Contents(f, "testdata/notes") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { memorygraph.CheckNote(t, text) })
}

// The product's own importer takes what memarc writes, and its exports are read.
func TestProductExports(t *testing.T) {
	dir := t.TempDir()
	source, file := filepath.Join(dir, "s.db"), filepath.Join(dir, "f.json")
	product(t, "write", source) // skips without the product
	storetest.Restored(t, source, file, "")
	run := func(args ...string) string {
		t.Helper()
		script, err := filepath.Abs("testdata/export.py")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Getenv("MEMARC_TEST_MEMORYGRAPH"), append([]string{script}, args...)...)
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), "HOME="+cmd.Dir)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		return string(out)
	}
	current := storetest.One(t, source, "SELECT count(*) FROM relationships WHERE valid_until IS NULL")
	got := run("import", file, filepath.Join(dir, "i.db"))
	if want := `"imported_memories": 120, "imported_relationships": ` + current + `, "skipped_memories": 0, "skipped_relationships": 0`; !strings.Contains(got, want) {
		t.Errorf("the product says %s, want %s", got, want)
	}
	run("json", source, filepath.Join(dir, "p.json"))
	_, report := storetest.Restored(t, filepath.Join(dir, "p.json"), filepath.Join(dir, "p.db"), memorygraph.Name)
	storetest.SameLedger(t, report.Losses)
	if n := len(look(t, filepath.Join(dir, "p.db")).Memories); n != 120 {
		t.Errorf("the product sees %d memories", n)
	}
	run("markdown", source, filepath.Join(dir, "notes"))
	_, report = storetest.Export(t, filepath.Join(dir, "notes"), exporter.Options{})
	if report.Sections["memories"].Written != 120 {
		t.Errorf("%+v", report.Sections)
	}
	codes := []string{}
	for _, l := range report.Losses {
		codes = append(codes, l.Code)
	}
	if !slices.Equal(codes, []string{"direction-unknown", "relation-twice"}) {
		t.Errorf("%v", codes)
	}
}
