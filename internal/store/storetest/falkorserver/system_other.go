//go:build !unix

package falkorserver

import "os/exec"

func apart(*exec.Cmd) {}
