package format

import (
	"errors"
	"fmt"
)

// Errors that callers branch on. Every error of a Reader wraps one of them, a
// LimitError, or an error of the io.Reader below.
var (
	// ErrTruncated means that the archive ends before its end block.
	ErrTruncated = errors.New("archive is truncated")
	// ErrCorrupt means that the archive is not what was written.
	ErrCorrupt = errors.New("archive is corrupt")
	// ErrVersion means a format version or an incompatible feature that this
	// program does not know.
	ErrVersion = errors.New("unknown format version or feature")
	// ErrNotArchive means that the input is something else than a .marc file.
	ErrNotArchive = errors.New("not a .marc archive")
)

// A LimitError says that an archive exceeds a limit of FORMAT.md section 9.
type LimitError struct {
	What     string // what is limited
	Got, Max uint64 // bytes or count
}

// Error implements error.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%s has size %d, the limit is %d", e.What, e.Got, e.Max)
}

// Unwrap makes a LimitError an ErrCorrupt for callers that do not care.
func (e *LimitError) Unwrap() error { return ErrCorrupt }

// An Error says where in an archive a reader stopped.
type Error struct {
	Offset  int64  // of the frame, in bytes from the start
	Block   int    // number of the block, -1 before the manifest
	Section string // of a chunk
	Err     error
}

// Error implements error.
func (e *Error) Error() string {
	where := fmt.Sprintf("at offset %d", e.Offset)
	if e.Block >= 0 {
		where = fmt.Sprintf("block %d at offset %d", e.Block, e.Offset)
	}
	if e.Section != "" {
		where = fmt.Sprintf("section %q, %s", e.Section, where)
	}
	return where + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func mismatch(want, got Hash) error {
	return fmt.Errorf("%w: checksum mismatch (want %.8s…, got %.8s…)", ErrCorrupt, want, got)
}
