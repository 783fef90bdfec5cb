// Package langgraph holds the layouts of LangGraph's long-term store, in SQLite and in
// PostgreSQL: what LangMem and other agents built on LangGraph remember. An item has a
// namespace, a key in it and a value, which is any JSON object; it is a memory, whose text
// is the string that the value has where LangMem and the guides put it.
package langgraph

import (
	"context"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Name is the name of both layouts.
const Name = "langgraph"

// version stands for all of the store's versions: newer ones have only added columns, and
// each store says itself how far it has come.
const version = 1

// fixed are tables that say how far a store has come.
var fixed = []string{"store_migrations", "vector_migrations"}

// spaces: nothing names the model, but one store has vectors of one dimension.
var spaces = &store.SpacesFrom{Tables: []string{"store_vectors"}, Vector: "embedding"}

// Layout returns the layout of SQLite stores for the registry.
func Layout() *store.Layout {
	return &store.Layout{
		Name: Name, Engines: []string{"sqlite"}, Detect: detect, Latest: version,
		Schema: sqliteSchema, Maps: maps(inSQLite), Fixed: fixed, Spaces: spaces,
	}
}

// Postgres returns the layout of PostgreSQL stores for the registry.
func Postgres() *store.Layout {
	return &store.Layout{
		Name: Name, Engines: []string{"postgres"}, Detect: detect, Latest: version,
		Schema: pgSchema, Maps: maps(inPostgres), Fixed: fixed, Spaces: spaces,
		Model: &store.Model{Vectors: [][2]string{{"store_vectors", "embedding"}}},
	}
}

func detect(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
	return version, c.Has("store", "prefix", "key", "value", "created_at", "updated_at") && c.Has("store_migrations", "v")
}

// forms are the lenses by which an engine keeps what the other keeps otherwise.
type forms struct {
	text, value, moment, expiry, ttl, vector string
	// holds makes of a text what the engine can hold.
	holds func(string) string
}

var (
	inSQLite = forms{text: "text", value: "json-bytes", moment: "time-sqlite", expiry: "time-python-space", ttl: "real", vector: "f32",
		holds: func(s string) string { return s }}
	inPostgres = forms{text: "text-no-nul", value: "jsonb", moment: "unix-micros", expiry: "unix-micros", ttl: "int-real", vector: "pgvector",
		holds: withoutNUL}
)

// The layout's own fields: what an item is called, and its value.
const (
	ownPrefix = Name + ".prefix"
	ownKey    = Name + ".key"
	ownValue  = Name + ".value"
)

// maps says which columns are which fields. Namespace and key together are what an item
// is called, so that the identifier is made of both.
func maps(in forms) []store.TableMap {
	return []store.TableMap{
		{Table: "store", Section: format.Memories, Updated: "updated_at", Columns: []store.ColumnMap{
			{Field: "id", Shown: showID("namespace")},
			{Field: "content", Shown: showContent},
			{Field: "kind", Shown: showKind},
			{Column: "prefix", Field: "namespace", Lens: in.text, Make: in.makePrefix("namespace")},
			{Column: "key", Field: ownKey, Lens: in.text, Make: in.makeKey("id")},
			{Column: "value", Field: ownValue, Lens: in.value, Make: in.makeValue, Leave: leaveValue, Agree: in.agreeValue},
			{Column: "expires_at", Field: "expires_at", Lens: in.expiry},
			{Column: "created_at", Field: "created_at", Lens: in.moment, Else: []string{"updated_at", "accessed_at"}},
			{Column: "updated_at", Field: "updated_at", Lens: in.moment, Else: []string{"created_at", "accessed_at"}},
			{Column: "ttl_minutes", Field: Name + ".ttl_minutes", Lens: in.ttl},
		}},
		{Table: "store_vectors", Section: format.Embeddings, Updated: "updated_at", Columns: []store.ColumnMap{
			{Field: "memory_id", Shown: showID(ownPrefix)},
			{Field: "dimension", Shown: showDimension},
			{Column: "prefix", Field: ownPrefix, Lens: in.text, Make: in.makePrefix(ownPrefix)},
			{Column: "key", Field: ownKey, Lens: in.text, Make: in.makeKey("memory_id")},
			// One item has as many vectors as there are texts in it.
			{Column: "field_name", Field: "space", Lens: in.text, Default: textDefault("$")},
			{Column: "embedding", Field: "vector", Lens: in.vector},
			{Column: "created_at", Field: "created_at", Lens: in.moment},
			{Column: "updated_at", Field: Name + ".updated_at", Lens: in.moment},
		}},
	}
}

func textDefault(s string) *format.Value { v := format.TextValue(s); return &v }
