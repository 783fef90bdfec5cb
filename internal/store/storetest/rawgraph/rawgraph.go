// Package rawgraph lets tests look at graphs and change them by statements of the
// servers' own, past everything by which memarc shows a graph as tables.
package rawgraph

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/engine/bolt"
	"github.com/memarc/memarc/internal/engine/falkordb"
	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store"
)

// A Graph is one of a FalkorDB or a Neo4j.
type Graph struct {
	falkor *falkordb.Client
	bolt   *bolt.DB
}

// Open opens the graph at a URL until the test ends.
func Open(t testing.TB, url string) *Graph {
	t.Helper()
	g, err := open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if g.falkor != nil {
			err = g.falkor.Close()
		} else {
			err = g.bolt.Close()
		}
		if err != nil {
			t.Error(err)
		}
	})
	return g
}

func open(url string) (*Graph, error) {
	if strings.HasPrefix(url, "falkor") {
		c, err := falkordb.Open(context.Background(), url)
		return &Graph{falkor: c}, err
	}
	l, err := store.ParseLocation(url)
	if err != nil {
		return nil, err
	}
	db, err := bolt.Open(context.Background(), l, bolt.Options{})
	return &Graph{bolt: db}, err
}

// Quote quotes a name.
func (g *Graph) Quote(t testing.TB, name string) string {
	t.Helper()
	quote := falkordb.QuoteName
	if g.bolt != nil {
		quote = g.bolt.QuoteName
	}
	quoted, err := quote(name)
	if err != nil {
		t.Fatal(err)
	}
	return quoted
}

// Try runs a statement.
func (g *Graph) Try(statement string, params map[string]any) ([][]any, error) {
	ctx := context.Background()
	if g.bolt != nil {
		_, rows, err := g.bolt.Auto(ctx, statement, params)
		return rows, err
	}
	res, err := g.falkor.Query(ctx, g.falkor.Graph(), statement, params)
	if err != nil {
		return nil, err
	}
	var rows [][]any
	for row, err := range res.Rows() {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Run runs statements.
func (g *Graph) Run(t testing.TB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		g.Ask(t, s, nil)
	}
}

// Ask runs a statement and returns its rows.
func (g *Graph) Ask(t testing.TB, statement string, params map[string]any) [][]any {
	t.Helper()
	rows, err := g.Try(statement, params)
	if err != nil {
		t.Fatalf("%.300s: %v", statement, err)
	}
	return rows
}

// One returns the only value of a statement.
func (g *Graph) One(t testing.TB, statement string) any {
	t.Helper()
	rows := g.Ask(t, statement, nil)
	if len(rows) != 1 || len(rows[0]) != 1 {
		t.Fatalf("%s: %d rows", statement, len(rows))
	}
	return rows[0][0]
}

// properties is an expression for a node's or relationship's properties and what makes
// its doubles exact.
func (g *Graph) properties(of string) string {
	if g.bolt != nil {
		return "properties(" + of + "), []"
	}
	return "properties(" + of + "), " + falkordb.SplitProperties(of)
}

// Exact returns properties as they are, given both values of the expression.
func (g *Graph) exact(t testing.TB, values []any) map[string]any {
	t.Helper()
	properties, ok := values[0].(map[string]any)
	if !ok {
		t.Fatalf("properties are a %T", values[0])
	}
	if g.falkor != nil {
		if _, err := falkordb.JoinProperties(properties, values[1]); err != nil {
			t.Fatal(err)
		}
	}
	return properties
}

// Properties returns the properties of what a pattern matches as n or r.
func (g *Graph) Properties(t testing.TB, match, of string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, row := range g.Ask(t, "MATCH "+match+" RETURN "+g.properties(of), nil) {
		out = append(out, g.exact(t, row))
	}
	return out
}

// Dump describes the graph: its nodes, its relationships, its indexes and constraints,
// a line each, sorted, none of memarc's own if own is false.
func (g *Graph) Dump(t testing.TB, own bool) map[string][]string {
	t.Helper()
	if g.falkor != nil {
		if there, err := g.falkor.GraphExists(t.Context(), g.falkor.Graph()); err != nil {
			t.Fatal(err)
		} else if !there {
			return map[string][]string{}
		}
	}
	nodes, edges := []string{}, []string{}
	short, skipped := map[int64]string{}, map[int64]bool{}
	for _, row := range g.Ask(t, "MATCH (n) RETURN id(n), labels(n), "+g.properties("n"), nil) {
		id, labels := row[0].(int64), row[1].([]any)
		text := Show(labels, true) + " " + Show(g.exact(t, row[2:]), false)
		if !own {
			text, skipped[id] = plain(labels, g.exact(t, row[2:]))
		}
		short[id] = text
		if !skipped[id] {
			nodes = append(nodes, text)
		}
	}
	for _, row := range g.Ask(t, "MATCH (a)-[r]->(b) RETURN id(a), id(b), type(r), "+g.properties("r"), nil) {
		properties := g.exact(t, row[3:])
		if !own {
			maps.DeleteFunc(properties, func(k string, _ any) bool { return ours(k) })
		}
		a, b := row[0].(int64), row[1].(int64)
		edges = append(edges, fmt.Sprintf("%.300s -[%q %s]-> %.300s", short[a], row[2], Show(properties, false), short[b]))
	}
	slices.Sort(nodes)
	slices.Sort(edges)
	return map[string][]string{"nodes": nodes, "relationships": edges, "definitions": g.definitions(t, own)}
}

func ours(name string) bool {
	return strings.HasPrefix(name, "memarc_") || strings.HasPrefix(name, "Memarc")
}

// plain is a node without what is memarc's own of it.
func plain(labels []any, properties map[string]any) (text string, ownAlone bool) {
	rest := slices.DeleteFunc(slices.Clone(labels), func(l any) bool { return ours(l.(string)) })
	maps.DeleteFunc(properties, func(k string, _ any) bool { return ours(k) })
	ownAlone = len(labels) > 0 && len(rest) == 0 && !slices.Contains(labels, any("MemarcNode"))
	return Show(rest, true) + " " + Show(properties, false), ownAlone
}

func (g *Graph) definitions(t testing.TB, own bool) []string {
	t.Helper()
	out := []string{}
	add := func(labels []string, text string) {
		if own || !slices.ContainsFunc(labels, ours) {
			out = append(out, text)
		}
	}
	if g.bolt != nil {
		rules, err := g.bolt.Rules(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			add(r.Labels, fmt.Sprintf("%+v", r))
		}
	} else {
		indexes, err := g.falkor.Indexes(t.Context(), g.falkor.Graph())
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range indexes {
			slices.Sort(x.Properties)
			add([]string{x.Label}, fmt.Sprintf("%s %s %q %v", x.Entity, x.Label, x.Properties, x.Types))
		}
		constraints, err := g.falkor.Constraints(t.Context(), g.falkor.Graph())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range constraints {
			add([]string{c.Label}, fmt.Sprintf("%s %s %s %q", c.Type, c.Entity, c.Label, c.Properties))
		}
	}
	slices.Sort(out)
	return out
}

// Marks returns what shows an import that is under way or was not tidied up: labels and
// keys of memarc's own that do not stay.
func (g *Graph) Marks(t testing.TB) (out []string) {
	t.Helper()
	for _, ask := range []string{"MATCH (n) UNWIND labels(n) AS l RETURN DISTINCT l", "MATCH (n) UNWIND keys(n) AS k RETURN DISTINCT k", "MATCH ()-[r]->() UNWIND keys(r) AS k RETURN DISTINCT k"} {
		for _, row := range g.Ask(t, ask, nil) {
			switch name := row[0].(string); name {
			case "MemarcRun", "MemarcDeleted", "memarc_run", "memarc_before", "memarc_table":
				out = append(out, name)
			}
		}
	}
	return out
}

// Show writes a value so that no two values look alike.
func Show(v any, sorted bool) string {
	switch v := v.(type) {
	case float64:
		return fmt.Sprintf("%g=%016x", v, math.Float64bits(v))
	case string:
		return fmt.Sprintf("%+q", v)
	case []any:
		items := make([]string, len(v))
		for i := range v {
			items[i] = Show(v[i], false)
		}
		if sorted {
			slices.Sort(items)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		var items []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			items = append(items, fmt.Sprintf("%+q: %s", k, Show(v[k], false)))
		}
		return "{" + strings.Join(items, ", ") + "}"
	case nil, bool, int64:
		return fmt.Sprint(v)
	case graph.Vector32:
		return fmt.Sprintf("vector %x", []float32(v))
	}
	return fmt.Sprintf("%T%+v", v, v)
}
