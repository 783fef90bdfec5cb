package mapping

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/memarc/memarc/internal/engine/sqlite"
	"github.com/memarc/memarc/internal/store"
)

// In a column that must not be NULL an empty BLOB stands for no value, whoever asks and
// whoever writes.
func TestBlank(t *testing.T) {
	ctx := context.Background()
	db, err := sqlite.OpenTarget(ctx, filepath.Join(t.TempDir(), "b.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	target := blanksIn(db, &store.Layout{Maps: []store.TableMap{{Table: "t", Columns: []store.ColumnMap{{Column: "v", Blank: true}}}}})
	if err := target.Exec(ctx, "CREATE TABLE t (id TEXT PRIMARY KEY, v BLOB NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	refuse := func(row int, err error) { t.Errorf("row %d: %v", row, err) }
	shown := func(want ...string) {
		t.Helper()
		native, _, err := db.Lookup(ctx, "t", []string{"id"}, []string{"id", "v"}, cellsOf(1, []string{"a"}, []string{"b"}, []string{"c"}))
		if err != nil {
			t.Fatal(err)
		}
		for row := range native.N {
			if native.Columns[1].Kinds[row] == store.Null {
				t.Error("the engine gives NULL")
			}
		}
		n := 0
		for rows, err := range target.Scan(ctx, store.Query{Table: "t", Columns: []string{"id", "v"}}) {
			if err != nil {
				t.Fatal(err)
			}
			for row := range rows.N {
				if got := texts(rows, row); n >= len(want) || got != want[n] {
					t.Errorf("row %d: %s, want %q", n, got, want)
				}
				n++
			}
		}
		if n != len(want) {
			t.Errorf("%d rows, want %d", n, len(want))
		}
	}
	if err := target.Insert(ctx, "t", []string{"id"}, cellsOf(1, []string{"a"}), refuse); err != nil {
		t.Fatal(err)
	}
	if err := target.Insert(ctx, "t", []string{"v", "id"}, cellsOf(2, []string{"-", "b"}, []string{"x", "c"}), refuse); err != nil {
		t.Fatal(err)
	}
	shown("a|-", "b|-", "c|x")
	if err := target.Update(ctx, "t", []string{"id"}, []string{"v"}, cellsOf(2, []string{"a", "y"}, []string{"c", "-"}), refuse); err != nil {
		t.Fatal(err)
	}
	shown("a|y", "b|-", "c|-")
	result, found, err := target.Lookup(ctx, "t", []string{"id", "v"}, []string{"v"}, cellsOf(2, []string{"b", "-"}))
	if err != nil || found[0] != 0 || result.Columns[0].Kinds[0] != store.Null {
		t.Errorf("looked up %v, %v", found, err)
	}
}
