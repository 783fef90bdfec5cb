package mcpserver_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/mcpserver"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

const (
	ann    = `{"type":"entity","name":"Ann","entityType":"person","observations":["likes tea","is 30"]}`
	bob    = `{"type":"entity","name":"Bob","entityType":"person","observations":[]}`
	knows  = `{"type":"relation","from":"Ann","to":"Bob","relationType":"knows"}`
	marker = `{"type":"_aim","source":"mcp-knowledge-graph"}`
)

// files are stores as there are and as there may be.
var files = map[string]string{
	"server":          ann + "\n" + bob + "\n" + knows,
	"newline at end":  ann + "\n" + bob + "\n" + knows + "\n",
	"fork":            marker + "\n" + ann + "\n" + bob + "\n" + knows,
	"fork, spelled":   " " + `{"source": "mcp-knowledge-graph", "type": "_aim"}` + "\n" + ann,
	"fork, empty":     marker,
	"CRLF":            ann + "\r\n" + bob + "\r\n" + knows + "\r\n",
	"BOM":             "\uFEFF" + ann + "\n" + knows,
	"blank lines":     "\n\n" + ann + "\n \t\n\n" + bob + "\n\uFEFF\n" + knows + "\n\n\n",
	"mixed":           knows + "\n" + ann + "\n" + strings.Replace(knows, "knows", "likes", 1) + "\n" + bob,
	"relations only":  knows,
	"twice":           ann + "\n" + ann + "\n" + bob + "\n" + strings.Replace(ann, "30", "31", 1) + "\n" + knows + "\n" + knows + "\n" + knows,
	"dangling":        ann + "\n" + `{"type":"relation","from":"Ann","to":"nobody","relationType":""}`,
	"other types":     `{"type":"note","text":"x"}` + "\n" + ann + "\n" + `[1, 2]` + "\n" + bob + "\n7\n" + `{"type":"note","text":"x"}` + "\n" + knows,
	"more members":    ann[:len(ann)-1] + `,"createdAt":"2025-01-01","version":1.50,"nested":{"b":[1 ,2]}}` + "\n" + knows[:len(knows)-1] + `,"since":null}`,
	"title":           ann[:len(ann)-1] + `,"title":"Mrs Ann"}` + "\n" + bob[:len(bob)-1] + `,"title":7}`,
	"other order":     `{"observations":["x"],"name":"N","type":"entity","entityType":"t"}` + "\n" + `{ "type" : "entity", "name":"M","entityType":"t","observations":[ "a" ,"b"] } `,
	"escapes":         `{"type":"entity","name":"\u0041\ud83d\ude00\/","entityType":"\u00e9","observations":["\u2028","\b\f\n\r\t\u0001\u007f","é😀"]}`,
	"lone surrogates": `{"type":"entity","name":"\ud800x","entityType":"\udc00","observations":["\ud83d"]}` + "\n" + ann,
	"not UTF-8":       "{\"type\":\"entity\",\"name\":\"a\xff\",\"entityType\":\"t\",\"observations\":[\"\xc3\"]}\n{\"type\":\"x\xfe\"}\n{\"type\":\"x\xfe\"}\n" + ann,
	"observations":    strings.ReplaceAll(`{"type":"entity","name":"A","entityType":"t","observations":["a\nb","","a"]}|{"type":"entity","name":"B","entityType":"t","observations":[""]}|{"type":"entity","name":"C","entityType":"t","observations":["","x"]}`, "|", "\n"),
	"wrong kinds":     strings.ReplaceAll(`{"type":"entity","name":7,"entityType":"t","observations":[]}|{"type":"entity","name":"A","entityType":null,"observations":{}}|{"type":"entity","name":"B","entityType":"t","observations":["a",1]}|{"type":"entity","name":"C"}|{"type":"relation","from":"A","to":1,"relationType":"x"}|{"type":1}|{}`, "|", "\n"),
	"members twice":   `{"type":"entity","name":"A","name":"B","entityType":"t","observations":["a"],"observations":["b"]}`,
	"empty names":     `{"type":"entity","name":"","entityType":"","observations":[]}` + "\n" + `{"type":"relation","from":"","to":"","relationType":""}`,
	"NUL":             `{"type":"entity","name":"a\u0000b","entityType":"t","observations":["\u0000"]}`,
}

func put(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(storetest.Contents(t, dir)))
}

// through are the layouts of SQLite that a file goes through: all, or in the short run
// memarc's and another one.
func through(name string) []string {
	layouts := []string{"vestige", "ai-memory", "memorygraph"}
	if !storetest.Long() {
		at := len(name) % len(layouts)
		layouts = layouts[at : at+1]
	}
	return append(layouts, "memarc")
}

// Every file comes back byte for byte, from its archive and through every product.
func TestFiles(t *testing.T) {
	for name, text := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source := filepath.Join(dir, "source.jsonl")
			put(t, source, text)
			archive, report := storetest.Export(t, source, exporter.Options{})
			storetest.SameLedger(t, report.Losses)
			if report.Source.Engine != "lines" || report.Source.Layout != mcpserver.Name {
				t.Errorf("recognised as %+v", report.Source)
			}
			home := filepath.Join(dir, "home.jsonl")
			storetest.MustImport(t, home, archive, store.SinkOptions{})
			if got := read(t, home); got != text {
				t.Errorf("%q\nbecame %q", text, got)
			}
			again := storetest.MustImport(t, home, archive, store.SinkOptions{})
			for section, c := range again.Sections {
				if c.Written+c.Updated+c.Skipped > 0 {
					t.Errorf("a second import: %s %+v", section, c)
				}
			}
			if got := read(t, home); got != text {
				t.Errorf("a second import gives %q", got)
			}
			for _, layout := range through(name) {
				there, back := filepath.Join(dir, layout+".db"), filepath.Join(dir, layout+".jsonl")
				storetest.MustImport(t, there, archive, store.SinkOptions{Layout: layout})
				archive, second := storetest.Export(t, there, exporter.Options{})
				storetest.MustImport(t, back, archive, store.SinkOptions{Layout: mcpserver.Name})
				if second.End.Content != report.End.Content {
					t.Errorf("%s: content digest %s, want %s", layout, second.End.Content, report.End.Content)
				}
				if got := read(t, back); got != text {
					t.Errorf("%s: %q\nbecame %q", layout, text, got)
				}
			}
			for _, file := range names(t, dir) {
				if strings.Contains(file, ".memarc") {
					t.Errorf("%s is there for records of the layout's own", file)
				}
			}
		})
	}
}

// sources are stores of other products.
var sources = map[string]func(path string) error{
	"vestige":     func(path string) error { return sample.Project(path, 39) },
	"ai-memory":   func(path string) error { return sample.AIMemory(path, sample.Lean(60)) },
	"memorygraph": func(path string) error { return sample.MemoryGraph(path, sample.Lean(60)) },
}

// Any product's store goes into a file and comes back byte for byte.
func TestThrough(t *testing.T) {
	for name, write := range sources {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source, there, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.jsonl"), filepath.Join(dir, "h.db")
			if err := write(source); err != nil {
				t.Fatal(err)
			}
			archive, report := storetest.Restored(t, source, there, "")
			if n := strings.Count(read(t, there), "\n"); n < 30 {
				t.Errorf("%d lines", n)
			}
			again := storetest.MustImport(t, there, archive, store.SinkOptions{})
			for section, c := range again.Sections {
				if c.Written+c.Updated > 0 {
					t.Errorf("a second import: %s %+v", section, c)
				}
			}
			_, second := storetest.Restored(t, there, home, "")
			if second.End.Content != report.End.Content {
				t.Errorf("content digests %s and %s", report.End.Content, second.End.Content)
			}
			storetest.Same(t, source, home)
			if got := names(t, dir); !slices.Equal(got, []string{"h.db", "s.db", "t.jsonl", "t.jsonl.memarc"}) {
				t.Errorf("the folder has %q", got)
			}
		})
	}
}

// Records of any product, with values that no line can hold, all come back.
func TestHostileRecords(t *testing.T) {
	storetest.MustImport(t, filepath.Join(t.TempDir(), "t.jsonl"), storetest.Records(t), store.SinkOptions{})
}

// A file goes through PostgreSQL, and another product there, and comes back byte for byte.
func TestPostgresChain(t *testing.T) {
	dir, database := t.TempDir(), pgserver.New(t)
	for i, name := range []string{"other types", "mixed", "escapes", "NUL", "CRLF", "observations"} {
		source, home := filepath.Join(dir, fmt.Sprint(i)+".jsonl"), filepath.Join(dir, fmt.Sprint(i)+"-home.jsonl")
		put(t, source, files[name])
		archive, first := storetest.Export(t, source, exporter.Options{})
		for _, layout := range []string{"memarc", "vestige"} {
			target := fmt.Sprintf("%s?schema=%s%d", database, layout, i)
			storetest.MustImport(t, target, archive, store.SinkOptions{Layout: layout})
			var report *exporter.Report
			if archive, report = storetest.Export(t, target, exporter.Options{}); report.End.Content != first.End.Content {
				t.Errorf("%s, %s: content digest %s, of the source %s", name, layout, report.End.Content, first.End.Content)
			}
		}
		storetest.MustImport(t, home, archive, store.SinkOptions{})
		if got := read(t, home); got != files[name] {
			t.Errorf("%s: %q\nbecame %q", name, files[name], got)
		}
	}
}

// A file that holds something keeps it, as it is spelled, also a fork's.
func TestMerge(t *testing.T) {
	for _, name := range []string{"fork", "more members", "mixed", "CRLF", "newline at end", "other types", "twice"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			source, target := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.jsonl")
			if err := sources["memorygraph"](source); err != nil {
				t.Fatal(err)
			}
			put(t, target, files[name])
			archive, report := storetest.Export(t, source, exporter.Options{})
			storetest.MustImport(t, target, archive, store.SinkOptions{})
			got := strings.Split(read(t, target), "\n")
			for _, line := range strings.Split(files[name], "\n") {
				if !slices.Contains(got, line) {
					t.Errorf("%q is gone", line)
				}
			}
			if name == "fork" && got[0] != marker {
				t.Errorf("the first line is %q", got[0])
			}
			_, second := storetest.Export(t, target, exporter.Options{})
			if n := second.Sections["memories"].Written; n <= report.Sections["memories"].Written {
				t.Errorf("%d memories", n)
			}
		})
	}
}

// Between the server and its fork the records are the same; a file stays the one's or the
// other's.
func TestFork(t *testing.T) {
	for to, want := range map[string]string{
		marker:        files["fork"],
		marker + "\n": marker + "\n" + ann + "\n" + bob + "\n" + knows + "\n",
		bob:           bob + "\n" + ann + "\n" + knows,
	} {
		for _, from := range []string{"server", "fork"} {
			dir := t.TempDir()
			source, target := filepath.Join(dir, "s.jsonl"), filepath.Join(dir, "t.jsonl")
			put(t, source, files[from])
			put(t, target, to)
			storetest.Restored(t, source, target, "")
			if got := read(t, target); got != want {
				t.Errorf("the %s's into %q: %s", from, to, got)
			}
			if got := names(t, dir); len(got) != 2 {
				t.Errorf("the folder has %q", got)
			}
		}
	}
}

// What has been changed elsewhere comes home without what it was spelled like, and with what
// no field of it says.
func TestChangedElsewhere(t *testing.T) {
	dir := t.TempDir()
	source, there, home := filepath.Join(dir, "s.jsonl"), filepath.Join(dir, "t.db"), filepath.Join(dir, "h.jsonl")
	put(t, source, `{ "type":"entity","name":"Ann","entityType":"person","observations":["a","b"],"since":2 }`+"\n"+bob+"\n"+`{"type":"entity","name":"C","entityType":"t","observations":["x\ny"]}`)
	storetest.Restored(t, source, there, "memarc")
	storetest.Exec(t, there, "UPDATE memories SET content = 'a'||char(10)||'c' WHERE id = 'Ann'", "UPDATE memories SET content = 'x'||char(10)||'z' WHERE id = 'C'", "UPDATE memories SET title = 'Robert' WHERE id = 'Bob'")
	storetest.Restored(t, there, home, "")
	want := `{"type":"entity","name":"Ann","entityType":"person","observations":["a","c"],"since":2}` + "\n" +
		`{"type":"entity","name":"Bob","entityType":"person","observations":[],"title":"Robert"}` + "\n" +
		`{"type":"entity","name":"C","entityType":"t","observations":["x","z"]}`
	if got := read(t, home); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Lines that are gone elsewhere leave the others in the server's order, and the report says so.
func TestLinesGone(t *testing.T) {
	dir := t.TempDir()
	source, there, home := filepath.Join(dir, "s.jsonl"), filepath.Join(dir, "t.db"), filepath.Join(dir, "h.jsonl")
	put(t, source, files["mixed"])
	storetest.Restored(t, source, there, "memarc")
	storetest.Exec(t, there, "DELETE FROM relations")
	archive, _ := storetest.Export(t, there, exporter.Options{})
	report, err := storetest.Import(home, archive, store.SinkOptions{}, importer.Options{})
	if err != nil || !report.Verified || report.Rejected() != 1 || !strings.Contains(report.Rejects[0].Reason, "lines are missing") {
		t.Fatalf("%v %+v", err, report)
	}
	if got := read(t, home); got != ann+"\n"+bob {
		t.Errorf("%s", got)
	}
}

// A line that repeats another is none without it.
func TestRepeatedGone(t *testing.T) {
	dir := t.TempDir()
	source, there, home := filepath.Join(dir, "s.jsonl"), filepath.Join(dir, "t.db"), filepath.Join(dir, "h.jsonl")
	put(t, source, bob+"\n"+files["twice"])
	storetest.Restored(t, source, there, "memarc")
	storetest.Exec(t, there, "DELETE FROM memories WHERE id = 'Ann'")
	archive, _ := storetest.Export(t, there, exporter.Options{})
	report, err := storetest.Import(home, archive, store.SinkOptions{}, importer.Options{})
	if err != nil || !report.Verified || !strings.Contains(fmt.Sprint(report.Rejects), "the line that it repeats is gone") {
		t.Fatalf("%v %+v", err, report)
	}
	if got := read(t, home); strings.Contains(got, `"name":"Ann"`) || strings.Count(got, knows) != 3 {
		t.Errorf("%s", got)
	}
}

// Where lines stand is kept within limits, and the ledger says so.
func TestTooManyRuns(t *testing.T) {
	texts := map[string]string{"blank": ann + strings.Repeat("\n", 1<<20+2) + bob}
	if storetest.Long() {
		turns := []string{ann}
		for i := range 160_000 {
			turns = append(turns, "7", fmt.Sprintf(`{"type":"relation","from":"","to":"","relationType":"%d"}`, i))
		}
		texts["turns"] = strings.Join(turns, "\n")
	}
	for name, text := range texts {
		path := filepath.Join(t.TempDir(), "f.jsonl")
		put(t, path, text)
		_, report := storetest.Export(t, path, exporter.Options{})
		if len(report.Losses) != 1 || report.Losses[0].Code != "line-order" {
			t.Errorf("%s: %+v", name, report.Losses)
		}
	}
}

// What the server cannot load is refused, with the line, and left as it is.
func TestWrongLines(t *testing.T) {
	for text, want := range map[string]string{
		ann + "\n\n{\"type\":":               "line 3: it ends after 8 bytes, within a value",
		ann + "\n" + bob + "x":               "line 2: something follows behind the value, at byte 71",
		ann + "\nnull":                       "line 2: it is null",
		ann + "\n{'a':1}\n" + bob:            "line 2: invalid character",
		ann + "\n{\"a\":01}":                 "line 2: invalid character",
		ann + "\n\"a\nb\"":                   "line 2: it ends after 2 bytes",
		ann + "\n" + strings.Repeat("[", 10): "line 2: it ends after 10 bytes",
		"":                                   "the file is empty",
	} {
		path := filepath.Join(t.TempDir(), "f.jsonl")
		put(t, path, text)
		src, err := all.Registry().OpenSource(context.Background(), path, "")
		if err == nil {
			src.Close()
			t.Errorf("%q: no error", text)
		} else if !strings.Contains(err.Error(), want) || text != "" && !strings.Contains(err.Error(), "mend or remove it") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if text == "" {
			continue
		}
		if _, err := storetest.Import(path, storetest.Records(t), store.SinkOptions{}, importer.Options{}); err == nil || read(t, path) != text {
			t.Errorf("%q: written: %v", text, err)
		}
	}
}

// A file is known by its first line, and nothing else is taken for one.
func TestRecognised(t *testing.T) {
	is := mcpserver.Format().Is
	for text, want := range map[string]bool{
		ann: true, knows: true, marker: true, "\n \r\n" + bob: true, ann[:60]: true, "{}\n[1]\n" + knows: true,
		`{"observations":["` + strings.Repeat("x", 70000) + `"],"type":"entity"}`: true,
		"": false, "\n": false, `{}`: false, `{"type":"entity"}`: false, `{"type":"note","name":"x"}`: false, `[{"type":"entity","name":"x"}]`: false,
		`{"name":"x","observations":[]}`: false, `{"memarc_sidecar":1}`: false,
	} {
		if is([]byte(text)) != want {
			t.Errorf("%.60q: %v", text, !want)
		}
	}
}

// Whatever is read is written again byte for byte.
func FuzzFile(f *testing.F) {
	for _, text := range files {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		dir := t.TempDir()
		path, home := filepath.Join(dir, "f.jsonl"), filepath.Join(dir, "h.jsonl")
		put(t, path, string(raw))
		src, err := all.Registry().OpenSource(context.Background(), path, "")
		if err != nil {
			return
		}
		if err := src.Close(); err != nil {
			t.Fatal(err)
		}
		archive, report := storetest.Export(t, path, exporter.Options{})
		if report.Source.Layout != mcpserver.Name {
			return
		}
		storetest.MustImport(t, home, archive, store.SinkOptions{})
		if got := read(t, home); got != string(raw) {
			t.Fatalf("%q became %q", raw, got)
		}
	})
}

// The same records give the same files.
func TestDeterministic(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "s.db")
	if err := sources["vestige"](source); err != nil {
		t.Fatal(err)
	}
	archive, _ := storetest.Export(t, source, exporter.Options{})
	var got []map[string]string
	for i := range 2 {
		sub := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		storetest.MustImport(t, filepath.Join(sub, "t.jsonl"), archive, store.SinkOptions{})
		got = append(got, storetest.Contents(t, sub))
	}
	if len(got[0]) != 2 || !reflect.DeepEqual(got[0], got[1]) {
		t.Error("two imports give different files")
	}
}

// A record that another product has changed meets the entity that it was.
func TestConflict(t *testing.T) {
	dir := t.TempDir()
	source, target := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.jsonl")
	if err := sources["memorygraph"](source); err != nil {
		t.Fatal(err)
	}
	archive, _ := storetest.Export(t, source, exporter.Options{})
	storetest.MustImport(t, target, archive, store.SinkOptions{})
	id := storetest.One(t, source, "SELECT id FROM nodes LIMIT 1 OFFSET 2")
	title := storetest.One(t, source, "SELECT json_extract(properties, '$.title') FROM nodes WHERE id = '"+id+"'")
	storetest.Exec(t, source, "UPDATE nodes SET properties = json_set(properties, '$.content', 'changed', '$.updated_at', '2030-01-01T00:00:00+00:00') WHERE id = '"+id+"'")
	archive, report := storetest.Export(t, source, exporter.Options{})
	before := read(t, target)
	if _, err := storetest.Import(target, archive, store.SinkOptions{Policy: store.Fail}, importer.Options{}); err == nil || read(t, target) != before {
		t.Errorf("fail: %v", err)
	}
	if _, err := storetest.Import(target, archive, store.SinkOptions{Policy: store.Skip}, importer.Options{}); err != nil || read(t, target) != before {
		t.Errorf("skip: %v", err)
	}
	storetest.MustImport(t, target, archive, store.SinkOptions{Policy: store.Overwrite})
	if got, want := read(t, target), `"name":"`+title+`","entityType":"`; !strings.Contains(got, `"observations":["changed"]`) || strings.Count(got, want) != 1 || strings.Count(got, "\n") != strings.Count(before, "\n") {
		t.Errorf("overwrite: %s", got)
	}
	if _, after := storetest.Export(t, target, exporter.Options{}); after.End.Content != report.End.Content {
		t.Error("overwrite: other records than the source's")
	}
}

// Records of other products get names that no two have.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	there, target := filepath.Join(dir, "m.db"), filepath.Join(dir, "t.jsonl")
	lines := strings.ReplaceAll(`{"type":"entity","name":"1","entityType":"","observations":[]}|{"type":"entity","name":"2","entityType":"k","observations":["a","a"]}|{"type":"entity","name":"3","entityType":"k","observations":["x","","y"]}`, "|", "\n")
	put(t, filepath.Join(dir, "s.jsonl"), lines)
	storetest.Restored(t, filepath.Join(dir, "s.jsonl"), there, "memorygraph")
	storetest.Exec(t, there, "DROP TABLE memarc_sidecar", // so that these are memorygraph's own
		"UPDATE nodes SET properties = json_set(properties, '$.title', 'same') WHERE id <> '3'",
		"UPDATE nodes SET properties = json_set(properties, '$.title', ' '||char(10)||'  two'||char(10)||'lines') WHERE id = '3'")
	storetest.Restored(t, there, target, "")
	got := strings.Split(read(t, target), "\n")
	if len(got) != 3 || !strings.HasPrefix(got[0], `{"type":"entity","name":"same","entityType":"`) || !strings.HasPrefix(got[1], `{"type":"entity","name":"same (d4735e)","entityType":"`) || !strings.HasPrefix(got[2], `{"type":"entity","name":"two",`) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if !strings.HasSuffix(got[1], `"observations":["a\na"]}`) || !strings.HasSuffix(got[2], `"observations":["x\n\ny"]}`) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

// The server's variable counts as the server takes it.
func TestLocations(t *testing.T) {
	home := t.TempDir()
	cached := filepath.Join(home, ".npm/_npx/0123/node_modules/@modelcontextprotocol/server-memory/dist")
	if err := os.MkdirAll(cached, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(home)
	if err := os.Mkdir(".aim", 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, ".aim/memory-work.jsonl", marker)
	for file, want := range map[string]string{
		"/data/m.jsonl": "/data/m.jsonl", "m.jsonl": cached + "/m.jsonl", "": cached + "/memory.jsonl", "../m.jsonl": filepath.Dir(cached) + "/m.jsonl",
	} {
		got := mcpserver.Layout().Locations(func(name string) string {
			return map[string]string{"HOME": home, "MEMORY_FILE_PATH": file}[name]
		})
		if len(got) == 0 || got[0] != want || filepath.IsAbs(file) != (len(got) == 2) || !slices.Contains(got, ".aim/memory-work.jsonl") {
			t.Errorf("%q: %q", file, got)
		}
	}
}
