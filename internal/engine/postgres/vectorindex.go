package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
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
	if err := t.keepIndexes(ctx, tab.name, l.indexes); err != nil {
		return err
	}
	for _, name := range names {
		if err := t.exec(ctx, "DROP INDEX "+t.qualified(name)); err != nil {
			return fmt.Errorf("index %q: %w", name, t.failed("put aside an index of", err))
		}
	}
	return nil
}

// indexTable stands in a schema while an import that commits in steps has put indexes
// aside: what makes them again, by table. A run that goes on with the import takes it
// over.
const indexTable = "memarc_indexes"

// keepIndexes writes down what was put aside, if others may see the target without it.
func (t *Target) keepIndexes(ctx context.Context, table string, indexes []string) error {
	if !t.steps || len(indexes) == 0 {
		return nil
	}
	name := t.qualified(indexTable)
	if err := t.exec(ctx, "CREATE TABLE IF NOT EXISTS "+name+" (relation text NOT NULL, statement text NOT NULL)"); err != nil {
		return t.failed("write", err)
	}
	for _, sql := range indexes {
		if _, err := t.conn.Exec(ctx, "INSERT INTO "+name+" VALUES ($1, $2)", table, sql); err != nil {
			return t.failed("write", err)
		}
	}
	return nil
}

// loadIndexes reads what an interrupted import has put aside.
func (t *Target) loadIndexes(ctx context.Context) error {
	rows, err := t.conn.Query(ctx, "SELECT relation, statement FROM "+t.qualified(indexTable))
	if err != nil {
		return t.failed("read", err)
	}
	var name, sql string
	_, err = pgx.ForEachRow(rows, []any{&name, &sql}, func() error {
		if t.loads[name] == nil {
			t.loads[name] = &tableLoad{checked: true}
			t.order = append(t.order, name)
		}
		t.loads[name].indexes = append(t.loads[name].indexes, sql)
		return nil
	})
	if err != nil {
		return t.failed("read", err)
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
	if err := t.exec(ctx, "DROP TABLE IF EXISTS "+t.qualified(indexTable)); err != nil {
		return t.failed("write", err)
	}
	return nil
}
