package matrix

import (
	"archive/zip"
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/falkorserver"
	"github.com/memarc/memarc/internal/store/storetest/neo4jserver"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
	"github.com/memarc/memarc/internal/store/storetest/rawgraph"
)

// A kind is a product's store in one engine, or one of its files.
type kind struct {
	product, in    string // as people call them
	layout, engine string
	// fill makes a store at a location. Without it the records come from an archive of
	// the kind that from names.
	fill func(t testing.TB, location string)
	from string
	// script is a file of statements in testdata that then adds what the product writes.
	script string
	ending string // of a file's name
	once   bool   // memarc writes it only as a new one
}

func (k *kind) String() string { return k.product + " (" + k.in + ")" }

// kinds are all that memarc can write without a loss.
var kinds = []*kind{
	{product: "memarc", in: "SQLite", layout: "memarc", engine: "sqlite", from: "vestige (SQLite)"},
	{product: "memarc", in: "Postgres", layout: "memarc", engine: "postgres", from: "ai-memory (SQLite)"},
	{product: "memarc", in: "FalkorDB", layout: "memarc", engine: "falkordb", from: "memorygraph (SQLite)"},
	{product: "vestige", in: "SQLite", layout: "vestige", engine: "sqlite", fill: file(func(path string) error { return sample.Large(path, sample.Lean(12)) })},
	{product: "vestige", in: "Postgres", layout: "vestige", engine: "postgres", from: "vestige (SQLite)"},
	{product: "ai-memory", in: "SQLite", layout: "ai-memory", engine: "sqlite", fill: file(func(path string) error { return sample.AIMemory(path, sample.Lean(12)) })},
	{product: "ai-memory", in: "Postgres", layout: "ai-memory", engine: "postgres", from: "ai-memory (SQLite)"},
	{product: "memorygraph", in: "SQLite", layout: "memorygraph", engine: "sqlite", fill: file(func(path string) error { return sample.MemoryGraph(path, sample.Lean(12)) })},
	{product: "memorygraph", in: "Neo4j", layout: "memorygraph", engine: "neo4j", from: "memorygraph (SQLite)"},
	{product: "memorygraph", in: "FalkorDB", layout: "memorygraph", engine: "falkordb", from: "memorygraph (SQLite)"},
	{product: "mcp-memory", in: "JSON lines", layout: "mcp-memory", engine: "lines", ending: ".jsonl", fill: copied("mcp-memory.jsonl")},
	{product: "mcp-memory-service", in: "SQLite", layout: "mcp-memory-service", engine: "sqlite", script: "mcp-memory-service.sql"},
	{product: "claude-mem", in: "SQLite", layout: "claude-mem", engine: "sqlite", script: "claude-mem.sql"},
	{product: "LangGraph", in: "SQLite", layout: "langgraph", engine: "sqlite", script: "langgraph.sql"},
	{product: "LangGraph", in: "Postgres", layout: "langgraph", engine: "postgres", from: "LangGraph (SQLite)"},
	{product: "ninaivalaigal", in: "SQLite", layout: "ninaivalaigal", engine: "sqlite", script: "ninaivalaigal.sql"},
	{product: "ninaivalaigal", in: "Postgres", layout: "ninaivalaigal", engine: "postgres", from: "ninaivalaigal (SQLite)"},
	{product: "mem0", in: "SQLite", layout: "mem0", engine: "sqlite", script: "mem0.sql"},
	{product: "mem0", in: "Postgres", layout: "mem0", engine: "postgres", from: "mem0 (SQLite)"},
	{product: "mem0 history", in: "SQLite", layout: "mem0-history", engine: "sqlite", script: "mem0-history.sql"},
	{product: "PAM", in: "folder", layout: "pam", engine: "bundle", ending: "/?format=pam", once: true, from: "vestige (SQLite)"},
	{product: "OpenMemory", in: "ZIP", layout: "openmemory", engine: "backup", ending: ".zip", from: "OpenMemory (SQLite)"},
	{product: "OpenMemory", in: "SQLite", layout: "openmemory", engine: "sqlite", script: "openmemory.sql"},
	{product: "OpenMemory", in: "Postgres", layout: "openmemory", engine: "postgres", from: "OpenMemory (SQLite)"},
}

// file makes a store from what writes a file.
func file(write func(path string) error) func(testing.TB, string) {
	return func(t testing.TB, path string) {
		t.Helper()
		if err := write(path); err != nil {
			t.Fatal(err)
		}
	}
}

// copied makes a store of a file in testdata.
func copied(name string) func(testing.TB, string) {
	return file(func(path string) error {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			return err
		}
		return os.WriteFile(path, raw, 0o644)
	})
}

// server tells whether stores of the kind need a server.
func (k *kind) server() bool { return k.engine != "sqlite" && k.ending == "" }

// available tells whether stores of the kind can be made here.
func (k *kind) available(t *testing.T) bool {
	ok := true
	if k.server() {
		t.Run("a server for "+k.String(), func(t *testing.T) {
			ok = false
			k.empty(t)
			ok = true
		})
	}
	return ok
}

// empty is the location of a store that does not exist yet.
func (k *kind) empty(t testing.TB) string {
	t.Helper()
	switch k.engine {
	case "postgres":
		return pgserver.New(t)
	case "falkordb":
		return falkorserver.New(t)
	case "neo4j":
		return neo4jserver.New(t)
	}
	ending := k.ending
	if ending == "" {
		ending = ".db"
	}
	return filepath.Join(t.TempDir(), "store"+ending)
}

// filled is the location of a store with records.
func (k *kind) filled(t *testing.T) string {
	t.Helper()
	location := k.empty(t)
	if k.fill != nil {
		k.fill(t, location)
	} else {
		archive := nothing
		if k.from != "" {
			from := named(t, k.from)
			archive, _ = exported(t, from, from.filled(t))
		}
		storetest.MustImport(t, location, archive, store.SinkOptions{Layout: k.layout})
		k.strip(t, location)
	}
	if k.script != "" {
		k.run(t, location)
	}
	return location
}

// strip takes from a store what memarc keeps beside the product's records, so that it is
// one that the product could have written.
func (k *kind) strip(t testing.TB, location string) {
	t.Helper()
	if k.layout == "memarc" {
		return
	}
	switch k.engine {
	case "sqlite":
		storetest.Exec(t, location, "DROP TABLE IF EXISTS memarc_sidecar")
	case "postgres":
		query(t, location, "DROP TABLE IF EXISTS memarc_sidecar")
	case "bundle":
		if err := os.Remove(filepath.Join(strings.TrimSuffix(location, "?format=pam"), "memarc.jsonl")); err != nil {
			t.Fatal(err)
		}
	case "backup":
		members := unzipped(t, location)
		f, err := os.Create(location)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		w := zip.NewWriter(f)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			m, err := w.Create(name)
			if err == nil {
				_, err = m.Write(members[name])
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	case "falkordb", "neo4j":
		rawgraph.Open(t, location).Run(t, "MATCH (n) WHERE n:MemarcSidecar OR n:MemarcTable DETACH DELETE n")
	}
}

func named(t testing.TB, name string) *kind {
	t.Helper()
	for _, k := range kinds {
		if k.String() == name {
			return k
		}
	}
	t.Fatalf("there is no kind %s", name)
	return nil
}

// run runs the kind's script.
func (k *kind) run(t testing.TB, location string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", k.script))
	if err != nil {
		t.Fatal(err)
	}
	if k.engine == "sqlite" {
		storetest.Exec(t, location, string(raw))
		return
	}
	query(t, location, string(raw))
}

// dump is what a store holds, read without memarc.
func (k *kind) dump(t testing.TB, location string) storetest.Dump {
	t.Helper()
	if k.layout == "memarc" { // it has a table for each section that an archive names
		out := k.contents(t, location)
		delete(out, "memarc_meta")
		maps.DeleteFunc(out, func(_ string, rows []string) bool { return len(rows) == 0 })
		for _, rows := range out {
			for i := range rows {
				rows[i] = nothingThere.ReplaceAllString(rows[i], "")
			}
			slices.Sort(rows)
		}
		return out
	}
	return k.contents(t, location)
}

// nothingThere is a column without a value in a line of a dump.
var nothingThere = regexp.MustCompile(`(, |^)[^,=]+=null`)

func (k *kind) contents(t testing.TB, location string) storetest.Dump {
	t.Helper()
	switch k.engine {
	case "sqlite":
		return storetest.Read(t, location)
	case "postgres":
		out := storetest.Dump{}
		for _, table := range query(t, location, "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'memarc_sidecar' ORDER BY 1") {
			columns := query(t, location, "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) FROM pg_attribute WHERE attrelid = '"+table+"'::regclass AND attnum > 0 AND NOT attisdropped")
			row := "row(" + columns[0] + ")::text"
			if k.layout == "memarc" { // without the columns that only other records have
				row = "jsonb_strip_nulls(to_jsonb(t))::text"
			}
			out[table] = query(t, location, "SELECT "+row+" FROM "+table+" t ORDER BY 1")
		}
		return out
	case "falkordb", "neo4j":
		return rawgraph.Open(t, location).Dump(t, false)
	}
	switch k.engine {
	case "bundle":
		out := storetest.Dump{}
		for name, text := range storetest.Contents(t, strings.TrimSuffix(location, "?format=pam")) {
			if name != "memarc.jsonl" {
				out[name] = lines(text)
			}
		}
		return out
	case "backup":
		out := storetest.Dump{}
		for name, raw := range unzipped(t, location) {
			out[name] = lines(string(raw))
		}
		return out
	}
	raw, err := os.ReadFile(location)
	if err != nil {
		t.Fatal(err)
	}
	return storetest.Dump{"file": strings.SplitAfter(string(raw), "\n")}
}

// lines are those of a JSON text, sorted: what came through a graph stands in its order.
func lines(text string) []string {
	out := strings.Split(text, "\n")
	for i := range out {
		out[i] = strings.TrimSuffix(out[i], ",")
	}
	slices.Sort(out)
	return out
}

// unzipped are the members of a ZIP file, but for memarc's own.
func unzipped(t testing.TB, path string) map[string][]byte {
	t.Helper()
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := map[string][]byte{}
	for _, f := range r.File {
		if f.Name == "memarc.jsonl" {
			continue
		}
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
		in.Close()
	}
	return out
}

// query returns the texts that a statement gives.
func query(t testing.TB, address, sql string) (out []string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	results, err := c.PgConn().Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	for _, row := range results[len(results)-1].Rows {
		out = append(out, string(row[0]))
	}
	return out
}

// nothing is an archive without records, of which every kind makes an empty store.
var nothing = func() []byte {
	var out bytes.Buffer
	w, err := format.NewWriter(&out, &format.Manifest{Encoding: format.Arrow, Source: format.StoreID{Engine: "none", Layout: "none"}}, format.WriterOptions{})
	if err != nil {
		panic(err)
	}
	if _, err := w.Close(nil); err != nil {
		panic(err)
	}
	return out.Bytes()
}()
