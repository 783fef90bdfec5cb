// Package memarc is memarc's own layout: one table for each section of the
// archives it has taken, one column for each field, and a table of contents with
// the sections' schemas. It holds every section of every product as it is, so it
// needs no sidecar.
package memarc

import (
	"context"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Name is the layout's name.
const Name = "memarc"

// version is the layout's version.
const version = 1

const metaTable = "memarc_meta"

// columns says how a field type is kept: by which lens, in a column of which
// declared type. Times are INTEGER nanoseconds since 1970, UTC; lists are JSON;
// vectors are BLOBs of little-endian float32.
var columns = map[format.Type]struct{ lens, decl string }{
	format.Text:   {"text", "TEXT"},
	format.JSON:   {"json", "TEXT"},
	format.Bytes:  {"blob", "BLOB"},
	format.Int:    {"int", "INTEGER"},
	format.Float:  {"exact-real", "REAL"},
	format.Bool:   {"int-bool", "INTEGER"},
	format.Time:   {"unix-nanos", "INTEGER"},
	format.List:   {"json-list", "TEXT"},
	format.Vector: {"f32", "BLOB"},
	format.Any:    {"value", "BLOB"},
	format.Map:    {"map", "BLOB"},
}

// typed says the same of engines with more types. Values that these cannot hold
// exactly, such as nanoseconds, stand in the column rest.
var typed = map[format.Type]struct{ lens, decl string }{
	format.Text:   {"text-no-nul", "text"},
	format.JSON:   {"json", "json"}, // not jsonb, which keeps no spelling
	format.Bytes:  {"blob", "bytea"},
	format.Int:    {"int", "bigint"},
	format.Float:  {"real", "double precision"},
	format.Bool:   {"int-bool", "boolean"},
	format.Time:   {"unix-micros", "timestamp with time zone"},
	format.List:   {"string-array", "text[]"},
	format.Vector: {"pgvector", "vector"},
	format.Any:    {"any-bytes", "bytea"},
	format.Map:    {"map", "bytea"},
}

const rest = "memarc_rest"

// Layout returns the layout on SQLite for the registry.
func Layout() *store.Layout {
	return layout("sqlite", &store.OwnLayout{
		Lens: func(t format.Type) string { return columns[t].lens },
		Decl: func(t format.Type) string { return columns[t].decl },
	})
}

// Postgres returns the layout on PostgreSQL with pgvector.
func Postgres() *store.Layout {
	return layout("postgres", &store.OwnLayout{
		Lens: func(t format.Type) string { return typed[t].lens },
		Decl: func(t format.Type) string { return typed[t].decl },
		Rest: rest, RestDecl: "bytea",
	})
}

// Graph returns the layout on the graph engine of that name: one node for each record,
// with a label for its section.
func Graph(engine string) *store.Layout {
	return layout(engine, &store.OwnLayout{
		Lens: func(t format.Type) string { return columns[t].lens },
		Decl: func(t format.Type) string { return columns[t].decl },
	})
}

func layout(engine string, own *store.OwnLayout) *store.Layout {
	own.MetaTable = metaTable
	return &store.Layout{
		Name:    Name,
		Engines: []string{engine},
		Detect: func(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
			return version, c.Has(metaTable, "name", "value")
		},
		Latest: version,
		Own:    own,
	}
}
