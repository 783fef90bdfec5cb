package postgres

import (
	"context"
	"fmt"

	"github.com/memarc/memarc/internal/store"
)

// Stored returns what a Lookup of the columns want would give of rows that Insert
// takes. A row that Insert refuses has NULL in all columns.
func (t *Target) Stored(ctx context.Context, name string, columns []string, rows *store.Rows, want []string) (*store.Rows, error) {
	tab, err := t.table(ctx, name)
	if err != nil {
		return nil, err
	}
	picked, err := tab.pick(columns)
	if err != nil {
		return nil, t.failed("read", err)
	}
	wanted, err := tab.pick(want)
	if err != nil {
		return nil, t.failed("read", err)
	}
	if changes, err := t.changesRows(ctx, tab); err != nil || changes {
		return nil, err
	}
	refused, any := make([]bool, rows.N), false
	for i, c := range picked {
		if c.codec == nil {
			return nil, nil
		}
		cells := &rows.Columns[i]
		if c.fits(cells) {
			continue
		}
		for row := range rows.N {
			if cells.Kinds[row] != store.Null && !refused[row] && c.refuses(cells, row) != nil {
				refused[row], any = true, true
			}
		}
	}
	out := store.NewRows(len(want))
	out.N = rows.N
	for i, c := range wanted {
		to := &out.Columns[i]
		from := -1
		for j := range columns {
			if columns[j] == want[i] {
				from = j
			}
		}
		if from >= 0 && !any && c.codec.same {
			*to = rows.Columns[from] // the very cells
			continue
		}
		var constant *store.Cells
		if from < 0 {
			if constant, err = t.constant(ctx, tab, c); err != nil || constant == nil {
				return nil, err
			}
		}
		for row := range rows.N {
			switch {
			case refused[row]:
				to.AppendNull()
			case from < 0:
				to.AppendRow(constant, 0)
			case rows.Columns[from].Kinds[row] == store.Null:
				to.AppendNull()
			case !c.codec.stored(&rows.Columns[from], row, to):
				return nil, nil
			}
		}
	}
	return out, nil
}

// changesRows tells whether a trigger of the table may change rows that come.
func (t *Target) changesRows(ctx context.Context, tab *table) (changes bool, err error) {
	if known, ok := t.triggered[tab.name]; ok {
		return known, nil
	}
	if changes, err = t.readTriggers(ctx, tab); err != nil {
		return false, err
	}
	if t.triggered == nil {
		t.triggered = map[string]bool{}
	}
	t.triggered[tab.name] = changes
	return changes, nil
}

func (t *Target) readTriggers(ctx context.Context, tab *table) (changes bool, err error) {
	const before, insert = 2, 4
	err = t.client().QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal AND tgtype & $2 <> 0 AND tgtype & $3 <> 0)", tab.oid, before, insert).Scan(&changes)
	if err != nil {
		return false, fmt.Errorf("table %q: %w", tab.name, t.failed("read the triggers of", err))
	}
	return changes, nil
}

// constant returns what a column gets that is not among those that are written, as
// one cell; nil if that is not the same for each row.
func (t *Target) constant(ctx context.Context, tab *table, c *column) (*store.Cells, error) {
	if known, ok := t.constants[tab.name][c.name]; ok {
		return known, nil
	}
	cells := new(store.Cells)
	cells.Reset()
	switch {
	case c.generated || c.counts() || c.codec == nil:
		cells = nil
	case c.def == "":
		cells.AppendNull()
	default:
		if _, keyword, ok := parseDefault(c.def); !ok || keyword != "" && keyword != "TRUE" && keyword != "FALSE" {
			cells = nil
			break
		}
		found := 0
		_, err := t.collect(ctx, "SELECT ("+c.def+")::"+c.decl, nil, nil, func(values [][]byte) error {
			if found++; values[0] == nil {
				cells.AppendNull()
				return nil
			}
			return c.codec.decode(values[0], cells)
		})
		if err != nil || found != 1 {
			return nil, fmt.Errorf("table %q: %w", tab.name, t.failed("read the defaults of", err))
		}
	}
	if t.constants == nil {
		t.constants = map[string]map[string]*store.Cells{}
	}
	if t.constants[tab.name] == nil {
		t.constants[tab.name] = map[string]*store.Cells{}
	}
	t.constants[tab.name][c.name] = cells
	return cells, nil
}
