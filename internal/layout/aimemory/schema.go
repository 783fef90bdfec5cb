package aimemory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// latestVersion is the newest schema version that the reference schemas describe.
// The numbers of the two engines are the same from 57 on; before, PostgreSQL lags.
const latestVersion = 101

// pgBootstrap stands for the first PostgreSQL schema, which had no table of versions.
const pgBootstrap = 1

// pgFirst is the first version that a PostgreSQL store says of itself.
const pgFirst = 15

// sqliteSchema is the schema of a new SQLite store. A store that came up from an
// older version has the same columns, those of later versions behind the others.
var sqliteSchema = &store.Schema{
	Tables:  slices.Concat(memoryTables, policyTables, trustTables, workTables),
	Objects: slices.Concat(sqliteIndexes, searchObjects, checkTriggers, linkTriggers, lateObjects),
	Seeds:   slices.Concat(versionSeeds(), ruleSeeds),
	Rebuild: []store.Statement{
		{Object: "memories_fts", SQL: "INSERT INTO memories_fts(memories_fts) VALUES ('rebuild')"},
	},
}

// pgSchema is the schema of a new PostgreSQL store. {EMBEDDING_DIM} stands for the
// dimension of the one vector space that a store takes.
//
// A new store of versions 32 to 74 also has the narrow constraint of version 32 on
// relations beside the wide one, and so refuses what the wide one allows. The
// product dropped it as a mistake; it is not in this schema.
var pgSchema = &store.Schema{
	Before:  []store.Statement{{SQL: "CREATE EXTENSION IF NOT EXISTS vector"}},
	Tables:  slices.Concat(pgMemoryTables, pgPolicyTables, pgTrustTables, pgWorkTables),
	Objects: slices.Concat(pgFunctions, pgIndexes, pgLateObjects),
	Seeds:   pgVersionSeeds(),
}

// versionSeeds returns the row of every version: the table holds one, which every
// migration replaces.
func versionSeeds() []store.Statement {
	var out []store.Statement
	for v := 1; v <= latestVersion; v++ {
		out = append(out, only(v, fmt.Sprintf("INSERT INTO schema_version (version) VALUES (%d)", v)))
	}
	return out
}

// pgVersionSeeds returns the rows of every version: the table holds one a step.
func pgVersionSeeds() []store.Statement {
	var out []store.Statement
	for v := pgFirst; v <= latestVersion; v++ {
		out = append(out, only(v, fmt.Sprintf("INSERT INTO schema_version (version, applied_at)"+
			" SELECT n, '2026-01-01T00:00:00Z' FROM generate_series(%d, %d) n", pgFirst, v)))
	}
	return out
}

// only is a statement of one version.
func only(version int, sql string) store.Statement {
	s := store.Statement{SQL: sql, Since: version}
	if version < latestVersion {
		s.Until = version + 1
	}
	return s
}

// ruleSeeds are the rules, all of them off, that every store starts with.
var ruleSeeds = []store.Statement{{Since: 30, SQL: "INSERT INTO governance_rules" +
	" (id, kind, matcher, severity, reason, namespace, created_by, created_at, enabled, signature, attest_level) VALUES" +
	rule("R001", "filesystem_write", `{"glob":"/tmp/**"}`, "Operator hard rule (#691): no /tmp writes. Use $TMPDIR or .local-runs/.") + "," +
	rule("R002", "filesystem_write", `{"glob":"/var/tmp/**"}`, "Operator hard rule (#691): no /var/tmp writes.") + "," +
	rule("R003", "filesystem_write", `{"glob":"/private/tmp/**"}`, "Operator hard rule (#691): no /private/tmp writes (macOS realpath of /tmp).") + "," +
	rule("R004", "process_spawn", `{"binary":"cargo","disk_free_min_gib":20}`, "Operator hard rule (#691): cargo refused on low-disk system (<20 GiB free)."),
}}

func rule(id, kind, matcher, reason string) string {
	return fmt.Sprintf(" ('%s', '%s', '%s', 'refuse', '%s', '_global', 'system:seed', 0, 0, NULL, 'unsigned')", id, kind, matcher, reason)
}

// Versions lists the schema versions of SQLite stores that the reference schema
// describes, in order.
func Versions() []int {
	out := make([]int, latestVersion)
	for i := range out {
		out[i] = i + 1
	}
	return out
}

// CreateStatements returns what creates an empty SQLite store of one version:
// tables, derived objects and the rows it starts with, in this order.
func CreateStatements(version int) []string {
	return statements(sqliteSchema, version, "")
}

// PostgresStatements is CreateStatements for a PostgreSQL store whose vectors have
// so many elements.
func PostgresStatements(version, dimension int) []string {
	return statements(pgSchema, version, fmt.Sprint(dimension))
}

// index describes a plain index; on is its column list and, if partial, its
// WHERE clause.
func index(since int, table, name, on string) store.ObjectDef {
	return store.ObjectDef{Name: name, Table: table, Since: since, SQL: "CREATE INDEX " + name + " ON " + table + on,
		Slow: strings.Contains(on, "hnsw") || strings.Contains(on, "tsv")}
}

// unique describes a unique index.
func unique(since int, table, name, on string) store.ObjectDef {
	return store.ObjectDef{Name: name, Table: table, Since: since, SQL: "CREATE UNIQUE INDEX " + name + " ON " + table + on}
}

// until sets the first version that no longer has the object.
func until(version int, o store.ObjectDef) store.ObjectDef {
	o.Until = version
	return o
}

// reference describes a reference to the id of a row of a table.
func reference(since int, column, table, onDelete string) store.ForeignDef {
	return store.ForeignDef{Since: since, ForeignKey: format.ForeignKey{Columns: []string{column}, Table: table, To: []string{"id"}, OnDelete: onDelete}}
}
