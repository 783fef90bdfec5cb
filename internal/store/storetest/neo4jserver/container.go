package neo4jserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// image holds Neo4j's community edition.
const image = "neo4j:5"

// startContainer starts a server in a container and returns its URL; the image is
// fetched if it is not there. A process that outlives this one removes it.
func startContainer(ctx context.Context) (url string, err error) {
	if _, err := exec.LookPath("docker"); err != nil {
		return "", errors.New("docker is not installed")
	}
	if _, err := docker(ctx, 5*time.Second, "info", "--format", "{{.ServerVersion}}"); err != nil {
		return "", errors.New("no container engine answers to docker")
	}
	password := rand.Text()
	id, err := docker(ctx, 5*time.Minute, "run", "--detach", "--publish", "127.0.0.1::7687",
		"--env", "NEO4J_AUTH=neo4j/"+password, "--env", "NEO4J_server_memory_heap_max__size=512m", "--env", "NEO4J_server_memory_pagecache_size=64m",
		"--env", "NEO4J_dbms_usage__report_enabled=false", image)
	if err != nil {
		return "", err
	}
	guard := exec.Command("sh", "-c", `read -r _; exec docker rm --force --volumes "$1" >/dev/null 2>&1`, "sh", id)
	apart(guard)
	hold, err := guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		_, failed := docker(context.Background(), time.Minute, "rm", "--force", "--volumes", id)
		return "", errors.Join(err, failed)
	}
	running.Store(hold, true)
	published, err := docker(ctx, 10*time.Second, "port", id, "7687/tcp")
	var port int
	if err == nil {
		var text string
		if _, text, err = net.SplitHostPort(strings.Fields(published + " ?")[0]); err == nil {
			port, err = strconv.Atoi(text)
		}
	}
	if err == nil {
		url = address("neo4j", password, port)
		err = await(ctx, url)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("start a server in a container: %w", err), hold.Close())
	}
	return url, nil
}

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
