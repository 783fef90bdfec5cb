package neo4jserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/memarc/memarc/internal/store/storetest/testserver"
)

// servers are those of this process. Nothing stops them but the end of the process:
// no test knows that it is the last one.
var servers struct {
	sync.Mutex
	idle []string // URLs of servers with an empty graph
	// named is held while the server that the environment names is lent; opened is
	// the result of its first use.
	named  sync.Mutex
	holder string
	opened func() error
}

// New returns the URL of an empty graph, which is the test's alone until it ends.
func New(t testing.TB) string {
	t.Helper()
	url, back, err := lend(t)
	if err != nil {
		testserver.Missing(t, "neo4j", "a Neo4j server", err)
	}
	t.Cleanup(func() {
		if err := empty(context.Background(), url); err != nil {
			t.Errorf("empty the graph: %v", err) // and the server is not lent again
			return
		}
		back()
	})
	return url
}

func lend(t testing.TB) (url string, back func(), err error) {
	if url = os.Getenv(Variable); url != "" {
		back, err := lendNamed(t, url)
		return url, back, err
	}
	servers.Lock()
	defer servers.Unlock()
	if n := len(servers.idle); n > 0 {
		url, servers.idle = servers.idle[n-1], servers.idle[:n-1]
	} else if url, err = launch(context.Background()); err != nil {
		return "", nil, err
	}
	return url, func() {
		servers.Lock()
		defer servers.Unlock()
		servers.idle = append(servers.idle, url)
	}, nil
}

// lendNamed waits for the one server that there is. A test that has it already
// cannot have another.
func lendNamed(t testing.TB, url string) (back func(), err error) {
	root, _, _ := strings.Cut(t.Name(), "/")
	servers.Lock()
	if servers.holder == root {
		servers.Unlock()
		return nil, fmt.Errorf("the server that %s names has one graph, and this test needs two", Variable)
	}
	if servers.opened == nil {
		servers.opened = sync.OnceValue(func() error { return open(url) })
	}
	opened := servers.opened
	servers.Unlock()
	servers.named.Lock()
	servers.Lock()
	servers.holder = root
	servers.Unlock()
	back = func() {
		servers.Lock()
		servers.holder = ""
		servers.Unlock()
		servers.named.Unlock()
	}
	if err := opened(); err != nil {
		back()
		return nil, fmt.Errorf("the server that %s names: %w", Variable, err)
	}
	return back, nil
}

// open takes a server for this process, until that ends.
func open(url string) error {
	f, err := lock(filepath.Join(os.TempDir(), fmt.Sprintf("memarc-neo4j-%x.lock", sha256.Sum256([]byte(url)))))
	if err != nil {
		return err
	}
	running.Store(f, true)
	return isEmpty(context.Background(), url)
}

// launch starts a server in a container, else from files of this machine.
func launch(ctx context.Context) (string, error) {
	url, first := startContainer(ctx)
	if first == nil {
		return url, nil
	}
	s, second := Start(ctx)
	if second == nil {
		return s.URL(), nil
	}
	return "", errors.Join(first, second)
}

// Server returns a running server of the test's own, which is removed when the test
// ends. Only one from the files of this machine will do for that.
func Server(t testing.TB) *Instance {
	t.Helper()
	s, err := Start(t.Context())
	if err != nil {
		testserver.Missing(t, "neo4j", "a Neo4j server", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
