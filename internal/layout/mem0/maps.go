package mem0

import (
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A dialect is how one of the libraries names the members of a payload.
type dialect uint8

const (
	snake dialect = iota // Python
	camel                // TypeScript
)

// members are those of a payload that the product knows, as the Python library calls them,
// in the order in which the TypeScript library writes them: PostgreSQL has one of its own.
// What a memory holds beside them is metadata, which stands first.
var members = []struct {
	name, camel string
	// old are names that the TypeScript library reads, and wrote once.
	old  []string
	kind store.Kind
}{
	{name: store.OtherMembers},
	{name: "user_id", old: []string{"userId"}},
	{name: "agent_id", old: []string{"agentId"}},
	{name: "run_id", old: []string{"runId"}},
	{name: "actor_id"},
	{name: "role"},
	{name: "memory_type"},
	{name: "expiration_date"},
	{name: "data"},
	{name: "text_lemmatized", camel: "textLemmatized"},
	{name: "hash"},
	{name: "created_at", camel: "createdAt"},
	{name: "updated_at", camel: "updatedAt"},
	{name: "attributed_to", camel: "attributedTo"},
	// Of entities, which have neither hash nor times.
	{name: "entity_type", camel: "entityType"},
	{name: "linked_memory_ids", camel: "linkedMemoryIds", kind: store.Document},
}

// payload describes the payloads of a table, whose rows the library of the dialect writes
// and the other may have written.
func payload(table string, d dialect, spelling store.Spelling) store.JSONColumn {
	out := store.JSONColumn{Table: table, Column: "payload", Spelling: spelling}
	for _, m := range members {
		one := store.Member{Name: m.name, Kind: m.kind, Also: m.old}
		if one.Kind == store.Null {
			one.Kind = store.Text
		}
		switch {
		case m.camel != "" && d == camel:
			one.Key, one.Also = m.camel, []string{m.name}
		case m.camel != "":
			one.Also = []string{m.camel}
		}
		out.Members = append(out.Members, one)
	}
	return out
}

// forms are the lenses by which an engine keeps what the other keeps otherwise, and what
// its columns take.
type forms struct {
	text, json, vector, time string
	unit                     int64 // nanoseconds of the last digit of a time
	blank                    bool  // a memory without a vector has an empty one
	mint                     *store.Mint
	refers                   string
	// clean makes of a text what the engine takes.
	clean func(string) string
}

var (
	inSQLite = forms{text: "text", json: "json", vector: "f32", time: "time-millis-z", unit: 1_000_000, blank: true,
		clean: func(s string) string { return s }}
	inPostgres = forms{text: "text-no-nul", json: "jsonb", vector: "pgvector", time: "time-python", unit: 1_000,
		mint: &store.Mint{Of: makeID}, refers: format.Memories, clean: withoutNUL}
)

// memoryMaps says which members of the payloads of a table are which fields.
func memoryMaps(table string, in forms) []store.TableMap {
	at := func(member string) string { return "payload." + member }
	text := func(member, field string, make maker) store.ColumnMap {
		return store.ColumnMap{Column: at(member), Field: field, Lens: in.text, Make: others(make)}
	}
	own := func(member string, make maker) store.ColumnMap { return text(member, Name+"."+member, make) }
	time := func(member string, make maker) store.ColumnMap {
		return store.ColumnMap{Column: at(member), Field: member, Lens: in.time, Make: others(make)}
	}
	return []store.TableMap{
		{Table: table, Section: format.Memories, Updated: at("updated_at"), Columns: []store.ColumnMap{
			{Column: "id", Field: "id", Lens: in.text, Mint: in.mint},
			text("data", "content", in.makeData),
			text("user_id", "owner", makeUser),
			text("agent_id", "agent", scope("agent")),
			text("run_id", "session", scope("session")),
			time("created_at", in.moment("created_at", "updated_at")),
			time("updated_at", in.moment("updated_at", "created_at")),
			{Column: at(store.OtherMembers), Field: "metadata", Lens: in.json}, // never what is a member of its own
			own("hash", in.makeHash),
			own("text_lemmatized", in.makeLemmas),
			own("actor_id", nil), own("role", nil), own("memory_type", nil), own("expiration_date", nil),
			own("attributed_to", nil), own("entity_type", nil),
			{Column: at("linked_memory_ids"), Field: Name + ".linked_memory_ids", Lens: in.json},
			{Column: "payload", Field: Name + ".payload", Lens: in.text},
		}},
		{Table: table, Section: format.Embeddings, Part: true, Optional: true, Columns: []store.ColumnMap{
			{Column: "id", Field: "memory_id", Lens: in.text, Refers: in.refers},
			{Column: "vector", Field: "vector", Lens: in.vector, Blank: in.blank},
		}},
	}
}
