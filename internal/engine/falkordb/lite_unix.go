//go:build linux || darwin

package falkordb

import (
	"errors"
	"os"
	"syscall"
)

// alive tells whether there is a process of a number.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// mayWrite fails if this user cannot make files in a folder.
func mayWrite(folder string) error {
	const writing, entering = 2, 1
	return syscall.Access(folder, writing|entering)
}

// keepOwner gives a file the owner and group of another.
func keepOwner(path string, of os.FileInfo) error {
	mine, err := os.Stat(path)
	if err != nil {
		return err
	}
	a, ok1 := mine.Sys().(*syscall.Stat_t)
	b, ok2 := of.Sys().(*syscall.Stat_t)
	if !ok1 || !ok2 || a.Uid == b.Uid && a.Gid == b.Gid {
		return nil
	}
	return os.Chown(path, int(b.Uid), int(b.Gid))
}
