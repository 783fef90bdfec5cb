package aimemory

import (
	"slices"

	"github.com/memarc/memarc/internal/store"
)

// What keeps the full-text table in step with a memory.
const (
	ftsDelete = " INSERT INTO memories_fts(memories_fts, rowid, title, content, tags) VALUES ('delete', old.rowid, old.title, old.content, old.tags);"
	ftsInsert = " INSERT INTO memories_fts(rowid, title, content, tags) VALUES (new.rowid, new.title, new.content, new.tags);"
)

// searchObjects are the full-text search of memories.
var searchObjects = []store.ObjectDef{
	{Name: "memories_fts", Table: "memories", SQL: "CREATE VIRTUAL TABLE memories_fts USING fts5(title, content, tags, content=memories, content_rowid=rowid)"},
	trigger(0, "memories", "memories_ai", "AFTER INSERT ON memories BEGIN"+ftsInsert+" END"),
	trigger(0, "memories", "memories_ad", "AFTER DELETE ON memories BEGIN"+ftsDelete+" END"),
	until(53, trigger(0, "memories", "memories_au", "AFTER UPDATE ON memories BEGIN"+ftsDelete+ftsInsert+" END")),
	trigger(53, "memories", "memories_au", "AFTER UPDATE OF title, content, tags ON memories BEGIN"+ftsDelete+ftsInsert+" END"),
}

// checkSince is the first version whose product installs the triggers that check
// values, on every opening of a store: rows that were there before may violate them.
const checkSince = 29

// checkTriggers refuse values that no CHECK constraint of the tables refuses.
var checkTriggers = slices.Concat(
	check(checkSince, "memories", "tier", "NEW.tier NOT IN ('short', 'mid', 'long')", "must be one of short/mid/long"),
	check(checkSince, "memories", "priority", "NEW.priority < 1 OR NEW.priority > 10", "must be between 1 and 10"),
	check(checkSince, "memories", "confidence", "NEW.confidence < 0.0 OR NEW.confidence > 1.0", "must be between 0.0 and 1.0"),
	untilAll(63, check(checkSince, "memory_links", "relation",
		"NEW.relation NOT IN ('related_to', 'supersedes', 'contradicts', 'derived_from', 'reflects_on', 'derives_from')",
		"must be one of related_to/supersedes/contradicts/derived_from/reflects_on/derives_from")),
	check(63, "memory_links", "relation",
		"NEW.relation NOT IN ('related_to', 'supersedes', 'contradicts', 'derived_from', 'reflects_on', 'derives_from', 'decomposes_into', 'depends_on', 'advances')",
		"must be one of related_to/supersedes/contradicts/derived_from/reflects_on/derives_from/decomposes_into/depends_on/advances"),
	check(checkSince, "memory_links", "attest_level",
		"NEW.attest_level IS NOT NULL AND NEW.attest_level NOT IN ('unsigned', 'self_signed', 'peer_attested')",
		"must be one of unsigned/self_signed/peer_attested (or NULL for legacy rows)"),
)

// signed tells that a link claims a signature that it does not have.
const (
	signedWhen = " ON memory_links FOR EACH ROW WHEN NEW.attest_level IN ('self_signed', 'peer_attested')" +
		" AND (NEW.signature IS NULL OR length(NEW.signature) != 64)"
	signedFail = " BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: attest_level=self_signed/peer_attested requires 64-byte signature'); END"
)

// linkTriggers refuse links that claim a signature without one.
var linkTriggers = []store.ObjectDef{
	trigger(43, "memory_links", "memory_links_ck_attest_signature_ins", "BEFORE INSERT"+signedWhen+signedFail),
	trigger(43, "memory_links", "memory_links_ck_attest_signature_upd", "BEFORE UPDATE"+signedWhen+signedFail),
}

// lateObjects are what versions 96 to 98 added.
var lateObjects = []store.ObjectDef{
	trigger(96, "memories", "memories_embed_skip_clear_on_content",
		"AFTER UPDATE OF content, encrypted_envelope ON memories BEGIN DELETE FROM embed_skip WHERE memory_id = NEW.id; END"),
	trigger(96, "memories", "memories_embed_skip_clear_on_embed",
		"AFTER UPDATE OF embedding ON memories WHEN NEW.embedding IS NOT NULL BEGIN DELETE FROM embed_skip WHERE memory_id = NEW.id; END"),
	trigger(97, "memories", "agent_pubkey_history_authoritative_insert_v97", "AFTER INSERT ON memories"+bindingWhen+bindingMend),
	trigger(97, "memories", "agent_pubkey_history_authoritative_update_v97",
		"AFTER UPDATE OF metadata, content, title, namespace ON memories"+bindingWhen+bindingMend),
	{Name: "inbox_namespace_aliases", Table: "memories", Since: 98,
		SQL: "CREATE VIEW inbox_namespace_aliases AS SELECT '_messages/' AS legacy_prefix, '_inbox/' AS canonical_prefix"},
}

// The registration of an agent is a memory, whose metadata and content both repeat
// the key that the history of keys has for it. The triggers of version 97 keep them so.
const (
	currentKey   = "(SELECT pubkey_b64 FROM agent_pubkey_history" + currentOf + ")"
	currentBound = "(SELECT bound_at FROM agent_pubkey_history" + currentOf + ")"
	currentOf    = " WHERE agent_id = substr(NEW.title, length('agent:') + 1) AND superseded_at IS NULL"
	contentJSON  = "CASE WHEN json_valid(NEW.content) THEN NEW.content ELSE '{}' END"

	bindingWhen = " WHEN NEW.namespace = '_agents' AND (" +
		"json_extract(NEW.metadata, '$.agent_pubkey') IS NOT " + currentKey +
		" OR json_extract(NEW.metadata, '$.pubkey_bound_at') IS NOT " + currentBound +
		" OR json_extract(" + contentJSON + ", '$.agent_pubkey') IS NOT " + currentKey +
		" OR json_extract(" + contentJSON + ", '$.pubkey_bound_at') IS NOT " + currentBound + ")"
	bindingMend = " BEGIN UPDATE memories SET metadata = " + mendFirst + "metadata" + mendThen + "metadata" + mendLast +
		", content = CASE WHEN json_valid(content) THEN " + mendFirst + "content" + mendThen + "content" + mendLast +
		" ELSE content END WHERE id = NEW.id; END"

	mendFirst = "json_set(json_remove(CASE WHEN EXISTS (SELECT 1 FROM agent_pubkey_history" + currentOf + ") THEN json_set(json_remove("
	mendThen  = ", '$.agent_pubkey', '$.pubkey_bound_at'), '$.agent_pubkey', " + currentKey + ", '$.pubkey_bound_at', " + currentBound +
		") ELSE json_remove("
	mendLast = ", '$.agent_pubkey', '$.pubkey_bound_at') END, '$.write_signature'), '$.attest_level', 'claimed')"
)

func trigger(since int, table, name, what string) store.ObjectDef {
	return store.ObjectDef{Name: name, Table: table, Since: since, SQL: "CREATE TRIGGER " + name + " " + what}
}

// check describes the two triggers that refuse a value of a column.
func check(since int, table, column, when, must string) []store.ObjectDef {
	body := " ON " + table + " FOR EACH ROW WHEN " + when +
		" BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: " + table + "." + column + " " + must + "'); END"
	name := table + "_ck_" + column
	return []store.ObjectDef{
		trigger(since, table, name+"_ins", "BEFORE INSERT"+body),
		trigger(since, table, name+"_upd", "BEFORE UPDATE OF "+column+body),
	}
}

func untilAll(version int, all []store.ObjectDef) []store.ObjectDef {
	for i := range all {
		all[i] = until(version, all[i])
	}
	return all
}
