//go:build unix && !solaris && !aix

package newfile

import (
	"os"
	"syscall"
)

// Lock locks the file until it is closed, or fails if another has locked it.
func Lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
