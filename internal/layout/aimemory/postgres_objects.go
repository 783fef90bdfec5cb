package aimemory

import "github.com/memarc/memarc/internal/store"

// pgFunctions are the functions and views that a store of every version has. They
// stand before the indexes, because an index may call a function.
var pgFunctions = []store.ObjectDef{
	{Name: "tier_rank", Table: "memories", SQL: "CREATE OR REPLACE FUNCTION tier_rank(t TEXT) RETURNS INTEGER LANGUAGE SQL IMMUTABLE PARALLEL SAFE AS $$" +
		" SELECT CASE t WHEN 'short' THEN 0 WHEN 'mid' THEN 1 WHEN 'long' THEN 2 ELSE 0 END $$"},
	{Name: "kg_query_view", Table: "memory_links", Since: 24, SQL: "CREATE OR REPLACE VIEW kg_query_view AS" +
		" WITH RECURSIVE traversal(source_id, target_id, relation, depth, nodes) AS (" +
		"SELECT ml.source_id, ml.target_id, ml.relation, 1, ARRAY[ml.source_id, ml.target_id]::TEXT[] FROM memory_links ml" +
		" UNION ALL SELECT t.source_id, ml.target_id, ml.relation, t.depth + 1, t.nodes || ml.target_id" +
		" FROM memory_links ml JOIN traversal t ON ml.source_id = t.target_id WHERE t.depth < 5 AND NOT (ml.target_id = ANY(t.nodes)))" +
		" SELECT source_id, target_id, relation, depth, array_to_string(nodes, '->') AS path FROM traversal"},
	{Name: "kg_timeline_view", Table: "memory_links", Since: 24, SQL: "CREATE OR REPLACE VIEW kg_timeline_view AS" +
		" SELECT ml.source_id, ml.target_id, ml.relation, ml.valid_from, ml.valid_until, ml.observed_by, encode(ml.signature, 'hex') AS signature_hex" +
		" FROM memory_links ml WHERE ml.valid_from IS NOT NULL ORDER BY ml.valid_from DESC, ml.created_at DESC"},
	{Name: "kg_find_paths", Table: "memory_links", Since: 24, SQL: "CREATE OR REPLACE FUNCTION kg_find_paths(start_id TEXT, max_depth INTEGER)" +
		" RETURNS TABLE (path_id INTEGER, length INTEGER, nodes TEXT[], relations TEXT[]) LANGUAGE SQL STABLE PARALLEL SAFE AS $$" +
		" WITH RECURSIVE walk(current_id, depth, nodes, relations) AS (" +
		"SELECT start_id, 0, ARRAY[start_id], ARRAY[]::TEXT[]" +
		" UNION ALL SELECT edges.next_id, w.depth + 1, w.nodes || edges.next_id, w.relations || edges.relation FROM walk w JOIN (" +
		"SELECT source_id AS from_id, target_id AS next_id, relation FROM memory_links" +
		" UNION SELECT target_id AS from_id, source_id AS next_id, relation FROM memory_links" +
		") edges ON edges.from_id = w.current_id WHERE w.depth < LEAST(max_depth, 7) AND NOT (edges.next_id = ANY(w.nodes)))" +
		" SELECT ROW_NUMBER() OVER (ORDER BY depth ASC, nodes ASC)::INTEGER AS path_id, depth AS length, nodes, relations" +
		" FROM walk WHERE depth >= 1 $$"},
}

// pgLateObjects are what versions 96 to 98 added. Functions stand before the
// triggers that call them.
var pgLateObjects = []store.ObjectDef{
	{Name: "trg_embed_skip_clear", Table: "memories", Since: 96, SQL: "CREATE OR REPLACE FUNCTION trg_embed_skip_clear() RETURNS trigger LANGUAGE plpgsql AS $$" +
		" BEGIN DELETE FROM embed_skip WHERE memory_id = NEW.id; RETURN NEW; END; $$"},
	trigger(96, "memories", "memories_embed_skip_clear",
		"AFTER UPDATE OF content, encrypted_envelope, embedding ON memories FOR EACH ROW EXECUTE FUNCTION trg_embed_skip_clear()"),
	{Name: "reconcile_agent_pubkey_from_history_v97", Table: "memories", Since: 97, SQL: pgBinding},
	trigger(97, "memories", "agent_pubkey_history_authoritative_v97",
		"BEFORE INSERT OR UPDATE OF metadata, content, title, namespace ON memories"+
			" FOR EACH ROW EXECUTE FUNCTION reconcile_agent_pubkey_from_history_v97()"),
	{Name: "inbox_namespace_aliases", Table: "memories", Since: 98,
		SQL: "CREATE OR REPLACE VIEW inbox_namespace_aliases AS SELECT '_messages/' AS legacy_prefix, '_inbox/' AS canonical_prefix"},
}

// pgBinding keeps the key in the registration of an agent as the history of keys has it.
const pgBinding = `CREATE OR REPLACE FUNCTION reconcile_agent_pubkey_from_history_v97() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    canonical_agent_id TEXT;
    current_pubkey TEXT;
    current_bound_at TEXT;
    content_json JSONB;
    reconciled_metadata JSONB;
    reconciled_content JSONB;
    projection_changed BOOLEAN := FALSE;
BEGIN
    IF NEW.namespace <> '_agents' THEN
        RETURN NEW;
    END IF;
    canonical_agent_id := substring(NEW.title FROM length('agent:') + 1);
    SELECT pubkey_b64, bound_at INTO current_pubkey, current_bound_at
      FROM agent_pubkey_history WHERE agent_id = canonical_agent_id AND superseded_at IS NULL;
    reconciled_metadata := NEW.metadata - 'agent_pubkey' - 'pubkey_bound_at';
    IF current_pubkey IS NOT NULL THEN
        reconciled_metadata := reconciled_metadata
            || jsonb_build_object('agent_pubkey', current_pubkey, 'pubkey_bound_at', current_bound_at);
    END IF;
    IF reconciled_metadata IS DISTINCT FROM NEW.metadata THEN
        NEW.metadata := reconciled_metadata;
        projection_changed := TRUE;
    END IF;
    BEGIN
        content_json := NEW.content::jsonb;
        IF jsonb_typeof(content_json) = 'object' THEN
            reconciled_content := content_json - 'agent_pubkey' - 'pubkey_bound_at';
            IF current_pubkey IS NOT NULL THEN
                reconciled_content := reconciled_content
                    || jsonb_build_object('agent_pubkey', current_pubkey, 'pubkey_bound_at', current_bound_at);
            END IF;
            IF reconciled_content IS DISTINCT FROM content_json THEN
                NEW.content := reconciled_content::text;
                projection_changed := TRUE;
            END IF;
        END IF;
    EXCEPTION WHEN invalid_text_representation THEN
        NULL;
    END;
    IF projection_changed THEN
        NEW.metadata := (NEW.metadata - 'write_signature') || jsonb_build_object('attest_level', 'claimed');
        IF jsonb_typeof(content_json) = 'object' THEN
            reconciled_content := (reconciled_content - 'write_signature') || jsonb_build_object('attest_level', 'claimed');
            NEW.content := reconciled_content::text;
        END IF;
    END IF;
    RETURN NEW;
END;
$$`
