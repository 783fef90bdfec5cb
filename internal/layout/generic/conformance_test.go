package generic_test

import (
	"errors"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

func notes(t testing.TB, path string) {
	storetest.Exec(t, path,
		`CREATE TABLE note (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, body TEXT, rating REAL DEFAULT 0.5, raw BLOB, at DATETIME)`,
		`CREATE TABLE tag (note_id INTEGER REFERENCES note (id) ON DELETE CASCADE, word TEXT, PRIMARY KEY (note_id, word)) WITHOUT ROWID`,
		`CREATE TABLE log (line TEXT)`,
		`CREATE INDEX note_by_title ON note (title, at)`,
		`INSERT INTO note VALUES (1, 'one', 'body', 1.5, x'00ff', '2026-01-01 10:00:00'), (2, 'two', NULL, NULL, NULL, 5), (3, 'three', '', 0, x'', NULL), (9, 'nine', x'ff', 'much', 'raw', 1.5)`,
		`INSERT INTO tag VALUES (1, 'a'), (1, 'b'), (3, 'a')`,
		`INSERT INTO log VALUES ('x'), ('x'), (NULL)`,
	)
}

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Config{
		Layout: "generic", Create: notes, Changed: 1,
		Add:    []string{`INSERT INTO note (title) VALUES ('added')`, `INSERT INTO tag VALUES (10, 'new')`},
		Change: []string{`UPDATE note SET body = 'changed', at = '2026-12-01 10:00:00' WHERE id = 2`},
		Remove: []string{`DELETE FROM note WHERE id = 3`},
	})
}

// Whatever a database holds comes back byte for byte or stands in the ledger.
func TestPoison(t *testing.T) {
	var ledger []string
	storetest.Run(t, storetest.Config{
		Layout: "generic", Changed: 1, SchemaDiffers: true,
		Differs: []string{"schema-differs types.own 1"},
		Ledger:  storetest.Poison(t, t.TempDir()+"/ledger.db"),
		Create:  func(t testing.TB, path string) { ledger = storetest.Poison(t, path) },
		Add:     []string{`INSERT INTO text_ids VALUES ('added', 1)`},
		Change:  []string{`UPDATE text_ids SET v = 77 WHERE id = 'A'`},
		Remove:  []string{`DELETE FROM "values" WHERE id % 3 = 1`, `DELETE FROM any_ids WHERE id IS NOT NULL`, `DELETE FROM no_rowid`, `DELETE FROM counted WHERE id = 1`},
	})
	_ = ledger
}

// A column whose type was changed behind SQLite's back holds what it could not
// take today. No new table can hold it either: the import says so and leaves
// nothing, and memarc's own layout takes it.
func TestAffinityBehindSQLite(t *testing.T) {
	dir := t.TempDir()
	path, there, home := dir+"/s.db", dir+"/there.db", dir+"/home.db"
	storetest.Exec(t, path, "CREATE TABLE note (id INTEGER PRIMARY KEY, body)", "INSERT INTO note VALUES (1, 5), (2, '5'), (3, 1.5)",
		"PRAGMA writable_schema=1; UPDATE sqlite_schema SET sql = replace(sql, 'body', 'body TEXT') WHERE name = 'note'")
	if got := storetest.One(t, path, "SELECT group_concat(typeof(body)) FROM note"); got != "integer,text,real" {
		t.Fatalf("the column holds %s", got)
	}
	archive, report := storetest.Export(t, path, exporter.Options{})
	if got := storetest.MustImport(t, there, archive, store.SinkOptions{Layout: "memarc"}); got.Target != report.End.Content {
		t.Error("the content digest in memarc's own layout differs")
	}
	storetest.Unchanged(t, dir, func() {
		if _, err := storetest.Import(home, archive, store.SinkOptions{}, importer.Options{}); !errors.Is(err, importer.ErrDifference) {
			t.Errorf("error %v", err)
		}
	})
}
