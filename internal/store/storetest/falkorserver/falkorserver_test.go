package falkorserver_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/memarc/memarc/internal/engine/falkordb"
	"github.com/memarc/memarc/internal/store/storetest/falkorserver"
)

// A child of the tests starts a server, says where, and waits to be killed.
func TestMain(m *testing.M) {
	if os.Getenv("MEMARC_TEST_STARTS_SERVER") == "" {
		os.Exit(m.Run())
	}
	s, err := falkorserver.Start(context.Background(), falkorserver.Options{})
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString(s.URL() + " " + s.Folder() + "\n")
	select {}
}

func open(t *testing.T, url string) *falkordb.Client {
	t.Helper()
	c, err := falkordb.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func exists(t *testing.T, c *falkordb.Client, name string) bool {
	t.Helper()
	there, err := c.GraphExists(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return there
}

func TestNew(t *testing.T) {
	c := open(t, falkorserver.New(t))
	var name string
	t.Run("fresh", func(t *testing.T) {
		c := open(t, falkorserver.New(t))
		if name = c.Graph(); name == "" || exists(t, c, name) {
			t.Errorf("graph %q is there already", name)
		}
		if _, err := c.Query(t.Context(), name, "CREATE (:A)", nil); err != nil || !exists(t, c, name) {
			t.Error(err)
		}
	})
	if exists(t, c, name) {
		t.Errorf("graph %q is still there", name)
	}
}

// A server of one's own can be stopped, killed and configured.
func TestServer(t *testing.T) {
	s := falkorserver.Server(t, falkorserver.Options{ModuleArgs: []string{"RESULTSET_SIZE", "7"}})
	for name, stop := range map[string]func() error{"stopped": s.Stop, "killed": s.Kill} {
		c := open(t, s.URL())
		if n, err := c.MaxRows(t.Context()); n != 7 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if err := stop(); err != nil {
			t.Fatal(name, err)
		}
		if _, err := falkordb.Open(t.Context(), s.URL()); err == nil {
			t.Fatalf("%s: the server answers", name)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(name, err)
		}
	}
}

// A server does not outlive a process that is killed.
func TestGuard(t *testing.T) {
	falkorserver.Server(t, falkorserver.Options{}) // or skipped
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
	c := open(t, url)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	for range 200 {
		_, gone := os.Stat(folder)
		if _, err := c.Graphs(t.Context()); err != nil && errors.Is(gone, fs.ErrNotExist) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("the server or its folder %s is still there", folder)
}
