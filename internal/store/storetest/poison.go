package storetest

import (
	"testing"
)

// Poison makes a database that no product would make: every value SQLite can
// hold where it should not be, and every part of a schema that is hard to carry.
// It returns the exact ledger of its export by a layout that does not know it.
func Poison(t testing.TB, path string) (ledger []string) {
	t.Helper()
	c := Open(t, path)
	defer c.Close()
	for _, s := range poison {
		if err := c.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return []string{
		"schema-check checked 1",
		"schema-collation nocase 1",
		"schema-conflict clause 1",
		"schema-default defaults.expression 1",
		"schema-default defaults.hex 1",
		"schema-default defaults.misquoted 1",
		"schema-deferrable clause 1",
		"schema-generated computed.stored 1",
		"schema-generated computed.virtual 1",
		"schema-index by expression 1",
		"schema-index descending 1",
		"schema-index partial 1",
		"schema-trigger on plain insert 1",
		"schema-view seen 1",
		"virtual-table search 1",
	}
}

// Values are literals of every storage class and edge.
var Values = []string{
	"NULL", "''", "x''", "0", "0.0", "-0.0", "1", "1.0", "-1", "'1'", "'1.0'", "x'31'", "'NULL'", "' '",
	"9223372036854775807", "-9223372036854775808", "9007199254740993", "9007199254740993.0", "9.2233720368547758e18",
	"9e999", "-9e999", "1e308", "4.9406564584124654e-324", "2.2250738585072011e-308", "0.1", "0.30000000000000004", "(9e999 - 9e999)",
	"'a' || char(0) || 'b'", "char(0)", "CAST(x'ff' AS TEXT)", "CAST(x'c0af' AS TEXT)", "CAST(x'eda080' AS TEXT)", "CAST(x'61ff62' AS TEXT)",
	"char(65279) || 'bom'", "'☃ 😀 é é'", "char(27) || '[31m'", "x'00'", "x'ffffffff'", "zeroblob(5000)",
	"'{\"a\": 1, \"a\": 2}'", "'{malformed'", "'[\"x\", \"y\"]'", "'\"\\ud800\"'", "'[]'", "'null'",
	"'2026-02-12T10:11:12+02:00'", "'2026-02-12T10:11:12.1+00:00'", "'2026-02-12T10:11:12Z'", "'2026-02-12 10:11:12'", "'2026-02-30T10:11:12+00:00'",
	"'9999-12-31T23:59:59.999999999+00:00'", "'0000-01-01T00:00:00+00:00'", "'-0001-01-01T00:00:00+00:00'", "'2026-06-30T23:59:60Z'", "'yesterday'",
	"'1677-09-21T00:12:43.145224192+00:00'", "'2262-04-11T23:47:16.854775807+00:00'", "253402300799000", "'2026-02-12T10:11:12.1234567891+00:00'",
	"x'0000c07f'", "x'0000803f00000040'", "x'0000803f0000'", "x'01'",
}

var poison = func() []string {
	out := []string{
		"PRAGMA foreign_keys=0", "PRAGMA user_version=7", "PRAGMA application_id=1234",
		// Every value in a column of every affinity.
		`CREATE TABLE "values" (id INTEGER PRIMARY KEY, untyped, t TEXT, i INTEGER, r REAL, b BLOB, n NUMERIC, flag BOOLEAN, at DATETIME, j JSON, v VARCHAR(10), f FLOAT, d DECIMAL(10,5))`,
		// Identifiers.
		`CREATE TABLE text_ids (id TEXT PRIMARY KEY, v)`,
		`INSERT INTO text_ids VALUES (NULL, 1), (NULL, 1), (NULL, 2), ('a', 1), ('A', 2), ('á', 3), (x'61', 4), ('', 5), (x'', 6), (1, 7), ('a' || char(0), 8)`,
		`CREATE TABLE any_ids (id PRIMARY KEY, v)`,
		`INSERT INTO any_ids VALUES (NULL, 1), (NULL, 2), (1, 3), ('1', 4), (1.5, 5), (x'31', 6), (9e999, 7), (-9223372036854775808, 8)`,
		`CREATE TABLE blob_ids (id BLOB PRIMARY KEY, v)`,
		`INSERT INTO blob_ids VALUES (x'00', 1), (x'0000', 2), ('0', 3), (0, 4), (NULL, 5)`,
		`CREATE TABLE nocase (id TEXT PRIMARY KEY COLLATE NOCASE, v TEXT)`,
		`INSERT INTO nocase VALUES ('Abc', 'x'), ('abd', 'X')`,
		// Rows that are alike.
		`CREATE TABLE twins (a, b TEXT)`,
		`INSERT INTO twins VALUES (1, 'x'), (1, 'x'), (NULL, NULL), (NULL, NULL), (NULL, ''), (1.0, 'x'), ('1', 'x'), (1, 'x')`,
		// Kinds of tables.
		`CREATE TABLE no_rowid (a TEXT, b INTEGER, v, PRIMARY KEY (b, a)) WITHOUT ROWID`,
		`INSERT INTO no_rowid VALUES ('z', 2, NULL), ('a', 2, 1), ('a', 1, x'00')`,
		`CREATE TABLE strict_one (i INT, n INTEGER, r REAL, t TEXT, b BLOB, a ANY, PRIMARY KEY (t, i)) STRICT`,
		`INSERT INTO strict_one VALUES (1, 2, 3, '4', x'35', '6'), (1, -1, 9e999, char(0), x'', 7), (0, NULL, NULL, '', NULL, 1.0)`,
		`CREATE TABLE strict_both (k ANY NOT NULL PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID`,
		`INSERT INTO strict_both VALUES (1, NULL), ('1', '1'), (x'31', -0.0)`,
		`CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, v)`,
		`INSERT INTO counted VALUES (1, 'a'), (5, 'b'), (4711, 'gone')`,
		`DELETE FROM counted WHERE id = 4711`,
		`CREATE TABLE "counted empty" (id INTEGER PRIMARY KEY AUTOINCREMENT, v)`,
		`INSERT INTO "counted empty" VALUES (99, 'gone')`,
		`DELETE FROM "counted empty"`,
		`CREATE TABLE counted_never (id INTEGER PRIMARY KEY AUTOINCREMENT, v)`,
		`CREATE TABLE counted_forgotten (id INTEGER PRIMARY KEY AUTOINCREMENT, v)`,
		`INSERT INTO counted_forgotten VALUES (3, 'a')`,
		`DELETE FROM sqlite_sequence WHERE name = 'counted_forgotten'`,
		`CREATE TABLE empty (a INTEGER NOT NULL, b)`,
		`CREATE TABLE computed (a INTEGER, stored INTEGER GENERATED ALWAYS AS (a * 2) STORED, virtual TEXT AS ('v' || a), generated TEXT)`,
		`INSERT INTO computed (a, generated) VALUES (1, 'x'), (NULL, 'y')`,
		// Names.
		`CREATE TABLE "we""ird 'ta ble; --" ("select" TEXT, "col ""umn'" INTEGER, "ünïcode ☃" REAL, "a.b" BLOB, "$section" TEXT, leftovers TEXT, [order], "%s" TEXT)`,
		`INSERT INTO "we""ird 'ta ble; --" VALUES ('s', 1, 2.5, x'00', 'd', 'l', 'o', 'p'), (x'73', 'x', 'x', 'x', x'00', x'00', 1, 2)`,
		`CREATE TABLE "select" ("from" TEXT PRIMARY KEY, "where" TEXT REFERENCES "select" ("from"), "index" TEXT UNIQUE)`,
		`INSERT INTO "select" VALUES ('a', 'a', 'i'), ('b', 'nowhere', NULL), ('c', NULL, NULL)`,
		`CREATE TABLE "日本 😀" ("列" TEXT)`,
		`INSERT INTO "日本 😀" VALUES ('値')`,
		`CREATE TABLE has_rowid (rowid TEXT, v)`,
		`INSERT INTO has_rowid VALUES ('b', 1), ('a', 2)`,
		`CREATE TABLE has_all_rowids (rowid TEXT, _rowid_ TEXT, oid TEXT)`,
		`INSERT INTO has_all_rowids VALUES ('c', 'b', 'a'), ('a', 'b', 'c')`,
		`CREATE TABLE memories (id TEXT PRIMARY KEY, content TEXT)`,
		`INSERT INTO memories VALUES ('m', 'not of the section of this name')`,
		// Graphs.
		`CREATE TABLE edges (source_id TEXT REFERENCES text_ids (id) ON DELETE CASCADE, target_id TEXT REFERENCES missing (x) ON UPDATE SET NULL ON DELETE RESTRICT, type TEXT, weight REAL)`,
		`INSERT INTO edges VALUES ('a', 'A', 't', 1), ('a', 'A', 't', 1), ('a', 'A', 't', 2), ('a', 'a', 't', 0), ('nobody', 'nowhere', NULL, NULL)`,
		`CREATE INDEX edges_by_end ON edges (target_id, source_id)`,
		`CREATE UNIQUE INDEX "un""ique" ON "values" (id, t)`,
		// What is code.
		`CREATE TABLE checked (a INTEGER CHECK (a > 0), b TEXT)`,
		`INSERT INTO checked VALUES (1, 'CHECK'), (NULL, 'x')`,
		`PRAGMA ignore_check_constraints=1`,
		`INSERT INTO checked VALUES (-1, 'against the rule')`,
		`CREATE TABLE clause (a TEXT UNIQUE ON CONFLICT REPLACE, b TEXT REFERENCES text_ids (id) DEFERRABLE INITIALLY DEFERRED)`,
		`INSERT INTO clause VALUES ('a', 'b')`,
		`CREATE TABLE defaults (id INTEGER PRIMARY KEY, plain TEXT DEFAULT 'it''s', empty TEXT DEFAULT '', nul DEFAULT NULL, neg INTEGER DEFAULT -5, plus INTEGER DEFAULT +5,
			least INTEGER DEFAULT -9223372036854775808, big REAL DEFAULT 1e300, whole REAL DEFAULT 1.0, raw BLOB DEFAULT x'00ff', flag BOOLEAN NOT NULL DEFAULT TRUE,
			now TEXT DEFAULT CURRENT_TIMESTAMP, paren INTEGER DEFAULT (7), expression TEXT DEFAULT (lower(hex(randomblob(4)))), hex INTEGER DEFAULT 0x10, misquoted TEXT DEFAULT "dq")`,
		`INSERT INTO defaults (id) VALUES (1)`,
		`CREATE TABLE types (a "UNSIGNED BIG INT", b DOUBLE PRECISION, c NATIVE CHARACTER(70), d VARYING CHARACTER (255), e TIMESTAMP, f UUID, g STRING, own MONEY, h DATE)`,
		`INSERT INTO types VALUES (18446744073709551615, 1, 'c', 'd', 5, 'f', 7, 3.50, '2026-01-01')`,
		`CREATE VIEW seen AS SELECT a FROM twins`,
		`CREATE TRIGGER "on plain insert" AFTER INSERT ON twins BEGIN DELETE FROM twins; END`,
		`CREATE INDEX partial ON twins (a) WHERE a IS NOT NULL`,
		`CREATE INDEX "by expression" ON twins (lower(b))`,
		`CREATE INDEX descending ON twins (a DESC, b)`,
		`CREATE VIRTUAL TABLE search USING fts5 (body)`,
		`INSERT INTO search VALUES ('lost words')`,
		`ANALYZE`,
	}
	for _, v := range Values {
		out = append(out, `INSERT INTO "values" (untyped, t, i, r, b, n, flag, at, j, v, f, d) VALUES (`+v+","+v+","+v+","+v+","+v+","+v+","+v+","+v+","+v+","+v+","+v+","+v+`)`)
	}
	return out
}()
