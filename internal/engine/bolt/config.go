package bolt

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"
	"github.com/neo4j/neo4j-go-driver/v6/neo4j/config"

	"github.com/memarc/memarc/internal/store"
)

// Schemes are those of the locations that are the engine's. With +s a connection is
// over TLS and the certificate is checked, with +ssc any certificate will do.
var Schemes = []string{
	"neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc", "memgraph", "memgraph+s", "memgraph+ssc",
}

// Options are what a location may leave open.
type Options struct {
	// User, Password and Database hold where the location names none.
	User, Password, Database string
	// FetchSize is how many records are asked for at once; 0 is a default.
	FetchSize int
	// Tests take one server for another: as is what it is taken for, and wire is given
	// each statement, which it may replace, and whether it runs outside of transactions.
	as   Product
	wire func(statement string, auto bool) string
}

// defaultFetch bounds what is held of a result. Memories of 10 KB make 5 MB.
const defaultFetch = 500

// poolSize is how many connections there can be at once.
const poolSize = 8

// A target is a parsed location.
type target struct {
	name           string // the location without its password
	uri            string // for the driver: scheme, host and port
	host           string // as it is shown
	user, password string
	database       string // empty for the user's own
	secure         bool   // over TLS because the host is remote, not because the URL says so
}

// parse makes a target of a location. A plain scheme means clear text on this
// computer only: another is reached over TLS with its certificate checked, unless
// tls=disable says otherwise. tls=verify and tls=trust are the schemes' +s and +ssc.
func parse(l store.Location, o Options) (*target, error) {
	t := &target{name: store.Redact(l.Scheme + ":" + l.Path)}
	bad := func(what string) error {
		return fmt.Errorf("%w: location %q: %s", store.ErrUsage, t.name, what)
	}
	// url.Parse quotes what it cannot read, which may be the password.
	u, err := url.Parse("bolt:" + l.Path)
	if err != nil || !strings.HasPrefix(l.Path, "//") {
		return nil, bad("write " + l.Scheme + "://USER:PASSWORD@HOST:PORT/DATABASE, with special characters percent-encoded")
	}
	if !slices.Contains(Schemes, l.Scheme) {
		return nil, bad("its scheme is none of Bolt's")
	}
	protocol, tls, _ := strings.Cut(l.Scheme, "+")
	if protocol == "memgraph" {
		protocol = "bolt" // it has no routing
	}
	if u.Hostname() == "" {
		return nil, bad("it names no host")
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, bad("the part behind the question mark is malformed")
	}
	for key := range values {
		if key != "database" && key != "tls" {
			return nil, bad(fmt.Sprintf("parameter %q is none of database, tls", key))
		}
	}
	if values.Has("tls") && tls != "" {
		return nil, bad("the scheme and the parameter tls both say how to connect")
	}
	switch mode := values.Get("tls"); {
	case mode == "verify":
		tls = "s"
	case mode == "trust":
		tls = "ssc"
	case mode != "" && mode != "disable":
		return nil, bad("tls is one of verify, trust, disable")
	case mode == "" && tls == "" && !isLocal(u.Hostname()):
		tls, t.secure = "s", true
	}
	port := u.Port()
	if port == "" {
		port = "7687"
	}
	t.host = net.JoinHostPort(u.Hostname(), port)
	t.uri = protocol + "://" + t.host
	if tls != "" {
		t.uri = protocol + "+" + tls + "://" + t.host
	}
	t.user, t.password = o.User, o.Password
	if u.User != nil {
		t.user = u.User.Username()
		if password, ok := u.User.Password(); ok {
			t.password = password
		}
	}
	t.database = strings.Trim(u.Path, "/")
	if d := values.Get("database"); d != "" {
		if t.database != "" && t.database != d {
			return nil, bad("it names two databases")
		}
		t.database = d
	}
	if t.database == "" {
		t.database = o.Database
	}
	return t, nil
}

// isLocal tells whether a host is this computer.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func (t *target) driver(o Options) (neo4j.Driver, error) {
	token := neo4j.NoAuth()
	if t.user != "" || t.password != "" {
		user := t.user
		if user == "" {
			user = "neo4j" // its first user's name
		}
		token = neo4j.BasicAuth(user, t.password, "")
	}
	return neo4j.NewDriver(t.uri, token, func(c *config.Config) {
		c.UserAgent = "memarc"
		c.TelemetryDisabled = true
		c.DisableAutoCommitRetries = true
		c.SocketConnectTimeout = 10 * time.Second
		c.ConnectionAcquisitionTimeout = 15 * time.Second
		c.MaxConnectionPoolSize = poolSize
		c.ReadBufferSize = 64 << 10
		if c.FetchSize = o.FetchSize; c.FetchSize == 0 {
			c.FetchSize = defaultFetch
		}
	})
}
