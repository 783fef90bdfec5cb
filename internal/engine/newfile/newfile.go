// Package newfile makes files that appear under their names as a whole or not at all.
package newfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Mark is part of the name of every file that is being built. Its maker holds a lock on
// it as long as it lives.
const Mark = ".memarc-new-"

// settled is how old what has no lock must be to be taken for forgotten: its maker may
// be about to lock it.
const settled = 10 * time.Second

// Create makes a locked file beside final, and removes those that earlier makers have
// left behind when they were killed. The lock lasts until the file is closed.
func Create(final string) (*os.File, error) {
	dir, base := filepath.Split(final)
	dir = filepath.Join(dir, ".")
	f, err := os.CreateTemp(dir, "."+base+Mark+"*")
	if err != nil {
		return nil, err
	}
	if err := Lock(f); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	sweep(dir, "."+base+Mark, "", os.Remove)
	return f, nil
}

// lockName is the file in a folder of CreateFolder that is locked.
const lockName = "lock"

// CreateFolder makes a folder that only this user can read, with a locked file in it,
// and calls remove for those of its prefix that earlier makers have left behind.
func CreateFolder(dir, prefix string, remove func(folder string) error) (folder string, lock *os.File, err error) {
	if folder, err = os.MkdirTemp(dir, prefix+"*"); err != nil {
		return "", nil, err
	}
	lock, err = os.OpenFile(filepath.Join(folder, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		if err = Lock(lock); errors.Is(err, errors.ErrUnsupported) {
			err = nil
		}
	}
	if err != nil {
		if lock != nil {
			lock.Close()
		}
		return "", nil, errors.Join(err, os.RemoveAll(folder))
	}
	sweep(dir, prefix, lockName, remove)
	return folder, lock, nil
}

// sweep removes what begins with the prefix and nobody has locked: files, or folders
// with a file of the name inside. What cannot be removed stays: it is in nobody's way.
func sweep(dir, prefix, inside string, remove func(string) error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) || e.IsDir() != (inside != "") || !e.IsDir() && !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		f, err := os.OpenFile(filepath.Join(path, inside), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if info, err := f.Stat(); err == nil && time.Since(info.ModTime()) >= settled && Lock(f) == nil {
			_ = remove(path)
		}
		_ = f.Close()
	}
}

// Publish gives a finished file its name, durably, and never over a file that came
// meanwhile; replace tells that an empty file may stand there.
func Publish(temporary, final string, replace bool) error {
	if err := Sync(temporary); err != nil {
		return err
	}
	if replace {
		if info, err := os.Lstat(final); err == nil && info.Size() > 0 {
			return &fs.PathError{Op: "create", Path: final, Err: fs.ErrExist}
		} else if err == nil {
			if err := os.Remove(final); err != nil {
				return err
			}
		}
	}
	if err := os.Link(temporary, final); errors.Is(err, fs.ErrExist) {
		return err
	} else if err != nil { // a file system without links
		if _, err := os.Lstat(final); err == nil {
			return &fs.PathError{Op: "create", Path: final, Err: fs.ErrExist}
		}
		if err := os.Rename(temporary, final); err != nil {
			return err
		}
	} else if err := os.Remove(temporary); err != nil {
		return err
	}
	return Sync(filepath.Dir(final))
}

// Replace puts a finished file in the place of another, durably.
func Replace(temporary, final string) error {
	if err := Sync(temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, final); err != nil {
		return err
	}
	return Sync(filepath.Dir(final))
}

// Sync writes a file or folder through to the disk.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
