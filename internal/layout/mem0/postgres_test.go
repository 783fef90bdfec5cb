package mem0_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/layout/mem0"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// on runs statements in a database.
func on(t *testing.T, database string, statements ...string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	for _, sql := range statements {
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// ask returns what a query gives in a database, row by row.
func ask(t *testing.T, database, sql string) []string {
	t.Helper()
	c, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	rows, err := c.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// collection are the statements by which the Python library makes one.
func collection(name string, dimension int, hnsw bool) []string {
	quoted := store.QuoteName(name)
	out := []string{
		"CREATE EXTENSION IF NOT EXISTS vector",
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (id UUID PRIMARY KEY, vector vector(%d), payload JSONB)", quoted, dimension),
	}
	if hnsw {
		out = append(out, fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON %s USING hnsw (vector vector_cosine_ops)", store.QuoteName(name+"_hnsw_idx"), quoted))
	}
	return append(out, fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON %s USING gin(to_tsvector('simple', payload->>'text_lemmatized'))", store.QuoteName(name+"_text_lemmatized_idx"), quoted))
}

func insert(table, id, vector, payload string) string {
	return fmt.Sprintf("INSERT INTO %s VALUES (%s, %s, %s)", store.QuoteName(table), text(id), vector, payload)
}

// python is a payload as the Python library writes it.
func python(n int) string {
	data := fmt.Sprintf("Memory %d ☃", n)
	at := fmt.Sprintf("2026-0%d-1%dT08:15:0%d.%06d+00:00", n%9+1, n%10, n%7, n)
	object := map[string]any{"data": data, "hash": sum(data), "created_at": at, "updated_at": at, "text_lemmatized": "memory", "user_id": "ada"}
	switch n % 5 {
	case 0:
		object["topic"], object["n"] = "tea", map[string]any{"x": []any{1, 2.5, nil}}
	case 1:
		object["agent_id"], object["attributed_to"], object["role"] = "otter", "assistant", "user"
	case 2:
		delete(object, "updated_at")
		object["created_at"] = "2025-06-01T08:15:02.123456-07:00"
	case 3: // the TypeScript library's
		object = map[string]any{"data": data, "hash": sum(data), "createdAt": "2026-01-01T00:00:00.123Z", "textLemmatized": "memory", "userId": "bob"}
	}
	raw, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	return text(string(raw))
}

// fill makes a database of the Python library with a collection of that name.
func fill(t *testing.T, database, name string, dimension int) {
	t.Helper()
	vector := func(n int) string { return fmt.Sprintf("'[%d%s]'", n, strings.Repeat(",0.1", dimension-1)) }
	var statements []string
	for _, table := range []string{name, name + "_entities", "zoo", "mem0migrations"} {
		statements = append(statements, collection(table, dimension, dimension <= 2000)...)
	}
	for n := range 30 {
		statements = append(statements, insert(name, id(n), vector(n), python(n)))
	}
	statements = append(statements,
		insert(name, id(101), "NULL", python(5)), insert(name, id(102), vector(3), "NULL"), insert(name, id(103), "NULL", `'["no object"]'`),
		insert(name, id(104), vector(4), `'{"user_id": 7, "data": null, "hash": {"a": 1.50}, "x": 1e400, "created_at": "soon"}'`),
		insert(name+"_entities", id(201), vector(1), `'{"data": "Ada", "entity_type": "PROPER", "linked_memory_ids": ["`+id(1)+`"], "user_id": "ada"}'`),
		insert("zoo", id(301), vector(2), python(1)),
		insert("mem0migrations", id(401), vector(2), `'{"user_id": "telemetry", "type": "user_identity"}'`))
	on(t, database, statements...)
}

// rows are those of a collection as texts.
func rows(t *testing.T, database, table string) []string {
	t.Helper()
	return ask(t, database, "SELECT concat_ws(' ', id, vector, payload::text) FROM "+store.QuoteName(table)+" ORDER BY id")
}

// Collections come home as they were, with their indexes, whatever the user called them;
// what counts users is left out.
func TestPostgresHome(t *testing.T) {
	for _, c := range []struct {
		name      string
		dimension int
	}{{"mem0", 4}, {"MyMem", 4}, {"memories", 3072}, {strings.Repeat("long", 14), 4}} {
		t.Run(fmt.Sprintf("%s %d", c.name, c.dimension), func(t *testing.T) {
			t.Parallel()
			source, home, beside := pgserver.New(t), pgserver.New(t), filepath.Join(t.TempDir(), "m.db")
			fill(t, source, c.name, c.dimension)
			archive, report := storetest.Export(t, source, exporter.Options{})
			storetest.SameLedger(t, report.Losses)
			if report.Source.Layout != mem0.Name || report.Sections["memories"].Written != 34 || report.Sections["embeddings"].Written != 32 || report.Sections["mem0.entities"].Written != 1 {
				t.Errorf("%+v, %+v", report.Source, report.Sections)
			}
			storetest.MustImport(t, beside, archive, store.SinkOptions{Layout: "memarc"})
			again, second := storetest.Export(t, beside, exporter.Options{})
			storetest.MustImport(t, home, again, store.SinkOptions{Layout: mem0.Name})
			_, third := storetest.Export(t, home, exporter.Options{})
			if second.End.Content != report.End.Content || third.End.Content != report.End.Content {
				t.Errorf("content digests %s, %s, %s", report.End.Content, second.End.Content, third.End.Content)
			}
			for _, table := range []string{c.name, (c.name + "_entities")[:min(63, len(c.name)+9)], "zoo"} {
				storetest.SameLines(t, rows(t, source, table), rows(t, home, table))
			}
			on(t, source, "DROP TABLE mem0migrations")
			storetest.SameDump(t, storetest.ReadPostgres(t, source), storetest.ReadPostgres(t, home))
			merged := storetest.MustImport(t, home, archive, store.SinkOptions{})
			for section, n := range merged.Sections {
				if n.Written+n.Updated+n.Skipped > 0 && section != format.Spaces {
					t.Errorf("a second import: section %q: %+v", section, n)
				}
			}
		})
	}
}

// A store of the TypeScript library becomes one of the Python library and comes back, byte
// for byte; each calls the members of its payloads as it does itself.
func TestLibraries(t *testing.T) {
	dir, there := t.TempDir(), pgserver.New(t)
	source, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "h.db")
	create(t, source, 60, true)
	archive, report := storetest.Export(t, source, exporter.Options{})
	got := storetest.MustImport(t, there, archive, store.SinkOptions{})
	if got.Target != report.End.Content {
		t.Errorf("content digest %s, of the source %s", got.Target, report.End.Content)
	}
	for sql, want := range map[string]string{
		`SELECT count(*)::text FROM mem0 WHERE payload ? 'createdAt' OR payload ? 'textLemmatized' OR payload ? 'attributedTo'`: "0",
		`SELECT count(*)::text FROM mem0 WHERE payload->>'created_at' ~ '^2026.*\+00:00$'`:                                      "53",
		`SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'mem0'::regclass AND attname = 'vector'`:    "vector(8)",
		`SELECT payload::text FROM mem0 WHERE id = '` + id(8) + `'`: `{"data": "Memory 8: \"Ada\" likes tea ☃ 😀 \\ \n\t` + "\x7f" +
			`", "hash": "` + sum("Memory 8: \"Ada\" likes tea ☃ 😀 \\ \n\t\x7f") + `", "topic": "t8", "run_id": "r8", "user_id": "ada", "agent_id": "otter", "created_at": "2026-09-18T08:15:01.008000+00:00", "updated_at": "2026-09-18T08:15:01.008000+00:00", "attributed_to": "user", "text_lemmatized": "ada like tea"}`,
	} {
		if got := ask(t, there, sql); len(got) != 1 || got[0] != want {
			t.Errorf("%s\n%q, want %q", sql, got, want)
		}
	}
	back, second := storetest.Export(t, there, exporter.Options{})
	if second.End.Content != report.End.Content {
		t.Errorf("content digest %s, of the source %s", second.End.Content, report.End.Content)
	}
	storetest.MustImport(t, home, back, store.SinkOptions{})
	storetest.Same(t, source, home)
	storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))

	// And the other way round.
	first, file, last := pgserver.New(t), filepath.Join(dir, "file.db"), pgserver.New(t)
	fill(t, first, "memories", 4)
	archive, report = storetest.Export(t, first, exporter.Options{})
	storetest.MustImport(t, file, archive, store.SinkOptions{})
	want := `{"user_id":"ada","agent_id":"otter","role":"user","data":"Memory 6 ☃","textLemmatized":"memory","hash":"` + sum("Memory 6 ☃") +
		`","createdAt":"2026-07-16T08:15:06.000006Z","updatedAt":"2026-07-16T08:15:06.000006Z","attributedTo":"assistant"}`
	if got := storetest.One(t, file, "SELECT payload FROM vectors WHERE id = "+text(id(6))); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	back, second = storetest.Export(t, file, exporter.Options{})
	storetest.MustImport(t, last, back, store.SinkOptions{})
	if second.End.Content != report.End.Content {
		t.Errorf("content digest %s, of the source %s", second.End.Content, report.End.Content)
	}
	for _, table := range []string{"memories", "memories_entities", "zoo"} {
		storetest.SameLines(t, rows(t, first, table), rows(t, last, table))
	}
}

// Memories of other products pass through a database of the library and come home.
func TestForeignInPostgres(t *testing.T) {
	dir, database := t.TempDir(), pgserver.New(t)
	archive := storetest.Records(t)
	report := storetest.MustImport(t, database, archive, store.SinkOptions{Layout: mem0.Name})
	for _, sql := range []string{
		`SELECT id::text FROM mem0 WHERE NOT payload ?& array['data', 'hash', 'created_at', 'updated_at', 'text_lemmatized']`,
		`SELECT id::text FROM mem0 WHERE payload->>'hash' <> md5(payload->>'data') OR payload->>'text_lemmatized' <> lower(payload->>'text_lemmatized')`,
		`SELECT id::text FROM mem0 WHERE coalesce(payload->>'user_id', payload->>'agent_id', payload->>'run_id', '') !~ '^\S+$'`,
		`SELECT id::text FROM mem0 WHERE payload->>'created_at' !~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00$'`,
	} {
		if wrong := ask(t, database, sql); len(wrong) > 0 {
			t.Errorf("%s: %d rows", sql, len(wrong))
		}
	}
	if n := ask(t, database, "SELECT count(*)::text FROM mem0"); n[0] == "0" {
		t.Error("there is no memory")
	}
	again := storetest.MustImport(t, database, archive, store.SinkOptions{})
	for section, n := range again.Sections {
		if n.Written+n.Updated > 0 && section != format.Spaces {
			t.Errorf("a second import: section %q: %+v", section, n)
		}
	}
	back, second := storetest.Export(t, database, exporter.Options{})
	if second.End.Content != report.Target {
		t.Errorf("content digest %s, at the import %s", second.End.Content, report.Target)
	}
	home := storetest.MustImport(t, filepath.Join(dir, "home.db"), back, store.SinkOptions{Layout: "memarc"})
	if home.Target != report.Target {
		t.Errorf("content digest at home %s, want %s", home.Target, report.Target)
	}
}

// anything is a random JSON value.
func anything(rng *rand.Rand, depth int) any {
	switch n := rng.IntN(12); {
	case n < 3:
		return strings.Repeat(string([]rune("aZ\"\\\n☃😀é\u2028\x01\x7f/ ")[rng.IntN(13)]), rng.IntN(4))
	case n == 3:
		return nil
	case n == 4:
		return rng.IntN(2) == 0
	case n == 5:
		return rng.Int64() - rng.Int64()
	case n == 6:
		return json.Number(fmt.Sprintf("%d.%de%d", rng.IntN(10), rng.IntN(1000), rng.IntN(60)-30))
	case n == 7:
		return json.Number(fmt.Sprintf("%d.%02d0", rng.IntN(100), rng.IntN(100)))
	case n == 8:
		return fmt.Sprintf("2026-01-%02dT00:00:00.%dZ", rng.IntN(31)+1, rng.IntN(1e6))
	case depth == 0:
		return rng.Float64()
	case n == 9:
		out := []any{}
		for range rng.IntN(4) {
			out = append(out, anything(rng, depth-1))
		}
		return out
	}
	return object(rng, depth-1)
}

func object(rng *rand.Rand, depth int) map[string]any {
	names := []string{"data", "hash", "user_id", "userId", "agent_id", "run_id", "created_at", "createdAt", "updated_at", "updatedAt", "role", "attributedTo",
		"text_lemmatized", "textLemmatized", "linked_memory_ids", "linkedMemoryIds", "*", "", "id", "payload", "order", "x", "é☃", "a\"b", "=hash", "-role"}
	out := map[string]any{}
	for range rng.IntN(9) {
		out[names[rng.IntN(len(names))]] = anything(rng, depth)
	}
	return out
}

// Any payload comes through the layout as it was, from one database into another and back
// from the other library's file.
func TestAnyPayload(t *testing.T) {
	rng := rand.New(rand.NewPCG(storetest.Seed(t), 7))
	source, home, last := pgserver.New(t), pgserver.New(t), pgserver.New(t)
	statements := collection("mem0", 2, true)
	for n := range 2000 {
		raw, err := json.Marshal(object(rng, 3))
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, insert("mem0", id(n), "'[1,2]'", text(string(raw))))
	}
	on(t, source, strings.Join(statements, ";\n"))
	archive, report := storetest.Export(t, source, exporter.Options{})
	storetest.MustImport(t, home, archive, store.SinkOptions{})
	storetest.SameLines(t, rows(t, source, "mem0"), rows(t, home, "mem0"))
	file := filepath.Join(t.TempDir(), "file.db")
	storetest.MustImport(t, file, archive, store.SinkOptions{Layout: mem0.Name})
	back, second := storetest.Export(t, file, exporter.Options{})
	if second.End.Content != report.End.Content {
		t.Errorf("content digest %s, of the source %s", second.End.Content, report.End.Content)
	}
	storetest.MustImport(t, last, back, store.SinkOptions{})
	storetest.SameLines(t, rows(t, source, "mem0"), rows(t, last, "mem0"))
}

// The accounts of the server stay behind unless they are asked for.
func TestServer(t *testing.T) {
	source := pgserver.New(t)
	on(t, source,
		"CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
		"CREATE TABLE users (id uuid PRIMARY KEY, name varchar(255) NOT NULL, email varchar(255) NOT NULL UNIQUE, password_hash text NOT NULL, role varchar(20) NOT NULL DEFAULT 'admin', created_at timestamptz NOT NULL DEFAULT now(), last_login_at timestamptz)",
		"CREATE INDEX ix_users_email ON users (email)",
		"CREATE UNIQUE INDEX ix_users_only_one_admin ON users (role) WHERE role = 'admin'",
		"CREATE TABLE api_keys (id uuid PRIMARY KEY, key_prefix varchar(12) NOT NULL, key_hash text NOT NULL, label varchar(255) NOT NULL, created_by uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE, last_used_at timestamptz, revoked_at timestamptz, created_at timestamptz NOT NULL DEFAULT now())",
		"CREATE TABLE request_logs (id uuid PRIMARY KEY, method varchar(16) NOT NULL, path varchar(512) NOT NULL, status_code integer NOT NULL, latency_ms double precision NOT NULL, auth_type varchar(32) NOT NULL DEFAULT 'none', created_at timestamptz NOT NULL DEFAULT now())",
		"CREATE INDEX ix_request_logs_created_at ON request_logs USING brin (created_at)",
		"CREATE TABLE settings (key varchar(255) PRIMARY KEY, value text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now())",
		"CREATE TABLE refresh_token_jtis (jti uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE, expires_at timestamptz NOT NULL, used_at timestamptz, created_at timestamptz NOT NULL DEFAULT now())",
		"INSERT INTO alembic_version VALUES ('006')",
		"INSERT INTO users VALUES ("+text(id(1))+", 'Ada', 'ada@example.org', 'sesame-password')",
		"INSERT INTO api_keys VALUES ("+text(id(2))+", 'sesame-key', 'sesame-hash', 'laptop', "+text(id(1))+")",
		"INSERT INTO settings VALUES ('config_overrides', '{\"api_key\": \"sesame-model\"}')",
		"INSERT INTO refresh_token_jtis VALUES ("+text(id(3))+", "+text(id(1))+", now())",
		"INSERT INTO request_logs VALUES ("+text(id(4))+", 'GET', '/memories', 200, 1.5)")
	ledger := []string{"schema-index ix_request_logs_created_at 1", "schema-index ix_users_only_one_admin 1"}
	archive, report := storetest.Export(t, source, exporter.Options{Encoding: format.NDJSON, Level: format.LevelNone})
	if report.Source.Layout != mem0.Server || strings.Contains(string(archive), "sesame") || strings.Contains(string(archive), "ada@example.org") {
		t.Errorf("recognised as %s; the archive holds a secret: %v", report.Source.Layout, strings.Contains(string(archive), "sesame"))
	}
	want := append(slices.Clone(ledger), "withheld api_keys 1", "withheld refresh_token_jtis 1", "withheld settings 1", "withheld users 1")
	storetest.SameLedger(t, report.Losses, want...)
	all, report := storetest.Export(t, source, exporter.Options{IncludeSecrets: true})
	storetest.SameLedger(t, report.Losses, ledger...)
	home := pgserver.New(t)
	storetest.MustImport(t, home, all, store.SinkOptions{})
	for _, table := range []string{"users", "api_keys", "settings", "refresh_token_jtis", "request_logs", "alembic_version"} {
		sql := "SELECT t::text FROM " + table + " t"
		storetest.SameLines(t, ask(t, source, sql), ask(t, home, sql))
	}
}

// A collection that takes vectors of another size takes those of an archive on request,
// and none of its own any more.
func TestReembed(t *testing.T) {
	source, target := filepath.Join(t.TempDir(), "s.db"), pgserver.New(t)
	create(t, source, 12, false)
	archive, _ := storetest.Export(t, source, exporter.Options{})
	fill(t, target, "mem0", 4)
	if _, err := storetest.Import(target, archive, store.SinkOptions{Policy: store.Overwrite}, importer.Options{}); !errors.Is(err, store.ErrSpace) {
		t.Errorf("vectors of another size: %v", err)
	}
	storetest.MustImport(t, target, archive, store.SinkOptions{Policy: store.Overwrite, Reembed: true})
	for sql, want := range map[string]string{
		`SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'mem0'::regclass AND attname = 'vector'`:          "vector(8)",
		`SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'mem0_entities'::regclass AND attname = 'vector'`: "vector(8)",
		`SELECT count(vector)::text FROM mem0`:                                             "12",
		`SELECT count(*)::text FROM pg_indexes WHERE indexname ~ '^mem0(_entities)?_hnsw'`: "2",
	} {
		if got := ask(t, target, sql); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}
