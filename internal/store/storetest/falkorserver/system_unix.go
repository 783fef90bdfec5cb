//go:build unix

package falkorserver

import (
	"os/exec"
	"syscall"
)

// apart keeps the signals of the terminal from a process.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
