// Package generic is the layout of a store that no other layout knows: every
// table is carried, typed, as it is.
package generic

import (
	"context"

	"github.com/memarc/memarc/internal/store"
)

// Layout returns the layout for the registry. It recognises everything.
func Layout() *store.Layout { return layout("sqlite", "postgres") }

// Graph returns the layout of a graph with any labels and any properties.
func Graph() *store.Layout {
	l := layout("neo4j", "memgraph", "falkordb")
	l.Alike = true
	return l
}

func layout(engines ...string) *store.Layout {
	return &store.Layout{
		Name:    "generic",
		Engines: engines,
		Any:     true,
		Detect:  func(context.Context, *store.Catalog, store.Tables) (int, bool) { return 0, true },
	}
}
