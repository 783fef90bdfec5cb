package storetest

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
)

// catalogs describe a PostgreSQL database: the text of each row, by what it is about.
var catalogs = map[string]string{
	"extensions": "SELECT extname || ' ' || extversion FROM pg_extension",
	"schemas":    "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_'",
	"relations": "SELECT relnamespace::regnamespace || ' ' || relname || ' ' || relkind::text || ' ' || relrowsecurity FROM pg_class" +
		" WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)'",
	"columns": "SELECT attrelid::regclass || ' ' || attnum || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull || ' ' || attidentity::text || ' ' || attgenerated::text || ' '" +
		" || coalesce(pg_get_expr(adbin, adrelid), '-') FROM pg_attribute JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum" +
		" WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)' AND attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'v')",
	"constraints": "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace::regnamespace::text !~ '^(pg_|information_schema)'",
	"indexes":     "SELECT schemaname || ' ' || indexdef FROM pg_indexes WHERE schemaname !~ '^(pg_|information_schema)'",
	"triggers":    "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
	"functions": "SELECT p.oid::regprocedure || ' ' || prosrc FROM pg_proc p WHERE pronamespace::regnamespace::text !~ '^(pg_|information_schema)'" +
		" AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')",
	"sequences": "SELECT schemaname || ' ' || sequencename || ' ' || coalesce(last_value::text, '-') FROM pg_sequences",
	"types":     "SELECT typnamespace::regnamespace || ' ' || typname FROM pg_type WHERE typnamespace::regnamespace::text !~ '^(pg_|information_schema)'",
}

// ReadPostgres dumps a PostgreSQL database by plain SQL: its catalog, and every row of
// every table in every schema, as text.
func ReadPostgres(t testing.TB, address string) Dump {
	t.Helper()
	ctx := t.Context()
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	list := func(sql string) []string {
		t.Helper()
		rows, err := c.Query(ctx, sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		out, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		slices.Sort(out)
		return out
	}
	if _, err := c.Exec(ctx, "SET TimeZone = 'UTC'"); err != nil {
		t.Fatal(err)
	}
	out := Dump{}
	for name, sql := range catalogs {
		out["catalog of "+name] = list(sql)
	}
	for _, table := range list("SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)'") {
		out[table] = list("SELECT t::text FROM " + table + " t")
	}
	return out
}
