package falkordb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/memarc/memarc/internal/engine/graph"
)

// An Entity is what an index or a constraint is about, by the server's own word.
type Entity string

// Both kinds of entities.
const (
	Nodes         Entity = "NODE"
	Relationships Entity = "RELATIONSHIP"
)

// An Index is one of a label or a type of relationships.
type Index struct {
	Entity     Entity
	Label      string
	Properties []string
	// Types are RANGE, FULLTEXT and VECTOR, by property.
	Types map[string][]string
	// Status is OPERATIONAL once the index is built.
	Status string
}

// A Constraint is one of a label or a type of relationships.
type Constraint struct {
	Type       string // UNIQUE or MANDATORY
	Entity     Entity
	Label      string
	Properties []string
	// Status is UNDER CONSTRUCTION, OPERATIONAL or FAILED.
	Status string
}

const operational = "OPERATIONAL"

// Indexes lists a graph's indexes.
func (c *Client) Indexes(ctx context.Context, graphName string) ([]Index, error) {
	r, err := c.ReadOnlyQuery(ctx, graphName, "CALL db.indexes() YIELD entitytype, label, properties, types, status", nil)
	if err != nil {
		return nil, err
	}
	var out []Index
	for row, err := range r.Rows() {
		if err != nil {
			return nil, c.failed("list the indexes of", graphName, err)
		}
		x := Index{Types: map[string][]string{}}
		entity, ok1 := row[0].(string)
		label, ok2 := row[1].(string)
		properties, ok3 := texts(row[2])
		types, ok4 := row[3].(map[string]any)
		status, ok5 := row[4].(string)
		if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
			return nil, c.failed("list the indexes of", graphName, errReply)
		}
		x.Entity, x.Label, x.Properties, x.Status = Entity(entity), label, properties, status
		for key, list := range types {
			if x.Types[key], ok1 = texts(list); !ok1 {
				return nil, c.failed("list the indexes of", graphName, errReply)
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// Constraints lists a graph's constraints.
func (c *Client) Constraints(ctx context.Context, graphName string) ([]Constraint, error) {
	r, err := c.ReadOnlyQuery(ctx, graphName, "CALL db.constraints() YIELD type, entitytype, label, properties, status", nil)
	if err != nil {
		return nil, err
	}
	var out []Constraint
	for row, err := range r.Rows() {
		if err != nil {
			return nil, c.failed("list the constraints of", graphName, err)
		}
		kind, ok1 := row[0].(string)
		entity, ok2 := row[1].(string)
		label, ok3 := row[2].(string)
		properties, ok4 := texts(row[3])
		status, ok5 := row[4].(string)
		if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
			return nil, c.failed("list the constraints of", graphName, errReply)
		}
		out = append(out, Constraint{kind, Entity(entity), label, properties, status})
	}
	return out, nil
}

func texts(v graph.Value) ([]string, bool) {
	list, ok := v.([]any)
	out := make([]string, len(list))
	for i, e := range list {
		s, is := e.(string)
		out[i], ok = s, ok && is
	}
	return out, ok
}

// CreateIndex creates a range index on a property, unless there is one, and returns
// when it can be used. It creates the graph if there is none.
func (c *Client) CreateIndex(ctx context.Context, graphName string, entity Entity, label, property string) error {
	quoted, err := QuoteName(label)
	if err != nil {
		return c.failed("create an index in", graphName, err)
	}
	key, err := QuoteName(property)
	if err != nil {
		return c.failed("create an index in", graphName, err)
	}
	pattern := "(e:" + quoted + ")"
	if entity == Relationships {
		pattern = "()-[e:" + quoted + "]->()"
	}
	_, err = c.Query(ctx, graphName, "CREATE INDEX FOR "+pattern+" ON (e."+key+")", nil)
	var said *serverError
	if err != nil && !(errors.As(err, &said) && strings.HasSuffix(said.text, "is already indexed")) {
		return err
	}
	return c.await(ctx, func() (bool, error) {
		list, err := c.Indexes(ctx, graphName)
		if err != nil {
			return false, err
		}
		for _, x := range list {
			if x.Entity == entity && x.Label == label && slices.Contains(x.Types[property], "RANGE") {
				return x.Status == operational, nil
			}
		}
		return false, c.failed("create an index in", graphName, fmt.Errorf("that of %q on %q is gone", label, property))
	})
}

// CreateUnique makes the server refuse two entities with the same properties, for
// which it creates the indexes too, unless it does so already. It returns when all
// that is there is checked. Data that break the constraint are an ErrConstraint,
// and the constraint is dropped again.
func (c *Client) CreateUnique(ctx context.Context, graphName string, entity Entity, label string, properties ...string) error {
	for _, p := range properties {
		if err := c.CreateIndex(ctx, graphName, entity, label, p); err != nil {
			return err
		}
	}
	err := c.constraint(ctx, "CREATE", graphName, entity, label, properties)
	var said *serverError
	if err != nil && !(errors.As(err, &said) && said.text == "Constraint already exists") {
		return err
	}
	sorted := slices.Sorted(slices.Values(properties))
	return c.await(ctx, func() (bool, error) {
		list, err := c.Constraints(ctx, graphName)
		if err != nil {
			return false, err
		}
		for _, x := range list {
			if x.Type != "UNIQUE" || x.Entity != entity || x.Label != label || !slices.Equal(slices.Sorted(slices.Values(x.Properties)), sorted) {
				continue
			}
			if x.Status != "FAILED" {
				return x.Status == operational, nil
			}
			broken := c.failed("create a constraint in", graphName, fmt.Errorf("%w: %q is not unique by %q", ErrConstraint, label, properties))
			return false, errors.Join(broken, c.constraint(ctx, "DROP", graphName, entity, label, properties))
		}
		return false, c.failed("create a constraint in", graphName, fmt.Errorf("that of %q is gone", label))
	})
}

// constraint takes names as they are: they are arguments and no part of a statement.
func (c *Client) constraint(ctx context.Context, verb, graphName string, entity Entity, label string, properties []string) error {
	args := []any{"GRAPH.CONSTRAINT", verb, graphName, "UNIQUE", string(entity), label, "PROPERTIES", strconv.Itoa(len(properties))}
	for _, p := range properties {
		args = append(args, p)
	}
	if _, err := c.do(ctx, args...); err != nil {
		return c.failed(strings.ToLower(verb)+" a constraint in", graphName, err)
	}
	return nil
}

// await asks again and again, more and more rarely, until it is done.
func (c *Client) await(ctx context.Context, done func() (bool, error)) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
