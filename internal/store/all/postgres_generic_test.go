package all_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// unknown is a database that no layout knows.
var unknown = []string{
	"CREATE TYPE mood AS ENUM ('calm', 'wild ☃')",
	"CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(40) NOT NULL UNIQUE, born date, mood mood DEFAULT 'calm', balance numeric(12,3), tags text[], scores int[], at timestamptz DEFAULT now()," +
		" local timestamp, clock time, span interval, key uuid, doc jsonb, raw json, bits bytea, ratio real, exact double precision, ok boolean, CHECK (ratio IS NULL OR ratio > -5))",
	"CREATE TABLE places (country char(2), town text, height smallint, PRIMARY KEY (country, town))",
	"CREATE TABLE visits (person bigint REFERENCES people (id) ON DELETE CASCADE, country char(2), town text, note text, FOREIGN KEY (country, town) REFERENCES places (country, town))",
	"CREATE TABLE nothing (a int)",
	"CREATE EXTENSION vector",
	"CREATE TABLE pictures (id int PRIMARY KEY, seen vector(5), read vector(3), brief vector)",
	"INSERT INTO pictures SELECT n, ARRAY[n, n + 0.5, -n, 1e-9 * n, 3]::vector, CASE WHEN n <> 7 THEN ARRAY[n, 2, 0.25]::vector END, NULL FROM generate_series(1, 40) n",
	"UPDATE pictures SET brief = '[1,2]' WHERE id % 3 = 0",
	"CREATE INDEX visits_by_person ON visits (person)",
	"CREATE INDEX visits_noted ON visits (note) WHERE note IS NOT NULL",
	"CREATE VIEW guests AS SELECT name, town FROM people JOIN visits ON person = id",
	"CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := now(); RETURN NEW; END $$",
	"INSERT INTO people (name, born, mood, balance, tags, scores, at, local, clock, span, key, doc, raw, bits, ratio, exact, ok) VALUES" +
		" ('Ada', '1815-12-10', 'wild ☃', 123456789.125, '{a,\"b c\",\"\",NULL}', '{1,-2,NULL}', '2026-02-01T01:02:03.123456Z', '2026-02-01 01:02:03.5', '23:59:59.999999', '1 year 2 mons 3 days 04:05:06.789', 'a1a10000-0000-4000-8000-000000000001'," +
		" '{\"b\": 1.50, \"a\": [null]}', ' {\"a\" : 1, \"a\":2}', '\\x00ff', 0.1, 0.1, true)," +
		" ('Bob ''quoted''', '-infinity', NULL, 'NaN', '{}', NULL, 'infinity', NULL, NULL, NULL, NULL, NULL, NULL, '\\x', 'NaN', '-Infinity', false), ('Eve', NULL, DEFAULT, 0.000, NULL, '{}', NULL, NULL, '00:00', '-1 days', NULL, 'null', 'null', NULL, '-0', 5e-324, NULL)",
	"DELETE FROM people WHERE name = 'Eve'", "INSERT INTO people (name) SELECT 'person ' || n FROM generate_series(1, 50) n",
	"INSERT INTO places VALUES ('SE', 'Å', 3), ('SE', 'B', NULL), ('DE', 'B', -1)",
	"INSERT INTO visits VALUES (1, 'SE', 'Å', 'one'), (1, 'SE', 'Å', 'one'), (2, 'DE', 'B', NULL), (NULL, NULL, NULL, '')",
	"CREATE TRIGGER people_stamp BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION stamp()",
}

// tables are the rows of a dump, without the catalog and what is memarc's.
func tables(d storetest.Dump) storetest.Dump {
	out := storetest.Dump{}
	for name, rows := range d {
		if !strings.HasPrefix(name, "catalog of ") && !strings.Contains(name, "memarc_") {
			out[name] = rows
		}
	}
	return out
}

// A database that no layout knows comes back as it is, straight and through a file of
// SQLite's; what of it is code is in the ledger.
func TestPostgresUnknown(t *testing.T) {
	source, fresh, home := pgserver.New(t), pgserver.New(t), pgserver.New(t)
	run(t, source, unknown...)
	want := storetest.ReadPostgres(t, source)
	archive, first := storetest.Export(t, source, exporter.Options{})
	storetest.SameDump(t, want, storetest.ReadPostgres(t, source))
	if first.Source.Layout != "generic" || first.Source.Engine != "postgres" {
		t.Errorf("recognised as %+v", first.Source)
	}
	for _, l := range first.Losses {
		if l.Reason == "" || l.Accepted {
			t.Errorf("ledger: %+v", l)
		}
	}
	ledger := storetest.Ledger(first.Losses)
	for _, part := range []string{"schema-view guests", "schema-trigger people_stamp", "schema-index visits_noted", "schema-check people"} {
		if !slices.ContainsFunc(ledger, func(l string) bool { return strings.HasPrefix(l, part) }) {
			t.Errorf("the ledger lacks %q: %q", part, ledger)
		}
	}

	imports := func(target, layout string, archive []byte) ([]byte, *importer.Report) {
		t.Helper()
		report, err := storetest.Import(target, archive, store.SinkOptions{Layout: layout}, importer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !report.Verified || report.Target != first.End.Content || report.Rejected() > 0 {
			t.Errorf("%s: verified %v, content digest %s, of the source %s, refused %v", layout, report.Verified, report.Target, first.End.Content, report.Rejects)
		}
		out, there := storetest.Export(t, target, exporter.Options{})
		if there.End.Content != first.End.Content {
			t.Errorf("%s: content digest of the export %s, of the source %s", layout, there.End.Content, first.End.Content)
		}
		return out, report
	}
	_, straight := imports(fresh, "", archive)
	t.Logf("ledger of the source %q, of the import %q", ledger, storetest.Ledger(straight.Losses))
	file := t.TempDir() + "/file.db"
	through, _ := imports(file, "memarc", archive)
	imports(home, "generic", through)
	for _, target := range []string{fresh, home} {
		got := storetest.ReadPostgres(t, target)
		storetest.SameDump(t, tables(want), tables(got))
		for _, about := range []string{"catalog of sequences"} {
			storetest.SameLines(t, want[about], got[about])
		}
		run(t, target, "INSERT INTO people (name) VALUES ('new')") // its number is the next
		if n := ask[int](t, target, "SELECT count(*) FROM people WHERE id = 54"); n != 1 {
			t.Error("numbers do not go on")
		}
		if n := ask[int](t, target, "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"); n != 2 {
			t.Errorf("%d references", n)
		}
	}
}
