package ninaivalaigal_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/ninaivalaigal"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// recorded are the objects that the product writes.
var recorded = []string{
	`{"command": "make", "output": "ok\n"}`,
	`{"command": "ls", "exit_code": 0, "timestamp": "2025-09-09T10:00:00Z", "pwd": "/", "context": "c"}`,
	`{"message": "the otter sleeps \u2603", "context": "c"}`,
	`{"message": "the otter ☃", "timestamp": 1.0}`,
	`{"output": null}`, `[1]`,
}

// create makes a store with so many memories and contexts, as the product writes them.
func create(t testing.TB, path string, memories, contexts int) {
	t.Helper()
	statements := ninaivalaigal.CreateStatements()
	for n := range 2 {
		statements = append(statements, fmt.Sprintf("INSERT INTO users VALUES (%d, 'user %d', 'u%d@example.org', '$2b$12$hash%d', %d, '2025-09-09 10:00:00.123456', NULL)", n+1, n, n, n, n))
	}
	statements = append(statements, "INSERT INTO organizations VALUES (1, 'o', NULL, '2025-09-09 10:00:00.000000', '2025-09-09 10:00:00.000000')",
		"INSERT INTO teams VALUES (1, 't', 1, 'd', '2025-09-09 10:00:00.000000', NULL)", "INSERT INTO team_members VALUES (1, 1, 1, 'owner', '2025-09-09 10:00:00.000000')")
	for n := range contexts {
		statements = append(statements, fmt.Sprintf("INSERT INTO recording_contexts VALUES (%d, 'context %d', NULL, %s, NULL, NULL, 'private', %d, '2025-09-09 10:00:00.5000%02d', '2025-09-09 10:00:00.000000')",
			n+1, n, []string{"1", "2", "NULL"}[n%3], n%2, n))
		statements = append(statements, fmt.Sprintf("INSERT INTO context_permissions VALUES (%d, %d, 2, NULL, NULL, 'read', 1, '2025-09-09 10:00:00.000000')", n+1, n+1))
	}
	for n := range memories {
		statements = append(statements, fmt.Sprintf("INSERT INTO memories VALUES (%d, %s, 'context %d', 'command', 'zsh_session', '%s', '2025-09-09 10:%02d:00.123456', '2025-09-09 11:00:00.000000')",
			n+1, []string{"NULL", "1", "2"}[n%3], n%4, recorded[n%len(recorded)], n%60))
	}
	storetest.Exec(t, path, statements...)
}

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Config{
		Layout: ninaivalaigal.Name, Version: "1",
		Create:  func(t testing.TB, path string) { create(t, path, 12, 4) },
		Add:     []string{`INSERT INTO memories VALUES (100, 1, 'added', 'note', 'cli', '{"message": "added"}', '2025-10-01 00:00:00.000000', '2025-10-01 00:00:00.000000')`},
		Change:  []string{`UPDATE memories SET data = '{"message": "the product wrote this"}', updated_at = '2027-01-01 00:00:00.000000' WHERE id = 3`},
		Remove:  []string{"DELETE FROM memories WHERE id = 4"},
		Changed: 1, Dated: true,
		Via: []string{"memarc", "vestige", "ai-memory", "memorygraph", "claude-mem", "langgraph"},
	})
}

// ask returns the only cell of a query on a PostgreSQL database.
func ask(t *testing.T, address, sql string) (out string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if err := c.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// moved makes the store of the unlucky history and moves it to PostgreSQL.
func moved(t *testing.T) (source, there string, archive []byte, report *exporter.Report) {
	t.Helper()
	source, there = filepath.Join(t.TempDir(), "mem0.db"), pgserver.New(t)
	create(t, source, 73, 4)
	archive, report = storetest.Export(t, source, exporter.Options{IncludeSecrets: true})
	storetest.SameLedger(t, report.Losses)
	got := storetest.MustImport(t, there, archive, store.SinkOptions{})
	if got.Target != report.End.Content {
		t.Errorf("content digest there %s, of the source %s", got.Target, report.End.Content)
	}
	return source, there, archive, report
}

// 73 memories and 4 contexts arrive as 73 and 4, and come home byte for byte.
func TestMove(t *testing.T) {
	source, there, _, _ := moved(t)
	for table, want := range map[string]string{"memories": "73", "recording_contexts": "4", "users": "2", "context_permissions": "4"} {
		if got := ask(t, there, "SELECT count(*)::text FROM "+table); got != want {
			t.Errorf("%s rows of %s, want %s", got, table, want)
		}
	}
	home := filepath.Join(t.TempDir(), "home.db")
	again, _ := storetest.Export(t, there, exporter.Options{IncludeSecrets: true})
	storetest.MustImport(t, home, again, store.SinkOptions{})
	storetest.Same(t, source, home)
	storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
}

// A memory that is nobody's stays nobody's; one of another product is nobody's too.
func TestNobodysMemories(t *testing.T) {
	_, there, _, _ := moved(t)
	if got := ask(t, there, "SELECT count(*)::text FROM memories WHERE user_id IS NULL"); got != "25" {
		t.Errorf("%s memories are nobody's, want 25", got)
	}
	source, foreign := filepath.Join(t.TempDir(), "s.db"), filepath.Join(t.TempDir(), "t.db")
	if err := sample.Project(source, 39); err != nil {
		t.Fatal(err)
	}
	storetest.Restored(t, source, foreign, ninaivalaigal.Name)
	if all, none := storetest.One(t, foreign, "SELECT count(*) FROM memories"), storetest.One(t, foreign, "SELECT count(*) FROM memories WHERE user_id IS NULL"); all != none || all == "0" {
		t.Errorf("%s of %s memories are nobody's", none, all)
	}
}

// What the product adds next gets a number that no row has.
func TestNextInsert(t *testing.T) {
	_, there, _, _ := moved(t)
	for table, sql := range map[string]string{
		"memories": `INSERT INTO memories (context, type, source, data) VALUES ('c', 't', 's', '{}') RETURNING id::text`,
		"users":    `INSERT INTO users (username, password_hash) VALUES ('new', '!') RETURNING id::text`,
	} {
		if got, want := ask(t, there, sql), map[string]string{"memories": "74", "users": "3"}[table]; got != want {
			t.Errorf("the next row of %s is %s, want %s", table, got, want)
		}
	}
}

// Tables that somebody guessed are not taken for the product's: a target is what its own
// tables say.
func TestGuessedTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guessed.db")
	storetest.Exec(t, path, "CREATE TABLE contexts (id INTEGER PRIMARY KEY, name TEXT)", "CREATE TABLE memories (id INTEGER PRIMARY KEY, context_id INTEGER, data JSON, created_at DATETIME)", "INSERT INTO contexts VALUES (1, 'c')")
	if _, report := storetest.Export(t, path, exporter.Options{IncludeSecrets: true}); report.Source.Layout == ninaivalaigal.Name {
		t.Errorf("recognised as %+v", report.Source)
	}
}

// A row that the target refuses is counted and named.
func TestRefusedRows(t *testing.T) {
	_, there, archive, _ := moved(t)
	c, err := pgx.Connect(t.Context(), there)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), "DELETE FROM memories; ALTER TABLE memories ADD CHECK (id <> 7); DROP TABLE memarc_sidecar"); err != nil {
		t.Fatal(err)
	}
	report, err := storetest.Import(there, archive, store.SinkOptions{NoSidecar: true}, importer.Options{})
	if err != nil || report.Rejected() != 1 || report.Rejects[0].ID == "" || report.Sections["memories"].Written != 72 {
		t.Errorf("%v, %+v", err, report)
	}
}

// An empty store is told from the one beside it.
func TestWhichStore(t *testing.T) {
	dir := t.TempDir()
	empty, full := filepath.Join(dir, "empty.db"), filepath.Join(dir, "full.db")
	create(t, empty, 0, 0)
	create(t, full, 73, 4)
	for path, want := range map[string]uint64{empty: 0, full: 73} {
		if _, report := storetest.Export(t, path, exporter.Options{IncludeSecrets: true}); report.Sections["memories"].Written != want {
			t.Errorf("%s: %d memories, want %d", path, report.Sections["memories"].Written, want)
		}
	}
	if all := strings.Join(ninaivalaigal.Layout().Locations(nil), " "); !strings.Contains(all, "server/mem0.db") {
		t.Errorf("the product's stores are looked for in %s", all)
	}
}

// Hashes of passwords stay behind unless they are asked for, and nobody's password fits
// what stands in their place.
func TestPasswords(t *testing.T) {
	source, home := filepath.Join(t.TempDir(), "s.db"), filepath.Join(t.TempDir(), "h.db")
	create(t, source, 3, 1)
	archive, report := storetest.Export(t, source, exporter.Options{})
	storetest.SameLedger(t, report.Losses, "withheld users.password_hash 2")
	storetest.MustImport(t, home, archive, store.SinkOptions{})
	if got := storetest.One(t, home, "SELECT count(*) FROM users WHERE password_hash = ''"); got != "2" {
		t.Errorf("%s users have no password", got)
	}
}
