//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/memarc/memarc/internal/confine/confinetest"
)

// Every location of every tool is tried with every trick: all are refused, and neither
// the folder, nor what is beside it, nor the user's home changes.
func TestMCPHostileLocations(t *testing.T) {
	in, outside := confinetest.Ground(t)
	home := t.TempDir()
	graphs(t, filepath.Join(in, "a.db"), 5)
	graphs(t, filepath.Join(outside, "memory.db"), 5)
	if _, err := built(); err != nil { // not in another folder
		t.Fatal(err)
	}
	t.Chdir(outside)
	m := startMCP(t, environment(home, "MEMARC_STORE="+filepath.Join(outside, "memory.db"), "MEMORY_SQLITE_PATH="+filepath.Join(outside, "memory.db")), nil, "--allow", in)
	m.done("export_archive", map[string]any{"store": "a.db", "archive": "a.marc"})
	superJournal(t, filepath.Join(in, "a.db"), filepath.Join(in, "hot.db"), filepath.Join(outside, "secret.db"))
	before, top := world(t, filepath.Dir(in)), filepath.Dir(in)
	refuse := func(name string, args map[string]any) {
		t.Helper()
		if r := m.call(name, args); !r.failed {
			t.Errorf("%s %v passed: %s", name, args, r.text)
		} else if strings.Contains(r.text, "and more") {
			t.Errorf("%s %v shows what is outside: %s", name, args, r.text)
		}
	}
	refuse("migrate_database", map[string]any{"target_backend": "sqlite", "target_config": map[string]any{"path": "x.db"}}) // the environment's store
	for _, trick := range append([]string{"hot.db"}, confinetest.Tricks...) {
		raw := confinetest.Expand(trick, in, outside)
		if !utf8.ValidString(raw) { // JSON carries another one
			continue
		}
		refuse("inspect_store", map[string]any{"store": raw})
		refuse("export_archive", map[string]any{"store": raw, "archive": "new.marc", "confirm": true})
		refuse("export_archive", map[string]any{"store": "a.db", "archive": raw, "confirm": true})
		refuse("import_archive", map[string]any{"archive": raw, "store": "new.db", "confirm": true})
		refuse("import_archive", map[string]any{"archive": "a.marc", "store": raw, "confirm": true})
		refuse("verify_archive", map[string]any{"archive": raw})
		refuse("diff", map[string]any{"a": "a.db", "b": raw})
		refuse("diff", map[string]any{"a": raw, "b": "a.db"})
		for _, backend := range []string{"sqlite", "falkordblite"} {
			refuse("migrate_database", map[string]any{"source": "a.db", "target_backend": backend, "target_config": map[string]any{"path": raw}, "confirm": true})
		}
		if raw != "" { // where nothing means that none is named
			refuse("migrate_database", map[string]any{"source": raw, "target_backend": "sqlite", "target_config": map[string]any{"path": "new.db"}, "confirm": true})
			refuse("verify_archive", map[string]any{"archive": "a.marc", "against": raw})
			refuse("inspect_store", map[string]any{"store": "a.db", "layout": raw})
			refuse("import_archive", map[string]any{"archive": "a.marc", "store": "new.db", "layout": raw})
		}
		now := world(t, top)
		unchanged(t, trick, before, now)
		before = now
	}
	for _, flag := range []string{"--report=x.json", "--rejects", "-o", "--"} { // a value is no flag
		refuse("inspect_store", map[string]any{"store": flag})
		refuse("import_archive", map[string]any{"archive": "a.marc", "store": "new.db", "layout": flag})
		refuse("export_archive", map[string]any{"store": "a.db", "archive": "new.marc", "since": flag})
	}
	for _, backend := range []string{"neo4j", "memgraph", "falkordb"} {
		for _, uri := range []string{"bolt://localhost:7687", "redis://localhost:6379", "memgraph://127.0.0.1", "file:///etc/passwd", "http://localhost", "redis://?socket=/run/redis.sock"} {
			refuse("migrate_database", map[string]any{"source": "a.db", "target_backend": backend, "target_config": map[string]any{"uri": uri, "password": "and more"}})
		}
	}
	unchanged(t, "all", before, world(t, top))
	if left := world(t, home); len(left) != 1 {
		t.Errorf("files came into the home: %q", slices.Collect(maps.Keys(left)))
	}
	m.done("inspect_store", map[string]any{"store": filepath.Join(in, "a.db")}) // it still works
}

// superJournal copies a database and puts a journal beside it that names a file: SQLite
// removes that file when it undoes what the journal says.
func superJournal(t *testing.T, from, to, names string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	page := uint32(binary.BigEndian.Uint16(raw[16:]))
	magic := []byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}
	journal := append(slices.Clone(magic), make([]byte, 504)...)
	for i, v := range []uint32{0, 1, uint32(len(raw)) / page, 512, page} {
		binary.BigEndian.PutUint32(journal[8+4*i:], v)
	}
	sum := uint32(0)
	for _, b := range []byte(names) {
		sum += uint32(b)
	}
	journal = append(binary.BigEndian.AppendUint32(journal, 1<<30/page+1), names...)
	journal = append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(journal, uint32(len(names))), sum), magic...)
	for path, content := range map[string][]byte{to: raw, to + "-journal": journal} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Arguments that the schemas do not know are refused, and an error shows no password.
func TestMCPHostileArguments(t *testing.T) {
	in := t.TempDir()
	graphs(t, filepath.Join(in, "a.db"), 5)
	m := startMCP(t, environment(t.TempDir()), nil, "--allow", in, "--allow-url", "postgres://admin:opensesame@127.0.0.1:1/memories")
	before := world(t, in)
	for _, call := range []struct{ name, args string }{
		{"export_archive", `{"store": "a.db"}`}, {"export_archive", `{"store": "a.db", "archive": "a.marc", "where": "1=1"}`}, {"export_archive", `{"store": ["a.db"], "archive": "a.marc"}`},
		{"export_archive", `{"store": "a.db", "archive": "a.marc", "Confirm": true}`}, {"export_archive", `{"store": "a.db", "archive": "a.marc", "tag": "x"}`}, {"export_archive", `{"store": "a.db", "archive": "a.marc", "tag": [""]}`},
		{"export_archive", `{"store": "a.db", "archive": "a.marc", "tag": [` + strings.Repeat(`"a",`, 100) + `"a"]}`}, {"export_archive", `[]`}, {"export_archive", `"x"`}, {"export_archive", `null`},
		{"import_archive", `{"archive": "a.marc", "store": "b.db", "on_conflict": "opensesame"}`}, {"import_archive", `{"archive": "a.marc", "store": "b.db", "confirm": "yes"}`},
		{"diff", `{"a": "a.db", "b": "a.db", "limit": 1e9}`}, {"diff", `{"a": "a.db", "b": "a.db", "limit": -1}`}, {"diff", `{"a": "a.db", "b": "a.db", "limit": 1.5}`},
		{"migrate_database", `{"target_backend": "neo4j", "target_config": {"uri": "bolt://localhost", "password": ["opensesame"]}}`},
		{"migrate_database", `{"target_backend": "neo4j", "target_config": "{\"password\": \"opensesame\"}"}`}, {"migrate_database", `{"target_backend": "neo4j", "target_config": {"secret": "opensesame"}}`},
		{"migrate_database", `{"source": "postgres://me:opensesame@evil/x", "target_backend": "sqlite", "target_config": {"path": "b.db"}}`},
		{"migrate_database", `{"source": "a.db", "target_backend": "neo4j", "target_config": {"uri": "bolt://me:opensesame@[::1", "path": ""}}`},
		{"migrate_database", `{"source": "a.db", "target_backend": "neo4j", "target_config": {"uri": "bolt://evil", "username": "me", "password": "opensesame"}}`},
		{"inspect_store", `{"store": "postgres://127.0.0.1:1/memories"}`}, {"inspect_store", `{"store": "postgres://me:opensesame@127.0.0.1:1/memories"}`}, // nobody listens there
	} {
		r, err := m.try(t.Context(), &sdk.CallToolParams{Name: call.name, Arguments: json.RawMessage(call.args)})
		if err != nil { // an answer of the protocol is one, too
			r = reply{failed: true, text: err.Error()}
		}
		if all := r.text + fmt.Sprint(r.content); !r.failed || r.text == "" || strings.Contains(all, "opensesame") {
			t.Errorf("%s %s: %v", call.name, call.args, all)
		}
	}
	unchanged(t, "hostile arguments", before, world(t, in))
}

// What is no message is answered, and the server goes on.
func TestMCPMalformedMessages(t *testing.T) {
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "mcp", "--allow", t.TempDir())
	cmd.Env = environment(t.TempDir())
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var problems bytes.Buffer
	cmd.Stderr = &problems
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(stdout)
	ask := func(line string) (answer struct {
		ID     any
		Result map[string]any
		Error  *struct{ Code int }
	}) {
		t.Helper()
		if _, err := io.WriteString(stdin, line+"\n"); err != nil {
			t.Fatal(err)
		}
		raw, err := answers.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(raw, &answer)
		}
		if err != nil {
			t.Fatalf("%.100q is answered %q: %v", line, raw, err)
		}
		return answer
	}
	ask(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`)
	for line, code := range map[string]int{
		"{": -32700, "nonsense": -32700, `{"a":1}`: -32600, "[]": -32600, `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`: -32600, "1": -32600, "null": -32600, "\xff\xfe": -32700,
		`{"jsonrpc":"1.0","id":1,"method":"ping"}`: -32600, strings.Repeat("[", 900_000): -32700, `{"x":"` + strings.Repeat("a", 3<<20) + `"}`: -32600,
		`{"jsonrpc":"2.0","id":7,"method":"tools/none"}`: -32601, `{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"none"}}`: -32602,
	} {
		if a := ask(line); a.Error == nil || a.Error.Code != code {
			t.Errorf("%.60q is answered %+v, want code %d", line, a, code)
		}
		if a := ask(`{"jsonrpc":"2.0","id":"still","method":"ping"}`); a.ID != "still" || a.Error != nil {
			t.Fatalf("after %.60q a ping is answered %+v", line, a)
		}
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || problems.Len() > 0 {
		t.Errorf("at the end of its input: %v, %s", err, problems.String())
	}
}

// slow makes a store and an archive of so much that an import is under way for a while.
func slow(t *testing.T) (in string) {
	t.Helper()
	in = t.TempDir()
	graphs(t, filepath.Join(in, "a.db"), 6000)
	if r := memarc(t, nil, "export", "-o", filepath.Join(in, "a.marc"), filepath.Join(in, "a.db")); r.code != exitDone {
		t.Fatal(r.output)
	}
	return in
}

// A cancelled call, and the end of the server, leave nothing behind.
func TestMCPCancelled(t *testing.T) {
	in := slow(t)
	params := &sdk.CallToolParams{Name: "import_archive", Arguments: map[string]any{"archive": "a.marc", "store": "new.db"}}
	params.SetProgressToken("p")
	for _, how := range []string{"cancel", "terminate"} {
		t.Run(how, func(t *testing.T) {
			temp, under := t.TempDir(), make(chan bool, 1)
			m := startMCP(t, environment(temp), func(*sdk.ProgressNotificationParams) {
				select {
				case under <- true:
				default:
				}
			}, "--allow", in)
			before := world(t, in)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			go func() {
				select {
				case <-under:
				case <-ctx.Done():
				}
				if how == "cancel" {
					cancel()
				} else if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Error(err)
				}
			}()
			if r, err := m.try(ctx, params); err == nil && !r.failed {
				t.Fatalf("the import was done before it could be stopped: %s", r.text)
			}
			if how == "cancel" { // the next one waits for its end
				if r := m.done("inspect_store", map[string]any{"store": "a.marc"}); r.at("overview", "what") != "archive" {
					t.Errorf("after a cancelled call: %s", r.text)
				}
			}
			m.session.Close() // waits for the process
			unchanged(t, how, before, world(t, in))
			if left := world(t, temp); len(left) != 1 {
				t.Errorf("temporary files stayed: %q", slices.Collect(maps.Keys(left)))
			}
		})
	}
}

// Progress grows from one notification to the next.
func TestMCPProgress(t *testing.T) {
	in := slow(t)
	told := make(chan *sdk.ProgressNotificationParams, 1000)
	m := startMCP(t, environment(t.TempDir()), func(p *sdk.ProgressNotificationParams) { told <- p }, "--allow", in)
	params := &sdk.CallToolParams{Name: "import_archive", Arguments: map[string]any{"archive": "a.marc", "store": "new.db"}}
	params.SetProgressToken("token")
	if r, err := m.try(t.Context(), params); err != nil || r.failed {
		t.Fatal(err, r.text)
	}
	m.session.Close()
	close(told)
	last, n := -1.0, 0
	for p := range told {
		if n++; p.Progress <= last || p.ProgressToken != "token" || p.Message == "" {
			t.Errorf("notification %d: %+v after %v", n, p, last)
		}
		last = p.Progress
	}
	if n < 2 {
		t.Errorf("%d notifications", n)
	}
}

// A server without folders, or with wrong ones, does not start.
func TestMCPUsage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"", "--allow=", "--allow " + file, "--allow " + file + "none", "--allow / --allow-url sqlite:///x", "--allow / --allow-url postgres://u:opensesame@/", "--allow / more"} {
		if r := memarc(t, nil, append([]string{"mcp"}, strings.Fields(args)...)...); r.code != exitUsage || strings.Contains(r.output, "opensesame") {
			t.Errorf("mcp %s ends with %d: %s", args, r.code, r.output)
		}
	}
}
