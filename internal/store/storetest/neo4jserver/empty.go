package neo4jserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"
)

// session runs do on a connection of its own to the server at a URL.
func session(ctx context.Context, server string, do func(run func(cypher string) ([]*neo4j.Record, error)) error) error {
	u, err := url.Parse(server)
	if err != nil { // the text may hold a password
		return errors.New("read the URL of the server: it is malformed")
	}
	password, _ := u.User.Password()
	token := neo4j.BasicAuth(u.User.Username(), password, "")
	u.User, u.Path, u.RawQuery = nil, "", ""
	driver, err := neo4j.NewDriver(u.String(), token)
	if err != nil {
		return err
	}
	defer driver.Close(ctx)
	s := driver.NewSession(ctx, neo4j.SessionConfig{})
	defer s.Close(ctx)
	return do(func(cypher string) ([]*neo4j.Record, error) {
		result, err := s.Run(ctx, cypher, nil)
		if err != nil {
			return nil, err
		}
		return result.Collect(ctx)
	})
}

// isEmpty fails for a server whose graph holds something.
func isEmpty(ctx context.Context, server string) error {
	return session(ctx, server, func(run func(string) ([]*neo4j.Record, error)) error {
		found, err := run("MATCH (n) RETURN n LIMIT 1")
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return errors.New("its graph is not empty, and tests would empty it")
		}
		return nil
	})
}

// empty removes all nodes, relationships, constraints and indexes.
func empty(ctx context.Context, server string) error {
	return session(ctx, server, func(run func(string) ([]*neo4j.Record, error)) error {
		for {
			gone, err := run("MATCH (n) WITH n LIMIT 20000 DETACH DELETE n RETURN 1 LIMIT 1")
			if err != nil {
				return err
			}
			if len(gone) == 0 {
				break
			}
		}
		for show, drop := range map[string]string{
			"SHOW CONSTRAINTS YIELD name": "DROP CONSTRAINT ",
			"SHOW INDEXES YIELD name, type, owningConstraint WHERE type <> 'LOOKUP' AND owningConstraint IS NULL": "DROP INDEX ",
		} {
			found, err := run(show)
			if err != nil {
				return err
			}
			for _, r := range found {
				name, _ := r.Values[0].(string)
				if _, err := run(drop + "`" + strings.ReplaceAll(name, "`", "``") + "`"); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// await connects until the server answers or time is up.
func await(ctx context.Context, server string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		err := isEmpty(ctx, server)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
