// Package vestige holds the layout of the stores of vestige.
package vestige

import (
	"fmt"
	"slices"

	"github.com/memarc/memarc/internal/store"
)

// latestVersion is the newest schema version the reference schema describes.
const latestVersion = 39

// schema is the reference schema of the main line, versions 1 to 39, and of the
// mirror of the PostgreSQL backend.
//
// Branches reuse numbers: a file with the version of one entry and the columns
// of another comes from a fork and does not match this schema.
var schema = &store.Schema{
	Pragmas: []store.Statement{
		{SQL: "PRAGMA page_size = 8192", Since: 7},
	},
	Tables: withMirror(slices.Concat(nodeTables, recordTables, traceTables, proofTables, lateTables)),
	Objects: slices.Concat(
		searchObjects, nodeIndexes, recordIndexes, traceIndexes, proofObjects, lateObjects,
	),
	Seeds: seeds,
	Rebuild: []store.Statement{
		{Object: "knowledge_fts", SQL: "INSERT INTO knowledge_fts(knowledge_fts) VALUES ('rebuild')"},
	},
}

// seedTime stands for the creation time in the seed rows.
const seedTime = "'2026-01-01 00:00:00'"

// legacyProfile names the embedding profile every database has from V28 on.
const legacyProfile = "'nomic-v1.5-legacy-raw-256'"

// seeds are the rows a database holds directly after its creation.
var seeds = slices.Concat(versionSeeds(), mirrorSeeds, []store.Statement{
	{
		SQL:   "INSERT INTO fsrs_config (key, value, updated_at) VALUES ('w20', 0.1542, " + seedTime + ")",
		Since: 5,
	},
	{
		SQL:   "INSERT INTO erasure_generation_counter (singleton, last_generation) VALUES (1, 0)",
		Since: 25,
	},
	{
		SQL: "INSERT INTO embedding_profiles (profile_id, model_id, immutable_model_revision," +
			" runtime_backend, embedding_dimension, normalization_method," +
			" document_encoding_template, query_encoding_template, maximum_token_limit," +
			" chunking_strategy, status, created_at, updated_at) VALUES (" + legacyProfile +
			", 'nomic-ai/nomic-embed-text-v1.5', 'legacy-unpinned', 'legacy-fastembed', 256, 'l2'," +
			" '{content}', '{query}', 8192, 'legacy-default', 'active', " + seedTime + ", " + seedTime + ")",
		Since: 28,
	},
	{
		SQL: "INSERT INTO embedding_profile_state (singleton, active_profile_id, activated_at, updated_at)" +
			" VALUES (1, " + legacyProfile + ", " + seedTime + ", " + seedTime + ")",
		Since: 28,
	},
	{
		SQL: "INSERT INTO embedding_profile_manifests (profile_id, manifest_json, manifest_hash, updated_at)" +
			" VALUES (" + legacyProfile + ", '{}', 'legacy-unverified', " + seedTime + ")",
		Since: 28,
	},
	{
		SQL:   "INSERT INTO actor_policy_state (id, policy_version, updated_at) VALUES (1, 1, " + seedTime + ")",
		Since: 38,
	},
	{
		SQL: "INSERT INTO actor_role_weights (role, weight_prior, updated_at) VALUES" +
			" ('operator', 1.5, " + seedTime + ")," +
			" ('destructive-tester', 1.3, " + seedTime + ")," +
			" ('architect', 1.25, " + seedTime + ")," +
			" ('functional-tester', 1.15, " + seedTime + ")," +
			" ('qa', 1.1, " + seedTime + ")," +
			" ('dev', 1.0, " + seedTime + ")",
		Since: 38,
	},
})

// versionSeeds returns the version row of every version: the table holds one
// row, changed in place by every migration.
func versionSeeds() []store.Statement {
	var out []store.Statement
	for _, v := range Versions() {
		s := store.Statement{
			SQL:   fmt.Sprintf("INSERT INTO schema_version (version, applied_at) VALUES (%d, %s)", v, seedTime),
			Since: v,
		}
		if v < latestVersion {
			s.Until = v + 1
		}
		out = append(out, s)
	}
	return out
}

// Versions lists the schema versions the reference schema describes, in order.
func Versions() []int {
	out := make([]int, latestVersion)
	for i := range out {
		out[i] = i + 1
	}
	return out
}

// CreateStatements returns what creates an empty database of one version:
// pragmas, tables, derived objects and the seed rows, in this order.
func CreateStatements(version int) []string {
	at := schema.At(version)
	var out []string
	for _, p := range at.Pragmas {
		out = append(out, p.SQL)
	}
	for i := range at.Tables {
		out = append(out, at.Tables[i].CreateSQL())
	}
	for _, o := range at.Objects {
		out = append(out, o.SQL)
	}
	for _, s := range seeds {
		if version >= s.Since && (s.Until == 0 || version < s.Until) {
			out = append(out, s.SQL)
		}
	}
	return out
}

// index describes a plain index; on is its column list and, if partial, its
// WHERE clause.
func index(since int, table, name, on string) store.ObjectDef {
	return store.ObjectDef{
		Name: name, Table: table, Since: since,
		SQL: "CREATE INDEX " + name + " ON " + table + on,
	}
}

// unique describes a unique index.
func unique(since int, table, name, on string) store.ObjectDef {
	return store.ObjectDef{
		Name: name, Table: table, Since: since,
		SQL: "CREATE UNIQUE INDEX " + name + " ON " + table + on,
	}
}

// until sets the first version that no longer has the object.
func until(version int, o store.ObjectDef) store.ObjectDef {
	o.Until = version
	return o
}
