package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// database returns the URL of a fresh database in which the statements were run.
func database(t testing.TB, statements ...string) string {
	t.Helper()
	url := pgserver.New(t)
	run(t, url, statements...)
	return url
}

// run runs statements in a session of their own.
func run(t testing.TB, url string, statements ...string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, s := range statements {
		if err := conn.PgConn().Exec(ctx, s).Close(); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func location(t testing.TB, url string) store.Location {
	t.Helper()
	l, err := store.ParseLocation(url)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// open opens a database for reading until the test ends.
func open(t testing.TB, url string) *DB {
	t.Helper()
	d, err := Open(context.Background(), location(t, url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// scan collects the rows of a query.
func scan(d *DB, q store.Query) (*store.Rows, error) {
	out := store.NewRows(len(q.Columns))
	for rows, err := range d.Scan(context.Background(), q) {
		if err != nil {
			return out, err
		}
		for row := range rows.N {
			out.AppendRow(rows, row)
		}
	}
	return out, nil
}

func withParameter(url, parameter string) string {
	if strings.Contains(url, "?") {
		return url + "&" + parameter
	}
	return url + "?" + parameter
}

func TestSnapshot(t *testing.T) {
	url := database(t, "CREATE TABLE a (n int); INSERT INTO a VALUES (1), (2); CREATE TABLE b (n int); INSERT INTO b VALUES (1)")
	d := open(t, url)
	ctx := context.Background()
	if n, err := d.Count(ctx, "a"); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	run(t, url, "INSERT INTO a VALUES (3); DELETE FROM b; UPDATE a SET n = 9 WHERE n = 1")
	for _, shared := range []bool{false, true} {
		rows, err := scan(d, store.Query{Table: "a", Columns: []string{"n"}, Shared: shared})
		if err != nil || rows.N != 2 || rows.Columns[0].Int(0) != 1 {
			t.Fatal(rows.N, err)
		}
	}
	if n, err := d.Count(ctx, "b"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if err := d.Unchanged(); err != nil {
		t.Fatal(err)
	}
}

func TestReadOnly(t *testing.T) {
	url := database(t, "CREATE TABLE a (n int); INSERT INTO a VALUES (1)", "CREATE SEQUENCE s", `CREATE FUNCTION f() RETURNS bool LANGUAGE sql AS 'INSERT INTO a VALUES (2) RETURNING true'`)
	d := open(t, url)
	ctx := context.Background()
	err := d.guarded(ctx, func() error { return d.exec(ctx, "INSERT INTO a VALUES (2)") })
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "25006" {
		t.Fatal(err)
	}
	for _, where := range []string{"nextval('s') > 0", "f()"} {
		if _, err := scan(d, store.Query{Table: "a", Columns: []string{"n"}, Where: where}); !errors.Is(err, store.ErrUsage) {
			t.Fatal(where, err)
		}
	}
	if n, err := d.Count(ctx, "a"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	var xid *string
	if err := d.conn.QueryRow(ctx, "SELECT pg_current_xact_id_if_assigned()::text").Scan(&xid); err != nil && !strings.Contains(err.Error(), "42883") || xid != nil {
		t.Fatal("the transaction has written", xid, err)
	}
}

func TestReadingRoleIsEnough(t *testing.T) {
	url := database(t, "CREATE TABLE a (id serial PRIMARY KEY, n int DEFAULT 3); INSERT INTO a (n) VALUES (1)", "CREATE TABLE hidden (n int)",
		"CREATE TABLE secured (n int); ALTER TABLE secured ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON secured USING (n > 1)")
	d := open(t, url)
	ctx := context.Background()
	var role string
	if err := d.conn.QueryRow(ctx, "SELECT 'memarc_reader_' || oid FROM pg_database WHERE datname = current_database()").Scan(&role); err != nil {
		t.Fatal(err)
	}
	run(t, url, "CREATE ROLE "+role, "GRANT SELECT ON a, secured TO "+role)
	t.Cleanup(func() { run(t, url, "DROP OWNED BY "+role, "DROP ROLE "+role) })
	run(t, url, fmt.Sprintf(`DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %%I TO %s', current_database()); END $$`, role))
	d = open(t, withParameter(url, "options=-c%20role%3D"+role))
	if _, err := d.Catalog(ctx); err != nil {
		t.Fatal(err)
	}
	rows, err := scan(d, store.Query{Table: "a", Columns: []string{"id", "n"}})
	if err != nil || rows.N != 1 {
		t.Fatal(rows.N, err)
	}
	if _, err := scan(d, store.Query{Table: "hidden", Columns: []string{"n"}}); err == nil || !strings.Contains(err.Error(), "lacks a right") {
		t.Fatal(err)
	}
	if _, err := scan(d, store.Query{Table: "secured", Columns: []string{"n"}}); err == nil || !strings.Contains(err.Error(), "sees a part") {
		t.Fatal(err)
	}
	if n, err := d.Count(ctx, "a"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
}

func TestSchemas(t *testing.T) {
	url := database(t, `CREATE SCHEMA "Other one"; CREATE TABLE "Other one"."T 1" (n int); INSERT INTO "Other one"."T 1" VALUES (1); CREATE SCHEMA empty`)
	d := open(t, url)
	ctx := context.Background()
	names, err := d.Schemas(ctx)
	if err != nil || strings.Join(names, ",") != "public,Other one" {
		t.Fatal(names, err)
	}
	if err := d.Use(ctx, "Other one"); err != nil {
		t.Fatal(err)
	}
	if n, err := d.Count(ctx, "T 1"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if names, err = d.Schemas(ctx); err != nil || strings.Join(names, ",") != "Other one" {
		t.Fatal(names, err)
	}
	if n, err := open(t, withParameter(url, "schema=Other+one")).Count(ctx, "T 1"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if _, err := Open(ctx, location(t, withParameter(url, "schema=nope"))); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
}

// A session that holds a lock must not make us wait for ever.
func TestLocked(t *testing.T) {
	url := database(t, "CREATE TABLE a (n int)")
	ctx := context.Background()
	other, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(ctx)
	if _, err := other.Exec(ctx, "BEGIN; LOCK TABLE a"); err != nil {
		t.Fatal(err)
	}
	d := open(t, url)
	if err := d.exec(ctx, "SET LOCAL lock_timeout = '50ms'"); err != nil {
		t.Fatal(err)
	}
	_, err = scan(d, store.Query{Table: "a", Columns: []string{"n"}})
	if err == nil || !strings.Contains(err.Error(), "another session has locked") {
		t.Fatal(err)
	}
}
