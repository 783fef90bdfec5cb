// Package claudemem holds the layout of the stores of claude-mem: an observation of a
// coding session is a memory. Sessions, their summaries, the prompts of people, the queue
// of what is still to be looked at and what waits to be sent elsewhere are carried as they
// are; full-text indexes are rebuilt, and the product fills its vectors anew by itself.
package claudemem

import (
	"context"
	"path/filepath"

	"github.com/memarc/memarc/internal/store"
)

// Name is the layout's name.
const Name = "claude-mem"

// Layout returns the layout for the registry.
func Layout() *store.Layout {
	return &store.Layout{
		Name:      Name,
		Engines:   []string{"sqlite"},
		Detect:    detect,
		Latest:    latestVersion,
		Schema:    schema,
		Maps:      maps,
		Fixed:     []string{"schema_versions", "sync_state"},
		Secrets:   []store.Secret{{Table: "api_keys"}}, // of its server, which makes the table when it runs
		Locations: locations,
	}
}

// marks are what versions brought, newest first: a table, or a column of one. What a store
// says of its version is no help, for the product looks at columns too and skips numbers.
var marks = []struct {
	version       int
	table, column string
}{
	{52, "telegram_wrapups", "id"},
	{51, "tool_uses", "id"},
	{50, "sdk_sessions", "observed_model"},
	{48, "sync_launch_exclusions", "kind"},
	{45, "sync_dead_letter", "id"},
	{42, "sync_outbox", "id"},
	{41, "observations", "origin_device_id"},
	{39, "observations", "synced_at"},
	{35, "user_prompts", "session_db_id"},
	{30, "observations", "metadata"},
	{28, "pending_messages", "tool_use_id"},
	{27, "observations", "agent_type"},
	{26, "observations", "generated_by_model"},
	{24, "sdk_sessions", "platform_source"},
}

// detect recognises the product's stores. Those of its first weeks name sessions
// otherwise; the layout generic carries them.
func detect(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
	if !c.Has("observations", "id", "memory_session_id", "project", "type", "narrative", "created_at_epoch") ||
		!c.Has("sdk_sessions", "content_session_id", "memory_session_id") || !c.Has("schema_versions", "version") {
		return 0, false
	}
	for _, m := range marks {
		if !c.Has(m.table, m.column) {
			continue
		}
		if m.version == 30 && c.Table("pending_messages") != nil && !c.Has("pending_messages", "retry_count") {
			return 32, true // brought the table to less
		}
		return m.version, true
	}
	return firstVersion, true
}

// locations lists where the product keeps its store.
func locations(getenv func(string) string) []string {
	if dir := getenv("CLAUDE_MEM_DATA_DIR"); dir != "" {
		return []string{filepath.Join(dir, "claude-mem.db")}
	}
	if home := getenv("HOME"); home != "" {
		return []string{filepath.Join(home, ".claude-mem", "claude-mem.db")}
	}
	return nil
}
