package openmemory_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/openmemory"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// numbers are identifiers of which SQLite makes numbers in a column of type UUID.
var numbers = []string{
	"12345678901234567890123456789012", // a float
	"00000000000000000000000000000042", // an integer
	"1234567890123456789012345e123456", // infinite
	"123456789012345678901234567890e1", // a float
}

// damaged makes a store in which they stand, with children.
func damaged(t *testing.T, path string) {
	t.Helper()
	create(t, path, 4)
	user, app := ids("users")(0), ids("apps")(0)
	for i, id := range numbers {
		storetest.Exec(t, path, "PRAGMA foreign_keys=0",
			fmt.Sprintf("INSERT INTO memories (id, user_id, app_id, content, state) VALUES ('%s', %s, %s, 'damaged %d', 'active')", id, user, app, i),
			fmt.Sprintf("INSERT INTO memory_categories VALUES ('%s', %s)", id, ids("categories")(0)),
			fmt.Sprintf("INSERT INTO memory_status_history VALUES ('%s', '%s', %s, 'deleted', 'active', '2026-01-01 00:00:00.000000')", hexID("e", i+70), id, user))
	}
	if got := storetest.One(t, path, "SELECT group_concat(typeof(id)) FROM memories WHERE content LIKE 'damaged%'"); got != "real,integer,real,real" {
		t.Fatalf("SQLite keeps the identifiers as %s", got)
	}
}

// Identifiers that SQLite has damaged are told apart, still join, are named in the ledger,
// and come home from anywhere as what they were.
func TestDamaged(t *testing.T) {
	dir, database := t.TempDir(), pgserver.New(t)
	source := filepath.Join(dir, "s.db")
	damaged(t, source)
	archive, report := storetest.Export(t, source, exporter.Options{})
	if n := len(exporter.Unaccepted(report.Losses)); n != 0 {
		t.Errorf("%d losses are to be accepted: %+v", n, report.Losses)
	}
	const history = "memory_status_history.memory_id"
	var lines []string
	for _, l := range report.Losses {
		lines = append(lines, fmt.Sprintf("%s %s %d", l.Code, l.Where, l.Count))
		if l.Where == "memories.id" && !strings.HasSuffix(l.Reason, `"1.2345678901234567e+31", "42", "+Inf"`) {
			t.Errorf("the ledger says %q", l.Reason)
		}
	}
	storetest.SameLines(t, []string{"damaged memories.id 4", "damaged " + history + " 4", "damaged memory_categories.memory_id 4"}, lines)

	for i, step := range []struct{ target, layout string }{
		{filepath.Join(dir, "same.db"), ""}, {filepath.Join(dir, "m.db"), "memarc"}, {filepath.Join(dir, "v.db"), "vestige"}, {database, ""},
	} {
		got := storetest.MustImport(t, step.target, archive, store.SinkOptions{Layout: step.layout})
		if got.Target != report.End.Content {
			t.Errorf("%+v: content digest %s, of the source %s", step, got.Target, report.End.Content)
		}
		if step.layout == "memarc" {
			for query, want := range map[string]string{
				"SELECT group_concat(id) FROM (SELECT id FROM memories WHERE content LIKE 'damaged%' ORDER BY content)":               "1.2345678901234567e+31,42,+Inf,1.2345678901234568e+30",
				"SELECT count(*) FROM memories m JOIN events e ON e.memory_id = m.id WHERE content LIKE 'damaged%'":                   "4",
				`SELECT count(*) FROM memories m JOIN "openmemory.memory_categories" c ON c.memory_id = m.id WHERE content LIKE 'd%'`: "4",
			} {
				if got := storetest.One(t, step.target, query); got != want {
					t.Errorf("%s: %s, want %s", query, got, want)
				}
			}
		}
		back, _ := storetest.Export(t, step.target, exporter.Options{})
		home := filepath.Join(dir, fmt.Sprintf("home%d.db", i))
		storetest.MustImport(t, home, back, store.SinkOptions{Layout: openmemory.Name})
		storetest.Same(t, source, home)
	}
}

// A store of PostgreSQL has such identifiers undamaged. In SQLite the product could not
// read a table that holds them: their rows stay beside it, and come home.
func TestNumbersFromPostgres(t *testing.T) {
	dir, database, again := t.TempDir(), pgserver.New(t), pgserver.New(t)
	fillPostgres(t, database)
	for _, id := range numbers {
		run(t, database, fmt.Sprintf("INSERT INTO memories (id, user_id, app_id, content, state) SELECT '%s', user_id, app_id, 'digits', 'active' FROM memories LIMIT 1", id),
			fmt.Sprintf("INSERT INTO memory_categories SELECT '%s', id FROM categories LIMIT 1", id),
			fmt.Sprintf("INSERT INTO access_controls (id, subject_type, subject_id, object_type, effect) VALUES ('%s', 'app', '%s', 'memory', 'allow')", strings.Replace(id, "1", "f", 1)[:31]+"f", id))
	}
	archive, report := storetest.Export(t, database, exporter.Options{})
	there := filepath.Join(dir, "t.db")
	if got := storetest.MustImport(t, there, archive, store.SinkOptions{}); got.Target != report.End.Content {
		t.Errorf("content digest %s, of the source %s", got.Target, report.End.Content)
	}
	for _, table := range []string{"memories", "memory_categories", "access_controls"} {
		for _, column := range strings.Split(storetest.One(t, there, "SELECT group_concat(name) FROM pragma_table_info('"+table+"') WHERE type = 'UUID'"), ",") {
			if got := storetest.One(t, there, fmt.Sprintf("SELECT count(*) FROM %s WHERE typeof(%s) NOT IN ('text', 'null')", table, column)); got != "0" {
				t.Errorf("SQLite has damaged %s cells of %s.%s", got, table, column)
			}
		}
	}
	if got := storetest.One(t, there, "SELECT count(*) FROM memories WHERE content = 'digits'"); got != "0" {
		t.Errorf("%s memories have identifiers that SQLite makes numbers of", got)
	}
	back, _ := storetest.Export(t, there, exporter.Options{})
	storetest.MustImport(t, again, back, store.SinkOptions{})
	samePostgres(t, database, again)
	if got := ask[int](t, again, "SELECT count(*) FROM memories WHERE content = 'digits'"); got != len(numbers) {
		t.Errorf("%d memories have come home", got)
	}
}

// Identifiers of other products become UUIDs which both engines hold.
func TestIdentity(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	number := regexp.MustCompile(`^[0-9]+(e[0-9]+)?$`)
	met := map[string]string{}
	names := []string{"", "a", "6F1E0000-0000-4000-8000-00000000000A", "6f1e000000004000800000000000000a", "{6f1e0000-0000-4000-8000-00000000000a}", "6f1e0000-0000-4000-8000-00000000000a"}
	for _, id := range numbers {
		names = append(names, id, dashed(id))
	}
	for i := range 20000 {
		names = append(names, fmt.Sprint("n", i))
	}
	for _, name := range names {
		id := openmemory.Identity(name)
		switch {
		case !form.MatchString(id) || number.MatchString(strings.ReplaceAll(id, "-", "")):
			t.Errorf("%q becomes %s", name, id)
		case id != openmemory.Identity(name):
			t.Errorf("%q does not become the same each time", name)
		case met[id] != "":
			t.Errorf("%q and %q become %s", name, met[id], id)
		case form.MatchString(name) && !slices.Contains(numbers, strings.ReplaceAll(name, "-", "")) && id != name:
			t.Errorf("%q becomes %s", name, id)
		}
		met[id] = "?" + name
	}
}

// Secrets stay behind unless they are asked for.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	source := dir + "/s.db"
	create(t, source, 4)
	storetest.Exec(t, source, `INSERT INTO configs VALUES ('c0000000000000000000000000000001', 'main', '{"mem0": {"llm": {"config": {"api_key": "sesame"}}}}', '2026-01-01 00:00:00.000000', NULL)`)
	for include, want := range map[bool]string{false: "0", true: "1"} {
		archive, report := storetest.Export(t, source, exporter.Options{IncludeSecrets: include, Encoding: format.NDJSON, Level: format.LevelNone})
		if has := strings.Contains(string(archive), "sesame"); has != include {
			t.Errorf("included %v: the archive holds the key: %v", include, has)
		}
		if include {
			storetest.SameLedger(t, report.Losses)
		} else {
			storetest.SameLedger(t, report.Losses, "withheld configs 1")
		}
		target := fmt.Sprintf("%s/t%v.db", dir, include)
		storetest.MustImport(t, target, archive, store.SinkOptions{})
		if got := storetest.One(t, target, "SELECT count(*) FROM configs"); got != want {
			t.Errorf("included %v: %s rows", include, got)
		}
		if include {
			storetest.Same(t, source, target)
		}
	}
}
