// Package all lists the engines and layouts of memarc, a line each.
package all

import (
	"github.com/memarc/memarc/internal/engine/postgres"
	"github.com/memarc/memarc/internal/engine/sqlite"
	"github.com/memarc/memarc/internal/layout/aimemory"
	"github.com/memarc/memarc/internal/layout/generic"
	"github.com/memarc/memarc/internal/layout/mapping"
	"github.com/memarc/memarc/internal/layout/memarc"
	"github.com/memarc/memarc/internal/layout/vestige"
	"github.com/memarc/memarc/internal/store"
)

// Registry returns everything that memarc knows. Layouts are asked in this
// order; generic recognises every database and stands last.
func Registry() *store.Registry {
	return &store.Registry{
		Engines: []*store.Engine{
			sqlite.Engine(),
			postgres.Engine(),
		},
		Layouts: []*store.Layout{
			memarc.Layout(),
			memarc.Postgres(),
			vestige.Layout(),
			vestige.Postgres(),
			aimemory.Layout(),
			aimemory.Postgres(),
			generic.Layout(),
		},
		Source:  mapping.NewSource,
		Sink:    mapping.NewSink,
		Default: memarc.Name,
	}
}
