package falkorserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"

	"github.com/memarc/memarc/internal/store/storetest/testserver"
)

// image holds Redis with FalkorDB.
const image = "falkordb/falkordb"

// startContainer starts a server in a container and returns its URL and what removes
// it.
func startContainer(ctx context.Context) (server string, stop func() error, err error) {
	password := rand.Text()
	c, err := testserver.StartContainer(ctx, testserver.Image{Name: image, Port: "6379", Env: []string{"REDIS_ARGS=--save '' --requirepass " + password}})
	if err != nil {
		return "", nil, err
	}
	u := url.URL{Scheme: "falkordb", User: url.UserPassword("", password), Host: c.Address(), Path: "/"}
	if err := await(ctx, u.String()); err != nil {
		return "", nil, errors.Join(fmt.Errorf("start a server in a container: %w", err), c.Close())
	}
	return u.String(), c.Close, nil
}
