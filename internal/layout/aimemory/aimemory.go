// Package aimemory holds the layouts of the stores of ai-memory, on SQLite and on
// PostgreSQL.
package aimemory

import (
	"path/filepath"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Name is the name of both layouts.
const Name = "ai-memory"

// fixed are tables that an existing store keeps as they are: which version it is,
// how far its host has come with each peer and which of their messages it has seen,
// and how many rows it has once counted in its chains.
var fixed = []string{"schema_version", "sync_state", "sync_peer_contact", "federation_nonce_cache", "lineage_integrity_watermark"}

// Layout returns the layout of SQLite stores for the registry.
func Layout() *store.Layout {
	return &store.Layout{
		Name:      Name,
		Engines:   []string{"sqlite"},
		Detect:    detectSQLite,
		Latest:    latestVersion,
		Twin:      sqliteTwin,
		Schema:    sqliteSchema,
		Maps:      maps(sqliteKinds),
		Fixed:     fixed,
		Spaces:    spaces(),
		Locations: locations,
	}
}

// Postgres returns the layout of PostgreSQL stores for the registry.
func Postgres() *store.Layout {
	return &store.Layout{
		Name:    Name,
		Engines: []string{"postgres"},
		Detect:  detectPostgres,
		Latest:  latestVersion,
		Twin:    pgTwin,
		Schema:  pgSchema,
		Maps:    maps(pgKinds),
		Fixed:   fixed,
		Spaces:  spaces(),
		Model: &store.Model{
			Vectors: [][2]string{{"memories", "embedding"}, {"archived_memories", "embedding"}},
			Assumed: 384, // of the model that the product brings
			Replace: []store.Statement{
				{SQL: "DROP INDEX IF EXISTS " + hnswIndex},
				{SQL: "ALTER TABLE memories ALTER COLUMN embedding TYPE vector($DIMENSION) USING NULL"},
				{SQL: "UPDATE memories SET embedding_dim = NULL WHERE embedding_dim IS NOT NULL", Object: "memories.embedding_dim"},
				{SQL: "UPDATE memories SET embedding_space = NULL WHERE embedding_space IS NOT NULL", Object: "memories.embedding_space"},
			},
			Remark: []store.Statement{{SQL: "CREATE INDEX IF NOT EXISTS " + hnswIndex + " ON memories USING hnsw (embedding vector_cosine_ops)"}},
		},
	}
}

// spaces: the product has no table of the models whose vectors it keeps.
func spaces() *store.SpacesFrom {
	return &store.SpacesFrom{Tables: []string{"memories"}, Space: "embedding_space", Dimension: "embedding_dim"}
}

// hnswIndex finds neighbours of a vector.
const hnswIndex = "memories_embedding_hnsw"

// twins are, for each span of SQLite versions, what PostgreSQL version products of the
// same releases make. Stores from before 0.7 take the first PostgreSQL schema that has
// all their columns, because 0.6 made PostgreSQL stores that lacked some; the product
// of 0.6 leaves a newer number alone. Later numbers are the same in both engines.
var twins = []struct{ upToSQLite, postgres, upToPostgres, sqlite int }{
	{14, pgFirst, 0, 0},
	{28, 28, 28, 28}, // 0.6
	{42, 41, 41, 42}, // 0.7.0 as tagged
	{54, 54, 54, 54}, // 0.7, its release branch
}

// pgTwin returns the version of a new PostgreSQL store for a store of the product.
func pgTwin(origin format.StoreID) int {
	v := versionOf(origin)
	for _, t := range twins {
		if v > 0 && v <= t.upToSQLite {
			return t.postgres
		}
	}
	return v
}

// sqliteTwin returns the version of a new SQLite store for a store of the product.
func sqliteTwin(origin format.StoreID) int {
	v := versionOf(origin)
	for _, t := range twins {
		if v > 0 && v <= t.upToPostgres {
			return t.sqlite
		}
	}
	return v
}

// locations lists where the product keeps its store: by its own variable, by default
// in the current folder, and where its guides put it.
func locations(getenv func(string) string) []string {
	var out []string
	if path := getenv("AI_MEMORY_DB"); path != "" {
		out = append(out, path)
	}
	out = append(out, "ai-memory.db")
	if home := getenv("HOME"); home != "" {
		out = append(out, filepath.Join(home, ".claude", "ai-memory.db"))
		data := getenv("XDG_DATA_HOME")
		if data == "" {
			data = filepath.Join(home, ".local", "share")
		}
		out = append(out, filepath.Join(data, "ai-memory", "ai-memory.db"), filepath.Join(data, "ai-memory", "memory.db"))
	}
	return append(out, "/var/lib/ai-memory/ai-memory.db", "/data/ai-memory.db")
}
