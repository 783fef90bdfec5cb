package declared_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/internal/layout/declared"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// database has columns of every kind that PostgreSQL's stores of memories use.
const database = `CREATE SCHEMA app; SET search_path = app, public; CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;
CREATE TABLE notes (id bigserial PRIMARY KEY, content text NOT NULL, labels text[], nums int[], created_at timestamptz DEFAULT now(), changed timestamp, day date, t time, iv interval,
  score double precision, r4 real, n numeric(12,4), nn numeric, b boolean, j json, jb jsonb, by bytea, u uuid, embedding vector(3), hv halfvec(3), ip inet, c char(5), v varchar(10));
CREATE UNIQUE INDEX notes_u ON notes (u);
CREATE TABLE links (src bigint REFERENCES notes (id), dst bigint REFERENCES notes (id), kind text, PRIMARY KEY (src, dst, kind));
CREATE TABLE nokey (x text, y int);
INSERT INTO notes (content, labels, nums, created_at, changed, day, t, iv, score, r4, n, nn, b, j, jb, by, u, embedding, hv, ip, c, v) VALUES
  ('one', '{a,"b c"}', '{1,2}', '2026-01-02 03:04:05.678901+02', '2026-01-02 03:04:05', '2026-01-02', '03:04:05.5', '1 day 2 hours', 0.1, 0.1, 1.5, 1.50, true, '{"a" : 1}', '{"a" : 1.50}', '\x00ff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '[1,2,3]', '[1,2,3]', '10.0.0.1', 'ab', 'cd'),
  ('two', NULL, NULL, NULL, '-infinity', NULL, NULL, NULL, 'NaN', '-0', NULL, 'NaN', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('three', '{}', '{}', '1900-01-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, '[]', '[]', '', 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', NULL, NULL, NULL, NULL, '');
INSERT INTO links VALUES (1, 2, 'x'), (2, 3, 'y');
INSERT INTO nokey VALUES ('a', 1), ('a', 1), (NULL, NULL)`

// A draft of a PostgreSQL database carries it as it stands, also through a file.
func TestDraftOfPostgres(t *testing.T) {
	address := pgserver.New(t)
	ask(t, address, database)
	source, target := address+"?schema=app", pgserver.New(t)
	db, err := all.Registry().OpenTables(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c, err := db.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := declared.Draft(t.Context(), c, db)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"engine: postgres", "    section: memories", "      - {column: id, field: id, lens: int-text}", "      - {column: labels, field: tags, lens: json-list}",
		"      - {column: created_at, field: created_at, lens: unix-micros}", "      - {column: b, lens: int-bool}", "      - {column: embedding, lens: f32}",
	} {
		if !slices.ContainsFunc(strings.Split(string(text), "\n"), func(l string) bool { return strings.HasPrefix(l, want) }) {
			t.Errorf("no line %q in\n%s", want, text)
		}
	}
	l, err := declared.Parse("draft.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	r := all.Registry().With(l)
	first, report := export(t, r, source)
	storetest.SameLedger(t, report.Losses)
	between := filepath.Join(t.TempDir(), "between.db")
	restore(t, r, first, between, "memarc")
	second, other := export(t, r, between)
	restore(t, r, second, target, "")
	if _, home := export(t, r, target); home.End.Content != report.End.Content || other.End.Content != report.End.Content || home.Source.Layout != l.Name {
		t.Errorf("%s: content digests %s, %s and %s", home.Source.Layout, report.End.Content, other.End.Content, home.End.Content)
	}
	for _, table := range []string{"notes", "links", "nokey"} {
		storetest.SameLines(t, ask(t, address, "SELECT t::text FROM app."+table+" t ORDER BY 1"), ask(t, target, "SELECT t::text FROM "+table+" t ORDER BY 1"))
	}
	ask(t, target, "INSERT INTO notes (content) VALUES ('the sequence goes on')")
}

// ask runs statements and returns the texts that the last one gives.
func ask(t *testing.T, address, sql string) (out []string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	results, err := c.PgConn().Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	for _, row := range results[len(results)-1].Rows {
		out = append(out, string(row[0]))
	}
	return out
}

// A layout file is of one engine, and says so plainly.
func TestEngine(t *testing.T) {
	for name, want := range map[string]string{"sqlite": "", "postgres": "", "oracle": `engine "oracle": want sqlite or postgres`, "[]": "engine"} {
		_, err := declared.Parse("l.yaml", []byte("layout: a\nversion: 1\nengine: "+name+"\ntables:\n  - table: t\n"))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var c store.Catalog
	c.Engine = "falkordb"
	if text, err := declared.Draft(t.Context(), &c, nil); err == nil || !strings.Contains(err.Error(), "falkordb") || !bytes.Equal(text, nil) {
		t.Errorf("a draft of a graph: %v", err)
	}
}
