//go:build !unix

package pgserver

import (
	"errors"
	"os/exec"
)

func unprivileged(*exec.Cmd) error {
	return errors.New("servers are started on Unix only; elsewhere " + Variable + " names one")
}

func give(...string) error { return nil }

func (s *Instance) signal(bool) error { return s.server.Process.Kill() }
