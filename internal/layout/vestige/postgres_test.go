package vestige_test

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/layout/vestige"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// Where stores of both engines have a column for a field, its type is the same, so
// that records move from one to the other as they are.
func TestFieldsAgree(t *testing.T) {
	types := func(l *store.Layout) map[string]format.Type {
		out := map[string]format.Type{}
		for _, m := range l.Maps {
			for _, c := range m.Columns {
				by, err := lens.ByName(c.Lens)
				if err != nil {
					t.Fatalf("%s.%s: %v", m.Table, c.Column, err)
				}
				field := c.Field
				if m.Section == "" {
					field = c.Column
				} else if format.Standard(m.Section).Field(field) < 0 {
					if field = "vestige." + c.Column; c.Field != field {
						t.Errorf("%s.%s: field %q is called %q in archives", m.Table, c.Column, c.Field, field)
					}
				}
				out[m.Section+"."+field] = by.Type
			}
		}
		return out
	}
	sqlite, postgres := types(vestige.Layout()), types(vestige.Postgres())
	both := 0
	for _, name := range slices.Sorted(maps.Keys(postgres)) {
		if typ, ok := sqlite[name]; ok {
			if both++; typ != postgres[name] {
				t.Errorf("%s is %s in SQLite and %s in PostgreSQL", name, typ, postgres[name])
			}
		}
	}
	if both < 40 {
		t.Errorf("%d fields are the same", both)
	}
	// What SQLite carries without a lens of its own is what the column is declared for.
	for name, want := range map[string]format.Type{
		"memories.vestige.domains": format.Text, "memories.vestige.domain_scores": format.Text,
		".name": format.Text, ".hash": format.Text, ".created_at": format.Text, // of the model
	} {
		if postgres[name] != want {
			t.Errorf("%s is %s, want %s", name, postgres[name], want)
		}
	}
}

// Every column of PostgreSQL that must not be NULL gets a value from a record of
// another product, unless such a record has no place there.
func TestDefaultsHold(t *testing.T) {
	beside := []string{"rating"} // an event that is no review
	for _, m := range vestige.Postgres().Maps {
		keys := []string{"id"}
		if standard := format.Standard(m.Section); standard != nil {
			keys = append(keys, standard.Key...)
			keys = append(keys, format.MemoryFields(m.Section)...)
		}
		for _, c := range m.Columns {
			def := vestige.Postgres().Schema.Table(m.Table)
			for _, d := range def.Columns {
				if d.Name == c.Column && strings.Contains(d.Decl, "NOT NULL") && m.Section != "" && c.Default == nil && c.Make == nil && len(c.Else) == 0 &&
					!slices.Contains(keys, c.Field) && !slices.Contains(beside, c.Column) {
					t.Errorf("%s.%s has no default", m.Table, c.Column)
				}
			}
		}
	}
}

func TestReviewState(t *testing.T) {
	maps := vestige.Postgres().Maps
	events := maps[slices.IndexFunc(maps, func(m store.TableMap) bool { return m.Section == format.Events })]
	prior := events.Columns[slices.IndexFunc(events.Columns, func(c store.ColumnMap) bool { return c.Column == "prior_state" })]
	for v, want := range map[string]format.Value{
		`{}`:                       {},
		`{"retrievability":0.25}`:  format.FloatValue(0.25),
		`{"retrievability":1e-20}`: format.FloatValue(1e-20),
	} {
		got := prior.Make(func(name string) format.Value {
			if name != "vestige.retrievability_before" {
				t.Errorf("asked for %q", name)
			}
			return want
		})
		if string(got.Bytes) != v {
			t.Errorf("%s, want %s", got.Bytes, v)
		}
	}
}

// connect opens a connection to a database.
func connect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func run(t *testing.T, c *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := c.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func ask[T any](t *testing.T, c *pgx.Conn, sql string) (out T) {
	t.Helper()
	if err := c.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// about replaces the marks in statements about a model.
func about(dimension int, statements []store.Statement) (out []string) {
	for _, s := range statements {
		out = append(out, strings.NewReplacer("$NAME", "'small'", "$HASH", "'h'", "$DIMENSION", fmt.Sprint(dimension)).Replace(s.SQL))
	}
	return out
}

// creates returns what makes a store of the version, up to where records come and
// from there on.
func creates(version, dimension int) (before, after []string) {
	l := vestige.Postgres()
	at := l.Schema.At(version)
	for _, s := range l.Schema.Before {
		before = append(before, s.SQL)
	}
	for i := range at.Tables {
		before = append(before, strings.ReplaceAll(at.Tables[i].CreateSQL(), store.DimensionMark, "384"))
		for _, f := range at.Tables[i].Foreign {
			action := ""
			if f.OnDelete != "" {
				action = " ON DELETE " + f.OnDelete
			}
			after = append(after, fmt.Sprintf("ALTER TABLE %s ADD FOREIGN KEY (%s) REFERENCES %s (%s)%s", at.Tables[i].Name, f.Columns[0], f.Table, f.To[0], action))
		}
	}
	for _, s := range at.Seeds {
		before = append(before, s.SQL)
	}
	if dimension > 0 {
		before = append(before, about(dimension, l.Model.Register)...)
	}
	for _, o := range at.Objects {
		after = append(after, o.SQL)
	}
	return before, after
}

const hnsw = "SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%USING hnsw%'"

// A server takes the whole schema, and it does what it is for.
func TestPostgresSchema(t *testing.T) {
	for _, c := range []struct {
		name                         string
		version, dimension           int
		indexes, migrations, numbers int
	}{
		{"no model yet", 1, 0, 0, 1, 0},
		{"no vectors", 2, 0, 0, 1, 0},
		{"vectors", 2, 4, 1, 2, 4},
		{"vectors too long for the index", 2, 3072, 0, 2, 3072},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := connect(t, pgserver.New(t))
			before, after := creates(c.version, c.dimension)
			run(t, db, before...)
			run(t, db, "INSERT INTO knowledge_nodes (id, content, tags, updated_at) VALUES ('"+plannedMemory(1)+"', 'an otter afloat', '{\"sea animals\",swims}', '2026-01-01T00:00:00Z')",
				"INSERT INTO scheduling (memory_id) VALUES ('"+plannedMemory(1)+"')", "INSERT INTO edges (source_id, target_id) VALUES ('"+plannedMemory(1)+"', '"+plannedMemory(1)+"')",
				"INSERT INTO review_events (memory_id, rating, prior_state, new_state) VALUES ('"+plannedMemory(1)+"', 3, '{}', '{}')")
			run(t, db, after...)
			run(t, db, before[0], before[1], before[2]) // once more does no harm
			for sql, want := range map[string]int{
				hnsw: c.indexes, "SELECT count(*) FROM _sqlx_migrations": c.migrations,
				"SELECT coalesce(max(dimension), 0) FROM embedding_model":                                                                                             c.numbers,
				"SELECT count(*) FROM users WHERE id = '00000000-0000-0000-0000-000000000001' AND handle = 'local'":                                                   1,
				"SELECT count(*) FROM knowledge_nodes WHERE search_vec @@ websearch_to_tsquery('english', 'swim otters animal') AND updated_at = '2026-01-01T00:00Z'": 1,
				"SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace":                                                    7,
			} {
				if got := ask[int](t, db, sql); got != want {
					t.Errorf("%s: %d, want %d", sql, got, want)
				}
			}
			run(t, db, "UPDATE knowledge_nodes SET content = 'a seal'")
			if ask[int](t, db, "SELECT count(*) FROM knowledge_nodes WHERE updated_at > now() - interval '1 minute'") != 1 {
				t.Error("the trigger does not set updated_at")
			}
			run(t, db, "DELETE FROM knowledge_nodes")
			if n := ask[int](t, db, "SELECT (SELECT count(*) FROM edges) + (SELECT count(*) FROM scheduling) + (SELECT count(*) FROM review_events)"); n != 0 {
				t.Errorf("%d rows stay behind", n)
			}
		})
	}
}

// A role that may not create extensions uses those that are there.
func TestPostgresExtensions(t *testing.T) {
	address := pgserver.New(t)
	owner := connect(t, address)
	role := "role_" + ask[string](t, owner, "SELECT current_database()")
	run(t, owner, "CREATE EXTENSION vector", "CREATE EXTENSION pgcrypto", "CREATE ROLE "+role+" LOGIN PASSWORD 'p'", "GRANT CREATE ON SCHEMA public TO "+role)
	t.Cleanup(func() {
		if _, err := owner.Exec(context.Background(), "DROP OWNED BY "+role); err != nil {
			t.Error(err)
		}
		if _, err := owner.Exec(context.Background(), "DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "p")
	c := connect(t, u.String())
	before, after := creates(2, 4)
	run(t, c, before...)
	run(t, c, after...)
}

// A store takes another model, and has its index again once the vectors have come.
func TestPostgresReplace(t *testing.T) {
	db := connect(t, pgserver.New(t))
	before, after := creates(2, 4)
	run(t, db, before...)
	run(t, db, "INSERT INTO knowledge_nodes (content, embedding) VALUES ('a', '[1,2,3,4]')")
	run(t, db, after...)
	model := vestige.Postgres().Model
	run(t, db, about(3, model.Replace)...)
	if n := ask[int](t, db, hnsw); n != 0 {
		t.Errorf("%d indexes", n)
	}
	run(t, db, "UPDATE knowledge_nodes SET embedding = '[1,2,3]'")
	run(t, db, about(3, model.Remark)...)
	run(t, db, about(3, model.Remark)...)
	if n := ask[int](t, db, hnsw); n != 1 {
		t.Errorf("%d indexes", n)
	}
	if got := ask[string](t, db, "SELECT name || dimension || hash FROM embedding_model"); got != "small3h" {
		t.Errorf("the model is %q", got)
	}
}

// A store of the branch with reviews has them as its events; its access log is carried
// as a table of its own. It comes back as it was.
func TestPlannedStore(t *testing.T) {
	for _, reviews := range slices.Sorted(maps.Keys(reviewTables)) {
		t.Run(reviews, func(t *testing.T) {
			dir := t.TempDir()
			source, restored := dir+"/source.db", dir+"/restored.db"
			planned(t, source, 18, reviews)
			_, report := storetest.Restored(t, source, restored, "")
			storetest.SameLedger(t, report.Losses)
			samePlanned(t, report)
			if n := report.Sections["vestige.memory_access_log"].Written; n != plannedAccesses {
				t.Errorf("%d rows of the access log", n)
			}
			storetest.Same(t, source, restored)
			storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, restored))
		})
	}
}

// samePlanned fails the test unless all that a planned store holds was written.
func samePlanned(t *testing.T, report *exporter.Report) {
	t.Helper()
	for section, want := range map[string]uint64{
		format.Memories: plannedMemories, format.Schedules: plannedMemories, format.Embeddings: plannedMemories, format.Relations: plannedEdges, format.Events: plannedReviews,
		format.Users: plannedUsers, format.Groups: plannedGroups, format.Memberships: plannedMembers, format.Domains: plannedDomains,
	} {
		if got := report.Sections[section].Written; got != want {
			t.Errorf("section %q: %d records, want %d", section, got, want)
		}
	}
}

// The main line's search works in a store that mirrors PostgreSQL, and the branch's
// columns are there.
func TestMirror(t *testing.T) {
	l := vestige.Layout()
	version := l.Twin(format.StoreID{Engine: "postgres", Layout: "vestige", Version: "2"})
	path := t.TempDir() + "/mirror.db"
	storetest.Exec(t, path, vestige.CreateStatements(version)...)
	storetest.Exec(t, path, "INSERT INTO knowledge_nodes (id, content, created_at, updated_at, last_accessed) VALUES ('a', 'an otter', '', '', '')")
	for query, want := range map[string]string{
		"SELECT owner_user_id || visibility || shared_with_groups FROM knowledge_nodes": "00000000-0000-0000-0000-000000000001private[]",
		"SELECT count(*) FROM knowledge_fts WHERE knowledge_fts MATCH 'otter'":          "1",
		"SELECT handle FROM users":           "local",
		"SELECT version FROM schema_version": "39",
		"SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('groups','group_memberships','review_events')": "3",
	} {
		if got := storetest.One(t, path, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if v := l.Twin(format.StoreID{Engine: "sqlite", Version: "11"}); v != l.Latest {
		t.Errorf("a store of SQLite becomes version %d", v)
	}
}
