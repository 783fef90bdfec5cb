package bolt

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest/neo4jserver"
)

func TestParse(t *testing.T) {
	options := Options{User: "env", Password: "from env", Database: "other"}
	for raw, want := range map[string]target{
		"neo4j://localhost":                    {uri: "neo4j://localhost:7687", user: "env", password: "from env", database: "other"},
		"bolt://u:p%40ss@127.0.0.1:1/db":       {uri: "bolt://127.0.0.1:1", user: "u", password: "p@ss", database: "db"},
		"bolt://u@[::1]?database=db":           {uri: "bolt://[::1]:7687", user: "u", password: "from env", database: "db"},
		"memgraph://localhost":                 {uri: "bolt://localhost:7687", user: "env", password: "from env", database: "other"},
		"memgraph+s://localhost":               {uri: "bolt+s://localhost:7687", user: "env", password: "from env", database: "other"},
		"neo4j+ssc://localhost":                {uri: "neo4j+ssc://localhost:7687", user: "env", password: "from env", database: "other"},
		"neo4j://example.org":                  {uri: "neo4j+s://example.org:7687", user: "env", password: "from env", database: "other", secure: true},
		"memgraph://10.0.0.1":                  {uri: "bolt+s://10.0.0.1:7687", user: "env", password: "from env", database: "other", secure: true},
		"bolt://example.org?tls=disable":       {uri: "bolt://example.org:7687", user: "env", password: "from env", database: "other"},
		"bolt://example.org?tls=trust":         {uri: "bolt+ssc://example.org:7687", user: "env", password: "from env", database: "other"},
		"bolt://localhost?tls=verify":          {uri: "bolt+s://localhost:7687", user: "env", password: "from env", database: "other"},
		"neo4j://localhost/a?layout=x":         {uri: "neo4j://localhost:7687", user: "env", password: "from env", database: "a"},
		"neo4j+s://x.databases.neo4j.io/neo4j": {uri: "neo4j+s://x.databases.neo4j.io:7687", user: "env", password: "from env", database: "neo4j"},
	} {
		got, err := parse(location(t, raw), options)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		got.name, got.host = "", ""
		if *got != want {
			t.Errorf("%s: %+v", raw, *got)
		}
	}
	for _, raw := range []string{
		"bolt:localhost", "bolt://", "bolt://u:secret@/db", "bolt://u:secret@h/db?x=1", "bolt+s://u:secret@h?tls=disable", "bolt://u:secret@h?tls=maybe",
		"bolt://u:secret@h/a?database=b", "bolt://u:secret%zz@h", "bolt://u:secret@h:port", "bolt://u:sec/ret@h", "bolt+x://u:secret@h", "http://u:secret@h",
	} {
		_, err := Open(t.Context(), location(t, raw), Options{})
		if !errors.Is(err, store.ErrUsage) {
			t.Errorf("%s: %v", raw, err)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "ret@h")) {
			t.Errorf("the password is shown: %v", err)
		}
		t.Log(err)
	}
}

// What a user reads when there is no connection.
func TestConnectErrors(t *testing.T) {
	good := neo4jserver.New(t)
	with := func(scheme, user, rest string) string {
		_, host, _ := strings.Cut(good, "@")
		if user == "" {
			user, _, _ = strings.Cut(strings.TrimPrefix(good, "bolt://"), "@")
		}
		return scheme + "://" + user + "@" + host + rest
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for raw, want := range map[string]error{
		with("bolt", "neo4j:secret-wrong", ""):          ErrAuth,
		with("neo4j", "neo4j:secret-wrong", ""):         ErrAuth,
		with("bolt", "", "/no-such-database"):           store.ErrNotFound,
		with("neo4j", "", "/no-such-database"):          store.ErrNotFound,
		with("bolt+s", "", ""):                          ErrTLS,
		with("neo4j+s", "", ""):                         ErrTLS,
		"bolt://u:secret-wrong@" + nobody:               ErrUnreachable,
		"neo4j://u:secret-wrong@" + nobody:              ErrUnreachable,
		"bolt://u:secret-wrong@memarc.invalid":          ErrUnreachable,
		"bolt://u:secret-wrong@" + mute.Addr().String(): ErrUnreachable,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		d, err := Open(ctx, location(t, raw), Options{})
		cancel()
		if d != nil {
			d.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", store.Redact(raw), err, want)
		}
		t.Log(err)
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is shown: %v", err)
		}
	}
}

// A server that dies in the middle is told as such, and the client goes on when it
// is back.
func TestServerDies(t *testing.T) {
	s := neo4jserver.Server(t)
	d, ctx := open(t, s.URL()), t.Context()
	r, err := d.Reader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var failed error
	for _, err := range r.Query(ctx, "UNWIND range(1, 100000000) AS i RETURN i", nil) {
		if failed = err; err != nil {
			break
		}
		if n++; n == 1000 {
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !errors.Is(failed, ErrGone) {
		t.Errorf("after %d records: %v", n, failed)
	}
	t.Log(failed)
	_ = r.Close()
	if err := d.Write(ctx, func(*Writer) error { return nil }); !errors.Is(err, ErrGone) {
		t.Errorf("writing to nobody: %v", err)
	}
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := create(ctx, d, map[string]any{"id": int64(1)}); err != nil {
		t.Fatal(err)
	}
	err = d.Write(ctx, func(w *Writer) error {
		if _, err := w.Query(ctx, "CREATE (n:A)", nil); err != nil {
			return err
		}
		return s.Kill()
	})
	if !errors.Is(err, ErrUncertain) || Retryable(err) {
		t.Errorf("killed before the commit: %v", err)
	}
	t.Log(err)
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, d, "MATCH (n) RETURN count(n)", nil)[0][0]; got != int64(1) {
		t.Errorf("%v nodes", got)
	}
}
