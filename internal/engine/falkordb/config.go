package falkordb

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/memarc/memarc/internal/store"
)

// Schemes are those of the URLs that ParseURL reads; with an s at the end the
// connection is made over TLS.
var Schemes = []string{"falkordb", "falkordbs", "redis", "rediss"}

// A Config says where a server is and how to log in.
type Config struct {
	Network  string // tcp or unix
	Address  string // host:port, or the path of a socket
	User     string // empty for the default user
	Password string
	TLS      *tls.Config // nil goes without
	Graph    string      // that the URL names; empty if it names none
	name     string      // the URL without its password
}

// ParseURL reads falkordb://[[USER]:PASSWORD@]HOST[:PORT]/[GRAPH]. Its parameters
// are
//
//	socket=PATH  a Unix socket, instead of a host
//	ca=FILE      the authorities that may have signed the server's certificate
//	verify=no    takes any certificate
//
// None of its errors shows the password.
func ParseURL(raw string) (*Config, error) {
	name := store.Redact(raw)
	bad := func(format string, args ...any) (*Config, error) {
		return nil, fmt.Errorf("%w: location %q: %s", store.ErrUsage, name, fmt.Sprintf(format, args...))
	}
	u, err := url.Parse(raw) // its error may show the password
	if err != nil || !slices.Contains(Schemes, u.Scheme) || u.Opaque != "" || u.Fragment != "" {
		return bad("write falkordb://USER:PASSWORD@HOST:PORT/GRAPH")
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("the part behind the question mark is malformed")
	}
	for key := range values {
		if !slices.Contains([]string{"socket", "ca", "verify"}, key) || len(values[key]) != 1 {
			return bad("the parameter %q is not known, or given twice", key)
		}
	}
	c := &Config{Network: "tcp", User: u.User.Username(), Graph: strings.TrimPrefix(u.Path, "/"), name: name}
	c.Password, _ = u.User.Password()
	if strings.IndexByte(c.Graph, 0) >= 0 {
		return bad("the name of the graph has a NUL")
	}
	host, port := u.Hostname(), u.Port()
	if socket := values.Get("socket"); socket != "" {
		if u.Host != "" {
			return bad("it names a host and a socket")
		}
		c.Network, c.Address = "unix", socket
	} else {
		if host == "" {
			host = "localhost"
		}
		if port == "" {
			port = "6379"
		}
		c.Address = net.JoinHostPort(host, port)
	}
	secure := u.Scheme == "falkordbs" || u.Scheme == "rediss"
	if !secure && (values.Has("ca") || values.Has("verify")) {
		return bad("ca and verify are for falkordbs://")
	}
	if secure {
		if c.TLS, err = secured(host, values); err != nil {
			return bad("%v", err)
		}
	}
	return c, nil
}

func secured(host string, values url.Values) (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if file := values.Get("ca"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the authorities: %w", err)
		}
		if out.RootCAs = x509.NewCertPool(); !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%q holds no certificate", file)
		}
	}
	switch v := values.Get("verify"); v {
	case "", "yes":
	case "no":
		out.InsecureSkipVerify = true
	default:
		return nil, fmt.Errorf("verify is yes or no, not %q", v)
	}
	return out, nil
}

// String returns the URL without its password.
func (c *Config) String() string { return c.name }
