package mapping

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/engine/sqlite"
	"github.com/memarc/memarc/internal/store"
)

var documentColumns = []string{"id", "until", "doc", "doc.title", "doc.tags", "doc.weight", "doc.count", "doc.why", "doc.files", "doc.gone", "doc.id.stale", "doc.until.stale", "doc.order"}

// documentStore is a new database whose one table has a document.
func documentStore(t *testing.T) store.Target {
	t.Helper()
	db, err := sqlite.OpenTarget(context.Background(), filepath.Join(t.TempDir(), "d.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	target := documentsIn(db, &store.Layout{Documents: []store.JSONColumn{*testDocument, {Table: "other", Column: "doc"}}})
	if err := target.Exec(context.Background(), "CREATE TABLE t (id TEXT PRIMARY KEY, doc TEXT NOT NULL, until TEXT)"); err != nil {
		t.Fatal(err)
	}
	if _, err := target.Catalog(context.Background()); err != nil {
		t.Fatal(err)
	}
	return target
}

// cellsOf are rows of texts; "-" is NULL, and # stands before an integer's digit.
func cellsOf(columns int, rows ...[]string) *store.Rows {
	out := store.NewRows(columns)
	for _, row := range rows {
		for i := range columns {
			v := "-"
			if i < len(row) {
				v = row[i]
			}
			switch {
			case v == "-":
				out.Columns[i].AppendNull()
			case strings.HasPrefix(v, "#"):
				out.Columns[i].AppendInt(int64(v[1] - '0'))
			default:
				out.Columns[i].AppendString(v)
			}
		}
		out.N++
	}
	return out
}

func texts(rows *store.Rows, row int) string {
	var out []string
	for i := range rows.Columns {
		c := &rows.Columns[i]
		switch c.Kinds[row] {
		case store.Null:
			out = append(out, "-")
		case store.Integer:
			out = append(out, "#"+string(rune('0'+c.Int(row))))
		default:
			out = append(out, string(c.Bytes(row)))
		}
	}
	return strings.Join(out, "|")
}

func scan(t *testing.T, db store.Tables, columns ...string) (out []string) {
	t.Helper()
	for rows, err := range db.Scan(context.Background(), store.Query{Table: "t", Columns: columns}) {
		if err != nil {
			t.Fatal(err)
		}
		for row := range rows.N {
			out = append(out, texts(rows, row))
		}
		for i := range rows.Columns { // the consumer takes the memory
			rows.Columns[i] = store.Cells{}
			rows.Columns[i].Reset()
		}
	}
	return out
}

func sameLines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDocuments(t *testing.T) {
	ctx := context.Background()
	db := documentStore(t)
	catalog, err := db.Catalog(ctx)
	if err != nil {
		t.Fatal(err)
	}
	table := catalog.Table("t")
	if !catalog.Has("t", documentColumns...) || len(table.Classes) != len(table.Columns) || catalog.Has("t", "doc.id") {
		t.Errorf("columns %+v", table.Columns)
	}
	l := &store.Layout{Documents: []store.JSONColumn{*testDocument}}
	if native := bare(l, table.Table); len(native.Columns) != 3 {
		t.Errorf("the table itself has %+v", native.Columns)
	}

	refused := map[int]error{}
	reject := func(row int, err error) { refused[row] = err }
	other := `{"id": "3", "title": "c", "fork": [1,2], "why": null}`
	rows := cellsOf(len(documentColumns),
		[]string{"1", "-", "-", "a ☃", `["x"]`, "-", "#3", "-", "[]", "-"},
		[]string{"2", "now", "-", "\xff", "-", "-", "-", "-", "-", "-"},
		[]string{"3", "-", other, "c", "-", "-", "-", "-", "-", "-"},
		[]string{"1", "-", "-", "twice", "-", "-", "-", "-", "-", "-"},
		[]string{"5", "-", "-", "-", "-", "-", "-", "-", "-", "-"},
		[]string{"6", "then", "-", "b", "-", "-", "-", "w", "-", "-"},
	)
	if err := db.Insert(ctx, "t", documentColumns, rows, reject); err != nil {
		t.Fatal(err)
	}
	if len(refused) != 3 || refused[1] == nil || refused[3] == nil || refused[4] == nil || !errors.Is(refused[1], errNoText) {
		t.Errorf("refused: %v", refused)
	}
	read := db.(*documentTarget).Target
	sameLines(t, "stored", scan(t, read, "id", "doc", "until"),
		`1|{"id": "1", "title": "a \u2603", "tags": ["x"], "count": 3, "until": null, "why": null, "files": "[]"}|-`,
		`3|`+other+`|-`,
		`6|{"id": "6", "title": "b", "until": "then", "why": "w"}|then`)
	first, third, sixth := `1|-|-|a ☃|["x"]|-|#3|-|[]|-|-|-|-`, `3|-|`+other+`|c|-|-|-|-|-|-|-|-|-`, `6|then|-|b|-|-|-|w|-|-|-|-|-`
	sameLines(t, "scanned", scan(t, db, documentColumns...), first, third, sixth)
	sameLines(t, "scanned in part", scan(t, db, "doc.title", "until"), "a ☃|-", "c|-", "b|then")
	sameLines(t, "scanned without", scan(t, db, "until", "id"), "-|1", "-|3", "then|6")
	for range db.Scan(ctx, store.Query{Table: "t", Columns: documentColumns}) {
		break
	}
	var narrowed []string
	for rows, err := range db.Scan(ctx, store.Query{Table: "t", Columns: []string{"doc.title"}, Where: "json_extract(doc, '$.count') = 3"}) {
		if err != nil {
			t.Fatal(err)
		}
		narrowed = append(narrowed, texts(rows, 0))
	}
	sameLines(t, "narrowed", narrowed, "a ☃")

	lookup := func(keys []string, row ...string) string {
		t.Helper()
		got, found, err := db.Lookup(ctx, "t", keys, []string{"id", "doc.title"}, cellsOf(len(keys), row))
		if err != nil {
			t.Fatal(err)
		}
		if found[0] < 0 {
			return ""
		}
		return texts(got, found[0])
	}
	for _, c := range []struct {
		keys []string
		row  string
		want string
	}{
		{[]string{"id"}, "6", "6|b"}, {[]string{"id"}, "7", ""},
		{[]string{"id", "doc.title"}, "6|b", "6|b"}, {[]string{"doc.title", "id"}, "c|6", ""},
		{documentColumns, first, "1|a ☃"}, {documentColumns, third, "3|c"}, {documentColumns, strings.Replace(first, "#3", "#4", 1), ""},
		{documentColumns, strings.Replace(first, "a ☃", "\xff", 1), ""},
	} {
		if got := lookup(c.keys, strings.Split(c.row, "|")...); got != c.want {
			t.Errorf("lookup of %s gives %q, want %q", c.row, got, c.want)
		}
	}
	if _, _, err := db.Lookup(ctx, "t", []string{"doc.title"}, []string{"id"}, cellsOf(1, []string{"b"})); !errors.Is(err, errMemberKey) {
		t.Errorf("lookup by a member alone: %v", err)
	}

	distinct, err := db.Distinct(ctx, "t", []string{"doc.count", "doc.why"}, 5)
	if err != nil || distinct.N != 3 || texts(distinct, 0) != "-|-" || texts(distinct, 1) != "-|w" || texts(distinct, 2) != "#3|-" {
		t.Errorf("distinct: %+v, %v", distinct, err)
	}
	if _, err := db.Distinct(ctx, "t", []string{"doc.title"}, 2); err == nil {
		t.Error("there are more than 2")
	}

	// What is not given stays, and what the members do not know.
	clear(refused)
	if err := db.Update(ctx, "t", []string{"id"}, []string{"doc.title", "until"}, cellsOf(3, []string{"1", "new", "-"}, []string{"3", "new", "later"}, []string{"9", "x", "-"}, []string{"6", "\xff", "-"}), reject); err != nil {
		t.Fatal(err)
	}
	if len(refused) != 2 || refused[2] == nil || refused[3] == nil {
		t.Errorf("refused: %v", refused)
	}
	if err := db.Update(ctx, "t", []string{"id"}, []string{"until"}, cellsOf(2, []string{"6", "-"}), reject); err != nil {
		t.Fatal(err)
	}
	sameLines(t, "updated", scan(t, read, "id", "doc", "until"),
		`1|{"id": "1", "title": "new", "tags": ["x"], "count": 3, "until": null, "why": null, "files": "[]"}|-`,
		`3|{"id": "3", "title": "new", "until": "later", "why": null, "fork": [1,2]}|later`,
		`6|{"id": "6", "title": "b", "until": null, "why": "w"}|-`)
	if err := db.Update(ctx, "t", []string{"doc.title"}, []string{"until"}, cellsOf(2, []string{"b", "-"}), reject); !errors.Is(err, errMemberKey) {
		t.Errorf("update by a member: %v", err)
	}
	if err := db.Delete(ctx, "t", []string{"doc.title"}, cellsOf(1, []string{"b"})); !errors.Is(err, errMemberKey) {
		t.Errorf("delete by a member: %v", err)
	}
	if err := db.Delete(ctx, "t", []string{"id"}, cellsOf(1, []string{"6"})); err != nil {
		t.Fatal(err)
	}
	if n, err := db.Count(ctx, "t"); n != 2 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	if told, err := db.Stored(ctx, "t", documentColumns, rows, documentColumns); told != nil || err != nil {
		t.Errorf("SQLite tells %v, %v", told, err)
	}
}

// foretelling is an engine that says beforehand what it gives.
type foretelling struct{ store.Target }

func (foretelling) Stored(_ context.Context, _ string, columns []string, rows *store.Rows, want []string) (*store.Rows, error) {
	out := &store.Rows{N: rows.N}
	for _, name := range want {
		if i := slices.Index(columns, name); i >= 0 {
			out.Columns = append(out.Columns, rows.Columns[i])
			continue
		}
		var nothing store.Cells
		nothing.Reset()
		for range rows.N {
			nothing.AppendNull()
		}
		out.Columns = append(out.Columns, nothing)
	}
	return out, nil
}

func TestDocumentsStored(t *testing.T) {
	db := documentStore(t).(*documentTarget)
	db.Target = foretelling{db.Target}
	rows := cellsOf(2, []string{"1", "a"}, []string{"2", "-"})
	told, err := db.Stored(context.Background(), "t", []string{"id", "doc.title"}, rows, []string{"doc.title", "until", "doc"})
	if err != nil || texts(told, 0) != "a|-|-" || texts(told, 1) != "-|-|-" {
		t.Errorf("told %+v, %v", told, err)
	}
	rows = cellsOf(2, []string{"1", "\xff"})
	if told, err := db.Stored(context.Background(), "t", []string{"id", "doc.title"}, rows, documentColumns); told != nil || err != nil {
		t.Errorf("told %+v, %v of what it does not take", told, err)
	}
}

// A column that has the name of a member is itself.
func TestDocumentsCollide(t *testing.T) {
	table := testCatalogTable()
	table.Columns = append(table.Columns, format.TableColumn{Name: "doc.title"})
	if _, ok := newDocument(testDocument, table); ok {
		t.Error("it fits")
	}
}
