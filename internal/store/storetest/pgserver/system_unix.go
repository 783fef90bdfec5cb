//go:build unix

package pgserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"

	"github.com/memarc/memarc/internal/guard"
)

// account returns the user that the server runs as, which must not be root; nil is
// this process's own.
func account() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %q: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %q: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("the server does not run as root, and there is no user postgres or nobody")
}

// unprivileged makes a process run as the server's user, apart.
func unprivileged(cmd *exec.Cmd) error {
	guard.Apart(cmd)
	var err error
	cmd.SysProcAttr.Credential, err = account()
	return err
}

// give makes files the server's user's.
func give(paths ...string) error {
	who, err := account()
	if err != nil || who == nil {
		return err
	}
	for _, p := range paths {
		if err := os.Chown(p, int(who.Uid), int(who.Gid)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Instance) signal(immediate bool) error {
	if immediate {
		return s.server.Process.Signal(syscall.SIGQUIT)
	}
	return s.server.Process.Signal(syscall.SIGINT)
}
