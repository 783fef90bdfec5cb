package falkordb

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/memarc/memarc/internal/engine/graph"
)

// A Statement is a query and its parameters.
type Statement struct {
	Text   string
	Params map[string]any // of graph.Value
}

// A Result is what a statement returns. The rows are in memory, as the server
// sent them, and decoded one by one.
type Result struct {
	Columns []string
	// Stats are what the server counted, by its own words: "Nodes created".
	Stats map[string]int64
	raw   []any
	names *names
}

// Len is how many rows there are.
func (r *Result) Len() int { return len(r.raw) }

// Row decodes a row.
func (r *Result) Row(i int) ([]graph.Value, error) {
	cells, err := tuple(r.raw[i], len(r.Columns))
	if err != nil {
		return nil, fmt.Errorf("row %d: %w", i, err)
	}
	out := make([]graph.Value, len(cells))
	for j, raw := range cells {
		if out[j], err = r.names.cell(raw); err != nil {
			return nil, fmt.Errorf("row %d, column %q: %w", i, r.Columns[j], err)
		}
	}
	return out, nil
}

// Rows yields every row, and ends with the first error.
func (r *Result) Rows() iter.Seq2[[]graph.Value, error] {
	return func(yield func([]graph.Value, error) bool) {
		for i := range r.raw {
			row, err := r.Row(i)
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// Query runs a statement that may write, and creates the graph if there is none.
// It is done as a whole or not at all. It is never sent twice.
func (c *Client) Query(ctx context.Context, graphName, statement string, params map[string]any) (*Result, error) {
	text, err := compose(statement, params)
	if err != nil {
		return nil, c.failed("query", graphName, err)
	}
	raw, err := c.do(ctx, "GRAPH.QUERY", graphName, text, "--compact")
	if err != nil {
		return nil, c.failed("query", graphName, err)
	}
	r, err := parse(raw, &names{})
	if err == nil && r.unnamed() { // the statement may have made names itself
		r.names, err = c.refresh(ctx, graphName)
	}
	if err != nil {
		return nil, c.failed("query", graphName, err)
	}
	return r, nil
}

// ReadOnlyQuery runs a statement that the server takes only if it does not write.
// Where there is no graph of that name, that is a store.ErrNotFound.
func (c *Client) ReadOnlyQuery(ctx context.Context, graphName, statement string, params map[string]any) (*Result, error) {
	list, err := c.read(ctx, graphName, []Statement{{statement, params}}, func(commands [][]any) []reply {
		raw, err := c.do(ctx, commands[0]...)
		return []reply{{raw, err}}
	})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// ReadSnapshot runs several statements that read, at one moment: no other client
// is served before the last one is done.
func (c *Client) ReadSnapshot(ctx context.Context, graphName string, statements ...Statement) ([]*Result, error) {
	return c.read(ctx, graphName, statements, func(commands [][]any) []reply {
		r := wait(ctx, func(ctx context.Context) reply {
			out := make([]any, len(commands))
			_, err := c.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
				for i, command := range commands {
					out[i] = p.Do(ctx, command...)
				}
				return nil
			})
			return reply{out, c.explain(err)}
		})
		list, ok := r.raw.([]any)
		if !ok {
			return []reply{r}
		}
		out := make([]reply, len(list))
		for i := range list {
			raw, err := list[i].(*redis.Cmd).Result()
			if out[i] = (reply{raw, c.explain(err)}); raw == nil && err == nil { // EXEC itself failed
				out[i].err = errors.Join(r.err, errReply)
			}
		}
		return out
	})
}

// A reply is what came of a command.
type reply struct {
	raw any
	err error
}

// attempts bounds how often a read is tried again since others have made names.
const attempts = 50

// read runs statements until the names that the ids in the replies stand for are
// known. The server checks them: a graph that was deleted and made anew gives the
// same ids other names.
func (c *Client) read(ctx context.Context, graphName string, statements []Statement, run func([][]any) []reply) ([]*Result, error) {
	texts := make([]string, len(statements))
	for i, s := range statements {
		var err error
		if texts[i], err = compose(s.Text, s.Params); err != nil {
			return nil, c.failed("query", graphName, err)
		}
	}
	for range attempts {
		known, err := c.known(ctx, graphName)
		if err != nil {
			return nil, c.failed("query", graphName, err)
		}
		commands := make([][]any, len(texts))
		for i, text := range texts {
			commands[i] = []any{"GRAPH.RO_QUERY", graphName, text, "--compact"}
			if known.version != unversioned {
				commands[i] = append(commands[i], "version", known.version)
			}
		}
		out, err := c.results(ctx, graphName, run(commands), known)
		switch {
		case errors.Is(err, errStale):
			c.forget(graphName)
			continue
		case err != nil:
			return nil, c.failed("query", graphName, err)
		}
		return out, nil
	}
	return nil, c.failed("query", graphName, errors.New("the graph's names change all the time"))
}

// errStale means that a graph has other names than are known.
var errStale = errors.New("the graph's names have changed")

func (c *Client) results(ctx context.Context, graphName string, replies []reply, known *names) ([]*Result, error) {
	out := make([]*Result, len(replies))
	for _, r := range replies {
		if _, stale := outdated(r.raw); stale {
			return nil, errStale
		}
	}
	for i, r := range replies {
		if r.err != nil {
			return nil, r.err
		}
		var err error
		if out[i], err = parse(r.raw, known); err != nil {
			return nil, err
		}
		if known.version != unversioned {
			continue
		}
		if out[i].names = (&names{}); out[i].unnamed() { // those known may be out of date
			if out[i].names, err = c.refresh(ctx, graphName); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// known returns the names of a graph as they were when they were last asked for.
func (c *Client) known(ctx context.Context, graphName string) (*names, error) {
	c.mu.Lock()
	n := c.names[graphName]
	c.mu.Unlock()
	if n != nil {
		return n, nil
	}
	return c.refresh(ctx, graphName)
}

// refresh asks for the names of a graph. Their version is one that the server
// vouches for, unless it does not know of versions.
func (c *Client) refresh(ctx context.Context, graphName string) (*names, error) {
	n := &names{version: 1} // of no graph that has a name, by all odds
	for range attempts {
		version, err := c.fetch(ctx, graphName, n)
		if errors.Is(err, errStale) {
			n.version = version
			continue
		}
		if err != nil {
			return nil, err
		}
		if n.version == 1 {
			n.version = unversioned
		}
		c.mu.Lock()
		c.names[graphName] = n
		c.mu.Unlock()
		return n, nil
	}
	return nil, errors.New("the graph's names change all the time")
}

// fetch fills in the names. Each list is one row: RESULTSET_SIZE cuts none off.
func (c *Client) fetch(ctx context.Context, graphName string, n *names) (version int64, err error) {
	for _, list := range []struct {
		procedure, column string
		out               *[]string
	}{
		{"db.labels", "label", &n.labels},
		{"db.propertyKeys", "propertyKey", &n.keys},
		{"db.relationshipTypes", "relationshipType", &n.types},
	} {
		text := "CALL " + list.procedure + "() YIELD " + list.column + " RETURN collect(" + list.column + ")"
		raw, err := c.do(ctx, "GRAPH.RO_QUERY", graphName, text, "--compact", "version", n.version)
		if err != nil {
			return 0, err
		}
		if version, stale := outdated(raw); stale {
			return version, errStale
		}
		r, err := parse(raw, n)
		if err != nil {
			return 0, err
		}
		if r.Len() != 1 {
			return 0, errReply
		}
		row, err := r.Row(0)
		if err != nil {
			return 0, err
		}
		values, ok := row[0].([]any)
		*list.out = make([]string, len(values))
		for i, v := range values {
			if (*list.out)[i], ok = v.(string); !ok {
				break
			}
		}
		if !ok {
			return 0, errReply
		}
	}
	return n.version, nil
}

// outdated reads the refusal of a version: an error and the present version.
func outdated(raw any) (version int64, stale bool) {
	pair, err := tuple(raw, 2)
	if err != nil {
		return 0, false
	}
	said, ok := pair[0].(error)
	if !ok || said.Error() != "version mismatch" {
		return 0, false
	}
	version, ok = pair[1].(int64)
	return version, ok
}

// parse reads a reply: columns, rows and statistics, or statistics alone.
func parse(raw any, n *names) (*Result, error) {
	list, ok := raw.([]any)
	if !ok || len(list) != 1 && len(list) != 3 {
		return nil, errReply
	}
	for _, part := range list { // a query that fails half-way ends its reply with an error
		if err, ok := part.(error); ok {
			return nil, said(err)
		}
	}
	r := &Result{Stats: map[string]int64{}, names: n}
	stats, ok := list[len(list)-1].([]any)
	if !ok {
		return nil, errReply
	}
	for _, s := range stats {
		text, _ := s.(string)
		what, count, _ := strings.Cut(text, ": ")
		if v, err := strconv.ParseInt(count, 10, 64); err == nil {
			r.Stats[what] = v
		}
	}
	if len(list) == 1 {
		return r, nil
	}
	header, ok := list[0].([]any)
	if !ok {
		return nil, errReply
	}
	for _, raw := range header {
		column, err := tuple(raw, 2)
		if err != nil {
			return nil, err
		}
		name, ok := column[1].(string)
		if !ok {
			return nil, errReply
		}
		r.Columns = append(r.Columns, name)
	}
	if r.raw, ok = list[1].([]any); !ok {
		return nil, errReply
	}
	return r, nil
}

// unnamed decodes the rows to find out whether a name is unknown.
func (r *Result) unnamed() bool {
	for i := range r.raw {
		if _, err := r.Row(i); err != nil {
			return errors.Is(err, errUnnamed)
		}
	}
	return false
}
