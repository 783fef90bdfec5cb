package openmemory

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// Every memory has a user and an app. Those of other products that name no user belong to
// the product's default user, and all of them to the default app of that user.
const (
	strangerID    = "0b8a9c5e-6a0f-5d43-9b1e-2f6a4c7d8e90"
	strangerName  = "default_user"
	elsewhereID   = "5c1d7e2a-93b4-5f68-8a0c-d4e6b1f29c37"
	elsewhereName = "openmemory"
)

// adopted are the user and the app of memories of other products, and the users whose
// records have not come along, by what their memories call them.
func adopted(k *kinds) []store.Statement {
	user, app := k.literal(strangerID), k.literal(elsewhereID)
	const users = "INSERT INTO users (id, user_id, name, metadata, created_at, updated_at) SELECT "
	times := "'{}', " + k.epochLiteral + ", " + k.epochLiteral
	return []store.Statement{
		{Object: "users", SQL: users + user + ", " + free("users", "user_id", strangerName, strangerID) + ", 'Default User', " + times +
			" WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = " + user + ")"},
		{Object: "apps", SQL: "INSERT INTO apps (id, owner_id, name, metadata, is_active, created_at, updated_at) SELECT " + app + ", " + user + ", " +
			free("apps", "name", elsewhereName, elsewhereID) + ", '{}', " + k.yes + ", " + k.epochLiteral + ", " + k.epochLiteral +
			" WHERE NOT EXISTS (SELECT 1 FROM apps WHERE id = " + app + ")"},
		// 32 characters are the least that an identifier has that is not damaged.
		{Object: "users", SQL: users + "m.user_id, CAST(m.user_id AS VARCHAR), CAST(m.user_id AS VARCHAR), " + times +
			" FROM (SELECT DISTINCT user_id FROM memories) m WHERE length(CAST(m.user_id AS VARCHAR)) >= 32 AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = m.user_id)"},
	}
}

// free is a name, or another if a row has it.
func free(table, column, name, other string) string {
	return fmt.Sprintf("CASE WHEN EXISTS (SELECT 1 FROM %s WHERE %s = '%s') THEN '%s' ELSE '%s' END", table, column, name, other, name)
}

// states are those that a memory may be in.
var states = []string{"active", "paused", "archived", "deleted"}

// fields gives the fields of a record of another product by name.
type fields = func(name string) format.Value

// textOf is a field as a string, "" if it is null.
func textOf(v format.Value) string {
	if v.Type != format.Text {
		return ""
	}
	return string(v.Bytes)
}

// through lets a value that was made pass the lens of its column, which knows what the
// engine refuses.
func through(name string, made func(fields) format.Value) func(fields) format.Value {
	return func(field fields) format.Value { return put(name, made(field)) }
}

// put is the native value that a lens makes of a text.
func put(name string, v format.Value) format.Value {
	l, err := lens.ByName(name)
	if err != nil { // the map that names it is refused before a record comes
		return format.Value{}
	}
	var field format.Column
	field.Reset(l.Type)
	field.AppendBytes(v.Bytes)
	cells := store.NewRows(1).Columns
	l.Put(&field, 0, &cells[0])
	return cells[0].Value(0)
}

// makeHandle is the name by which the product knows a user, which is never empty.
func makeHandle(field fields) format.Value {
	for _, name := range []string{"handle", "display_name"} {
		if s := strings.TrimSpace(textOf(field(name))); s != "" {
			return format.TextValue(s)
		}
	}
	return format.TextValue(textOf(field("id")))
}

// handles: those of all users are different.
var handles = &store.Apart{Mark: func(handle, id string) string { return handle + " (" + identity(id) + ")" }}

// makeState keeps to the states that the product knows: of any other it cannot read the
// table.
func makeState(field fields) format.Value {
	if s := textOf(field("state")); slices.Contains(states, s) {
		return format.TextValue(s)
	}
	return format.TextValue(states[0])
}

// only is a field if it is a state, and NULL if not: an event that is no change of state
// is refused by the table, and the sidecar holds it.
func only(name string) func(fields) format.Value {
	return func(field fields) format.Value {
		if s := textOf(field(name)); slices.Contains(states, s) {
			return format.TextValue(s)
		}
		return format.Value{}
	}
}

// makeMetadata is an object in any case.
func makeMetadata(field fields) format.Value {
	v := field("metadata")
	var object map[string]json.RawMessage
	if v.Type == format.JSON && json.Unmarshal(v.Bytes, &object) == nil && object != nil {
		return format.TextValue(string(v.Bytes))
	}
	return format.TextValue("{}")
}
