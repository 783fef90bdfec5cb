package falkorserver

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/memarc/memarc/internal/engine/falkordb"
)

// Share returns the URL of a server for many graphs, and what stops it if it was
// started for this. It is the one that the environment names, else a container's,
// else one of the programs on this machine; the error says why none will do.
func Share(ctx context.Context) (server string, stop func() error, err error) {
	if server = os.Getenv(Variable); server != "" {
		if err := session(ctx, server, func(*falkordb.Client) error { return nil }); err != nil {
			return "", nil, fmt.Errorf("the server that %s names: %w", Variable, err)
		}
		return server, func() error { return nil }, nil
	}
	server, stop, first := startContainer(ctx)
	if first == nil {
		return server, stop, nil
	}
	s, second := Start(ctx, Options{})
	if second == nil {
		return s.URL(), s.Close, nil
	}
	return "", nil, errors.Join(first, second)
}
