package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/memarc/memarc/chain"
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
	msg  string // "" if nothing is to be said
	hint string
	list []string // lines between message and hint
}

func (e *outcome) Error() string { return e.msg }

// errGone means that the reader of an answer wanted no more of it.
var errGone = &outcome{code: exitIO}

// hinted is an error with a way out of its own.
type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }

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
	case errors.As(err, &usage), errors.Is(err, store.ErrUsage), errors.Is(err, store.ErrSpace), errors.Is(err, chain.ErrMissing):
		return exitUsage
	case errors.Is(err, format.ErrVersion):
		return exitVersion
	case errors.Is(err, format.ErrCorrupt), errors.Is(err, format.ErrTruncated), errors.Is(err, format.ErrNotArchive):
		return exitCorrupt
	case errors.Is(err, importer.ErrDifference), errors.Is(err, importer.ErrBase):
		return exitDifference
	}
	return exitIO
}

// hint names the way out.
func hint(err error) string {
	var out *outcome
	var own *hinted
	switch {
	case errors.As(err, &out):
		return out.hint
	case errors.As(err, &own):
		return own.hint
	case errors.Is(err, format.ErrVersion):
		return "a newer memarc may read it"
	case errors.Is(err, format.ErrTruncated):
		return "the archive ends early; was the export interrupted or the disk full? take another copy"
	case errors.Is(err, format.ErrNotArchive):
		return "an archive is what \"memarc export\" writes; check the name, or whether the export before the pipe failed"
	case errors.Is(err, format.ErrCorrupt):
		return "take another copy of the archive; a damaged one is never imported"
	case errors.Is(err, importer.ErrDifference):
		return "the import was undone; please report this with the output of \"memarc inspect\" on the archive"
	case errors.Is(err, importer.ErrRejected):
		return "the import was undone; without --strict the other records are imported, and --rejects FILE keeps the refused ones"
	case errors.Is(err, store.ErrConflict):
		return "the target is as it was"
	case errors.Is(err, store.ErrEncrypted):
		return "if the product encrypts its database, decrypt a copy with the product's own tool and export that"
	case errors.Is(err, store.ErrNotFound):
		return "check the path, or let \"memarc discover\" list the stores on this computer"
	case errors.Is(err, syscall.EPIPE):
		return "the program that read the output has ended; its own message may say why"
	case errors.Is(err, syscall.ENOSPC):
		return "the disk is full; free some space or choose another disk"
	case errors.Is(err, os.ErrPermission):
		return "check the permissions of the file and its folder"
	}
	return ""
}

// message is an error in one line.
func message(err error) string {
	msg := strings.ReplaceAll(err.Error(), store.ErrUsage.Error()+": ", "")
	return printable(strings.ReplaceAll(msg, "\n", "; "))
}

// exit prints an error as one clear sentence, with the way out, and returns the
// exit code.
func (t *tool) exit(ctx context.Context, err error) int {
	c := code(ctx, err)
	if err == nil || errors.Is(err, errGone) {
		return c
	}
	h := hint(err)
	var out *outcome
	isOutcome := errors.As(err, &out)
	if c == exitInterrupted && !isOutcome {
		err, h = errors.New("interrupted; nothing was left behind"), ""
	}
	width := terminalWidth(t.stderr)
	fmt.Fprintln(t.stderr, wrapped("memarc: "+message(err), width))
	if isOutcome {
		for _, line := range out.list {
			fmt.Fprintf(t.stderr, "  %s\n", printable(line))
		}
	}
	if h != "" {
		fmt.Fprintln(t.stderr, wrapped("memarc: "+printable(h), width))
	}
	return c
}

// guarded runs a command, and makes one sentence of a panic. MEMARC_DEBUG keeps
// the panic.
func (t *tool) guarded(ctx context.Context, args []string) (c int) {
	defer func() {
		if t.getenv("MEMARC_DEBUG") != "" {
			return
		}
		if p := recover(); p != nil {
			c = t.exit(ctx, panicked(p))
		}
	}()
	return t.run(ctx, args)
}

// panicked is a panic as an error that names the place. It is called while the
// panic is being recovered.
func panicked(p any) error {
	place := ""
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	thrown := false
	for frame, more := frames.Next(); more; frame, more = frames.Next() {
		if strings.HasPrefix(frame.Function, "runtime.") {
			thrown = thrown || strings.Contains(frame.Function, "panic")
			continue
		}
		if thrown {
			place = fmt.Sprintf(" at %s:%d", filepath.Base(frame.File), frame.Line)
			break
		}
	}
	return &hinted{fmt.Errorf("internal error%s: %v", place, p), fmt.Sprintf("this is a bug in memarc %s; please report it with the output of the same command under MEMARC_DEBUG=1", buildVersion())}
}

// caught runs work on a goroutine of its own and makes an error of a panic.
func (t *tool) caught(work func() error) (err error) {
	defer func() {
		if t.getenv("MEMARC_DEBUG") != "" {
			return
		}
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return work()
}
