package openmemory_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/openmemory"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

func run(t *testing.T, address string, statements ...string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	for _, s := range statements {
		if _, err := c.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func ask[T any](t *testing.T, address, sql string) (out T) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if err := c.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// owned are the product's tables.
var owned = []string{"users", "categories", "access_controls", "archive_policies", "configs", "apps", "memories", "memory_categories", "memory_status_history", "memory_access_logs"}

// fillPostgres makes a store with the rows of a SQLite store that PostgreSQL holds as the
// product writes them.
func fillPostgres(t *testing.T, address string) {
	t.Helper()
	run(t, address, openmemory.PostgresStatements(4)...)
	run(t, address,
		`INSERT INTO users VALUES ('a0000000-0000-4000-8000-000000000001', 'ada', 'Ada', NULL, '{"a": 1.0,  "a":2}', '2026-02-01 01:02:03.123456', '2026-02-01 01:02:03'), ('a0000000-0000-4000-8000-000000000002', 'bob', NULL, 'b@example.org', 'null', NULL, NULL)`,
		`INSERT INTO categories VALUES ('d0000000-0000-4000-8000-000000000001', 'work', NULL, '2026-02-01 00:00:00', NULL), ('d0000000-0000-4000-8000-000000000002', 'ü ☃', 'd', 'infinity', NULL)`,
		`INSERT INTO apps VALUES ('b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'openmemory', NULL, '{}', true, '2026-02-01 01:02:03.123456', NULL), ('b0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002', 'openmemory', NULL, NULL, false, NULL, NULL)`,
		`INSERT INTO memories SELECT ('c0000000-0000-4000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid, 'a0000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000002', 'memory ' || n, NULL, ('{"n": ' || n || ', "t": "\u00fc\u0000"}')::json, (ARRAY['active', 'paused', 'archived', 'deleted', NULL])[n % 5 + 1]::memorystate, timestamp '2026-02-01 00:00:00.000001' + n * interval '1 day', NULL, NULL, NULL FROM generate_series(0, 19) n`,
		`INSERT INTO memory_categories SELECT id, 'd0000000-0000-4000-8000-000000000002' FROM memories`,
		`INSERT INTO memory_status_history SELECT ('e0000000-0000-4000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid, ('c0000000-0000-4000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid, 'a0000000-0000-4000-8000-000000000002', 'deleted', 'active', '2026-02-01 01:02:03.1' FROM generate_series(0, 9) n`,
		`INSERT INTO memory_access_logs SELECT id, memory_id, 'b0000000-0000-4000-8000-000000000001', changed_at, 'search', '{"query": "q", "score": 0.25}' FROM memory_status_history`,
		`INSERT INTO archive_policies VALUES ('f0000000-0000-4000-8000-000000000001', 'app', NULL, 30, NULL)`)
}

// samePostgres compares the rows of the product's tables, to the text.
func samePostgres(t *testing.T, a, b string) {
	t.Helper()
	for _, table := range owned {
		query := fmt.Sprintf("SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM %s t", table)
		if one, two := ask[string](t, a, query), ask[string](t, b, query); one != two {
			t.Errorf("%s: %s\nis\n%s", table, one, two)
		}
	}
}

// shapeSQL lists a schema's columns, indexes and constraints.
const shapeSQL = `SELECT string_agg(line, E'\n' ORDER BY line) FROM (
	SELECT table_name || '.' || column_name || ' ' || udt_name || ' ' || is_nullable AS line FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'memarc%'
	UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'memarc%'
	UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid <> 0 AND conrelid::regclass::text NOT LIKE '%memarc%' AND connamespace = 'public'::regnamespace) s`

// A store of SQLite with rows in every table moves to PostgreSQL, where the product finds
// its types, and comes home byte for byte.
func TestTwin(t *testing.T) {
	for version := 1; version <= 4; version++ {
		t.Run(fmt.Sprintf("V%d", version), func(t *testing.T) {
			t.Parallel()
			dir, there, empty := t.TempDir(), pgserver.New(t), pgserver.New(t)
			source, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "h.db")
			create(t, source, version)
			archive, first := storetest.Export(t, source, exporter.Options{})
			report := storetest.MustImport(t, there, archive, store.SinkOptions{})
			if report.Target != first.End.Content {
				t.Errorf("content digest there %s, of the source %s", report.Target, first.End.Content)
			}
			run(t, empty, openmemory.PostgresStatements(version)...)
			if got, want := ask[string](t, there, shapeSQL), ask[string](t, empty, shapeSQL); got != want {
				t.Errorf("the schema is\n%s\nwant\n%s", got, want)
			}
			if n := ask[int](t, there, "SELECT count(*) FROM memories m JOIN users u ON m.user_id = u.id JOIN apps a ON m.app_id = a.id JOIN memory_categories c ON c.memory_id = m.id"); n != filled {
				t.Errorf("%d memories are whole", n)
			}
			const nulls = "SELECT (SELECT count(*) FROM users WHERE name IS NULL) * 100 + (SELECT count(*) FROM memories WHERE updated_at IS NULL)"
			if n, want := ask[int](t, there, nulls), storetest.One(t, source, nulls); fmt.Sprint(n) != want || n < 101 {
				t.Errorf("NULLs: %d, want %s", n, want)
			}
			for section, c := range storetest.MustImport(t, there, archive, store.SinkOptions{}).Sections {
				if c.Unchanged != c.Read {
					t.Errorf("again: section %q: %+v", section, c)
				}
			}
			again, second := storetest.Export(t, there, exporter.Options{})
			if second.End.Content != first.End.Content || second.Source.Layout != openmemory.Name || second.Source.Engine != "postgres" || second.Source.Version != fmt.Sprint(version) {
				t.Errorf("exported as %+v with content digest %s, of the source %s", second.Source, second.End.Content, first.End.Content)
			}
			storetest.SameLedger(t, second.Losses)
			storetest.MustImport(t, home, again, store.SinkOptions{})
			storetest.Same(t, source, home)
			storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
		})
	}
}

// A store of PostgreSQL comes back in the same engine, and through SQLite, and through
// other products.
func TestPostgresHome(t *testing.T) {
	dir, source := t.TempDir(), pgserver.New(t)
	fillPostgres(t, source)
	archive, first := storetest.Export(t, source, exporter.Options{})
	storetest.SameLedger(t, first.Losses)
	for _, layout := range []string{"", "memarc", "vestige", "memorygraph"} {
		t.Run("by "+layout, func(t *testing.T) {
			there, home := filepath.Join(dir, "by"+layout+".db"), pgserver.New(t)
			if got := storetest.MustImport(t, there, archive, store.SinkOptions{Layout: layout}); got.Target != first.End.Content {
				t.Errorf("content digest %s, of the source %s", got.Target, first.End.Content)
			}
			back, _ := storetest.Export(t, there, exporter.Options{})
			storetest.MustImport(t, home, back, store.SinkOptions{})
			samePostgres(t, source, home)
			if got, want := ask[string](t, home, shapeSQL), ask[string](t, source, shapeSQL); got != want {
				t.Errorf("the schema is\n%s\nwant\n%s", got, want)
			}
		})
	}
	direct := pgserver.New(t)
	storetest.MustImport(t, direct, archive, store.SinkOptions{})
	samePostgres(t, source, direct)
	if n := ask[int](t, direct, "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'memarc%'"); n != 0 {
		t.Error("a store in the same engine has a sidecar")
	}
}

// Records of other products come into a new store and into one that is there.
func TestPostgresForeign(t *testing.T) {
	for name, write := range others {
		for _, existing := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, existing %v", name, existing), func(t *testing.T) {
				t.Parallel()
				dir, target := t.TempDir(), pgserver.New(t)
				source, before := filepath.Join(dir, "s.db"), 0
				if err := write(source); err != nil {
					t.Fatal(err)
				}
				if existing {
					fillPostgres(t, target)
					before = 16 // that have a state
					run(t, target, "DELETE FROM memory_categories", "DELETE FROM memory_access_logs", "DELETE FROM memory_status_history",
						"DELETE FROM memories WHERE state IS NULL", "UPDATE memories SET updated_at = created_at", "INSERT INTO users (id, user_id) VALUES (gen_random_uuid(), 'default_user')")
				}
				archive, report := storetest.Export(t, source, exporter.Options{})
				got := storetest.MustImport(t, target, archive, asOpenMemory)
				if !existing && got.Target != report.End.Content {
					t.Errorf("content digest %s, of the source %s", got.Target, report.End.Content)
				}
				for _, query := range kept {
					if n := ask[int](t, target, query); n != 0 {
						t.Errorf("%s: %d", query, n)
					}
				}
				if n, want := ask[int](t, target, "SELECT count(*) FROM memories"), before+int(report.Sections[format.Memories].Written); n != want {
					t.Errorf("%d memories, want %d", n, want)
				}
				for section, c := range storetest.MustImport(t, target, archive, store.SinkOptions{}).Sections {
					if c.Written+c.Updated > 0 && section != format.Spaces {
						t.Errorf("the second import writes: section %q: %+v", section, c)
					}
				}
				if existing {
					return
				}
				back, _ := storetest.Export(t, target, exporter.Options{})
				storetest.MustImport(t, dir+"/home.db", back, store.SinkOptions{Layout: name})
				storetest.Same(t, source, dir+"/home.db")
			})
		}
	}
}

// A collection of vectors in the same database, as pgvector's provider makes it, is
// carried too.
func TestCollectionBeside(t *testing.T) {
	source, home, file := pgserver.New(t), pgserver.New(t), filepath.Join(t.TempDir(), "t.db")
	fillPostgres(t, source)
	run(t, source, "CREATE EXTENSION vector", "CREATE TABLE openmemory (id uuid PRIMARY KEY, vector vector(3), payload jsonb)",
		`INSERT INTO openmemory SELECT id, '[1,2.5,3]', jsonb_build_object('data', content, 'source_app', 'openmemory') FROM memories WHERE state <> 'deleted'`)
	archive, report := storetest.Export(t, source, exporter.Options{})
	storetest.SameLedger(t, report.Losses)
	if n := report.Sections["openmemory.openmemory"].Written; n != 12 {
		t.Errorf("%d rows of the collection are carried", n)
	}
	storetest.MustImport(t, file, archive, store.SinkOptions{})
	back, second := storetest.Export(t, file, exporter.Options{})
	if second.End.Content != report.End.Content {
		t.Errorf("content digest %s, of the source %s", second.End.Content, report.End.Content)
	}
	run(t, home, "CREATE EXTENSION vector")
	storetest.MustImport(t, home, back, store.SinkOptions{})
	samePostgres(t, source, home)
	const all = "SELECT string_agg(o::text, '|' ORDER BY id) FROM openmemory o"
	if got, want := ask[string](t, home, all), ask[string](t, source, all); got != want {
		t.Errorf("the collection is %s, was %s", got, want)
	}
}
