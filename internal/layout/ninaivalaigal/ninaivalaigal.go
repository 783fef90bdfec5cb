// Package ninaivalaigal holds the layouts of the database mem0.db of ninaivalaigal, a memory
// for terminals that was called mem0 at first, and of the PostgreSQL database to which it
// moved. It is none of mem0ai's.
package ninaivalaigal

import (
	"context"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Name is the name of both layouts.
const Name = "ninaivalaigal"

// version is that of the product's first schema for several users, which is the last that
// it has in both engines.
const version = 1

// Layout returns the layout of SQLite stores for the registry.
func Layout() *store.Layout {
	return &store.Layout{
		Name: Name, Engines: []string{"sqlite"}, Detect: detect, Latest: version,
		Schema: schema(inSQLite), Maps: maps(inSQLite), Secrets: secrets, Locations: locations,
	}
}

// Postgres returns the layout of PostgreSQL stores for the registry.
func Postgres() *store.Layout {
	return &store.Layout{
		Name: Name, Engines: []string{"postgres"}, Detect: detect, Latest: version,
		Schema: schema(inPostgres), Maps: maps(inPostgres), Secrets: secrets,
	}
}

// secrets are the hashes of passwords; who has none cannot log in.
var secrets = []store.Secret{{Table: "users", Column: "password_hash"}}

// detect asks for the columns that the product's classes have: scripts of its own made
// tables in PostgreSQL that look like them and that it cannot use.
func detect(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
	return version, c.Has("memories", "id", "user_id", "context", "type", "source", "data", "created_at", "updated_at") && c.Has("recording_contexts", "id", "name", "is_active")
}

// locations: the product's address of its store is relative, so that each folder from
// which it was started may hold one, and only one of them the memories.
func locations(func(string) string) []string { return []string{"mem0.db", "server/mem0.db"} }

// forms are what the engines write otherwise.
type forms struct {
	serial, moment       string // declarations
	text, time, document string // lenses
	holds                func(string) string
}

var (
	inSQLite = forms{serial: "INTEGER", moment: "DATETIME", text: "text", time: "time-sqlalchemy", document: "json",
		holds: func(s string) string { return s }}
	inPostgres = forms{serial: "SERIAL", moment: "TIMESTAMP", text: "text-no-nul", time: "unix-micros", document: "jsonb",
		holds: withoutNUL}
)

func textDefault(s string) *format.Value { v := format.TextValue(s); return &v }
