package vestige

import (
	"context"
	"path/filepath"
	"runtime"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Name is the layout's name.
const Name = "vestige"

// Layout returns the layout for the registry.
func Layout() *store.Layout {
	return &store.Layout{
		Name:    Name,
		Engines: []string{"sqlite"},
		Detect:  detect,
		Latest:  latestVersion,
		Twin:    twin,
		Schema:  schema,
		Maps:    maps,
		Fixed:   []string{"schema_version", "vector_journal"},
		// A vector is seen only if the memory says that it has one. The registry of one
		// model that there is from version 16 on is not heeded by anything that writes.
		Model: &store.Model{Remark: []store.Statement{{Object: "knowledge_nodes.embedding_model",
			SQL: "UPDATE knowledge_nodes SET has_embedding = 1, embedding_model = (SELECT model FROM node_embeddings e WHERE e.node_id = knowledge_nodes.id)" +
				" WHERE id IN (SELECT node_id FROM node_embeddings) AND (has_embedding IS NOT 1 OR embedding_model IS NOT" +
				" (SELECT model FROM node_embeddings e WHERE e.node_id = knowledge_nodes.id))"}}},
		Spaces:    &store.SpacesFrom{Tables: []string{"node_embeddings"}, Space: "model", Dimension: "dimensions"},
		Locations: locations,
	}
}

// chrono is how the product writes times: DateTime<Utc>::to_rfc3339.
const chrono = "time-rfc3339"

func textDefault(s string) *format.Value  { v := format.TextValue(s); return &v }
func realDefault(f float64) *format.Value { v := format.FloatValue(f); return &v }
func intDefault(i int64) *format.Value    { v := format.IntValue(i); return &v }

// epoch is written where a record of another product has no time at all.
var epoch = textDefault("1970-01-01T00:00:00+00:00")

// maps says which columns are which fields. The columns of knowledge_nodes that
// no map names are carried as fields vestige.COLUMN.
var maps = []store.TableMap{
	{Table: "knowledge_nodes", Section: format.Memories, Updated: "updated_at", Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "text"},
		{Column: "content", Field: "content", Lens: "text", Else: []string{"summary", "title"}, Default: textDefault("")},
		{Column: "node_type", Field: "kind", Lens: "text", Default: textDefault("fact")},
		{Column: "tags", Field: "tags", Lens: "json-list", Default: textDefault("[]")},
		{Column: "retention_strength", Field: "importance", Lens: "real", Default: realDefault(1)},
		{Column: "author_actor_did", Field: "agent", Lens: "text"},
		{Column: "owner_user_id", Field: "owner", Lens: "text", Default: textDefault(localUser)},
		{Column: "visibility", Field: "visibility", Lens: "text", Default: textDefault("private")},
		{Column: "shared_with_groups", Field: "shared_with", Lens: "json-list", Default: textDefault("[]")},
		{Column: "codebase", Field: "project", Lens: "text"},
		{Column: "scope", Field: "namespace", Lens: "text", Default: textDefault("user")},
		{Column: "source", Field: "source", Lens: "text"},
		{Column: "valid_from", Field: "valid_from", Lens: chrono},
		{Column: "valid_until", Field: "valid_until", Lens: chrono},
		{Column: "times_retrieved", Field: "access_count", Lens: "int"},
		{Column: "last_accessed", Field: "accessed_at", Lens: chrono, Else: []string{"updated_at", "created_at"}, Default: epoch},
		{Column: "created_at", Field: "created_at", Lens: chrono, Else: []string{"updated_at", "accessed_at"}, Default: epoch},
		{Column: "updated_at", Field: "updated_at", Lens: chrono, Else: []string{"created_at", "accessed_at"}, Default: epoch},
		{Column: "metadata", Field: "metadata", Lens: "json", Default: textDefault("{}")}, // of forks
	}},
	{Table: "knowledge_nodes", Section: format.Schedules, Part: true, Columns: []store.ColumnMap{
		{Column: "id", Field: "memory_id", Lens: "text"},
		{Column: "stability", Field: "stability", Lens: "real", Default: realDefault(1)},
		{Column: "difficulty", Field: "difficulty", Lens: "real", Default: realDefault(5)},
		{Column: "retrieval_strength", Field: "retrievability", Lens: "real", Default: realDefault(1)},
		{Column: "reps", Field: "reps", Lens: "int", Default: intDefault(0)},
		{Column: "lapses", Field: "lapses", Lens: "int", Default: intDefault(0)},
		{Column: "learning_state", Field: "state", Lens: "text", Default: textDefault("new")},
		{Column: "scheduled_days", Field: "interval_days", Lens: "int", Default: intDefault(0)},
		{Column: "next_review", Field: "next_review", Lens: chrono},
	}},
	{Table: "node_embeddings", Section: format.Embeddings, Columns: []store.ColumnMap{
		{Column: "node_id", Field: "memory_id", Lens: "text"},
		{Column: "model", Field: "space", Lens: "text"},
		{Column: "dimensions", Field: "dimension", Lens: "int", Default: intDefault(0)},
		{Column: "embedding", Field: "vector", Lens: "f32"},
		{Column: "created_at", Field: "created_at", Lens: chrono, Default: epoch},
	}},
	{Table: "memory_connections", Section: format.Relations, Columns: []store.ColumnMap{
		{Column: "source_id", Field: "source_id", Lens: "text"},
		{Column: "target_id", Field: "target_id", Lens: "text"},
		{Column: "link_type", Field: "type", Lens: "text"},
		{Column: "strength", Field: "weight", Lens: "real", Default: realDefault(1)},
		{Column: "created_at", Field: "created_at", Lens: chrono, Else: []string{"accessed_at"}, Default: epoch},
		{Column: "last_activated", Field: "accessed_at", Lens: chrono, Else: []string{"created_at"}, Default: epoch},
		{Column: "activation_count", Field: "access_count", Lens: "int", Default: intDefault(0)},
	}},
	// The branch that adds reviews has them as events; its access log then stays a
	// table of its own. The plan gives the table's columns in two ways.
	{Table: "review_events", Section: format.Events, Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "int-text"},
		{Column: "memory_id", Field: "memory_id", Lens: "text"},
		{Column: "kind", Field: "kind", Lens: "text", Default: textDefault("review")},
		{Column: "timestamp", Field: "at", Lens: chrono, Default: epoch},
		{Column: "occurred_at", Field: "at", Lens: chrono, Default: epoch},
		{Column: "metadata", Field: "data", Lens: "json", Default: textDefault("{}")},
		{Column: "rating", Field: "vestige.rating", Lens: "int"},
		{Column: "prior_state", Field: "vestige.prior_state", Lens: "json", Default: textDefault("{}")},
		{Column: "new_state", Field: "vestige.new_state", Lens: "json", Default: textDefault("{}")},
		{Column: "retrievability_before", Field: "vestige.retrievability_before", Lens: "real"},
		{Column: "retrievability_after", Field: "vestige.retrievability_after", Lens: "real"},
	}},
	{Table: "memory_access_log", Section: format.Events, Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "int-text"},
		{Column: "node_id", Field: "memory_id", Lens: "text"},
		{Column: "access_type", Field: "kind", Lens: "text", Default: textDefault("search_hit")},
		{Column: "accessed_at", Field: "at", Lens: chrono, Default: epoch},
	}},
	{Table: "domains", Section: format.Domains, Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "text"},
		{Column: "label", Field: "label", Lens: "text", Default: textDefault("")},
		{Column: "centroid", Field: "centroid", Lens: "f32"},
		{Column: "top_terms", Field: "terms", Lens: "json-list", Default: textDefault("[]")},
		{Column: "memory_count", Field: "memory_count", Lens: "int", Default: intDefault(0)},
		{Column: "created_at", Field: "created_at", Lens: chrono, Default: epoch},
		{Column: "metadata", Field: "metadata", Lens: "json", Default: textDefault("{}")}, // of forks
	}},
	{Table: "embedding_profile_vectors", Columns: []store.ColumnMap{
		{Column: "embedding", Field: "embedding", Lens: "f32"},
	}},
	// The branch that adds owners and groups.
	{Table: "users", Section: format.Users, Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "text"},
		{Column: "handle", Field: "handle", Lens: "text", Else: []string{"display_name", "id"}},
		{Column: "display_name", Field: "display_name", Lens: "text"},
		{Column: "created_at", Field: "created_at", Lens: chrono, Default: epoch},
		{Column: "metadata", Field: "metadata", Lens: "json", Default: textDefault("{}")},
	}},
	{Table: "groups", Section: format.Groups, Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "text"},
		{Column: "handle", Field: "handle", Lens: "text", Else: []string{"display_name", "id"}},
		{Column: "display_name", Field: "display_name", Lens: "text"},
		{Column: "created_at", Field: "created_at", Lens: chrono, Default: epoch},
		{Column: "metadata", Field: "metadata", Lens: "json", Default: textDefault("{}")},
	}},
	{Table: "group_memberships", Section: format.Memberships, Columns: []store.ColumnMap{
		{Column: "user_id", Field: "user_id", Lens: "text"},
		{Column: "group_id", Field: "group_id", Lens: "text"},
		{Column: "role", Field: "role", Lens: "text", Default: textDefault("member")},
		{Column: "joined_at", Field: "joined_at", Lens: chrono, Default: epoch},
	}},
}

// detect recognises the product by tables, and the version by what each version
// added. Branches reuse numbers, so the number that the store gives decides only
// between versions of the same shape.
func detect(ctx context.Context, c *store.Catalog, db store.Tables) (int, bool) {
	if !c.Has("knowledge_nodes", "id", "content", "node_type", "learning_state") || !c.Has("node_embeddings", "node_id", "embedding") ||
		!c.Has("schema_version", "version") {
		return 0, false
	}
	shape := 1
	for v := 2; v <= latestVersion; v++ {
		if added := additions(v); len(added) > 0 && hasAll(c, added) {
			shape = v
		}
	}
	says := shape
	if rows, err := db.Distinct(ctx, "schema_version", []string{"version"}, 100); err == nil {
		for row := range rows.N {
			if v := rows.Columns[0]; v.Kinds[row] == store.Integer && v.Int(row) > int64(says) && v.Int(row) <= latestVersion {
				says = int(v.Int(row))
			}
		}
	}
	for v := shape + 1; v <= says; v++ {
		if len(additions(v)) > 0 {
			return shape, true
		}
		shape = v
	}
	return shape, true
}

// addition is a table, or a column of one, that a version brought.
type addition struct{ table, column string }

func additions(version int) []addition {
	var out []addition
	for _, t := range schema.Tables {
		if t.Since == version {
			out = append(out, addition{table: t.Name})
			continue
		}
		for _, col := range t.Columns {
			if col.Since == version && version > 1 {
				out = append(out, addition{t.Name, col.Name})
			}
		}
	}
	return out
}

func hasAll(c *store.Catalog, all []addition) bool {
	for _, a := range all {
		if a.column == "" && !c.Has(a.table) || a.column != "" && !c.Has(a.table, a.column) {
			return false
		}
	}
	return true
}

// locations lists where the product keeps its store: by its own variable, by the
// rule of the directories crate, by its documentation, and in a project.
func locations(getenv func(string) string) []string {
	var out []string
	add := func(base string, parts ...string) {
		if base != "" {
			out = append(out, filepath.Join(append(append([]string{base}, parts...), "vestige.db")...))
		}
	}
	add(getenv("VESTIGE_DATA_DIR"))
	home := getenv("HOME")
	switch runtime.GOOS {
	case "darwin":
		add(home, "Library", "Application Support", "com.vestige.core")
	case "windows":
		add(getenv("APPDATA"), "vestige", "core", "data")
		add(getenv("APPDATA"), "vestige", "core")
	default:
		data := getenv("XDG_DATA_HOME")
		if data == "" && home != "" {
			data = filepath.Join(home, ".local", "share")
		}
		add(data, "core")
		add(data, "vestige", "core")
	}
	return append(out, filepath.Join(".vestige", "vestige.db"))
}
