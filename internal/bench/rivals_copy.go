package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// COPY of the same rows in PostgreSQL's binary form is the floor under what any
// client can do: no reading of another database, no indexes, nothing verified.

// copyTables are the tables of the full database that COPY moves.
func (p *rivals) copyTables() (database string, tables []string, err error) {
	if database, err = p.base(); err != nil {
		return "", nil, err
	}
	err = p.query(database, func(c *pgx.Conn) error {
		tables, err = texts(p, c, "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1")
		return err
	})
	return database, tables, err
}

// copyArgs are psql's, with a \copy of every table to or from a file of its own.
func (p *rivals) copyArgs(database, direction string, tables []string) []string {
	args := []string{"psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", database}
	for i, table := range tables {
		file := strings.ReplaceAll(filepath.Join(p.path("copy"), fmt.Sprint(i)), "'", "''")
		args = append(args, "-c", fmt.Sprintf(`\copy %s %s '%s' (FORMAT binary)`, table, direction, file))
	}
	return args
}

func (p *rivals) copyOut() ([]stage, error) {
	database, tables, err := p.copyTables()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.path("copy"), 0o700); err != nil {
		return nil, err
	}
	return []stage{{args: p.copyArgs(database, "TO", tables)}}, nil
}

// copyIn makes the tables of the full database, without what is faster made after
// the rows.
func (p *rivals) copyIn(database string) ([]stage, error) {
	from, tables, err := p.copyTables()
	if err != nil {
		return nil, err
	}
	out, err := p.copyOut()
	if err != nil {
		return nil, err
	}
	if _, _, err := spend(p.ctx, out...); err != nil {
		return nil, err
	}
	if _, _, err := spend(p.ctx, stage{args: []string{"pg_dump", "--schema-only", "--section=pre-data", from}}, stage{args: []string{"psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", database}}); err != nil {
		return nil, err
	}
	return []stage{{args: p.copyArgs(database, "FROM", tables)}}, nil
}

// copied counts what COPY wrote.
func (p *rivals) copied(database string) (string, error) {
	from, tables, err := p.copyTables()
	if err != nil {
		return "", err
	}
	count := func(database string) (sum int64, err error) {
		err = p.query(database, func(c *pgx.Conn) error {
			for _, t := range tables {
				var n int64
				if err := c.QueryRow(p.ctx, "SELECT count(*) FROM "+t).Scan(&n); err != nil {
					return err
				}
				sum += n
			}
			return nil
		})
		return sum, err
	}
	want, err := count(from)
	if err != nil {
		return "", err
	}
	got, err := count(database)
	return fmt.Sprintf("%d of %d rows", got, want), err
}
