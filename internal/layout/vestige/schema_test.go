package vestige

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"github.com/memarc/memarc/internal/store"
)

func init() {
	sqlite3.AutoExtension(fts5.Register)
}

// create returns an in-memory database of one version.
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

func forEachVersion(t *testing.T, f func(t *testing.T, version int)) {
	for _, v := range Versions() {
		t.Run(fmt.Sprintf("V%d", v), func(t *testing.T) { f(t, v) })
	}
}

func TestVersions(t *testing.T) {
	got := Versions()
	if len(got) != 39 || got[0] != 1 || got[38] != 39 || !slices.IsSorted(got) {
		t.Errorf("Versions() = %v, want 1 to 39", got)
	}
}

func TestCreate(t *testing.T) {
	forEachVersion(t, func(t *testing.T, version int) {
		db := create(t, version)
		if got := rows(t, db, "PRAGMA integrity_check"); !slices.Equal(got, []string{"ok"}) {
			t.Errorf("integrity_check = %q", got)
		}
		if got := rows(t, db, "PRAGMA foreign_key_check"); len(got) > 0 {
			t.Errorf("foreign_key_check = %q", got)
		}
		if got, want := rows(t, db, "PRAGMA page_size")[0], "8192"; (got == want) != (version >= 7) {
			t.Errorf("page_size = %s", got)
		}

		// The database holds just what the schema of the version names.
		at := schema.At(version)
		var tables, objects []string
		for _, table := range at.Tables {
			tables = append(tables, table.Name)
			var columns []string
			for _, c := range table.Columns {
				columns = append(columns, c.Name)
			}
			got := rows(t, db, "SELECT name FROM pragma_table_xinfo("+quote(table.Name)+")")
			if !slices.Equal(got, columns) {
				t.Errorf("%s: columns %q, want %q", table.Name, got, columns)
			}
			for _, parent := range rows(t, db, "SELECT \"table\" FROM pragma_foreign_key_list("+quote(table.Name)+")") {
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
		if got := rows(t, db, "SELECT name FROM sqlite_schema WHERE type = 'table'"+
			" AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'knowledge\\_fts%' ESCAPE '\\'"+
			" ORDER BY name"); !slices.Equal(got, tables) {
			t.Errorf("tables %q, want %q", got, tables)
		}
		if got := rows(t, db, "SELECT name FROM sqlite_schema WHERE (type <> 'table' AND sql IS NOT NULL)"+
			" OR name = 'knowledge_fts' ORDER BY name"); !slices.Equal(got, objects) {
			t.Errorf("objects %q, want %q", got, objects)
		}
		for _, o := range at.Objects {
			got := rows(t, db, "SELECT tbl_name FROM sqlite_schema WHERE name = "+quote(o.Name))
			if o.Name != "knowledge_fts" && !slices.Equal(got, []string{o.Table}) {
				t.Errorf("%s: on table %q, want %s", o.Name, got, o.Table)
			}
		}
	})
}

func TestSeeds(t *testing.T) {
	forEachVersion(t, func(t *testing.T, version int) {
		db := create(t, version)
		want := fmt.Sprintf("%d|2026-01-01 00:00:00", version)
		if got := rows(t, db, "SELECT * FROM schema_version"); !slices.Equal(got, []string{want}) {
			t.Errorf("schema_version = %q, want %q", got, want)
		}
		counts := map[string]int{"schema_version": 1}
		if version >= 5 {
			counts["fsrs_config"] = 1
		}
		if version >= 25 {
			counts["erasure_generation_counter"] = 1
		}
		if version >= 28 {
			counts["embedding_profiles"] = 1
			counts["embedding_profile_state"] = 1
			counts["embedding_profile_manifests"] = 1
		}
		if version >= 38 {
			counts["actor_policy_state"] = 1
			counts["actor_role_weights"] = 6
		}
		for _, table := range schema.At(version).Tables {
			got := rows(t, db, "SELECT count(*) FROM "+store.QuoteName(table.Name))[0]
			if want := fmt.Sprint(counts[table.Name]); got != want {
				t.Errorf("%s holds %s rows, want %s", table.Name, got, want)
			}
		}
	})
}

func TestSearch(t *testing.T) {
	forEachVersion(t, func(t *testing.T, version int) {
		db := create(t, version)
		insertNode(t, db, version, "n1", "the otter sleeps – afloat")
		found := func(word string) []string {
			return rows(t, db, "SELECT n.id FROM knowledge_fts f JOIN knowledge_nodes n ON n.rowid = f.rowid"+
				" WHERE knowledge_fts MATCH "+quote(word))
		}
		if got := found("otter"); !slices.Equal(got, []string{"n1"}) {
			t.Errorf("after insert: %q", got)
		}
		// Stemming came with version 7.
		if got := found("sleep"); (len(got) == 1) != (version >= 7) {
			t.Errorf("stemmed word: %q", got)
		}
		exec(t, db, "UPDATE knowledge_nodes SET content = 'the badger' WHERE id = 'n1'")
		if got := found("otter"); len(got) > 0 {
			t.Errorf("after update: old text finds %q", got)
		}
		for _, s := range schema.At(version).Rebuild {
			exec(t, db, s.SQL)
		}
		exec(t, db, "INSERT INTO knowledge_fts(knowledge_fts, rank) VALUES ('integrity-check', 1)")
		if got := found("badger"); !slices.Equal(got, []string{"n1"}) {
			t.Errorf("after rebuild: %q", got)
		}
		exec(t, db, "DELETE FROM knowledge_nodes WHERE id = 'n1'")
		if got := found("badger"); len(got) > 0 {
			t.Errorf("after delete: %q", got)
		}
	})
}

// The ascii tokenizer glues other characters to the word beside them.
func TestTokenizers(t *testing.T) {
	for version, want := range map[int]int{6: 1, 7: 0, 29: 0, 30: 1, 39: 1} {
		db := create(t, version)
		insertNode(t, db, version, "n1", "Café")
		got := rows(t, db, "SELECT id FROM knowledge_fts WHERE knowledge_fts MATCH 'cafe'")
		if len(got) != want {
			t.Errorf("V%d: cafe finds %q, want %d rows", version, got, want)
		}
	}
}

// Every change of a vector is in the journal, a cascading delete too.
func TestJournal(t *testing.T) {
	db := create(t, 32)
	insertNode(t, db, 32, "n1", "text")
	exec(t, db, "INSERT INTO embedding_profile_vectors VALUES ("+legacyProfile+", 'n1', x'00000000', 1, 'm', 't')")
	exec(t, db, "UPDATE embedding_profile_vectors SET model = 'm2'")
	exec(t, db, "DELETE FROM knowledge_nodes")
	got := rows(t, db, "SELECT seq, node_id, op FROM vector_journal ORDER BY seq")
	if want := []string{"1|n1|upsert", "2|n1|upsert", "3|n1|delete"}; !slices.Equal(got, want) {
		t.Errorf("journal = %q, want %q", got, want)
	}
}

// A receipt chain grows one by one and never changes behind its head.
func TestReceiptChain(t *testing.T) {
	db := create(t, 26)
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	exec(t, db, "INSERT INTO receipt_signing_keys VALUES ('k', 'ed25519', zeroblob(32), "+quote(a)+
		", 'active', 't', NULL, NULL, 't')")
	for i, r := range []struct{ digest, previous string }{{a, "NULL"}, {b, quote(a)}} {
		id := quote(fmt.Sprint("r", i))
		exec(t, db, "INSERT INTO memory_receipts (receipt_id, payload, created_at) VALUES ("+id+", '{}', 't')")
		exec(t, db, fmt.Sprintf("INSERT INTO receipt_envelopes (receipt_id, chain_id, sequence,"+
			" previous_entry_digest, payload_type, envelope_json, payload_digest, entry_digest, signing_key_id,"+
			" signer_key_fingerprint, issued_at, stored_at) VALUES (%s, 'c', %d, %s, 'p', '{}', '%s', '%s', 'k',"+
			" '%s', 't', 't')", id, i, r.previous, a, r.digest, a))
	}
	for _, s := range []struct {
		sql string
		ok  bool
	}{
		{"INSERT INTO receipt_chain_state VALUES ('c', 0, '" + b + "', 't')", false},
		{"INSERT INTO receipt_chain_state VALUES ('c', 0, '" + a + "', 't')", true},
		{"UPDATE receipt_chain_state SET last_sequence = 1", false},
		{"UPDATE receipt_chain_state SET last_sequence = 1, last_entry_digest = '" + b + "'", true},
		{"UPDATE receipt_envelopes SET issued_at = 'u'", false},
		{"DELETE FROM receipt_envelopes", false},
	} {
		if err := db.Exec(s.sql); (err == nil) != s.ok {
			t.Errorf("%s: %v", s.sql, err)
		}
	}
}

// insertNode adds a node that fills every column of the version.
func insertNode(t *testing.T, db *sqlite3.Conn, version int, id, content string) {
	t.Helper()
	var names, values []string
	for _, c := range schema.At(version).Table("knowledge_nodes").Columns {
		value := quote("x")
		switch {
		case c.Name == "id":
			value = quote(id)
		case c.Name == "content":
			value = quote(content)
		case c.Name == "tags":
			value = quote("[]")
		case !strings.HasPrefix(c.Decl, "TEXT"):
			value = "1"
		}
		names = append(names, store.QuoteName(c.Name))
		values = append(values, value)
	}
	exec(t, db, "INSERT INTO knowledge_nodes ("+strings.Join(names, ", ")+
		") VALUES ("+strings.Join(values, ", ")+")")
}

func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
