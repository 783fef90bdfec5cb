package mapping

import (
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A secret is a column that is left out unless it is asked for. Where the table demands a
// value, an empty text stands for none.
type secret struct {
	withhold bool
	blank    bool
	count    uint64 // values that were left out
}

// get returns the cells as the lens is to read them.
func (s *secret) get(cells *store.Cells) *store.Cells {
	var out store.Cells
	out.Reset()
	for row, kind := range cells.Kinds {
		switch {
		case kind == store.Null || s.blank && kind == store.Text && len(cells.Bytes(row)) == 0:
			out.AppendNull()
		case s.withhold:
			s.count++
			out.AppendNull()
		default:
			out.AppendRow(cells, row)
		}
	}
	return &out
}

// put writes what stands for none.
func (s *secret) put(cells *store.Cells) {
	if !s.blank || !slices.Contains(cells.Kinds, store.Null) {
		return
	}
	var out store.Cells
	out.Reset()
	for row, kind := range cells.Kinds {
		if kind == store.Null {
			out.AppendString("")
		} else {
			out.AppendRow(cells, row)
		}
	}
	*cells = out
}

// markSecrets finds the secret columns of a table.
func (s *shape) markSecrets(t *tableShape) {
	for _, named := range s.layout.Secrets {
		if named.Table != t.table.Name || named.Column == "" {
			continue
		}
		for _, p := range t.parts {
			for i := range p.columns {
				if c := &p.columns[i]; c.column == named.Column {
					at := slices.IndexFunc(t.table.Columns, func(col format.TableColumn) bool { return col.Name == named.Column })
					c.secret = &secret{blank: at >= 0 && t.table.Columns[at].NotNull}
				}
			}
		}
	}
}

// secrets yields the columns that are secret.
func (s *shape) secrets(yield func(table string, c *bound)) {
	for i := range s.tables {
		for _, p := range s.tables[i].parts {
			for j := range p.columns {
				if p.columns[j].secret != nil {
					yield(s.tables[i].table.Name, &p.columns[j])
				}
			}
		}
	}
}

// hasSecrets tells whether the store has a place for secrets.
func (s *shape) hasSecrets() bool {
	return slices.ContainsFunc(s.tables, func(t tableShape) bool {
		return slices.ContainsFunc(s.layout.Secrets, func(named store.Secret) bool {
			return named.Table == t.table.Name && (named.Column == "" || t.table.HasColumn(named.Column))
		})
	})
}

func (s *shape) resetSecrets() { s.secrets(func(_ string, c *bound) { c.secret.count = 0 }) }

// secretLosses counts the values of columns that were left out.
func (s *shape) secretLosses() (losses []format.Loss) {
	s.secrets(func(table string, c *bound) {
		if c.secret.count > 0 {
			losses = append(losses, withheld(table+"."+c.column, c.secret.count))
		}
	})
	return losses
}

func withheld(where string, n uint64) format.Loss {
	return format.Loss{Code: string(store.Withheld), Where: where, Count: n, Reason: "it is secret; --include-secrets carries it"}
}

// Withhold leaves out what the layout calls secret.
func (s *source) Withhold() {
	s.withhold, s.description = true, nil
	s.shape.secrets(func(_ string, c *bound) { c.secret.withhold = true })
}

// withholds tells whether a table is left out as a whole.
func (s *source) withholds(t tableShape) bool {
	return s.withhold && slices.Contains(s.shape.layout.Secrets, store.Secret{Table: t.table.Name})
}

// keepSecrets leaves in the target's rows the secrets that an archive does not have.
func (s *sink) keepSecrets(w *writer, have *store.Rows, found []int) {
	if !s.withheld() {
		return
	}
	for i := range w.part.columns {
		if w.part.columns[i].secret == nil {
			continue
		}
		var out store.Cells
		out.Reset()
		for row, at := range found {
			if at >= 0 {
				out.AppendRow(&have.Columns[i], at)
			} else {
				out.AppendRow(&w.rows.Columns[i], row)
			}
		}
		w.rows.Columns[i] = out
	}
}

// withheld tells whether the archive's source has left out its secrets.
func (s *sink) withheld() bool {
	return s.manifest.Options[store.Secrets] == string(store.Withheld)
}
