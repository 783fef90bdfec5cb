//go:build unix

package guard

import (
	"os/exec"
	"syscall"
)

// Apart keeps the signals of the terminal from a process.
func Apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
