// Package guard keeps a process that outlives this one, to clean up after it however
// it ends.
package guard

import (
	"fmt"
	"io"
	"os/exec"
	"sync"
)

// guards keeps every guard in reach: a pipe that is garbage is closed.
var guards sync.Map

// A Guard is a process that acts when this one ends.
type Guard struct {
	cmd  *exec.Cmd
	hold io.WriteCloser // the guard acts when it is closed
}

// Start starts a guard: a script of the shell with an argument, $1. It begins with
// `read -r _ && exit`, so that a line of input tells it to do nothing.
func Start(script, argument string) (*Guard, error) {
	g := &Guard{cmd: exec.Command("sh", "-c", script, "sh", argument)}
	Apart(g.cmd)
	in, err := g.cmd.StdinPipe()
	if err == nil {
		g.hold, err = in, g.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start the guard of the server: %w", err)
	}
	guards.Store(g, true)
	return g, nil
}

// Dismiss ends the guard, which then does nothing.
func (g *Guard) Dismiss() error {
	defer guards.Delete(g)
	if _, err := io.WriteString(g.hold, "\n"); err != nil {
		return fmt.Errorf("dismiss the guard of the server: %w", err)
	}
	return g.cmd.Wait()
}
