package aimemory

import (
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// kinds are the lenses by which an engine keeps what the other keeps otherwise, and
// the native value of the least time.
type kinds struct {
	text, moment, document, list, vector string
	epoch                                *format.Value
}

// chrono is how the product writes times as text: DateTime<Utc>::to_rfc3339.
const chrono = "time-rfc3339"

// canonical is how it writes, from version 86 on, how long a claim holds.
const canonical = "time-micros-z"

var (
	sqliteKinds = kinds{text: "text", moment: chrono, document: "json", list: "json-list", vector: "f32-header",
		epoch: textDefault("1970-01-01T00:00:00+00:00")}
	pgKinds = kinds{text: "text-no-nul", moment: "unix-micros", document: "jsonb", list: "string-array", vector: "pgvector",
		epoch: intDefault(0)}
)

func textDefault(s string) *format.Value { v := format.TextValue(s); return &v }
func intDefault(i int64) *format.Value   { v := format.IntValue(i); return &v }

// maps says which columns are which fields, in both engines the same.
func maps(k kinds) []store.TableMap {
	out := []store.TableMap{
		{Table: "memories", Section: format.Memories, Updated: "updated_at", Columns: []store.ColumnMap{
			{Column: "id", Field: "id", Lens: k.text},
			{Column: "title", Field: "title", Lens: k.text, Make: through(k.text, makeTitle), Apart: titles},
			{Column: "content", Field: "content", Lens: k.text, Else: []string{"summary", "title"}, Default: textDefault("")},
			{Column: "memory_kind", Field: "kind", Lens: k.text, Default: textDefault("observation")},
			{Column: "tags", Field: "tags", Lens: k.list, Default: textDefault("[]")},
			{Column: "priority", Field: "importance", Lens: "priority-10", Default: intDefault(5)},
			{Column: "confidence", Field: "confidence", Lens: "real", Make: makeConfidence},
			{Column: "namespace", Field: "namespace", Lens: k.text, Make: through(k.text, makeNamespace)},
			{Column: "source", Field: "source", Lens: k.text, Default: textDefault("import")},
			{Column: "lifecycle_state", Field: "state", Lens: k.text, Make: through(k.text, makeState)},
			{Column: "valid_from", Field: "valid_from", Lens: canonical},
			{Column: "valid_until", Field: "valid_until", Lens: canonical},
			{Column: "expires_at", Field: "expires_at", Lens: k.moment},
			{Column: "access_count", Field: "access_count", Lens: "int", Default: intDefault(0)},
			{Column: "last_accessed_at", Field: "accessed_at", Lens: k.moment},
			{Column: "created_at", Field: "created_at", Lens: k.moment, Else: []string{"updated_at", "accessed_at"}, Default: k.epoch},
			{Column: "updated_at", Field: "updated_at", Lens: k.moment, Else: []string{"created_at", "accessed_at"}, Default: k.epoch},
			{Column: "metadata", Field: "metadata", Lens: k.document, Make: through(k.document, makeMetadata)},
			// Memories of tier long do not expire by themselves.
			{Column: "tier", Field: "tier", Lens: k.text, Default: textDefault("long")},
		}},
		{Table: "memories", Section: format.Embeddings, Part: true, Optional: true, Columns: []store.ColumnMap{
			{Column: "id", Field: "memory_id", Lens: k.text},
			{Column: "embedding_space", Field: "space", Lens: k.text},
			{Column: "embedding_dim", Field: "dimension", Lens: "int", Make: makeDimension},
			{Column: "embedding", Field: "vector", Lens: k.vector},
		}},
		{Table: "memory_links", Section: format.Relations, Columns: []store.ColumnMap{
			{Column: "source_id", Field: "source_id", Lens: k.text},
			{Column: "target_id", Field: "target_id", Lens: k.text},
			{Column: "relation", Field: "type", Lens: k.text, Make: through(k.text, makeRelation)},
			{Column: "created_at", Field: "created_at", Lens: k.moment, Else: []string{"updated_at", "recorded_at"}, Default: k.epoch},
			{Column: "valid_from", Field: "valid_from", Lens: k.moment},
			{Column: "valid_until", Field: "valid_until", Lens: k.moment},
		}},
	}
	for i := range pgSchema.Tables {
		t := &pgSchema.Tables[i]
		mapped := func(m store.TableMap) bool { return m.Table == t.Name }
		at := slices.IndexFunc(out, mapped)
		var taken []string
		for _, m := range out {
			for _, c := range m.Columns {
				if mapped(m) {
					taken = append(taken, c.Column)
				}
			}
		}
		columns := typed(t, k, taken)
		switch {
		case at >= 0:
			out[at].Columns = append(out[at].Columns, columns...)
		case len(columns) > 0:
			out = append(out, store.TableMap{Table: t.Name, Columns: columns})
		}
	}
	return out
}

// typed names lenses for the columns of a table, other than those taken. What a text
// of SQLite means, the type of the same column in PostgreSQL says.
func typed(t *store.TableDef, k kinds, taken []string) []store.ColumnMap {
	var out []store.ColumnMap
	for _, c := range t.Columns {
		lens := ""
		switch declared, _, _ := strings.Cut(c.Decl, " "); {
		case strings.Contains(c.Decl, "GENERATED ALWAYS"):
			// Never written.
		case declared == "TEXT":
			lens = k.text
		case declared == "TIMESTAMPTZ":
			lens = k.moment
		case declared == "JSONB":
			lens = k.document
		case declared == "BOOLEAN":
			lens = "int-bool"
		case strings.HasPrefix(declared, "vector"):
			lens = k.vector
		}
		if lens != "" && !slices.Contains(taken, c.Name) {
			out = append(out, store.ColumnMap{Column: c.Name, Field: c.Name, Lens: lens})
			taken = append(taken, c.Name)
		}
	}
	return out
}
