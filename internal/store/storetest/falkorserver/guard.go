package falkorserver

import (
	"fmt"
	"io"
	"os/exec"
	"sync"
)

// guards keeps every guard in reach: a pipe that is garbage is closed.
var guards sync.Map

// A guard is a process that outlives this one, to clean up after it.
type guard struct {
	cmd  *exec.Cmd
	hold io.WriteCloser // the guard acts when it is closed
}

// cleaning kills the server of the folder $1 and removes the folder, once its input
// ends. A process that only has the number of a server that is gone is left alone:
// the server's working folder is $1.
const cleaning = `read -r _ && exit
pid=$(cat "$1/pid" 2>/dev/null) &&
	{ readlink "/proc/$pid/cwd" || lsof -a -d cwd -p "$pid" -Fn; } 2>/dev/null | grep -qF "$1" && kill -s KILL "$pid" &&
	while kill -s 0 "$pid" 2>/dev/null; do sleep 0.1; done
rm -rf "$1"`

// watch starts the guard of a server's folder.
func watch(folder string) (*guard, error) { return guarded(cleaning, folder) }

// guarded starts a guard with a script of the shell, which reads a line if it is to
// do nothing.
func guarded(script, argument string) (*guard, error) {
	g := &guard{cmd: exec.Command("sh", "-c", script, "sh", argument)}
	apart(g.cmd)
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

// dismiss ends the guard, which then does nothing.
func (g *guard) dismiss() error {
	defer guards.Delete(g)
	if _, err := io.WriteString(g.hold, "\n"); err != nil {
		return fmt.Errorf("dismiss the guard of the server: %w", err)
	}
	return g.cmd.Wait()
}
