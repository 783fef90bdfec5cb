package ninaivalaigal

import (
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// tables are those that the product's classes make: what refers to others stands behind
// them. A column without a type is a moment, and one that ends in "> TABLE" refers to it.
var tables = []struct {
	name    string
	columns []string
	unique  string
}{
	{"users", []string{"username VARCHAR(255) NOT NULL", "email VARCHAR(255)", "password_hash VARCHAR(255) NOT NULL", "is_active BOOLEAN", "created_at", "updated_at"}, "email"},
	{"organizations", []string{"name VARCHAR(255) NOT NULL", "description TEXT", "created_at", "updated_at"}, "name"},
	{"teams", []string{"name VARCHAR(255) NOT NULL", "organization_id INTEGER > organizations", "description TEXT", "created_at", "updated_at"}, ""},
	{"recording_contexts", []string{"name VARCHAR(255) NOT NULL", "description TEXT", "owner_id INTEGER > users", "team_id INTEGER > teams", "organization_id INTEGER > organizations",
		"visibility VARCHAR(50) NOT NULL", "is_active BOOLEAN", "created_at", "updated_at"}, ""},
	{"memories", []string{"user_id INTEGER", "context VARCHAR(255) NOT NULL", "type VARCHAR(100) NOT NULL", "source VARCHAR(255) NOT NULL", "data JSON NOT NULL", "created_at", "updated_at"}, ""},
	{"team_members", []string{"team_id INTEGER NOT NULL > teams", "user_id INTEGER NOT NULL > users", "role VARCHAR(50) NOT NULL", "joined_at"}, ""},
	{"context_permissions", []string{"context_id INTEGER NOT NULL > recording_contexts", "user_id INTEGER > users", "team_id INTEGER > teams", "organization_id INTEGER > organizations",
		"permission_level VARCHAR(50) NOT NULL", "granted_by INTEGER NOT NULL > users", "granted_at"}, ""},
}

// schema is what SQLAlchemy makes of the product's classes.
func schema(in forms) *store.Schema {
	s := &store.Schema{}
	for _, t := range tables {
		def := store.TableDef{Name: t.name, Columns: []store.ColumnDef{{Name: "id", Decl: in.serial + " NOT NULL"}}, Constraints: []store.Statement{{SQL: "PRIMARY KEY (id)"}}}
		for _, c := range t.columns {
			c, to, refers := strings.Cut(c, " > ")
			name, decl, typed := strings.Cut(c, " ")
			if !typed {
				decl = in.moment
			}
			def.Columns = append(def.Columns, store.ColumnDef{Name: name, Decl: decl})
			switch {
			case refers && in.serial == "SERIAL":
				def.Foreign = append(def.Foreign, store.ForeignDef{ForeignKey: format.ForeignKey{Columns: []string{name}, Table: to, To: []string{"id"}}})
			case refers:
				def.Constraints = append(def.Constraints, store.Statement{SQL: "FOREIGN KEY(" + name + ") REFERENCES " + to + " (id)"})
			}
		}
		if t.unique != "" {
			def.Constraints = append(def.Constraints, store.Statement{SQL: "UNIQUE (" + t.unique + ")"})
		}
		s.Tables = append(s.Tables, def)
		s.Objects = append(s.Objects, index("", t.name, "id"))
	}
	s.Objects = append(s.Objects, index("UNIQUE ", "users", "username"), index("", "memories", "context"), index("", "recording_contexts", "name"))
	return s
}

func index(unique, table, column string) store.ObjectDef {
	name := "ix_" + table + "_" + column
	return store.ObjectDef{Name: name, Table: table, SQL: "CREATE " + unique + "INDEX " + name + " ON " + table + " (" + column + ")"}
}

// CreateStatements returns what creates an empty SQLite store.
func CreateStatements() (out []string) {
	s := schema(inSQLite)
	for i := range s.Tables {
		out = append(out, s.Tables[i].CreateSQL())
	}
	for _, o := range s.Objects {
		out = append(out, o.SQL)
	}
	return out
}
