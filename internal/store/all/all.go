// Package all lists the engines and layouts of memarc, a line each.
package all

import (
	"github.com/memarc/memarc/internal/engine/bolt"
	"github.com/memarc/memarc/internal/engine/falkordb"
	"github.com/memarc/memarc/internal/engine/file"
	"github.com/memarc/memarc/internal/engine/postgres"
	"github.com/memarc/memarc/internal/engine/sqlite"
	"github.com/memarc/memarc/internal/layout/aimemory"
	"github.com/memarc/memarc/internal/layout/claudemem"
	"github.com/memarc/memarc/internal/layout/generic"
	"github.com/memarc/memarc/internal/layout/langgraph"
	"github.com/memarc/memarc/internal/layout/mapping"
	"github.com/memarc/memarc/internal/layout/mcpmemory"
	"github.com/memarc/memarc/internal/layout/mcpserver"
	"github.com/memarc/memarc/internal/layout/mem0"
	"github.com/memarc/memarc/internal/layout/memarc"
	"github.com/memarc/memarc/internal/layout/memorygraph"
	"github.com/memarc/memarc/internal/layout/ninaivalaigal"
	"github.com/memarc/memarc/internal/layout/openmemory"
	"github.com/memarc/memarc/internal/layout/pam"
	"github.com/memarc/memarc/internal/layout/vestige"
	"github.com/memarc/memarc/internal/store"
)

// Registry returns everything that memarc knows. Layouts are asked in this
// order; generic recognises every database and stands last.
func Registry() *store.Registry {
	return &store.Registry{
		Engines: append([]*store.Engine{
			sqlite.Engine(),
			postgres.Engine(),
			falkordb.Engine(),
			falkordb.LiteEngine(),
			file.Engine(memorygraph.Markdown(), pam.Format(), memorygraph.JSON(), mcpserver.Format(), openmemory.Format()),
		}, bolt.Engines()...),
		Layouts: []*store.Layout{
			memarc.Layout(),
			memarc.Postgres(),
			memarc.Graph("neo4j"),
			memarc.Graph("memgraph"),
			memarc.Graph("falkordb"),
			vestige.Layout(),
			vestige.Postgres(),
			aimemory.Layout(),
			aimemory.Postgres(),
			mcpmemory.Layout(),
			claudemem.Layout(),
			langgraph.Layout(),
			langgraph.Postgres(),
			ninaivalaigal.Layout(),
			ninaivalaigal.Postgres(),
			memorygraph.Layout(),
			memorygraph.Graph("neo4j"),
			memorygraph.Graph("memgraph"),
			memorygraph.Graph("falkordb"),
			memorygraph.Export(),
			memorygraph.Notes(),
			mcpserver.Layout(),
			openmemory.Layout(),
			openmemory.Postgres(),
			mem0.Layout(),
			mem0.Postgres(),
			mem0.HistoryLayout(),
			mem0.Accounts(),
			openmemory.Backup(),
			pam.Layout(),
			generic.Layout(),
			generic.Graph(),
		},
		Source:  mapping.NewSource,
		Sink:    mapping.NewSink,
		Default: memarc.Name,
	}
}
