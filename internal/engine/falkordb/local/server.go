package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/memarc/memarc/internal/engine/newfile"
	"github.com/memarc/memarc/internal/guard"
)

// Options say how a server is started.
type Options struct {
	// Args are more arguments of Redis: "--maxmemory", "1gb".
	Args []string
	// ModuleArgs are settings of FalkorDB: "RESULTSET_SIZE", "100".
	ModuleArgs []string
}

// servers keeps every server in reach: a lock that is garbage is released.
var servers sync.Map

// A Server is one that this process started. It listens at a socket in a folder that
// only this user can enter, and at no port. It keeps nothing on the disk but what is
// asked of it. It dies with this process, however that ends, and its folder goes with
// it. It is not for use by several goroutines.
type Server struct {
	programs Programs
	opts     Options
	folder   string // of all that is the server's
	lock     *os.File
	guard    *guard.Guard
	cmd      *exec.Cmd
	ended    chan struct{} // closed when the server's process has ended
}

// cleaning kills the server of the folder $1 and removes the folder. A process that
// only has the number of a server that is gone is left alone: the server's working
// folder is $1. A server that has just been started has not said its number yet.
const cleaning = `read -r _ && exit
for _ in 1 2 3 4 5; do [ -s "$1/pid" ] || [ ! -e "$1/log" ] || sleep 0.2; done
pid=$(cat "$1/pid" 2>/dev/null) &&
	{ readlink "/proc/$pid/cwd" || lsof -a -d cwd -p "$pid" -Fn; } 2>/dev/null | grep -qF "$1" && kill -s KILL "$pid" &&
	while kill -s 0 "$pid" 2>/dev/null; do sleep 0.1; done
rm -rf "$1"`

// clean does that now, for a folder whose process and guard are gone.
func clean(folder string) error { return exec.Command("sh", "-c", cleaning, "sh", folder).Run() }

// longestSocket is how long the path of a socket can be on every system.
const longestSocket = 100

// New prepares a server, which Start starts.
func New(programs Programs, opts Options) (*Server, error) {
	s := &Server{programs: programs, opts: opts}
	dir := os.TempDir()
	if len(dir) > longestSocket-len("/memarc-falkordb-0123456789/socket") {
		dir = "/tmp"
	}
	dir, err := filepath.EvalSymlinks(dir) // the guard compares it
	if err != nil {
		return nil, err
	}
	if s.folder, s.lock, err = newfile.CreateFolder(dir, "memarc-falkordb-", clean); err != nil {
		return nil, err
	}
	if s.guard, err = guard.Start(cleaning, s.folder); err != nil {
		return nil, errors.Join(err, s.lock.Close(), os.RemoveAll(s.folder))
	}
	servers.Store(s, true)
	return s, nil
}

// Folder is where the server keeps dump.rdb.
func (s *Server) Folder() string { return s.folder }

// Dump is the file that the server reads when it starts, and writes when it is told to.
func (s *Server) Dump() string { return filepath.Join(s.folder, "dump.rdb") }

// Socket is the path of the server's socket.
func (s *Server) Socket() string { return filepath.Join(s.folder, "socket") }

func (s *Server) log() string { return filepath.Join(s.folder, "log") }

// Start starts the server and returns when it answers.
func (s *Server) Start(ctx context.Context) error {
	if s.running() {
		return errors.New("start the server: it runs")
	}
	if err := s.launch(); err != nil {
		return err
	}
	if err := s.await(ctx); err != nil {
		return errors.Join(err, s.Kill())
	}
	return nil
}

func (s *Server) launch() error {
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := os.Remove(filepath.Join(s.folder, "pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// What the file holds is checked more than usual: others have written it.
	args := []string{"--port", "0", "--unixsocket", s.Socket(), "--unixsocketperm", "700", "--pidfile", filepath.Join(s.folder, "pid"), "--dir", s.folder,
		"--dbfilename", filepath.Base(s.Dump()), "--save", "", "--appendonly", "no", "--sanitize-dump-payload", "yes", "--daemonize", "no"}
	cmd := s.programs.Command(append(args, s.opts.Args...)...)
	cmd.Args = append(cmd.Args, s.opts.ModuleArgs...) // they follow the module
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.folder, log, log
	guard.Apart(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	ended := make(chan struct{})
	s.cmd, s.ended = cmd, ended
	go func() {
		defer close(ended)
		_ = cmd.Wait() // a server that is killed ends with an error
	}()
	return nil
}

// A StartError is a server's that ended at its start.
type StartError struct {
	Server string // its program
	Said   string // the end of its log
	File   bool   // it could not read the file
}

// Error implements error.
func (e *StartError) Error() string {
	return fmt.Sprintf("the server %q ended at its start: its log ends with %q", e.Server, e.Said)
}

// startError finds in a log what was wrong. Source: src/rdb.c and src/server.c of
// Redis, which write warnings with a sharp sign.
func startError(server string, log []byte) *StartError {
	e := &StartError{Server: server, Said: last(log)}
	for line := range strings.Lines(string(log)) {
		_, text, warning := strings.Cut(strings.TrimSpace(line), " # ")
		if warning && (strings.Contains(text, "RDB") || strings.Contains(text, "loading the DB") || strings.Contains(text, "Short read") || strings.Contains(text, "crashed by signal")) {
			e.Said, e.File = text, true
			break
		}
	}
	return e
}

// await waits until the server has read its file. As long as it lives it may take its
// time.
func (s *Server) await(ctx context.Context) error {
	for {
		if answers(s.Socket()) {
			return nil
		}
		select {
		case <-s.ended:
			log, _ := os.ReadFile(s.log())
			return startError(s.programs.Server, log)
		case <-ctx.Done():
			return fmt.Errorf("start the server: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// answers tells whether a server at a socket is ready.
func answers(socket string) bool {
	conn, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && strings.TrimSpace(line) == "+PONG"
}

// last returns the end of a log.
func last(log []byte) string {
	text := strings.TrimSpace(string(log))
	return text[max(0, len(text)-400):]
}

func (s *Server) running() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// Stop stops the server, which writes no dump. A server that is down stays so.
func (s *Server) Stop() error {
	if !s.running() {
		return nil
	}
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(time.Minute):
		return errors.Join(errors.New("stop the server: it does not end"), s.Kill())
	}
}

// Kill kills the server as kill -9 does, and waits until it is gone.
func (s *Server) Kill() error {
	if !s.running() {
		return nil
	}
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the server: %w", err)
	}
	<-s.ended
	return nil
}

// Close kills the server and removes its folder.
func (s *Server) Close() error {
	servers.Delete(s)
	return errors.Join(s.Kill(), s.guard.Dismiss(), os.RemoveAll(s.folder), s.lock.Close())
}
