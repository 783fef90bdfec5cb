package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/internal/store"
)

// A typeIndex knows what of a database's types is not the same everywhere.
type typeIndex struct {
	types map[uint32]typeRow // domains and pgvector's types
	plain map[uint32]bool    // types without an equality
}

type typeRow struct {
	name   string // of pgvector's types
	base   uint32 // of a domain
	typmod int32
	array  uint32
}

const typesSQL = `SELECT t.oid, CASE WHEN t.typtype = 'd' THEN '' ELSE t.typname::text END, t.typbasetype, t.typtypmod, t.typarray
FROM pg_catalog.pg_type t WHERE t.typtype = 'd' OR t.typname IN ('vector', 'halfvec') AND EXISTS (
	SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
	WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.refclassid = 'pg_catalog.pg_extension'::regclass
	AND d.deptype = 'e' AND e.extname = 'vector')`

// plainSQL lists the types whose values no B-tree orders, and arrays of them. An
// enum, a range and an array have the order of their pseudo-type, a varchar that
// of text; a record is as good as its fields, so none is taken for comparable.
const plainSQL = `WITH plain AS (SELECT t.oid, t.typarray FROM pg_catalog.pg_type t
	WHERE t.typtype IN ('b', 'c') AND t.oid <> 'pg_catalog.varchar'::regtype AND t.typcategory <> 'A' AND (t.typtype = 'c' OR NOT EXISTS (
		SELECT FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
		WHERE m.amname = 'btree' AND o.opcdefault AND o.opcintype = t.oid)))
SELECT oid FROM plain UNION ALL SELECT typarray FROM plain WHERE typarray <> 0`

func (d *DB) loadTypes(ctx context.Context) (*typeIndex, error) {
	x := &typeIndex{types: map[uint32]typeRow{}, plain: map[uint32]bool{}}
	rows, err := d.client().Query(ctx, typesSQL)
	if err != nil {
		return nil, err
	}
	var oid uint32
	var t typeRow
	if _, err = pgx.ForEachRow(rows, []any{&oid, &t.name, &t.base, &t.typmod, &t.array}, func() error {
		x.types[oid] = t
		return nil
	}); err != nil {
		return nil, err
	}
	if rows, err = d.client().Query(ctx, plainSQL); err != nil {
		return nil, err
	}
	_, err = pgx.ForEachRow(rows, []any{&oid}, func() error {
		x.plain[oid] = true
		return nil
	})
	return x, err
}

// codec returns the codec and the kind of a column's type. A domain has those of
// the type under it.
func (x *typeIndex) codec(oid uint32, typmod int32) (*codec, store.Kind) {
	for {
		t, ok := x.types[oid]
		switch {
		case !ok:
			return baseCodec(oid, typmod)
		case t.name == "vector", t.name == "halfvec":
			return with(vectorCodec(typmod, t.name == "halfvec"), oid, t.array), store.Vector
		case t.base == 0:
			return nil, store.Text
		}
		oid, typmod = t.base, t.typmod
	}
}

// comparable tells whether the type has an equality that indexes know.
func (x *typeIndex) comparable(oid uint32) bool {
	for x.types[oid].base != 0 {
		oid = x.types[oid].base
	}
	return !x.plain[oid]
}
