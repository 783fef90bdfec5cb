package openmemory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/openmemory"
	"github.com/memarc/memarc/internal/store/storetest"
)

func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// hexID is the identifier of a row as SQLite has it, by what it is of.
func hexID(of string, row int) string {
	return fmt.Sprintf("%.1s%x%025da%04x", of, len(of), row, row)[:32]
}

// dashed is the same as records have it.
func dashed(id string) string {
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}

// ids are identifiers of rows of a table.
func ids(table string) func(row int) string {
	letter := map[string]string{"users": "a", "apps": "bb", "memories": "ccc", "categories": "dddd"}[table]
	return func(row int) string { return text(hexID(letter, row)) }
}

func pick(literals ...string) func(int) string {
	return func(row int) string { return literals[row%len(literals)] }
}

const filled = 5 // rows of a table

var (
	moments = pick("'2026-02-01 01:02:03.123456'", "'2026-02-02 00:00:00.000000'", "'2026-02-03T04:05:06+00:00'", "'2026-02-04 01:02:03'", "NULL")
	docs    = pick("'{}'", `'{"a": 1.0,  "a":2, "t": "\u00fc"}'`, "'null'", "NULL", `'{"t":"ü ☃"}'`)
)

// values are what the meaning of a column asks for.
var values = map[string]func(row int) string{
	"users.id": ids("users"), "apps.id": ids("apps"), "memories.id": ids("memories"), "categories.id": ids("categories"),
	"apps.owner_id": ids("users"), "memories.user_id": ids("users"), "memories.app_id": ids("apps"),
	"memory_id": ids("memories"), "category_id": func(row int) string { return ids("categories")((row + 1) % filled) },
	"changed_by": ids("users"), "memory_access_logs.app_id": ids("apps"),
	"subject_id": ids("apps"), "object_id": pick(ids("memories")(0), "NULL", "'"+dashed(hexID("ccc", 2))+"'"), "criteria_id": pick("NULL", ids("apps")(1)),
	"state": pick("'active'", "'paused'", "'archived'", "'deleted'", "'active'"), "old_state": pick("'deleted'", "'active'"), "new_state": pick("'active'", "'archived'"),
	"metadata": docs, "value": docs, "vector": pick("NULL"),
	"memories.content": pick("'an otter – ☃ ''quoted'''", "'two'||char(0)||'x'", "''", "'four'", "'five'"),
	"is_active":        pick("1", "0", "NULL"),
	"created_at":       moments, "updated_at": moments, "changed_at": moments, "accessed_at": moments, "archived_at": moments, "deleted_at": moments,
}

// create makes a store of the version with rows in every table but that of secrets.
func create(t testing.TB, path string, version int) {
	t.Helper()
	c := storetest.Open(t, path)
	defer c.Close()
	for _, s := range openmemory.CreateStatements(version) {
		if err := c.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if version == 3 { // the product's migrations leave their number
		if err := c.Exec("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"); err != nil {
			t.Fatal(err)
		}
	}
	f := storetest.Filler{Skip: []string{"configs"}, Rows: map[string]int{"alembic_version": 1}, Value: func(table, column string, row int) string {
		if f := values[table+"."+column]; f != nil {
			return f(row)
		}
		if f := values[column]; f != nil {
			return f(row)
		}
		if column == "id" {
			return text(hexID("eeeee"+table, row+len(table)*10))
		}
		return ""
	}}
	f.Fill(t, c, filled)
}

func config(version int) storetest.Config {
	user, app := ids("users")(0), ids("apps")(0)
	return storetest.Config{
		Layout: openmemory.Name, Version: fmt.Sprint(version),
		Create: func(t testing.TB, path string) { create(t, path, version) },
		Add: []string{
			"INSERT INTO memories (id, user_id, app_id, content, metadata, state, created_at, updated_at) VALUES ('f0000000000000000000000000000001', " +
				user + ", " + app + ", 'an added badger', '{}', 'active', '2026-03-01 00:00:00.000000', '2026-03-01 00:00:00.000000')",
		},
		Change: []string{"UPDATE memories SET content = 'the product wrote this', updated_at = '2026-12-01 00:00:00.500000' WHERE id = " + ids("memories")(2)},
		Remove: []string{"DELETE FROM memory_categories WHERE memory_id = " + ids("memories")(3), "DELETE FROM memory_status_history WHERE memory_id = " + ids("memories")(3),
			"DELETE FROM memory_access_logs WHERE memory_id = " + ids("memories")(3), "DELETE FROM memories WHERE id = " + ids("memories")(3)},
		Changed: 1, Dated: true,
	}
}

func TestConformance(t *testing.T) {
	for version := 1; version <= 4; version++ {
		t.Run(fmt.Sprintf("V%d", version), func(t *testing.T) {
			t.Parallel()
			c := config(version)
			c.Brief = version < 4
			storetest.Run(t, c)
		})
	}
}

// Records have identifiers with hyphens and refer to each other by them.
func TestFields(t *testing.T) {
	path := t.TempDir() + "/s.db"
	create(t, path, 4)
	_, report := storetest.Export(t, path, exporter.Options{})
	for section, want := range map[string]uint64{format.Users: filled, format.Memories: filled, format.Events: filled, "openmemory.apps": filled, "openmemory.memory_categories": filled} {
		if got := report.Sections[section].Written; got != want {
			t.Errorf("section %q: %d records, want %d", section, got, want)
		}
	}
	archive, _ := storetest.Export(t, path, exporter.Options{})
	there := t.TempDir() + "/m.db"
	storetest.MustImport(t, there, archive, asMemarc)
	for query, want := range map[string]string{
		"SELECT count(*) FROM memories m JOIN users u ON m.owner = u.id":                                                                             "5",
		"SELECT count(*) FROM events e JOIN memories m ON e.memory_id = m.id JOIN users u ON e.actor = u.id":                                         "5",
		`SELECT count(*) FROM "openmemory.memory_categories" c JOIN memories m ON c.memory_id = m.id`:                                                "5",
		`SELECT count(*) FROM "openmemory.access_controls" c JOIN memories m ON c.object_id = m.id`:                                                  "3",
		"SELECT id || ' ' || handle FROM users LIMIT 1":                                                                                              dashed(hexID("a", 0)) + " user_id 0 – ☃",
		"SELECT id || ' ' || content || state || strftime('%FT%T', created_at/1000000000, 'unixepoch') FROM memories WHERE content LIKE 'an otter%'": dashed(hexID("ccc", 0)) + " an otter – ☃ 'quoted'active2026-02-01T01:02:03",
	} {
		if got := storetest.One(t, there, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}
