package openmemory

import (
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// kinds are an engine's declarations of the kinds of columns and the lenses by which it
// keeps them.
type kinds struct {
	of map[kind]declaration
	// later says that references are created once all rows are there.
	later bool
	// epoch is the native value of the least time, and its literal.
	epoch        format.Value
	epochLiteral string
	// yes is the literal of true.
	yes string
}

type declaration struct{ declared, lens string }

var sqliteKinds = &kinds{
	of: map[kind]declaration{
		uuid: {"UUID", "uuid-numeric"}, text: {"VARCHAR", "text"}, document: {"JSON", "json"}, moment: {"DATETIME", "time-sqlalchemy"},
		boolean: {"BOOLEAN", "int-bool"}, integer: {"INTEGER", "int"}, state: {"VARCHAR(8)", "text"},
	},
	epoch: format.TextValue("1970-01-01 00:00:00.000000"), epochLiteral: "'1970-01-01 00:00:00.000000'", yes: "1",
}

var postgresKinds = &kinds{
	of: map[kind]declaration{
		uuid: {"UUID", "text"}, text: {"VARCHAR", "text-no-nul"}, document: {"JSON", "json"}, moment: {"TIMESTAMP WITHOUT TIME ZONE", "unix-micros"},
		boolean: {"BOOLEAN", "int-bool"}, integer: {"INTEGER", "int"}, state: {"memorystate", "text-no-nul"},
	},
	later: true,
	epoch: format.IntValue(0), epochLiteral: "'1970-01-01 00:00:00'", yes: "true",
}

// maps says which columns are which fields, in both engines the same.
func maps(k *kinds) []store.TableMap {
	lens := func(kind kind) string { return k.of[kind].lens }
	own := &store.Mint{Of: func(id string) format.Value { return k.native(identity(id)) }}
	nobody, nowhere := k.native(strangerID), k.native(elsewhereID)
	out := []store.TableMap{
		{Table: "users", Section: format.Users, Updated: "updated_at", Columns: []store.ColumnMap{
			{Column: "id", Field: "id", Lens: lens(uuid), Mint: own},
			{Column: "user_id", Field: "handle", Lens: lens(text), Make: through(lens(text), makeHandle), Apart: handles},
			{Column: "name", Field: "display_name", Lens: lens(text), Else: []string{"handle"}},
			{Column: "created_at", Field: "created_at", Lens: lens(moment), Default: &k.epoch},
			{Column: "metadata", Field: "metadata", Lens: lens(document), Make: makeMetadata},
			{Column: "updated_at", Lens: lens(moment), Default: &k.epoch},
		}},
		{Table: "memories", Section: format.Memories, Updated: "updated_at", Columns: []store.ColumnMap{
			{Column: "id", Field: "id", Lens: lens(uuid), Mint: own},
			{Column: "content", Field: "content", Lens: lens(text), Else: []string{"summary", "title"}, Default: &format.Value{Type: format.Text}},
			{Column: "user_id", Field: "owner", Lens: lens(uuid), Refers: format.Users, Default: &nobody},
			{Column: "state", Field: "state", Lens: lens(state), Make: makeState},
			{Column: "created_at", Field: "created_at", Lens: lens(moment), Else: []string{"updated_at"}, Default: &k.epoch},
			{Column: "updated_at", Field: "updated_at", Lens: lens(moment), Else: []string{"created_at"}, Default: &k.epoch},
			{Column: "metadata", Field: "metadata", Lens: lens(document), Make: makeMetadata},
			{Column: "app_id", Lens: lens(uuid), Default: &nowhere},
		}},
		{Table: "memory_status_history", Section: format.Events, Columns: []store.ColumnMap{
			{Column: "id", Field: "id", Lens: lens(uuid), Mint: own},
			{Column: "memory_id", Field: "memory_id", Lens: lens(uuid), Refers: format.Memories},
			{Column: "changed_by", Field: "actor", Lens: lens(uuid), Refers: format.Users, Default: &nobody},
			{Column: "old_state", Field: "before", Lens: lens(state), Make: only("before")},
			{Column: "new_state", Field: "after", Lens: lens(state), Make: only("after")},
			{Column: "changed_at", Field: "at", Lens: lens(moment), Default: &k.epoch},
		}},
	}
	for _, t := range tables {
		at := slices.IndexFunc(out, func(m store.TableMap) bool { return m.Table == t.name })
		if at < 0 {
			at = len(out)
			out = append(out, store.TableMap{Table: t.name})
		}
		for _, c := range t.columns {
			if !slices.ContainsFunc(out[at].Columns, func(have store.ColumnMap) bool { return have.Column == c.name }) {
				out[at].Columns = append(out[at].Columns, store.ColumnMap{Column: c.name, Lens: lens(c.kind)})
			}
		}
	}
	return out
}
