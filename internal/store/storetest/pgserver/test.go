package pgserver

import (
	"context"
	"sync"
	"testing"

	"github.com/memarc/memarc/internal/store/storetest/testserver"
)

// shared is the server of this process. Nothing stops it but the end of the
// process: no test knows that it is the last one.
var shared = sync.OnceValues(func() (string, error) {
	url, _, err := Share(context.Background(), Options{})
	return url, err
})

// New returns the URL of a fresh, empty database in UTF-8, dropped when the test
// ends. The extension vector is available, but not created.
func New(t testing.TB) string {
	t.Helper()
	server, err := shared()
	if err != nil {
		testserver.Missing(t, "postgres", "a PostgreSQL server", err)
	}
	url, drop, err := CreateDatabase(t.Context(), server)
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
func Server(t testing.TB) *Instance {
	t.Helper()
	s, err := Start(t.Context(), Options{})
	if err != nil {
		testserver.Missing(t, "postgres", "a PostgreSQL server", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
