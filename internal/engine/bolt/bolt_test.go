package bolt

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest/neo4jserver"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // see wall
	os.Exit(m.Run())
}

func location(t testing.TB, raw string) store.Location {
	t.Helper()
	l, err := store.ParseLocation(raw)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func open(t testing.TB, url string) *DB {
	t.Helper()
	d, err := Open(t.Context(), location(t, url), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func fresh(t testing.TB) *DB {
	t.Helper()
	return open(t, neo4jserver.New(t))
}

// rows runs a statement in a transaction of its own for reading.
func rows(t testing.TB, d *DB, statement string, parameters map[string]any) (out [][]any) {
	t.Helper()
	r, err := d.Reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for row, err := range r.Query(t.Context(), statement, parameters) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	return out
}

// create makes nodes with the label V, in one transaction.
func create(ctx context.Context, d *DB, nodes ...any) error {
	return d.Write(ctx, func(w *Writer) error {
		_, err := w.Query(ctx, "UNWIND $rows AS row CREATE (n:V) SET n = row", map[string]any{"rows": nodes})
		return err
	})
}

func TestServer(t *testing.T) {
	s := fresh(t).Server()
	t.Logf("%+v", s)
	if s.Product != Neo4j || s.Version == "" || s.Edition == "" || !strings.HasPrefix(s.Agent, "Neo4j/") || !strings.HasPrefix(s.Protocol, "5.") {
		t.Errorf("%+v", s)
	}
}

// same compares bit by bit.
func same(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && math.Float64bits(a) == math.Float64bits(b)
	case graph.Point:
		b, ok := b.(graph.Point)
		return ok && a.SRID == b.SRID && same(a.X, b.X) && same(a.Y, b.Y) && same(a.Z, b.Z)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if !same(v, b[k]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}

// edges are the values where codecs go wrong.
var edges = []any{
	nil, true, false, int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64), int64(-17), int64(127), int64(128), int64(-32769),
	0.0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, math.MaxFloat64, 0.1,
	"", "\x00", "a\x00b", "é\u0301 😀 \U0010ffff \ufeff \ufffe", strings.Repeat("x", 70000), []byte{}, []byte{0, 255},
	graph.Date(0), graph.Date(-1), graph.Date(-719529), graph.Date(365241780471), graph.Date(-365243219162),
	graph.LocalTime(0), graph.LocalTime(86399999999999), graph.ZonedTime{}, graph.ZonedTime{Nanos: 1, Offset: 64800}, graph.ZonedTime{Nanos: 86399999999999, Offset: -64800},
	graph.ZonedTime{Nanos: 5, Offset: -1},
	graph.LocalDateTime{}, graph.LocalDateTime{Seconds: -1, Nanos: 999999999}, graph.LocalDateTime{Seconds: 365241780471*86400 + 86399, Nanos: 999999999},
	graph.LocalDateTime{Seconds: -365243219162 * 86400}, graph.LocalDateTime{Seconds: 1616898600},
	graph.ZonedDateTime{}, graph.ZonedDateTime{Seconds: -62135596801, Nanos: 1, Offset: 3601}, graph.ZonedDateTime{Seconds: 253402300800, Offset: -64800},
	graph.ZonedDateTime{Seconds: 1616893199, Nanos: 7, Offset: 3600, Zone: "Europe/Berlin"}, graph.ZonedDateTime{Seconds: 1616893200, Offset: 7200, Zone: "Europe/Berlin"},
	graph.ZonedDateTime{Seconds: 1635638400, Offset: 7200, Zone: "Europe/Berlin"}, graph.ZonedDateTime{Seconds: 1635642000, Offset: 3600, Zone: "Europe/Berlin"},
	graph.ZonedDateTime{Seconds: 1, Offset: 0, Zone: "UTC"}, graph.ZonedDateTime{Seconds: 1, Offset: 19800, Zone: "Asia/Kathmandu"},
	graph.Duration{}, graph.Duration{Months: -1, Days: 2, Seconds: -3, Nanos: 4}, graph.Duration{Months: 1 << 40, Days: -1 << 40, Seconds: 1 << 40, Nanos: 999999999},
	graph.Point{SRID: graph.Cartesian, X: math.Copysign(0, -1), Y: 1e300}, graph.Point{SRID: graph.Cartesian3D, X: 1, Y: 2, Z: -3},
	graph.Point{SRID: graph.WGS84, X: -180, Y: 90}, graph.Point{SRID: graph.WGS84Height, X: 12.5, Y: -90, Z: 8848.86},
}

// random makes a value that Neo4j holds in a property.
func random(r *rand.Rand) any {
	switch r.IntN(13) {
	case 0:
		return r.IntN(2) == 0
	case 1:
		return int64(r.Uint64()) >> r.IntN(64)
	case 2:
		f := math.Float64frombits(r.Uint64())
		if math.IsNaN(f) {
			return math.NaN()
		}
		return f
	case 3:
		s := make([]rune, r.IntN(20))
		for i := range s {
			if s[i] = rune(r.IntN(1 << (1 + r.IntN(20)))); s[i] >= 0xd800 && s[i] < 0xe000 {
				s[i] = 0
			}
		}
		return string(s)
	case 4:
		b := make([]byte, r.IntN(300))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	case 5:
		return graph.Date(r.Int64N(7e11) - 3.5e11)
	case 6:
		return graph.LocalTime(r.Int64N(86400e9))
	case 7:
		return graph.ZonedTime{Nanos: r.Int64N(86400e9), Offset: r.Int32N(2*64800+1) - 64800}
	case 8:
		return graph.LocalDateTime{Seconds: (r.Int64N(6e16) - 3e16) >> r.IntN(30), Nanos: r.Int32N(1e9)}
	case 9:
		return graph.ZonedDateTime{Seconds: (r.Int64N(6e16) - 3e16) >> r.IntN(30), Nanos: r.Int32N(1e9), Offset: r.Int32N(2*64800+1) - 64800}
	case 10:
		zone := []string{"Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC", "Africa/Casablanca", "Pacific/Apia", "Etc/GMT+12", "America/Sao_Paulo"}[r.IntN(9)]
		l, err := time.LoadLocation(zone)
		if err != nil {
			panic(err)
		}
		at := time.Unix(r.Int64N(8e9)-4e9, int64(r.Int32N(1e9))).In(l)
		_, offset := at.Zone()
		return graph.ZonedDateTime{Seconds: at.Unix(), Nanos: int32(at.Nanosecond()), Offset: int32(offset), Zone: zone}
	case 11:
		return graph.Duration{Months: int64(r.Uint64()) >> (26 + r.IntN(36)), Days: int64(r.Uint64()) >> (26 + r.IntN(36)), Seconds: int64(r.Uint64()) >> (26 + r.IntN(36)), Nanos: r.Int32N(1e9)}
	}
	p := graph.Point{SRID: []uint32{graph.WGS84, graph.WGS84Height, graph.Cartesian, graph.Cartesian3D}[r.IntN(4)], X: r.Float64()*360 - 180, Y: r.Float64()*180 - 90}
	if p.SRID == graph.WGS84Height || p.SRID == graph.Cartesian3D {
		p.Z = r.NormFloat64() * 1e5
	}
	return p
}

// Values come back as they were written, as parameters and as properties.
func TestValues(t *testing.T) {
	d := fresh(t)
	values := append([]any{}, edges...)
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		values = append(values, random(r))
	}
	for i := range 300 { // lists of one type
		var list []any
		want := reflect.TypeOf(random(rand.New(rand.NewPCG(uint64(i), 0))))
		for len(list) < r.IntN(6) {
			if v := random(r); reflect.TypeOf(v) == want && want != reflect.TypeFor[[]byte]() {
				if p, ok := v.(graph.Point); ok && p.SRID != graph.WGS84 {
					continue
				}
				list = append(list, v)
			} else if want == reflect.TypeFor[[]byte]() {
				break
			}
		}
		if list != nil {
			values = append(values, list)
		}
	}
	values = append(values, []any{})
	parameter := append(values, []any{nil, int64(1), "x", []any{[]any{}}, map[string]any{"": nil, "\x00`": []any{1.5}}}, map[string]any{})
	got := rows(t, d, "UNWIND range(0, size($v) - 1) AS i RETURN $v[i]", map[string]any{"v": parameter})
	for i, row := range got {
		if !same(parameter[i], row[0]) {
			t.Errorf("parameter %T %#v comes back as %#v", parameter[i], parameter[i], row[0])
		}
	}
	if len(got) != len(parameter) {
		t.Fatalf("%d of %d values", len(got), len(parameter))
	}
	var nodes []any
	for i, v := range values {
		nodes = append(nodes, map[string]any{"i": int64(i), "v": v})
	}
	if err := create(t.Context(), d, nodes...); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, row := range rows(t, d, "MATCH (n:V) RETURN n", nil) {
		node := row[0].(graph.Node)
		i := node.Properties["i"].(int64)
		if n++; !same(values[i], node.Properties["v"]) {
			t.Errorf("property %T %#v comes back as %#v", values[i], values[i], node.Properties["v"])
		}
		if node.ID.Text == "" || !slices.Equal(node.Labels, []string{"V"}) {
			t.Fatalf("%#v", node)
		}
	}
	if n != len(values) {
		t.Errorf("%d of %d nodes", n, len(values))
	}
}

// What cannot be held is refused, here or by the server, and never changed.
func TestRefused(t *testing.T) {
	d := fresh(t)
	for _, v := range []any{
		"\xff", []any{"\xff"}, map[string]any{"\xff": 1}, map[string]any{"a": int64(1)}, []any{int64(1), "x"}, []any{nil}, []any{[]any{}},
		graph.LocalTime(-1), graph.LocalTime(86400e9), graph.LocalDateTime{Nanos: -1}, graph.ZonedTime{Offset: 64801}, graph.ZonedDateTime{Zone: "Nowhere/At all"}, graph.ZonedDateTime{Zone: "Local"}, graph.ZonedDateTime{Zone: "Offset"}, graph.ZonedDateTime{Zone: "Europe/Berlin"},
		graph.Point{SRID: 1}, graph.Point{SRID: graph.Cartesian, Z: 1}, graph.Point{SRID: graph.WGS84, Y: 91}, graph.Date(math.MaxInt64), graph.Date(1e14),
		graph.ZonedDateTime{Offset: -64801}, graph.LocalDateTime{Seconds: math.MaxInt64}, graph.ZonedDateTime{Seconds: math.MinInt64}, graph.Point{SRID: graph.WGS84, X: math.NaN()},
		graph.Point{SRID: graph.WGS84, X: 180.5}, graph.Point{SRID: graph.WGS84, X: -1000}, graph.Point{SRID: graph.Cartesian, X: math.NaN()}, graph.Point{SRID: graph.Cartesian, Y: math.Inf(1)},
		graph.Point{SRID: graph.WGS84Height, Z: math.NaN()}, graph.Duration{Months: math.MaxInt64, Days: math.MaxInt64},
		graph.Vector32{1}, graph.Node{}, int8(1), struct{}{},
	} {
		err := create(t.Context(), d, map[string]any{"v": v})
		if err == nil {
			t.Errorf("%#v is written, and read as %#v", v, rows(t, d, "MATCH (n:V) RETURN n.v", nil))
		} else {
			t.Logf("%#v: %v", v, err)
		}
	}
	if got := rows(t, d, "MATCH (n) RETURN count(n)", nil); got[0][0] != int64(0) {
		t.Errorf("%v nodes", got)
	}
}

// The driver puts dates without a zone into the process's zone.
func TestWall(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"2021-03-28T02:30:00": false, "2021-03-28T03:30:00": false, "2021-06-01T02:30:00": true, "2021-10-31T02:30:00": true} {
		at, err := time.ParseInLocation("2006-01-02T15:04:05", text, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wall(time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), 0, 0, berlin))
		if want && (err != nil || got != graph.LocalDateTime{Seconds: at.Unix()}) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if !want && err == nil {
			t.Errorf("%s is read as %v", text, got)
		}
	}
}

func TestRead(t *testing.T) {
	d := fresh(t)
	r, err := d.Reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for row, err := range r.Query(t.Context(), "UNWIND range(1, 10000) AS i RETURN i", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 300 { // a second result in between
			for row, err := range r.Query(t.Context(), "RETURN 'x'", nil) {
				if err != nil || row[0] != "x" {
					t.Fatal(row, err)
				}
			}
		}
		if row[0] != int64(n) {
			t.Fatal(row, n)
		}
	}
	for range r.Query(t.Context(), "UNWIND range(1, 1000000) AS i RETURN i", nil) {
		break
	}
	for row, err := range r.Query(t.Context(), "RETURN 1", nil) {
		if err != nil || row[0] != int64(1) {
			t.Fatal(row, err)
		}
	}
	for _, err := range r.Query(t.Context(), "CREATE (n) RETURN n", nil) {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("writing in a transaction for reading: %v", err)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if n != 10000 {
		t.Errorf("%d records", n)
	}
}

// A caller that gives up is told so, and the graph can be used again.
func TestCanceled(t *testing.T) {
	d := fresh(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := d.Reader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err = range r.Query(ctx, "UNWIND range(1, 100000000) AS i RETURN i", nil) {
		if err != nil {
			break
		}
		if n++; n == 1000 {
			cancel()
		}
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("after %d records: %v", n, err)
	}
	_ = r.Close()
	if err := d.Write(ctx, func(*Writer) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("writing: %v", err)
	}
	if got := rows(t, d, "RETURN 1", nil); got[0][0] != int64(1) {
		t.Error(got)
	}
}

// Two writers that wait for each other: one is taken back by the server and done
// again, and both are stored once.
func TestDeadlock(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	if err := create(ctx, d, map[string]any{"id": int64(0), "n": int64(0)}, map[string]any{"id": int64(1), "n": int64(0)}); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	both.Add(2)
	var tries atomic.Int32
	done := make(chan error, 2)
	for first := range int64(2) {
		go func() {
			done <- d.Write(ctx, func(w *Writer) error {
				for i := range int64(2) {
					if _, err := w.Query(ctx, "MATCH (n:V {id: $id}) SET n.n = n.n + 1", map[string]any{"id": first ^ i}); err != nil {
						return err
					}
					if i == 0 && tries.Add(1) <= 2 {
						both.Done()
						both.Wait()
					}
				}
				return nil
			})
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := rows(t, d, "MATCH (n:V) RETURN n.n", nil); !reflect.DeepEqual(got, [][]any{{int64(2)}, {int64(2)}}) || tries.Load() < 3 {
		t.Errorf("%v after %d tries", got, tries.Load())
	}
}

func TestGraphValues(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	err := d.Write(ctx, func(w *Writer) error {
		got, err := w.Query(ctx, "CREATE (a:A:B {id: '1', y: 2})-[r:`T``s` {w: 0.25}]->(b:A {id: '2'}) RETURN a.id, b.id", nil)
		if err == nil && !reflect.DeepEqual(got, [][]any{{"1", "2"}}) {
			err = fmt.Errorf("%v", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := rows(t, d, "MATCH p = (a)-[r]->(b) RETURN r, a, b, [r], p", nil)
	if len(got) != 1 {
		t.Fatal(got)
	}
	r, a, b := got[0][0].(graph.Relationship), got[0][1].(graph.Node), got[0][2].(graph.Node)
	if r.Type != "T`s" || r.Start != a.ID || r.End != b.ID || r.Properties["w"] != 0.25 || !reflect.DeepEqual(a.Properties, map[string]any{"id": "1", "y": int64(2)}) || len(a.Labels) != 2 {
		t.Errorf("%#v %#v", r, a)
	}
	if !reflect.DeepEqual(got[0][3], []any{r}) {
		t.Errorf("%#v", got[0][3])
	}
	if p := got[0][4].(graph.Path); len(p.Nodes) != 2 || len(p.Relationships) != 1 || p.Relationships[0].End != p.Nodes[1].ID {
		t.Errorf("%#v", p)
	}
}

func TestRules(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	for range 2 {
		if err := d.Unique(ctx, "u", "V", "id"); err != nil {
			t.Fatal(err)
		}
		if err := d.Index(ctx, "i", "V", "other`"); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Online(ctx); err != nil {
		t.Fatal(err)
	}
	if err := create(ctx, d, map[string]any{"id": "1"}); err != nil {
		t.Fatal(err)
	}
	if err := create(ctx, d, map[string]any{"id": "1"}); !errors.Is(err, ErrConstraint) {
		t.Errorf("twice the same id: %v", err)
	}
	rules, err := d.Rules(ctx)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Rule{}
	for _, r := range rules {
		found[fmt.Sprint(r.Name, r.Constraint)] = r
	}
	if u := found["utrue"]; u.Type != "UNIQUENESS" || !slices.Equal(u.Labels, []string{"V"}) || !slices.Equal(u.Properties, []string{"id"}) {
		t.Errorf("%+v", rules)
	}
	if u := found["ufalse"]; u.Owner != "u" || !u.Online {
		t.Errorf("%+v", rules)
	}
	if i := found["ifalse"]; i.Type != "RANGE" || !slices.Equal(i.Properties, []string{"other`"}) {
		t.Errorf("%+v", rules)
	}
	for _, r := range rules {
		if r.Owner == "" && r.Type != "LOOKUP" {
			if err := d.DropRule(ctx, r); err != nil {
				t.Error(err)
			}
		}
	}
	if rules, err = d.Rules(ctx); err != nil || len(rules) != 2 {
		t.Errorf("%+v %v", rules, err)
	}
}

// A transaction that was given up leaves nothing.
func TestUndone(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	stop := errors.New("stop")
	err := d.Write(ctx, func(w *Writer) error {
		if _, err := w.Query(ctx, "CREATE (n:A {id: '1'})", nil); err != nil {
			return err
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Error(err)
	}
	if n := rows(t, d, "MATCH (n) RETURN count(n)", nil)[0][0]; n != int64(0) {
		t.Errorf("%v nodes", n)
	}
}

// Names come back as they were given, whatever they hold.
func TestNames(t *testing.T) {
	d := fresh(t)
	t.Logf("the server reads escapes in names: %v", d.escapes)
	for _, name := range []string{
		"a", " ", "`", "``", "a`b", "\n", "\r\n\t", `\`, `\\`, `\u0060`, `\u0060 MATCH (n) DETACH DELETE n //`, `\\u0060`, `\\\u0060`, `\uuu0060`, `\u005Cu0060`, `\u005C`,
		`\u00`, `\u`, `\uZZZZ`, `\U00000060`, "$x", "{", "}", "//", "/*", "'", `"`, "é", "e\u0301", "😀", "\ufeff", "\u2028", "\x01", "\x7f", "\u00ff", "\ufffd", "null",
		strings.Repeat("n", 10<<10), strings.Repeat("n", maxName), strings.Repeat("é", maxName/2), strings.Repeat("`", 10<<10), strings.Repeat(`\`, 10<<10),
	} {
		if err := named(d, name); err != nil {
			t.Errorf("%.40q, %d bytes: %v", name, len(name), err)
		}
	}
	for _, name := range []string{"", "\x00", "a\x00", "\xff", strings.Repeat("n", maxName+1)} {
		if _, err := d.QuoteName(name); err == nil {
			t.Errorf("%.40q is no error", name)
		}
	}
}

// named writes a name as that of a label, a type, a property and a column, and reads
// it back.
func named(d *DB, name string) error {
	q, err := d.QuoteName(name)
	if err != nil {
		return err
	}
	stop := errors.New("stop")
	ctx := context.Background()
	err = d.Write(ctx, func(w *Writer) error {
		got, err := w.Query(ctx, "CREATE (n:"+q+" {"+q+": 1})-[r:"+q+" {"+q+": 1}]->(n) WITH n, r MATCH (m:"+q+") WHERE m."+q+" = 1 "+
			"RETURN labels(n), keys(n), type(r), keys(r), keys({"+q+": 1}), count(m) AS "+q, nil)
		if err != nil {
			return err
		}
		list := []any{name}
		if want := [][]any{{list, list, name, list, list, int64(1)}}; !reflect.DeepEqual(got, want) {
			return fmt.Errorf("comes back as %.200q", fmt.Sprint(got))
		}
		return stop // names are kept for ever
	})
	if errors.Is(err, stop) {
		return nil
	}
	if err == nil {
		err = errors.New("nothing happened")
	}
	return err
}

// A quoted name is one name: it ends where it ends, and reading it gives it back.
func FuzzQuoteName(f *testing.F) {
	for _, s := range []string{"a", "`", `\u0060`, `\\u0060`, "\n", "😀", "\x00", `\u005C`} {
		f.Add(s)
	}
	var d *DB
	// All processes of a fuzz run use one server, which keeps nothing of it.
	if url := os.Getenv(neo4jserver.Variable); url != "" {
		d = open(f, url)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, escapes := range []bool{false, true} {
			q, err := quoteName(name, escapes)
			if err != nil {
				return
			}
			inner := q[1 : len(q)-1]
			if escapes {
				if strings.Count(inner, `\`) != strings.Count(inner, `\u005C`) {
					t.Fatalf("%q has another escape", q)
				}
				inner = strings.ReplaceAll(inner, `\u005C`, `\`)
			}
			if strings.Contains(strings.ReplaceAll(inner, "``", ""), "`") || strings.ReplaceAll(inner, "``", "`") != name {
				t.Fatalf("%q is quoted as %q", name, q)
			}
		}
		if d != nil {
			if err := named(d, name); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}
