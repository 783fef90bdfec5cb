package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/memarc/memarc/internal/store"
)

// Engine returns the engine of the formats for the registry.
func Engine(formats ...*store.FileFormat) *store.Engine {
	e := engine(formats)
	return &store.Engine{
		Name:   "file",
		Claims: e.claims,
		Open: func(ctx context.Context, l store.Location) (store.Tables, error) {
			return e.open(ctx, l)
		},
		OpenTarget: func(ctx context.Context, l store.Location) (store.Target, error) {
			return e.openTarget(ctx, l)
		},
	}
}

type engine []*store.FileFormat

// pathOf is the path of a location: file:PATH, file:///PATH and a plain path.
func pathOf(l store.Location) string {
	if l.Scheme == "file" && strings.HasPrefix(l.Path, "//") {
		return strings.TrimPrefix(strings.TrimPrefix(l.Path, "//"), "localhost")
	}
	return l.Path
}

// claims tells whether a location is one of text files: by its ending or by ?format, for
// a folder by what it holds, else by how the file begins.
func (e engine) claims(l store.Location) bool {
	if l.Scheme != "" {
		return l.Scheme == "file"
	}
	if l.Format != "" || e.ending(l.Path) {
		return true
	}
	info, err := os.Stat(l.Path)
	switch {
	case err != nil:
		return isFolder(l.Path)
	case info.IsDir():
		_, names, err := e.folder(l.Path)
		return isFolder(l.Path) || err == nil && len(names) > 0
	case !info.Mode().IsRegular():
		return false
	}
	f, err := e.find(os.DirFS(filepath.Dir(l.Path)), filepath.Base(l.Path), func(*store.FileFormat) bool { return true })
	return err == nil && f != nil
}

func isFolder(path string) bool {
	return strings.HasSuffix(path, "/") || strings.HasSuffix(path, string(filepath.Separator))
}

func (e engine) ending(path string) bool {
	return slices.ContainsFunc(e, func(f *store.FileFormat) bool { return hasEnding(f, path) })
}

func hasEnding(f *store.FileFormat, name string) bool {
	return slices.Contains(f.Endings, strings.ToLower(filepath.Ext(name)))
}

func (e engine) named(name string) (*store.FileFormat, error) {
	var names []string
	for _, f := range e {
		if f.Name == name || strings.HasSuffix(f.Name, "-"+name) {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return nil, fmt.Errorf("%w: there is no text format %q; the formats are %s", store.ErrUsage, name, strings.Join(names, ", "))
}

// headSize is how much of a file tells its format.
const headSize = 64 << 10

// find returns the first format that recognises a file, nil if none does.
func (e engine) find(files fs.FS, name string, may func(*store.FileFormat) bool) (*store.FileFormat, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, headSize))
	if err != nil {
		return nil, err
	}
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	for _, format := range e {
		if may(format) && format.Is(head) {
			return format, nil
		}
	}
	return nil, nil
}

// folder returns the format of a folder and the names of its files, in order. Files that
// are not of the format are somebody's own.
func (e engine) folder(path string) (format *store.FileFormat, names []string, err error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, nil, err
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.Type().IsRegular() || strings.HasPrefix(name, ".") {
			continue
		}
		f, err := e.find(os.DirFS(path), name, func(f *store.FileFormat) bool {
			return f.Folder && (format == nil || f == format) && hasEnding(f, name)
		})
		if err != nil {
			return nil, nil, err
		}
		if f != nil {
			format, names = f, append(names, name)
		}
	}
	return format, names, nil
}

// A place is the files of one store.
type place struct {
	format *store.FileFormat
	dir    string
	names  []string
	path   string // as the user has it
}

// locate finds the store at a path.
func (e engine) locate(l store.Location) (*place, error) {
	p := &place{path: pathOf(l)}
	info, err := os.Stat(p.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open %q: %w", p.path, store.ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("open %q: %w", p.path, errors.Unwrap(err))
	case info.IsDir():
		p.dir = p.path
		if p.format, p.names, err = e.folder(p.path); err != nil {
			return nil, fmt.Errorf("read %q: %w", p.path, err)
		}
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("open %q: %w: it is not a regular file", p.path, store.ErrNotStore)
	default:
		p.dir, p.names = filepath.Dir(p.path), []string{filepath.Base(p.path)}
		if p.format, err = e.find(os.DirFS(p.dir), p.names[0], func(*store.FileFormat) bool { return true }); err != nil {
			return nil, fmt.Errorf("read %q: %w", p.path, err)
		}
		if p.format == nil && info.Size() == 0 {
			p.format = e.emptied(p.path)
		}
		if err := p.findBeside(); err != nil {
			return nil, fmt.Errorf("read %q: %w", p.path, err)
		}
	}
	if p.format == nil {
		var names []string
		for _, f := range e {
			names = append(names, f.Name)
		}
		slices.Sort(names)
		what := "it is no export of a format that memarc reads"
		switch {
		case info.IsDir():
			what = "the folder holds no file of a format that memarc reads"
		case info.Size() == 0:
			what = "the file is empty"
		}
		return nil, fmt.Errorf("open %q: %w: %s: %s", p.path, store.ErrNotStore, what, strings.Join(names, ", "))
	}
	if l.Format != "" {
		if want, err := e.named(l.Format); err != nil {
			return nil, err
		} else if want != p.format {
			return nil, fmt.Errorf("%w: %q is of the format %s, not %s", store.ErrUsage, p.path, p.format.Name, want.Name)
		}
	}
	return p, nil
}

// open opens an existing store for reading.
func (e engine) open(ctx context.Context, l store.Location) (*DB, error) {
	p, err := e.locate(l)
	if err != nil {
		return nil, err
	}
	return load(ctx, p)
}

// openTarget opens a store for writing, or prepares a new one.
func (e engine) openTarget(ctx context.Context, l store.Location) (*Target, error) {
	path := pathOf(l)
	info, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err == nil {
		if info.IsDir() {
			entries, err := os.ReadDir(path)
			if err != nil {
				return nil, fmt.Errorf("open %q: %w", path, err)
			}
			if len(entries) > 0 {
				return nil, fmt.Errorf("%w: folder %q holds files already; memarc writes a folder only as a new one, because it cannot know which files people have changed", store.ErrUsage, path)
			}
			fresh = true
		} else if info.Mode().IsRegular() && info.Size() == 0 {
			fresh = e.emptied(path) == nil
		}
	} else if !fresh {
		return nil, fmt.Errorf("open %q: %w", path, errors.Unwrap(err))
	}
	if fresh {
		f, err := e.choose(l, path, info != nil && info.IsDir())
		if err != nil {
			return nil, err
		}
		return create(f, path, info != nil)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, err
	}
	if l.Scheme == "file" {
		l.Scheme = ""
	}
	l.Path = path
	p, err := e.locate(l)
	if err != nil {
		return nil, err
	}
	if p.format.Folder {
		return nil, fmt.Errorf("%w: %q is one file of the format %s, which is written as a folder; name a new one", store.ErrUsage, path, p.format.Name)
	}
	return attach(ctx, p)
}

// emptied returns the format of an empty file that is a store: memarc has kept beside it
// what it has no place for.
func (e engine) emptied(path string) *store.FileFormat {
	for _, f := range e {
		if f.Beside != "" && hasEnding(f, path) {
			if _, err := os.Lstat(path + f.Beside); err == nil {
				return f
			}
		}
	}
	return nil
}

// choose says which format a new store gets: the one that is asked for, else the first
// one for folders or for the ending.
func (e engine) choose(l store.Location, path string, dir bool) (*store.FileFormat, error) {
	dir = dir || isFolder(path)
	if l.Format != "" {
		f, err := e.named(l.Format)
		if err == nil && dir && !f.Folder {
			err = fmt.Errorf("%w: %q is a folder, and the format %s is one file", store.ErrUsage, path, f.Name)
		}
		return f, err
	}
	for _, f := range e {
		if f.Folder == dir && (dir || hasEnding(f, path)) {
			return f, nil
		}
	}
	for _, f := range e {
		if hasEnding(f, path) {
			return nil, fmt.Errorf("%w: the format %s is written as a folder; name a new one with a slash at its end", store.ErrUsage, f.Name)
		}
	}
	return nil, fmt.Errorf("%w: the ending of %q is of no text format; say which with ?format=NAME", store.ErrUsage, path)
}
