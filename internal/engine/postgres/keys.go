package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"regexp"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/internal/store"
)

// Keys of tables that the import has created are put aside while rows come, and made
// again over all of them at once, which takes a fraction of the time. Until then the rows'
// keys are remembered, as hashes: before a key may come a second time, the constraint is
// made again, so that the server refuses just the rows that it would have refused.

// An asideKey is a primary key or unique constraint that can be put aside.
type asideKey struct {
	name, sql string
	columns   []string
	seen      map[uint64]struct{} // hashes of the keys of rows
}

// mostKeys is how many keys are remembered, of all tables: some 16 bytes each.
const mostKeys = 1 << 19

// hashable are the types whose values are equal just if their binary forms are.
var hashable = regexp.MustCompile(`^(?:text|character varying(?:\(\d+\))?|uuid|bytea|smallint|integer|bigint)$`)

const asideKeysSQL = `SELECT k.conname::text, pg_catalog.pg_get_constraintdef(k.oid),
	ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u (n, i) JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.i)
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conindid JOIN pg_catalog.pg_index x ON x.indexrelid = k.conindid
WHERE k.conrelid = $1 AND k.contype IN ('p', 'u') AND NOT k.condeferrable AND k.conparentid = 0 AND NOT x.indisreplident AND NOT x.indisclustered
	AND c.reltablespace = 0 AND c.reloptions IS NULL AND NOT coalesce((pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct')::bool, false)
	AND NOT EXISTS (SELECT FROM pg_catalog.unnest(x.indcollation) o JOIN pg_catalog.pg_collation l ON l.oid = o WHERE NOT l.collisdeterministic)
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = k.conindid AND d.classid = 'pg_catalog.pg_constraint'::regclass)
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.refclassid = 'pg_catalog.pg_constraint'::regclass AND d.refobjid = k.oid AND d.deptype = 'n')
ORDER BY k.oid`

// asideKeys returns the keys of a table that can be put aside: none of a table that
// others see, or that holds rows.
func (t *Target) asideKeys(ctx context.Context, tab *table) ([]*asideKey, error) {
	if t.before[tab.name] || t.steps || tab.kind != "r" {
		return nil, nil
	}
	// What Stored knows is Stored's alone: it may be asked while this is done behind it.
	if changes, err := t.readTriggers(ctx, tab); err != nil || changes {
		return nil, err
	}
	rows, err := t.client().Query(ctx, asideKeysSQL, tab.oid)
	if err != nil {
		return nil, t.failed("read the keys of", err)
	}
	var keys []*asideKey
	var k asideKey
	_, err = pgx.ForEachRow(rows, []any{&k.name, &k.sql, &k.columns}, func() error {
		for _, name := range k.columns {
			if c := tab.column(name); c == nil || c.codec == nil || c.generated || !hashable.MatchString(c.decl) {
				return nil
			}
		}
		keys = append(keys, &asideKey{k.name, k.sql, slices.Clone(k.columns), map[uint64]struct{}{}})
		return nil
	})
	if err != nil {
		return nil, t.failed("read the keys of", err)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	var any bool // with which the product's store starts
	if err := t.client().QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+t.qualified(tab.name)+")").Scan(&any); err != nil {
		return nil, t.failed("read", err)
	}
	if any {
		return nil, nil
	}
	return keys, nil
}

// watchKeys remembers the keys of rows that are going to be written, and puts the
// table's constraints aside once there are many.
func (t *Target) watchKeys(ctx context.Context, tab *table, picked []*column, rows *store.Rows, which []int) (err error) {
	l := t.loads[tab.name]
	if !l.watched {
		l.watched = true
		if l.keys, err = t.asideKeys(ctx, tab); err != nil {
			return err
		}
	}
	if t.seen()+len(l.keys)*len(which) > mostKeys {
		return t.restoreKeys(ctx)
	}
	for _, k := range l.keys {
		if !k.enter(picked, rows, which) {
			return t.restoreKeys(ctx, tab.name)
		}
	}
	if l.aside || len(l.keys) == 0 || l.rows <= fewRows {
		return nil
	}
	l.aside = true
	for _, k := range l.keys {
		if err := t.exec(ctx, "ALTER TABLE "+t.qualified(tab.name)+" DROP CONSTRAINT "+store.QuoteName(k.name)); err != nil {
			return t.failed("put aside a key of", err)
		}
	}
	return nil
}

// seen returns how many keys are remembered.
func (t *Target) seen() (n int) {
	for _, l := range t.loads {
		for _, k := range l.keys {
			n += len(k.seen)
		}
	}
	return n
}

// seed makes hashes of keys.
var seed = maphash.MakeSeed()

// enter remembers the keys of rows. It returns false where it cannot, or where one may
// have been there before.
func (k *asideKey) enter(picked []*column, rows *store.Rows, which []int) bool {
	at := make([]int, len(k.columns))
	columns := make([]*column, len(k.columns))
	for i, name := range k.columns {
		if at[i] = slices.IndexFunc(picked, func(c *column) bool { return c.name == name }); at[i] < 0 {
			return false
		}
		columns[i] = picked[at[i]]
	}
	var key []byte
	for _, row := range which {
		null := false
		key = key[:0]
		for i, c := range columns {
			cells := &rows.Columns[at[i]]
			null = null || cells.Kinds[row] == store.Null // equal to none
			key = c.appendKey(key, cells, row)
		}
		if null {
			continue
		}
		hash := maphash.Bytes(seed, key)
		if _, ok := k.seen[hash]; ok {
			return false
		}
		k.seen[hash] = struct{}{}
	}
	return true
}

// appendKey appends a cell that the column holds so that different rows of cells give
// different bytes.
func (c *column) appendKey(key []byte, cells *store.Cells, row int) []byte {
	if cells.Kinds[row] == store.Null {
		return append(key, 0)
	}
	at := len(key)
	key = append(key, 1, 0, 0, 0, 0)
	key, _ = c.encode(key, cells, row) // holds has tried it
	binary.LittleEndian.PutUint32(key[at+1:], uint32(len(key)-at-5))
	return key
}

// restoreKeys makes the keys of tables again that were put aside: those of the named
// tables, or of all. They are not put aside another time.
func (t *Target) restoreKeys(ctx context.Context, names ...string) error {
	t.wait()
	if len(names) == 0 {
		names = t.loaded()
	}
	for _, name := range names {
		l := t.loads[name]
		if l == nil {
			continue
		}
		keys, aside := l.keys, l.aside
		l.keys, l.aside = nil, false
		if !aside {
			continue
		}
		for _, k := range keys {
			if err := t.exec(ctx, "ALTER TABLE "+t.qualified(name)+" ADD CONSTRAINT "+store.QuoteName(k.name)+" "+k.sql); err != nil {
				return fmt.Errorf("table %q: %w", name, t.failed("make a key again in", err))
			}
		}
	}
	return nil
}

// Catalog lists what the schema holds, with its keys.
func (t *Target) Catalog(ctx context.Context) (*store.Catalog, error) {
	if err := t.restoreKeys(ctx); err != nil {
		return nil, err
	}
	return t.DB.Catalog(ctx)
}

// Lookup finds rows by a key, with the indexes for it.
func (t *Target) Lookup(ctx context.Context, name string, keys, columns []string, rows *store.Rows) (*store.Rows, []int, error) {
	if err := t.restoreKeys(ctx, name); err != nil {
		return nil, nil, err
	}
	return t.DB.Lookup(ctx, name, keys, columns, rows)
}
