//go:build unix && !solaris && !aix

package newfile

import (
	"errors"
	"os"
	"syscall"
)

// Lock locks the file until it is closed, or fails if another has locked it.
func Lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// IsLocked tells whether an error of Lock means that another has locked the file.
func IsLocked(err error) bool { return errors.Is(err, syscall.EWOULDBLOCK) }
