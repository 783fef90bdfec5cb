package pgserver_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// A child of the tests starts a server, says where, and waits to be killed.
func TestMain(m *testing.M) {
	if os.Getenv("MEMARC_TEST_STARTS_SERVER") == "" {
		os.Exit(m.Run())
	}
	s, err := pgserver.Start(context.Background(), pgserver.Options{})
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString(s.URL() + " " + s.Folder() + "\n")
	select {}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func ask[T any](t *testing.T, c *pgx.Conn, sql string) (out T) {
	t.Helper()
	if err := c.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNew(t *testing.T) {
	var name string
	other := connect(t, pgserver.New(t))
	t.Run("fresh", func(t *testing.T) {
		c := connect(t, pgserver.New(t))
		name = ask[string](t, c, "SELECT current_database()")
		if got := ask[string](t, c, "SHOW server_encoding"); got != "UTF8" {
			t.Errorf("encoding %s", got)
		}
		if n := ask[int](t, c, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"); n != 0 {
			t.Errorf("%d objects", n)
		}
		if _, err := c.Exec(t.Context(), "CREATE EXTENSION vector"); err != nil {
			t.Fatal(err)
		}
		if got := ask[string](t, c, "SELECT '[1,2]'::vector::text"); got != "[1,2]" {
			t.Errorf("vector %s", got)
		}
	})
	if n := ask[int](t, other, "SELECT count(*) FROM pg_database WHERE datname = '"+name+"'"); n != 0 || name == "" {
		t.Errorf("database %q is still there, though someone was connected", name)
	}
}

// A server of one's own survives what is done to it.
func TestServer(t *testing.T) {
	s := pgserver.Server(t)
	c := connect(t, s.URL())
	if _, err := c.Exec(t.Context(), "CREATE TABLE kept AS SELECT 7 AS n"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Folder() + "/PG_VERSION"); err != nil {
		t.Error(err)
	}
	for name, stop := range map[string]func() error{
		"fast":      func() error { return s.Stop(false) },
		"immediate": func() error { return s.Stop(true) },
		"killed":    s.Kill,
	} {
		if err := stop(); err != nil {
			t.Fatal(name, err)
		}
		if _, err := pgx.Connect(t.Context(), s.URL()); err == nil {
			t.Fatalf("%s: the server answers", name)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(name, err)
		}
		if n := ask[int](t, connect(t, s.URL()), "SELECT n FROM kept"); n != 7 {
			t.Errorf("%s: %d", name, n)
		}
	}
	if err := s.Restart(t.Context(), true); err != nil {
		t.Error(err)
	}
}

// A server does not outlive a process that is killed.
func TestGuard(t *testing.T) {
	pgserver.Server(t) // or skipped
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "MEMARC_TEST_STARTS_SERVER=1")
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
	url, folder, _ := strings.Cut(strings.TrimSpace(string(line[:n])), " ")
	connect(t, url)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	for range 200 {
		_, gone := os.Stat(folder)
		if _, err := pgx.Connect(t.Context(), url); err != nil && errors.Is(gone, fs.ErrNotExist) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("the server or its folder %s is still there", folder)
}
