package falkordb_test

import (
	"bufio"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"crypto/tls"

	"github.com/memarc/memarc/internal/engine/falkordb"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest/falkorserver"
)

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]falkordb.Config{
		"falkordb://localhost/g":                     {Network: "tcp", Address: "localhost:6379", Graph: "g"},
		"falkordb://":                                {Network: "tcp", Address: "localhost:6379"},
		"redis://u:p%40ss@[::1]:7000/a%20b":          {Network: "tcp", Address: "[::1]:7000", User: "u", Password: "p@ss", Graph: "a b"},
		"falkordb://:p@h":                            {Network: "tcp", Address: "h:6379", Password: "p"},
		"falkordb:///g?socket=/run/f.sock":           {Network: "unix", Address: "/run/f.sock", Graph: "g"},
		"falkordb://u:p@/g/h?socket=%2Frun%2Ff.sock": {Network: "unix", Address: "/run/f.sock", User: "u", Password: "p", Graph: "g/h"},
	} {
		got, err := falkordb.ParseURL(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if got.Network != want.Network || got.Address != want.Address || got.User != want.User || got.Password != want.Password || got.Graph != want.Graph || got.TLS != nil {
			t.Errorf("%s: %+v", raw, got)
		}
		if strings.Contains(got.String(), "p@") && want.Password != "" || strings.Contains(got.String(), "%40ss") {
			t.Errorf("%s is shown as %s", raw, got)
		}
	}
	for _, raw := range []string{"falkordbs://h.example/g", "rediss://h.example/g"} {
		got, err := falkordb.ParseURL(raw)
		if err != nil || got.TLS == nil || got.TLS.InsecureSkipVerify || got.TLS.ServerName != "h.example" {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
	for _, raw := range []string{
		"", "h", "postgres://u:s3cret@h", "falkordb:h", "falkordb://u:s3cret@h:port/g", "falkordb://u:s3cret%zz@h/", "falkordb://u:s3cret@h/g?x=%zz", "falkordb://u:s3cret@h/g?nope=1",
		"falkordb://u:s3cret@h/g?socket=/s", "falkordb://u:s3cret@h/%00", "falkordb://u:s3cret@h/g?verify=no", "falkordbs://u:s3cret@h/g?verify=maybe", "falkordbs://u:s3cret@h/g?ca=/no/such/file", "falkordb://u:s3cret@h/g#f",
	} {
		if got, err := falkordb.ParseURL(raw); !errors.Is(err, store.ErrUsage) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
}

// TLS stands before a server that need not know it.
func TestTLS(t *testing.T) {
	s := falkorserver.Server(t, falkorserver.Options{})
	known := httptest.NewTLSServer(nil) // for its certificate, of 127.0.0.1
	defer known.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: known.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	serve(l, func(c net.Conn) {
		server, err := net.Dial("unix", s.Socket())
		if err != nil {
			return
		}
		defer server.Close()
		go io.Copy(server, c)
		io.Copy(c, server)
	})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: known.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	for _, good := range []string{"falkordbs://127.0.0.1:" + port + "/g?ca=" + ca, "rediss://localhost:" + port + "/g?verify=no"} {
		c, err := falkordb.Open(t.Context(), good)
		if err != nil {
			t.Errorf("%s: %v", good, err)
			continue
		}
		write(t, c, "g", "RETURN 1", nil)
		c.Close()
	}
	for bad, why := range map[string]string{
		"falkordbs://:s3cret@127.0.0.1:" + port + "/g":                          "unknown authority",
		"falkordbs://:s3cret@localhost:" + port + "/g?ca=" + ca:                 "not for that name",
		"falkordbs://:s3cret@127.0.0.1:" + plain(t, "") + "/g":                  "no TLS",
		"falkordb://:s3cret@127.0.0.1:1/g":                                      "no server listens",
		"falkordb://:s3cret@/g?socket=/no/such/socket":                          "no socket",
		"falkordb://:s3cret@name.invalid/g":                                     "s not known",
		"falkordb://127.0.0.1:" + plain(t, "-ERR unknown command 'GRAPH.LIST'"): falkordb.ErrNotFalkorDB.Error(),
	} {
		_, err := falkordb.Open(t.Context(), bad)
		if err == nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func serve(l net.Listener, do func(net.Conn)) {
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				do(c)
			}()
		}
	}()
}

// plain starts a server that answers GRAPH.LIST with one reply, all else with
// another, and returns its port.
func plain(t *testing.T, list string, rest ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	serve(l, func(c net.Conn) {
		lines := bufio.NewScanner(c)
		for lines.Scan() {
			n, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "*"))
			if err != nil {
				io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
				return
			}
			answer := list
			for i := range 2 * n {
				lines.Scan()
				switch word := lines.Text(); {
				case i != 1 || len(rest) == 0 || word == "GRAPH.LIST":
				case strings.EqualFold(word, "HELLO"):
					answer = "-ERR unknown command 'HELLO'"
				default:
					answer = rest[0]
				}
			}
			io.WriteString(c, answer+"\r\n")
		}
	})
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// What the server says is told apart.
func TestErrors(t *testing.T) {
	for said, want := range map[string]error{
		"-READONLY You can't write against a read only replica.":             falkordb.ErrReadOnly,
		"-OOM command not allowed when used memory > 'maxmemory'.":           falkordb.ErrExhausted,
		"-Max pending queries exceeded":                                      falkordb.ErrExhausted,
		"-Query's mem consumption exceeded capacity":                         falkordb.ErrExhausted,
		"-NOAUTH Authentication required.":                                   falkordb.ErrLogin,
		"-WRONGTYPE Operation against a key holding the wrong kind of value": store.ErrNotStore,
		"-Query timed out": falkordb.ErrTimeout,
		"-unique constraint violation, on node of type A": falkordb.ErrConstraint,
		"-something else": nil,
		"*1\r\n$1\r\nx":   nil,
		":1":              nil,
	} {
		c, err := falkordb.Open(t.Context(), "falkordb://127.0.0.1:"+plain(t, "*0", said)+"/g")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Query(t.Context(), "g", "CREATE (n)", nil)
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", said, err)
		}
		if _, err := c.ReadSnapshot(t.Context(), "g", falkordb.Statement{Text: "RETURN 1"}); err == nil {
			t.Errorf("%s: no error", said)
		}
	}
}

// Any reply whatever is read or refused.
func FuzzReply(f *testing.F) {
	f.Add([]byte("\x02\x03\x01"))
	f.Add([]byte{8, 2, 3, 0, 0, 2, 1, 0, 2, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		m := &maker{data}
		var raw func(depth int) any
		raw = func(depth int) any {
			switch k := m.bytes(1)[0]; k % 6 {
			case 0:
				return int64(m.bytes(1)[0] % 20)
			case 1:
				return m.text()
			case 2, 3:
				out := []any{}
				for n := m.bytes(1)[0] % 7; n > 0 && depth < 6; n-- {
					out = append(out, raw(depth+1))
				}
				return out
			case 4:
				return errors.New("an error")
			}
			return nil
		}
		_, _ = falkordb.Decode(int64(m.bytes(1)[0]%18), raw(0))
		if r, err := falkordb.ParseReply(raw(0)); err == nil {
			for range r.Rows() {
			}
		}
		_, _, _ = falkordb.Join(m.value(0), raw(0))
		_, _ = falkordb.JoinProperties(map[string]any{"v": m.value(0)}, raw(0))
	})
}
