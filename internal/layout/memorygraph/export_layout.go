package memorygraph

import (
	"context"

	"github.com/memarc/memarc/internal/store"
)

// The product's own exports hold some of what its databases do. Their members have the
// names of the databases' columns, so that the maps are the same.

// other is a column for what of a record the columns do not say, as a JSON object.
const other = "other"

// header is the table of a JSON export's members beside the records.
const header = "export"

// exportVersion is the format_version that is written.
const exportVersion = 2

// Export returns the layout of the product's JSON exports for the registry.
func Export() *store.Layout {
	return &store.Layout{
		Name: Name, Engines: []string{"file"}, Latest: exportVersion,
		Schema: exportSchema, Maps: sqliteMaps,
		Detect: func(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
			return exportVersion, c.Has("nodes", "id", "properties.title", other) && c.Has("relationships", "id", "from_id") && c.Has(header, "member")
		},
	}
}

// exportSchema has for numbers columns of no type: a file may say 1 or 1.0.
var exportSchema = &store.Schema{Tables: []store.TableDef{
	{Name: "nodes", Columns: definitions(memoryForm)},
	{Name: "relationships", Columns: append(definitions(edgeForm), store.ColumnDef{Name: "valid_until", Decl: "TEXT"}),
		// The order in which edges are looked for; some have no identifier.
		Constraints: []store.Statement{{SQL: "UNIQUE (from_id, to_id, rel_type, id)"}}},
	{Name: header, Columns: []store.ColumnDef{{Name: "member", Decl: "TEXT PRIMARY KEY NOT NULL"}, {Name: "value", Decl: "TEXT NOT NULL"}}},
}}

// A kind is what the value of a member is.
type kind uint8

const (
	aText kind = iota
	aNumber
	aList    // of strings; its cell is the JSON text of the list, as in the databases
	anObject // its cell is the JSON text
)

// A field is a member of a record and the column that it is.
type field struct {
	member, column string
	kind           kind
	needed         bool
	// null says that the product writes null where there is no value.
	null bool
}

// A form says of which members a record is made. Those of one member that is an object
// are columns too.
type form struct {
	what   string // for messages
	fields []field
	nested string
	inner  []field
}

var memoryForm = &form{what: "memory",
	fields: []field{
		{"id", "id", aText, true, false},
		{"type", "properties.type", aText, false, false},
		{"title", "properties.title", aText, false, false},
		{"content", "properties.content", aText, false, false},
		{"summary", "properties.summary", aText, false, true},
		{"tags", "properties.tags", aList, false, false},
		{"importance", "properties.importance", aNumber, false, false},
		{"confidence", "properties.confidence", aNumber, false, false},
		{"created_at", "properties.created_at", aText, false, false},
		{"updated_at", "properties.updated_at", aText, false, false},
	},
	nested: "context",
	inner: []field{
		{"project_path", "properties.context_project_path", aText, false, false},
		{"files_involved", "properties.context_files_involved", aList, false, false},
		{"languages", "properties.context_languages", aList, false, false},
		{"frameworks", "properties.context_frameworks", aList, false, false},
		{"technologies", "properties.context_technologies", aList, false, false},
		{"additional_metadata", "properties.context_additional_metadata", anObject, false, false},
	},
}

var edgeForm = &form{what: "relationship",
	fields: []field{
		{"id", "id", aText, false, false},
		{"from_memory_id", "from_id", aText, true, false},
		{"to_memory_id", "to_id", aText, true, false},
		{"type", "rel_type", aText, true, false},
	},
	nested: "properties",
	inner: []field{
		{"strength", "properties.strength", aNumber, false, false},
		{"confidence", "properties.confidence", aNumber, false, false},
		{"context", "properties.context", aText, false, true},
		{"evidence_count", "properties.evidence_count", aNumber, false, false},
	},
}

// all are the fields in the order of the columns.
func (f *form) all() []field { return append(append([]field{}, f.fields...), f.inner...) }

func (f *form) columns() (names []string) {
	for _, m := range f.all() {
		names = append(names, m.column)
	}
	return append(names, other)
}

func definitions(f *form) (out []store.ColumnDef) {
	for _, m := range f.all() {
		decl := "TEXT"
		switch {
		case m.kind == aNumber:
			decl = ""
		case m.column == "id" && m.needed:
			decl = "TEXT PRIMARY KEY NOT NULL"
		case m.needed:
			decl = "TEXT NOT NULL"
		}
		out = append(out, store.ColumnDef{Name: m.column, Decl: decl})
	}
	return append(out, store.ColumnDef{Name: other, Decl: "TEXT"})
}
