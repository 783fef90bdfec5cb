package neo4jserver_test

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"

	"github.com/memarc/memarc/internal/store/storetest/neo4jserver"
)

// A child of the tests starts a server, says where, and waits to be killed.
func TestMain(m *testing.M) {
	if os.Getenv("MEMARC_TEST_STARTS_SERVER") == "" {
		os.Exit(m.Run())
	}
	s, err := neo4jserver.Start(context.Background())
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString(s.URL() + "\n")
	select {}
}

// ask runs a statement and returns the only value of its only record.
func ask(ctx context.Context, server, cypher string) (any, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	password, _ := u.User.Password()
	driver, err := neo4j.NewDriver("bolt://"+u.Host, neo4j.BasicAuth(u.User.Username(), password, ""))
	if err != nil {
		return nil, err
	}
	defer driver.Close(ctx)
	s := driver.NewSession(ctx, neo4j.SessionConfig{})
	defer s.Close(ctx)
	result, err := s.Run(ctx, cypher, nil)
	if err != nil {
		return nil, err
	}
	r, err := result.Single(ctx)
	if err != nil {
		return nil, err
	}
	return r.Values[0], nil
}

func must(t *testing.T, server, cypher string) any {
	t.Helper()
	v, err := ask(t.Context(), server, cypher)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const counted = "MATCH (n) RETURN count(n)"

func TestNew(t *testing.T) {
	var first string
	t.Run("fill", func(t *testing.T) {
		first = neo4jserver.New(t)
		must(t, first, "CREATE (a:A {x: 1})-[:R]->(b) RETURN 1")
		if _, err := ask(t.Context(), first, "CREATE CONSTRAINT `a``b` FOR (n:A) REQUIRE n.x IS UNIQUE"); err != nil && !strings.Contains(err.Error(), "no more records") {
			t.Fatal(err)
		}
		if os.Getenv(neo4jserver.Variable) == "" {
			if second := neo4jserver.New(t); second == first || must(t, second, counted) != int64(0) {
				t.Errorf("the second graph is the first, or it is not empty: %s", second)
			}
		}
	})
	t.Run("empty", func(t *testing.T) {
		again := neo4jserver.New(t)
		if n := must(t, again, counted); n != int64(0) {
			t.Errorf("%v nodes", n)
		}
		if n := must(t, again, "SHOW CONSTRAINTS YIELD name RETURN count(*)"); n != int64(0) {
			t.Errorf("%v constraints", n)
		}
	})
}

// A server of one's own survives what is done to it, and not its process's death.
func TestServer(t *testing.T) {
	s := neo4jserver.Server(t)
	must(t, s.URL(), "CREATE (:Kept) RETURN 1")
	for name, stop := range map[string]func() error{"stopped": s.Stop, "killed": s.Kill} {
		if err := stop(); err != nil {
			t.Fatal(name, err)
		}
		if _, err := ask(t.Context(), s.URL(), counted); err == nil {
			t.Fatalf("%s: the server answers", name)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(name, err)
		}
		if n := must(t, s.URL(), counted); n != int64(1) {
			t.Errorf("%s: %v nodes", name, n)
		}
	}
}

func TestGuard(t *testing.T) {
	if s := neo4jserver.Server(t); s.Close() != nil { // or skipped
		t.Fatal("close")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "MEMARC_TEST_STARTS_SERVER=1", "TMPDIR="+temp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 1024)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	server := strings.TrimSpace(string(line[:n]))
	must(t, server, counted)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	for range 400 {
		left, err := filepath.Glob(filepath.Join(temp, "memarc-neo4j-*"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if _, err := ask(t.Context(), server, counted); err != nil && len(left) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the server or its folder is still there")
}
