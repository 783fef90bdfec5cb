package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
)

// The exit codes. This is the one place that maps errors to them.
const (
	exitDone        = 0
	exitIO          = 1
	exitUsage       = 2
	exitCorrupt     = 3
	exitLoss        = 4
	exitDifference  = 5
	exitRejected    = 6
	exitVersion     = 7
	exitInterrupted = 130
)

const exitStatus = `EXIT STATUS
   0  done, and verified equal
   1  a file, a database or a connection failed
   2  the command line cannot be meant like this
   3  the archive is corrupt or truncated
   4  something was left out that --accept-loss does not name
   5  verification found a difference
   6  done, but some records were rejected
   7  the archive has a format version or feature that this program does not know
   130  interrupted`

// usageErr is a command line that cannot be meant like this.
type usageErr struct{ msg string }

func (e *usageErr) Error() string { return e.msg }

func usagef(format string, args ...any) error { return &usageErr{fmt.Sprintf(format, args...)} }

// outcome is a result that is no failure of the work but not exit 0 either.
type outcome struct {
	code int
	msg  string
	hint string
}

func (e *outcome) Error() string { return e.msg }

// code maps an error to its exit code.
func code(ctx context.Context, err error) int {
	var usage *usageErr
	var out *outcome
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &out):
		return out.code
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &usage), errors.Is(err, store.ErrUsage):
		return exitUsage
	case errors.Is(err, format.ErrVersion):
		return exitVersion
	case errors.Is(err, format.ErrCorrupt), errors.Is(err, format.ErrTruncated), errors.Is(err, format.ErrNotArchive):
		return exitCorrupt
	case errors.Is(err, importer.ErrDifference):
		return exitDifference
	}
	return exitIO
}

// hint names the way out.
func hint(err error) string {
	var out *outcome
	switch {
	case errors.As(err, &out):
		return out.hint
	case errors.Is(err, format.ErrVersion):
		return "a newer memarc may read it"
	case errors.Is(err, format.ErrTruncated):
		return "the archive ends early; was the export interrupted or the disk full? take another copy"
	case errors.Is(err, format.ErrNotArchive):
		return "an archive starts with the bytes that \"memarc export\" writes; check the file name"
	case errors.Is(err, format.ErrCorrupt):
		return "compare it with another copy; nothing was written"
	case errors.Is(err, store.ErrEncrypted):
		return "if the product encrypts its database, decrypt a copy with the product's own tool and export that"
	case errors.Is(err, store.ErrNotFound):
		return "check the path, or let \"memarc discover\" list the stores on this computer"
	case errors.Is(err, syscall.EPIPE):
		return "the program that read the output has ended; its own message may say why"
	case errors.Is(err, syscall.ENOSPC):
		return "the disk is full; free some space or choose another disk with -o"
	case errors.Is(err, os.ErrPermission):
		return "check the permissions of the file and its folder"
	case errors.Is(err, importer.ErrRejected):
		return "without --strict the other records are imported, and --rejects FILE keeps the refused ones"
	}
	return ""
}

// exit prints an error as one clear sentence, with the way out, and returns the
// exit code.
func (t *tool) exit(ctx context.Context, err error) int {
	c := code(ctx, err)
	if err == nil {
		return c
	}
	if c == exitInterrupted {
		fmt.Fprintln(t.stderr, "memarc: interrupted; nothing was left behind")
		return c
	}
	fmt.Fprintf(t.stderr, "memarc: %s\n", printable(err.Error()))
	if h := hint(err); h != "" {
		fmt.Fprintf(t.stderr, "memarc: %s\n", h)
	}
	return c
}
