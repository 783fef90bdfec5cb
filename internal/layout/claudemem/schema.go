package claudemem

import (
	"fmt"
	"slices"

	"github.com/memarc/memarc/internal/store"
)

// Versions that have brought another shape of what was there.
const (
	firstVersion  = 23
	leanQueue     = 31 // the queue forgets what is done
	ownPrompts    = 34 // prompts name the row of their session
	addedTokens   = 50 // the column of tokens is added to a table that is there
	latestVersion = 52
)

// numbers are the versions that a new store says it has, up to its own.
var numbers = []int{4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 20, 21, 22, 23, 24, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 39, 41, 42, 44, 45, 46, 47, 48, 49, 50, 51, 52}

// schema is what a new store of each version looks like. A store that came up from an
// older one has the same columns, some in another place.
var schema = &store.Schema{
	Tables: slices.Concat(memoryTables, syncTables),
	Objects: slices.Concat(indexes, search("observations", "title", "subtitle", "narrative", "text", "facts", "concepts"),
		search("session_summaries", "request", "investigated", "learned", "completed", "next_steps", "notes"), search("user_prompts", "prompt_text")),
	Seeds: seeds(),
	Adopt: []store.Statement{{Object: "sdk_sessions", SQL: manualSessions}},
	Rebuild: []store.Statement{
		{Object: "observations_fts", SQL: "INSERT INTO observations_fts(observations_fts) VALUES('rebuild')"},
		{Object: "session_summaries_fts", SQL: "INSERT INTO session_summaries_fts(session_summaries_fts) VALUES('rebuild')"},
		{Object: "user_prompts_fts", SQL: "INSERT INTO user_prompts_fts(user_prompts_fts) VALUES('rebuild')"},
	},
}

// manualSessions makes the sessions of observations that somebody saved by hand.
const manualSessions = "INSERT INTO sdk_sessions (memory_session_id, content_session_id, project, started_at, started_at_epoch, status)" +
	" SELECT memory_session_id, 'manual-content-' || substr(memory_session_id, 8), min(project), min(created_at), min(created_at_epoch), 'active' FROM observations o" +
	" WHERE memory_session_id LIKE 'manual-%' AND NOT EXISTS (SELECT 1 FROM sdk_sessions s WHERE s.memory_session_id = o.memory_session_id) GROUP BY memory_session_id"

// seeds say which steps towards its version a new store need not take any more.
func seeds() (out []store.Statement) {
	for _, n := range numbers {
		out = append(out, store.Statement{Since: n, SQL: fmt.Sprintf("INSERT INTO schema_versions (version, applied_at) VALUES (%d, '1970-01-01T00:00:00.000Z')", n)})
	}
	return out
}

// CreateStatements returns what creates an empty store of a version.
func CreateStatements(version int) (out []string) {
	at := schema.At(version)
	for i := range at.Tables {
		out = append(out, at.Tables[i].CreateSQL())
	}
	for _, o := range at.Objects {
		out = append(out, o.SQL)
	}
	for _, s := range at.Seeds {
		out = append(out, s.SQL)
	}
	return out
}

var memoryTables = []store.TableDef{
	{Name: "schema_versions", Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY"},
		{Name: "version", Decl: "INTEGER UNIQUE NOT NULL"},
		{Name: "applied_at", Decl: "TEXT NOT NULL"},
	}},
	{Name: "sdk_sessions", Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
		{Name: "content_session_id", Decl: "TEXT UNIQUE NOT NULL", Until: ownPrompts},
		{Name: "content_session_id", Decl: "TEXT NOT NULL", Since: ownPrompts},
		{Name: "memory_session_id", Decl: "TEXT UNIQUE"},
		{Name: "project", Decl: "TEXT NOT NULL"},
		{Name: "platform_source", Decl: "TEXT NOT NULL DEFAULT 'claude'", Since: 24},
		{Name: "user_prompt", Decl: "TEXT"},
		{Name: "started_at", Decl: "TEXT NOT NULL"},
		{Name: "started_at_epoch", Decl: "INTEGER NOT NULL"},
		{Name: "completed_at", Decl: "TEXT"},
		{Name: "completed_at_epoch", Decl: "INTEGER"},
		{Name: "status", Decl: "TEXT CHECK(status IN ('active', 'completed', 'failed')) NOT NULL DEFAULT 'active'"},
		{Name: "worker_port", Decl: "INTEGER"},
		{Name: "prompt_counter", Decl: "INTEGER DEFAULT 0"},
		{Name: "custom_title", Decl: "TEXT"},
		{Name: "observed_model", Decl: "TEXT", Since: 50},
		{Name: "observed_billing", Decl: "TEXT", Since: 50},
	}},
	{Name: "session_summaries", Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
		{Name: "memory_session_id", Decl: "TEXT NOT NULL"},
		{Name: "project", Decl: "TEXT NOT NULL"},
		{Name: "request", Decl: "TEXT"},
		{Name: "investigated", Decl: "TEXT"},
		{Name: "learned", Decl: "TEXT"},
		{Name: "completed", Decl: "TEXT"},
		{Name: "next_steps", Decl: "TEXT"},
		{Name: "files_read", Decl: "TEXT"},
		{Name: "files_edited", Decl: "TEXT"},
		{Name: "notes", Decl: "TEXT"},
		{Name: "prompt_number", Decl: "INTEGER"},
		{Name: "discovery_tokens", Decl: "INTEGER DEFAULT 0", Until: addedTokens},
		{Name: "created_at", Decl: "TEXT NOT NULL"},
		{Name: "created_at_epoch", Decl: "INTEGER NOT NULL"},
		{Name: "discovery_tokens", Decl: "INTEGER DEFAULT 0", Since: addedTokens},
		{Name: "merged_into_project", Decl: "TEXT", Since: 26},
		{Name: "synced_at", Decl: "INTEGER", Since: 39},
		{Name: "origin_device_id", Decl: "TEXT", Since: 41},
		{Name: "origin_local_id", Decl: "TEXT", Since: 41},
		{Name: "sync_rev", Decl: "TEXT NOT NULL DEFAULT '1'", Since: 41},
	}, Constraints: []store.Statement{{SQL: "FOREIGN KEY(memory_session_id) REFERENCES sdk_sessions(memory_session_id) ON DELETE CASCADE ON UPDATE CASCADE"}}},
	{Name: "observations", Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
		{Name: "memory_session_id", Decl: "TEXT NOT NULL"},
		{Name: "project", Decl: "TEXT NOT NULL"},
		{Name: "text", Decl: "TEXT"},
		{Name: "type", Decl: "TEXT NOT NULL"},
		{Name: "title", Decl: "TEXT"},
		{Name: "subtitle", Decl: "TEXT"},
		{Name: "facts", Decl: "TEXT"},
		{Name: "narrative", Decl: "TEXT"},
		{Name: "concepts", Decl: "TEXT"},
		{Name: "files_read", Decl: "TEXT"},
		{Name: "files_modified", Decl: "TEXT"},
		{Name: "prompt_number", Decl: "INTEGER"},
		{Name: "discovery_tokens", Decl: "INTEGER DEFAULT 0", Until: addedTokens},
		{Name: "created_at", Decl: "TEXT NOT NULL"},
		{Name: "created_at_epoch", Decl: "INTEGER NOT NULL"},
		{Name: "discovery_tokens", Decl: "INTEGER DEFAULT 0", Since: addedTokens},
		{Name: "content_hash", Decl: "TEXT"},
		{Name: "generated_by_model", Decl: "TEXT", Since: 26},
		{Name: "relevance_count", Decl: "INTEGER DEFAULT 0", Since: 26},
		{Name: "merged_into_project", Decl: "TEXT", Since: 26},
		{Name: "agent_type", Decl: "TEXT", Since: 27},
		{Name: "agent_id", Decl: "TEXT", Since: 27},
		{Name: "metadata", Decl: "TEXT", Since: 30},
		{Name: "synced_at", Decl: "INTEGER", Since: 39},
		{Name: "origin_device_id", Decl: "TEXT", Since: 41},
		{Name: "origin_local_id", Decl: "TEXT", Since: 41},
		{Name: "sync_rev", Decl: "TEXT NOT NULL DEFAULT '1'", Since: 41},
	}, Constraints: []store.Statement{{SQL: "FOREIGN KEY(memory_session_id) REFERENCES sdk_sessions(memory_session_id) ON DELETE CASCADE ON UPDATE CASCADE"}}},
	{Name: "pending_messages", Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
		{Name: "session_db_id", Decl: "INTEGER NOT NULL"},
		{Name: "content_session_id", Decl: "TEXT NOT NULL"},
		{Name: "message_type", Decl: "TEXT NOT NULL CHECK(message_type IN ('observation', 'summarize'))"},
		{Name: "tool_name", Decl: "TEXT"},
		{Name: "tool_input", Decl: "TEXT"},
		{Name: "tool_response", Decl: "TEXT"},
		{Name: "cwd", Decl: "TEXT"},
		{Name: "last_user_message", Decl: "TEXT"},
		{Name: "last_assistant_message", Decl: "TEXT"},
		{Name: "prompt_number", Decl: "INTEGER"},
		{Name: "status", Decl: "TEXT NOT NULL DEFAULT 'pending' CHECK(status IN ('pending', 'processing', 'processed', 'failed'))", Until: leanQueue},
		{Name: "status", Decl: "TEXT NOT NULL DEFAULT 'pending' CHECK(status IN ('pending', 'processing'))", Since: leanQueue},
		{Name: "retry_count", Decl: "INTEGER NOT NULL DEFAULT 0", Until: leanQueue},
		{Name: "created_at_epoch", Decl: "INTEGER NOT NULL"},
		{Name: "started_processing_at_epoch", Decl: "INTEGER", Until: leanQueue},
		{Name: "completed_at_epoch", Decl: "INTEGER", Until: leanQueue},
		{Name: "failed_at_epoch", Decl: "INTEGER", Until: leanQueue},
		{Name: "agent_type", Decl: "TEXT", Since: 27},
		{Name: "agent_id", Decl: "TEXT", Since: 27},
		{Name: "tool_use_id", Decl: "TEXT", Since: 28},
	}, Constraints: []store.Statement{{SQL: "FOREIGN KEY (session_db_id) REFERENCES sdk_sessions(id) ON DELETE CASCADE"}}},
	{Name: "user_prompts", Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
		{Name: "session_db_id", Decl: "INTEGER", Since: ownPrompts},
		{Name: "content_session_id", Decl: "TEXT NOT NULL"},
		{Name: "prompt_number", Decl: "INTEGER NOT NULL"},
		{Name: "prompt_text", Decl: "TEXT NOT NULL"},
		{Name: "created_at", Decl: "TEXT NOT NULL"},
		{Name: "created_at_epoch", Decl: "INTEGER NOT NULL"},
		{Name: "synced_at", Decl: "INTEGER", Since: 39},
		{Name: "origin_device_id", Decl: "TEXT", Since: 41},
		{Name: "origin_local_id", Decl: "TEXT", Since: 41},
		{Name: "sync_rev", Decl: "TEXT NOT NULL DEFAULT '1'", Since: 41},
	}, Constraints: []store.Statement{
		{SQL: "FOREIGN KEY(content_session_id) REFERENCES sdk_sessions(content_session_id) ON DELETE CASCADE", Until: ownPrompts},
		{SQL: "FOREIGN KEY(session_db_id) REFERENCES sdk_sessions(id) ON DELETE CASCADE", Since: ownPrompts},
	}},
	{Name: "tool_uses", Since: 51, Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
		{Name: "tool_use_id", Decl: "TEXT NOT NULL"},
		{Name: "content_session_id", Decl: "TEXT NOT NULL"},
		{Name: "memory_session_id", Decl: "TEXT"},
		{Name: "session_db_id", Decl: "INTEGER"},
		{Name: "project", Decl: "TEXT NOT NULL"},
		{Name: "platform_source", Decl: "TEXT NOT NULL DEFAULT 'claude'"},
		{Name: "tool_name", Decl: "TEXT NOT NULL"},
		{Name: "tool_input", Decl: "TEXT"},
		{Name: "tool_response", Decl: "TEXT"},
		{Name: "cwd", Decl: "TEXT"},
		{Name: "prompt_number", Decl: "INTEGER"},
		{Name: "agent_type", Decl: "TEXT"},
		{Name: "agent_id", Decl: "TEXT"},
		{Name: "observation_id", Decl: "INTEGER"},
		{Name: "or_generation_id", Decl: "TEXT"},
		{Name: "or_session_id", Decl: "TEXT"},
		{Name: "content_hash", Decl: "TEXT"},
		{Name: "created_at", Decl: "TEXT NOT NULL"},
		{Name: "created_at_epoch", Decl: "INTEGER NOT NULL"},
	}, Constraints: []store.Statement{{SQL: "UNIQUE(content_session_id, tool_use_id)"}}},
	{Name: "telegram_wrapups", Since: 52, Columns: []store.ColumnDef{
		{Name: "id", Decl: "INTEGER PRIMARY KEY AUTOINCREMENT"},
		{Name: "platform_source", Decl: "TEXT NOT NULL"},
		{Name: "content_session_id", Decl: "TEXT NOT NULL"},
		{Name: "project", Decl: "TEXT NOT NULL"},
		{Name: "route_key", Decl: "TEXT NOT NULL"},
		{Name: "summary_created_at_epoch", Decl: "INTEGER NOT NULL"},
		{Name: "status", Decl: "TEXT NOT NULL CHECK(status IN ('claimed', 'sent'))"},
		{Name: "claimed_at_epoch", Decl: "INTEGER NOT NULL"},
		{Name: "sent_at_epoch", Decl: "INTEGER"},
	}, Constraints: []store.Statement{{SQL: "UNIQUE(platform_source, content_session_id, project, route_key)"}}},
}
