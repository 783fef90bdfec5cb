package falkordb

import (
	"context"

	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store"
)

// What tests look at from outside.
var (
	Compose = compose
	Decode  = func(code, raw any) (any, error) {
		return (&names{labels: []string{"L"}, keys: []string{"k"}, types: []string{"T"}}).value(code, raw)
	}
	ParseReply = func(raw any) (*Result, error) { return parse(raw, &names{}) }
)

// JoinKnown joins what SplitKeys has split, and returns the keys that lack a part too.
func JoinKnown(properties map[string]any, split graph.Value) ([]string, error) {
	inexact, missing, err := joinProperties(properties, split)
	return append(inexact, missing...), err
}

// Do runs a command of Redis.
func Do(ctx context.Context, c *Client, args ...any) error {
	_, err := c.do(ctx, args...)
	return err
}

// Info returns a section of what the server says of itself.
func Info(ctx context.Context, c *Client, section string) (string, error) {
	return c.redis.Info(ctx, section).Result()
}

// OpenSession opens the graph of a URL.
func OpenSession(ctx context.Context, url string) (graph.Client, error) {
	l, err := store.ParseLocation(url)
	if err != nil {
		return nil, err
	}
	return open(ctx, l)
}
