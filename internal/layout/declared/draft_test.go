package declared_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/layout/declared"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
)

// stores are databases that no layout knows.
var stores = []struct {
	name string
	sql  []string
	// want are lines that the draft must have, not those that it must not have.
	want, not []string
}{
	{name: "notes", sql: []string{
		`CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, content TEXT NOT NULL, category TEXT DEFAULT 'fact', tags TEXT, importance REAL, meta JSON, embedding BLOB, pinned BOOLEAN, created_at TEXT, updated_at TEXT)`,
		`CREATE TABLE links (id INTEGER PRIMARY KEY, source_id INTEGER, target_id INTEGER, relation TEXT, strength REAL, created_at INTEGER)`,
		`CREATE TABLE settings (name TEXT PRIMARY KEY, value)`,
		`CREATE INDEX notes_by_time ON notes (created_at)`,
		`INSERT INTO notes VALUES (1, 't', 'c', 'fact', '["a","b"]', 0.5, '{"a": 1}', x'0000803f', 1, '2024-02-29T12:00:00.000Z', '2024-02-29T12:00:00.123Z')`,
		`INSERT INTO notes VALUES (9, NULL, 'é😀', NULL, '[]', 1e300, '[]', x'', 0, '2024-03-01T00:00:00.500Z', '2024-03-01T00:00:00.500Z')`,
		`INSERT INTO links VALUES (1, 1, 9, 'causes', 0.25, 1700000000123), (2, 1, 9, 'causes', NULL, 1700000000124), (3, 4, 4, 'self', 1.0, NULL)`,
		`INSERT INTO settings VALUES ('a', 1), ('b', 2.5), ('c', 'x'), ('d', x'00ff'), ('e', NULL)`,
	}, want: []string{
		`    section: memories`, `    updated: updated_at`, `      - {column: id, field: id, lens: int-text}`, `      - {column: content, field: content, lens: text}`,
		`      - {column: category, field: kind, lens: text}`, `      - {column: tags, field: tags, lens: json-list}`, `      - {column: importance, field: importance, lens: real}`,
		`      - {column: meta, field: metadata, lens: json}`, `      - {column: embedding, lens: f32}`, `      - {column: pinned, lens: int-bool}`,
		`      - {column: created_at, field: created_at, lens: time-millis-z}`, `    section: relations`, `      - {column: source_id, field: source_id, lens: int-text}`,
		`      - {column: relation, field: type, lens: text}`, `      - {column: strength, field: weight, lens: real}`, `      - {column: created_at, field: created_at, lens: unix-millis}`,
		`      - {column: value, lens: any}`,
	}},
	{name: "python", sql: []string{
		`CREATE TABLE memory (uuid TEXT PRIMARY KEY, text TEXT, labels TEXT, created TIMESTAMP, modified TEXT, expires TEXT, metadata TEXT) WITHOUT ROWID`,
		`CREATE TABLE memory_vectors (memory_id TEXT, model TEXT, dims INT, vector BLOB, PRIMARY KEY (memory_id, model))`,
		`INSERT INTO memory VALUES ('b', 'x', '["a", "\u00e9"]', '2024-01-01T10:00:00.123456+00:00', '2024-01-01T10:00:00.123456', '2024-01-01 10:00:00', '{}')`,
		`INSERT INTO memory VALUES ('a', 'y', '[]', '2024-01-01T10:00:00+00:00', '2024-01-01T10:00:00', NULL, 'no json')`,
		`INSERT INTO memory_vectors VALUES ('a', 'm', 1, x'00000000'), ('a', 'n', 2, x'0000803f0000803f'), ('zz', 'm', 1, x'01020304')`,
	}, want: []string{
		`      - {column: uuid, field: id, lens: text}`, `      - {column: labels, field: tags, lens: json-list-python}`, `      - {column: created, field: created_at, lens: time-python}`,
		`      - {column: modified, field: updated_at, lens: time-python-naive}`, `      - {column: expires, field: expires_at, lens: time-sqlite}`,
		`    section: embeddings`, `      - {column: vector, field: vector, lens: f32}`, `      - {column: metadata, lens: text}`,
	}},
	{name: "hostile values", sql: []string{
		`CREATE TABLE memories (id TEXT PRIMARY KEY, content TEXT, tags TEXT, created_at TEXT, importance REAL, embedding BLOB, access_count INTEGER, metadata JSON)`,
		`INSERT INTO memories VALUES ('1', 'a', '["a"]', '2024-01-01T00:00:00Z', 1.0, x'00000000', 1, '{}')`,
		`INSERT INTO memories VALUES (NULL, CAST(x'ff00fe' AS TEXT), 'a,b', 'yesterday', 9e999, x'00', 9223372036854775807, 'no')`,
		`INSERT INTO memories VALUES (x'31', x'00', '["a", "b"]', 1700000000, 'many', 'text', -9223372036854775808, NULL)`,
		`INSERT INTO memories VALUES ('', char(0) || 'x', '', '', -9e999, '', 'x', '')`,
	}, want: []string{`      - {column: tags, lens: text}`}, not: []string{"field: tags", "field: created_at", "section: memories"}},
	{name: "late surprises", sql: []string{ // rows behind those that are looked at
		`CREATE TABLE memories (id TEXT PRIMARY KEY, content TEXT, tags TEXT, created_at TEXT, updated_at INTEGER, embedding BLOB, flag BOOLEAN)`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 2500) INSERT INTO memories
		 SELECT 'm'||i, 'c', '["t"]', '2024-01-01T00:00:00Z', 1700000000 + i, x'0000803f', i%2 FROM n`,
		`INSERT INTO memories VALUES (7, x'00ff', '[1, {"a":2}]', 'soon', 'later', x'01', 7), (x'', 1.5, '["a", "b"]', '2024-01-01T00:00:00.120Z', 1.5, 'x', NULL)`,
	}, want: []string{`    section: memories`, `      - {column: created_at, field: created_at, lens: time-rfc3339-z}`}},
	{name: "weird names", sql: []string{
		`CREATE TABLE "my notes" ("Note ID" TEXT PRIMARY KEY, "body" TEXT, "select" TEXT, "a'b" INT, "c""d" REAL, "é: #" BLOB, "null" TEXT, "1" TEXT, "- x" TEXT, "$section" TEXT, leftovers TEXT, "tab	nl
x" TEXT, "~" TEXT, "true" TEXT, "{a}" TEXT, "\n" TEXT, "😀" TEXT, "  " TEXT, "` + "\u2028\u0085\u007f\ufeff" + `" TEXT, "" TEXT)`,
		`INSERT INTO "my notes" VALUES ('1', 'b', 's', 1, 2.5, x'00', 'n', '1', 'x', 'z', 'l', 't', 't', 't', 'a', 'n', 'e', 's', 'u', 'leer')`,
		`CREATE TABLE "order" ("from" TEXT, "to" TEXT, "type" TEXT)`,
		`INSERT INTO "order" VALUES ('a', 'b', 'x'), ('a', 'b', 'x'), (NULL, NULL, NULL)`,
		`CREATE TABLE "a.b" (leftovers BLOB, "$x" TEXT)`, `INSERT INTO "a.b" VALUES (x'01', 'x')`,
		`CREATE TABLE "" (x)`, `INSERT INTO "" VALUES (1)`,
		`CREATE TABLE "é
é" (x ANY)`,
	}, want: []string{`  - table: "my notes"`, `      - {column: "Note ID", field: id, lens: text}`, `      - {column: "null", lens: text}`, `      - {column: "c\"d", lens: real}`}},
	{name: "shapes", sql: []string{
		`CREATE TABLE strict_one (id INTEGER PRIMARY KEY, content TEXT, x ANY) STRICT`,
		`INSERT INTO strict_one VALUES (1, 'c', 1), (2, 'd', 'x'), (3, NULL, x'00')`,
		`CREATE TABLE pair (a TEXT, b INTEGER, c REAL, PRIMARY KEY (b, a)) WITHOUT ROWID`,
		`INSERT INTO pair VALUES ('x', 2, 1.5), ('y', 1, NULL)`,
		`CREATE TABLE loose (a, b TEXT, c NUMERIC, d DECIMAL(10,5))`,
		`INSERT INTO loose VALUES (1, 'x', 1, 1.5), (1, 'x', 1, 1.5), ('1', x'31', 'x', 'y')`,
		`CREATE TABLE memberships (user_id TEXT, group_id TEXT, role TEXT)`, `INSERT INTO memberships VALUES ('u', 'g', 'r'), ('u', 'g', 'r')`,
		`CREATE TABLE edges (src TEXT NOT NULL, dst TEXT NOT NULL, note TEXT, PRIMARY KEY (src, dst))`, `INSERT INTO edges VALUES ('a', 'b', 'n'), ('b', 'a', NULL)`,
		`CREATE TABLE access_log (id INTEGER PRIMARY KEY, memory_id TEXT, action TEXT, timestamp INTEGER, details TEXT)`,
		`INSERT INTO access_log VALUES (1, 'm', 'read', 1700000000, '{}'), (2, 'm', 'read', 1700000001, NULL)`,
		`CREATE TABLE users (id BLOB PRIMARY KEY, username TEXT, name TEXT)`, `INSERT INTO users VALUES (x'000102030405060708090a0b0c0d0e0f', 'u', 'U')`,
	}, want: []string{`    section: relations`, `    section: memberships`, `    section: events`, `      - {column: id, field: id, lens: uuid-blob}`, `      - {column: timestamp, field: at, lens: unix}`}},
	{name: "rivals", sql: []string{
		`CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, session_id TEXT)`, `INSERT INTO messages VALUES (1, 'm', 's')`,
		`CREATE TABLE memories (id INTEGER PRIMARY KEY, content TEXT)`, `INSERT INTO memories VALUES (1, 'm')`,
		`CREATE TABLE vectors (id INTEGER PRIMARY KEY, embedding BLOB, "embedding.1" TEXT)`, `INSERT INTO vectors VALUES (1, x'00000000', 'x')`,
	}, want: []string{"  # Carried as it is. It looks like memories too, but a section has one table; 1 rows looked at."}},
	{name: "schedule in the memory", sql: []string{
		`CREATE TABLE tasks (id TEXT PRIMARY KEY, content TEXT, status TEXT, created_at TEXT)`,
		`CREATE TABLE knowledge (id TEXT PRIMARY KEY, content TEXT, kind TEXT, stability REAL, difficulty REAL, reps INTEGER, created_at TEXT)`,
		`INSERT INTO knowledge VALUES ('a', 'c', 'k', 1.5, 5.0, 1, '2024-01-01T00:00:00+00:00')`,
		`CREATE TABLE cards (memory_id TEXT PRIMARY KEY NOT NULL, stability REAL, difficulty REAL)`,
	}, want: []string{
		`  # Carried as it is. It looks like memories too, but a section has one table; 0 rows looked at.`,
		`  # Guess: memories, by column "id" as id, column "content" as content; 1 rows looked at.`,
		`  # Guess: schedules, by column "memory_id" as memory_id, column "stability" as stability, column "difficulty" as difficulty; 0 rows looked at.`,
	}},
	{name: "empty tables", sql: []string{`CREATE TABLE memories (id TEXT PRIMARY KEY, content TEXT, tags TEXT, created_at TEXT, vector BLOB)`, `CREATE TABLE x (y)`},
		want: []string{`    section: memories`, `      - {column: created_at, lens: text} # no values to look at`}},
}

func TestDraftComesBack(t *testing.T) {
	for _, s := range stores {
		t.Run(s.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a.db")
			build(t, path, s.sql)
			text := draft(t, path)
			for _, w := range s.want {
				if !slices.ContainsFunc(strings.Split(string(text), "\n"), func(l string) bool { return l == w || strings.HasPrefix(l, w+" #") }) {
					t.Errorf("no line %q in\n%s", w, text)
				}
			}
			for _, n := range s.not {
				if strings.Contains(string(text), n) {
					t.Errorf("%q stands in\n%s", n, text)
				}
			}
			if again := draft(t, path); !bytes.Equal(text, again) {
				t.Error("a second draft is another")
			}
			l, err := declared.Parse("draft.yaml", text)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			r := all.Registry().With(l)
			first, report := export(t, r, path)
			if report.Source.Layout != l.Name {
				t.Fatalf("recognised as %s", report.Source.Layout)
			}
			direct := filepath.Join(dir, "direct.db")
			restore(t, r, first, direct, "")
			compare(t, path, direct)
			// By way of memarc's own layout and home again.
			between, home := filepath.Join(dir, "between.db"), filepath.Join(dir, "home.db")
			restore(t, r, first, between, "memarc")
			second, other := export(t, r, between)
			restore(t, r, second, home, "")
			compare(t, path, home)
			for _, target := range []string{direct, home} {
				if _, again := export(t, r, target); again.End.Content != report.End.Content {
					t.Errorf("%s: another content digest", filepath.Base(target))
				}
			}
			if other.End.Content != report.End.Content {
				t.Error("memarc's own layout: another content digest")
			}
		})
	}
}

// TestDraftTakesRecords: a second import of the same records changes nothing, and
// records of another product go into a store that is there, and come back.
func TestDraftTakesRecords(t *testing.T) {
	dir := t.TempDir()
	notes, python := filepath.Join(dir, "notes.db"), filepath.Join(dir, "python.db")
	build(t, notes, stores[0].sql)
	build(t, python, stores[1].sql)
	r := all.Registry()
	for path, name := range map[string]string{notes: "notes", python: "python"} {
		text := bytes.Replace(draft(t, path), []byte("layout: my-store"), []byte("layout: "+name), 1)
		l, err := declared.Parse(name, text)
		if err != nil {
			t.Fatal(err)
		}
		r = r.With(l)
	}
	archive, _ := export(t, r, python)
	for i, want := range []string{"written", "unchanged"} {
		target := filepath.Join(dir, "same.db")
		for section, c := range restore(t, r, archive, target, "python").Sections {
			if c.Read != []uint64{c.Written, c.Unchanged}[i] {
				t.Errorf("%s: %d of %d records %s", section, []uint64{c.Written, c.Unchanged}[i], c.Read, want)
			}
		}
		compare(t, python, target)
	}
	restore(t, r, archive, notes, "notes")
	both, report := export(t, r, notes)
	if n := report.Sections[format.Memories].Read; n != 4 {
		t.Errorf("%d memories, want 4", n)
	}
	home := filepath.Join(dir, "both.db")
	restore(t, r, both, home, "memarc")
	if _, again := export(t, r, home); again.End.Content != report.End.Content {
		t.Error("another content digest")
	}
}

func TestDraftOfNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	build(t, path, []string{`PRAGMA user_version = 1`})
	db := open(t, path)
	defer db.Close()
	c, err := db.Catalog(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := declared.Draft(context.Background(), c, db); err == nil || !strings.Contains(err.Error(), "no tables") {
		t.Errorf("got %v", err)
	}
}

// TestSidecarIsNoTable: a store into which memarc has imported drafts as before.
func TestSidecarIsNoTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	build(t, path, []string{`CREATE TABLE t (x)`, `CREATE TABLE memarc_sidecar (section TEXT)`, `CREATE VIEW v AS SELECT x FROM t`})
	text := string(draft(t, path))
	if strings.Contains(text, "sidecar") || !strings.Contains(text, `# Not carried, because its definition is code: view "v".`) {
		t.Error(text)
	}
}

func build(t *testing.T, path string, statements []string) {
	t.Helper()
	c, err := sqlite3.Open("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, s := range statements {
		if err := c.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func open(t *testing.T, path string) store.Tables {
	t.Helper()
	db, err := all.Registry().Engines[0].Open(context.Background(), store.Location{Raw: path, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func draft(t *testing.T, path string) []byte {
	t.Helper()
	db := open(t, path)
	defer db.Close()
	c, err := db.Catalog(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	text, err := declared.Draft(context.Background(), c, db)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func export(t *testing.T, r *store.Registry, path string) ([]byte, *exporter.Report) {
	t.Helper()
	src, err := r.OpenSource(context.Background(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var out bytes.Buffer
	report, err := exporter.Export(context.Background(), src, &out, exporter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Losses) > 0 {
		t.Errorf("losses: %+v", report.Losses)
	}
	return out.Bytes(), report
}

func restore(t *testing.T, registry *store.Registry, archive []byte, path, layout string) *importer.Report {
	t.Helper()
	r, err := format.NewReader(bytes.NewReader(archive), format.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sink, err := registry.OpenSink(context.Background(), path, r.Manifest(), store.SinkOptions{Layout: layout})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	report, err := importer.Import(context.Background(), r, sink, importer.Options{})
	if err != nil || len(report.Rejects) > 0 {
		t.Fatalf("%v\n%+v", err, report)
	}
	return report
}

// compare compares every table of a with that of b, column by column.
func compare(t *testing.T, a, b string) {
	t.Helper()
	da, db := open(t, a), open(t, b)
	defer da.Close()
	defer db.Close()
	ctx := context.Background()
	ca, err := da.Catalog(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cb, err := db.Catalog(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ca.Tables {
		table := &ca.Tables[i]
		if table.Kind == store.Internal {
			continue
		}
		other := cb.Table(table.Name)
		if other == nil {
			t.Errorf("table %q is missing", table.Name)
			continue
		}
		if got, want := fmt.Sprintf("%+v", other.Table), fmt.Sprintf("%+v", table.Table); got != want && table.Sequence == nil {
			t.Errorf("table %q is\n%s, want\n%s", table.Name, got, want)
		}
		var names []string
		for _, c := range table.Columns {
			names = append(names, c.Name)
		}
		rows, back := read(t, da, table.Name, names), read(t, db, table.Name, names)
		if rows.N != back.N {
			t.Errorf("table %q has %d rows, want %d", table.Name, back.N, rows.N)
			continue
		}
		for at, name := range names {
			for row := range rows.N {
				if !rows.Columns[at].Equal(row, &back.Columns[at], row) {
					t.Errorf("table %q, column %q, row %d: %+v, want %+v", table.Name, name, row, back.Columns[at].Value(row), rows.Columns[at].Value(row))
				}
			}
		}
	}
}

func read(t *testing.T, db store.Tables, table string, columns []string) *store.Rows {
	t.Helper()
	out := store.NewRows(len(columns))
	for rows, err := range db.Scan(context.Background(), store.Query{Table: table, Columns: columns}) {
		if err != nil {
			t.Fatal(err)
		}
		for row := range rows.N {
			out.AppendRow(rows, row)
		}
	}
	return out
}
