package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/internal/store"
)

// A tableLoad is what this import writes into one table.
type tableLoad struct {
	rows    int
	checked bool     // whether the table has indexes over vectors
	indexes []string // statements that make those again that were dropped
}

// fewRows is up to how many rows an index over vectors is kept while they come. From
// some hundreds on, building it anew is faster.
const fewRows = 1000

// count notes that rows are going to be written. Before there are many, indexes over
// vectors are put aside until Settle: entering them row by row takes longer than all
// else together.
func (t *Target) count(ctx context.Context, tab *table, rows int) error {
	l := t.loads[tab.name]
	if l == nil {
		l = new(tableLoad)
		t.loads[tab.name] = l
		t.order = append(t.order, tab.name)
	}
	l.rows += rows
	if l.checked || l.rows <= fewRows {
		return nil
	}
	l.checked = true
	found, err := t.conn.Query(ctx, `SELECT c.relname::text, pg_catalog.pg_get_indexdef(c.oid) FROM pg_catalog.pg_index i
		JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am a ON a.oid = c.relam
		WHERE i.indrelid = $1 AND a.amname IN ('hnsw', 'ivfflat') ORDER BY c.oid`, tab.oid)
	if err != nil {
		return t.failed("read the indexes of", err)
	}
	var name, sql string
	var names []string
	if _, err := pgx.ForEachRow(found, []any{&name, &sql}, func() error {
		names, l.indexes = append(names, name), append(l.indexes, sql)
		return nil
	}); err != nil {
		return t.failed("read the indexes of", err)
	}
	for _, name := range names {
		if err := t.exec(ctx, "DROP INDEX "+t.qualified(name)); err != nil {
			return fmt.Errorf("index %q: %w", name, t.failed("put aside an index of", err))
		}
	}
	return nil
}

// The memory for building an index over vectors: what the graph takes, within bounds.
const (
	leastMaintenance = 64 << 10   // KiB
	mostMaintenance  = 1024 << 10 // KiB
)

// Settle makes the indexes over vectors again that were put aside.
func (t *Target) Settle(ctx context.Context) error {
	for _, name := range t.loaded() {
		l := t.loads[name]
		if len(l.indexes) == 0 {
			continue
		}
		// The graph has the vectors and, for each, some hundreds of bytes of links.
		var size int64
		err := t.conn.QueryRow(ctx, "SELECT pg_catalog.pg_table_size($1::text::regclass) / 1024", t.qualified(name)).Scan(&size)
		if err != nil {
			return t.failed("read the size of", err)
		}
		memory := min(max(size*3/2, leastMaintenance), mostMaintenance)
		if err := t.exec(ctx, fmt.Sprintf("SET LOCAL maintenance_work_mem = '%dkB'; SET LOCAL max_parallel_maintenance_workers = 2", memory)); err != nil {
			return t.failed("write", err)
		}
		for _, sql := range l.indexes {
			if err := t.exec(ctx, sql); err != nil {
				return fmt.Errorf("table %q: %w", name, t.failed("make an index again in", err))
			}
		}
		l.indexes, l.checked, l.rows = nil, false, 0
	}
	return nil
}

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
	refused := make([]bool, rows.N)
	for i, c := range picked {
		if c.codec == nil {
			return nil, nil
		}
		cells := &rows.Columns[i]
		for row := range rows.N {
			if cells.Kinds[row] != store.Null && !refused[row] && c.refuses(cells, row) != nil {
				refused[row] = true
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
	const before, insert = 2, 4
	err = t.conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal AND tgtype & $2 <> 0 AND tgtype & $3 <> 0)", tab.oid, before, insert).Scan(&changes)
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
