package mcpserver_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/layout/mcpserver"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// A server is the product itself, spoken to as its clients do.
type server struct {
	t     *testing.T
	in    io.Writer
	lines *bufio.Scanner
	last  int
}

// serve starts the product on a file.
func serve(t *testing.T, path string) *server {
	t.Helper()
	program := os.Getenv("MEMARC_TEST_MCP_MEMORY")
	if program == "" {
		const why = "MEMARC_TEST_MCP_MEMORY names no folder with an installed @modelcontextprotocol/server-memory: that the product reads what memarc writes"
		if slices.Contains(strings.Fields(os.Getenv("MEMARC_TEST_REQUIRE")), "mcp-memory") {
			t.Fatal(why)
		}
		t.Skip("NOT PROVEN, " + why)
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(program, "node_modules/@modelcontextprotocol/server-memory/dist/index.js"))
	cmd.Env = append(os.Environ(), "MEMORY_FILE_PATH="+path)
	cmd.WaitDelay = 5 * time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, in: in, lines: bufio.NewScanner(out)}
	s.lines.Buffer(nil, 64<<20)
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("the server ends with %v", err)
		}
	})
	s.call("initialize", map[string]any{"protocolVersion": "2025-06-18", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "test", "version": "1"}}, nil)
	fmt.Fprintln(in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return s
}

func (s *server) call(method string, params, result any) {
	s.t.Helper()
	s.last++
	request, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": s.last, "method": method, "params": params})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.in.Write(append(request, '\n')); err != nil {
		s.t.Fatal(err)
	}
	for s.lines.Scan() {
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  json.RawMessage
		}
		if err := json.Unmarshal(s.lines.Bytes(), &answer); err != nil {
			s.t.Fatal(err)
		}
		if answer.ID != s.last {
			continue
		}
		if answer.Error != nil {
			s.t.Fatalf("%s: %s", method, answer.Error)
		}
		if result != nil {
			if err := json.Unmarshal(answer.Result, result); err != nil {
				s.t.Fatal(err)
			}
		}
		return
	}
	s.t.Fatalf("%s: no answer: %v", method, s.lines.Err())
}

// tool calls one of the server's tools and returns what it answers.
func (s *server) tool(name string, arguments any) (g graph) {
	s.t.Helper()
	var result struct {
		IsError           bool
		Content           []struct{ Text string }
		StructuredContent graph
	}
	s.call("tools/call", map[string]any{"name": name, "arguments": arguments}, &result)
	if result.IsError {
		s.t.Fatalf("%s: %v", name, result.Content)
	}
	return result.StructuredContent
}

type object = map[string]any

type graph struct {
	Entities []struct {
		Name, EntityType string
		Observations     []string
	}
	Relations []struct{ From, To, RelationType string }
}

func (g *graph) names() (out []string) {
	for _, e := range g.Entities {
		out = append(out, e.Name)
	}
	return out
}

// What the server has written is a store that comes back byte for byte.
func TestProductWrites(t *testing.T) {
	dir := t.TempDir()
	source, home := filepath.Join(dir, "s.jsonl"), filepath.Join(dir, "h.jsonl")
	s := serve(t, source)
	s.tool("create_entities", object{"entities": []object{
		{"name": "Ann", "entityType": "person", "observations": []string{"likes tea", "wrote:\na poem", "\u2028\u007f\x00\U0001F600 \"quoted\" \\ /"}},
		{"name": "", "entityType": "", "observations": []string{}},
		{"name": "Zoë\t", "entityType": "person", "observations": []string{""}},
	}})
	s.tool("create_relations", object{"relations": []object{{"from": "Ann", "to": "nobody", "relationType": "seeks"}, {"from": "Ann", "to": "Zoë\t", "relationType": "knows"}}})
	archive, report := storetest.Export(t, source, exporter.Options{})
	storetest.SameLedger(t, report.Losses)
	if report.Source.Layout != mcpserver.Name || len(report.Sections) != 2 {
		t.Errorf("%+v", report)
	}
	for _, line := range []string{"mcp-memory.line", "mcp-memory.arrangement"} {
		if strings.Contains(string(archive), line+`":`) {
			t.Errorf("the server's own spelling is kept as %s", line)
		}
	}
	storetest.MustImport(t, home, archive, store.SinkOptions{})
	if got, want := read(t, home), read(t, source); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	before, after := s.tool("read_graph", object{}), serve(t, home).tool("read_graph", object{})
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("the server saw %v and sees %v", before, after)
	}
}

// The server reads and finds what memarc has written of another product's records, and what
// it changes then comes home with what it never had.
func TestProductReads(t *testing.T) {
	dir := t.TempDir()
	source, there, home, plain := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.jsonl"), filepath.Join(dir, "h.db"), filepath.Join(dir, "m.db")
	if err := sources["memorygraph"](source); err != nil {
		t.Fatal(err)
	}
	archive, report := storetest.Export(t, source, exporter.Options{})
	storetest.MustImport(t, there, archive, store.SinkOptions{})
	s := serve(t, there)
	g := s.tool("read_graph", object{})
	if n := uint64(len(g.Entities)); n != report.Sections["memories"].Written {
		t.Errorf("%d entities of %d memories", n, report.Sections["memories"].Written)
	}
	if n := uint64(len(g.Relations)); n != report.Sections["relations"].Written {
		t.Errorf("%d of %d relations", n, report.Sections["relations"].Written)
	}
	all := g.names()
	for _, r := range g.Relations {
		if !slices.Contains(all, r.From) || !slices.Contains(all, r.To) {
			t.Errorf("the relation %+v dangles", r)
		}
	}
	for i, e := range g.Entities {
		if want := storetest.One(t, source, fmt.Sprintf("SELECT json_extract(properties, '$.content') FROM nodes ORDER BY rowid LIMIT 1 OFFSET %d", i)); strings.Join(e.Observations, "\n") != want {
			t.Errorf("%s: %q, want %q", e.Name, e.Observations, want)
		}
		if len(slices.Compact(slices.Sorted(slices.Values(e.Observations)))) < len(e.Observations) {
			t.Errorf("%s: an observation twice: %q", e.Name, e.Observations)
		}
	}
	one, other := g.Entities[3], g.Entities[5]
	if got := s.tool("open_nodes", object{"names": []string{one.Name}}); len(got.Entities) != 1 {
		t.Errorf("open_nodes: %v", got)
	}
	if got := s.tool("search_nodes", object{"query": one.Observations[0]}); !slices.Contains(got.names(), one.Name) {
		t.Errorf("search_nodes: %v", got.names())
	}
	s.tool("add_observations", object{"observations": []object{{"entityName": one.Name, "contents": []string{"added later"}}}})
	s.tool("create_entities", object{"entities": []object{{"name": "made by the server", "entityType": "t", "observations": []string{"o"}}}})
	s.tool("create_relations", object{"relations": []object{{"from": "made by the server", "to": other.Name, "relationType": "knows"}}})
	deleted := g.Entities[7].Name
	s.tool("delete_entities", object{"entityNames": []string{deleted}})
	archive, second := storetest.Export(t, there, exporter.Options{})
	for _, l := range second.Losses {
		if l.Code != "deleted" || !l.Accepted {
			t.Errorf("%+v", l)
		}
	}
	storetest.MustImport(t, plain, archive, store.SinkOptions{Layout: "memarc"})
	id := func(n int) string {
		return "'" + storetest.One(t, source, fmt.Sprintf("SELECT id FROM nodes ORDER BY rowid LIMIT 1 OFFSET %d", n)) + "'"
	}
	for query, want := range map[string]string{
		"SELECT count(*) FROM memories":                                                                       fmt.Sprint(len(all)),
		"SELECT content FROM memories WHERE id = " + id(3):                                                    strings.Join(one.Observations, "\n") + "\nadded later",
		"SELECT count(*) FROM memories WHERE id = " + id(7):                                                   "0",
		"SELECT count(*) FROM relations WHERE source_id = 'made by the server' AND target_id = " + id(5):      "1",
		"SELECT count(*) FROM relations WHERE target_id NOT IN (SELECT id FROM memories)":                     "0",
		"SELECT title || content || kind FROM memories WHERE id = 'made by the server'":                       "made by the serverot",
		"SELECT count(*) FROM memories WHERE created_at IS NULL OR tags IS NULL OR 'mcp-memory.line' IS NULL": "1",
	} {
		if got := storetest.One(t, plain, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	// All that the server has not touched comes home as it was.
	s.tool("delete_entities", object{"entityNames": []string{"made by the server"}})
	storetest.Restored(t, there, home, "")
	text := "UPDATE nodes SET properties = '' WHERE id = " + id(3)
	storetest.Exec(t, source, "DELETE FROM relationships WHERE "+id(7)+" IN (from_id, to_id)", "DELETE FROM nodes WHERE id = "+id(7))
	content := "SELECT json_extract(properties, '$.content') FROM nodes WHERE id = " + id(3)
	if got, want := storetest.One(t, home, content), storetest.One(t, source, content)+"\nadded later"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	storetest.Exec(t, home, text)
	storetest.Exec(t, source, text)
	storetest.Same(t, source, home)
}

// The server loads whatever records memarc writes.
func TestProductLoadsHostile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.jsonl")
	storetest.MustImport(t, path, storetest.Records(t), store.SinkOptions{})
	s := serve(t, path)
	if g := s.tool("read_graph", object{}); len(g.Entities) == 0 {
		t.Error("no entities")
	}
	s.tool("search_nodes", object{"query": "a"})
}
