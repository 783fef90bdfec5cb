package falkordb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/memarc/memarc/internal/store"
)

// A Client is a connection to a server. It is for use by several goroutines.
type Client struct {
	config Config
	redis  *redis.Client
	mu     sync.Mutex
	names  map[string]*names // by graph
}

// Open connects to the server of a URL and makes sure that it is FalkorDB. Nothing
// is asked of the graph that the URL names.
func Open(ctx context.Context, rawURL string) (*Client, error) {
	cfg, err := ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	return Connect(ctx, cfg)
}

// Connect is Open with a URL that is parsed.
func Connect(ctx context.Context, cfg *Config) (*Client, error) {
	logging.Disable() // what fails is returned, and nothing is printed
	c := &Client{config: *cfg, names: map[string]*names{}}
	c.redis = redis.NewClient(&redis.Options{
		Network: cfg.Network, Addr: cfg.Address, Username: cfg.User, Password: cfg.Password, TLSConfig: cfg.TLS,
		Protocol:    2,
		DialTimeout: 10 * time.Second, DialerRetries: 1,
		// A statement that was sent is not sent again: it may have been done. How long
		// it takes is the server's and the context's to say.
		MaxRetries: -1, ReadTimeout: -1, WriteTimeout: -1,
		// One pool is enough, and nothing is said about the client library.
		PipelinePoolSize: -1, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	if _, err := c.do(ctx, "GRAPH.LIST"); err != nil {
		return nil, errors.Join(c.failed("open", "", err), c.redis.Close())
	}
	return c, nil
}

// do sends a command and waits for the reply.
func (c *Client) do(ctx context.Context, args ...any) (any, error) {
	r := wait(ctx, func(ctx context.Context) reply {
		raw, err := c.redis.Do(ctx, args...).Result()
		return reply{raw, c.explain(err)}
	})
	return r.raw, r.err
}

// wait runs what waits for a reply, for as long as the context allows: the client
// library looks at that only between commands. What is left alone ends with the
// reply, or with Close.
func wait(ctx context.Context, run func(context.Context) reply) reply {
	if err := ctx.Err(); err != nil {
		return reply{err: err}
	}
	done := make(chan reply, 1)
	go func() { done <- run(context.WithoutCancel(ctx)) }()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
		return reply{err: ctx.Err()}
	}
}

// list is what a command returns, if that is a list.
func (c *Client) list(ctx context.Context, args ...any) ([]any, error) {
	raw, err := c.do(ctx, args...)
	if err != nil {
		return nil, err
	}
	list, ok := raw.([]any)
	if !ok {
		return nil, errReply
	}
	return list, nil
}

// Close ends the connections.
func (c *Client) Close() error {
	if err := c.redis.Close(); err != nil {
		return c.failed("close", "", c.explain(err))
	}
	return nil
}

// Graph is the name of the graph in the URL; empty if there is none.
func (c *Client) Graph() string { return c.config.Graph }

// String returns the URL without its password.
func (c *Client) String() string { return c.config.name }

// Version returns that of FalkorDB, such as 4.16.3.
func (c *Client) Version(ctx context.Context) (string, error) {
	list, err := c.list(ctx, "MODULE", "LIST")
	if err != nil {
		return "", c.failed("read the version of", "", err)
	}
	for _, raw := range list {
		module, _ := raw.([]any)
		fields := map[any]any{}
		for i := 0; i+1 < len(module); i += 2 {
			fields[module[i]] = module[i+1]
		}
		if v, ok := fields["ver"].(int64); ok && fields["name"] == "graph" {
			return fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100), nil
		}
	}
	return "", c.failed("read the version of", "", ErrNotFalkorDB)
}

// Graphs returns the names of all graphs, sorted.
func (c *Client) Graphs(ctx context.Context) ([]string, error) {
	list, err := c.list(ctx, "GRAPH.LIST")
	if err != nil {
		return nil, c.failed("list the graphs of", "", err)
	}
	out, ok := texts(list)
	if !ok {
		return nil, c.failed("list the graphs of", "", errReply)
	}
	slices.Sort(out)
	return out, nil
}

// GraphExists tells whether there is a graph of that name. It creates none, as a
// query would.
func (c *Client) GraphExists(ctx context.Context, graphName string) (bool, error) {
	kind, err := c.do(ctx, "TYPE", graphName)
	if err != nil && errors.Is(err, ErrDenied) {
		list, err := c.Graphs(ctx)
		return slices.Contains(list, graphName), err
	}
	if err != nil {
		return false, c.failed("look for", graphName, err)
	}
	if kind != "graphdata" && kind != "none" {
		return false, c.failed("look for", graphName, fmt.Errorf("%w: the key holds a %q", store.ErrNotStore, kind))
	}
	return kind == "graphdata", nil
}

// MaxRows is how many rows a query returns at most; 0 if there is no limit. The
// server cuts off the others and says nothing: ask for fewer at a time.
func (c *Client) MaxRows(ctx context.Context) (int64, error) {
	list, err := c.list(ctx, "GRAPH.CONFIG", "GET", "RESULTSET_SIZE")
	if err == nil && len(list) != 2 {
		err = errReply
	}
	if err != nil {
		return 0, c.failed("read RESULTSET_SIZE of", "", err)
	}
	n, err := integer(list[1])
	if err != nil {
		return 0, c.failed("read RESULTSET_SIZE of", "", err)
	}
	return max(n, 0), nil
}

// CopyGraph copies a graph, as it is at one moment. An ErrExists leaves what is
// there.
func (c *Client) CopyGraph(ctx context.Context, from, to string) error {
	if _, err := c.do(ctx, "GRAPH.COPY", from, to); err != nil {
		return c.failed("copy", from, err)
	}
	c.forget(to)
	return nil
}

// DeleteGraph deletes a graph and all that is in it.
func (c *Client) DeleteGraph(ctx context.Context, graphName string) error {
	if _, err := c.do(ctx, "GRAPH.DELETE", graphName); err != nil {
		return c.failed("delete", graphName, err)
	}
	c.forget(graphName)
	return nil
}

// copyPrefix begins the name of every copy of a graph.
const copyPrefix = "memarc:"

// Freeze copies a graph under a name of the copy's own, for reading it in several
// queries while others write. It returns the name and what deletes the copy. That
// takes the right to write, and as much memory as the graph.
func (c *Client) Freeze(ctx context.Context, graphName string) (frozen string, drop func(context.Context) error, err error) {
	frozen = copyPrefix + strings.ToLower(rand.Text())
	if err := c.CopyGraph(ctx, graphName, frozen); err != nil {
		return "", nil, err
	}
	return frozen, func(ctx context.Context) error { return c.DeleteGraph(ctx, frozen) }, nil
}

func (c *Client) forget(graphName string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.names, graphName)
}
