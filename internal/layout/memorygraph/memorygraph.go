// Package memorygraph holds the layouts of the stores of memorygraph (memorygraphMCP): a
// memory is a node and a relation an edge, each with its properties. In SQLite these are
// JSON objects, in graphs they are what the engine calls so.
package memorygraph

import (
	"context"
	"slices"
	"strings"

	"github.com/memarc/memarc/internal/store"
)

// Name is the layout's name.
const Name = "memorygraph"

// The versions are those of the product that have brought another shape of the tables:
// relationships have times of their own from 0.10 on.
const (
	plainVersion    = 9
	temporalVersion = 10
	latestVersion   = temporalVersion
)

// Layout returns the layout of SQLite stores for the registry.
func Layout() *store.Layout {
	return &store.Layout{
		Name:      Name,
		Engines:   []string{"sqlite"},
		Detect:    detect,
		Latest:    latestVersion,
		Schema:    schema,
		Documents: documents,
		Maps:      sqliteMaps,
		Locations: sqliteLocations,
	}
}

// What the engines of graphs call the tables.
const (
	label = "Memory"
	nodes = ":" + label
	edges = "-->"
)

// Graph returns the layout on the graph engine of that name.
func Graph(engine string) *store.Layout {
	in := inNeo4j
	if engine == "falkordb" {
		in = inFalkorDB
	}
	return &store.Layout{
		Name:    Name,
		Engines: []string{engine},
		Detect:  detectGraph,
		Latest:  latestVersion,
		Schema:  graphSchema(engine),
		Maps:    graphMaps(in),
		Label:   label,
		Key:     "id",
		Locations: func(getenv func(string) string) []string {
			return graphLocations(engine, getenv)
		},
	}
}

// detectGraph recognises nodes by their properties: other products have the label too.
func detectGraph(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
	for i := range c.Tables {
		t := &c.Tables[i]
		if strings.Contains(t.Name+":", nodes+":") && c.Has(t.Name, "id", "type", "title", "content") {
			return latestVersion, true
		}
	}
	return 0, false
}

// detect recognises the product's stores. Tables that it has only begun to bring to the
// newer shape are of the old one, with columns more. Its Turso backend makes other
// tables, into which the product never writes; the layout generic carries them.
func detect(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
	if !c.Has("nodes", "id", "label", "properties", "created_at", "updated_at") ||
		!c.Has("relationships", "id", "from_id", "to_id", "rel_type", "properties", "created_at") {
		return 0, false
	}
	edges := c.Table("relationships")
	for _, name := range []string{"valid_from", "valid_until", "recorded_at", "invalidated_by"} {
		if !edges.HasColumn(name) {
			return plainVersion, true
		}
	}
	for _, col := range edges.Columns {
		if (col.Name == "valid_from" || col.Name == "recorded_at") && !col.NotNull {
			return plainVersion, true
		}
	}
	for _, f := range edges.Foreign {
		if slices.Equal(f.Columns, []string{"invalidated_by"}) {
			return temporalVersion, true
		}
	}
	return plainVersion, true
}
