package openmemory

import "github.com/memarc/memarc/internal/store"

// CreateStatements returns what creates an empty SQLite store of a version.
func CreateStatements(version int) (out []string) {
	at := sqliteSchema.At(version)
	for i := range at.Tables {
		out = append(out, at.Tables[i].CreateSQL())
	}
	return append(out, objects(at)...)
}

// PostgresStatements returns what creates an empty PostgreSQL store of a version.
func PostgresStatements(version int) (out []string) {
	at := postgresSchema.At(version)
	for _, s := range at.Before {
		out = append(out, s.SQL)
	}
	for i := range at.Tables {
		t := &at.Tables[i]
		out = append(out, t.CreateSQL())
		for _, f := range t.Foreign {
			out = append(out, "ALTER TABLE "+t.Name+" ADD FOREIGN KEY ("+f.Columns[0]+") REFERENCES "+f.Table+" (id)")
		}
	}
	return append(out, objects(at)...)
}

func objects(s *store.Schema) (out []string) {
	for _, o := range s.Objects {
		out = append(out, o.SQL)
	}
	return out
}

// Identity is the identifier of a record of another product.
var Identity = identity

// Those of the user and the app that records of other products get.
const (
	StrangerID  = strangerID
	ElsewhereID = elsewhereID
)
