package mcpmemory

import (
	"fmt"

	"github.com/memarc/memarc/internal/store"
)

// schema is the product's reference schema by the numbers of its migrations (8 to 19, of
// which 13 and 14 are none of this store's), as release 12.4.0 makes it. What stands there
// since 7 came before; stores of old releases lack some of it.
var schema = &store.Schema{
	Tables: []store.TableDef{
		{Name: "metadata", Columns: []store.ColumnDef{
			{Name: "key", Decl: "TEXT PRIMARY KEY"},
			{Name: "value", Decl: "TEXT NOT NULL"},
		}},
		{Name: "memories", Columns: []store.ColumnDef{
			{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
			{Name: "content_hash", Decl: "TEXT UNIQUE NOT NULL"},
			{Name: "content", Decl: "TEXT NOT NULL"},
			{Name: "tags", Decl: "TEXT"},
			{Name: "memory_type", Decl: "TEXT"},
			{Name: "metadata", Decl: "TEXT"},
			{Name: "created_at", Decl: "REAL"},
			{Name: "updated_at", Decl: "REAL"},
			{Name: "created_at_iso", Decl: "TEXT"},
			{Name: "updated_at_iso", Decl: "TEXT"},
			{Name: "deleted_at", Decl: "REAL DEFAULT NULL"},
			{Name: "store", Decl: "TEXT DEFAULT 'default'"},
			{Name: "parent_id", Decl: "TEXT", Since: 11},
			{Name: "version", Decl: "INTEGER DEFAULT 1", Since: 11},
			{Name: "confidence", Decl: "REAL DEFAULT 1.0", Since: 11},
			{Name: "last_accessed", Decl: "INTEGER", Since: 11},
			{Name: "superseded_by", Decl: "TEXT", Since: 11},
			{Name: "embedding_pending", Decl: "INTEGER NOT NULL DEFAULT 0", Since: 17},
		}},
		{Name: "memory_embeddings", Module: "vec0", Columns: []store.ColumnDef{
			{Name: "content_embedding", Decl: "FLOAT[" + store.DimensionMark + "] distance_metric=cosine"},
			{Name: "store", Decl: "TEXT partition key"},
		}},
		{Name: "migration_registry", Since: 8, Columns: []store.ColumnDef{
			{Name: "version", Decl: "INTEGER PRIMARY KEY"},
			{Name: "name", Decl: "TEXT NOT NULL"},
			{Name: "filename", Decl: "TEXT NOT NULL"},
			{Name: "applied_at", Decl: "TEXT NOT NULL"},
			{Name: "checksum", Decl: "TEXT"},
		}},
		{Name: "memory_graph", Since: 8, Columns: []store.ColumnDef{
			{Name: "source_hash", Decl: "TEXT NOT NULL"},
			{Name: "target_hash", Decl: "TEXT NOT NULL"},
			{Name: "similarity", Decl: "REAL NOT NULL"},
			{Name: "connection_types", Decl: "TEXT NOT NULL"},
			{Name: "metadata", Decl: "TEXT"},
			{Name: "created_at", Decl: "REAL NOT NULL"},
			{Name: "relationship_type", Decl: "TEXT DEFAULT 'related'", Since: 9},
		}, Constraints: []store.Statement{{SQL: "PRIMARY KEY (source_hash, target_hash)"}}},
		{Name: "beliefs", Since: 12, Columns: []store.ColumnDef{
			{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
			{Name: "belief_hash", Decl: "TEXT UNIQUE NOT NULL"},
			{Name: "content", Decl: "TEXT NOT NULL"},
			{Name: "confidence", Decl: "REAL NOT NULL DEFAULT 0.5"},
			{Name: "status", Decl: "TEXT NOT NULL DEFAULT 'candidate'"},
			{Name: "created_at", Decl: "TEXT NOT NULL"},
			{Name: "updated_at", Decl: "TEXT NOT NULL"},
			{Name: "derived_from", Decl: "TEXT NOT NULL DEFAULT '[]'"},
			{Name: "contradicted_by", Decl: "TEXT NOT NULL DEFAULT '[]'"},
			{Name: "metadata", Decl: "TEXT DEFAULT '{}'"},
		}},
		{Name: "sync_events", Since: 15, Columns: []store.ColumnDef{
			{Name: "seq", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
			{Name: "schema_version", Decl: "INTEGER NOT NULL DEFAULT 1"},
			{Name: "agent_id", Decl: "TEXT"},
			{Name: "event_id", Decl: "TEXT NOT NULL"},
			{Name: "op", Decl: "TEXT NOT NULL"},
			{Name: "content_hash", Decl: "TEXT NOT NULL"},
			{Name: "payload", Decl: "TEXT NOT NULL"},
			{Name: "created_at", Decl: "REAL NOT NULL"},
			{Name: "created_at_iso", Decl: "TEXT"},
			{Name: "hlc_physical", Decl: "INTEGER", Since: 16},
			{Name: "hlc_logical", Decl: "INTEGER", Since: 16},
			{Name: "embedding_model", Decl: "TEXT", Since: 17},
			{Name: "embedding_dim", Decl: "INTEGER", Since: 17},
		}, Constraints: []store.Statement{{SQL: "UNIQUE(agent_id, event_id)"}}},
		{Name: "sync_cursor", Since: 18, Columns: []store.ColumnDef{
			{Name: "peer_id", Decl: "TEXT PRIMARY KEY"},
			{Name: "last_seq_seen", Decl: "INTEGER NOT NULL DEFAULT 0"},
			{Name: "last_hlc_physical", Decl: "INTEGER"},
			{Name: "last_hlc_logical", Decl: "INTEGER"},
			{Name: "updated_at", Decl: "REAL NOT NULL"},
		}},
		{Name: "push_cursor", Since: 19, Columns: []store.ColumnDef{
			{Name: "peer_id", Decl: "TEXT PRIMARY KEY"},
			{Name: "last_seq_pushed", Decl: "INTEGER NOT NULL DEFAULT 0"},
			{Name: "updated_at", Decl: "REAL NOT NULL"},
		}},
	},
	Objects: objects,
	Seeds:   seeds(),
	Rebuild: []store.Statement{
		{Object: "memory_content_fts", SQL: "INSERT INTO memory_content_fts(memory_content_fts) VALUES('rebuild')"},
	},
}

var objects = []store.ObjectDef{
	index("idx_content_hash", "memories", "content_hash", 0),
	index("idx_created_at", "memories", "created_at", 0),
	index("idx_memory_type", "memories", "memory_type", 0),
	index("idx_deleted_at", "memories", "deleted_at", 0),
	{Name: "memory_content_fts", Table: "memories", SQL: "CREATE VIRTUAL TABLE memory_content_fts USING fts5(content, content='memories', content_rowid='id', tokenize='trigram')"},
	{Name: "memories_fts_ai", Table: "memories", SQL: `CREATE TRIGGER memories_fts_ai AFTER INSERT ON memories
BEGIN
	INSERT INTO memory_content_fts(rowid, content) VALUES (new.id, new.content);
END`},
	{Name: "memories_fts_au", Table: "memories", SQL: `CREATE TRIGGER memories_fts_au AFTER UPDATE ON memories
BEGIN
	DELETE FROM memory_content_fts WHERE rowid = old.id;
	INSERT INTO memory_content_fts(rowid, content) VALUES (new.id, new.content);
END`},
	{Name: "memories_fts_ad", Table: "memories", SQL: `CREATE TRIGGER memories_fts_ad AFTER DELETE ON memories
BEGIN
	DELETE FROM memory_content_fts WHERE rowid = old.id;
END`},
	index("idx_graph_source", "memory_graph", "source_hash", 8),
	index("idx_graph_target", "memory_graph", "target_hash", 8),
	index("idx_graph_relationship", "memory_graph", "relationship_type", 9),
	index("idx_beliefs_status", "beliefs", "status", 12),
	index("idx_beliefs_confidence", "beliefs", "confidence", 12),
	index("idx_sync_events_hash", "sync_events", "content_hash", 15),
	index("idx_sync_events_seq", "sync_events", "seq", 15),
	index("idx_sync_events_op", "sync_events", "op, content_hash", 15),
	index("idx_sync_events_hlc", "sync_events", "hlc_physical, hlc_logical, agent_id, event_id", 16),
	index("idx_memories_embedding_pending", "memories", "embedding_pending", 17),
	index("idx_sync_cursor_updated", "sync_cursor", "updated_at", 18),
	index("idx_push_cursor_updated", "push_cursor", "updated_at", 19),
}

func index(name, table, columns string, since int) store.ObjectDef {
	return store.ObjectDef{Name: name, Table: table, SQL: "CREATE INDEX " + name + " ON " + table + "(" + columns + ")", Since: since}
}

// migrations are the files that the product's runner knows, by version.
var migrations = []struct {
	version int
	name    string
}{
	{8, "add_graph_table"}, {9, "add_relationship_type"}, {10, "fix_asymmetric_relationships"}, {11, "memory_evolution_p1"},
	{12, "add_belief_store"}, {15, "add_sync_events"}, {16, "add_hlc_to_sync_events"}, {17, "add_embedding_consistency"},
	{18, "add_sync_cursor"}, {19, "add_push_cursor"},
}

// seedTime stands for the time at which a new store's migrations were applied.
const seedTime = "2026-01-01T00:00:00+00:00"

// seeds are the rows that a store has directly after its creation.
func seeds() []store.Statement {
	out := []store.Statement{{SQL: "INSERT INTO metadata (key, value) VALUES ('distance_metric', 'cosine'), ('fts5_enabled', 'true')"}}
	for i, m := range migrations {
		until := 0
		if i+1 < len(migrations) {
			until = migrations[i+1].version
		}
		out = append(out,
			store.Statement{Since: m.version, SQL: fmt.Sprintf("INSERT INTO migration_registry (version, name, filename, applied_at) VALUES (%d, '%s', '%03[1]d_%[2]s.sql', '%[3]s')", m.version, m.name, seedTime)},
			store.Statement{Since: m.version, Until: until, SQL: fmt.Sprintf("INSERT INTO metadata (key, value) VALUES ('schema_version', '%d')", m.version)},
		)
	}
	return out
}
