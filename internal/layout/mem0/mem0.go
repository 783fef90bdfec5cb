// Package mem0 holds the layouts of the stores of mem0: of its Python and its TypeScript
// library, of the files in which both keep a history, and of the accounts of its server.
//
// A memory is a row of an identifier, a vector and a JSON object, the payload. The two
// libraries call the members of the payload by other names, created_at and createdAt; the
// fields are the same, and a row keeps the names that it has.
package mem0

import (
	"context"
	"path/filepath"

	"github.com/memarc/memarc/internal/store"
)

// Names of the layouts.
const (
	Name    = "mem0"         // memories
	History = "mem0-history" // what has become of them
	Server  = "mem0-server"  // accounts, without memories
)

// version is that of all new stores: the shape of the tables has never changed.
const version = 1

// Tables of the TypeScript library's file. The second holds an identifier by which the
// library counts its users. It is carried like everything in the file, and a store that
// has one keeps it.
const (
	vectors   = "vectors"
	telemetry = "memory_migrations"
)

// Layout returns the layout of the SQLite files of the TypeScript library. A file of
// entities, which it keeps beside the memories, has the same tables.
func Layout() *store.Layout {
	return &store.Layout{
		Name:      Name,
		Engines:   []string{"sqlite"},
		Detect:    detectVectors,
		Latest:    version,
		Schema:    vectorsSchema,
		Documents: []store.JSONColumn{payload(vectors, camel, store.JavaScript)},
		Maps:      append(memoryMaps(vectors, inSQLite), historyMaps...),
		Fixed:     []string{telemetry},
		Spaces:    &store.SpacesFrom{Tables: []string{vectors}, Vector: "vector"},
		Locations: vectorsLocations,
	}
}

var vectorsSchema = &store.Schema{Tables: []store.TableDef{
	{Name: vectors, Columns: []store.ColumnDef{
		{Name: "id", Decl: "TEXT PRIMARY KEY"},
		{Name: "vector", Decl: "BLOB NOT NULL"},
		{Name: "payload", Decl: "TEXT NOT NULL"},
	}},
	{Name: telemetry, Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
		{Name: "user_id", Decl: "TEXT NOT NULL UNIQUE"},
	}},
}}

// detectVectors wants both tables: one of vectors alone is not rare.
func detectVectors(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
	return version, c.Has(vectors, "id", "vector", "payload") && len(c.Table(vectors).Columns) == 3 && c.Has(telemetry, "id", "user_id")
}

// vectorsLocations lists where the library keeps its file: today, and in the current
// folder as it did at first.
func vectorsLocations(getenv func(string) string) []string {
	var out []string
	for _, name := range []string{"vector_store.db", "vector_store_entities.db"} {
		for _, dir := range homes(getenv) {
			out = append(out, filepath.Join(dir, name))
		}
		out = append(out, name)
	}
	return out
}

// homes lists the product's folders: by its own variable, which the Python library knows,
// and by default.
func homes(getenv func(string) string) (out []string) {
	if dir := getenv("MEM0_DIR"); dir != "" {
		out = append(out, dir)
	}
	if home := getenv("HOME"); home != "" {
		out = append(out, filepath.Join(home, ".mem0"))
	}
	return out
}
