package aimemory

import (
	"fmt"
	"strings"

	"github.com/memarc/memarc/internal/store"
)

// statements returns what creates an empty store: what must be there first, tables,
// objects, references and the rows it starts with.
func statements(s *store.Schema, version int, dimension string) []string {
	at := s.At(version)
	var out []string
	for _, p := range at.Before {
		out = append(out, p.SQL)
	}
	for i := range at.Tables {
		out = append(out, strings.ReplaceAll(at.Tables[i].CreateSQL(), store.DimensionMark, dimension))
	}
	for _, o := range at.Objects {
		out = append(out, o.SQL)
	}
	for i := range at.Tables {
		for _, f := range at.Tables[i].Foreign {
			sql := fmt.Sprintf("ALTER TABLE %s ADD FOREIGN KEY (%s) REFERENCES %s (%s)", at.Tables[i].Name, f.Columns[0], f.Table, f.To[0])
			if f.OnDelete != "" {
				sql += " ON DELETE " + f.OnDelete
			}
			out = append(out, sql)
		}
	}
	for _, seed := range at.Seeds {
		out = append(out, seed.SQL)
	}
	return out
}
