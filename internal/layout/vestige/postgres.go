package vestige

import (
	"context"
	"encoding/json"
	"math"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Postgres returns the layout of the product's planned PostgreSQL backend, for the
// registry. Its versions are the numbers of the plan's migrations.
//
// The backend has not been released. The plan contradicts itself in places; what
// holds here is its schema, as far as a server takes it.
func Postgres() *store.Layout {
	return &store.Layout{
		Name:    Name,
		Engines: []string{"postgres"},
		Detect:  detectPostgres,
		Latest:  migrationHNSW,
		Schema:  postgresSchema,
		Maps:    postgresMaps,
		Fixed:   []string{"_sqlx_migrations"},
		Model:   postgresModel,
	}
}

// The versions. Without vectors a store stays at the first: the index needs a
// dimension.
const (
	migrationInit = 1
	migrationHNSW = 2
)

// localUser is the user to whom everything belongs until there are others.
const localUser = "00000000-0000-0000-0000-000000000001"

// micros is how a timestamptz reads.
const micros = "unix-micros"

// epochMicros is written where a record of another product has no time at all.
var epochMicros = intDefault(0)

// postgresMaps says which columns are which fields. Where the product's SQLite
// stores have the same column, the field has the same name and type.
var postgresMaps = []store.TableMap{
	{Table: "users", Section: format.Users, Columns: accountColumns},
	{Table: "groups", Section: format.Groups, Columns: accountColumns},
	{Table: "group_memberships", Section: format.Memberships, Columns: []store.ColumnMap{
		{Column: "user_id", Field: "user_id", Lens: "text-no-nul"},
		{Column: "group_id", Field: "group_id", Lens: "text-no-nul"},
		{Column: "role", Field: "role", Lens: "text-no-nul", Default: textDefault("member")},
		{Column: "joined_at", Field: "joined_at", Lens: micros, Default: epochMicros},
	}},
	{Table: "domains", Section: format.Domains, Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "text-no-nul"},
		{Column: "label", Field: "label", Lens: "text-no-nul", Default: textDefault("")},
		{Column: "centroid", Field: "centroid", Lens: "pgvector"},
		{Column: "top_terms", Field: "terms", Lens: "string-array", Default: textDefault("[]")},
		{Column: "memory_count", Field: "memory_count", Lens: "int", Default: intDefault(0)},
		{Column: "created_at", Field: "created_at", Lens: micros, Default: epochMicros},
		{Column: "metadata", Field: "metadata", Lens: "jsonb", Default: textDefault("{}")},
	}},
	{Table: "knowledge_nodes", Section: format.Memories, Updated: "updated_at", Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "text-no-nul"},
		{Column: "content", Field: "content", Lens: "text-no-nul", Else: []string{"summary", "title"}, Default: textDefault("")},
		{Column: "node_type", Field: "kind", Lens: "text-no-nul", Default: textDefault("general")},
		{Column: "tags", Field: "tags", Lens: "string-array", Default: textDefault("[]")},
		{Column: "owner_user_id", Field: "owner", Lens: "text-no-nul", Default: textDefault(localUser)},
		{Column: "codebase", Field: "project", Lens: "text-no-nul"},
		{Column: "visibility", Field: "visibility", Lens: "text-no-nul", Default: textDefault("private")},
		{Column: "shared_with_groups", Field: "shared_with", Lens: "string-array", Default: textDefault("[]")},
		{Column: "created_at", Field: "created_at", Lens: micros, Else: []string{"updated_at", "accessed_at"}, Default: epochMicros},
		{Column: "updated_at", Field: "updated_at", Lens: micros, Else: []string{"created_at", "accessed_at"}, Default: epochMicros},
		{Column: "metadata", Field: "metadata", Lens: "jsonb", Default: textDefault("{}")},
		// SQLite has these two as plain text, so archives have them as text.
		{Column: "domains", Field: "vestige.domains", Lens: "text-no-nul", Default: textDefault("[]")},
		{Column: "domain_scores", Field: "vestige.domain_scores", Lens: "text-no-nul", Default: textDefault("{}")},
	}},
	{Table: "knowledge_nodes", Section: format.Embeddings, Part: true, Optional: true, Columns: []store.ColumnMap{
		{Column: "id", Field: "memory_id", Lens: "text-no-nul"},
		{Const: "name", Field: "space", Lens: "text"},
		{Const: "dimension", Field: "dimension", Lens: "int"},
		{Column: "embedding", Field: "vector", Lens: "pgvector"},
	}},
	{Table: "scheduling", Section: format.Schedules, Columns: []store.ColumnMap{
		{Column: "memory_id", Field: "memory_id", Lens: "text-no-nul"},
		{Column: "stability", Field: "stability", Lens: "real", Default: realDefault(1)},
		{Column: "difficulty", Field: "difficulty", Lens: "real", Default: realDefault(5)},
		{Column: "retrievability", Field: "retrievability", Lens: "real", Default: realDefault(1)},
		{Column: "reps", Field: "reps", Lens: "int", Default: intDefault(0)},
		{Column: "lapses", Field: "lapses", Lens: "int", Default: intDefault(0)},
		{Column: "last_review", Field: "last_review", Lens: micros},
		{Column: "next_review", Field: "next_review", Lens: micros},
	}},
	{Table: "edges", Section: format.Relations, Columns: []store.ColumnMap{
		{Column: "source_id", Field: "source_id", Lens: "text-no-nul"},
		{Column: "target_id", Field: "target_id", Lens: "text-no-nul"},
		{Column: "edge_type", Field: "type", Lens: "text-no-nul", Default: textDefault("related")},
		{Column: "weight", Field: "weight", Lens: "real", Default: realDefault(1)},
		{Column: "created_at", Field: "created_at", Lens: micros, Else: []string{"accessed_at"}, Default: epochMicros},
	}},
	{Table: "review_events", Section: format.Events, Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "int-text"},
		{Column: "memory_id", Field: "memory_id", Lens: "text-no-nul"},
		{Column: "timestamp", Field: "at", Lens: micros, Default: epochMicros},
		// No default: an event without a rating is no review and belongs beside the table.
		{Column: "rating", Field: "vestige.rating", Lens: "int"},
		{Column: "prior_state", Field: "vestige.prior_state", Lens: "jsonb", Make: reviewState("vestige.retrievability_before")},
		{Column: "new_state", Field: "vestige.new_state", Lens: "jsonb", Make: reviewState("vestige.retrievability_after")},
	}},
	{Table: "embedding_model", Columns: []store.ColumnMap{
		{Column: "name", Lens: "text-no-nul"},
		{Column: "hash", Lens: "text-no-nul"},
		// SQLite has a text here, so archives have one; the product does not read it.
		{Column: "created_at", Lens: "int-text"},
	}},
}

// accountColumns are those of users and of groups.
var accountColumns = []store.ColumnMap{
	{Column: "id", Field: "id", Lens: "text-no-nul"},
	{Column: "handle", Field: "handle", Lens: "text-no-nul", Else: []string{"display_name", "id"}},
	{Column: "display_name", Field: "display_name", Lens: "text-no-nul"},
	{Column: "created_at", Field: "created_at", Lens: micros, Default: epochMicros},
	{Column: "metadata", Field: "metadata", Lens: "jsonb", Default: textDefault("{}")},
}

// reviewState makes the state of a review that has but its retrievability, a field of
// the events that the plan's migration reads.
func reviewState(retrievability string) func(func(string) format.Value) format.Value {
	return func(field func(string) format.Value) format.Value {
		v := field(retrievability)
		if v.Type != format.Float {
			return format.TextValue("{}")
		}
		state, err := json.Marshal(map[string]float64{"retrievability": math.Float64frombits(v.Cell)})
		if err != nil { // JSON has no such number
			return format.TextValue("{}")
		}
		return format.TextValue(string(state))
	}
}

// detectPostgres recognises the product by tables and columns, and the version by the
// table of migrations, or by the index that the second one brings.
func detectPostgres(ctx context.Context, c *store.Catalog, db store.Tables) (int, bool) {
	if !c.Has("knowledge_nodes", "id", "content", "node_type", "owner_user_id", "shared_with_groups", "embedding") ||
		!c.Has("scheduling", "memory_id", "stability", "retrievability") || !c.Has("edges", "source_id", "target_id", "edge_type") {
		return 0, false
	}
	if slices.ContainsFunc(c.Objects, func(o store.CatalogObject) bool { return o.Name == hnswIndex }) {
		return migrationHNSW, true
	}
	version := migrationInit
	if !c.Has("_sqlx_migrations", "version") {
		return version, true
	}
	if rows, err := db.Distinct(ctx, "_sqlx_migrations", []string{"version"}, 100); err == nil {
		for row := range rows.N {
			if v := rows.Columns[0]; v.Kinds[row] == store.Integer && v.Int(row) == migrationHNSW {
				version = migrationHNSW
			}
		}
	}
	return version, true
}
