package main

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// postgres is the URL of one server for all tests of this process, which ends with
// it.
var postgres = sync.OnceValues(func() (string, error) {
	server, _, err := pgserver.Share(context.Background(), pgserver.Options{})
	return server, err
})

// freshDatabase is the URL of an empty database that goes when the test ends.
func freshDatabase(t testing.TB) string {
	t.Helper()
	server, err := postgres()
	if err != nil {
		return pgserver.New(t) // ends the test and says why
	}
	database, drop, err := pgserver.CreateDatabase(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return database
}

// hasPostgres tells whether there is a server. Where there is none, what is skipped is
// said; MEMARC_TEST_REQUIRE makes it a failure.
func hasPostgres(t testing.TB) (bool, error) {
	_, err := postgres()
	if err == nil {
		return true, nil
	}
	if slices.Contains(strings.Fields(os.Getenv("MEMARC_TEST_REQUIRE")), "postgres") {
		return false, err
	}
	t.Logf("NOT PROVEN, postgres is missing: what the scripts postgres*.txtar and reembed-postgres.txtar prove: %v", err)
	return false, nil
}

// databases NAME... sets each variable to the URL of a new, empty database, and
// NAME_USER, NAME_PASSWORD, NAME_HOST (with the port) and NAME_NAME to its parts.
func databases(ts *testscript.TestScript, neg bool, args []string) {
	server, err := postgres()
	ts.Check(err)
	for _, name := range args {
		database, drop, err := pgserver.CreateDatabase(context.Background(), server)
		ts.Check(err)
		ts.Defer(func() { ts.Check(drop(context.Background())) })
		u, err := url.Parse(database)
		ts.Check(err)
		password, _ := u.User.Password()
		ts.Setenv(name, database)
		ts.Setenv(name+"_PASSWORD", password)
		ts.Setenv(name+"_USER", u.User.Username())
		ts.Setenv(name+"_HOST", u.Host)
		ts.Setenv(name+"_NAME", strings.TrimPrefix(u.Path, "/"))
	}
}

// query URL STATEMENT... runs statements on a database and prints what they return.
func query(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: query URL STATEMENT...")
	}
	for _, statement := range args[1:] {
		lines, err := answers(args[0], statement)
		ts.Check(err)
		for _, line := range lines {
			_, err := ts.Stdout().Write([]byte(line + "\n"))
			ts.Check(err)
		}
	}
}

// answers returns the rows of a query as text, columns joined by bars.
func answers(database, statement string) (lines []string, err error) {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, database)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	results, err := c.PgConn().Exec(ctx, statement).ReadAll()
	for _, r := range results {
		for _, row := range r.Rows {
			lines = append(lines, string(bytes.Join(row, []byte("|"))))
		}
	}
	return lines, err
}
