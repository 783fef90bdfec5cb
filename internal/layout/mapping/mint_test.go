package mapping_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/memorygraph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
)

// minting is a layout whose identifiers are of the given type and made by the mint.
func minting(name, typ, lens string, mint *store.Mint) *store.Layout {
	return &store.Layout{
		Name: name, Engines: []string{"sqlite"}, Latest: 1,
		Detect: func(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
			return 1, c.Has(name+"_notes", "id", "body") && c.Has(name+"_links", "a", "b", "kind")
		},
		Schema: &store.Schema{
			Tables: []store.TableDef{
				{Name: name + "_notes", Columns: []store.ColumnDef{{Name: "id", Decl: typ + " PRIMARY KEY NOT NULL"}, {Name: "title", Decl: "TEXT"}, {Name: "body", Decl: "TEXT"}}},
				{Name: name + "_links", Columns: []store.ColumnDef{{Name: "a", Decl: typ + " NOT NULL REFERENCES " + name + "_notes (id)"}, {Name: "b", Decl: typ + " NOT NULL REFERENCES " + name + "_notes (id)"}, {Name: "kind", Decl: "TEXT NOT NULL"}},
					Constraints: []store.Statement{{SQL: "PRIMARY KEY (a, b, kind)"}}},
			},
			Seeds: []store.Statement{},
		},
		Maps: []store.TableMap{
			{Table: name + "_notes", Section: format.Memories, Columns: []store.ColumnMap{
				{Column: "id", Field: "id", Lens: lens, Mint: mint},
				{Column: "title", Field: "title", Lens: "text"},
				{Column: "body", Field: "content", Lens: "text"},
			}},
			{Table: name + "_links", Section: format.Relations, Columns: []store.ColumnMap{
				{Column: "a", Field: "source_id", Lens: lens, Refers: format.Memories},
				{Column: "b", Field: "target_id", Lens: lens, Refers: format.Memories},
				{Column: "kind", Field: "type", Lens: "text", Default: &[]format.Value{format.TextValue("links")}[0]},
			}},
		},
	}
}

var mints = map[string]*store.Layout{
	"numbers": minting("numbers", "INTEGER", "int-text", &store.Mint{}),
	"names": minting("names", "TEXT", "text", &store.Mint{
		Propose: func(field func(string) format.Value) string {
			title := string(field("title").Bytes)
			return title[:min(len(title), 5)]
		},
		Mark: func(text, _ string, n int) string { return fmt.Sprintf("%s (%d)", text, n) },
	}),
	"hashes": minting("hashes", "TEXT", "text", &store.Mint{
		Of: func(id string) format.Value { return format.TextValue(strings.ToUpper(id) + "!") },
	}),
	"same": minting("same", "TEXT", "text", &store.Mint{ // the table refuses all but the first
		Propose: func(func(string) format.Value) string { return "one" },
	}),
}

// registry knows the layouts above, and all others.
func registry() *store.Registry {
	r := all.Registry()
	for _, name := range []string{"numbers", "names", "hashes", "same"} {
		r = r.With(mints[name])
	}
	return r
}

func exported(t *testing.T, path string) ([]byte, *exporter.Report) {
	t.Helper()
	src, err := registry().OpenSource(t.Context(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var out bytes.Buffer
	report, err := exporter.Export(t.Context(), src, &out, exporter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), report
}

func imported(t *testing.T, path, layout string, archive []byte) *importer.Report {
	t.Helper()
	r, err := format.NewReader(bytes.NewReader(archive), format.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sink, err := registry().OpenSink(t.Context(), path, r.Manifest(), store.SinkOptions{Layout: layout})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	report, err := importer.Import(t.Context(), r, sink, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Verified || report.Rejected() > 0 {
		t.Fatalf("verified %v, %d rejected: %+v", report.Verified, report.Rejected(), report.Rejects)
	}
	return report
}

// Records whose identifiers a table cannot hold get others, which relations follow; they
// come home with their own.
func TestMinted(t *testing.T) {
	source := t.TempDir() + "/source.db"
	if err := sample.MemoryGraph(source, sample.Lean(40)); err != nil {
		t.Fatal(err)
	}
	storetest.Exec(t, source, "PRAGMA foreign_keys=OFF", `INSERT INTO relationships (id, from_id, to_id, rel_type, properties, valid_from, recorded_at) SELECT 'dangles', id, 'nobody', 'SOLVES', '{}', '2026-01-01T00:00:00', '2026-01-01T00:00:00' FROM nodes LIMIT 1`)
	archive, report := exported(t, source)
	for name := range mints {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			target := dir + "/target.db"
			imported(t, target, name, archive)
			links := storetest.One(t, target, "SELECT count(*) FROM "+name+"_links")
			if name != "same" && links == "0" {
				t.Error("no relation has become a link")
			}
			again := imported(t, target, name, archive)
			for section, n := range again.Sections {
				if n.Written+n.Updated > 0 {
					t.Errorf("a second import writes %d and updates %d of %s", n.Written, n.Updated, section)
				}
			}
			back, now := exported(t, target)
			if now.End.Content != report.End.Content {
				t.Errorf("content digest %s, of the source %s", now.End.Content, report.End.Content)
			}
			imported(t, dir+"/home.db", memorygraph.Name, back)
			storetest.Same(t, source, dir+"/home.db")
		})
	}
}

// What the product makes of minted identifiers afterwards is told in those of the records.
func TestMintedThenUsed(t *testing.T) {
	dir := t.TempDir()
	source, target := dir+"/source.db", dir+"/target.db"
	storetest.Exec(t, source, memorygraph.CreateStatements(10)...)
	for _, id := range []string{"first", "second", "third"} {
		storetest.Exec(t, source, fmt.Sprintf(`INSERT INTO nodes (id, label, properties) VALUES ('%s', 'Memory', '{"id": "%s", "title": "t %s", "content": "c"}')`, id, id, id))
	}
	archive, _ := exported(t, source)
	imported(t, target, "numbers", archive)
	storetest.Exec(t, target,
		"INSERT INTO numbers_notes VALUES (9, 'own', 'own')",
		"INSERT INTO numbers_links VALUES (1, 9, 'new'), (3, 2, 'new')",
		"UPDATE numbers_notes SET body = 'edited' WHERE id = 2")
	back, _ := exported(t, target)
	r, err := format.NewReader(bytes.NewReader(back), format.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		for row := range b.Rows {
			switch b.Section.Name {
			case format.Memories:
				got = append(got, b.Column("id").String(row)+" "+b.Column("content").String(row))
			case format.Relations:
				got = append(got, b.Column("source_id").String(row)+" -> "+b.Column("target_id").String(row))
			}
		}
		b.Release()
	}
	want := []string{"first c", "second edited", "third c", "9 own", "first -> 9", "third -> second"}
	storetest.SameLines(t, want, got)
	// Another import goes on from there.
	storetest.Exec(t, source, `INSERT INTO nodes (id, label, properties) VALUES ('fourth', 'Memory', '{"id": "fourth", "title": "4", "content": "c"}')`, `DELETE FROM nodes WHERE id = 'second'`)
	more, _ := exported(t, source)
	imported(t, target, "", more)
	if got := storetest.One(t, target, "SELECT group_concat(id) FROM (SELECT id FROM numbers_notes ORDER BY id)"); got != "1,2,3,9,10" {
		t.Errorf("identifiers %s", got)
	}
}

// Each end of a relation is told in the records' own identifiers, whatever the other is.
func TestMintedOneEnd(t *testing.T) {
	for _, link := range []string{"(9, 1, 'new')", "(1, 9, 'new')"} {
		dir := t.TempDir()
		source, target, plain := dir+"/source.db", dir+"/target.db", dir+"/plain.db"
		storetest.Exec(t, source, memorygraph.CreateStatements(10)...)
		storetest.Exec(t, source, `INSERT INTO nodes (id, label, properties) VALUES ('first', 'Memory', '{"id": "first", "title": "t", "content": "c"}')`)
		archive, _ := exported(t, source)
		imported(t, target, "numbers", archive)
		storetest.Exec(t, target, "INSERT INTO numbers_notes VALUES (9, 'own', 'own')", "INSERT INTO numbers_links VALUES "+link)
		archive, _ = exported(t, target)
		imported(t, plain, "memarc", archive)
		ends := "SELECT min(source_id, target_id) || ' ' || max(source_id, target_id) FROM relations"
		if got := storetest.One(t, plain, ends); got != "9 first" {
			t.Errorf("%s: %s", link, got)
		}
	}
}

// A record that another product has added to memories of this one comes home with what
// this one demands, which is no part of it.
func TestAddedAbroad(t *testing.T) {
	dir := t.TempDir()
	source, abroad, home := dir+"/source.db", dir+"/abroad.db", dir+"/home.db"
	if err := sample.MemoryGraph(source, sample.Lean(3)); err != nil {
		t.Fatal(err)
	}
	archive, _ := exported(t, source)
	imported(t, abroad, "names", archive)
	storetest.Exec(t, abroad, "INSERT INTO names_notes VALUES ('own', 'a title', 'a body')", "INSERT INTO names_links SELECT 'own', id, 'likes' FROM names_notes LIMIT 2")
	back, there := exported(t, abroad)
	for range 2 {
		imported(t, home, "", back)
	}
	if _, now := exported(t, home); now.End.Content != there.End.Content {
		t.Errorf("content digest %s, abroad %s", now.End.Content, there.End.Content)
	}
	if got := storetest.One(t, home, "SELECT count(*) || (SELECT label FROM nodes WHERE id = 'own') || (SELECT count(*) FROM relationships WHERE from_id = 'own') FROM nodes"); got != "4Memory2" {
		t.Errorf("at home: %s", got)
	}
}
