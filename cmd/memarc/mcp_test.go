//go:build unix

package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/internal/bench/sample"
)

// A modelClient is a client of "memarc mcp", which runs as a process of its own.
type modelClient struct {
	t       testing.TB
	session *sdk.ClientSession
	cmd     *exec.Cmd
}

// A reply is the answer to a call of a tool.
type reply struct {
	failed  bool
	text    string
	content map[string]any // the structured content
}

// environment is that of a server: nothing of the test's own.
func environment(temp string, more ...string) []string {
	return append([]string{"HOME=" + temp, "TMPDIR=" + temp, "PATH=" + os.Getenv("PATH")}, more...)
}

// startMCP starts a server and connects to it. told, if not nil, is given notifications of
// progress.
func startMCP(t testing.TB, env []string, told func(*sdk.ProgressNotificationParams), args ...string) *modelClient {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append([]string{"mcp"}, args...)...)
	cmd.Env, cmd.Stderr = env, os.Stderr
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, &sdk.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, r *sdk.ProgressNotificationClientRequest) {
			if told != nil {
				told(r.Params)
			}
		},
	})
	session, err := client.Connect(t.Context(), &sdk.CommandTransport{Command: cmd}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return &modelClient{t, session, cmd}
}

// call calls a tool.
func (m *modelClient) call(name string, arguments map[string]any) reply {
	m.t.Helper()
	r, err := m.try(m.t.Context(), &sdk.CallToolParams{Name: name, Arguments: arguments})
	if err != nil {
		m.t.Fatalf("%s: %v", name, err)
	}
	return r
}

func (m *modelClient) try(ctx context.Context, params *sdk.CallToolParams) (reply, error) {
	answer, err := m.session.CallTool(ctx, params)
	if err != nil {
		return reply{}, err
	}
	r := reply{failed: answer.IsError}
	for _, c := range answer.Content {
		r.text += c.(*sdk.TextContent).Text
	}
	if answer.StructuredContent != nil {
		raw, err := json.Marshal(answer.StructuredContent)
		if err == nil {
			err = json.Unmarshal(raw, &r.content)
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// done calls a tool and fails if that does.
func (m *modelClient) done(name string, arguments map[string]any) reply {
	m.t.Helper()
	r := m.call(name, arguments)
	if r.failed {
		m.t.Fatalf("%s %v: %s", name, arguments, r.text)
	}
	return r
}

// at is what stands in the structured content under keys.
func (r reply) at(keys ...string) any {
	var v any = r.content
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// world says what stands in a folder: kinds, sizes, times and contents.
func world(t testing.TB, top string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		what := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			raw, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			if strings.HasSuffix(p, "-shm") { // where SQLite keeps the locks of those who read, too
				break
			}
			what += fmt.Sprintf(" %v %x", info.ModTime(), sha256.Sum256(raw))
		case info.Mode().Type() == fs.ModeSymlink:
			if what, err = os.Readlink(p); err != nil {
				return err
			}
		}
		out[p] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// unchanged fails for what has changed in a folder.
func unchanged(t testing.TB, what string, before, now map[string]string) {
	t.Helper()
	for p := range maps.Keys(before) {
		if before[p] != now[p] {
			t.Errorf("%s: %s was %s and is %q", what, p, before[p], now[p])
		}
	}
	for p := range now {
		if _, ok := before[p]; !ok && !strings.HasSuffix(p, "-shm") {
			t.Errorf("%s: %s came", what, p)
		}
	}
}

// graphs makes a small store of memorygraph.
func graphs(t testing.TB, path string, memories int) {
	t.Helper()
	if err := sample.MemoryGraph(path, sample.Lean(memories)); err != nil {
		t.Fatal(err)
	}
}

func TestMCPTools(t *testing.T) {
	in, temp := t.TempDir(), t.TempDir()
	graphs(t, filepath.Join(in, "a.db"), 40)
	m := startMCP(t, environment(temp), nil, "--allow", in)
	var names []string
	for tool, err := range m.session.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, tool.Name)
		schema, _ := json.Marshal(tool.InputSchema)
		if !strings.Contains(string(schema), `"additionalProperties":false`) && !strings.Contains(string(schema), `"additionalProperties":{"not":{}}`) {
			t.Errorf("%s takes parameters that it does not know: %s", tool.Name, schema)
		}
	}
	slices.Sort(names)
	if want := []string{"diff", "export_archive", "import_archive", "inspect_store", "migrate_database", "validate_migration", "verify_archive"}; !slices.Equal(names, want) {
		t.Errorf("the tools are %q", names)
	}
	r := m.done("export_archive", map[string]any{"store": "a.db", "archive": "a.marc"})
	digest := r.at("report", "digest", "archive")
	if digest == "" || r.at("report", "digest", "source") != digest || r.at("report", "sections", "memories", "written") != 40.0 || !strings.Contains(r.text, "content digest") {
		t.Errorf("export: %v, %s", r.content, r.text)
	}
	if r = m.done("verify_archive", map[string]any{"archive": filepath.Join(in, "a.marc"), "against": "sqlite:a.db"}); r.at("report", "digest", "target") != digest {
		t.Errorf("verify: %v", r.content)
	}
	if r = m.done("import_archive", map[string]any{"archive": "a.marc", "store": "b.db"}); r.at("report", "digest", "target") != digest || r.at("dry_run") != nil {
		t.Errorf("import: %v", r.content)
	}
	if r = m.done("diff", map[string]any{"a": "a.db", "b": "b.db"}); !strings.Contains(r.text, "equal") {
		t.Errorf("diff of equals: %s", r.text)
	}
	c, err := sqlite3.Open("file:" + filepath.Join(in, "b.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Exec("DELETE FROM nodes WHERE rowid = 1"); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if r = m.done("diff", map[string]any{"a": "a.marc", "b": "b.db"}); r.at("report", "exit") != 5.0 || !strings.Contains(r.at("answer").(string), "removed") {
		t.Errorf("diff: %s", r.text)
	}
	for _, what := range []string{"a.db", "a.marc"} {
		if r = m.done("inspect_store", map[string]any{"store": what}); r.at("overview", "source", "layout") != "memorygraph" {
			t.Errorf("inspect %s: %v", what, r.content)
		}
	}
	if r = m.done("import_archive", map[string]any{"archive": "a.marc", "store": "notes/", "accept_loss": []string{"all"}}); r.at("report", "target", "engine") == nil {
		t.Errorf("import into a folder: %v", r.content)
	}
	if err := os.WriteFile(filepath.Join(in, "torn.marc"), []byte("MARC"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string]map[string]any{
		"verify_archive": {"archive": "torn.marc"}, "inspect_store": {"store": "none.db"}, "export_archive": {"store": "a.db", "archive": "c.db"},
		"import_archive": {"archive": "a.marc", "store": "d.db", "layout": "nonsense"}, "diff": {"a": "a.db", "b": "b.db", "limit": 0},
	} {
		if r := m.call(name, args); !r.failed || r.text == "" {
			t.Errorf("%s %v is no error: %s", name, args, r.text)
		}
	}
	if left := slices.Collect(maps.Keys(world(t, temp))); len(left) != 1 {
		t.Errorf("temporary files stayed: %q", left)
	}
}

// The prompts of memorygraph's users work, with its parameters, defaults and results.
func TestMCPMigratesAsMemorygraph(t *testing.T) {
	in, temp := t.TempDir(), t.TempDir()
	graphs(t, filepath.Join(in, "memory.db"), 30)
	m := startMCP(t, environment(temp, "MEMORY_BACKEND=sqlite", "MEMORY_SQLITE_PATH="+filepath.Join(in, "memory.db")), nil, "--allow", in)
	before := world(t, in)
	target := map[string]any{"target_backend": "sqlite", "target_config": map[string]any{"path": filepath.Join(in, "new.db")}}
	r := m.done("validate_migration", target)
	if r.at("success") != true || r.at("dry_run") != true || r.at("source_backend") != "sqlite" || r.at("target_backend") != "sqlite" ||
		r.at("source_stats", "memory_count") != 30.0 || r.at("imported_memories") != 0.0 || r.at("errors") == nil {
		t.Errorf("validate: %s", r.text)
	}
	unchanged(t, "validate_migration", before, world(t, in))
	r = m.done("migrate_database", target)
	if r.at("success") != true || r.at("dry_run") != false || r.at("imported_memories") != 30.0 || r.at("imported_relationships") == 0.0 || r.at("verification", "valid") != true ||
		r.at("verification", "source_count") != 30.0 || r.at("verification", "target_count") != 30.0 || r.at("verification", "sample_passed") != r.at("verification", "sample_checks") {
		t.Errorf("migrate: %s", r.text)
	}
	var text map[string]any // the product's answer is JSON as text
	if err := json.Unmarshal([]byte(r.text), &text); err != nil || text["success"] != true {
		t.Errorf("the text is %s (%v)", r.text, err)
	}
	if d := m.done("diff", map[string]any{"a": "memory.db", "b": "new.db"}); !strings.Contains(d.text, "equal") {
		t.Errorf("the stores differ: %s", d.text)
	}
	before = world(t, in)
	r = m.done("migrate_database", target)
	if r.at("needs_confirm") != true || r.at("dry_run") != true || r.at("imported_memories") != 0.0 {
		t.Errorf("migrate again: %s", r.text)
	}
	unchanged(t, "migrate_database without confirm", before, world(t, in))
	target["confirm"] = true
	if r = m.done("migrate_database", target); r.at("skipped_memories") != 30.0 || r.at("imported_memories") != 0.0 || r.at("verification", "target_count") != 30.0 {
		t.Errorf("migrate with confirm: %s", r.text)
	}
	for backend, config := range map[string]map[string]any{
		"sqlite": {}, "neo4j": {"path": "x"}, "memgraph": {"uri": "redis://localhost"}, "falkordb": {"uri": "redis://localhost:6379", "password": "sesame"}, "falkordblite": {"uri": "x"},
	} {
		r := m.call("migrate_database", map[string]any{"target_backend": backend, "target_config": config})
		if !r.failed || r.at("success") != false || r.at("error") == "" || r.at("error_type") != "ValidationError" || strings.Contains(r.text, "sesame") {
			t.Errorf("%s %v: %s", backend, config, r.text)
		}
	}
	if r := m.call("migrate_database", map[string]any{"target_backend": "turso"}); !r.failed {
		t.Errorf("an unknown backend: %s", r.text)
	}
}

// What exists is changed with confirm alone, and a dry run changes nothing at all.
func TestMCPConfirm(t *testing.T) {
	in, temp := t.TempDir(), t.TempDir()
	graphs(t, filepath.Join(in, "a.db"), 20)
	graphs(t, filepath.Join(in, "b.db"), 10)
	graphs(t, filepath.Join(in, "wal.db"), 10)
	c, err := sqlite3.Open("file:" + filepath.Join(in, "wal.db")) // a program that has it open
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Exec("PRAGMA journal_mode=WAL; UPDATE nodes SET label = label WHERE rowid = 1"); err != nil {
		t.Fatal(err)
	}
	for _, ending := range []string{"", "-wal"} { // what a program that was killed leaves
		raw, err := os.ReadFile(filepath.Join(in, "wal.db"+ending))
		if err == nil {
			err = os.WriteFile(filepath.Join(in, "left.db"+ending), raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	m := startMCP(t, environment(temp), nil, "--allow", in)
	m.done("export_archive", map[string]any{"store": "a.db", "archive": "a.marc"})
	m.done("import_archive", map[string]any{"store": "x.json", "archive": "a.marc", "accept_loss": []string{"all"}})
	destructive := []struct {
		name string
		args map[string]any
	}{
		{"import_archive", map[string]any{"store": "b.db", "archive": "a.marc", "on_conflict": "skip"}},
		{"import_archive", map[string]any{"store": "b.db", "archive": "a.marc", "on_conflict": "overwrite"}},
		{"import_archive", map[string]any{"store": "new.db", "archive": "a.marc", "on_conflict": "overwrite"}},
		{"import_archive", map[string]any{"store": "x.json", "archive": "a.marc", "on_conflict": "skip"}},
		{"import_archive", map[string]any{"store": "wal.db", "archive": "a.marc", "on_conflict": "skip"}},
		{"migrate_database", map[string]any{"source": "a.db", "target_backend": "sqlite", "target_config": map[string]any{"path": "b.db"}}},
		{"migrate_database", map[string]any{"source": "a.db", "target_backend": "sqlite", "target_config": map[string]any{"path": "wal.db"}}},
		{"import_archive", map[string]any{"store": "left.db", "archive": "a.marc", "on_conflict": "skip"}},
		{"export_archive", map[string]any{"store": "b.db", "archive": "a.marc"}},
	}
	for _, d := range destructive {
		what := fmt.Sprint(d.name, d.args)
		before := world(t, in)
		if r := m.done(d.name, d.args); r.at("needs_confirm") != true || !strings.Contains(r.text, "confirm: true") {
			t.Errorf("%s: %s", what, r.text)
		}
		unchanged(t, what, before, world(t, in))
		d.args["dry_run"] = true
		if d.name != "export_archive" {
			d.args["confirm"] = true
			m.done(d.name, d.args)
			unchanged(t, "dry run: "+what, before, world(t, in))
		}
	}
	written := map[string]bool{} // a second import finds all that it brings
	for _, d := range destructive {
		delete(d.args, "dry_run")
		d.args["confirm"] = true
		before := world(t, in)
		if r := m.done(d.name, d.args); r.at("needs_confirm") != nil {
			t.Errorf("%s %v: %s", d.name, d.args, r.text)
		}
		where := fmt.Sprint(d.name[0], d.args["store"], d.args["target_config"])
		if !written[where] && d.name != "migrate_database" && d.args["store"] != "x.json" && maps.Equal(before, world(t, in)) {
			t.Errorf("%s %v did nothing", d.name, d.args)
		}
		written[where] = true
	}
}

// Calls at the same time do not disturb each other.
func TestMCPManyCalls(t *testing.T) {
	in, temp := t.TempDir(), t.TempDir()
	graphs(t, filepath.Join(in, "a.db"), 30)
	m := startMCP(t, environment(temp), nil, "--allow", in)
	digest := m.done("export_archive", map[string]any{"store": "a.db", "archive": "a.marc"}).at("report", "digest", "archive")
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			name, args := "verify_archive", map[string]any{"archive": "a.marc"}
			switch i % 4 {
			case 1:
				name, args = "import_archive", map[string]any{"archive": "a.marc", "store": fmt.Sprintf("%d.db", i)}
			case 2:
				name, args = "export_archive", map[string]any{"store": "a.db", "archive": "same.marc", "confirm": true}
			case 3:
				name, args = "import_archive", map[string]any{"archive": "a.marc", "store": "same.db", "on_conflict": "skip", "confirm": true}
			}
			r, err := m.try(t.Context(), &sdk.CallToolParams{Name: name, Arguments: args})
			if err != nil || r.failed || r.at("report", "digest", "archive") != digest {
				t.Errorf("%s %v: %v, %s", name, args, err, r.text)
			}
		})
	}
	wg.Wait()
	if r := m.done("diff", map[string]any{"a": "same.marc", "b": "same.db"}); !strings.Contains(r.text, "equal") {
		t.Errorf("%s", r.text)
	}
}
