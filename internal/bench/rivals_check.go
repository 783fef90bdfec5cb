package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/ncruces/go-sqlite3"
)

// A sourceTable is a table of the store with rows of its own: no index of texts and
// nothing that such an index keeps.
type sourceTable struct {
	name  string
	rows  int64
	reals []string // columns that hold doubles
}

// sourceTables reads the tables of a SQLite file.
func sourceTables(path string) (out []sourceTable, err error) {
	c, err := sqlite3.OpenFlags("file:"+path+"?mode=ro", sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	names, err := column(c, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		t := sourceTable{name: name}
		quoted := sqlite3.QuoteIdentifier(name)
		count, err := column(c, "SELECT count(*) FROM "+quoted)
		if err != nil {
			return nil, err
		}
		if _, err := fmt.Sscan(count[0], &t.rows); err != nil {
			return nil, err
		}
		if t.reals, err = column(c, "SELECT name FROM pragma_table_info("+sqlite3.Quote(name)+") WHERE upper(type) IN ('REAL', 'DOUBLE', 'FLOAT')"); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// column returns the first column of a query as texts.
func column(c *sqlite3.Conn, sql string) (out []string, err error) {
	s, _, err := c.Prepare(sql)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for s.Step() {
		out = append(out, s.ColumnText(0))
	}
	return out, s.Err()
}

// arrived compares the tables that a program has made of the store's with them: their
// rows are counted, and so are columns of doubles that became narrower.
func (p *rivals) arrived(database string) (string, error) {
	var rows int64
	var lost []string
	narrow := 0
	err := p.query(database, func(c *pgx.Conn) error {
		tables, err := texts(p, c, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
		if err != nil {
			return err
		}
		for _, t := range p.source {
			if !slices.Contains(tables, t.name) {
				lost = append(lost, "table "+t.name)
				continue
			}
			var n int64
			if err := c.QueryRow(p.ctx, "SELECT count(*) FROM "+pgx.Identifier{t.name}.Sanitize()).Scan(&n); err != nil {
				return err
			}
			rows += min(n, t.rows)
			singles, err := texts(p, c, "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1 AND data_type = 'real'", t.name)
			if err != nil {
				return err
			}
			for _, name := range singles {
				if slices.Contains(t.reals, name) && n > 0 {
					narrow++
				}
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if narrow > 0 {
		lost = append(lost, fmt.Sprintf("half the bits of doubles (columns: %d)", narrow))
	}
	out := fmt.Sprintf("%d of %d rows", rows, p.rows)
	if len(lost) > 0 {
		out += "; lost: " + strings.Join(lost, ", ")
	}
	return out, nil
}

func texts(p *rivals, c *pgx.Conn, sql string, args ...any) ([]string, error) {
	rows, err := c.Query(p.ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
