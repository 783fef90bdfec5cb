// Package testserver has what the packages that start servers for tests share.
package testserver

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
)

// Missing ends a test that has no server. The word is that of MEMARC_TEST_REQUIRE,
// and on says what the test proves something on: "a PostgreSQL server".
func Missing(t testing.TB, word, on string, err error) {
	t.Helper()
	why := strings.Join(strings.Fields(err.Error()), " ") // in one line
	if slices.Contains(strings.Fields(os.Getenv("MEMARC_TEST_REQUIRE")), word) {
		t.Fatalf("MEMARC_TEST_REQUIRE asks for %s: %s", word, why)
	}
	t.Skipf("NOT PROVEN, %s is missing: what %s proves on %s: %s", word, t.Name(), on, why)
}

// FreePort returns a port that nobody listens at.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Last returns the end of what a program printed.
func Last(out []byte) string {
	text := strings.TrimSpace(string(out))
	return text[max(0, len(text)-400):]
}
