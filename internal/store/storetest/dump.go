package storetest

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"github.com/memarc/memarc/internal/engine/sqlite/vec0"
)

// Extensions makes full-text search and tables of sqlite-vec known to every connection.
var Extensions = sync.OnceFunc(func() {
	sqlite3.AutoExtension(fts5.Register)
	sqlite3.AutoExtension(vec0.Register)
})

// Open opens a database for the test's own use, as a product would.
func Open(t testing.TB, path string) *sqlite3.Conn {
	t.Helper()
	Extensions()
	c, err := sqlite3.Open("file:" + (&url.URL{Path: path}).EscapedPath())
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	return c
}

// Exec runs statements on the database at path.
func Exec(t testing.TB, path string, statements ...string) {
	t.Helper()
	c := Open(t, path)
	for _, s := range statements {
		if err := c.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// Query returns the rows of a query on the open database, each cell as its
// storage class and bytes.
func Query(t testing.TB, c *sqlite3.Conn, query string) [][]string {
	t.Helper()
	s, _, err := c.Prepare(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer s.Close()
	var out [][]string
	for s.Step() {
		row := make([]string, s.ColumnCount())
		for i := range row {
			row[i] = cell(s, i)
		}
		out = append(out, row)
	}
	if err := s.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

// One returns the only cell of a query as text.
func One(t testing.TB, path, query string) string {
	t.Helper()
	c := Open(t, path)
	defer c.Close()
	s, _, err := c.Prepare(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer s.Close()
	out := ""
	if s.Step() {
		out = s.ColumnText(0)
	}
	if err := s.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

// cell shows a value so that no two different values look alike.
func cell(s *sqlite3.Stmt, i int) string {
	switch s.ColumnType(i) {
	case sqlite3.INTEGER:
		return fmt.Sprintf("int %d", s.ColumnInt64(i))
	case sqlite3.FLOAT:
		v := s.ColumnFloat(i)
		return fmt.Sprintf("real %016x (%g)", math.Float64bits(v), v)
	case sqlite3.TEXT:
		return fmt.Sprintf("text %+q", s.ColumnRawText(i))
	case sqlite3.BLOB:
		return fmt.Sprintf("blob %x", s.ColumnRawBlob(i))
	}
	return "null"
}

// A Dump holds every row of every ordinary table and of every table of sqlite-vec,
// wherever in its shadow tables a row stands: by table, each row as column=value, sorted.
type Dump map[string][]string

// Rows returns the number of rows.
func (d Dump) Rows() (n int) {
	for _, rows := range d {
		n += len(rows)
	}
	return n
}

// private copies a database with its log, so that looking at it changes nothing.
func private(t testing.TB, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "look.db")
	for _, suffix := range []string{"", "-wal", "-journal"} {
		in, err := os.Open(path + suffix)
		if os.IsNotExist(err) && suffix != "" {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		out, err := os.Create(to + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(out, in); err != nil {
			t.Fatal(err)
		}
		in.Close()
		out.Close()
	}
	return to
}

// text returns the text cells of a query, columns joined by blanks.
func texts(t testing.TB, c *sqlite3.Conn, query string) []string {
	t.Helper()
	s, _, err := c.Prepare(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer s.Close()
	var out []string
	for s.Step() {
		var parts []string
		for i := range s.ColumnCount() {
			parts = append(parts, s.ColumnText(i))
		}
		out = append(out, strings.Join(parts, " "))
	}
	if err := s.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// Read dumps the database at path by plain SQL.
func Read(t testing.TB, path string) Dump {
	t.Helper()
	c := Open(t, private(t, path))
	defer c.Close()
	out := Dump{}
	tables := texts(t, c, "SELECT name FROM pragma_table_list WHERE schema='main' AND type='table'"+
		" AND name NOT IN ('sqlite_schema', 'memarc_sidecar') AND name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\'")
	vectors, shadows := vectorTables(t, c)
	tables = append(slices.DeleteFunc(tables, func(name string) bool { return slices.Contains(shadows, name) }), vectors...)
	for _, table := range tables {
		columns := texts(t, c, "SELECT name FROM pragma_table_xinfo("+literal(table)+")")
		slices.Sort(columns)
		quoted := make([]string, len(columns))
		for i, name := range columns {
			quoted[i] = quote(name)
		}
		rows := []string{}
		for _, row := range Query(t, c, "SELECT "+strings.Join(quoted, ", ")+" FROM "+quote(table)) {
			for i := range row {
				row[i] = columns[i] + "=" + row[i]
			}
			rows = append(rows, strings.Join(row, ", "))
		}
		if table == "sqlite_sequence" {
			rows = slices.DeleteFunc(rows, func(row string) bool {
				return slices.ContainsFunc(vectors, func(of string) bool { return strings.Contains(row, fmt.Sprintf("%+q", of+"_chunks")) })
			})
		}
		slices.Sort(rows)
		out[table] = rows
	}
	return out
}

// vectorTables returns the tables of sqlite-vec, and those in which they keep their rows.
func vectorTables(t testing.TB, c *sqlite3.Conn) (tables, shadows []string) {
	for _, name := range texts(t, c, "SELECT name FROM pragma_table_list WHERE schema='main' AND type='virtual'") {
		d, err := vec0.ParseSQL(texts(t, c, "SELECT sql FROM sqlite_schema WHERE name="+literal(name))[0])
		if err == nil {
			tables, shadows = append(tables, name), append(shadows, d.Shadows(name)...)
		}
	}
	return tables, shadows
}

// Diff names the rows that only one of two dumps has: "-" the first, "+" the
// second.
func Diff(a, b Dump) []string {
	var out []string
	for _, table := range names(a, b) {
		ra, oka := a[table]
		rb, okb := b[table]
		switch {
		case !okb:
			out = append(out, fmt.Sprintf("- table %q (%d rows)", table, len(ra)))
			continue
		case !oka:
			out = append(out, fmt.Sprintf("+ table %q (%d rows)", table, len(rb)))
			continue
		}
		for i, j := 0, 0; i < len(ra) || j < len(rb); {
			switch {
			case j == len(rb) || i < len(ra) && ra[i] < rb[j]:
				out = append(out, fmt.Sprintf("- %q: %.600s", table, ra[i]))
				i++
			case i == len(ra) || ra[i] > rb[j]:
				out = append(out, fmt.Sprintf("+ %q: %.600s", table, rb[j]))
				j++
			default:
				i, j = i+1, j+1
			}
		}
	}
	return out
}

func names[V any](a, b map[string]V) []string {
	var out []string
	for name := range a {
		out = append(out, name)
	}
	for name := range b {
		out = append(out, name)
	}
	slices.SortFunc(out, cmp.Compare)
	return slices.Compact(out)
}

// Same fails the test if the databases at two paths do not hold the same rows.
func Same(t testing.TB, want, got string) {
	t.Helper()
	SameDump(t, Read(t, want), Read(t, got))
}

// SameDump fails the test if two dumps differ.
func SameDump(t testing.TB, want, got Dump) {
	t.Helper()
	diff := Diff(want, got)
	for i, line := range diff {
		if i == 12 {
			t.Errorf("... and %d more", len(diff)-i)
			break
		}
		t.Error(line)
	}
}

// Schema describes a database's schema by what SQLite says of it.
func Schema(t testing.TB, path string) []string {
	t.Helper()
	c := Open(t, private(t, path))
	defer c.Close()
	var out []string
	add := func(what string, lines []string) {
		for _, l := range lines {
			out = append(out, what+": "+l)
		}
	}
	const mine = " AND tbl_name NOT LIKE 'memarc\\_sidecar%' ESCAPE '\\'"
	add("schema", texts(t, c, "SELECT type, name, tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_autoindex%' ESCAPE '\\'"+mine))
	for _, table := range texts(t, c, "SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"+mine) {
		l := literal(table)
		add("columns of "+table, texts(t, c, `SELECT cid, name, type, "notnull", coalesce(dflt_value,'-'), pk, hidden FROM pragma_table_xinfo(`+l+`)`))
		add("table "+table, texts(t, c, `SELECT type, wr, strict FROM pragma_table_list WHERE schema='main' AND name=`+l))
		add("indexes of "+table, texts(t, c, `SELECT CASE WHEN origin='c' THEN name ELSE '' END, "unique", origin, partial,
			(SELECT group_concat(coalesce(name,'expr')||' '||"desc"||' '||coll, ',') FROM pragma_index_xinfo(l.name) WHERE key) FROM pragma_index_list(`+l+`) l`))
		add("foreign keys of "+table, texts(t, c, `SELECT "table", "from", coalesce("to",'-'), on_update, on_delete, seq FROM pragma_foreign_key_list(`+l+`)`))
	}
	slices.Sort(out)
	return out
}

// SameLines fails the test for every line that only one of two sorted lists has.
func SameLines(t testing.TB, want, got []string) {
	t.Helper()
	for _, line := range Diff(Dump{"": want}, Dump{"": got}) {
		t.Error(line)
	}
}
