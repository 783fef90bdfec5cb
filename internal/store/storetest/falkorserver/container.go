package falkorserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// image holds Redis with FalkorDB.
const image = "falkordb/falkordb"

// A container is a server in one.
type container struct {
	url   string
	id    string
	guard *guard
}

// startContainer starts a server in a container; the image is fetched if it is not
// there.
func startContainer(ctx context.Context) (*container, error) {
	if _, err := exec.LookPath("docker"); err != nil {
		return nil, errors.New("docker is not installed")
	}
	if _, err := docker(ctx, 5*time.Second, "info", "--format", "{{.ServerVersion}}"); err != nil {
		return nil, errors.New("no container engine answers to docker")
	}
	password := rand.Text()
	id, err := docker(ctx, 5*time.Minute, "run", "--detach", "--publish", "127.0.0.1::6379", "--env", "REDIS_ARGS=--save '' --requirepass "+password, image)
	if err != nil {
		return nil, err
	}
	c := &container{id: id}
	if c.guard, err = guarded(`read -r _ && exit; exec docker rm --force --volumes "$1" >/dev/null 2>&1`, id); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	if err := c.ready(ctx, password); err != nil {
		return nil, errors.Join(fmt.Errorf("start a server in a container: %w", err), c.close())
	}
	return c, nil
}

func (c *container) ready(ctx context.Context, password string) error {
	published, err := docker(ctx, 10*time.Second, "port", c.id, "6379/tcp")
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(strings.Fields(published + " ?")[0])
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("find the port: %w", err)
	}
	u := url.URL{Scheme: "falkordb", User: url.UserPassword("", password), Host: net.JoinHostPort("127.0.0.1", port), Path: "/"}
	c.url = u.String()
	return await(ctx, c.url, nil)
}

func (c *container) remove() error {
	_, err := docker(context.Background(), time.Minute, "rm", "--force", "--volumes", c.id)
	return err
}

func (c *container) close() error { return errors.Join(c.guard.dismiss(), c.remove()) }

// docker runs a command and returns what it printed, without the blanks around it.
func docker(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return "", fmt.Errorf("docker %s: %w: %q", args[0], err, last(failed.Stderr))
	}
	return strings.TrimSpace(string(out)), err
}
