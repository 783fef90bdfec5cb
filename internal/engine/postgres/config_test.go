package postgres

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/memarc/memarc/internal/store"
)

// bare makes the environment say nothing of a server.
func bare(t *testing.T) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "PG") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	t.Setenv("HOME", t.TempDir())
}

func TestConfig(t *testing.T) {
	bare(t)
	for raw, want := range map[string]string{
		"postgres://u:p@db.example/x": "verify-full", "postgresql://db.example/x?sslmode=disable": "none", "postgres://db.example/x?sslmode=require": "require",
		"postgres://db.example/x?sslmode=prefer": "prefer", "postgres://localhost/x": "prefer", "postgres://127.0.0.9/x": "prefer", "postgres://[::1]:5433/x": "prefer",
		"postgres:///x?host=/tmp": "none", "postgres://10.0.0.1/x": "verify-full", "postgres://localhost,db.example/x": "verify-full", "postgres://db.example/x?layout=a&schema=b": "verify-full",
	} {
		cfg, err := config(location(t, raw))
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		switch c := cfg.TLSConfig; {
		case c == nil:
		case !c.InsecureSkipVerify && c.ServerName != "":
			got = "verify-full"
		case prefers(cfg):
			got = "prefer"
		default:
			got = "require"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
		if cfg.ConnectTimeout != 10*time.Second || cfg.RuntimeParams["application_name"] != "memarc" || cfg.RuntimeParams["layout"] != "" || cfg.RuntimeParams["schema"] != "" {
			t.Errorf("%s: %v %v", raw, cfg.ConnectTimeout, cfg.RuntimeParams)
		}
	}
	cfg, err := config(location(t, "postgres://h/x?connect_timeout=3&application_name=mine&sslmode=disable&options=-c%20a.b%3Dc%20d"))
	if err != nil || cfg.ConnectTimeout != 3*time.Second || cfg.RuntimeParams["application_name"] != "mine" || cfg.RuntimeParams["options"] != "-c a.b=c d" {
		t.Fatal(err, cfg.RuntimeParams)
	}
}

func TestConfigEnvironment(t *testing.T) {
	bare(t)
	dir := t.TempDir()
	pass, service := filepath.Join(dir, "pass"), filepath.Join(dir, "service")
	if err := errors.Join(os.WriteFile(pass, []byte("db.example:*:*:me:from file\n"), 0o600),
		os.WriteFile(service, []byte("[mine]\nhost=db.example\ndbname=served\nuser=me\nsslmode=require\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGPASSFILE", pass)
	t.Setenv("PGSERVICEFILE", service)
	cfg, err := config(location(t, "postgres://?service=mine"))
	if err != nil || cfg.Host != "db.example" || cfg.Database != "served" || cfg.Password != "from file" || !cfg.TLSConfig.InsecureSkipVerify {
		t.Fatal(err, cfg)
	}
	t.Setenv("PGHOST", "other.example")
	t.Setenv("PGDATABASE", "named")
	t.Setenv("PGUSER", "someone")
	t.Setenv("PGPASSWORD", "secret")
	if cfg, err = config(location(t, "postgres://")); err != nil || cfg.Host != "other.example" || cfg.Database != "named" || cfg.Password != "secret" || cfg.TLSConfig.InsecureSkipVerify {
		t.Fatal(err, cfg)
	}
	t.Setenv("PGSSLMODE", "disable")
	if cfg, err = config(location(t, "postgres:///db")); err != nil || cfg.Database != "db" || cfg.TLSConfig != nil {
		t.Fatal(err, cfg)
	}
}

func TestClaims(t *testing.T) {
	for raw, want := range map[string]bool{"postgres://h/d": true, "postgresql://h/d": true, "POSTGRES://h": true, "postgres.db": false, "sqlite:postgres": false} {
		if Engine().Claims(location(t, raw)) != want {
			t.Error(raw)
		}
	}
}

// Whatever goes wrong, no password is printed.
func TestPasswordNeverPrinted(t *testing.T) {
	bare(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := closed.Addr().String()
	closed.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // a server of something else
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	go func() {
		for {
			c, err := mute.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			c.Close()
		}
	}()
	t.Setenv("PGPASSWORD", "hunter2")
	for _, raw := range []string{
		"postgres://u:hunter2@" + addr + "/x", "postgres://u:hunter%32@" + addr + "/x", "postgres://" + addr + "/x?user=u&password=hunter2", "postgres://" + addr + "/x?pass%77ord=hunter2",
		"postgres://" + addr + "/x", "postgres://u:hunter2@" + mute.Addr().String() + "/x", "postgres://u:hunter2@" + mute.Addr().String() + "/x?sslmode=require",
		"postgres://u:hunter2@h:port/x", "postgres://u:hunter2@h/x?sslmode=nope", "postgres://u:hun:ter2@hunter2@h:p/x", "postgres://u:hunter2@h/x?sslrootcert=/nope", "postgres://u:hunter2@h/%zz", "postgres:u:hunter2@h/x",
		"postgres://u:hunter2@h/x?service=nope", "postgres://u:hunter2@h.invalid/x", "postgres://u:hunter2/@h/x", "postgres://u:hunter2@h@h/x?connect_timeout=x", "postgres://h/x?sslpassword=hunter2&sslkey=/nope&sslcert=/nope",
		"postgres://u:hunter2@127.0.0.1:1,127.0.0.1:2/x",
	} {
		l, err := store.ParseLocation(raw)
		if err == nil {
			_, err = Open(context.Background(), l)
		}
		if err == nil {
			t.Errorf("%s opened", raw)
			continue
		}
		for _, secret := range []string{"hunter2", "hunter%32", "ter2"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", raw, err)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than a line: %v", raw, err)
		}
		t.Log(err)
	}
}

func TestConnectErrors(t *testing.T) {
	base := database(t)
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/no such database"
	_, err = Open(context.Background(), location(t, u.String()))
	if !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "create it with: createdb") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = Open(ctx, location(t, base)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A server with a certificate that nobody vouches for is not trusted, and is told
// apart from one without TLS.
func TestCertificates(t *testing.T) {
	bare(t)
	fake := httptest.NewUnstartedServer(nil)
	fake.StartTLS()
	defer fake.Close()
	config := fake.TLS.Clone()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var request [8]byte
			if _, err := io.ReadFull(c, request[:]); err == nil {
				_, _ = c.Write([]byte("S"))
				_ = tls.Server(c, config).Handshake()
			}
			c.Close()
		}
	}()
	root := filepath.Join(t.TempDir(), "root.crt")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: fake.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	at := "postgres://u:hunter2@" + l.Addr().String() + "/x?sslmode=verify-full"
	for raw, want := range map[string]string{
		at: "unknown authority",
		strings.Replace(at, "127.0.0.1", "localhost", 1) + "&sslrootcert=" + url.QueryEscape(root): "not for that name",
	} {
		_, err := Open(context.Background(), location(t, raw))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}
