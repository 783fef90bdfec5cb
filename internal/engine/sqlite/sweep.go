package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// temporaryMark is part of the name of every file that is being built. Its maker
// holds a lock on it as long as it lives.
const temporaryMark = ".memarc-new-"

// settled is how old a file without a lock must be to be taken for forgotten: its
// maker may be about to lock it.
const settled = 10 * time.Second

// newTemporary makes a locked file beside final, and removes those that earlier
// makers have left behind when they were killed.
func newTemporary(final string) (*os.File, error) {
	dir, base := filepath.Split(final)
	dir = filepath.Join(dir, ".")
	f, err := os.CreateTemp(dir, "."+base+temporaryMark+"*")
	if err != nil {
		return nil, err
	}
	if err := tryLock(f); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	sweep(dir, "."+base+temporaryMark)
	return f, nil
}

// sweep removes files that begin with the prefix and that nobody has locked. What
// cannot be removed stays: it is in nobody's way.
func sweep(dir, prefix string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasPrefix(e.Name(), prefix) || !info.Mode().IsRegular() || time.Since(info.ModTime()) < settled {
			continue
		}
		path := filepath.Join(dir, e.Name())
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if tryLock(f) == nil {
			_ = os.Remove(path)
		}
		_ = f.Close()
	}
}
