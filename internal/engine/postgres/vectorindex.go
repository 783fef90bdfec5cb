package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A tableLoad is what this import writes into one table.
type tableLoad struct {
	rows    int
	checked bool     // whether the table has indexes over vectors
	indexes []string // statements that make those again that were dropped
	watched bool     // whether the table's keys are known; see keys.go
	keys    []*asideKey
	aside   bool // these are put aside
}

// indexesAside lists indexes over vectors that can be made again just as they are:
// not those of partitions, which belong to one of the whole, nor those in a tablespace
// of their own, nor another role's.
const indexesAside = `SELECT c.relname::text, pg_catalog.pg_get_indexdef(c.oid), pg_catalog.obj_description(c.oid, 'pg_class')
	FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am a ON a.oid = c.relam
	WHERE i.indrelid = $1 AND a.amname IN ('hnsw', 'ivfflat') AND c.relkind = 'i' AND NOT c.relispartition AND i.indisvalid
		AND c.reltablespace = 0 AND pg_catalog.pg_has_role(c.relowner, 'USAGE') ORDER BY c.oid`

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
	found, err := t.client().Query(ctx, indexesAside, tab.oid)
	if err != nil {
		return t.failed("read the indexes of", err)
	}
	var name, sql string
	var comment *string
	var names []string
	if _, err := pgx.ForEachRow(found, []any{&name, &sql, &comment}, func() error {
		names, l.indexes = append(names, name), append(l.indexes, sql)
		if comment == nil {
			return nil
		}
		text, err := literal(*comment)
		l.indexes = append(l.indexes, "COMMENT ON INDEX "+t.qualified(name)+" IS "+text)
		return err
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
		if _, err := t.client().Exec(ctx, "INSERT INTO "+name+" VALUES ($1, $2)", table, sql); err != nil {
			return t.failed("write", err)
		}
	}
	return nil
}

// loadIndexes reads what an interrupted import has put aside.
func (t *Target) loadIndexes(ctx context.Context) error {
	rows, err := t.client().Query(ctx, "SELECT relation, statement FROM "+t.qualified(indexTable))
	if err != nil {
		return t.failed("read", err)
	}
	var name, sql string
	_, err = pgx.ForEachRow(rows, []any{&name, &sql}, func() error {
		if !strings.HasPrefix(sql, "CREATE INDEX ") && !strings.HasPrefix(sql, "COMMENT ON INDEX ") {
			return fmt.Errorf("table %q holds a statement that makes no index: %.60q", indexTable, sql)
		}
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

// Settle makes the keys and the indexes over vectors again that were put aside.
func (t *Target) Settle(ctx context.Context) error {
	if err := t.restoreKeys(ctx); err != nil {
		return err
	}
	for _, name := range t.loaded() {
		l := t.loads[name]
		if len(l.indexes) == 0 {
			continue
		}
		// The graph has the vectors and, for each, some hundreds of bytes of links.
		var size int64
		err := t.client().QueryRow(ctx, "SELECT pg_catalog.pg_table_size($1::text::regclass) / 1024", t.qualified(name)).Scan(&size)
		if err != nil {
			return t.failed("read the size of", err)
		}
		memory := min(max(size*3/2, leastMaintenance), mostMaintenance)
		if err := t.exec(ctx, fmt.Sprintf("SET LOCAL maintenance_work_mem = '%dkB'; SET LOCAL max_parallel_maintenance_workers = 2", memory)); err != nil {
			return t.failed("write", err)
		}
		for _, sql := range l.indexes {
			// By itself: what a table has kept could be several statements.
			if _, err := t.client().PgConn().ExecParams(ctx, sql, nil, nil, nil, nil).Close(); err != nil {
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
