package falkorserver

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/memarc/memarc/internal/engine/falkordb/local"
)

// Options say how a server is started.
type Options = local.Options

// An Instance is a server that this process started. Stopping it loses all that it was
// not told to write to the disk.
type Instance struct{ *local.Server }

// Start starts a server from the programs on this machine.
func Start(ctx context.Context, opts Options) (*Instance, error) {
	programs, err := local.Find()
	if err != nil {
		return nil, err
	}
	server, err := local.New(programs, opts)
	if err != nil {
		return nil, err
	}
	s := &Instance{server}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// URL names no graph.
func (s *Instance) URL() string {
	u := url.URL{Scheme: "falkordb", Path: "/", RawQuery: url.Values{"socket": {s.Socket()}}.Encode()}
	return u.String()
}

// Start starts the server and returns when it answers. It reads a dump.rdb that is
// in its folder.
func (s *Instance) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return s.Server.Start(ctx)
}
