package vestige

import "github.com/memarc/memarc/internal/store"

// proofTables came with versions 24 to 26: signed receipts and the erasure
// ledger.
var proofTables = []store.TableDef{
	{
		Name:    "receipt_signing_keys",
		Since:   24,
		Options: "STRICT",
		Columns: []store.ColumnDef{
			{Name: "key_id", Decl: "TEXT PRIMARY KEY"},
			{Name: "algorithm", Decl: "TEXT NOT NULL CHECK (algorithm = 'ed25519')"},
			{Name: "public_key", Decl: "BLOB NOT NULL CHECK (length(public_key) = 32)"},
			{
				Name: "public_key_fingerprint",
				Decl: "TEXT NOT NULL UNIQUE " + checkDigest("public_key_fingerprint"),
			},
			{Name: "status", Decl: "TEXT NOT NULL CHECK (status IN ('active', 'retired', 'revoked', 'disabled'))"},
			{Name: "valid_from", Decl: "TEXT NOT NULL"},
			{Name: "valid_until", Decl: "TEXT"},
			{Name: "revoked_at", Decl: "TEXT"},
			{Name: "created_at", Decl: "TEXT NOT NULL"},
		},
	},
	{
		Name:    "receipt_envelopes",
		Since:   24,
		Options: "STRICT",
		Columns: []store.ColumnDef{
			{Name: "receipt_id", Decl: "TEXT PRIMARY KEY"},
			{Name: "chain_id", Decl: "TEXT NOT NULL"},
			{Name: "sequence", Decl: "INTEGER NOT NULL CHECK (sequence >= 0 AND sequence <= 9007199254740991)"},
			{Name: "previous_entry_digest", Decl: "TEXT"},
			{Name: "payload_type", Decl: "TEXT NOT NULL"},
			{Name: "envelope_json", Decl: "TEXT NOT NULL CHECK (json_valid(envelope_json))"},
			{Name: "payload_digest", Decl: "TEXT NOT NULL " + checkDigest("payload_digest")},
			{Name: "entry_digest", Decl: "TEXT NOT NULL UNIQUE " + checkDigest("entry_digest")},
			{Name: "signing_key_id", Decl: "TEXT NOT NULL"},
			{Name: "signer_key_fingerprint", Decl: "TEXT NOT NULL " + checkDigest("signer_key_fingerprint")},
			{Name: "issued_at", Decl: "TEXT NOT NULL"},
			{Name: "stored_at", Decl: "TEXT NOT NULL"},
			{
				Name:  "projection_json",
				Decl:  "TEXT CHECK (projection_json IS NULL OR json_valid(projection_json))",
				Since: 26,
			},
		},
		Constraints: []store.Statement{
			{SQL: "CHECK ((sequence = 0 AND previous_entry_digest IS NULL) OR (sequence > 0 AND " +
				isDigest("previous_entry_digest") + "))"},
			{SQL: "UNIQUE (chain_id, sequence)"},
			{SQL: "FOREIGN KEY (receipt_id) REFERENCES memory_receipts(receipt_id) ON DELETE RESTRICT"},
			{SQL: "FOREIGN KEY (signing_key_id) REFERENCES receipt_signing_keys(key_id) ON DELETE RESTRICT"},
		},
	},
	{
		Name:    "receipt_chain_state",
		Since:   24,
		Options: "STRICT",
		Columns: []store.ColumnDef{
			{Name: "chain_id", Decl: "TEXT PRIMARY KEY"},
			{
				Name: "last_sequence",
				Decl: "INTEGER NOT NULL CHECK (last_sequence >= 0 AND last_sequence <= 9007199254740991)",
			},
			{Name: "last_entry_digest", Decl: "TEXT NOT NULL " + checkDigest("last_entry_digest")},
			{Name: "updated_at", Decl: "TEXT NOT NULL"},
		},
	},
	{
		Name:    "receipt_disclosures",
		Since:   24,
		Options: "STRICT",
		Columns: []store.ColumnDef{
			{Name: "receipt_id", Decl: "TEXT NOT NULL"},
			{Name: "evidence_slot", Decl: "TEXT NOT NULL"},
			{Name: "memory_id", Decl: "TEXT NOT NULL"},
			{Name: "nonce", Decl: "BLOB NOT NULL CHECK (length(nonce) = 32)"},
			{Name: "commitment", Decl: "TEXT NOT NULL " + checkDigest("commitment")},
			{Name: "created_at", Decl: "TEXT NOT NULL"},
		},
		Constraints: []store.Statement{
			{SQL: "PRIMARY KEY (receipt_id, evidence_slot)"},
			{SQL: "FOREIGN KEY (receipt_id) REFERENCES receipt_envelopes(receipt_id) ON DELETE CASCADE"},
			{SQL: "FOREIGN KEY (memory_id) REFERENCES knowledge_nodes(id) ON DELETE CASCADE"},
		},
	},
	{
		Name:    "artifact_lineage",
		Since:   25,
		Options: "STRICT",
		Columns: []store.ColumnDef{
			{Name: "source_kind", Decl: "TEXT NOT NULL"},
			{Name: "source_id", Decl: "TEXT NOT NULL"},
			{Name: "derived_kind", Decl: "TEXT NOT NULL"},
			{Name: "derived_id", Decl: "TEXT NOT NULL"},
			{Name: "relation", Decl: "TEXT NOT NULL CHECK (relation IN ('derived_from', 'embeds', 'indexes'," +
				" 'summarizes', 'aggregates', 'mentions', 'mutates', 'mirrors'))"},
			{Name: "created_at", Decl: "TEXT NOT NULL"},
		},
		Constraints: []store.Statement{
			{SQL: "PRIMARY KEY (source_kind, source_id, derived_kind, derived_id, relation)"},
		},
	},
	{
		Name:    "erasure_generation_counter",
		Since:   25,
		Options: "STRICT",
		Columns: []store.ColumnDef{
			{Name: "singleton", Decl: "INTEGER PRIMARY KEY CHECK (singleton = 1)"},
			{Name: "last_generation", Decl: "INTEGER NOT NULL CHECK (last_generation >= 0)"},
		},
	},
	{
		Name:    "erasure_jobs",
		Since:   25,
		Options: "STRICT",
		Columns: []store.ColumnDef{
			{Name: "erasure_id", Decl: "TEXT PRIMARY KEY"},
			{Name: "schema_uri", Decl: "TEXT NOT NULL"},
			{Name: "scope", Decl: "TEXT NOT NULL " + checkErasureScope},
			{Name: "status", Decl: "TEXT NOT NULL CHECK (status IN ('running', 'committed', 'failed'))"},
			{Name: "generation", Decl: "INTEGER NOT NULL UNIQUE CHECK (generation > 0)"},
			{Name: "commitment_key_id", Decl: "TEXT NOT NULL"},
			{Name: "lineage_epoch", Decl: "INTEGER NOT NULL CHECK (lineage_epoch >= 0)"},
			{Name: "fence_commitment", Decl: "TEXT NOT NULL"},
			{Name: "target_commitment", Decl: "TEXT NOT NULL"},
			{Name: "exact_content_commitment", Decl: "TEXT NOT NULL"},
			{Name: "source_locator_commitment", Decl: "TEXT"},
			{Name: "closure_commitment", Decl: "TEXT NOT NULL"},
			{Name: "started_at", Decl: "TEXT NOT NULL"},
			{Name: "committed_at", Decl: "TEXT"},
			{Name: "result_json", Decl: "TEXT"},
			{Name: "signature_json", Decl: "TEXT"},
			{Name: "failure_code", Decl: "TEXT CHECK (failure_code IS NULL OR failure_code IN (" +
				"'verification_failed', 'lineage_incomplete', 'tombstone_conflict'," +
				" 'durability_failure', 'runtime_rebuild_failed', 'operator_cancelled'))"},
		},
	},
	{
		Name:    "erasure_steps",
		Since:   25,
		Options: "STRICT",
		Columns: []store.ColumnDef{
			{Name: "erasure_id", Decl: "TEXT NOT NULL"},
			{Name: "step_order", Decl: "INTEGER NOT NULL CHECK (step_order >= 0)"},
			{Name: "surface", Decl: "TEXT NOT NULL CHECK (surface IN ('canonical_sqlite'," +
				" 'linked_sqlite_artifacts', 'full_text_index', 'embedding_store', 'vector_index'," +
				" 'cognitive_runtime', 'trace_and_receipt_evidence', 'review_and_undo_queues'," +
				" 'connector_and_restore_gates', 'managed_backups', 'managed_exports'," +
				" 'managed_sync_objects', 'erasure_ledger_anchor'))"},
			{Name: "action", Decl: "TEXT NOT NULL CHECK (action IN ('delete', 'redact', 'rebuild'," +
				" 'reset', 'revoke_key', 'install_gate', 'verify'))"},
			{Name: "matched_count", Decl: "INTEGER NOT NULL CHECK (matched_count >= 0)"},
			{Name: "changed_count", Decl: "INTEGER NOT NULL CHECK (changed_count >= 0)"},
			{Name: "verification_status", Decl: "TEXT NOT NULL CHECK (verification_status IN ('passed'," +
				" 'failed', 'not_checked', 'out_of_scope'))"},
			{Name: "detail_code", Decl: "TEXT NOT NULL CHECK (detail_code IN ('target_rows_deleted'," +
				" 'artifact_redacted', 'index_rebuilt_no_target_hit', 'runtime_reset_and_rehydrated'," +
				" 'mutation_gate_installed', 'managed_artifact_resolved', 'ledger_anchor_verified'," +
				" 'verified_no_target_hit', 'feature_not_configured', 'legacy_surface_audited'))"},
		},
		Constraints: []store.Statement{
			{SQL: "PRIMARY KEY (erasure_id, step_order)"},
			{SQL: "FOREIGN KEY (erasure_id) REFERENCES erasure_jobs(erasure_id) ON DELETE CASCADE"},
		},
	},
	{
		Name:    "erasure_tombstones",
		Since:   25,
		Options: "STRICT",
		Columns: []store.ColumnDef{
			{Name: "target_commitment", Decl: "TEXT PRIMARY KEY"},
			{Name: "exact_content_commitment", Decl: "TEXT NOT NULL"},
			{Name: "source_locator_commitment", Decl: "TEXT"},
			{Name: "commitment_key_id", Decl: "TEXT NOT NULL"},
			{Name: "generation", Decl: "INTEGER NOT NULL UNIQUE CHECK (generation > 0)"},
			{Name: "scope", Decl: "TEXT NOT NULL " + checkErasureScope},
			{Name: "receipt_id", Decl: "TEXT NOT NULL"},
			{Name: "erased_at", Decl: "TEXT NOT NULL"},
		},
	},
	{
		Name:    "managed_artifacts",
		Since:   25,
		Options: "STRICT",
		Columns: []store.ColumnDef{
			{Name: "artifact_commitment", Decl: "TEXT PRIMARY KEY"},
			{Name: "artifact_kind", Decl: "TEXT NOT NULL"},
			{Name: "locator_commitment", Decl: "TEXT NOT NULL"},
			{Name: "commitment_key_id", Decl: "TEXT NOT NULL"},
			{Name: "state", Decl: "TEXT NOT NULL CHECK (state IN ('active', 'erased', 'unavailable'))"},
			{Name: "created_at", Decl: "TEXT NOT NULL"},
			{Name: "last_verified_at", Decl: "TEXT"},
		},
	},
}

const checkErasureScope = "CHECK (scope IN ('legacy_audited_purge', 'post_lineage_verified_local'))"

// isDigest is the condition for 64 lower-case hexadecimal digits.
func isDigest(column string) string {
	return "length(" + column + ") = 64 AND " + column + " NOT GLOB '*[^0-9a-f]*'"
}

func checkDigest(column string) string {
	return "CHECK (" + isDigest(column) + ")"
}

// proofObjects belong to proofTables. Envelopes and disclosures never change,
// and a chain head always names the newest envelope of its chain.
var proofObjects = []store.ObjectDef{
	index(24, "receipt_signing_keys", "idx_receipt_signing_keys_status", "(status, valid_from)"),
	index(24, "receipt_envelopes", "idx_receipt_envelopes_chain", "(chain_id, sequence)"),
	index(24, "receipt_envelopes", "idx_receipt_envelopes_key", "(signing_key_id, issued_at)"),
	{
		Name: "receipt_envelopes_reject_update", Table: "receipt_envelopes", Since: 24,
		SQL: "CREATE TRIGGER receipt_envelopes_reject_update BEFORE UPDATE ON receipt_envelopes" +
			" BEGIN SELECT RAISE(ABORT, 'receipt envelopes are immutable'); END",
	},
	{
		Name: "receipt_envelopes_reject_delete", Table: "receipt_envelopes", Since: 24,
		SQL: "CREATE TRIGGER receipt_envelopes_reject_delete BEFORE DELETE ON receipt_envelopes" +
			" BEGIN SELECT RAISE(ABORT, 'receipt envelopes are immutable'); END",
	},
	{
		Name: "receipt_chain_state_validate_insert", Table: "receipt_chain_state", Since: 24,
		SQL: "CREATE TRIGGER receipt_chain_state_validate_insert BEFORE INSERT ON receipt_chain_state" +
			" WHEN NOT EXISTS (SELECT 1 FROM receipt_envelopes e WHERE e.chain_id = NEW.chain_id" +
			" AND e.sequence = NEW.last_sequence AND e.entry_digest = NEW.last_entry_digest)" +
			" BEGIN SELECT RAISE(ABORT, 'receipt chain head must reference an immutable envelope'); END",
	},
	{
		Name: "receipt_chain_state_validate_update", Table: "receipt_chain_state", Since: 24,
		SQL: "CREATE TRIGGER receipt_chain_state_validate_update BEFORE UPDATE ON receipt_chain_state" +
			" WHEN NEW.chain_id <> OLD.chain_id OR NEW.last_sequence <> OLD.last_sequence + 1" +
			" OR NOT EXISTS (SELECT 1 FROM receipt_envelopes e WHERE e.chain_id = NEW.chain_id" +
			" AND e.sequence = NEW.last_sequence AND e.previous_entry_digest = OLD.last_entry_digest" +
			" AND e.entry_digest = NEW.last_entry_digest)" +
			" BEGIN SELECT RAISE(ABORT, 'receipt chain head advance is not contiguous'); END",
	},
	index(24, "receipt_disclosures", "idx_receipt_disclosures_memory", "(memory_id, receipt_id)"),
	{
		Name: "receipt_disclosures_reject_update", Table: "receipt_disclosures", Since: 24,
		SQL: "CREATE TRIGGER receipt_disclosures_reject_update BEFORE UPDATE ON receipt_disclosures" +
			" BEGIN SELECT RAISE(ABORT, 'receipt disclosures are immutable; delete on erasure'); END",
	},

	index(25, "artifact_lineage", "idx_artifact_lineage_source", "(source_kind, source_id)"),
	index(25, "artifact_lineage", "idx_artifact_lineage_derived", "(derived_kind, derived_id)"),
	index(25, "erasure_tombstones", "idx_erasure_tombstones_content",
		"(exact_content_commitment, commitment_key_id)"),
	index(25, "erasure_tombstones", "idx_erasure_tombstones_source",
		"(source_locator_commitment, commitment_key_id) WHERE source_locator_commitment IS NOT NULL"),
}
