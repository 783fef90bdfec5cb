package vestige

import (
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// postgresSchema is the reference schema of the planned PostgreSQL backend.
var postgresSchema = &store.Schema{
	Before: []store.Statement{
		// Where they exist already, these need no right to create them.
		{SQL: "CREATE EXTENSION IF NOT EXISTS pgcrypto"},
		{SQL: "CREATE EXTENSION IF NOT EXISTS vector"},
		{SQL: tagText.SQL},
	},
	Tables:  postgresTables,
	Objects: postgresObjects,
	Seeds: []store.Statement{
		{SQL: "INSERT INTO users (id, handle, display_name) VALUES ('" + localUser + "', 'local', 'Local User') ON CONFLICT DO NOTHING"},
		migration("1", "init"),
		// A new store learns the dimension with its model, and may have none.
		{Since: migrationHNSW, SQL: "ALTER TABLE knowledge_nodes ALTER COLUMN embedding TYPE vector"},
	},
}

// tagText joins tags for the full-text search. The plan does so with array_to_string,
// which a server refuses in a generated column because it is not immutable for all
// types of elements. For texts it is.
var tagText = store.ObjectDef{Name: "knowledge_nodes_tag_text", Table: "knowledge_nodes",
	SQL: "CREATE OR REPLACE FUNCTION knowledge_nodes_tag_text(tags text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE" +
		" AS $$ SELECT pg_catalog.array_to_string(tags, ' ') $$"}

// postgresModel is where the store names its model.
var postgresModel = &store.Model{
	Table: "embedding_model", Name: "name", Dimension: "dimension", Hash: "hash",
	Vectors:  [][2]string{{"knowledge_nodes", "embedding"}},
	Assumed:  384, // a seed takes it away again, until a model is registered
	Register: postgresRegister,
	Replace: []store.Statement{
		{SQL: "DROP INDEX IF EXISTS " + hnswIndex},
		{SQL: "ALTER TABLE knowledge_nodes ALTER COLUMN embedding TYPE vector($DIMENSION) USING NULL"},
		{SQL: "INSERT INTO embedding_model (id, name, dimension, hash) VALUES (1, $NAME, $DIMENSION, $HASH)" +
			" ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, dimension = EXCLUDED.dimension, hash = EXCLUDED.hash, created_at = now()"},
	},
	Remark: []store.Statement{{SQL: createHNSW}, migration("2", "hnsw")},
}

// postgresRegister is what the product does when it learns which model embeds: it
// enters the model, gives the column its dimension, and goes on to the second
// migration.
var postgresRegister = []store.Statement{
	{SQL: "INSERT INTO embedding_model (id, name, dimension, hash) VALUES (1, $NAME, $DIMENSION, $HASH) ON CONFLICT DO NOTHING"},
	{SQL: "ALTER TABLE knowledge_nodes ALTER COLUMN embedding TYPE vector($DIMENSION)"},
	migration("2", "hnsw"),
}

// migration enters a migration as done. The files of the migrations have not been
// released, so nothing can be said of their checksums.
func migration(version, description string) store.Statement {
	return store.Statement{SQL: "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)" +
		" VALUES (" + version + ", '" + description + `', true, '\x', 0) ON CONFLICT DO NOTHING`}
}

// refers is a reference to the identifiers of another table.
func refers(column, table, onDelete string) store.ForeignDef {
	return store.ForeignDef{ForeignKey: format.ForeignKey{Columns: []string{column}, Table: table, To: []string{"id"}, OnDelete: onDelete}}
}

// accountDefs are the columns of users and of groups.
var accountDefs = []store.ColumnDef{
	{Name: "id", Decl: "UUID PRIMARY KEY DEFAULT gen_random_uuid()"},
	{Name: "handle", Decl: "TEXT NOT NULL UNIQUE"},
	{Name: "display_name", Decl: "TEXT"},
	{Name: "created_at", Decl: "TIMESTAMPTZ NOT NULL DEFAULT now()"},
	{Name: "metadata", Decl: "JSONB NOT NULL DEFAULT '{}'"},
}

var postgresTables = []store.TableDef{
	{Name: "_sqlx_migrations", Columns: []store.ColumnDef{
		{Name: "version", Decl: "BIGINT PRIMARY KEY"},
		{Name: "description", Decl: "TEXT NOT NULL"},
		{Name: "installed_on", Decl: "TIMESTAMPTZ NOT NULL DEFAULT now()"},
		{Name: "success", Decl: "BOOLEAN NOT NULL"},
		{Name: "checksum", Decl: "BYTEA NOT NULL"},
		{Name: "execution_time", Decl: "BIGINT NOT NULL"},
	}},
	{Name: "embedding_model", Columns: []store.ColumnDef{
		{Name: "id", Decl: "SMALLINT PRIMARY KEY DEFAULT 1 CHECK (id = 1)"},
		{Name: "name", Decl: "TEXT NOT NULL"},
		{Name: "dimension", Decl: "INTEGER NOT NULL CHECK (dimension > 0)"},
		{Name: "hash", Decl: "TEXT NOT NULL"},
		{Name: "created_at", Decl: "TIMESTAMPTZ NOT NULL DEFAULT now()"},
	}},
	{Name: "domains", Columns: []store.ColumnDef{
		{Name: "id", Decl: "TEXT PRIMARY KEY"},
		{Name: "label", Decl: "TEXT NOT NULL"},
		{Name: "centroid", Decl: "vector"},
		{Name: "top_terms", Decl: "TEXT[] NOT NULL DEFAULT '{}'"},
		{Name: "memory_count", Decl: "INTEGER NOT NULL DEFAULT 0"},
		{Name: "created_at", Decl: "TIMESTAMPTZ NOT NULL DEFAULT now()"},
		{Name: "metadata", Decl: "JSONB NOT NULL DEFAULT '{}'"},
	}},
	{Name: "users", Columns: accountDefs},
	{Name: "groups", Columns: accountDefs},
	{Name: "group_memberships",
		Columns: []store.ColumnDef{
			{Name: "user_id", Decl: "UUID NOT NULL"},
			{Name: "group_id", Decl: "UUID NOT NULL"},
			{Name: "role", Decl: "TEXT NOT NULL DEFAULT 'member'"},
			{Name: "joined_at", Decl: "TIMESTAMPTZ NOT NULL DEFAULT now()"},
		},
		Constraints: []store.Statement{{SQL: "PRIMARY KEY (user_id, group_id)"}, {SQL: "CHECK (role IN ('member', 'admin'))"}},
		Foreign:     []store.ForeignDef{refers("user_id", "users", "CASCADE"), refers("group_id", "groups", "CASCADE")},
	},
	{Name: "knowledge_nodes",
		Columns: []store.ColumnDef{
			{Name: "id", Decl: "UUID PRIMARY KEY DEFAULT gen_random_uuid()"},
			{Name: "content", Decl: "TEXT NOT NULL"},
			{Name: "node_type", Decl: "TEXT NOT NULL DEFAULT 'general'"},
			{Name: "tags", Decl: "TEXT[] NOT NULL DEFAULT '{}'"},
			{Name: "metadata", Decl: "JSONB NOT NULL DEFAULT '{}'"},
			{Name: "domains", Decl: "TEXT[] NOT NULL DEFAULT '{}'"},
			{Name: "domain_scores", Decl: "JSONB NOT NULL DEFAULT '{}'"},
			{Name: "embedding", Decl: "vector", Until: migrationHNSW},
			{Name: "embedding", Decl: "vector(" + store.DimensionMark + ")", Since: migrationHNSW},
			{Name: "codebase", Decl: "TEXT"},
			{Name: "owner_user_id", Decl: "UUID NOT NULL DEFAULT '" + localUser + "'"},
			{Name: "visibility", Decl: "TEXT NOT NULL DEFAULT 'private'"},
			{Name: "shared_with_groups", Decl: "UUID[] NOT NULL DEFAULT '{}'"},
			{Name: "created_at", Decl: "TIMESTAMPTZ NOT NULL DEFAULT now()"},
			{Name: "updated_at", Decl: "TIMESTAMPTZ NOT NULL DEFAULT now()"},
			{Name: "search_vec", Decl: "TSVECTOR GENERATED ALWAYS AS (setweight(to_tsvector('english', coalesce(content, '')), 'A')" +
				" || setweight(to_tsvector('english', coalesce(node_type, '')), 'B')" +
				" || setweight(to_tsvector('english', coalesce(knowledge_nodes_tag_text(tags), '')), 'C')) STORED"},
		},
		Constraints: []store.Statement{{SQL: "CHECK (visibility IN ('private', 'group', 'public'))"}},
		Foreign:     []store.ForeignDef{refers("owner_user_id", "users", "")},
	},
	{Name: "scheduling",
		Columns: []store.ColumnDef{
			{Name: "memory_id", Decl: "UUID PRIMARY KEY"},
			{Name: "stability", Decl: "DOUBLE PRECISION NOT NULL DEFAULT 0"},
			{Name: "difficulty", Decl: "DOUBLE PRECISION NOT NULL DEFAULT 0"},
			{Name: "retrievability", Decl: "DOUBLE PRECISION NOT NULL DEFAULT 1"},
			{Name: "last_review", Decl: "TIMESTAMPTZ"},
			{Name: "next_review", Decl: "TIMESTAMPTZ"},
			{Name: "reps", Decl: "INTEGER NOT NULL DEFAULT 0"},
			{Name: "lapses", Decl: "INTEGER NOT NULL DEFAULT 0"},
		},
		Foreign: []store.ForeignDef{refers("memory_id", "knowledge_nodes", "CASCADE")},
	},
	{Name: "edges",
		Columns: []store.ColumnDef{
			{Name: "source_id", Decl: "UUID NOT NULL"},
			{Name: "target_id", Decl: "UUID NOT NULL"},
			{Name: "edge_type", Decl: "TEXT NOT NULL DEFAULT 'related'"},
			{Name: "weight", Decl: "DOUBLE PRECISION NOT NULL DEFAULT 1"},
			{Name: "created_at", Decl: "TIMESTAMPTZ NOT NULL DEFAULT now()"},
		},
		Constraints: []store.Statement{{SQL: "PRIMARY KEY (source_id, target_id, edge_type)"}},
		Foreign:     []store.ForeignDef{refers("source_id", "knowledge_nodes", "CASCADE"), refers("target_id", "knowledge_nodes", "CASCADE")},
	},
	{Name: "review_events",
		Columns: []store.ColumnDef{
			{Name: "id", Decl: "BIGSERIAL PRIMARY KEY"},
			{Name: "memory_id", Decl: "UUID NOT NULL"},
			{Name: "timestamp", Decl: "TIMESTAMPTZ NOT NULL DEFAULT now()"},
			{Name: "rating", Decl: "SMALLINT NOT NULL"},
			{Name: "prior_state", Decl: "JSONB NOT NULL"},
			{Name: "new_state", Decl: "JSONB NOT NULL"},
		},
		Foreign: []store.ForeignDef{refers("memory_id", "knowledge_nodes", "CASCADE")},
	},
}

// slow marks an index that takes long to make.
func slow(o store.ObjectDef) store.ObjectDef {
	o.Slow = true
	return o
}

// hnswIndex finds neighbours of a vector.
const hnswIndex = "idx_knowledge_nodes_embedding_hnsw"

// postgresObjects are made once the rows are there: the trigger, for one, would give
// all of them the time of the load.
var postgresObjects = []store.ObjectDef{
	tagText,
	slow(index(0, "knowledge_nodes", "idx_knowledge_nodes_fts", " USING gin (search_vec)")),
	index(0, "knowledge_nodes", "idx_knowledge_nodes_domains", " USING gin (domains)"),
	index(0, "knowledge_nodes", "idx_knowledge_nodes_tags", " USING gin (tags)"),
	index(0, "knowledge_nodes", "idx_knowledge_nodes_node_type", " (node_type)"),
	index(0, "knowledge_nodes", "idx_knowledge_nodes_created", " (created_at)"),
	index(0, "knowledge_nodes", "idx_knowledge_nodes_updated", " (updated_at)"),
	index(0, "knowledge_nodes", "idx_knowledge_nodes_owner", " (owner_user_id)"),
	index(0, "knowledge_nodes", "idx_knowledge_nodes_shared_groups", " USING gin (shared_with_groups)"),
	index(0, "knowledge_nodes", "idx_knowledge_nodes_codebase", " (codebase) WHERE codebase IS NOT NULL"),
	index(0, "scheduling", "idx_scheduling_next_review", " (next_review)"),
	index(0, "scheduling", "idx_scheduling_last_review", " (last_review)"),
	index(0, "edges", "idx_edges_target", " (target_id)"),
	index(0, "edges", "idx_edges_source", " (source_id)"),
	index(0, "edges", "idx_edges_type", " (edge_type)"),
	index(0, "review_events", "idx_review_events_memory", " (memory_id)"),
	index(0, "review_events", "idx_review_events_ts", ` ("timestamp")`),
	{Name: "knowledge_nodes_set_updated_at", Table: "knowledge_nodes", SQL: "CREATE OR REPLACE FUNCTION knowledge_nodes_set_updated_at() RETURNS trigger" +
		" LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$"},
	{Name: "trg_knowledge_nodes_updated_at", Table: "knowledge_nodes", SQL: "CREATE TRIGGER trg_knowledge_nodes_updated_at" +
		" BEFORE UPDATE ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION knowledge_nodes_set_updated_at()"},
	{Name: hnswIndex, Table: "knowledge_nodes", Since: migrationHNSW, Slow: true, SQL: createHNSW},
}

// createHNSW makes the index over vectors, which takes a column with a dimension, of
// 2000 at most.
const createHNSW = "DO $$ BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_attribute" +
	" WHERE attrelid = 'knowledge_nodes'::regclass AND attname = 'embedding' AND atttypmod BETWEEN 1 AND 2000)" +
	" THEN CREATE INDEX IF NOT EXISTS " + hnswIndex + " ON knowledge_nodes USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64);" +
	" END IF; END $$"
