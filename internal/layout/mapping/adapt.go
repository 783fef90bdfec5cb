package mapping

import (
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// adapted returns the layout for a store whose tables have names that its user chose: by
// what a database holds, else by what the store had that the records come from.
func adapted(l *store.Layout, c *store.Catalog, origin *format.Origin) *store.Layout {
	if c != nil {
		var tables []format.Table
		for i := range c.Tables {
			tables = append(tables, c.Tables[i].Table)
		}
		if to := l.Adapt(tables); to != nil {
			return to
		}
	}
	if origin != nil && origin.Layout == l.Name {
		if to := l.Adapt(origin.Tables); to != nil {
			return to
		}
	}
	return l
}
