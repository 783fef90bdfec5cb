package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// fileErr names a file once in an error of the operating system.
func fileErr(verb, path string, err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	if strings.Contains(path, "://") && errors.Is(err, fs.ErrNotExist) {
		return usagef("%q is a store, and a file is needed here; \"memarc export STORE | memarc cat -\" shows a store", store.Redact(path))
	}
	return fmt.Errorf("%s %q: %w", verb, store.Redact(path), err)
}

// open opens a file, in a confined folder if files are confined.
func (t *tool) open(path string) (*os.File, error) {
	if t.within == nil {
		return os.Open(path)
	}
	folder, err := t.within(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return folder.Open(filepath.Base(path))
}

// A newFile appears under its name when it is whole.
type newFile struct {
	*os.File
	path      string
	temporary bool
	folder    *os.Root // in which the file is made, if files are confined
}

func (t *tool) createFile(path string) (*newFile, error) {
	if info, err := os.Stat(path); err == nil {
		switch {
		case info.IsDir():
			return nil, fmt.Errorf("write %q: it is a directory", path)
		case !info.Mode().IsRegular(): // a device or a named pipe
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return nil, fileErr("write", path, err)
			}
			return &newFile{File: f, path: path}, nil
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return nil, fileErr("write", path, err)
		}
	}
	dir, base := filepath.Split(path)
	dir = filepath.Clean(dir)
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("write %q: %w", path, fileErr("open folder", dir, err))
	} else if !info.IsDir() {
		return nil, fmt.Errorf("write %q: %q is not a folder", path, dir)
	}
	var folder *os.Root
	var f *os.File
	var err error
	if t.within == nil {
		f, err = os.CreateTemp(dir, "."+base+".memarc-*") // mode 0600
	} else if folder, err = t.within(dir); err == nil {
		f, err = folder.OpenFile("."+base+".memarc-"+rand.Text(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	}
	if err != nil {
		return nil, fileErr("write", path, err)
	}
	return &newFile{f, path, true, folder}, nil
}

// Write names the file by the name it is to have.
func (f *newFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil {
		err = fileErr("write", f.path, err)
	}
	return n, err
}

// publish gives the file its name, durably.
func (f *newFile) publish() error {
	if !f.temporary {
		return f.Close()
	}
	err := f.Sync()
	if err = errors.Join(err, f.Close()); err != nil {
		return fileErr("write", f.path, err)
	}
	if f.folder == nil {
		err = os.Rename(f.Name(), f.path)
	} else {
		err = f.folder.Rename(filepath.Base(f.Name()), filepath.Base(f.path))
	}
	if err != nil {
		return fileErr("write", f.path, err)
	}
	f.temporary = false
	if folder, err := os.Open(filepath.Dir(f.path)); err == nil {
		folder.Sync() // not every system can
		folder.Close()
	}
	return nil
}

// discard removes what has not been published.
func (f *newFile) discard() {
	f.Close()
	switch {
	case !f.temporary:
	case f.folder == nil:
		os.Remove(f.Name())
	default:
		f.folder.Remove(filepath.Base(f.Name()))
	}
	if f.folder != nil {
		f.folder.Close()
	}
}

// place is the file or, for a URL, the location that an argument names.
func place(where string) string {
	if l, err := store.ParseLocation(where); err == nil {
		return l.Path
	}
	return where
}

// sameFile tells whether two arguments name the same existing file.
func sameFile(a, b string) bool {
	x, err := os.Stat(place(a))
	if err != nil || !x.Mode().IsRegular() {
		return false
	}
	y, err := os.Stat(place(b))
	return err == nil && os.SameFile(x, y)
}

// isArchive tells an archive from a store by its first bytes, or by its name.
func isArchive(path string) bool {
	if path == "-" {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return filepath.Ext(path) == ".marc"
	}
	defer f.Close()
	head := make([]byte, format.MagicSize)
	if _, err := io.ReadFull(f, head); err == nil && format.IsArchive(head) {
		return true
	}
	return filepath.Ext(path) == ".marc"
}

// openArchive opens a file, or the standard input, and tells its size if known.
func (t *tool) openArchive(ctx context.Context, path string) (io.ReadCloser, int64, error) {
	if path == "" || path == "-" {
		if isTerminal(t.stdin) {
			return nil, 0, usagef("the archive is to come from the standard input, which is a terminal; name a file, or redirect it: < backup.marc")
		}
		return interruptible(ctx, t.stdin), 0, nil
	}
	f, err := t.open(path)
	if err != nil {
		return nil, 0, fileErr("open archive", path, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		f.Close()
		return nil, 0, fileErr("open archive", path, err)
	case info.IsDir():
		f.Close()
		return nil, 0, fmt.Errorf("open archive %q: it is a directory", path)
	case !info.Mode().IsRegular():
		return interruptible(ctx, f), 0, nil
	}
	return f, info.Size(), nil
}

// interruptible reads from what may block, and ends when the context does.
func interruptible(ctx context.Context, in io.Reader) io.ReadCloser {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })
	go func() {
		_, err := io.CopyBuffer(w, struct{ io.Reader }{in}, make([]byte, 256<<10))
		w.CloseWithError(err)
	}()
	return r
}

// answer is the standard output: it keeps the first error, and a Write to a
// reader that has stopped ends with the context.
type answer struct {
	ctx context.Context
	out io.Writer
	err error
}

func (a *answer) Write(p []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := a.out.Write(p)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		var p *fs.PathError
		if a.err = r.err; errors.As(r.err, &p) {
			a.err = p.Err
		}
		if a.err != nil {
			a.err = fmt.Errorf("write to the standard output: %w", a.err)
		}
		return r.n, a.err
	case <-a.ctx.Done():
		a.err = context.Cause(a.ctx)
		return 0, a.err
	}
}

// gone tells whether the reader of the answer has ended.
func (a *answer) gone() bool { return errors.Is(a.err, syscall.EPIPE) }
