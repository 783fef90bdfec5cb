// Package mcpserver holds the layout of the knowledge graph that the reference memory server
// of the Model Context Protocol keeps (@modelcontextprotocol/server-memory): a file of JSON
// lines, each an entity with its observations or a relation between two names. A fork of it,
// mcp-knowledge-graph, has a line more, the first, by which it knows its files: what is
// imported into a file that has it leaves it there, and a new file is the server's own.
//
// An entity is a memory whose identifier and title are its name and whose content has a line
// for each observation. What of a file that does not say comes back byte for byte: lines that
// are spelled otherwise than the server would write them are kept as they are, lines that
// are neither, or that say what an earlier one has said already, have a table of their own,
// and a file whose lines stand in another order than the server's has a record that says how.
//
// The server drops at its next write all that it does not know. So memarc's own table stands
// in a file beside the store's, FILE.memarc.
package mcpserver

import (
	"context"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Name is the layout's name.
const Name = "mcp-memory"

// engine is the name of the engine in manifests, for files of lines that are JSON.
const engine = "lines"

// version is that of the form of the files, which has been the same since the first one.
const version = 1

// The tables. Columns are named as the members of lines; line is the line itself where it is
// not what the server would write for the others.
const (
	entities    = "entities"
	relations   = "relations"
	others      = "others"      // lines that are neither, by their text and how often it came before
	arrangement = "arrangement" // one row at most, see arrangement.go
)

var (
	entityColumns      = []string{"name", "title", "entityType", "observations", "line"}
	relationColumns    = []string{"from", "to", "relationType", "line"}
	relationKey        = relationColumns[:3]
	otherColumns       = []string{"text", "nth"}
	arrangementColumns = []string{"id", "runs"}
)

var schema = &store.Schema{Tables: []store.TableDef{
	{Name: entities, Columns: []store.ColumnDef{
		{Name: "name", Decl: "TEXT PRIMARY KEY NOT NULL"}, {Name: "title", Decl: "TEXT NOT NULL"}, {Name: "entityType", Decl: "TEXT"},
		{Name: "observations", Decl: "TEXT"}, {Name: "line", Decl: "TEXT"},
	}},
	{Name: relations, Columns: []store.ColumnDef{
		{Name: "from", Decl: "TEXT NOT NULL"}, {Name: "to", Decl: "TEXT NOT NULL"}, {Name: "relationType", Decl: "TEXT NOT NULL"}, {Name: "line", Decl: "TEXT"},
	}, Constraints: []store.Statement{{SQL: `PRIMARY KEY ("from", "to", "relationType")`}}},
	{Name: others, Columns: []store.ColumnDef{{Name: "text", Decl: "TEXT NOT NULL"}, {Name: "nth", Decl: "INTEGER NOT NULL"}},
		Constraints: []store.Statement{{SQL: "PRIMARY KEY (text, nth)"}}},
	{Name: arrangement, Columns: []store.ColumnDef{{Name: "id", Decl: "INTEGER PRIMARY KEY"}, {Name: "runs", Decl: "TEXT NOT NULL"}}},
}}

// Layout returns the layout for the registry.
func Layout() *store.Layout {
	return &store.Layout{
		Name: Name, Engines: []string{engine}, Latest: version, Schema: schema, Maps: tableMaps,
		Fixed:     []string{arrangement},
		Locations: locations,
		Detect: func(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
			return version, c.Has(entities, entityColumns...) && c.Has(relations, relationColumns...) && c.Has(arrangement, arrangementColumns...)
		},
	}
}

// Format returns the format of the files.
func Format() *store.FileFormat {
	return &store.FileFormat{
		Name: Name, Engine: engine, Layout: Name, Endings: []string{".jsonl"}, Sidecar: true, Beside: ".memarc",
		Schema: schema, Version: version,
		Is: isGraph, Read: read, Write: write, Normal: normal, Fits: fits,
	}
}

var tableMaps = []store.TableMap{
	{Table: entities, Section: format.Memories, Columns: []store.ColumnMap{
		{Column: "name", Field: "id", Lens: "text", Mint: names},
		{Column: "title", Field: "title", Lens: "text", Make: nothing},
		{Column: "entityType", Field: "kind", Lens: "text", Make: makeKind},
		{Column: "observations", Field: "content", Lens: "json-lines", Make: makeObservations},
		{Column: "line", Lens: "text", Make: nothing},
	}},
	{Table: relations, Section: format.Relations, Columns: []store.ColumnMap{
		{Column: "from", Field: "source_id", Lens: "text", Refers: format.Memories},
		{Column: "to", Field: "target_id", Lens: "text", Refers: format.Memories},
		{Column: "relationType", Field: "type", Lens: "text", Make: makeRelation},
		{Column: "line", Lens: "text", Make: nothing},
	}},
}
