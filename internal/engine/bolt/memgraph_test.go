package bolt

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest/neo4jserver"
)

// cells makes rows of a width.
func cells(width int, values ...any) *store.Rows {
	rows := store.NewRows(width)
	for i, v := range values {
		c := &rows.Columns[i%width]
		switch v := v.(type) {
		case nil:
			c.AppendNull()
		case int:
			c.AppendInt(int64(v))
		case float64:
			c.AppendFloat(v)
		case string:
			c.AppendString(v)
		case format.Value:
			c.AppendBlob(v.Append(nil))
		default:
			panic(v)
		}
	}
	rows.N = len(values) / width
	return rows
}

func jsonCell(raw string) format.Value { return format.Value{Type: format.JSON, Bytes: []byte(raw)} }

func listCell(items ...string) format.Value {
	v := format.Value{Type: format.List}
	for _, item := range items {
		v.List = append(v.List, []byte(item))
	}
	return v
}

// kinds are cells of all values that both products hold.
var kindCells = []any{
	nil, 1, -1 << 62, 0.5, math.Inf(1), "text", "a\x00b` \\u0060", format.Value{Type: format.Bool, Cell: 1}, format.FloatValue(math.NaN()),
	listCell("a", "b"), listCell(), jsonCell("[1,2]"), jsonCell("[1.5,2.0]"), jsonCell("[true,false]"), format.Value{Type: format.Time, Cell: 1700000000123456000},
	jsonCell(`{"$date":19000}`), jsonCell(`{"$localtime":3600000001000}`), jsonCell(`{"$localdatetime":[1700000000,5000]}`),
	jsonCell(`{"$datetime":[1700000000,0,3600,"Europe/Berlin"]}`), jsonCell(`{"$datetime":[1700000000,0,7200,""]}`), jsonCell(`{"$duration":[0,1,2,3000]}`),
	jsonCell(`{"$point":[4326,1.5,2.5,0.0]}`), jsonCell(`{"$point":[9157,1.5,2.5,3.5]}`), jsonCell(`[{"$date":1},{"$date":2}]`),
}

// scenario writes nodes and relationships of every form and with every value, and
// memarc's own tables, into an empty graph.
func scenario(t testing.TB, target *graph.Target) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	none := func(row int, err error) {
		t.Helper()
		t.Errorf("row %d: %v", row, err)
	}
	target.Prefer("Memory", "id")
	must(target.CreateTable(ctx, &format.Table{Name: ":Memory", Columns: []format.TableColumn{{Name: "id"}, {Name: "v"}}, Unique: [][]string{{"id"}}}))
	must(target.CreateTable(ctx, &format.Table{Name: ":Odd `label`", Columns: []format.TableColumn{{Name: "a`b"}}}))
	var values []any
	for i, v := range kindCells {
		values = append(values, fmt.Sprintf("m%d", i), v, nil, nil)
	}
	values = append(values, "labels", 1, listCell("Extra", "`;"), nil,
		nil, 2, nil, 5, nil, 3, nil, 6, nil, 4, nil, 7)
	must(target.Insert(ctx, ":Memory", []string{"id", "v", "$labels", "$node"}, cells(4, values...), none))
	must(target.CreateIndex(ctx, ":Memory", &format.Index{Columns: []string{"v"}}))
	must(target.Insert(ctx, ":Odd `label`", []string{"$node", "a`b", `\u0060`}, cells(3, 8, "x", 1.5, 9, nil, 2, 10, "y", nil), none))
	must(target.Insert(ctx, ":", []string{"$node", "x"}, cells(2, 11, "no label"), none))
	must(target.Insert(ctx, ":A:B", []string{"$node", "x"}, cells(2, 12, "two labels"), none))
	var relations []any
	for i, v := range kindCells {
		relations = append(relations, "KIND", "m0", fmt.Sprintf("m%d", i), nil, nil, i, v)
	}
	relations = append(relations, "O`DD", "m1", nil, nil, 8, 100, "to a number", "KIND", nil, nil, 9, 9, 101, "to itself", "KIND", nil, "m2", 11, nil, 102, nil, "KIND", "labels", "m3", nil, nil, 103, 1)
	edgeColumns := []string{"$type", "$from", "$to", "$from.node", "$to.node", "i", "v"}
	must(target.Insert(ctx, "-->", edgeColumns, cells(7, relations...), none))
	rejected := 0
	must(target.Insert(ctx, "-->", edgeColumns, cells(7, "KIND", "nobody", "m0", nil, nil, 1, nil), func(int, error) { rejected++ }))
	if rejected != 1 {
		t.Errorf("%d relationships from nowhere were rejected", rejected)
	}
	must(target.CreateTable(ctx, &format.Table{Name: "memarc_sidecar", Columns: []format.TableColumn{{Name: "k"}, {Name: "raw"}}}))
	must(target.Insert(ctx, "memarc_sidecar", []string{"k", "raw"}, cells(2, "a", format.BytesValue([]byte{0, 1}), "b", "\x01", "c", nil, "d", math.Inf(-1)), none))
	must(target.CreateIndex(ctx, "memarc_sidecar", &format.Index{Columns: []string{"k"}}))
	must(target.AddColumn(ctx, "memarc_sidecar", &format.TableColumn{Name: "more"}))
	must(target.CreateTable(ctx, &format.Table{Name: "memarc_short", Columns: []format.TableColumn{{Name: "k"}}}))
	must(target.Insert(ctx, "memarc_short", []string{"k"}, cells(1, "gone"), none))
	must(target.Drop(ctx, "memarc_short"))
}

// change updates and deletes what a scenario has made.
func change(t testing.TB, target *graph.Target) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	none := func(row int, err error) {
		t.Helper()
		t.Errorf("row %d: %v", row, err)
	}
	target.Prefer("Memory", "id")
	must(target.Insert(ctx, ":Memory", []string{"id", "v", "$labels"}, cells(3, "new", "later", listCell("Extra")), none))
	must(target.Update(ctx, ":Memory", []string{"id"}, []string{"v", "added"}, cells(3, "m1", listCell("changed"), 1, "m5", nil, "x", "new", "again", nil), none))
	must(target.Update(ctx, ":Odd `label`", []string{"$node"}, []string{"a`b"}, cells(2, 8, "updated"), none))
	missing := 0
	must(target.Update(ctx, ":Memory", []string{"id"}, []string{"v"}, cells(2, "nobody", 1), func(int, error) { missing++ }))
	if missing != 1 {
		t.Errorf("%d rows that are not there", missing)
	}
	must(target.Update(ctx, "-->", []string{"i"}, []string{"v"}, cells(2, 3, "updated", 100, 7), none))
	must(target.Update(ctx, "-->", []string{"i"}, []string{"$type", "$from", "$to", "v"}, cells(5, 4, "KIND", "m0", "m4", "the same ends", 5, "OTHER", "m1", "m0", "other ends"), none))
	must(target.Delete(ctx, "-->", []string{"i"}, cells(1, 6, 5)))
	must(target.Delete(ctx, ":Memory", []string{"id"}, cells(1, "m7", "new", "m5")))
	must(target.Insert(ctx, "-->", []string{"$type", "$from", "$to", "i", "v"}, cells(5, "KIND", "m1", "m2", 200, "new"), none))
	must(target.Delete(ctx, "memarc_sidecar", []string{"k"}, cells(1, "a")))
	must(target.Update(ctx, "memarc_sidecar", []string{"k"}, []string{"raw"}, cells(2, "b", "\x02"), none))
	must(target.Drop(ctx, "memarc_sidecar"))
}

// content is all that a graph holds, in an order of its own.
func content(t testing.TB, s *session) (out []string) {
	t.Helper()
	for _, v := range read(t, s, graph.Reading{Match: "(n)", Properties: []string{"n"}, Return: []string{"labels(n)"}}) {
		labels := v[1].([]any)
		slices.SortFunc(labels, func(a, b any) int { return cmpText(a, b) })
		out = append(out, fmt.Sprintf("%q %#v", labels, v[0]))
	}
	for _, v := range read(t, s, graph.Reading{Match: "(a)-[r]->(b)", Properties: []string{"r", "a", "b"}, Return: []string{"type(r)"}}) {
		out = append(out, fmt.Sprintf("%v %#v %#v %#v", v[3], v[0], v[1], v[2]))
	}
	slices.Sort(out)
	return out
}

func cmpText(a, b any) int {
	if a.(string) < b.(string) {
		return -1
	}
	return 1
}

// Everything that the engine does is done with the statements of each product. What it
// would send to Memgraph, Memgraph's grammar takes.
func TestTarget(t *testing.T) {
	for _, product := range []Product{Neo4j, Memgraph} {
		t.Run(string(product), func(t *testing.T) {
			url := neo4jserver.New(t)
			p, o := &pretender{}, Options{}
			if product == Memgraph {
				o = p.options()
			}
			plain := opened(t, url, Options{}, true)
			target := openTarget(t, url, o)
			if !target.Fresh() {
				t.Fatal("the graph is not empty")
			}
			scenario(t, target)
			if err := target.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := target.Close(); err != nil {
				t.Fatal(err)
			}
			first := content(t, plain)
			if len(first) < 2*len(kindCells) {
				t.Errorf("%d nodes and relationships", len(first))
			}
			whole(t, url, o)

			// What is given up is undone.
			target = openTarget(t, url, o)
			if target.Fresh() {
				t.Error("the graph is empty")
			}
			change(t, target)
			if reflect.DeepEqual(content(t, plain), first) {
				t.Error("nothing has changed")
			}
			if err := target.Close(); err != nil {
				t.Fatal(err)
			}
			sameContent(t, first, content(t, plain))

			// Where a program ends in the middle, the next one undoes it.
			s, err := openSession(t.Context(), location(t, url), o, true)
			if err != nil {
				t.Fatal(err)
			}
			dead, err := graph.OpenTarget(t.Context(), s, url)
			if err != nil {
				t.Fatal(err)
			}
			change(t, dead)
			if err := s.db.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := graph.Open(t.Context(), opened(t, url, o, false), url); !errors.Is(err, store.ErrUsage) {
				t.Errorf("a half import is read: %v", err)
			}
			target = openTarget(t, url, o)
			sameContent(t, first, content(t, plain))

			// And the same again, for good.
			change(t, target)
			if err := target.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := target.Close(); err != nil {
				t.Fatal(err)
			}
			whole(t, url, o)
			if now := content(t, plain); reflect.DeepEqual(now, first) {
				t.Error("nothing has changed for good")
			}
			for _, left := range []string{"(n) WHERE n.memarc_run IS NOT NULL OR n.memarc_before IS NOT NULL", "()-[n]->() WHERE n.memarc_run IS NOT NULL OR n.memarc_before IS NOT NULL", "(n:MemarcRun)", "(n:MemarcDeleted)"} {
				if n := count(t, plain, left); n != 0 {
					t.Errorf("%d of %s are left", n, left)
				}
			}
			if product == Memgraph {
				t.Logf("%d statements", p.check(t))
			}
		})
	}
}

func sameContent(t testing.TB, want, got []string) {
	t.Helper()
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("is gone: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("has come: %s", line)
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d, not %d", len(got), len(want))
	}
}

// whole reads all of a graph, in every way that there is.
func whole(t testing.TB, url string, o Options) {
	t.Helper()
	ctx := t.Context()
	s, err := openSession(ctx, location(t, url), o, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"", "Memory"} {
		db, err := graph.Open(ctx, s, url)
		if err != nil {
			t.Fatal(err)
		}
		if label != "" {
			db.Prefer(label, "id")
		}
		catalog, err := db.Catalog(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i := range catalog.Tables {
			table := &catalog.Tables[i]
			var columns []string
			for _, c := range table.Columns {
				columns = append(columns, c.Name)
			}
			n := int64(0)
			var all *store.Rows
			for rows, err := range db.Scan(ctx, store.Query{Table: table.Name, Columns: columns}) {
				if err != nil {
					t.Fatal(err)
				}
				n += int64(rows.N)
				all = store.NewRows(len(columns))
				for row := range rows.N {
					all.AppendRow(rows, row)
				}
			}
			if counted, err := db.Count(ctx, table.Name); err != nil || counted != n {
				t.Errorf("table %q: %d rows, counted %d: %v", table.Name, n, counted, err)
			}
			if all == nil {
				continue
			}
			key := slices.Index(columns, "i")
			if at := slices.Index(columns, "$node"); at >= 0 && table.Name != "-->" && label == "" {
				key = at
			} else if at := slices.Index(columns, "id"); at >= 0 && label != "" {
				key = at
			}
			if key >= 0 {
				asked := &store.Rows{N: all.N, Columns: all.Columns[key : key+1]}
				_, found, err := db.Lookup(ctx, table.Name, columns[key:key+1], columns, asked)
				if err != nil {
					t.Fatal(err)
				}
				for row := range all.N {
					if all.Columns[key].Kinds[row] != store.Null && found[row] < 0 {
						t.Errorf("table %q: row %d is not found by %s", table.Name, row, columns[key])
					}
				}
			}
			for _, f := range []store.Filter{{Column: columns[len(columns)-1], Is: store.IsNull}, {Column: columns[len(columns)-1], Is: store.NotNull}, {Column: columns[len(columns)-1], Is: store.Equal, Text: "x"}} {
				for _, err := range db.Scan(ctx, store.Query{Table: table.Name, Columns: columns, Filters: []store.Filter{f}, Where: "1 = 1 // all"}) {
					if err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if err := db.Unchanged(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// What Encode takes for Memgraph its Bolt decoder and encoder would give back. They are
// followed here from their source (decoder.hpp, base_encoder.hpp, temporal.cpp).
func TestMemgraphEncode(t *testing.T) {
	s := &session{db: &DB{server: Server{Product: Memgraph}}}
	r := rand.New(rand.NewPCG(5, 6))
	taken := map[string]int{}
	for range 50_000 {
		v := anything(r, 0)
		switch d := v.(type) { // more that is near to what it holds
		case graph.Duration:
			v = graph.Duration{Days: d.Days >> 40, Seconds: d.Seconds >> 44, Nanos: d.Nanos / 1000 * 1000}
		case graph.LocalDateTime:
			v = graph.LocalDateTime{Seconds: d.Seconds >> r.IntN(40), Nanos: d.Nanos / 1000 * 1000}
		}
		_, sent, err := s.Encode(v)
		if err != nil {
			if !errors.Is(err, graph.ErrRefused) {
				t.Fatal(err)
			}
			continue
		}
		taken[fmt.Sprintf("%T", v)]++
		if got, ok := memgraphKeeps(sent); !ok || !same(v, got) {
			t.Errorf("%#v would come back as %#v", v, got)
		}
	}
	t.Log(taken)
	for _, v := range []any{
		[]byte{1}, graph.ZonedTime{}, graph.Vector32{1}, graph.LocalTime(1), graph.LocalDateTime{Nanos: 1}, graph.ZonedDateTime{Nanos: 999}, graph.ZonedDateTime{Offset: 61},
		graph.Duration{Months: 1}, graph.Duration{Days: 1, Seconds: -1}, graph.Duration{Seconds: day}, graph.Duration{Nanos: 1}, graph.Duration{Days: math.MaxInt64}, graph.Date(minMemgraphDay - 1), graph.Date(maxMemgraphDay + 1),
		map[string]any{"__type": "mg_enum", "__value": "A::B"}, []any{[]any{graph.LocalTime(1)}}, map[string]any{"a": map[string]any{"b": []byte{}}},
	} {
		if _, _, err := s.Encode(v); !errors.Is(err, graph.ErrRefused) {
			t.Errorf("%#v: %v", v, err)
		}
	}
	for _, v := range []any{
		nil, true, math.Copysign(0, -1), "a\x00", []any{nil, int64(1), "x", []any{1.5}}, map[string]any{"": nil, "a": map[string]any{"b": []any{}}}, graph.Date(minMemgraphDay), graph.Date(maxMemgraphDay),
		graph.Duration{Seconds: -1, Nanos: 999999000}, graph.Duration{Days: -3, Seconds: -5, Nanos: 1000}, graph.ZonedDateTime{Offset: -64800}, graph.LocalTime(86399999999000),
	} {
		if _, _, err := s.Encode(v); err != nil {
			t.Errorf("%#v: %v", v, err)
		}
	}
}

// memgraphKeeps is what a Memgraph gives back of a value that it takes.
func memgraphKeeps(v any) (any, bool) {
	switch v := v.(type) {
	case []byte, graph.ZonedTime, graph.Vector32:
		return nil, false // ReadValue knows no such marker or signature
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var ok bool
			if out[i], ok = memgraphKeeps(v[i]); !ok {
				return nil, false
			}
		}
		return out, true
	case map[string]any:
		out := map[string]any{}
		for k := range v {
			var ok bool
			if out[k], ok = memgraphKeeps(v[k]); !ok {
				return nil, false
			}
		}
		return out, true
	case graph.Date: // DateParameters
		return v, v >= minMemgraphDay && v <= maxMemgraphDay
	case graph.LocalTime:
		return v / 1000 * 1000, true
	case graph.LocalDateTime:
		d := floorDiv(v.Seconds, day)
		return graph.LocalDateTime{Seconds: v.Seconds, Nanos: v.Nanos / 1000 * 1000}, d >= minMemgraphDay && d <= maxMemgraphDay
	case graph.ZonedDateTime: // ReadDateTime cuts offsets to minutes
		v.Nanos = v.Nanos / 1000 * 1000
		if v.Zone == "" {
			v.Offset = v.Offset / 60 * 60
		}
		return v, true
	case graph.Duration: // ReadDuration and WriteDuration
		const month = 2629746 // std::chrono::months
		us := (v.Months*month+v.Days*day+v.Seconds)*1_000_000 + int64(v.Nanos)/1000
		out := graph.Duration{Days: us / (day * 1e6), Seconds: us % (day * 1e6) / 1e6, Nanos: int32(us % 1e6 * 1000)}
		if out.Nanos < 0 { // fromBolt
			out.Seconds, out.Nanos = out.Seconds-1, out.Nanos+1e9
		}
		return out, true
	}
	return v, true
}
