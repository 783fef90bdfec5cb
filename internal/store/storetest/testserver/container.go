package testserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/memarc/memarc/internal/guard"
)

// An Image says how a server is started in a container.
type Image struct {
	Name string
	Port string   // at which the server listens in the container
	Env  []string // NAME=VALUE
	Args []string // of the server
}

// A Container is a server in one.
type Container struct {
	// Port is the server's on this machine.
	Port  int
	id    string
	guard *guard.Guard
}

// StartContainer starts a server, which may not answer yet; the image is fetched if it
// is not there. A process that outlives this one removes the container.
func StartContainer(ctx context.Context, image Image) (*Container, error) {
	if _, err := exec.LookPath("docker"); err != nil {
		return nil, errors.New("docker is not installed")
	}
	if _, err := docker(ctx, 5*time.Second, "info", "--format", "{{.ServerVersion}}"); err != nil {
		return nil, errors.New("no container engine answers to docker")
	}
	args := []string{"run", "--detach", "--publish", "127.0.0.1::" + image.Port}
	for _, e := range image.Env {
		args = append(args, "--env", e)
	}
	id, err := docker(ctx, 5*time.Minute, append(append(args, image.Name), image.Args...)...)
	if err != nil {
		return nil, err
	}
	c := &Container{id: id}
	if c.guard, err = guard.Start(`read -r _ && exit; exec docker rm --force --volumes "$1" >/dev/null 2>&1`, id); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	if c.Port, err = published(ctx, id, image.Port); err != nil {
		return nil, errors.Join(fmt.Errorf("start a server in a container: %w", err), c.Close())
	}
	return c, nil
}

func published(ctx context.Context, id, port string) (int, error) {
	text, err := docker(ctx, 10*time.Second, "port", id, port+"/tcp")
	if err != nil {
		return 0, err
	}
	_, text, err = net.SplitHostPort(strings.Fields(text + " ?")[0])
	var n uint64
	if err == nil {
		n, err = strconv.ParseUint(text, 10, 16)
	}
	if err != nil {
		return 0, fmt.Errorf("find the port: %w", err)
	}
	return int(n), nil
}

// Address is the server's on this machine, with the port.
func (c *Container) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)) }

func (c *Container) remove() error {
	_, err := docker(context.Background(), time.Minute, "rm", "--force", "--volumes", c.id)
	return err
}

// Close removes the container.
func (c *Container) Close() error { return errors.Join(c.guard.Dismiss(), c.remove()) }

// docker runs a command and returns what it printed, without the blanks around it.
func docker(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return "", fmt.Errorf("docker %s: %w: %q", args[0], err, Last(failed.Stderr))
	}
	return strings.TrimSpace(string(out)), err
}
