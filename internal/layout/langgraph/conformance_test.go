package langgraph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/layout/langgraph"
	"github.com/memarc/memarc/internal/store/storetest"
)

// tables are what LangGraph's own setup makes in SQLite.
const tables = `
CREATE TABLE store_migrations (v INTEGER PRIMARY KEY);
CREATE TABLE store (
    prefix text NOT NULL, key text NOT NULL, value text NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, expires_at TIMESTAMP, ttl_minutes REAL,
    PRIMARY KEY (prefix, key));
CREATE INDEX store_prefix_idx ON store (prefix);
CREATE INDEX idx_store_expires_at ON store (expires_at) WHERE expires_at IS NOT NULL;
INSERT INTO store_migrations (v) VALUES (0), (1), (2), (3), (4);`

// indexed are those that it makes for an index over vectors.
const indexed = `
CREATE TABLE vector_migrations (v INTEGER PRIMARY KEY);
CREATE TABLE store_vectors (
    prefix text NOT NULL, key text NOT NULL, field_name text NOT NULL, embedding BLOB,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (prefix, key, field_name),
    FOREIGN KEY (prefix, key) REFERENCES store(prefix, key) ON DELETE CASCADE);
INSERT INTO vector_migrations (v) VALUES (0);`

// odd are values that nobody but the store's users can think of.
var odd = []string{
	`x'7b2261223a312c2261223a327d'`,                         // {"a":1,"a":2}
	`x'7b22636f6e74656e74223a7b22636f6e74656e74223a317d7d'`, // {"content":{"content":1}}
	`'{"content": "a text, not bytes"}'`,
	`x'5b5d'`, `x'ff'`, `''`, `7`,
	`x'7b2264617461223a225c7530303030227d'`, // {"data":"\u0000"}
}

// create makes a store with rows as the store writes them, and odd ones.
func create(t testing.TB, path string, withVectors, withOdd bool) {
	t.Helper()
	sql := tables
	if withVectors {
		sql += indexed
	}
	put := func(prefix, key, value, more string) {
		sql += fmt.Sprintf("\nINSERT INTO store VALUES ('%s', '%s', %s, '2026-02-01 00:00:%02d', '2026-02-02 00:00:00', %s);", prefix, key, value, len(key)%60, more)
	}
	for n := range 20 {
		key := fmt.Sprintf("k/%d", n)
		put(fmt.Sprintf("memories.user %d", n%3), key, fmt.Sprintf(`CAST('{"kind":"Memory","content":{"content":"The otter %d ☃"}}' AS BLOB)`, n), "NULL, NULL")
		if withVectors {
			for _, field := range []string{"$", "content.content"} {
				sql += fmt.Sprintf("\nINSERT INTO store_vectors VALUES ('memories.user %d', '%s', '%s', x'0000803f0000%02x40', '2026-02-01 00:00:00', '2026-02-02 00:00:00');", n%3, key, field, n)
			}
		}
	}
	put("a/b", "plain", `CAST('{"content":"plain","n":1.0}' AS BLOB)`, "'2026-02-01 10:00:00.401414+00:00', 600.0")
	put("a%2Fb", "plain", `CAST('{"text":"another"}' AS BLOB)`, "'2026-02-01 10:00:00', 0.5")
	put("", "", `CAST('{}' AS BLOB)`, "NULL, 7")
	for i, value := range odd {
		if withOdd {
			put("odd", fmt.Sprint(i), value, "'then', 'soon'")
		}
	}
	storetest.Exec(t, path, sql)
}

func config(withVectors bool) storetest.Config {
	added := "INSERT INTO store VALUES ('added', 'added', x'7b7d', '2026-03-01 00:00:00', '2026-03-01 00:00:00', NULL, NULL)"
	return storetest.Config{
		Layout: langgraph.Name, Version: "1",
		Create:  func(t testing.TB, path string) { create(t, path, withVectors, true) },
		Add:     []string{added},
		Change:  []string{`UPDATE store SET value = CAST('{"content":"the product wrote this"}' AS BLOB), updated_at = '2027-01-01 00:00:00' WHERE key = 'k/2'`},
		Remove:  []string{"DELETE FROM store WHERE key = 'k/3'"},
		Changed: 1, Dated: true,
		Via: []string{"memarc", "vestige", "ai-memory", "memorygraph", "claude-mem"},
	}
}

func TestConformance(t *testing.T) {
	for _, withVectors := range []bool{false, true} {
		t.Run(fmt.Sprintf("vectors %v", withVectors), func(t *testing.T) {
			t.Parallel()
			c := config(withVectors)
			if withVectors {
				c.Via = []string{"memarc", "vestige", "memorygraph", "claude-mem"}
				c.Remove = append([]string{"DELETE FROM store_vectors WHERE key = 'k/3'"}, c.Remove...)
			}
			c.Brief = !withVectors
			storetest.Run(t, c)
		})
	}
}

// What the store keeps is what others read.
func TestFields(t *testing.T) {
	path, there := t.TempDir()+"/s.db", t.TempDir()+"/m.db"
	create(t, path, true, false)
	storetest.Restored(t, path, there, "memarc")
	for query, want := range map[string]string{
		"SELECT group_concat(content) FROM memories WHERE id = 'memories.user 0/k/0'":         "The otter 0 ☃",
		"SELECT count(*) FROM memories WHERE kind = 'Memory' AND namespace LIKE 'memories.%'": "20",
		"SELECT content FROM memories WHERE id = 'a%2Fb/plain'":                               "plain",
		"SELECT content FROM memories WHERE id = 'a%252Fb/plain'":                             "another",
		"SELECT count(*) FROM memories WHERE leftovers IS NOT NULL":                           "1", // a time in another form
		"SELECT group_concat(DISTINCT space) FROM embeddings":                                 "$,content.content",
		"SELECT count(*) FROM embeddings WHERE dimension = 2 AND memory_id LIKE '%/k/%'":      "40",
	} {
		if got := storetest.One(t, there, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// A text that another product has changed is the item's text, and nothing else of its
// value changes.
func TestChangedElsewhere(t *testing.T) {
	dir := t.TempDir()
	path, there, home := dir+"/s.db", dir+"/m.db", dir+"/h.db"
	create(t, path, false, false)
	storetest.Restored(t, path, there, "memarc")
	storetest.Exec(t, there, "UPDATE memories SET content = 'an edited ü' WHERE id IN ('memories.user 0/k/0', 'a%2Fb/plain')")
	storetest.Restored(t, there, home, langgraph.Name)
	for key, want := range map[string]string{
		"k/0": `{"kind":"Memory","content":{"content":"an edited ü"}}`, "plain": `{"content":"an edited ü","n":1.0}`,
	} {
		if got := storetest.One(t, home, "SELECT CAST(value AS TEXT) FROM store WHERE key = '"+key+"' AND prefix <> 'a%2Fb'"); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if n := strings.Count(strings.Join(storetest.Schema(t, home), "\n"), "memarc"); n != 0 {
		t.Errorf("the store at home has %d tables of memarc's", n)
	}
}
