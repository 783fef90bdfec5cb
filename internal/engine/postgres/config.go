package postgres

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/memarc/memarc/internal/store"
)

// schemes are those of the locations that are the engine's.
var schemes = []string{"postgres", "postgresql"}

// locationName returns the location without its passwords. It is made of the
// parsed one, in which no parameter's name is percent-encoded.
func locationName(l store.Location) string {
	name := l.Scheme + "://" + strings.TrimPrefix(l.Path, "//")
	if l.Schema != "" {
		separator := "?"
		if strings.Contains(name, "?") {
			separator = "&"
		}
		name += separator + "schema=" + url.QueryEscape(l.Schema)
	}
	return store.Redact(name)
}

// config makes of a location what libpq would, from the URL, a service file, a
// password file and the variables PG*, in that order. What none of them says:
// another computer is reached over TLS with its certificate checked, and the
// wait for a connection ends after ten seconds.
func config(l store.Location) (*pgx.ConnConfig, error) {
	rest, query, _ := strings.Cut(l.Path, "?")
	if !strings.HasPrefix(rest, "//") {
		return nil, fmt.Errorf("%w: location %q: write postgres://USER@HOST/DATABASE", store.ErrUsage, locationName(l))
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("%w: location %q: the part behind the question mark is malformed", store.ErrUsage, locationName(l))
	}
	given := func(env string, keys ...string) bool {
		return os.Getenv(env) != "" || slices.ContainsFunc(keys, values.Has)
	}
	cfg, err := parse(l, rest, values)
	if err != nil {
		return nil, err
	}
	timeout := cfg.ConnectTimeout == 0 && !given("PGCONNECT_TIMEOUT", "connect_timeout")
	secure := !given("PGSSLMODE", "sslmode", "ssl") && prefers(cfg) && !local(cfg)
	if timeout {
		values.Set("connect_timeout", "10")
	}
	if secure {
		values.Set("sslmode", "verify-full")
	}
	if timeout || secure {
		if cfg, err = parse(l, rest, values); err != nil {
			return nil, err
		}
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "memarc"
	}
	// No prepared statements with names: a pool between us and the server may not
	// know them.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.BuildFrontend = frontend
	return cfg, nil
}

// parse hands the location to pgx. Nothing of pgx's error is printed but what is
// known to be free of the location's text.
func parse(l store.Location, rest string, values url.Values) (*pgx.ConnConfig, error) {
	text := "postgres:" + rest
	if len(values) > 0 {
		// libpq's URLs know no plus sign for a space.
		text += "?" + strings.ReplaceAll(values.Encode(), "+", "%20")
	}
	cfg, err := pgx.ParseConfig(text)
	if err == nil {
		return cfg, nil
	}
	what := "it is no URL of PostgreSQL"
	for _, known := range []string{
		"invalid port", "sslmode is invalid", "failed to read service", "unable to read CA file", "unable to add CA to cert pool",
		"invalid connect_timeout", "both \"sslcert\" and \"sslkey\" are required", "unable to read sslkey", "unable to read cert",
		"invalid target_session_attrs", "invalid channel_binding", "invalid sslcertmode", "failed to configure TLS",
	} {
		if strings.Contains(err.Error(), known) {
			what = known
			break
		}
	}
	return nil, fmt.Errorf("%w: location %q: %s", store.ErrUsage, locationName(l), what)
}

// prefers tells whether a configuration would fall back to clear text, which is
// what pgx does where nothing is said.
func prefers(cfg *pgx.ConnConfig) bool {
	return cfg.TLSConfig != nil && cfg.TLSConfig.InsecureSkipVerify && cfg.TLSConfig.VerifyPeerCertificate == nil &&
		slices.ContainsFunc(cfg.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.TLSConfig == nil }) || cfg.TLSConfig == nil && len(cfg.Fallbacks) > 0
}

// local tells whether all servers are on this computer.
func local(cfg *pgx.ConnConfig) bool {
	here := isLocal(cfg.Host)
	for _, f := range cfg.Fallbacks {
		here = here && isLocal(f.Host)
	}
	return here
}

// isLocal tells whether a host is a socket or an address of this computer.
func isLocal(host string) bool {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
