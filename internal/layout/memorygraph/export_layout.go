package memorygraph

import (
	"context"

	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// The product's own exports hold some of what its databases do. Their members have the
// names of the databases' columns, so that the maps are the same.

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
			return exportVersion, c.Has("nodes", "id", "properties.title", textfile.Other) && c.Has("relationships", "id", "from_id") && c.Has(header, "member")
		},
	}
}

// exportSchema has for numbers columns of no type: a file may say 1 or 1.0.
var exportSchema = &store.Schema{Tables: []store.TableDef{
	{Name: "nodes", Columns: memoryForm.Definitions()},
	{Name: "relationships", Columns: append(edgeForm.Definitions(), store.ColumnDef{Name: "valid_until", Decl: "TEXT"}),
		// The order in which edges are looked for; some have no identifier.
		Constraints: []store.Statement{{SQL: "UNIQUE (from_id, to_id, rel_type, id)"}}},
	{Name: header, Columns: []store.ColumnDef{{Name: "member", Decl: "TEXT PRIMARY KEY NOT NULL"}, {Name: "value", Decl: "TEXT NOT NULL"}}},
}}

var memoryForm = &textfile.Form{What: "memory",
	Fields: []textfile.Field{
		{Member: "id", Column: "id", Needed: true},
		{Member: "type", Column: "properties.type"},
		{Member: "title", Column: "properties.title"},
		{Member: "content", Column: "properties.content"},
		{Member: "summary", Column: "properties.summary", Null: true},
		{Member: "tags", Column: "properties.tags", Kind: textfile.List},
		{Member: "importance", Column: "properties.importance", Kind: textfile.Number},
		{Member: "confidence", Column: "properties.confidence", Kind: textfile.Number},
		{Member: "created_at", Column: "properties.created_at"},
		{Member: "updated_at", Column: "properties.updated_at"},
		{Member: "context", Inner: []textfile.Field{
			{Member: "project_path", Column: "properties.context_project_path"},
			{Member: "files_involved", Column: "properties.context_files_involved", Kind: textfile.List},
			{Member: "languages", Column: "properties.context_languages", Kind: textfile.List},
			{Member: "frameworks", Column: "properties.context_frameworks", Kind: textfile.List},
			{Member: "technologies", Column: "properties.context_technologies", Kind: textfile.List},
			{Member: "additional_metadata", Column: "properties.context_additional_metadata", Kind: textfile.Object},
		}},
	},
}

var edgeForm = &textfile.Form{What: "relationship",
	Fields: []textfile.Field{
		{Member: "id", Column: "id"},
		{Member: "from_memory_id", Column: "from_id", Needed: true},
		{Member: "to_memory_id", Column: "to_id", Needed: true},
		{Member: "type", Column: "rel_type", Needed: true},
		{Member: "properties", Inner: []textfile.Field{
			{Member: "strength", Column: "properties.strength", Kind: textfile.Number},
			{Member: "confidence", Column: "properties.confidence", Kind: textfile.Number},
			{Member: "context", Column: "properties.context", Null: true},
			{Member: "evidence_count", Column: "properties.evidence_count", Kind: textfile.Number},
		}},
	},
}
