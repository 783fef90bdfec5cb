package falkordb_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/engine/falkordb"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest/falkorserver"
)

// What an import has replaced is given back where it needs statements of several forms,
// and rows whose key has a null are found.
func TestGiveBack(t *testing.T) {
	l, err := store.ParseLocation(falkorserver.New(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	columns := []string{"k", "l", "v"}
	fill := func(values ...any) *store.Rows {
		rows := store.NewRows(len(columns))
		for i, v := range values {
			switch c := &rows.Columns[i%len(columns)]; v := v.(type) {
			case int:
				c.AppendInt(int64(v))
			case format.Value:
				c.AppendBlob(v.Append(nil))
			default:
				c.AppendNull()
			}
		}
		rows.N = len(values) / len(columns)
		return rows
	}
	none := func(row int, err error) { t.Errorf("row %d: %v", row, err) }
	target := func() store.Target {
		t.Helper()
		db, err := falkordb.Engine().OpenTarget(ctx, l)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	content := func() (out []string) {
		t.Helper()
		db, err := falkordb.Engine().Open(ctx, l)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for rows, err := range db.Scan(ctx, store.Query{Table: ":A", Columns: columns}) {
			if err != nil {
				t.Fatal(err)
			}
			for row := range rows.N {
				out = append(out, fmt.Sprint(rows.Columns[0].Value(row), rows.Columns[1].Value(row), rows.Columns[2].Value(row)))
			}
		}
		slices.Sort(out)
		return out
	}
	vector := format.Value{Type: format.Vector, Bytes: []byte{0, 0, 128, 63}}
	db := target()
	if err := db.Insert(ctx, ":A", columns, fill(1, 1, vector, 2, 2, 7, 3, nil, vector, 4, nil, nil, nil, 5, 8), none); err != nil {
		t.Fatal(err)
	}
	if err := db.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before := content()
	db = target()
	if err := db.Update(ctx, ":A", columns[:2], columns[2:], fill(1, 1, 10, 2, 2, vector, 3, nil, 11, 4, nil, 12, nil, 5, 13), none); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if after := content(); !slices.Equal(before, after) || len(after) != 5 {
		t.Errorf("%v, before %v", after, before)
	}
}
