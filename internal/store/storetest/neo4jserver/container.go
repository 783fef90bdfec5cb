package neo4jserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/memarc/memarc/internal/store/storetest/testserver"
)

// image holds Neo4j's community edition.
const image = "neo4j:5"

// startContainer starts a server in a container and returns its URL. It is removed
// when this process ends.
func startContainer(ctx context.Context) (url string, err error) {
	password := rand.Text()
	c, err := testserver.StartContainer(ctx, testserver.Image{Name: image, Port: "7687", Env: []string{"NEO4J_AUTH=neo4j/" + password,
		"NEO4J_server_memory_heap_max__size=512m", "NEO4J_server_memory_pagecache_size=64m", "NEO4J_dbms_usage__report_enabled=false"}})
	if err != nil {
		return "", err
	}
	url = address("neo4j", password, c.Port)
	if err := await(ctx, url); err != nil {
		return "", errors.Join(fmt.Errorf("start a server in a container: %w", err), c.Close())
	}
	return url, nil
}
