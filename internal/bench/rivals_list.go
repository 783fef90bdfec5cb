package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// rivals are what the lines of the table of PostgreSQL share.
type rivals struct {
	*bench
	server string
	source []sourceTable // of the store
	rows   int64         // in all of them
	// full is a database that holds the store, made when first asked for.
	full  string
	drops []func(context.Context) error
}

// prepare counts the store's rows and prints what the table is about.
func (p *rivals) prepare() (err error) {
	if p.source, err = sourceTables(p.store); err != nil {
		return fmt.Errorf("count the rows of the store: %w", err)
	}
	for _, t := range p.source {
		p.rows += t.rows
	}
	var version, sync, buffers string
	err = p.query(p.server, func(c *pgx.Conn) error {
		return c.QueryRow(p.ctx, "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('shared_buffers')").Scan(&version, &sync, &buffers)
	})
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	of := "with PostgreSQL's own settings"
	if os.Getenv(pgserver.Variable) != "" {
		of = "as " + pgserver.Variable + " names it"
	}
	fmt.Printf("\nthe same store, %d rows in all its tables, and PostgreSQL %s on this machine, %s (fsync %s, shared_buffers %s);\n", p.rows, version, of, sync, buffers)
	fmt.Printf("wall time holds the server's work, peak RSS is of the client programs only; rows/s are of the store's rows\n\n")
	return nil
}

func (p *rivals) query(database string, ask func(*pgx.Conn) error) error {
	c, err := pgx.Connect(p.ctx, database)
	if err != nil {
		return err
	}
	return errors.Join(ask(c), c.Close(p.ctx))
}

// base returns the database that programs read which take something out of
// PostgreSQL.
func (p *rivals) base() (string, error) {
	if p.full != "" {
		return p.full, nil
	}
	database, drop, err := pgserver.CreateDatabase(p.ctx, p.server)
	if err != nil {
		return "", err
	}
	p.drops = append(p.drops, drop)
	if _, _, err = spend(p.ctx, stage{args: []string{p.memarc, "migrate", "-q", p.store, database}}); err == nil {
		p.full = database
	}
	return p.full, err
}

func (p *rivals) close() (failed []string) {
	for _, drop := range p.drops {
		if err := drop(context.Background()); err != nil {
			failed = append(failed, err.Error())
		}
	}
	return failed
}

// list is what is measured.
func (p *rivals) list() []rival {
	migrate := func(layout ...string) func(string) ([]stage, error) {
		return func(database string) ([]stage, error) {
			return []stage{{args: append([]string{p.memarc, "migrate", "-q", p.store, database}, layout...)}}, nil
		}
	}
	// read runs on the full database.
	read := func(stages func(database string) []stage) func(string) ([]stage, error) {
		return func(string) ([]stage, error) {
			database, err := p.base()
			return stages(database), err
		}
	}
	archive, custom, packed := p.path("postgres.marc"), p.path("postgres.dump"), p.path("postgres.sql.zst")
	return []rival{
		{name: "memarc migrate, product's layout", stages: migrate(), check: p.sameDigest},
		{name: "memarc migrate, memarc layout", stages: migrate("--to-layout", "memarc"), check: p.sameDigest},
		{name: "pgloader, no indexes", program: "pgloader", stages: p.pgloader, check: p.arrived},
		{name: "psql \\copy in, no indexes", program: "psql", stages: p.copyIn, check: p.copied},
		{name: "psql \\copy out", program: "psql", stages: func(string) ([]stage, error) { return p.copyOut() }, result: p.path("copy")},
		{name: "memarc export", stages: read(func(database string) []stage {
			return []stage{{args: []string{p.memarc, "export", "-q", "-o", archive, database}}}
		}), result: archive, check: func(string) (string, error) { return p.sameDigest(archive) }},
		{name: "pg_dump -Fc", program: "pg_dump", stages: read(func(database string) []stage {
			return []stage{{args: []string{"pg_dump", "-Fc", "-f", custom, database}}}
		}), result: custom},
		{name: "pg_dump | zstd -3", program: "pg_dump", stages: read(func(database string) []stage {
			return []stage{{args: []string{"pg_dump", database}}, {args: []string{"zstd", "-3", "-q", "-c"}, out: packed}}
		}), result: packed},
	}
}

// sameDigest compares a store's or an archive's content with the source's.
func (p *rivals) sameDigest(at string) (string, error) {
	digest, err := p.digestOf(at)
	if err == nil && (digest == "" || digest != p.digest) {
		return "NO: another content digest", nil
	}
	return "all, by digest", err
}

// pgloader writes the program's load file. The program ends at an index of an
// expression, without which a foreign key finds no key, and runs out of memory with
// its own number of rows to prefetch: it gets the tables and the rows to move only.
func (p *rivals) pgloader(database string) ([]stage, error) {
	file := p.path("pgloader.load")
	text := fmt.Sprintf("LOAD DATABASE FROM sqlite://%s INTO %s WITH include drop, create tables, create no indexes, no foreign keys, reset sequences, prefetch rows = 1000;\n", p.store, strings.Replace(database, "postgres:", "postgresql:", 1))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return []stage{{args: []string{"pgloader", "--quiet", "--root-dir", p.path("pgloader"), file}}}, nil
}
