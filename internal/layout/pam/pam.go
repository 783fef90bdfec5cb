// Package pam holds the layout of bundles of Portable AI Memory 1.0
// (portable-ai-memory.org): a folder with memory-store.json and, if there are vectors,
// embeddings.json.
//
// Records are spelled as the format's own library saves them; one that is not has its text
// beside its columns, so that it comes back byte for byte, and so does what stands around
// the records. The format allows no member of anybody's own: memarc's table stands in a
// file of the folder, memarc.jsonl.
package pam

import (
	"context"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// Name is the layout's name.
const Name = "pam"

// engine is the name of the engine in manifests, for folders of such files.
const engine = "bundle"

// version is that of the format.
const version = 1

// The files of a bundle.
const (
	storeFile   = "memory-store.json"
	vectorFile  = "embeddings.json"
	sidecarFile = "memarc.jsonl"
)

// The tables, the first three named as the members that hold their records.
const (
	memories   = "memories"
	relations  = "relations"
	embeddings = "embeddings"
	documents  = "documents" // see document.go
)

// spelling is the text of a record where it is not the one that its columns give, with the
// comma before it.
const spelling = "spelling"

var documentColumns = []string{"name", "parts"}

var memoryForm = &textfile.Form{What: "memory", UTF8: true, Fields: []textfile.Field{
	{Member: "id", Column: "id", Needed: true},
	{Member: "type", Column: "kind", Needed: true},
	{Member: "custom_type", Column: "custom_type"},
	{Member: "status", Column: "status"},
	{Member: "content", Column: "content", Needed: true},
	{Member: "content_hash", Column: "content_hash"},
	{Member: "summary", Column: "summary"},
	{Member: "tags", Column: "tags", Kind: textfile.List},
	{Member: "confidence", Inner: []textfile.Field{
		{Member: "initial", Column: "initial_confidence", Kind: textfile.Number},
		{Member: "current", Column: "confidence", Kind: textfile.Number},
		{Member: "decay_model", Column: "decay_model"},
		{Member: "last_reinforced", Column: "last_reinforced"},
	}},
	{Member: "temporal", Inner: []textfile.Field{
		{Member: "created_at", Column: "created_at"},
		{Member: "updated_at", Column: "updated_at"},
		{Member: "valid_from", Column: "valid_from"},
		{Member: "valid_until", Column: "valid_until"},
		{Member: "superseded_by", Column: "superseded_by"},
	}},
	{Member: "provenance", Inner: []textfile.Field{
		{Member: "platform", Column: "platform"},
		{Member: "platform_user_id", Column: "platform_user_id"},
		{Member: "conversation_ref", Column: "conversation_ref"},
		{Member: "message_ref", Column: "message_ref"},
		{Member: "extraction_method", Column: "extraction_method"},
		{Member: "extracted_at", Column: "extracted_at"},
		{Member: "extractor", Column: "extractor"},
	}},
	{Member: "access", Inner: []textfile.Field{
		{Member: "visibility", Column: "visibility"},
		{Member: "exportable", Column: "exportable", Kind: textfile.Value},
		{Member: "shared_with", Column: "shared_with", Kind: textfile.Value},
	}},
	{Member: "embedding_ref", Column: "embedding_ref"},
	{Member: "metadata", Column: "metadata", Kind: textfile.Object},
}}

var relationForm = &textfile.Form{What: "relation", UTF8: true, Fields: []textfile.Field{
	{Member: "id", Column: "id", Needed: true},
	{Member: "from", Column: "from", Needed: true},
	{Member: "to", Column: "to", Needed: true},
	{Member: "type", Column: "type", Needed: true},
	{Member: "confidence", Column: "confidence", Kind: textfile.Number},
	{Member: "created_at", Column: "created_at"},
}}

var vectorForm = &textfile.Form{What: "embedding", UTF8: true, Fields: []textfile.Field{
	{Member: "id", Column: "embedding_id", Needed: true},
	{Member: "memory_id", Column: "memory_id", Needed: true},
	{Member: "model", Column: "model", Needed: true},
	{Member: "dimensions", Column: "dimensions", Kind: textfile.Number},
	{Member: "created_at", Column: "created_at"},
	{Member: "vector", Column: "vector", Kind: textfile.Value},
	{Member: "storage", Column: "storage", Kind: textfile.Object},
}}

func definitions(f *textfile.Form) []store.ColumnDef {
	out := append(f.Definitions(), store.ColumnDef{Name: spelling, Decl: "TEXT"})
	for i := range out {
		if out[i].Name == "vector" {
			out[i].Decl = "" // a BLOB of f32, or a text that is no such
		}
	}
	return out
}

var schema = &store.Schema{Tables: []store.TableDef{
	{Name: memories, Columns: definitions(memoryForm)},
	{Name: relations, Columns: definitions(relationForm)},
	{Name: embeddings, Columns: definitions(vectorForm), Constraints: []store.Statement{{SQL: "PRIMARY KEY (memory_id, model)"}}},
	{Name: documents, Columns: []store.ColumnDef{{Name: "name", Decl: "TEXT PRIMARY KEY NOT NULL"}, {Name: "parts", Decl: "TEXT NOT NULL"}}},
}}

// Layout returns the layout for the registry.
func Layout() *store.Layout {
	return &store.Layout{
		Name: Name, Engines: []string{engine}, Latest: version, Schema: schema, Maps: tableMaps,
		Fixed:  []string{documents},
		Spaces: &store.SpacesFrom{Tables: []string{embeddings}, Space: "model", Dimension: "dimensions"},
		Detect: func(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
			return version, c.Has(memories, memoryForm.Columns()...) && c.Has(relations, relationForm.Columns()...) && c.Has(documents, documentColumns...)
		},
	}
}

// Format returns the format of the files.
func Format() *store.FileFormat {
	return &store.FileFormat{
		Name: Name, Engine: engine, Layout: Name, Endings: []string{".json", ".jsonl"}, Folder: true, Sidecar: true,
		Schema: schema, Version: version,
		Is: isBundle, Read: read, Write: write, Normal: normal, Fits: fits,
	}
}

// pydantic is the lens for times as the format's library writes them.
const pydantic = "time-pydantic"

var tableMaps = []store.TableMap{
	{Table: memories, Section: format.Memories, Updated: "updated_at", Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "text"},
		{Column: "kind", Field: "kind", Lens: "text", Make: makeKind},
		{Column: "custom_type", Lens: "text"},
		{Column: "status", Field: "state", Lens: "text", Make: makeStatus},
		{Column: "content", Field: "content", Lens: "text", Make: makeContent},
		{Column: "content_hash", Lens: "text"},
		{Column: "summary", Field: "summary", Lens: "text", Make: makeSummary},
		{Column: "tags", Field: "tags", Lens: "json-list-python", Make: makeTags},
		{Column: "confidence", Field: "confidence", Lens: "real", Make: makeShare},
		{Column: "last_reinforced", Lens: "text"},
		{Column: "created_at", Field: "created_at", Lens: pydantic, Make: makeCreated},
		{Column: "updated_at", Field: "updated_at", Lens: pydantic, Make: makeUpdated},
		{Column: "valid_from", Field: "valid_from", Lens: pydantic, Make: moment("valid_from")},
		{Column: "valid_until", Field: "valid_until", Lens: pydantic, Make: makeUntil},
		{Column: "platform", Field: "source", Lens: "text", Make: makePlatform},
		{Column: "platform_user_id", Field: "owner", Lens: "text"},
		// The library refuses a conversation that the store does not list.
		{Column: "conversation_ref", Field: "session", Lens: "text", Make: nothing},
		{Column: "visibility", Field: "visibility", Lens: "text", Make: makeVisibility},
		{Column: "exportable", Lens: "text", Make: whereVisible("true")}, // the library adds both
		{Column: "shared_with", Lens: "text", Make: whereVisible("[]")},
		{Column: "metadata", Field: "metadata", Lens: "json", Make: makeMetadata},
	}},
	{Table: relations, Section: format.Relations, Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "text", Make: makeRelationID},
		{Column: "from", Field: "source_id", Lens: "text"},
		{Column: "to", Field: "target_id", Lens: "text"},
		{Column: "type", Field: "type", Lens: "text", Make: makeRelation},
		{Column: "confidence", Field: "confidence", Lens: "real", Make: makeShare},
		{Column: "created_at", Field: "created_at", Lens: pydantic, Make: makeCreated},
	}},
	{Table: embeddings, Section: format.Embeddings, Columns: []store.ColumnMap{
		{Column: "memory_id", Field: "memory_id", Lens: "text"},
		{Column: "model", Field: "space", Lens: "text", Make: makeModel},
		{Column: "dimensions", Field: "dimension", Lens: "int", Make: makeDimensions},
		{Column: "vector", Field: "vector", Lens: "f32"},
		{Column: "created_at", Field: "created_at", Lens: pydantic, Make: makeCreated},
		{Column: "embedding_id", Lens: "text", Make: func(field fields) format.Value { return field("memory_id") }},
	}},
}
