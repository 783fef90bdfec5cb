package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/internal/store"
)

// A column is one column of a table as it is.
type column struct {
	name, decl string // the type as format_type writes it
	oid        uint32 // of the type, also where it is a domain
	typmod     int32
	kind       store.Kind
	codec      *codec // nil: read and written as text
	def        string // the expression of the default; "" for none

	notNull, generated, identityAlways, identity bool
	// comparable types have an equality that indexes know. The others are compared
	// as text.
	comparable bool
	collated   bool   // it has a collation of its own
	cast       string // the name of the type without a length, for a cast from text
}

// A table is one that has rows of its own or, partitioned, those of its parts.
type table struct {
	name    string
	oid     uint32
	columns []column // in their order, without dropped ones

	kind      string // the relkind: r, p or f
	partition bool   // of another table
	extension bool   // belongs to an extension
	module    string // the foreign data wrapper of a foreign table
	secured   bool   // has row-level security
	inherits  bool
}

// column returns the named column, or nil.
func (t *table) column(name string) *column {
	for i := range t.columns {
		if t.columns[i].name == name {
			return &t.columns[i]
		}
	}
	return nil
}

// pick returns the named columns.
func (t *table) pick(names []string) ([]*column, error) {
	out := make([]*column, len(names))
	for i, name := range names {
		if out[i] = t.column(name); out[i] == nil {
			return nil, fmt.Errorf("table %q has no column %q", t.name, name)
		}
	}
	return out, nil
}

// expression is what a select list says for the column, for its codec to read.
func (c *column) expression() string {
	if c.codec == nil {
		return store.QuoteName(c.name) + "::text"
	}
	return store.QuoteName(c.name)
}

// table returns the named table of the schema.
func (d *DB) table(ctx context.Context, name string) (*table, error) {
	if err := d.load(ctx); err != nil {
		return nil, err
	}
	t := d.tables[name]
	if t == nil {
		return nil, fmt.Errorf("read %q: schema %q has no table %q", d.name, d.schema, name)
	}
	return t, nil
}

// forget drops what is known of tables and types, after a change of them.
func (d *DB) forget() { d.tables, d.types = nil, nil }

const tablesSQL = `SELECT c.oid, c.relname::text, c.relkind::text, c.relispartition, c.relrowsecurity,
	EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e'),
	EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid),
	coalesce((SELECT w.fdwname::text FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
		JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw WHERE f.ftrelid = c.oid), '')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f') ORDER BY c.oid`

const columnsSQL = `SELECT c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), pg_catalog.format_type(a.atttypid, -1),
	a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated <> '', a.attidentity <> '', a.attidentity = 'a',
	coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''), a.attcollation <> t.typcollation
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f') ORDER BY c.oid, a.attnum`

// load reads what there is of tables and columns, once.
func (d *DB) load(ctx context.Context) error {
	if d.tables != nil {
		return nil
	}
	types, err := d.loadTypes(ctx)
	if err != nil {
		return d.failed("read the types of", err)
	}
	tables := map[string]*table{}
	rows, err := d.client().Query(ctx, tablesSQL, d.schema)
	if err != nil {
		return d.failed("read the tables of", err)
	}
	t := new(table)
	_, err = pgx.ForEachRow(rows, []any{&t.oid, &t.name, &t.kind, &t.partition, &t.secured, &t.extension, &t.inherits, &t.module}, func() error {
		one := *t
		tables[t.name] = &one
		return nil
	})
	if err != nil {
		return d.failed("read the tables of", err)
	}
	if rows, err = d.client().Query(ctx, columnsSQL, d.schema); err != nil {
		return d.failed("read the columns of", err)
	}
	var of string
	c := new(column)
	_, err = pgx.ForEachRow(rows, []any{&of, &c.name, &c.decl, &c.cast, &c.oid, &c.typmod, &c.notNull, &c.generated, &c.identity, &c.identityAlways, &c.def, &c.collated}, func() error {
		one := *c
		one.codec, one.kind = types.codec(one.oid, one.typmod)
		one.comparable = types.comparable(one.oid)
		if t := tables[of]; t != nil {
			t.columns = append(t.columns, one)
		}
		return nil
	})
	if err != nil {
		return d.failed("read the columns of", err)
	}
	d.types, d.tables = types, tables
	return nil
}
