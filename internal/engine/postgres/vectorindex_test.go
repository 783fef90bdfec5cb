package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/store"
)

const vectorTable = `CREATE EXTENSION vector; CREATE TABLE t (id int PRIMARY KEY, kind text, v vector(3));
	INSERT INTO t SELECT i, 'a', ARRAY[i, 1, 2]::vector FROM generate_series(1, 50) i;
	CREATE INDEX "HNSW one" ON t USING hnsw (v vector_cosine_ops) WITH (m = 8, ef_construction = 32); COMMENT ON INDEX "HNSW one" IS 'it''s kept';
	CREATE INDEX ivf ON t USING ivfflat (v vector_l2_ops) WITH (lists = 2);
	CREATE INDEX part ON t USING hnsw (v vector_l2_ops) WHERE kind = 'a';
	CREATE INDEX half ON t USING hnsw ((v::halfvec(3)) halfvec_l2_ops); CREATE INDEX kinds ON t (kind)`

const (
	indexOIDs = "SELECT string_agg(oid::text, ' ' ORDER BY relname) FROM pg_class WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace"
	indexDefs = "SELECT string_agg(pg_get_indexdef(oid) || coalesce(obj_description(oid, 'pg_class'), '') || (SELECT indisvalid::text FROM pg_index WHERE indexrelid = oid), E'\n' ORDER BY relname) FROM pg_class WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace"
)

// vectors makes so many rows of vectorTable, from a key on.
func vectors(from, n int) *store.Rows {
	ids, kinds, values := make([]any, n), make([]any, n), make([]any, n)
	for i := range n {
		ids[i], kinds[i], values[i] = from+i, "a", []float32{float32(i), 2, 1}
	}
	return keysOf(ids, kinds, values)
}

var vectorColumns = []string{"id", "kind", "v"}

func TestIndexesOverVectors(t *testing.T) {
	ctx := context.Background()
	url := database(t, vectorTable)
	oids, defs := asked(t, url, indexOIDs), asked(t, url, indexDefs)
	load := func(from, n int) *Target {
		d := target(t, url)
		must(t, d.Insert(ctx, "t", vectorColumns, vectors(from, n), none(t)))
		return d
	}
	few := load(100, fewRows)
	must(t, few.Settle(ctx))
	must(t, few.Commit(ctx))
	must(t, few.Close())
	if got := asked(t, url, indexOIDs); got != oids {
		t.Errorf("a few rows: indexes %s, before %s", got, oids)
	}
	must(t, load(2000, fewRows+1).Close())
	if got := asked(t, url, indexOIDs); got != oids {
		t.Errorf("rolled back: indexes %s, before %s", got, oids)
	}
	many := load(4000, fewRows/2)
	must(t, many.Insert(ctx, "t", vectorColumns, vectors(5000, fewRows), none(t)))
	var n int
	must(t, many.conn.QueryRow(ctx, "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam WHERE amname IN ('hnsw', 'ivfflat')").Scan(&n))
	if n != 0 {
		t.Errorf("%d indexes over vectors are there while rows come", n)
	}
	must(t, many.Settle(ctx))
	must(t, many.Update(ctx, "t", []string{"id"}, []string{"kind"}, keysOf([]any{4000}, []any{"b"}), none(t)))
	must(t, many.Commit(ctx))
	must(t, many.Close())
	if got := asked(t, url, indexDefs); got != defs {
		t.Errorf("many rows:\n%s\nbefore:\n%s", got, defs)
	}
	if asked(t, url, indexOIDs) == oids {
		t.Error("the indexes are the same as before many rows came")
	}
	forgot := load(8000, fewRows+1) // Settle is not called
	must(t, forgot.Commit(ctx))
	must(t, forgot.Close())
	if got := asked(t, url, indexDefs); got != defs {
		t.Errorf("without Settle:\n%s\nbefore:\n%s", got, defs)
	}
}

// An import that commits in steps and ends between them leaves word of the indexes to
// the one that goes on.
func TestIndexesInSteps(t *testing.T) {
	ctx := context.Background()
	for _, early := range []bool{false, true} { // whether the first checkpoint comes before the rows
		url := database(t, vectorTable)
		defs := asked(t, url, indexDefs)
		one := target(t, url)
		if early {
			must(t, one.Checkpoint(ctx))
		}
		must(t, one.Insert(ctx, "t", vectorColumns, vectors(1000, fewRows+1), none(t)))
		must(t, one.Checkpoint(ctx))
		must(t, one.Close())
		if asked(t, url, indexDefs) == defs {
			t.Fatal("no index was put aside")
		}
		two := target(t, url)
		c, err := two.Catalog(ctx)
		must(t, err)
		if k := c.Table(indexTable); k == nil || k.Kind != store.Internal {
			t.Error("the table of indexes is one of the store's")
		}
		must(t, two.Checkpoint(ctx))
		must(t, two.Insert(ctx, "t", vectorColumns, vectors(4000, 10), none(t)))
		must(t, two.Settle(ctx))
		must(t, two.Commit(ctx))
		must(t, two.Close())
		if got := asked(t, url, indexDefs); got != defs {
			t.Errorf("early %v:\n%s\nbefore:\n%s", early, got, defs)
		}
		if got := asked(t, url, "SELECT to_regclass('"+indexTable+"')::text"); got != "NULL" {
			t.Error("left behind: ", got)
		}
	}
}

// What others have written into the table of indexes is not run.
func TestForgedIndexes(t *testing.T) {
	ctx := context.Background()
	for _, sql := range []string{"DROP TABLE t", "CREATE INDEX x ON t (id); DROP TABLE t", "COMMENT ON INDEX t_pkey IS 'x'; DROP TABLE t"} {
		url := database(t, "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE "+indexTable+" (relation text, statement text); INSERT INTO "+indexTable+" VALUES ('t', '"+strings.ReplaceAll(sql, "'", "''")+"')")
		d, err := OpenTarget(ctx, location(t, url))
		if err == nil {
			err = d.Settle(ctx)
			d.Close()
		}
		if err == nil || asked(t, url, "SELECT to_regclass('t')::text") != "t" {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// Indexes of partitions belong to one of the whole: they stay.
func TestIndexesOfPartitions(t *testing.T) {
	ctx := context.Background()
	url := database(t, `CREATE EXTENSION vector; CREATE TABLE t (id int, kind text, v vector(3)) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t DEFAULT; CREATE INDEX ON t USING hnsw (v vector_l2_ops)`)
	oids := asked(t, url, indexOIDs)
	for i, name := range []string{"t", "t1"} {
		d := target(t, url)
		must(t, d.Insert(ctx, name, vectorColumns, vectors(9000*i, fewRows+1), none(t)))
		must(t, d.Settle(ctx))
		must(t, d.Commit(ctx))
		must(t, d.Close())
	}
	if got := asked(t, url, indexOIDs); got != oids {
		t.Errorf("indexes %s, before %s", got, oids)
	}
}
