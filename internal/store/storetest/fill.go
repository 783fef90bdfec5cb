package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
)

// A Filler writes rows into tables by what their schema says of the columns.
type Filler struct {
	// Value, if it returns a literal, decides a column of a row.
	Value func(table, column string, row int) string
	// Skip names tables that are left as they are.
	Skip []string
	// Rows, for a table that takes fewer.
	Rows map[string]int
}

// Fill writes n rows into every ordinary table. Every other row leaves NULL what
// may be NULL, now and then.
func (f *Filler) Fill(t testing.TB, c *sqlite3.Conn, n int) {
	t.Helper()
	tables := texts(t, c, "SELECT l.name FROM pragma_table_list l JOIN sqlite_schema s ON s.name=l.name"+
		" WHERE l.schema='main' AND l.type='table' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY s.rowid")
	for _, table := range tables {
		if slices.Contains(f.Skip, table) {
			continue
		}
		rows := n
		if fewer, ok := f.Rows[table]; ok {
			rows = fewer
		}
		for row := range rows {
			var columns, values []string
			for i, line := range texts(t, c, `SELECT name||char(10)||type||char(10)||"notnull"||char(10)||pk FROM pragma_table_xinfo(`+literal(table)+`) WHERE hidden=0`) {
				part := strings.Split(line, "\n")
				value := ""
				if f.Value != nil {
					value = f.Value(table, part[0], row)
				}
				if value == "" {
					value = f.natural(part[0], part[1], row, i, part[2] == "0" && part[3] == "0")
				}
				columns, values = append(columns, quote(part[0])), append(values, value)
			}
			insert := "INSERT INTO " + quote(table) + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
			if err := c.Exec(insert); err != nil {
				t.Fatalf("fill: %s: %v", insert, err)
			}
		}
	}
}

// natural is a value of the declared type, different in every row and column.
func (f *Filler) natural(name, typ string, row, column int, nullable bool) string {
	if nullable && row%3 == 1 && column%2 == 0 {
		return "NULL"
	}
	upper := strings.ToUpper(typ)
	switch {
	case strings.HasPrefix(upper, "BOOL"):
		return fmt.Sprint(row % 2)
	case strings.Contains(upper, "INT"):
		return fmt.Sprint(row + 1)
	case strings.Contains(upper, "REAL"):
		return fmt.Sprintf("%d.%d7", row%2, column+1)
	case strings.Contains(upper, "BLOB"):
		return fmt.Sprintf("x'%02x%02x803f0000%02x40'", row, column, row)
	}
	switch {
	case strings.HasSuffix(name, "_at") || strings.HasSuffix(name, "timestamp") || strings.HasPrefix(name, "last_a"):
		return literal(Stamp(row))
	case strings.HasSuffix(name, "_json") || name == "payload" || name == "metadata":
		return literal(fmt.Sprintf(`{"n":%d,"t":"ü ☃","a":[1.0,null]}`, row))
	}
	return literal(fmt.Sprintf("%s %d – ☃", name, row))
}

// Stamp is a time in the form that chrono's to_rfc3339 writes, with 0, 3, 6 or 9
// fraction digits.
func Stamp(n int) string {
	fraction := []string{"", ".123", ".000456", ".123456789", ".000000001"}[n%5]
	return fmt.Sprintf("2026-02-%02dT%02d:11:12%s+00:00", n%28+1, n%24, fraction)
}
