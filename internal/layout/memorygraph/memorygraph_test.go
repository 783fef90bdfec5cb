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
		got := locations(func(name string) string {
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
