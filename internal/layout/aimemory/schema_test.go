package aimemory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"
)

func init() {
	sqlite3.AutoExtension(fts5.Register)
}

// create returns an in-memory store of one version.
func create(t *testing.T, version int) *sqlite3.Conn {
	t.Helper()
	db, err := sqlite3.Open(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	exec(t, db, "PRAGMA foreign_keys = ON")
	for _, s := range CreateStatements(version) {
		exec(t, db, s)
	}
	return db
}

func exec(t *testing.T, db *sqlite3.Conn, sql string) {
	t.Helper()
	if err := db.Exec(sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// rows returns the columns of every row as text, joined by "|".
func rows(t *testing.T, db *sqlite3.Conn, sql string) []string {
	t.Helper()
	stmt, _, err := db.Prepare(sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer stmt.Close()
	var out []string
	for stmt.Step() {
		var row []string
		for i := range stmt.ColumnCount() {
			row = append(row, stmt.ColumnText(i))
		}
		out = append(out, strings.Join(row, "|"))
	}
	if err := stmt.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// A new store of every version holds just what the schema names, and its rows of versions and rules.
func TestCreate(t *testing.T) {
	for _, version := range Versions() {
		t.Run(fmt.Sprintf("V%d", version), func(t *testing.T) {
			db := create(t, version)
			if got := rows(t, db, "PRAGMA integrity_check"); !slices.Equal(got, []string{"ok"}) {
				t.Errorf("integrity_check = %q", got)
			}
			if got := rows(t, db, "PRAGMA foreign_key_check"); len(got) > 0 {
				t.Errorf("foreign_key_check = %q", got)
			}
			at := sqliteSchema.At(version)
			var tables, objects []string
			for _, table := range at.Tables {
				tables = append(tables, table.Name)
				var columns []string
				for _, c := range table.Columns {
					columns = append(columns, c.Name)
				}
				if got := rows(t, db, "SELECT name FROM pragma_table_xinfo("+quote(table.Name)+")"); !slices.Equal(got, columns) {
					t.Errorf("%s: columns %q, want %q", table.Name, got, columns)
				}
				for _, parent := range rows(t, db, `SELECT "table" FROM pragma_foreign_key_list(`+quote(table.Name)+")") {
					if !slices.Contains(tables, parent) {
						t.Errorf("%s stands before %s, which it refers to", table.Name, parent)
					}
				}
			}
			for _, o := range at.Objects {
				if !slices.Contains(tables, o.Table) {
					t.Errorf("%s belongs to %s, which does not exist", o.Name, o.Table)
				}
				objects = append(objects, o.Name)
			}
			slices.Sort(tables)
			slices.Sort(objects)
			if got := rows(t, db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"+
				" AND name NOT LIKE 'memories\\_fts%' ESCAPE '\\' ORDER BY name"); !slices.Equal(got, tables) {
				t.Errorf("tables %q, want %q", got, tables)
			}
			if got := rows(t, db, "SELECT name FROM sqlite_schema WHERE (type <> 'table' AND sql IS NOT NULL) OR name = 'memories_fts' ORDER BY name"); !slices.Equal(got, objects) {
				t.Errorf("objects %q, want %q", got, objects)
			}
			if got := rows(t, db, "SELECT version FROM schema_version"); !slices.Equal(got, []string{fmt.Sprint(version)}) {
				t.Errorf("schema_version = %q", got)
			}
			if version >= 30 {
				if got := rows(t, db, "SELECT count(*), sum(enabled) FROM governance_rules"); got[0] != "4|0" {
					t.Errorf("rules, enabled: %q", got)
				}
			}
		})
	}
}

func TestSearch(t *testing.T) {
	for _, version := range []int{3, 20, 54, 101} {
		db := create(t, version)
		exec(t, db, "INSERT INTO memories (id, tier, title, content, created_at, updated_at) VALUES ('m', 'long', 'Otters', 'sleep afloat', 't', 't')")
		exec(t, db, "UPDATE memories SET content = 'sleep ashore'")
		for word, want := range map[string]int{"otters": 1, "ashore": 1, "afloat": 0} {
			if got := rows(t, db, "SELECT rowid FROM memories_fts WHERE memories_fts MATCH "+quote(word)); len(got) != want {
				t.Errorf("V%d: %s finds %q", version, word, got)
			}
		}
		exec(t, db, "DELETE FROM memories")
		if got := rows(t, db, "SELECT rowid FROM memories_fts WHERE memories_fts MATCH 'otters'"); len(got) > 0 {
			t.Errorf("V%d: a deleted memory is found", version)
		}
	}
}

// What the product's triggers and constraints refuse, by version.
func TestChecks(t *testing.T) {
	memory := func(id, tier string, priority int, confidence string) string {
		return fmt.Sprintf("INSERT INTO memories (id, tier, title, content, priority, confidence, created_at, updated_at) VALUES ('%s', '%s', '%s', '', %d, %s, 't', 't')", id, tier, id, priority, confidence)
	}
	link := func(relation, level, signature string) string {
		return fmt.Sprintf("INSERT INTO memory_links (source_id, target_id, relation, created_at, attest_level, signature) VALUES ('a', 'b', '%s', 't', %s, %s)", relation, level, signature)
	}
	for _, c := range []struct {
		sql          string
		since, until int // versions that take it: before since or from until on
	}{
		{memory("tier", "forever", 5, "1"), checkSince, 0},
		{memory("low", "long", 0, "1"), checkSince, 0},
		{memory("high", "long", 11, "1"), checkSince, 0},
		{memory("sure", "long", 5, "1.5"), checkSince, 0},
		{link("because", "NULL", "NULL"), checkSince, 0},
		{link("advances", "NULL", "NULL"), checkSince, 63},
		{link("related_to", "'sworn'", "NULL"), checkSince, 0},
		{link("supersedes", "'self_signed'", "NULL"), 43, 0},
		{link("contradicts", "'self_signed'", "zeroblob(64)"), 102, 0},
	} {
		for _, version := range []int{23, 28, 42, 54, 62, 63, 101} {
			db := create(t, version)
			exec(t, db, memory("a", "long", 5, "1"))
			exec(t, db, memory("b", "long", 5, "1"))
			takes := version < c.since || c.until > 0 && version >= c.until
			if err := db.Exec(c.sql); (err == nil) != takes {
				t.Errorf("V%d: %s: %v", version, c.sql, err)
			}
		}
	}
}

// Tombstones leave their title to another memory from version 100 on.
func TestTombstones(t *testing.T) {
	const insert = "INSERT INTO memories (id, tier, title, content, created_at, updated_at, lifecycle_state) VALUES ("
	for version, takes := range map[int]bool{99: false, 100: true, 101: true} {
		db := create(t, version)
		exec(t, db, insert+"'a', 'long', 't', '', 't', 't', 'tombstoned')")
		if err := db.Exec(insert + "'b', 'long', 't', '', 't', 't', 'open')"); (err == nil) != takes {
			t.Errorf("V%d: %v", version, err)
		}
	}
}

// The history of keys decides which key the registration of an agent names.
func TestBinding(t *testing.T) {
	db := create(t, 101)
	key := strings.Repeat("A", 43)
	exec(t, db, "INSERT INTO agent_pubkey_history VALUES ('ada', 1, "+quote(key)+", 'possession_proof', NULL, 'then', NULL)")
	bound := `{"agent_pubkey":"` + key + `","pubkey_bound_at":"then"}`
	exec(t, db, "INSERT INTO memories (id, tier, namespace, title, content, created_at, updated_at, metadata) VALUES"+
		" ('r', 'long', '_agents', 'agent:ada', "+quote(bound)+", 't', 't', "+quote(bound)+")")
	if got := rows(t, db, "SELECT metadata, content FROM memories"); got[0] != bound+"|"+bound {
		t.Errorf("registration %s", got)
	}
	exec(t, db, `UPDATE memories SET metadata = '{"agent_pubkey":"forged","write_signature":"x"}'`)
	want := `{"agent_pubkey":"` + key + `","pubkey_bound_at":"then","attest_level":"claimed"}`
	if got := rows(t, db, "SELECT metadata, content FROM memories"); got[0] != want+"|"+want {
		t.Errorf("registration %s", got)
	}
}
