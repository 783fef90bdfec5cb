package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"

	"github.com/memarc/memarc/internal/store/storetest/testserver"
)

// image holds PostgreSQL with pgvector.
const image = "pgvector/pgvector:pg16"

// startContainer starts a server in a container and returns its URL and what removes
// it. While the server prepares its data folder it listens inside the container only.
func startContainer(ctx context.Context, opts Options) (server string, stop func() error, err error) {
	password := rand.Text()
	c, err := testserver.StartContainer(ctx, testserver.Image{Name: image, Port: "5432", Env: []string{"POSTGRES_PASSWORD=" + password}, Args: opts.settings()})
	if err != nil {
		return "", nil, err
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", password), Host: c.Address(), Path: "/postgres"}
	if err = await(ctx, u.String(), nil); err == nil {
		err = hasVector(ctx, u.String())
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("start a server in a container: %w", err), c.Close())
	}
	return u.String(), c.Close, nil
}
