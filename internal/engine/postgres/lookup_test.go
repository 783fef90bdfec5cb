package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/store"
)

// keysOf makes rows of keys, column by column.
func keysOf(columns ...[]any) *store.Rows {
	rows := store.NewRows(len(columns))
	rows.N = len(columns[0])
	for i, values := range columns {
		for _, v := range values {
			if v == nil {
				rows.Columns[i].AppendNull()
			} else {
				rows.Columns[i].AppendRow(cellsOf(v), 0)
			}
		}
	}
	return rows
}

func TestLookup(t *testing.T) {
	d := open(t, database(t, typesDDL, `CREATE TABLE t (id int PRIMARY KEY, a text, b int, u uuid, n numeric, m mood, j json, tags text[], c char(4), v vector(2), d date, x bit(3));
		INSERT INTO t VALUES (1, 'one', 10, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1.50, 'sad', '{"a":1}', '{a,"b \" c",NULL}', 'ab', '[1,2]', '2020-01-02', '101'),
		(2, 'two', NULL, NULL, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (3, NULL, NULL, NULL, 2, 'ok', NULL, '{}', NULL, '[3,4]', NULL, NULL)`))
	for _, c := range []struct {
		keys []string
		rows *store.Rows
		want []int // the id; 0 for none
	}{
		{[]string{"id"}, keysOf([]any{3, 1, 9, 1, nil, "x", 1 << 40, 1.0}), []int{3, 1, 0, 1, 0, 0, 0, 0}},
		{[]string{"a"}, keysOf([]any{"two", nil, "TWO", "a\x00"}), []int{2, 3, 0, 0}},
		{[]string{"a", "b"}, keysOf([]any{"one", "two", "one", nil, "two"}, []any{10, nil, nil, nil, 10}), []int{1, 2, 0, 3, 0}},
		{[]string{"u"}, keysOf([]any{"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "x"}), []int{1, 0}},
		{[]string{"n"}, keysOf([]any{"1.5", "nope", "1.50", "3"}), []int{1, 0, 1, 0}},
		{[]string{"m"}, keysOf([]any{"bad", "sad", "ok"}), []int{0, 1, 3}},
		{[]string{"j"}, keysOf([]any{`{"a":1}`, `{"a": 1}`}), []int{1, 0}},
		{[]string{"tags"}, keysOf([]any{`["a","b \" c",null]`, `[]`, `["z"]`, "x"}), []int{1, 3, 0, 0}},
		{[]string{"c"}, keysOf([]any{"ab  ", "ab", "abcde"}), []int{1, 1, 0}},
		{[]string{"v"}, keysOf([]any{[]float32{1, 2}, []float32{1}, []float32{3, 4}}), []int{1, 0, 3}},
		{[]string{"d"}, keysOf([]any{"2020-01-02", "2020-13-01"}), []int{1, 0}},
		{[]string{"x"}, keysOf([]any{"101", "1", "abc"}), []int{1, 0, 0}},
	} {
		t.Run(strings.Join(c.keys, ","), func(t *testing.T) {
			result, found, err := d.Lookup(context.Background(), "t", c.keys, []string{"n", "id"}, c.rows)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]int, len(found))
			for i, at := range found {
				if at >= 0 {
					got[i] = int(result.Columns[1].Int(at))
				}
			}
			if !slices.Equal(got, c.want) {
				t.Fatalf("found %v, want %v", got, c.want)
			}
		})
	}
	if _, found, err := d.Lookup(context.Background(), "t", []string{"b"}, nil, keysOf([]any{nil, 10})); err != nil || found[0] < 0 || found[1] < 0 {
		t.Fatal(found, err)
	}
	if _, found, err := d.Lookup(context.Background(), "t", []string{"id"}, []string{"a"}, store.NewRows(1)); err != nil || len(found) != 0 {
		t.Fatal(found, err)
	}
}

// Keys are looked up through the index of their column, and all of them at once.
func TestLookupMany(t *testing.T) {
	d := open(t, database(t, "CREATE TABLE t (id uuid PRIMARY KEY, n int); INSERT INTO t SELECT md5(i::text)::uuid, i FROM generate_series(1, 50000) i", "ANALYZE t"))
	ids, err := scan(d, store.Query{Table: "t", Columns: []string{"id", "n"}, Where: "n <= 5000"})
	if err != nil {
		t.Fatal(err)
	}
	result, found, err := d.Lookup(context.Background(), "t", []string{"id"}, []string{"n"}, ids)
	if err != nil || result.N != 5000 {
		t.Fatal(result.N, err)
	}
	for row, at := range found {
		if at < 0 || result.Columns[0].Int(at) != ids.Columns[1].Int(row) {
			t.Fatal(row, at)
		}
	}
}

func TestDistinct(t *testing.T) {
	d := open(t, database(t, `CREATE TABLE t (s text, n int, j json); INSERT INTO t VALUES ('b', 2, '1'), ('B', 1, '1'), (NULL, 3, NULL), ('b', 2, '1'), ('é', 1, '2')`))
	rows, err := d.Distinct(context.Background(), "t", []string{"s", "n", "j"}, 4)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for row := range rows.N {
		got = append(got, fmt.Sprintf("%s %d", show(&rows.Columns[0], row, store.Text), rows.Columns[1].Int(row)))
	}
	if strings.Join(got, ", ") != "NULL 3, B 1, b 2, é 1" {
		t.Fatal(got)
	}
	if _, err := d.Distinct(context.Background(), "t", []string{"s"}, 3); err == nil {
		t.Fatal("more than the limit")
	}
}
