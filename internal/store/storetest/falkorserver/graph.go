package falkorserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/memarc/memarc/internal/engine/falkordb"
)

// NewGraph makes a unique name for a graph in the server at a URL. It returns the
// URL with the name, and what deletes the graph if there is one by then. The server
// makes it with the first statement that writes.
func NewGraph(ctx context.Context, server string) (graph string, drop func(context.Context) error, err error) {
	u, err := url.Parse(server)
	if err != nil { // the text may hold a password
		return "", nil, fmt.Errorf("read the URL of the server: it is malformed")
	}
	name := "memarc_test_" + strings.ToLower(rand.Text()[:12])
	u.Path = "/" + name
	return u.String(), func(ctx context.Context) error {
		return session(ctx, server, func(c *falkordb.Client) error {
			there, err := c.GraphExists(ctx, name)
			if err != nil || !there {
				return err
			}
			return c.DeleteGraph(ctx, name)
		})
	}, nil
}

func session(ctx context.Context, server string, do func(*falkordb.Client) error) error {
	c, err := falkordb.Open(ctx, server)
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.Close())
}

// await connects until the server answers, or time is up.
func await(ctx context.Context, server string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := session(ctx, server, func(*falkordb.Client) error { return nil })
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
