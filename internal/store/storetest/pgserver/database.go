package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// errNoVector is a server's that lacks pgvector.
var errNoVector = errors.New("pgvector is not installed in the server")

// errEnded is a server's that could not start.
var errEnded = errors.New("the server ended at its start")

// CreateDatabase makes an empty database of a unique name in the server at a URL. It
// returns the database's URL and what drops it, whoever is still connected.
func CreateDatabase(ctx context.Context, server string) (database string, drop func(context.Context) error, err error) {
	u, err := url.Parse(server)
	if err != nil { // the text may hold a password
		return "", nil, fmt.Errorf("read the URL of the server: it is malformed")
	}
	name := "memarc_test_" + strings.ToLower(rand.Text()[:12])
	quoted := pgx.Identifier{name}.Sanitize()
	if err := execute(ctx, server, "CREATE DATABASE "+quoted+" TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		return "", nil, fmt.Errorf("create database %s: %w", name, err)
	}
	u.Path = "/" + name
	return u.String(), func(ctx context.Context) error {
		if err := execute(ctx, server, "DROP DATABASE IF EXISTS "+quoted+" WITH (FORCE)"); err != nil {
			return fmt.Errorf("drop database %s: %w", name, err)
		}
		return nil
	}, nil
}

// execute runs a statement on a connection of its own.
func execute(ctx context.Context, server, sql string) error {
	return session(ctx, server, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, sql)
		return err
	})
}

func session(ctx context.Context, server string, do func(*pgx.Conn) error) error {
	c, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.Close(ctx))
}

// hasVector fails with errNoVector where the extension cannot be created.
func hasVector(ctx context.Context, server string) error {
	return session(ctx, server, func(c *pgx.Conn) error {
		err := c.QueryRow(ctx, "SELECT FROM pg_available_extensions WHERE name = 'vector'").Scan()
		if errors.Is(err, pgx.ErrNoRows) {
			return errNoVector
		}
		return err
	})
}

// await connects until the server answers, it has ended, or time is up.
func await(ctx context.Context, server string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := session(ctx, server, func(*pgx.Conn) error { return nil })
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
