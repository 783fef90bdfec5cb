package confine

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/memarc/memarc/internal/store"
)

// sameScheme are schemes that mean the same as another.
var sameScheme = map[string]string{"postgresql": "postgres", "redis": "falkordb", "rediss": "falkordbs"}

// parseServer parses the URL of a server. Its errors show no password.
func parseServer(raw string) (*url.URL, error) {
	bad := func(what string) (*url.URL, error) {
		return nil, fmt.Errorf("%w: location %q: %s", store.ErrUsage, store.Redact(raw), what)
	}
	u, err := url.Parse(raw) // its error may show the password
	if err != nil || u.Opaque != "" || u.Fragment != "" || u.Scheme == "" {
		return bad("write SCHEME://USER:PASSWORD@HOST:PORT/DATABASE, with special characters percent-encoded")
	}
	if slices.Contains(fileSchemes, u.Scheme) || u.Scheme == "http" || u.Scheme == "https" {
		return bad("this is no URL of a server of databases")
	}
	if u.Hostname() == "" || strings.ContainsAny(u.Host, ",%@/\\ ") {
		return bad("it must name one host")
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return bad("the part behind the question mark is malformed")
	}
	if same, ok := sameScheme[u.Scheme]; ok {
		u.Scheme = same
	}
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

// database is the decoded name of a URL's database.
func database(u *url.URL) string { return strings.Trim(u.Path, "/") }

// server returns the URL of an allowed server. Of the caller's it takes the database and
// the login, if it has them, and what says which part of the database is meant; all else,
// such as files of certificates, is what was said when the server was allowed.
func (l *Limits) server(raw string) (string, error) {
	u, err := parseServer(raw)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(l.servers, func(allowed *url.URL) bool {
		return allowed.Scheme == u.Scheme && allowed.Host == u.Host && (database(allowed) == "" || database(allowed) == database(u))
	})
	if at < 0 {
		return "", fmt.Errorf("%w: %q is no server that --allow-url names", ErrOutside, store.Redact(raw))
	}
	out := *l.servers[at]
	values := out.Query()
	for name, given := range u.Query() {
		value := given[0]
		if len(given) != 1 || !slices.Contains([]string{"layout", "schema"}, name) {
			return "", fmt.Errorf("%w: %q: the parameter %q can be given with --allow-url alone", ErrOutside, store.Redact(raw), name)
		}
		if name == "layout" && !IsName(value) {
			return "", fmt.Errorf("%w: %q: layout takes a name", store.ErrUsage, store.Redact(raw))
		}
		values.Set(name, value)
	}
	out.RawQuery = values.Encode()
	if database(&out) == "" {
		out.Path, out.RawPath = u.Path, u.RawPath
	}
	if u.User != nil {
		out.User = u.User
	}
	return out.String(), nil
}
