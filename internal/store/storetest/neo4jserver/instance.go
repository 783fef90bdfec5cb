package neo4jserver

import (
	"bufio"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/memarc/memarc/internal/guard"
	"github.com/memarc/memarc/internal/store/storetest/testserver"
)

//go:embed Server.java
var program []byte

// running keeps every server in reach: a pipe that is garbage is closed.
var running sync.Map

// errEnded is a server's that could not start.
var errEnded = errors.New("the server ended at its start")

// An Instance is a server that this process started. It is not for use by several
// goroutines.
type Instance struct {
	files    string // folder of Neo4j's jars
	folder   string // of all that is the server's
	password string
	created  bool // it knows the password
	port     int
	server   *exec.Cmd
	hold     io.WriteCloser // its input
	ended    chan struct{}  // closed when the process has ended
}

// Start starts a server with an empty graph, from the files on this machine.
func Start(ctx context.Context) (*Instance, error) {
	files, err := home()
	if err != nil {
		return nil, err
	}
	if _, err := exec.LookPath("javac"); err != nil {
		return nil, errors.New("no Java development kit is installed")
	}
	s := &Instance{files: files, password: rand.Text()}
	if s.folder, err = os.MkdirTemp("", "memarc-neo4j-*"); err != nil {
		return nil, err
	}
	if err := errors.Join(os.WriteFile(s.path("Server.java"), program, 0o600), s.Start(ctx)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// home is the folder of Neo4j's jars.
func home() (string, error) {
	folder := os.Getenv(HomeVariable)
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		folder = filepath.Join(cache, "memarc", "neo4j")
	}
	if found, err := filepath.Glob(filepath.Join(folder, "neo4j-kernel-[0-9]*.jar")); err != nil || len(found) == 0 {
		return "", fmt.Errorf("%q holds no Neo4j; .ci/neo4j fetches it", folder)
	}
	return folder, nil
}

func (s *Instance) path(name string) string { return filepath.Join(s.folder, name) }

// settings are those of neo4j.conf. The log of transactions is small, and no
// server tells its makers of its use.
func (s *Instance) settings() string {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
	return strings.Join([]string{
		"server.bolt.enabled=true",
		"server.bolt.listen_address=" + address,
		"server.bolt.advertised_address=" + address,
		"server.http.enabled=false",
		"server.https.enabled=false",
		"server.memory.pagecache.size=64m",
		"dbms.security.auth_enabled=true",
		"dbms.usage_report.enabled=false",
		"db.tx_log.preallocate=false",
		"",
	}, "\n")
}

// URL is that of the graph, with user and password. It stays the same when the
// server is started again.
func (s *Instance) URL() string { return address("neo4j", s.password, s.port) }

func address(user, password string, port int) string {
	u := url.URL{Scheme: "bolt", User: url.UserPassword(user, password), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
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
		if !fixed {
			var err error
			if s.port, err = testserver.FreePort(); err != nil {
				return err
			}
		}
		err := s.launch(ctx)
		if err == nil {
			return nil
		}
		// The port may have been taken meanwhile.
		if errors.Is(err, errEnded) && attempt < 3 && ctx.Err() == nil {
			continue
		}
		log, _ := os.ReadFile(s.path("log"))
		return errors.Join(fmt.Errorf("start the server: %w; its log ends with %q", err, testserver.Last(log)), s.Kill())
	}
}

func (s *Instance) launch(ctx context.Context) error {
	if err := os.WriteFile(s.path("neo4j.conf"), []byte(s.settings()), 0o600); err != nil {
		return err
	}
	log, err := os.Create(s.path("log"))
	if err != nil {
		return err
	}
	defer log.Close()
	// A server of a test is young when it dies: the second compiler costs more than it
	// gives back.
	cmd := exec.Command("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(s.files, "*"),
		s.path("Server.java"), s.folder, s.path("neo4j.conf"))
	cmd.Dir, cmd.Stderr = s.folder, log
	guard.Apart(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start Java: %w", err)
	}
	ended, ready := make(chan struct{}), make(chan struct{})
	s.server, s.hold, s.ended = cmd, in, ended
	running.Store(s, true)
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if lines.Text() == "ready" {
				close(ready)
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // a server that is killed ends with an error
	}()
	first := s.password // to set it again would be an error
	if s.created {
		first = ""
	}
	if _, err := io.WriteString(in, first+"\n"); err != nil {
		return errors.Join(errEnded, err)
	}
	select {
	case <-ready:
		s.created = true
		return nil
	case <-ended:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(2 * time.Minute):
		return errors.New("the server does not answer")
	}
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

// Stop ends all sessions and stops the server, to be started again. A server that is
// down stays so.
func (s *Instance) Stop() error {
	if !s.running() {
		return nil
	}
	_, err := io.WriteString(s.hold, "keep\n")
	if err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	return s.await()
}

func (s *Instance) await() error {
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
	err := s.Kill()
	running.Delete(s)
	return errors.Join(err, os.RemoveAll(s.folder))
}
