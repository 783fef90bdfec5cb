package mem0_test

import (
	"testing"

	"github.com/memarc/memarc/internal/layout/mem0"
	"github.com/memarc/memarc/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Config{
		Layout: mem0.Name, Version: "1",
		Create:  func(t testing.TB, path string) { create(t, path, 60, true) },
		Add:     []string{"INSERT INTO vectors VALUES ('added', " + vector(5, 8) + ", " + text(body(9)) + ")"},
		Change:  []string{"UPDATE vectors SET payload = json_set(payload, '$.data', 'the product wrote this', '$.updatedAt', '2027-12-01T00:00:00.500Z') WHERE id = " + text(id(6))},
		Remove:  []string{"DELETE FROM vectors WHERE id IN (" + text(id(7)) + ", " + text(id(10)) + ")"},
		Changed: 1, Dated: true,
		Via: []string{"memarc", "vestige", "ai-memory", "memorygraph"},
	})
}

// histories are statements that make the files in which the libraries keep histories.
var histories = map[string][]string{
	"2": {
		"CREATE TABLE history (id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, event TEXT, created_at DATETIME, updated_at DATETIME, is_deleted INTEGER, actor_id TEXT, role TEXT)",
		"CREATE TABLE messages (id TEXT PRIMARY KEY, session_scope TEXT, role TEXT, content TEXT, name TEXT, created_at DATETIME)",
		"INSERT INTO history VALUES ('h1', " + text(id(1)) + ", NULL, 'tea', 'ADD', '2026-01-01T00:00:00.000001+00:00', NULL, 0, NULL, NULL)",
		"INSERT INTO history VALUES ('h2', " + text(id(1)) + ", 'tea', 'coffee', 'UPDATE', '2025-06-01T08:15:02.123456-07:00', '2026-01-02T00:00:00+00:00', 0, 'ada', 'user')",
		"INSERT INTO history VALUES ('h3', " + text(id(1)) + ", 'coffee', NULL, 'DELETE', NULL, '2026-01-03 00:00:00', 1, NULL, NULL)",
		"INSERT INTO history VALUES ('h4', NULL, x'00', 5, 'NONE', 'yesterday', NULL, NULL, NULL, NULL)",
		"INSERT INTO messages VALUES ('m1', 'user_id=ada', 'user', 'hello', NULL, '2026-01-01T00:00:00+00:00')",
	},
	"3": {
		"CREATE TABLE memory_history (id INTEGER PRIMARY KEY AUTOINCREMENT, memory_id TEXT NOT NULL, previous_value TEXT, new_value TEXT, action TEXT NOT NULL, created_at TEXT, updated_at TEXT, is_deleted INTEGER DEFAULT 0)",
		"CREATE TABLE messages (id TEXT PRIMARY KEY, session_scope TEXT, role TEXT, content TEXT, name TEXT, created_at TEXT)",
		"INSERT INTO memory_history VALUES (1, " + text(id(1)) + ", NULL, 'tea', 'ADD', '2026-01-01T00:00:00.001Z', NULL, 0)",
		"INSERT INTO memory_history VALUES (5, " + text(id(1)) + ", 'tea', 'coffee', 'UPDATE', '2026-01-01T00:00:00.001Z', '2026-01-02T00:00:00.000Z', 0)",
		"INSERT INTO memory_history VALUES (7, " + text(id(1)) + ", 'coffee', NULL, 'DELETE', NULL, NULL, 1)",
		"INSERT INTO messages VALUES ('m1', 'user_id=ada', 'user', 'hello', 'ada', '2026-01-01T00:00:00.000Z')",
	},
}

func historyConfig(version string, create []string) storetest.Config {
	c := storetest.Config{
		Layout: mem0.History, Version: version,
		Create:  func(t testing.TB, path string) { storetest.Exec(t, path, create...) },
		Add:     []string{"INSERT INTO history (id, memory_id, event) VALUES ('added', 'x', 'ADD')"},
		Change:  []string{"UPDATE history SET new_memory = 'changed' WHERE id = 'h1'"},
		Remove:  []string{"DELETE FROM history WHERE id = 'h3'"},
		Changed: 1, Via: []string{"memarc", "vestige", "memorygraph"},
	}
	if version == "3" {
		c.Add = []string{"INSERT INTO memory_history (memory_id, action) VALUES ('x', 'ADD')"}
		c.Change = []string{"UPDATE memory_history SET new_value = 'changed' WHERE id = 5"}
		c.Remove = []string{"DELETE FROM memory_history WHERE id = 1"}
	}
	return c
}

func TestConformanceOfHistories(t *testing.T) {
	both := append(append([]string{}, histories["2"]...), histories["3"][0], histories["3"][2], histories["3"][3])
	legacy := []string{
		"CREATE TABLE history (id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, new_value TEXT, event TEXT, created_at DATETIME, updated_at DATETIME, is_deleted INTEGER)",
		"INSERT INTO history VALUES ('h1', 'm', NULL, 'tea', 'tea', 'ADD', '2024-06-01T08:15:02.123456-07:00', NULL, 0), ('h3', 'm', NULL, 'x', NULL, 'ADD', NULL, NULL, 0)",
	}
	for name, c := range map[string]storetest.Config{
		"Python": historyConfig("2", histories["2"]), "TypeScript": historyConfig("3", histories["3"]),
		"both": historyConfig("2", both), "legacy": historyConfig("1", legacy),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.Brief = name != "Python"
			storetest.Run(t, c)
		})
	}
}
