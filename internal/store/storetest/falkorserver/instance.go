package falkorserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/memarc/memarc/internal/engine/falkordb/local"
)

// Options say how a server is started.
type Options struct {
	// Args are more arguments of Redis: "--port", "6400".
	Args []string
	// ModuleArgs are settings of FalkorDB: "RESULTSET_SIZE", "100".
	ModuleArgs []string
}

// An Instance is a server that this process started. It listens at a socket in its
// folder. It keeps nothing on the disk but what is asked of it, and stopping it
// loses all that is not. It is not for use by several goroutines.
type Instance struct {
	programs local.Programs
	folder   string // of all that is the server's
	opts     Options
	guard    *guard
	server   *exec.Cmd
	ended    chan struct{} // closed when the server's process has ended
}

// Start starts a server from the programs on this machine.
func Start(ctx context.Context, opts Options) (*Instance, error) {
	programs, err := local.Find()
	if err != nil {
		return nil, err
	}
	s := &Instance{programs: programs, opts: opts}
	if s.folder, err = os.MkdirTemp("", "memarc-falkordb-*"); err != nil {
		return nil, err
	}
	if s.folder, err = filepath.EvalSymlinks(s.folder); err != nil { // the guard compares it
		return nil, err
	}
	if s.guard, err = watch(s.folder); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.folder))
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Folder is where the server keeps dump.rdb.
func (s *Instance) Folder() string { return s.folder }

// Socket is the path of the server's socket.
func (s *Instance) Socket() string { return filepath.Join(s.folder, "socket") }

// URL names no graph.
func (s *Instance) URL() string {
	u := url.URL{Scheme: "falkordb", Path: "/", RawQuery: url.Values{"socket": {s.Socket()}}.Encode()}
	return u.String()
}

// Start starts the server and returns when it answers. It reads a dump.rdb that is
// in its folder.
func (s *Instance) Start(ctx context.Context) error {
	if s.running() {
		return errors.New("start the server: it runs")
	}
	if err := s.launch(); err != nil {
		return err
	}
	if err := await(ctx, s.URL(), s.ended); err != nil {
		log, _ := os.ReadFile(s.log())
		return errors.Join(fmt.Errorf("start the server: %w; its log ends with %q", err, last(log)), s.Kill())
	}
	return nil
}

func (s *Instance) log() string { return filepath.Join(s.folder, "log") }

func (s *Instance) launch() error {
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"--port", "0", "--unixsocket", s.Socket(), "--unixsocketperm", "700", "--pidfile", filepath.Join(s.folder, "pid"), "--dir", s.folder, "--save", "", "--daemonize", "no"}
	cmd := s.programs.Command(append(args, s.opts.Args...)...)
	cmd.Args = append(cmd.Args, s.opts.ModuleArgs...) // they follow the module
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.folder, log, log
	apart(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	ended := make(chan struct{})
	s.server, s.ended = cmd, ended
	go func() {
		defer close(ended)
		_ = cmd.Wait() // a server that is killed ends with an error
	}()
	return nil
}

func (s *Instance) running() bool {
	if s.server == nil {
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
func (s *Instance) Stop() error {
	if !s.running() {
		return nil
	}
	if err := s.server.Process.Signal(os.Interrupt); err != nil {
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
func (s *Instance) Kill() error {
	if !s.running() {
		return nil
	}
	if err := s.server.Process.Kill(); err != nil {
		return fmt.Errorf("kill the server: %w", err)
	}
	<-s.ended
	return nil
}

// Close kills the server and removes its folder.
func (s *Instance) Close() error {
	return errors.Join(s.Kill(), s.guard.dismiss(), os.RemoveAll(s.folder))
}

// last returns the end of what a program printed.
func last(out []byte) string {
	text := strings.TrimSpace(string(out))
	return text[max(0, len(text)-400):]
}
