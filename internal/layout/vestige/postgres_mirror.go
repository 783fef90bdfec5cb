package vestige

import (
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// mirrorVersion is the version of a new SQLite store that takes the records of one in
// PostgreSQL: the newest of the main line with the tables and columns of the branch
// that mirrors the PostgreSQL backend. It stands in no file, and Detect does not give
// it: the main line opens such a store as its own newest version, and what is more in
// it is carried as a fork's is.
const mirrorVersion = 1000 + latestVersion

// twin returns the version of a new SQLite store for a store of the product.
func twin(origin format.StoreID) int {
	if origin.Engine == "postgres" {
		return mirrorVersion
	}
	return latestVersion
}

// withMirror adds the branch to the tables of the main line.
func withMirror(tables []store.TableDef) []store.TableDef {
	add := func(table string, columns ...store.ColumnDef) {
		i := slices.IndexFunc(tables, func(t store.TableDef) bool { return t.Name == table })
		tables[i].Columns = slices.Concat(tables[i].Columns, columns)
	}
	metadata := store.ColumnDef{Name: "metadata", Decl: "TEXT NOT NULL DEFAULT '{}'", Since: mirrorVersion}
	add("domains", metadata)
	add("knowledge_nodes",
		store.ColumnDef{Name: "owner_user_id", Decl: "TEXT NOT NULL DEFAULT '" + localUser + "'", Since: mirrorVersion},
		store.ColumnDef{Name: "visibility", Decl: "TEXT NOT NULL DEFAULT 'private'", Since: mirrorVersion},
		store.ColumnDef{Name: "shared_with_groups", Decl: "TEXT NOT NULL DEFAULT '[]'", Since: mirrorVersion},
		store.ColumnDef{Name: "codebase", Decl: "TEXT", Since: mirrorVersion},
		metadata,
	)
	return append(tables, mirrorTables...)
}

var mirrorAccountDefs = []store.ColumnDef{
	{Name: "id", Decl: "TEXT PRIMARY KEY"},
	{Name: "handle", Decl: "TEXT NOT NULL UNIQUE"},
	{Name: "display_name", Decl: "TEXT"},
	{Name: "created_at", Decl: "TEXT NOT NULL"},
	{Name: "metadata", Decl: "TEXT NOT NULL DEFAULT '{}'"},
}

// mirrorTables are those of the branch. Of the reviews, as of metadata, the plan only
// says that a migration reads them; they stand here as PostgreSQL has them. The tables have no
// CHECK and no partial index, because Detect does not tell such a store from a fork,
// whose code is not carried.
var mirrorTables = []store.TableDef{
	{Name: "users", Since: mirrorVersion, Columns: mirrorAccountDefs},
	{Name: "groups", Since: mirrorVersion, Columns: mirrorAccountDefs},
	{Name: "group_memberships", Since: mirrorVersion,
		Columns: []store.ColumnDef{
			{Name: "user_id", Decl: "TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE"},
			{Name: "group_id", Decl: "TEXT NOT NULL REFERENCES groups(id) ON DELETE CASCADE"},
			{Name: "role", Decl: "TEXT NOT NULL DEFAULT 'member'"},
			{Name: "joined_at", Decl: "TEXT NOT NULL"},
		},
		Constraints: []store.Statement{{SQL: "PRIMARY KEY (user_id, group_id)"}},
	},
	{Name: "review_events", Since: mirrorVersion, Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
		{Name: "memory_id", Decl: "TEXT NOT NULL REFERENCES knowledge_nodes(id) ON DELETE CASCADE"},
		{Name: "timestamp", Decl: "TEXT NOT NULL"},
		{Name: "rating", Decl: "INTEGER NOT NULL"},
		{Name: "prior_state", Decl: "TEXT NOT NULL"},
		{Name: "new_state", Decl: "TEXT NOT NULL"},
	}},
}

var mirrorSeeds = []store.Statement{{
	SQL:   "INSERT OR IGNORE INTO users (id, handle, display_name, created_at) VALUES ('" + localUser + "', 'local', 'Local User', " + seedTime + ")",
	Since: mirrorVersion,
}}
