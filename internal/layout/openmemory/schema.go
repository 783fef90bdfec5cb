package openmemory

import (
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A kind is what a column holds. Each engine has a declaration and a lens for it.
type kind uint8

const (
	uuid kind = iota
	text
	document // JSON
	moment
	boolean
	integer
	state // of a memory: one of states
)

// A column of the product's models. With refers it holds the id of that table's row.
type column struct {
	name     string
	kind     kind
	required bool
	refers   string
	// indexed has an index ix_TABLE_COLUMN, unique if no two rows may have the same value.
	indexed, unique bool
}

// A table of the product's models. Its primary key is id, unless it says otherwise.
type table struct {
	name    string
	columns []column
	primary string
	since   int
}

func id() column { return column{name: "id", kind: uuid, required: true} }

func reference(name, to string) column {
	return column{name: name, kind: uuid, required: true, refers: to, indexed: true}
}

func created() column { return column{name: "created_at", kind: moment, indexed: true} }

func updated() column { return column{name: "updated_at", kind: moment} }

func metadata() column { return column{name: "metadata", kind: document} }

// tables are the product's, each after those that it refers to. Values that a row lacks
// are filled in by the product, not by the database.
var tables = []table{
	{name: "users", columns: []column{
		id(),
		{name: "user_id", kind: text, required: true, indexed: true, unique: true},
		{name: "name", kind: text, indexed: true},
		{name: "email", kind: text, indexed: true, unique: true},
		metadata(), created(), updated(),
	}},
	{name: "categories", columns: []column{
		id(),
		{name: "name", kind: text, required: true, indexed: true, unique: true},
		{name: "description", kind: text},
		created(), updated(),
	}},
	{name: "access_controls", columns: []column{
		id(),
		{name: "subject_type", kind: text, required: true, indexed: true},
		{name: "subject_id", kind: uuid, indexed: true},
		{name: "object_type", kind: text, required: true, indexed: true},
		{name: "object_id", kind: uuid, indexed: true},
		{name: "effect", kind: text, required: true, indexed: true},
		created(),
	}},
	{name: "archive_policies", columns: []column{
		id(),
		{name: "criteria_type", kind: text, required: true, indexed: true},
		{name: "criteria_id", kind: uuid, indexed: true},
		{name: "days_to_archive", kind: integer, required: true},
		created(),
	}},
	{name: "configs", since: configVersion, columns: []column{
		id(),
		{name: "key", kind: text, required: true, indexed: true, unique: true},
		{name: "value", kind: document, required: true},
		{name: "created_at", kind: moment}, updated(),
	}},
	{name: "apps", columns: []column{
		id(), reference("owner_id", "users"),
		{name: "name", kind: text, required: true}, // its index changed: see indexes
		{name: "description", kind: text},
		metadata(),
		{name: "is_active", kind: boolean, indexed: true},
		created(), updated(),
	}},
	{name: "memories", columns: []column{
		id(), reference("user_id", "users"), reference("app_id", "apps"),
		{name: "content", kind: text, required: true},
		{name: "vector", kind: text}, // never written
		metadata(),
		{name: "state", kind: state, indexed: true},
		created(), updated(),
		{name: "archived_at", kind: moment, indexed: true},
		{name: "deleted_at", kind: moment, indexed: true},
	}},
	{name: "memory_categories", primary: "memory_id, category_id", columns: []column{
		reference("memory_id", "memories"), reference("category_id", "categories"),
	}},
	{name: "memory_status_history", columns: []column{
		id(), reference("memory_id", "memories"), reference("changed_by", "users"),
		{name: "old_state", kind: state, required: true, indexed: true},
		{name: "new_state", kind: state, required: true, indexed: true},
		{name: "changed_at", kind: moment, indexed: true},
	}},
	{name: "memory_access_logs", columns: []column{
		id(), reference("memory_id", "memories"), reference("app_id", "apps"),
		{name: "accessed_at", kind: moment, indexed: true},
		{name: "access_type", kind: text, required: true, indexed: true},
		metadata(),
	}},
}

// ownerName is what makes the names of one owner's apps different, and unique what made
// those of all owners' before.
const ownerName = "idx_app_owner_name"

// named are the indexes that are not of one column, or not in all versions.
var named = []store.ObjectDef{
	{Name: "ix_apps_name", Table: "apps", SQL: "CREATE UNIQUE INDEX ix_apps_name ON apps (name)", Until: migratedVersion},
	{Name: "ix_apps_name", Table: "apps", SQL: "CREATE INDEX ix_apps_name ON apps (name)", Since: migratedVersion},
	{Name: ownerName, Table: "apps", SQL: "CREATE UNIQUE INDEX " + ownerName + " ON apps (owner_id, name)", Since: migratedVersion, Until: latestVersion},
	over("idx_memory_user_state", "memories", "user_id, state"),
	over("idx_memory_app_state", "memories", "app_id, state"),
	over("idx_memory_user_app", "memories", "user_id, app_id"),
	over("idx_memory_category", "memory_categories", "memory_id, category_id"),
	over("idx_access_subject", "access_controls", "subject_type, subject_id"),
	over("idx_access_object", "access_controls", "object_type, object_id"),
	over("idx_policy_criteria", "archive_policies", "criteria_type, criteria_id"),
	over("idx_history_memory_state", "memory_status_history", "memory_id, new_state"),
	over("idx_history_user_time", "memory_status_history", "changed_by, changed_at"),
	over("idx_access_memory_time", "memory_access_logs", "memory_id, accessed_at"),
	over("idx_access_app_time", "memory_access_logs", "app_id, accessed_at"),
}

func over(name, table, columns string) store.ObjectDef {
	return store.ObjectDef{Name: name, Table: table, SQL: "CREATE INDEX " + name + " ON " + table + " (" + columns + ")"}
}

// indexes are those of single columns, and the named ones.
func indexes() []store.ObjectDef {
	var out []store.ObjectDef
	for _, t := range tables {
		for _, c := range t.columns {
			if !c.indexed {
				continue
			}
			o := over("ix_"+t.name+"_"+c.name, t.name, c.name)
			if c.unique {
				o.SQL = strings.Replace(o.SQL, "CREATE INDEX", "CREATE UNIQUE INDEX", 1)
			}
			o.Since = t.since
			out = append(out, o)
		}
	}
	return slices.Concat(out, named)
}

// definitions are the tables as an engine declares them. Where it cannot add references
// later, they stand among the constraints.
func definitions(k *kinds) []store.TableDef {
	var out []store.TableDef
	for _, t := range tables {
		def := store.TableDef{Name: t.name, Since: t.since}
		primary := t.primary
		if primary == "" {
			primary = "id"
		}
		def.Constraints = []store.Statement{{SQL: "PRIMARY KEY (" + primary + ")"}}
		if t.name == "apps" {
			def.Constraints = append(def.Constraints, store.Statement{SQL: "CONSTRAINT " + ownerName + " UNIQUE (owner_id, name)", Since: latestVersion})
		}
		for _, c := range t.columns {
			decl := k.of[c.kind].declared
			if c.required {
				decl += " NOT NULL"
			}
			def.Columns = append(def.Columns, store.ColumnDef{Name: c.name, Decl: decl})
			switch {
			case c.refers == "":
			case k.later:
				def.Foreign = append(def.Foreign, store.ForeignDef{ForeignKey: format.ForeignKey{Columns: []string{c.name}, Table: c.refers, To: []string{"id"}}})
			default:
				def.Constraints = append(def.Constraints, store.Statement{SQL: "FOREIGN KEY(" + c.name + ") REFERENCES " + c.refers + " (id)"})
			}
		}
		out = append(out, def)
	}
	return out
}

var sqliteSchema = &store.Schema{
	Tables:  definitions(sqliteKinds),
	Objects: indexes(),
	Adopt:   adopted(sqliteKinds),
}

// stateType is the type of a memory's state. PostgreSQL has no words for one that may be
// there already.
const stateType = "DO $$ BEGIN CREATE TYPE memorystate AS ENUM ('active', 'paused', 'archived', 'deleted'); EXCEPTION WHEN duplicate_object THEN NULL; END $$"

var postgresSchema = &store.Schema{
	Before:  []store.Statement{{SQL: stateType}},
	Tables:  definitions(postgresKinds),
	Objects: append([]store.ObjectDef{{Name: "memorystate", Table: "memories", SQL: stateType}}, indexes()...),
	Adopt:   adopted(postgresKinds),
}
