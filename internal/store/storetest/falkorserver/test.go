package falkorserver

import (
	"context"
	"sync"
	"testing"

	"github.com/memarc/memarc/internal/store/storetest/testserver"
)

// shared is the server of this process. Nothing stops it but the end of the
// process: no test knows that it is the last one.
var shared = sync.OnceValues(func() (string, error) {
	url, _, err := Share(context.Background())
	return url, err
})

// New returns the URL of a graph of a unique name that does not exist yet. It is
// deleted when the test ends.
func New(t testing.TB) string {
	t.Helper()
	server, err := shared()
	if err != nil {
		testserver.Missing(t, "falkordb", "a FalkorDB server", err)
	}
	url, drop, err := NewGraph(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return url
}

// Server returns a running server of the test's own, which is removed when the test
// ends. Only programs on this machine will do for that.
func Server(t testing.TB, opts Options) *Instance {
	t.Helper()
	s, err := Start(t.Context(), opts)
	if err != nil {
		testserver.Missing(t, "falkordb", "a FalkorDB server", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Available tells whether New gives a server, without ending the test.
func Available() bool {
	_, err := shared()
	return err == nil
}
