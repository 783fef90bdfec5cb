package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// shown is how an edit reads a column: moments as microseconds, so that they can be
// counted.
func (c cellColumn) shown() string {
	q := quote(c.name)
	switch c.typ {
	case "timestamptz":
		return "(extract(epoch from " + q + ") * 1000000)::bigint::text"
	case "bytea":
		return "encode(" + q + ", 'hex')"
	}
	return q + "::text"
}

// written is the expression for a parameter that holds what shown gives.
func (c cellColumn) written(parameter int) string {
	p := fmt.Sprintf("$%d::text", parameter)
	switch c.typ {
	case "timestamptz":
		return "'1970-01-01T00:00:00Z'::timestamptz + (" + p + ")::bigint * interval '1 microsecond'"
	case "bytea":
		return "decode(" + p + ", 'hex')"
	}
	return "(" + p + ")::" + c.typ
}

// EditPostgres changes n cells of a PostgreSQL database, at most one of a row, chosen
// by chance over all columns that are not generated of all tables but memarc's and
// those named. Triggers and references do not act meanwhile.
func EditPostgres(t testing.TB, address string, rng *rand.Rand, n int, except ...string) []Edit {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.Exec(ctx, "SET session_replication_role = replica; SET TimeZone = 'UTC'")
	must(err)
	tx, err := c.Begin(ctx)
	must(err)
	rows, err := tx.Query(ctx, `SELECT table_name::text, column_name::text, udt_name::text, is_nullable = 'YES' FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
		WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND is_generated = 'NEVER' AND table_name NOT LIKE 'memarc\_%' AND column_name NOT LIKE 'memarc\_%' ORDER BY 1, ordinal_position`)
	must(err)
	columns, tables := map[string][]cellColumn{}, []string{}
	var table string
	var col cellColumn
	_, err = pgx.ForEachRow(rows, []any{&table, &col.name, &col.typ, &col.nullable}, func() error {
		if slices.Contains(except, table) {
			return nil
		}
		if _, ok := columns[table]; !ok {
			tables = append(tables, table)
		}
		columns[table] = append(columns[table], col)
		return nil
	})
	must(err)
	read := func(table, where string) (out []place) {
		list := "ctid::text"
		for _, c := range columns[table] {
			list += ", " + c.shown()
		}
		rows, err := tx.Query(ctx, "SELECT "+list+" FROM "+quote(table)+" "+where)
		must(err)
		for rows.Next() {
			p, cells := place{table: table, cells: map[string]string{}}, make([]*string, len(columns[table]))
			into := []any{&p.row}
			for i := range cells {
				into = append(into, &cells[i])
			}
			must(rows.Scan(into...))
			for i, v := range cells {
				if v != nil {
					p.cells[columns[table][i].name] = *v
					if columns[table][i].typ == "bytea" {
						p.cells[classOf+columns[table][i].name] = "blob"
					}
				}
			}
			out = append(out, p)
		}
		must(rows.Err())
		return out
	}
	var places []place
	for _, table := range tables {
		places = append(places, read(table, "ORDER BY ctid")...)
	}
	done := edit(rng, n, places, columns, func(p place, set map[string]*string) (map[string]string, bool) {
		var sets []string
		var values []any
		for _, c := range columns[p.table] {
			if v, ok := set[c.name]; ok {
				values = append(values, v)
				sets = append(sets, quote(c.name)+" = "+c.written(len(values)))
			}
		}
		inner, err := tx.Begin(ctx)
		must(err)
		var row string
		err = inner.QueryRow(ctx, "UPDATE "+quote(p.table)+" SET "+strings.Join(sets, ", ")+" WHERE ctid = '"+p.row+"' RETURNING ctid::text", values...).Scan(&row)
		if refusal := (*pgconn.PgError)(nil); errors.As(err, &refusal) {
			must(inner.Rollback(ctx))
			return nil, false
		}
		must(err)
		must(inner.Commit(ctx))
		after := read(p.table, "WHERE ctid = '"+row+"'")
		return after[0].cells, true
	})
	must(tx.Commit(ctx))
	return done
}

// EditSQLite does the same in a SQLite database, whose triggers it drops. Of what
// SQLite computes or keeps for full-text search nothing is edited.
func EditSQLite(t testing.TB, path string, rng *rand.Rand, n int, except ...string) []Edit {
	t.Helper()
	c := Open(t, path)
	defer c.Close()
	must := func(sql string) {
		t.Helper()
		if err := c.Exec(sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	must("PRAGMA foreign_keys = 0")
	for _, name := range texts(t, c, "SELECT name FROM sqlite_schema WHERE type = 'trigger'") {
		must("DROP TRIGGER " + quote(name))
	}
	must("BEGIN")
	columns, places := map[string][]cellColumn{}, []place{}
	types := map[string]string{"integer": "int8", "real": "real", "text": "text", "blob": "blob", "null": "text"}
	cells := func(table, where string) (out []place) {
		list := []string{"rowid"}
		for _, col := range columns[table] {
			q := quote(col.name)
			list = append(list, "typeof("+q+")", "CASE typeof("+q+") WHEN 'blob' THEN lower(hex("+q+")) WHEN 'text' THEN CAST("+q+" AS TEXT) WHEN 'real' THEN printf('%!.17g', "+q+") ELSE "+q+" END")
		}
		s, _, err := c.Prepare("SELECT " + strings.Join(list, ", ") + " FROM " + quote(table) + " " + where)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for s.Step() {
			p := place{table: table, row: s.ColumnText(0), cells: map[string]string{}}
			for i, col := range columns[table] {
				if typ := s.ColumnText(1 + 2*i); typ != "null" {
					p.cells[col.name] = string(s.ColumnRawText(2 + 2*i))
					p.cells[classOf+col.name] = typ
				}
			}
			out = append(out, p)
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, table := range texts(t, c, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT wr AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'memarc\\_%' ESCAPE '\\' ORDER BY name") {
		if slices.Contains(except, table) {
			continue
		}
		for _, line := range texts(t, c, `SELECT name||char(10)||(NOT "notnull" AND pk = 0) FROM pragma_table_xinfo(`+literal(table)+`) WHERE hidden = 0`) {
			name, nullable, _ := strings.Cut(line, "\n")
			columns[table] = append(columns[table], cellColumn{name, "", nullable == "1"})
		}
		places = append(places, cells(table, "ORDER BY rowid")...)
	}
	apply := func(p place, set map[string]*string) (map[string]string, bool) {
		var sets []string
		for name, v := range set {
			value := "NULL"
			switch typ := p.cells[classOf+name]; {
			case v == nil:
			case typ == "blob":
				value = "x'" + *v + "'"
			case typ == "integer" || typ == "real":
				value = *v
			case strings.Contains(*v, "\x00"):
				return nil, false
			default:
				value = literal(*v)
			}
			sets = append(sets, quote(name)+" = "+value)
		}
		s, _, err := c.Prepare("UPDATE " + quote(p.table) + " SET " + strings.Join(sets, ", ") + " WHERE rowid = " + p.row + " RETURNING rowid")
		if err != nil {
			t.Fatal(err)
		}
		row := ""
		for s.Step() {
			row = s.ColumnText(0) // a changed key may be the row's number
		}
		if err := s.Close(); err != nil || row == "" {
			return nil, false
		}
		return cells(p.table, "WHERE rowid = "+row)[0].cells, true
	}
	rng.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	var done []Edit
	for _, p := range places { // the class of a cell is its own, not its column's
		if len(done) == n {
			break
		}
		typed := slices.Clone(columns[p.table])
		for i := range typed {
			typed[i].typ = "text"
			if typ := p.cells[classOf+typed[i].name]; typ != "" {
				typed[i].typ = types[typ]
			}
		}
		done = append(done, edit(rng, 1, []place{p}, map[string][]cellColumn{p.table: typed}, apply)...)
	}
	must("COMMIT")
	return done
}
