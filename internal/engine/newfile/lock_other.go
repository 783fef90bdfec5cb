//go:build !unix || solaris || aix

package newfile

import (
	"errors"
	"os"
)

// Lock is not known here: what a killed import leaves behind stays.
func Lock(*os.File) error { return errors.ErrUnsupported }

// IsLocked tells whether an error of Lock means that another has locked the file.
func IsLocked(error) bool { return false }
