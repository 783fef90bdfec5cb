package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Share returns the URL of a server for many databases, and what stops it if it was
// started for this. It is the one that the environment names, else a container's,
// else one of the programs on this machine; the error says why none will do.
//
// A server that the environment names keeps its settings.
func Share(ctx context.Context, opts Options) (server string, stop func() error, err error) {
	if server = os.Getenv(Variable); server != "" {
		if err := hasVector(ctx, server); err != nil {
			return "", nil, fmt.Errorf("the server that %s names: %w", Variable, err)
		}
		return server, func() error { return nil }, nil
	}
	server, stop, first := startContainer(ctx, opts)
	if first == nil {
		return server, stop, nil
	}
	s, second := Start(ctx, opts)
	if second == nil {
		return s.URL(), s.Close, nil
	}
	return "", nil, errors.Join(first, second)
}
