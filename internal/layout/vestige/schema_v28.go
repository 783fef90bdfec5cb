package vestige

import (
	"strings"

	"github.com/memarc/memarc/internal/store"
)

// lateTables came with versions 28 to 39.
var lateTables = []store.TableDef{
	{
		Name:  "embedding_profiles",
		Since: 28,
		Columns: []store.ColumnDef{
			{Name: "profile_id", Decl: "TEXT PRIMARY KEY"},
			{Name: "model_id", Decl: "TEXT NOT NULL"},
			{Name: "immutable_model_revision", Decl: "TEXT NOT NULL"},
			{Name: "verified_model_artifact_hashes", Decl: "TEXT NOT NULL DEFAULT '[]'"},
			{Name: "runtime_backend", Decl: "TEXT NOT NULL"},
			{Name: "embedding_dimension", Decl: "INTEGER NOT NULL CHECK (embedding_dimension > 0)"},
			{Name: "normalization_method", Decl: "TEXT NOT NULL"},
			{Name: "document_encoding_template", Decl: "TEXT NOT NULL"},
			{Name: "query_encoding_template", Decl: "TEXT NOT NULL"},
			{Name: "maximum_token_limit", Decl: "INTEGER NOT NULL CHECK (maximum_token_limit > 0)"},
			{Name: "chunking_strategy", Decl: "TEXT NOT NULL"},
			{Name: "status", Decl: "TEXT NOT NULL"},
			{Name: "installed_at", Decl: "TEXT"},
			{Name: "last_verified_at", Decl: "TEXT"},
			{Name: "runtime_metadata", Decl: "TEXT"},
			{Name: "verification", Decl: "TEXT NOT NULL DEFAULT '{}'"},
			{Name: "evaluation", Decl: "TEXT"},
			{Name: "failure", Decl: "TEXT"},
			{Name: "created_at", Decl: "TEXT NOT NULL"},
			{Name: "updated_at", Decl: "TEXT NOT NULL"},
		},
	},
	{
		Name:  "embedding_profile_state",
		Since: 28,
		Columns: []store.ColumnDef{
			{Name: "singleton", Decl: "INTEGER PRIMARY KEY CHECK (singleton = 1)"},
			{Name: "active_profile_id", Decl: "TEXT NOT NULL REFERENCES embedding_profiles(profile_id)"},
			{Name: "previous_profile_id", Decl: "TEXT"},
			{Name: "activated_at", Decl: "TEXT NOT NULL"},
			{Name: "updated_at", Decl: "TEXT NOT NULL"},
		},
	},
	{
		Name:  "embedding_profile_vectors",
		Since: 28,
		Columns: []store.ColumnDef{
			{
				Name: "profile_id",
				Decl: "TEXT NOT NULL REFERENCES embedding_profiles(profile_id) ON DELETE CASCADE",
			},
			{Name: "node_id", Decl: "TEXT NOT NULL REFERENCES knowledge_nodes(id) ON DELETE CASCADE"},
			{Name: "embedding", Decl: "BLOB NOT NULL"},
			{Name: "dimensions", Decl: "INTEGER NOT NULL CHECK (dimensions > 0)"},
			{Name: "model", Decl: "TEXT NOT NULL"},
			{Name: "created_at", Decl: "TEXT NOT NULL"},
		},
		Constraints: []store.Statement{
			{SQL: "PRIMARY KEY (profile_id, node_id)"},
		},
	},
	{
		Name:  "embedding_profile_manifests",
		Since: 28,
		Columns: []store.ColumnDef{
			{
				Name: "profile_id",
				Decl: "TEXT PRIMARY KEY REFERENCES embedding_profiles(profile_id) ON DELETE CASCADE",
			},
			{Name: "manifest_json", Decl: "TEXT NOT NULL"},
			{Name: "manifest_hash", Decl: "TEXT NOT NULL"},
			{Name: "vector_count", Decl: "INTEGER NOT NULL DEFAULT 0 CHECK (vector_count >= 0)"},
			{Name: "index_member_count", Decl: "INTEGER NOT NULL DEFAULT 0 CHECK (index_member_count >= 0)"},
			{Name: "index_integrity_hash", Decl: "TEXT"},
			{Name: "updated_at", Decl: "TEXT NOT NULL"},
		},
	},
	{
		Name:  "embedding_profile_migrations",
		Since: 28,
		Columns: []store.ColumnDef{
			{Name: "migration_id", Decl: "TEXT PRIMARY KEY"},
			{Name: "source_profile_id", Decl: "TEXT NOT NULL REFERENCES embedding_profiles(profile_id)"},
			{Name: "destination_profile_id", Decl: "TEXT NOT NULL REFERENCES embedding_profiles(profile_id)"},
			{Name: "state", Decl: "TEXT NOT NULL"},
			{Name: "total_memories", Decl: "INTEGER NOT NULL DEFAULT 0 CHECK (total_memories >= 0)"},
			{Name: "completed_memories", Decl: "INTEGER NOT NULL DEFAULT 0 CHECK (completed_memories >= 0)"},
			{Name: "failed_memory_ids", Decl: "TEXT NOT NULL DEFAULT '[]'"},
			{Name: "last_memory_id", Decl: "TEXT"},
			{Name: "snapshot_path", Decl: "TEXT"},
			{Name: "validation_report", Decl: "TEXT"},
			{Name: "started_at", Decl: "TEXT NOT NULL"},
			{Name: "updated_at", Decl: "TEXT NOT NULL"},
		},
	},
	{
		Name:  "embedding_profile_migration_checkpoints",
		Since: 28,
		Columns: []store.ColumnDef{
			{
				Name: "migration_id",
				Decl: "TEXT NOT NULL REFERENCES embedding_profile_migrations(migration_id) ON DELETE CASCADE",
			},
			{Name: "node_id", Decl: "TEXT NOT NULL REFERENCES knowledge_nodes(id) ON DELETE CASCADE"},
			{Name: "state", Decl: "TEXT NOT NULL"},
			{Name: "error", Decl: "TEXT"},
			{Name: "updated_at", Decl: "TEXT NOT NULL"},
		},
		Constraints: []store.Statement{
			{SQL: "PRIMARY KEY (migration_id, node_id)"},
		},
	},
	{
		Name:  "code_memory_anchors",
		Since: 31,
		Columns: []store.ColumnDef{
			{Name: "id", Decl: "TEXT PRIMARY KEY"},
			{Name: "node_id", Decl: "TEXT NOT NULL REFERENCES knowledge_nodes(id) ON DELETE CASCADE"},
			{Name: "file_path", Decl: "TEXT NOT NULL"},
			{Name: "symbol", Decl: "TEXT"},
			{Name: "symbol_kind", Decl: "TEXT"},
			{Name: "start_line", Decl: "INTEGER"},
			{Name: "end_line", Decl: "INTEGER"},
			{Name: "span_lines", Decl: "INTEGER"},
			{Name: "content_hash", Decl: "TEXT"},
			{Name: "captured_at", Decl: "TEXT NOT NULL"},
			{Name: "last_verified_at", Decl: "TEXT"},
			{Name: "last_status", Decl: "TEXT"},
		},
	},
	{
		Name:  "vector_journal",
		Since: 32,
		Columns: []store.ColumnDef{
			{Name: "seq", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
			{Name: "profile_id", Decl: "TEXT NOT NULL"},
			{Name: "node_id", Decl: "TEXT NOT NULL"},
			{Name: "op", Decl: "TEXT NOT NULL CHECK (op IN ('upsert', 'delete'))"},
			{Name: "at", Decl: "TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"},
		},
	},
	{
		Name:  "failure_feedback",
		Since: 33,
		Columns: []store.ColumnDef{
			{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
			{Name: "failure_id", Decl: "TEXT NOT NULL REFERENCES knowledge_nodes(id) ON DELETE CASCADE"},
			{Name: "memory_id", Decl: "TEXT NOT NULL REFERENCES knowledge_nodes(id) ON DELETE CASCADE"},
			{Name: "receipt_id", Decl: "TEXT NOT NULL"},
			{Name: "rank", Decl: "INTEGER NOT NULL CHECK (rank >= 0)"},
			{Name: "delta", Decl: "REAL NOT NULL CHECK (delta >= 0)"},
			{Name: "applied_at", Decl: "TEXT NOT NULL"},
			{Name: "reverted_at", Decl: "TEXT"},
		},
	},
	{
		Name:  "suppression_operations",
		Since: 34,
		Columns: []store.ColumnDef{
			{Name: "sequence", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
			{Name: "node_id", Decl: "TEXT NOT NULL REFERENCES knowledge_nodes(id) ON DELETE CASCADE"},
			{Name: "created_at", Decl: "TEXT NOT NULL"},
			{Name: "before_state", Decl: "TEXT NOT NULL"},
			{Name: "after_state", Decl: "TEXT NOT NULL"},
			{Name: "reverted_at", Decl: "TEXT"},
		},
	},
	{
		Name:  "suppression_cascade_effects",
		Since: 35,
		Columns: []store.ColumnDef{
			{
				Name: "operation_sequence",
				Decl: "INTEGER NOT NULL REFERENCES suppression_operations(sequence) ON DELETE CASCADE",
			},
			{Name: "neighbor_id", Decl: "TEXT NOT NULL REFERENCES knowledge_nodes(id) ON DELETE CASCADE"},
			{Name: "before_state", Decl: "TEXT NOT NULL"},
			{Name: "after_state", Decl: "TEXT NOT NULL"},
			{Name: "reverted_at", Decl: "TEXT"},
		},
		Constraints: []store.Statement{
			{SQL: "PRIMARY KEY (operation_sequence, neighbor_id)"},
		},
	},
	{
		Name:  "intention_graph_state",
		Since: 36,
		Columns: []store.ColumnDef{
			{Name: "scope", Decl: "TEXT PRIMARY KEY"},
			{Name: "state_json", Decl: "TEXT NOT NULL"},
			{Name: "updated_at", Decl: "TEXT NOT NULL"},
		},
	},
	{
		Name:  "intention_graph_journal",
		Since: 36,
		Columns: []store.ColumnDef{
			{Name: "scope", Decl: "TEXT NOT NULL"},
			{Name: "seq", Decl: "INTEGER NOT NULL"},
			{Name: "command_json", Decl: "TEXT NOT NULL"},
			{Name: "evaluated_at", Decl: "TEXT NOT NULL"},
			{Name: "output_digest", Decl: "TEXT NOT NULL"},
			{Name: "state_digest", Decl: "TEXT NOT NULL"},
		},
		Constraints: []store.Statement{
			{SQL: "PRIMARY KEY (scope, seq)"},
		},
	},
	{
		Name:  "actor_role_weights",
		Since: 38,
		Columns: []store.ColumnDef{
			{Name: "role", Decl: "TEXT PRIMARY KEY"},
			{Name: "weight_prior", Decl: "REAL NOT NULL CHECK (weight_prior > 0.0 AND weight_prior <= 1.5)"},
			{Name: "updated_at", Decl: "TEXT NOT NULL"},
		},
	},
	{
		Name:  "actor_role_membership",
		Since: 38,
		Columns: []store.ColumnDef{
			{Name: "actor_did", Decl: "TEXT NOT NULL"},
			{Name: "role", Decl: "TEXT NOT NULL"},
			{Name: "granted_at", Decl: "TEXT NOT NULL"},
			{Name: "note", Decl: "TEXT"},
		},
		Constraints: []store.Statement{
			{SQL: "PRIMARY KEY (actor_did, role)"},
		},
	},
	{
		Name:  "actor_policy_state",
		Since: 38,
		Columns: []store.ColumnDef{
			{Name: "id", Decl: "INTEGER PRIMARY KEY CHECK (id = 1)"},
			{Name: "policy_version", Decl: "INTEGER NOT NULL"},
			{Name: "updated_at", Decl: "TEXT NOT NULL"},
		},
	},
	{
		Name:  "actor_endorsement_events",
		Since: 38,
		Columns: []store.ColumnDef{
			{Name: "event_id", Decl: "TEXT PRIMARY KEY"},
			{Name: "memory_id", Decl: "TEXT NOT NULL"},
			{Name: "actor_did", Decl: "TEXT NOT NULL"},
			{Name: "claimed_role", Decl: "TEXT"},
			{Name: "effective_role", Decl: "TEXT NOT NULL"},
			{
				Name: "resolved_weight",
				Decl: "REAL NOT NULL CHECK (resolved_weight > 0.0 AND resolved_weight <= 1.5)",
			},
			{Name: "resolution_disposition", Decl: "TEXT NOT NULL"},
			{Name: "policy_version", Decl: "INTEGER NOT NULL"},
			{
				Name: "endorsement_kind",
				Decl: "TEXT NOT NULL CHECK (endorsement_kind IN ('support', 'oppose', 'self_support'))",
			},
			{Name: "revision_digest", Decl: "TEXT NOT NULL"},
			{Name: "independent_prior", Decl: "REAL NOT NULL CHECK (independent_prior >= 0.0)"},
			{Name: "tool", Decl: "TEXT NOT NULL"},
			{Name: "receipt_id", Decl: "TEXT"},
			{Name: "created_at", Decl: "TEXT NOT NULL"},
		},
	},
	{
		Name:  "walk_receipts",
		Since: 39,
		Columns: []store.ColumnDef{
			{Name: "receipt_id", Decl: "TEXT PRIMARY KEY"},
			{Name: "digest", Decl: "TEXT NOT NULL UNIQUE"},
			{Name: "canonical_json", Decl: "TEXT NOT NULL"},
			{Name: "engine_version", Decl: "TEXT NOT NULL"},
			{Name: "created_at", Decl: "TEXT NOT NULL"},
		},
	},
}

// lateObjects belong to lateTables. The journal triggers record every change
// of a vector.
var lateObjects = []store.ObjectDef{
	index(28, "embedding_profile_vectors", "idx_embedding_profile_vectors_profile", "(profile_id)"),
	index(28, "embedding_profile_vectors", "idx_embedding_profile_vectors_node", "(node_id)"),
	index(28, "embedding_profile_migrations", "idx_embedding_profile_migrations_destination",
		"(destination_profile_id, updated_at DESC)"),
	index(28, "embedding_profile_migration_checkpoints", "idx_embedding_profile_migration_checkpoints_state",
		"(migration_id, state, updated_at)"),
	index(31, "code_memory_anchors", "idx_code_anchors_node", "(node_id)"),
	index(31, "code_memory_anchors", "idx_code_anchors_path", "(file_path)"),
	index(32, "vector_journal", "idx_vector_journal_profile_seq", "(profile_id, seq)"),
	journalTrigger("insert", "NEW", "upsert"),
	journalTrigger("update", "NEW", "upsert"),
	journalTrigger("delete", "OLD", "delete"),
	index(33, "failure_feedback", "idx_failure_feedback_failure", "(failure_id)"),
	index(33, "failure_feedback", "idx_failure_feedback_memory", "(memory_id)"),
	index(34, "suppression_operations", "idx_suppression_operations_active",
		"(node_id, sequence DESC) WHERE reverted_at IS NULL"),
	index(38, "actor_endorsement_events", "idx_actor_endorsements_memory", "(memory_id)"),
	index(38, "actor_endorsement_events", "idx_actor_endorsements_actor", "(actor_did)"),
	index(38, "actor_endorsement_events", "idx_actor_endorsements_revision", "(memory_id, revision_digest)"),
	index(39, "walk_receipts", "idx_walk_receipts_created_at", "(created_at DESC)"),
}

func journalTrigger(event, row, op string) store.ObjectDef {
	name := "trg_vector_journal_" + event
	return store.ObjectDef{
		Name: name, Table: "embedding_profile_vectors", Since: 32,
		SQL: "CREATE TRIGGER " + name + " AFTER " + strings.ToUpper(event) + " ON embedding_profile_vectors BEGIN" +
			" INSERT INTO vector_journal (profile_id, node_id, op)" +
			" VALUES (" + row + ".profile_id, " + row + ".node_id, '" + op + "'); END",
	}
}
