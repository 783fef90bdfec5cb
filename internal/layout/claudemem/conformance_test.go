package claudemem_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/layout/claudemem"
	"github.com/memarc/memarc/internal/store/storetest"
)

func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// texts gives each row one of the texts.
func texts(all ...string) func(int) string {
	return func(row int) string { return text(all[row%len(all)]) }
}

func number(first, step int) func(int) string {
	return func(row int) string { return fmt.Sprint(first + step*row) }
}

// session is what the product calls the session of a row.
func session(row int) string { return fmt.Sprintf("5e550000-0000-4000-8000-00000000000%d", row) }

// epoch is the time of a row in milliseconds.
func epoch(row int) string { return fmt.Sprint(1767225600000 + 1001*int64(row)) }

// filled is how many rows a table has.
const filled = 5

var lists = texts(`[]`, `["a","ü ☃"]`, `["one, two"]`, `["a", "b"]`, `not json`)

// values are what constraints or the meaning ask for, by column or table.column.
var values = map[string]func(row int) string{
	"memory_session_id":  func(r int) string { return text(session(r)) },
	"content_session_id": func(r int) string { return text(fmt.Sprint("content ", r)) },
	"session_db_id":      number(1, 1),
	"observations.narrative": func(r int) string {
		return text(fmt.Sprintf("The otter number%d sleeps\n– afloat ☃ 'quoted'", r)) + []string{"", "||char(0)||'x'"}[r%2]
	},
	"observations.type":         texts("bugfix", "feature", "refactor", "change", "decision"),
	"observations.metadata":     texts(`{"a": 1.0,  "a":2}`, `{}`, `not json`),
	"observations.content_hash": func(r int) string { return []string{"NULL", text(fmt.Sprintf("%016x", r))}[r%2] },
	"facts":                     lists, "concepts": lists, "files_read": lists, "files_modified": lists,
	"created_at":                         texts("2026-02-01T01:02:03.123Z", "2026-02-02T01:02:03.000Z", "2026-02-02T01:02:03Z", "yesterday"),
	"created_at_epoch":                   epoch,
	"sdk_sessions.status":                texts("active", "completed", "failed"),
	"pending_messages.status":            texts("pending", "processing"),
	"telegram_wrapups.status":            texts("claimed", "sent"),
	"message_type":                       texts("observation", "summarize"),
	"kind":                               texts("observation", "summary", "prompt"),
	"lane":                               texts("content", "mutation"),
	"deleted":                            number(0, 0),
	"origin_device_id":                   func(r int) string { return []string{"NULL", "'device'"}[r%2] },
	"sync_entity_heads.origin_device_id": texts("device"),
}

// create makes a store of the version with rows in every table.
func create(t testing.TB, path string, version int) {
	t.Helper()
	c := storetest.Open(t, path)
	defer c.Close()
	for _, s := range claudemem.CreateStatements(version) {
		if err := c.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	f := storetest.Filler{Skip: []string{"schema_versions"}, Value: func(table, column string, row int) string {
		if f := values[table+"."+column]; f != nil {
			return f(row)
		}
		if f := values[column]; f != nil {
			return f(row)
		}
		return ""
	}}
	f.Fill(t, c, filled)
}

func config(version int) storetest.Config {
	return storetest.Config{
		Layout: claudemem.Name, Version: fmt.Sprint(version),
		Create: func(t testing.TB, path string) { create(t, path, version) },
		Add: []string{
			"INSERT INTO sdk_sessions (content_session_id, memory_session_id, project, started_at, started_at_epoch) VALUES ('added', 'added', 'p', '2026-03-01T00:00:00.000Z', 1772323200000)",
			"INSERT INTO observations (memory_session_id, project, type, title, narrative, created_at, created_at_epoch) VALUES ('added', 'p', 'feature', 'added', 'an added badger', '2026-03-01T00:00:00.000Z', 1772323200000)",
		},
		Change:  []string{"UPDATE observations SET title = 'the product wrote this' WHERE id = 2"},
		Remove:  []string{"DELETE FROM observations WHERE id = 3"},
		Changed: 1,
		Via:     []string{"memarc", "vestige", "ai-memory", "memorygraph"},
	}
}

// versions are those of the releases 11.0.0, 13.4.0, 13.12.2 and 13.25.3.
var versions = []int{23, 32, 48, 52}

func TestConformance(t *testing.T) {
	for _, version := range versions {
		t.Run(fmt.Sprintf("V%d", version), func(t *testing.T) {
			t.Parallel()
			c := config(version)
			c.Brief = version != 52
			storetest.Run(t, c)
		})
	}
}
