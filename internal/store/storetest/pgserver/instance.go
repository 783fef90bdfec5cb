package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/memarc/memarc/internal/guard"
	"github.com/memarc/memarc/internal/store/storetest/testserver"
)

// Options say how a server is started.
type Options struct {
	// Durable keeps PostgreSQL's own settings. Without it the server writes nothing
	// through to the disk: what it commits survives the death of its processes, but
	// not of the machine.
	Durable bool
}

// cleaning stops the server of the folder $1 and removes the folder. A process that
// only has the number of a server that is gone is left alone.
const cleaning = `read -r _ && exit
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) &&
	{ ps -o args= -p "$pid" || cat "/proc/$pid/cmdline"; } 2>/dev/null | grep -aqF "$1" && kill -s QUIT "$pid" &&
	while kill -s 0 "$pid" 2>/dev/null; do sleep 0.1; done
rm -rf "$1"`

// settings are arguments of the server.
func (o Options) settings() []string {
	if o.Durable {
		return nil
	}
	return []string{"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=50"}
}

// An Instance is a server that this process started. Its databases sort text as
// English does and not by bytes, as those of most users do. It is not for use by
// several goroutines.
type Instance struct {
	programs string // folder of PostgreSQL's programs
	folder   string // of all that is the server's
	password string
	port     int
	opts     Options
	guard    *guard.Guard
	server   *exec.Cmd
	ended    chan struct{} // closed when the server's process has ended
}

// Start makes a data folder and starts a server in it, from the programs on this
// machine. One that lacks pgvector is passed over.
func Start(ctx context.Context, opts Options) (*Instance, error) {
	list, err := folders()
	if err != nil {
		return nil, err
	}
	for _, programs := range list {
		s, e := start(ctx, programs, opts)
		if e == nil {
			return s, nil
		}
		err = errors.Join(err, fmt.Errorf("start the server of %q: %w", programs, e))
	}
	return nil, err
}

func start(ctx context.Context, programs string, opts Options) (s *Instance, err error) {
	s = &Instance{programs: programs, password: rand.Text(), opts: opts}
	if s.folder, err = os.MkdirTemp("", "memarc-postgres-*"); err != nil {
		return nil, err
	}
	if s.guard, err = guard.Start(cleaning, s.folder); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.folder))
	}
	if err = s.create(ctx); err == nil {
		err = s.Start(ctx)
	}
	if err == nil {
		err = hasVector(ctx, s.URL())
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// create makes the data folder.
func (s *Instance) create(ctx context.Context) error {
	secret := filepath.Join(s.folder, "password")
	if err := os.WriteFile(secret, []byte(s.password+"\n"), 0o600); err != nil {
		return err
	}
	if err := give(s.folder, secret); err != nil {
		return err
	}
	args := []string{"-D", s.Folder(), "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret, "--no-sync", "-E", "UTF8", "--locale=C"}
	var out []byte
	// Not every server is built with ICU.
	for _, more := range [][]string{{"--locale-provider=icu", "--icu-locale=en-US"}, nil} {
		if err := os.RemoveAll(s.Folder()); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, filepath.Join(s.programs, "initdb"), append(args, more...)...)
		cmd.Dir = s.folder
		if err := unprivileged(cmd); err != nil {
			return err
		}
		var err error
		if out, err = cmd.CombinedOutput(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("initdb fails: %q", testserver.Last(out))
}

// Folder is the data folder.
func (s *Instance) Folder() string { return filepath.Join(s.folder, "data") }

// URL is that of the database postgres, of a role that may do everything. It stays
// the same when the server is started again.
func (s *Instance) URL() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", s.password), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/postgres"}
	return u.String()
}

// Start starts the server and returns when it answers. After a crash it has then
// recovered.
func (s *Instance) Start(ctx context.Context) error {
	if s.running() {
		return errors.New("start the server: it runs")
	}
	fixed := s.port != 0
	for attempt := 1; ; attempt++ {
		var err error
		if !fixed {
			if s.port, err = testserver.FreePort(); err != nil {
				return err
			}
		}
		if err = s.launch(); err != nil {
			return err
		}
		if err = await(ctx, s.URL(), s.ended); err == nil {
			return nil
		}
		// The port may have been taken meanwhile, and the sessions of a server that was
		// killed take a moment to end.
		if errors.Is(err, errEnded) && attempt < 20 && ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		log, _ := os.ReadFile(s.log())
		return errors.Join(fmt.Errorf("start the server: %w; its log ends with %q", err, testserver.Last(log)), s.Stop(true))
	}
}

func (s *Instance) log() string { return filepath.Join(s.folder, "log") }

func (s *Instance) launch() error {
	args := []string{"-D", s.Folder(), "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="}
	args = append(args, s.opts.settings()...)
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(s.programs, "postgres"), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.folder, log, log
	if err := unprivileged(cmd); err != nil {
		return err
	}
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

// Stop ends all sessions and stops the server; immediate leaves it as a crash would,
// to be recovered at the next start. A server that is down stays so.
func (s *Instance) Stop(immediate bool) error {
	if !s.running() {
		return nil
	}
	if err := s.signal(immediate); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(time.Minute):
		return errors.New("stop the server: it does not end")
	}
}

// Kill kills the server's first process as kill -9 does, and waits until it is gone.
// The processes of its sessions find that out and end.
func (s *Instance) Kill() error {
	if !s.running() {
		return errors.New("kill the server: it is down")
	}
	if err := s.server.Process.Kill(); err != nil {
		return fmt.Errorf("kill the server: %w", err)
	}
	<-s.ended
	return nil
}

// Restart stops the server and starts it again.
func (s *Instance) Restart(ctx context.Context, immediate bool) error {
	if err := s.Stop(immediate); err != nil {
		return err
	}
	return s.Start(ctx)
}

// Close stops the server and removes its folder.
func (s *Instance) Close() error {
	return errors.Join(s.Stop(true), s.guard.Dismiss(), os.RemoveAll(s.folder))
}
