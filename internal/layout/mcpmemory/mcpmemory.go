// Package mcpmemory holds the layout of the stores of mcp-memory-service (doobidoo), on
// SQLite with sqlite-vec.
package mcpmemory

import (
	"context"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Name is the layout's name.
const Name = "mcp-memory-service"

// The versions are the numbers of the product's migrations; stores from before the first
// have none.
const (
	firstVersion  = 7
	latestVersion = 19
)

// Layout returns the layout for the registry.
func Layout() *store.Layout {
	return &store.Layout{
		Name:    Name,
		Engines: []string{"sqlite"},
		Detect:  detect,
		Latest:  latestVersion,
		Schema:  schema,
		Maps:    maps,
		// Vectors and full texts go by memories.id, all else by their content's hash.
		Surrogates: []store.Surrogate{{Table: "memory_embeddings", Column: "rowid", Owner: "memories", Key: "id", Name: "content_hash"}},
		Fixed:      []string{"metadata", "migration_registry", "sync_cursor", "push_cursor", "consolidation_runs"},
		Model: &store.Model{
			Vectors: [][2]string{{"memory_embeddings", "content_embedding"}},
			Assumed: 384, // of all-MiniLM-L6-v2, the product's default
		},
		Locations: locations,
	}
}

// detect recognises the product by its tables, and the version by what the store says or
// else by what each brought.
func detect(ctx context.Context, c *store.Catalog, db store.Tables) (int, bool) {
	if !c.Has("memories", "content_hash", "content", "tags", "memory_type") || c.Table("memory_embeddings") == nil {
		return 0, false
	}
	version := firstVersion
	for v := firstVersion + 1; v <= latestVersion; v++ {
		if brought(c, v) {
			version = v
		}
	}
	return max(version, says(ctx, c, db)), true
}

// brought tells whether the store has all that a version added.
func brought(c *store.Catalog, version int) bool {
	added := false
	for _, t := range schema.Tables {
		if t.Since == version {
			if added = true; c.Table(t.Name) == nil {
				return false
			}
		}
		for _, col := range t.Columns {
			if col.Since == version {
				if added = true; !c.Has(t.Name, col.Name) {
					return false
				}
			}
		}
	}
	return added
}

// says is the version that the store gives; 0 for none that is known.
func says(ctx context.Context, c *store.Catalog, db store.Tables) int {
	if !c.Has("metadata", "key", "value") {
		return 0
	}
	key := store.NewRows(1)
	key.Columns[0].AppendString("schema_version")
	key.N = 1
	rows, found, err := db.Lookup(ctx, "metadata", []string{"key"}, []string{"value"}, key)
	if err != nil || found[0] < 0 || rows.Columns[0].Kinds[0] != store.Text {
		return 0
	}
	version, err := strconv.Atoi(string(rows.Columns[0].Bytes(0)))
	if err != nil || version < firstVersion || version > latestVersion {
		return 0
	}
	return version
}

// locations lists where the product keeps its store: by its own variables, then where it
// is by default.
func locations(getenv func(string) string) []string {
	var out []string
	for _, name := range []string{"MCP_MEMORY_SQLITE_PATH", "MCP_MEMORY_SQLITEVEC_PATH"} {
		if path := getenv(name); path != "" {
			out = append(out, path)
		}
	}
	const file = "sqlite_vec.db"
	if base := getenv("MCP_MEMORY_BASE_DIR"); base != "" {
		out = append(out, filepath.Join(base, file))
	}
	home, data := getenv("HOME"), getenv("LOCALAPPDATA")
	switch {
	case runtime.GOOS == "windows" && data != "":
		out = append(out, filepath.Join(data, "mcp-memory", file))
	case runtime.GOOS == "darwin" && home != "":
		out = append(out, filepath.Join(home, "Library", "Application Support", "mcp-memory", file))
	case home != "":
		out = append(out, filepath.Join(home, ".local", "share", "mcp-memory", file))
	}
	return out
}

func textDefault(s string) *format.Value  { v := format.TextValue(s); return &v }
func realDefault(f float64) *format.Value { v := format.FloatValue(f); return &v }
