package claudemem

import "github.com/memarc/memarc/internal/store"

// syncTables are what the product keeps for sending its rows to other devices.
var syncTables = []store.TableDef{
	{Name: "sync_state", Since: 41, Columns: []store.ColumnDef{
		{Name: "k", Decl: "TEXT PRIMARY KEY"},
		{Name: "v", Decl: "TEXT"},
	}},
	{Name: "sync_outbox", Since: 42, Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
		{Name: "op_uuid", Decl: "TEXT NOT NULL UNIQUE"},
		{Name: "rev", Decl: "TEXT NOT NULL DEFAULT '1'"},
		{Name: "body", Decl: "TEXT NOT NULL"},
		{Name: "canonical_body", Decl: "TEXT"},
		{Name: "operation_sha256", Decl: "TEXT"},
		{Name: "created_at_epoch", Decl: "INTEGER NOT NULL"},
	}},
	{Name: "sync_entity_heads", Since: 45, Columns: []store.ColumnDef{
		{Name: "entity_id", Decl: "TEXT PRIMARY KEY"},
		{Name: "kind", Decl: "TEXT NOT NULL CHECK (kind IN ('observation', 'summary', 'prompt'))"},
		{Name: "origin_device_id", Decl: "TEXT NOT NULL"},
		{Name: "origin_local_id", Decl: "TEXT NOT NULL"},
		{Name: "entity_rev", Decl: "TEXT NOT NULL"},
		{Name: "operation_sha256", Decl: "TEXT NOT NULL"},
		{Name: "deleted", Decl: "INTEGER NOT NULL CHECK (deleted IN (0, 1))"},
		{Name: "updated_at_epoch", Decl: "INTEGER NOT NULL"},
	}},
	{Name: "sync_content_outbox", Since: 45, Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
		{Name: "entity_id", Decl: "TEXT NOT NULL"},
		{Name: "kind", Decl: "TEXT NOT NULL CHECK (kind IN ('observation', 'summary', 'prompt'))"},
		{Name: "origin_local_id", Decl: "TEXT NOT NULL"},
		{Name: "entity_rev", Decl: "TEXT NOT NULL"},
		{Name: "body", Decl: "TEXT NOT NULL"},
		{Name: "operation_sha256", Decl: "TEXT NOT NULL"},
		{Name: "deleted", Decl: "INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1))"},
		{Name: "created_at_epoch", Decl: "INTEGER NOT NULL"},
	}, Constraints: []store.Statement{{SQL: "UNIQUE(entity_id, entity_rev)"}}},
	{Name: "sync_dead_letter", Since: 45, Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
		{Name: "lane", Decl: "TEXT NOT NULL CHECK (lane IN ('content', 'mutation'))"},
		{Name: "queue_key", Decl: "TEXT NOT NULL"},
		{Name: "kind", Decl: "TEXT"},
		{Name: "origin_local_id", Decl: "TEXT"},
		{Name: "entity_rev", Decl: "TEXT"},
		{Name: "reason", Decl: "TEXT NOT NULL"},
		{Name: "raw_body", Decl: "TEXT"},
		{Name: "created_at_epoch", Decl: "INTEGER NOT NULL"},
	}, Constraints: []store.Statement{{SQL: "UNIQUE(lane, queue_key, entity_rev, reason)"}}},
	{Name: "sync_launch_exclusions", Since: 48, Columns: []store.ColumnDef{
		{Name: "kind", Decl: "TEXT NOT NULL CHECK (kind IN ('observation', 'summary', 'prompt'))"},
		{Name: "origin_local_id", Decl: "TEXT NOT NULL"},
		{Name: "through_rev", Decl: "TEXT NOT NULL"},
	}, Constraints: []store.Statement{{SQL: "PRIMARY KEY (kind, origin_local_id)"}}},
}
