package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Catalog lists what the schema holds. Parts of a partitioned table are not listed,
// as their rows are those of the whole; a foreign table is a virtual one, whose
// rows another server keeps; what belongs to an extension is its own.
func (d *DB) Catalog(ctx context.Context) (*store.Catalog, error) {
	d.forget()
	if err := d.load(ctx); err != nil {
		return nil, err
	}
	c := &store.Catalog{Engine: "postgres", Bound: true, MostDimensions: maxDimension}
	tables := slices.SortedFunc(maps.Values(d.tables), func(a, b *table) int { return int(int64(a.oid) - int64(b.oid)) })
	for _, t := range tables {
		if !t.partition {
			c.Tables = append(c.Tables, describe(t))
		}
	}
	for _, read := range []func(context.Context, *store.Catalog) error{d.constraints, d.sequences, d.indexes, d.objects} {
		if err := read(ctx, c); err != nil {
			return nil, d.failed("read the catalog of", err)
		}
	}
	for i := range c.Tables {
		d.defaults(&c.Tables[i])
	}
	return c, nil
}

// describe makes the shape of a table from its columns.
func describe(t *table) store.CatalogTable {
	out := store.CatalogTable{Table: format.Table{Name: t.name}}
	switch {
	case t.extension, t.name == indexTable:
		out.Kind = store.Internal
		return out
	case t.kind == "f":
		out.Kind, out.Module = store.Virtual, t.module
		return out
	case t.kind == "p":
		lose(&out, "schema-partition", out.Name, "how the table is partitioned is code; its rows are carried", "PARTITION")
	case t.inherits:
		lose(&out, "schema-inheritance", out.Name, "the table inherits from another, which is not carried", "INHERITS")
	}
	if t.secured {
		lose(&out, "schema-rls", out.Name, "row-level security says who sees which rows", "ROW LEVEL SECURITY")
	}
	for i := range t.columns {
		col := &t.columns[i]
		if col.generated {
			out.Generated = append(out.Generated, col.name)
			lose(&out, "schema-generated", out.Name+"."+col.name, "a generated column's expression is code, and its values come of it", "")
			continue
		}
		if col.collated {
			lose(&out, "schema-collation", out.Name, "a column has a collation of its own", "COLLATE")
		}
		out.Columns = append(out.Columns, format.TableColumn{Name: col.name, Type: col.decl, NotNull: col.notNull})
		out.Classes = append(out.Classes, col.kind)
	}
	return out
}

// lose enters a part of a table's definition that is code, or counts it once more.
func lose(t *store.CatalogTable, code, where, reason, word string) {
	for i := range t.Code {
		if l := &t.Code[i]; l.Code == code && l.Where == where {
			l.Count++
			return
		}
	}
	t.Code = append(t.Code, store.SchemaLoss{Code: code, Where: where, Reason: reason, Word: word, Count: 1})
}

// described returns the table if it has a shape that is carried.
func described(c *store.Catalog, name string) *store.CatalogTable {
	if t := c.Table(name); t != nil && t.Kind == store.Ordinary {
		return t
	}
	return nil
}

const constraintsSQL = `SELECT c.relname::text, k.contype::text, k.condeferrable, k.confmatchtype::text = 'f',
	ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u (n, i) JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.i),
	ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u (n, i) JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.i),
	coalesce(f.relname::text, ''), coalesce(f.relnamespace = c.relnamespace, true), k.confdeltype::text, k.confupdtype::text,
	coalesce((pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct')::bool, false)
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = k.conindid AND k.contype = 'u'
WHERE n.nspname = $1 AND k.conparentid = 0 ORDER BY k.oid`

// actions of references, by their letter in pg_constraint; none is the default.
var actions = map[string]string{"r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}

// constraints adds keys and references.
func (d *DB) constraints(ctx context.Context, c *store.Catalog) error {
	rows, err := d.client().Query(ctx, constraintsSQL, d.schema)
	if err != nil {
		return err
	}
	var of, kind, target, onDelete, onUpdate string
	var deferrable, full, here, nulls bool
	var columns, to []string
	_, err = pgx.ForEachRow(rows, []any{&of, &kind, &deferrable, &full, &columns, &to, &target, &here, &onDelete, &onUpdate, &nulls}, func() error {
		t := described(c, of)
		if t == nil {
			return nil
		}
		columns, to := slices.Clone(columns), slices.Clone(to)
		switch kind {
		case "p":
			t.Primary = columns
		case "u":
			t.Unique = append(t.Unique, columns)
			if nulls {
				lose(t, "schema-nulls", of, "a unique constraint takes NULL for equal to NULL", "NULLS NOT DISTINCT")
			}
		case "f":
			if !here {
				lose(t, "schema-foreign", of, fmt.Sprintf("a reference leads to table %q of another schema", target), "")
				return nil
			}
			if full {
				lose(t, "schema-match", of, "a reference is of the kind MATCH FULL", "MATCH FULL")
			}
			t.Foreign = append(t.Foreign, format.ForeignKey{Columns: columns, Table: target, To: to, OnDelete: actions[onDelete], OnUpdate: actions[onUpdate]})
		case "c":
			lose(t, "schema-check", of, "a CHECK constraint is code", "CHECK")
		case "x":
			lose(t, "schema-exclusion", of, "an exclusion constraint is code", "EXCLUDE")
		}
		if deferrable {
			lose(t, "schema-deferrable", of, "a constraint is checked at the end of a transaction", "DEFERRABLE")
		}
		return nil
	})
	return err
}

// An identity column's sequence depends on it in one way, a serial's in another.
const sequencesSQL = `SELECT c.relname::text, a.attname::text,
	CASE WHEN pg_catalog.has_sequence_privilege(s.oid, 'USAGE, SELECT') THEN pg_catalog.pg_sequence_last_value(s.oid) END
FROM pg_catalog.pg_depend p JOIN pg_catalog.pg_class s ON s.oid = p.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_class c ON c.oid = p.refobjid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.refobjsubid
WHERE p.classid = 'pg_catalog.pg_class'::regclass AND p.refclassid = 'pg_catalog.pg_class'::regclass AND p.deptype IN ('a', 'i') AND p.refobjsubid > 0
	AND n.nspname = $1 ORDER BY s.oid`

// sequences adds what generated keys have come to. A sequence is no part of the
// snapshot: it may have gone on.
func (d *DB) sequences(ctx context.Context, c *store.Catalog) error {
	rows, err := d.client().Query(ctx, sequencesSQL, d.schema)
	if err != nil {
		return err
	}
	var of, column string
	var last *int64
	_, err = pgx.ForEachRow(rows, []any{&of, &column, &last}, func() error {
		t := described(c, of)
		if t == nil || len(t.Primary) != 1 || t.Primary[0] != column || !d.tables[of].column(column).counts() {
			return nil
		}
		t.Autoincrement = true
		if last != nil {
			v := *last
			t.Sequence = &v
		}
		return nil
	})
	return err
}

const indexesSQL = `SELECT c.relname::text, i.relname::text, x.indisunique,
	m.amname = 'btree' AND x.indexprs IS NULL AND x.indpred IS NULL AND x.indisvalid AND x.indnatts = x.indnkeyatts
		AND NOT coalesce((pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct')::bool, false)
		AND NOT EXISTS (SELECT FROM unnest(x.indoption) o WHERE o <> 0)
		AND NOT EXISTS (SELECT FROM unnest(x.indclass) o JOIN pg_catalog.pg_opclass p ON p.oid = o WHERE NOT p.opcdefault)
		AND NOT EXISTS (SELECT FROM unnest(x.indkey, x.indcollation) u (n, l) JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = u.n WHERE a.attcollation <> u.l),
	ARRAY(SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY u (n, i) JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = u.n ORDER BY u.i)
FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid JOIN pg_catalog.pg_am m ON m.oid = i.relam
JOIN pg_catalog.pg_class c ON c.oid = x.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND NOT c.relispartition AND c.relkind IN ('r', 'p', 'm')
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x'))
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend p WHERE p.classid = 'pg_catalog.pg_class'::regclass AND p.objid = c.oid AND p.deptype = 'e')
ORDER BY i.oid`

// indexes adds the indexes that are not those of constraints.
func (d *DB) indexes(ctx context.Context, c *store.Catalog) error {
	rows, err := d.client().Query(ctx, indexesSQL, d.schema)
	if err != nil {
		return err
	}
	var of, name string
	var unique, plain bool
	var columns []string
	_, err = pgx.ForEachRow(rows, []any{&of, &name, &unique, &plain, &columns}, func() error {
		t := described(c, of)
		o := store.CatalogObject{Type: "index", Name: name, Table: of}
		o.Plain = plain && t != nil && !slices.ContainsFunc(columns, func(name string) bool { return !t.HasColumn(name) })
		if o.Plain {
			t.Indexes = append(t.Indexes, format.Index{Name: name, Columns: slices.Clone(columns), Unique: unique})
		}
		c.Objects = append(c.Objects, o)
		return nil
	})
	return err
}

// objectsSQL lists what else a schema holds, without what belongs to extensions,
// to tables' own sequences, or comes with a table, a view or a type by itself.
const objectsSQL = `SELECT o.kind, o.name, o.tbl FROM (
	SELECT c.oid, 'pg_catalog.pg_class'::regclass AS class, c.relname::text AS name, '' AS tbl,
		CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized-view' WHEN 'S' THEN 'sequence' ELSE 'type' END AS kind
	FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = $1 AND c.relkind IN ('v', 'm', 'S', 'c') AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend p
		WHERE c.relkind = 'S' AND p.classid = 'pg_catalog.pg_class'::regclass AND p.objid = c.oid AND p.refobjsubid > 0 AND p.deptype IN ('a', 'i'))
	UNION ALL SELECT t.oid, 'pg_catalog.pg_type'::regclass, t.typname::text, '', 'type'
	FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = $1 AND t.typtype IN ('d', 'e', 'r')
	UNION ALL SELECT p.oid, 'pg_catalog.pg_proc'::regclass, p.proname::text, '', 'function'
	FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1
		AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend i WHERE i.classid = 'pg_catalog.pg_proc'::regclass AND i.objid = p.oid AND i.deptype = 'i')
	UNION ALL SELECT g.oid, 'pg_catalog.pg_trigger'::regclass, g.tgname::text, c.relname::text, 'trigger'
	FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = $1 AND NOT g.tgisinternal AND NOT c.relispartition
	UNION ALL SELECT r.oid, 'pg_catalog.pg_rewrite'::regclass, r.rulename::text, c.relname::text, 'rule'
	FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = $1 AND r.rulename <> '_RETURN'
	UNION ALL SELECT l.oid, 'pg_catalog.pg_policy'::regclass, l.polname::text, c.relname::text, 'policy'
	FROM pg_catalog.pg_policy l JOIN pg_catalog.pg_class c ON c.oid = l.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = $1
) o WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend p WHERE p.classid = o.class AND p.objid = o.oid AND p.deptype = 'e') ORDER BY o.oid`

func (d *DB) objects(ctx context.Context, c *store.Catalog) error {
	rows, err := d.client().Query(ctx, objectsSQL, d.schema)
	if err != nil {
		return err
	}
	var o store.CatalogObject
	_, err = pgx.ForEachRow(rows, []any{&o.Type, &o.Name, &o.Table}, func() error {
		c.Objects = append(c.Objects, o)
		return nil
	})
	return err
}
