package mem0

import (
	"context"
	"path/filepath"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Versions of histories: whose they are.
const (
	firstHistory  = 1 // Python, up to 0.1.99
	pythonHistory = 2
	scriptHistory = 3
)

// HistoryLayout returns the layout of the SQLite files in which the libraries keep what
// has become of memories, deleted ones too, and the last messages of each conversation.
func HistoryLayout() *store.Layout {
	return &store.Layout{
		Name:      History,
		Engines:   []string{"sqlite"},
		Detect:    detectHistory,
		Latest:    pythonHistory,
		Schema:    historySchema,
		Maps:      historyMaps,
		Locations: historyLocations,
	}
}

// historySchema is what the libraries create. Python's rebuilds a table that has a column
// more or less than these ten when it opens the file.
var historySchema = &store.Schema{Tables: []store.TableDef{
	{Name: "history", Until: scriptHistory, Columns: []store.ColumnDef{
		{Name: "id", Decl: "TEXT PRIMARY KEY"},
		{Name: "memory_id", Decl: "TEXT"},
		{Name: "old_memory", Decl: "TEXT"},
		{Name: "new_memory", Decl: "TEXT"},
		{Name: "new_value", Decl: "TEXT", Until: pythonHistory},
		{Name: "event", Decl: "TEXT"},
		{Name: "created_at", Decl: "DATETIME"},
		{Name: "updated_at", Decl: "DATETIME"},
		{Name: "is_deleted", Decl: "INTEGER"},
		{Name: "actor_id", Decl: "TEXT", Since: pythonHistory},
		{Name: "role", Decl: "TEXT", Since: pythonHistory},
	}},
	{Name: "memory_history", Since: scriptHistory, Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
		{Name: "memory_id", Decl: "TEXT NOT NULL"},
		{Name: "previous_value", Decl: "TEXT"},
		{Name: "new_value", Decl: "TEXT"},
		{Name: "action", Decl: "TEXT NOT NULL"},
		{Name: "created_at", Decl: "TEXT"},
		{Name: "updated_at", Decl: "TEXT"},
		{Name: "is_deleted", Decl: "INTEGER DEFAULT 0"},
	}},
	{Name: "messages", Columns: []store.ColumnDef{
		{Name: "id", Decl: "TEXT PRIMARY KEY"},
		{Name: "session_scope", Decl: "TEXT"},
		{Name: "role", Decl: "TEXT"},
		{Name: "content", Decl: "TEXT"},
		{Name: "name", Decl: "TEXT"},
		{Name: "created_at", Decl: "DATETIME", Until: scriptHistory},
		{Name: "created_at", Decl: "TEXT", Since: scriptHistory},
	}},
}}

// historyMaps says which columns are which fields. Where a file holds the histories of
// both libraries, that of TypeScript's is carried as it is.
var historyMaps = []store.TableMap{
	{Table: "history", Section: format.Events, Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "text"},
		{Column: "memory_id", Field: "memory_id", Lens: "text"},
		{Column: "event", Field: "kind", Lens: "text", Make: makeEvent},
		{Column: "created_at", Field: "at", Lens: "time-python", Make: inHistory.moment("at")},
		{Column: "actor_id", Field: "actor", Lens: "text"},
		{Column: "old_memory", Field: "before", Lens: "text"},
		{Column: "new_memory", Field: "after", Lens: "text"},
		{Column: "updated_at", Field: Name + ".updated_at", Lens: "time-python"},
		{Column: "is_deleted", Field: Name + ".is_deleted", Lens: "int", Make: makeDeleted},
		{Column: "role", Field: Name + ".role", Lens: "text"},
	}},
	{Table: "memory_history", Section: format.Events, Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "int-text", Mint: &store.Mint{}},
		{Column: "memory_id", Field: "memory_id", Lens: "text"},
		{Column: "action", Field: "kind", Lens: "text", Make: makeEvent},
		{Column: "created_at", Field: "at", Lens: "time-millis-z"},
		{Column: "previous_value", Field: "before", Lens: "text"},
		{Column: "new_value", Field: "after", Lens: "text"},
		{Column: "updated_at", Field: Name + ".updated_at", Lens: "time-millis-z"},
		{Column: "is_deleted", Field: Name + ".is_deleted", Lens: "int", Make: makeDeleted},
	}},
}

// inHistory are times as Python writes them.
var inHistory = forms{time: "time-python", unit: 1_000}

// Events that the libraries write.
const (
	added   = "ADD"
	updated = "UPDATE"
	deleted = "DELETE"
)

// makeEvent makes the product's word of another's, by what there was before and after.
func makeEvent(field fields) format.Value {
	before, after := field("before").Type != format.Null, field("after").Type != format.Null
	switch kind := text(field("kind")); {
	case kind == added || kind == updated || kind == deleted:
		return format.TextValue(kind)
	case after && !before:
		return format.TextValue(added)
	case before && !after:
		return format.TextValue(deleted)
	}
	return format.TextValue(updated)
}

func makeDeleted(field fields) format.Value {
	if v := makeEvent(field); string(v.Bytes) == deleted {
		return format.IntValue(1)
	}
	return format.IntValue(0)
}

func detectHistory(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
	switch {
	case c.Has("history", "id", "memory_id", "old_memory", "new_memory", "new_value", "event", "is_deleted"):
		return firstHistory, true
	case c.Has("history", "id", "memory_id", "old_memory", "new_memory", "event", "is_deleted"):
		return pythonHistory, true
	case c.Has("memory_history", "id", "memory_id", "previous_value", "new_value", "action", "is_deleted"):
		return scriptHistory, true
	}
	return 0, false
}

// historyLocations lists where the libraries keep the file: Python's in the product's
// folder, TypeScript's in the current one.
func historyLocations(getenv func(string) string) []string {
	var out []string
	for _, dir := range homes(getenv) {
		out = append(out, filepath.Join(dir, "history.db"))
	}
	return append(out, "memory.db")
}
