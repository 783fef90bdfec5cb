package mcpmemory

import (
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// epoch stands for a time that nobody knows, for columns that must have one.
var epoch = realDefault(0)

// contentFields are what becomes the content, in this order.
var contentFields = []string{"content", "summary", "title"}

// What becomes a memory's times, in this order.
var (
	createdFields = []string{"created_at", "updated_at", "accessed_at"}
	updatedFields = []string{"updated_at", "created_at", "accessed_at"}
)

// maps: a memory is known by the hash of its content, which is also what relations say.
// When it was deleted is from when on the store may forget it.
var maps = []store.TableMap{
	{Table: "memories", Section: format.Memories, Updated: "updated_at", Columns: []store.ColumnMap{
		{Column: "content_hash", Field: "id", Lens: "text", Mint: &store.Mint{Propose: makeHash}},
		{Column: "content", Field: "content", Lens: "text", Else: contentFields[1:], Default: textDefault("")},
		{Column: "memory_type", Field: "kind", Lens: "text", Default: textDefault("observation")},
		{Column: "tags", Field: "tags", Lens: "comma-list", Make: makeTags},
		{Column: "confidence", Field: "confidence", Lens: "real", Default: realDefault(1)},
		{Column: "store", Field: "namespace", Lens: "text", Make: makeStore},
		{Column: "deleted_at", Field: "expires_at", Lens: "unix-float", Make: makeNothing},
		{Column: "last_accessed", Field: "accessed_at", Lens: "unix"},
		{Column: "created_at", Field: "created_at", Lens: "unix-float", Else: createdFields[1:], Default: epoch},
		{Column: "updated_at", Field: "updated_at", Lens: "unix-float", Else: updatedFields[1:], Default: epoch},
		{Column: "created_at_iso", Lens: "text", Make: makeISO(createdFields)},
		{Column: "updated_at_iso", Lens: "text", Make: makeISO(updatedFields)},
		{Column: "metadata", Field: "metadata", Lens: "json", Default: textDefault("{}")},
	}},
	{Table: "memory_embeddings", Section: format.Embeddings, Columns: []store.ColumnMap{
		{Column: "rowid.content_hash", Field: "memory_id", Lens: "text", Refers: format.Memories},
		{Column: "content_embedding", Field: "vector", Lens: "f32"},
		{Column: "store", Lens: "text", Default: textDefault(defaultStore)},
	}},
	{Table: "memory_graph", Section: format.Relations, Columns: []store.ColumnMap{
		{Column: "source_hash", Field: "source_id", Lens: "text", Refers: format.Memories},
		{Column: "target_hash", Field: "target_id", Lens: "text", Refers: format.Memories},
		{Column: "relationship_type", Field: "type", Lens: "text", Default: textDefault("related")},
		{Column: "similarity", Field: "weight", Lens: "real", Make: makeSimilarity},
		{Column: "created_at", Field: "created_at", Lens: "unix-float", Else: []string{"updated_at", "recorded_at"}, Default: epoch},
		{Column: "connection_types", Lens: "text", Default: textDefault(`["semantic"]`)},
		{Column: "metadata", Field: "metadata", Lens: "json", Default: textDefault("{}")},
	}},
}
