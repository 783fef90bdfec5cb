package claudemem

import (
	"fmt"
	"strings"

	"github.com/memarc/memarc/internal/store"
)

var indexes = []store.ObjectDef{
	index("idx_sdk_sessions_claude_id", "sdk_sessions", "content_session_id"),
	index("idx_sdk_sessions_sdk_id", "sdk_sessions", "memory_session_id"),
	index("idx_sdk_sessions_project", "sdk_sessions", "project"),
	index("idx_sdk_sessions_status", "sdk_sessions", "status"),
	index("idx_sdk_sessions_started", "sdk_sessions", "started_at_epoch DESC"),
	index("idx_session_summaries_sdk_session", "session_summaries", "memory_session_id"),
	index("idx_session_summaries_project", "session_summaries", "project"),
	index("idx_session_summaries_created", "session_summaries", "created_at_epoch DESC"),
	index("idx_observations_sdk_session", "observations", "memory_session_id"),
	index("idx_observations_project", "observations", "project"),
	index("idx_observations_type", "observations", "type"),
	index("idx_observations_created", "observations", "created_at_epoch DESC"),
	index("idx_pending_messages_session", "pending_messages", "session_db_id"),
	index("idx_pending_messages_status", "pending_messages", "status"),
	index("idx_pending_messages_claude_session", "pending_messages", "content_session_id"),
	index("idx_observations_content_hash", "observations", "content_hash, created_at_epoch"),
	since(24, index("idx_sdk_sessions_platform_source", "sdk_sessions", "platform_source")),
	since(26, index("idx_observations_merged_into", "observations", "merged_into_project")),
	since(26, index("idx_summaries_merged_into", "session_summaries", "merged_into_project")),
	since(27, index("idx_observations_agent_type", "observations", "agent_type")),
	since(27, index("idx_observations_agent_id", "observations", "agent_id")),
	since(29, unique(index("ux_observations_session_hash", "observations", "memory_session_id, content_hash"))),
	since(34, unique(index("ux_sdk_sessions_platform_content", "sdk_sessions", "platform_source, content_session_id"))),
	since(34, index("idx_user_prompts_session", "user_prompts", "session_db_id")),
	index("idx_user_prompts_claude_session", "user_prompts", "content_session_id"),
	index("idx_user_prompts_created", "user_prompts", "created_at_epoch DESC"),
	index("idx_user_prompts_prompt_number", "user_prompts", "prompt_number"),
	since(34, index("idx_user_prompts_content_lookup", "user_prompts", "content_session_id, prompt_number")),
	since(39, where(index("idx_observations_unsynced", "observations", "id"), "synced_at IS NULL")),
	since(39, where(index("idx_session_summaries_unsynced", "session_summaries", "id"), "synced_at IS NULL")),
	since(39, where(index("idx_user_prompts_unsynced", "user_prompts", "id"), "synced_at IS NULL")),
	since(41, where(unique(index("ux_observations_origin", "observations", "origin_device_id, origin_local_id")), "origin_device_id IS NOT NULL")),
	since(41, where(unique(index("ux_session_summaries_origin", "session_summaries", "origin_device_id, origin_local_id")), "origin_device_id IS NOT NULL")),
	since(41, where(unique(index("ux_user_prompts_origin", "user_prompts", "origin_device_id, origin_local_id")), "origin_device_id IS NOT NULL")),
	since(51, index("idx_tool_uses_project", "tool_uses", "project")),
	since(51, index("idx_tool_uses_memory_session", "tool_uses", "memory_session_id")),
	since(51, index("idx_tool_uses_content_session", "tool_uses", "content_session_id")),
	since(51, index("idx_tool_uses_session_db_id", "tool_uses", "session_db_id")),
	since(51, index("idx_tool_uses_tool_name", "tool_uses", "tool_name")),
	since(51, index("idx_tool_uses_created_at_epoch", "tool_uses", "created_at_epoch")),
	since(51, index("idx_tool_uses_observation_id", "tool_uses", "observation_id")),
	since(51, index("idx_tool_uses_or_generation_id", "tool_uses", "or_generation_id")),
	since(52, index("idx_telegram_wrapups_platform_content", "telegram_wrapups", "platform_source, content_session_id")),
	until(ownPrompts, index("idx_user_prompts_lookup", "user_prompts", "content_session_id, prompt_number")),
	since(ownPrompts, index("idx_user_prompts_lookup", "user_prompts", "session_db_id, prompt_number")),
	since(28, until(35, unique(where(index("ux_pending_session_tool", "pending_messages", "content_session_id, tool_use_id"), "tool_use_id IS NOT NULL")))),
	since(35, unique(where(index("ux_pending_session_tool", "pending_messages", "session_db_id, tool_use_id"), "tool_use_id IS NOT NULL"))),
}

func index(name, table, columns string) store.ObjectDef {
	return store.ObjectDef{Name: name, Table: table, SQL: "CREATE INDEX " + name + " ON " + table + "(" + columns + ")"}
}

func unique(o store.ObjectDef) store.ObjectDef {
	o.SQL = "CREATE UNIQUE" + strings.TrimPrefix(o.SQL, "CREATE")
	return o
}

func where(o store.ObjectDef, condition string) store.ObjectDef {
	o.SQL += " WHERE " + condition
	return o
}

func since(version int, o store.ObjectDef) store.ObjectDef {
	o.Since = version
	return o
}

func until(version int, o store.ObjectDef) store.ObjectDef {
	o.Until = version
	return o
}

// search is a full-text index over columns of a table, with the triggers that keep it.
func search(table string, columns ...string) []store.ObjectDef {
	fts, names := table+"_fts", strings.Join(columns, ", ")
	remove := fmt.Sprintf("INSERT INTO %s(%s, rowid, %s) VALUES('delete', old.id, old.%s);", fts, fts, names, strings.Join(columns, ", old."))
	add := fmt.Sprintf("INSERT INTO %s(rowid, %s) VALUES (new.id, new.%s);", fts, names, strings.Join(columns, ", new."))
	trigger := func(name, event, body string) store.ObjectDef {
		return store.ObjectDef{Name: table + name, Table: table, SQL: fmt.Sprintf("CREATE TRIGGER %s AFTER %s ON %s BEGIN %s END", table+name, event, table, body)}
	}
	return []store.ObjectDef{
		{Name: fts, Table: table, SQL: fmt.Sprintf("CREATE VIRTUAL TABLE %s USING fts5(%s, content='%s', content_rowid='id')", fts, names, table)},
		trigger("_ai", "INSERT", add), trigger("_ad", "DELETE", remove), trigger("_au", "UPDATE", remove+" "+add),
	}
}
