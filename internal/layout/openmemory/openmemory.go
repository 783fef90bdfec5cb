// Package openmemory holds the layouts of the stores of OpenMemory, on SQLite and on
// PostgreSQL. A memory belongs to a user and to the app that wrote it; changes of its
// state are events. Categories, accesses, rules of access and of archiving are carried as
// they are, and so are the tables of a vector collection in the same database.
package openmemory

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Name is the name of both layouts.
const Name = "openmemory"

// Versions of the schema. The product keeps no number; these are ours, in the order in
// which its releases made the tables.
const (
	firstVersion    = 1
	configVersion   = 2 // brought the table configs
	migratedVersion = 3 // apps have names of their owner's, by the product's migration of a store of version 2
	latestVersion   = 4 // the same in a new store, as a constraint
)

// fixed says which of the product's migrations a store has seen.
var fixed = []string{"alembic_version"}

// secrets: the configuration may hold keys of the providers of models.
var secrets = []store.Secret{{Table: "configs"}}

// Layout returns the layout of SQLite stores for the registry.
func Layout() *store.Layout {
	return &store.Layout{
		Name:      Name,
		Engines:   []string{"sqlite"},
		Detect:    detect,
		Latest:    latestVersion,
		Twin:      twin,
		Schema:    sqliteSchema,
		Maps:      maps(sqliteKinds),
		Fixed:     fixed,
		Secrets:   secrets,
		Locations: locations,
	}
}

// Postgres returns the layout of PostgreSQL stores for the registry.
func Postgres() *store.Layout {
	return &store.Layout{
		Name:    Name,
		Engines: []string{"postgres"},
		Detect:  detect,
		Latest:  latestVersion,
		Twin:    twin,
		Schema:  postgresSchema,
		Maps:    maps(postgresKinds),
		Fixed:   fixed,
		Secrets: secrets,
	}
}

// detect recognises the product's stores.
func detect(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
	if !c.Has("memories", "id", "content", "state", "app_id", "archived_at") || !c.Has("users", "user_id") ||
		!c.Has("apps", "owner_id") || !c.Has("categories", "name") || !c.Has("memory_categories", "category_id") ||
		!c.Has("memory_status_history", "old_state") {
		return 0, false
	}
	if c.Table("configs") == nil {
		return firstVersion, true
	}
	for _, key := range c.Table("apps").Unique {
		if strings.Join(key, " ") == "owner_id name" {
			return latestVersion, true
		}
	}
	for _, o := range c.Objects {
		if o.Name == ownerName {
			return migratedVersion, true
		}
	}
	return configVersion, true
}

// twin returns the version of a new store for a store in the other engine, which is the
// same.
func twin(origin format.StoreID) int {
	if v, err := strconv.Atoi(origin.Version); err == nil && v >= firstVersion && v <= latestVersion {
		return v
	}
	return latestVersion
}

// locations lists where the product keeps its store: by its own variable, in the folder
// it is started in, which is api of its sources, and in its container.
func locations(getenv func(string) string) []string {
	const file = "openmemory.db"
	var out []string
	if path, ok := strings.CutPrefix(getenv("DATABASE_URL"), "sqlite:///"); ok && path != "" {
		out = append(out, path)
	}
	return append(out, file, filepath.Join("api", file), filepath.Join("openmemory", "api", file), "/usr/src/openmemory/"+file)
}
