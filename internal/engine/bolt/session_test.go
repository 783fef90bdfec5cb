package bolt

import (
	"archive/zip"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest/neo4jserver"
)

// opened returns a session on a server, which the test's end closes.
func opened(t testing.TB, url string, o Options, write bool) *session {
	t.Helper()
	s, err := openSession(t.Context(), location(t, url), o, write)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func run(t testing.TB, s *session, statement string, params map[string]any) (out [][]any) {
	t.Helper()
	err := s.Run(t.Context(), statement, params, func(v []any) error {
		out = append(out, slices.Clone(v))
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return out
}

func read(t testing.TB, s *session, r graph.Reading) (out [][]any) {
	t.Helper()
	err := s.Read(t.Context(), r, func(v []any) error {
		out = append(out, slices.Clone(v))
		return nil
	})
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	return out
}

func count(t testing.TB, s *session, match string) int64 {
	t.Helper()
	return read(t, s, graph.Reading{Match: match, Return: []string{"count(*)"}})[0][0].(int64)
}

func TestSessionRead(t *testing.T) {
	url := neo4jserver.New(t)
	w := opened(t, url, Options{}, true)
	run(t, w, "UNWIND range(0, 9) AS i CREATE (:A {i: i})-[:R {w: i * 1.5}]->(:B)", nil)
	reader := opened(t, url, Options{}, false)
	for _, s := range []*session{w, reader} {
		got := read(t, s, graph.Reading{
			Unwind: []any{[]any{int64(7), "seven"}, []any{int64(3), "three"}, []any{int64(77), "none"}},
			Match:  "(a:A)-[r]->(b)", Where: "a.i = row[0] AND a.i > $least", On: "a", Properties: []string{"r", "a"},
			Return: []string{"row[1]", "type(r)"}, Params: map[string]any{"least": int64(2)},
		})
		slices.SortFunc(got, func(a, b []any) int { return strings.Compare(a[2].(string), b[2].(string)) })
		want := [][]any{
			{map[string]any{"w": 10.5}, map[string]any{"i": int64(7)}, "seven", "R"},
			{map[string]any{"w": 4.5}, map[string]any{"i": int64(3)}, "three", "R"},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v", got)
		}
		if got := read(t, s, graph.Reading{Unwind: []any{}, Match: "(n)", Return: []string{"n"}}); got != nil {
			t.Errorf("for no row: %v", got)
		}
		// An error of the caller ends the reading, and another one goes on.
		stop := errors.New("stop")
		n := 0
		err := s.Read(t.Context(), graph.Reading{Match: "(n), (m)", Return: []string{"id(n)"}}, func([]any) error {
			n++
			return stop
		})
		if !errors.Is(err, stop) || n != 1 {
			t.Errorf("%v after %d", err, n)
		}
		if n := count(t, s, "(n)"); n != 20 {
			t.Errorf("%d nodes", n)
		}
	}
	if got, want := reader.Engine(), "neo4j"; got != want {
		t.Error(got)
	}
	if reader.Losses() != nil {
		t.Error(reader.Losses())
	}
}

// A session that reads can write nothing, by none of its methods of reading.
func TestSessionReadOnly(t *testing.T) {
	s := opened(t, neo4jserver.New(t), Options{}, false)
	err := s.Read(t.Context(), graph.Reading{Match: "(n) CREATE (m:Written)", Return: []string{"1"}}, func([]any) error { return nil })
	if err != nil { // nothing matches, and yet it is refused
		if !errors.Is(err, ErrReadOnly) {
			t.Error(err)
		}
	} else {
		t.Error("a reading writes")
	}
	other := opened(t, neo4jserverURL(s), Options{}, true)
	if n := count(t, other, "(n)"); n != 0 {
		t.Errorf("%d nodes", n)
	}
}

// neo4jserverURL is the location of a session's server, with its password.
func neo4jserverURL(s *session) string {
	return strings.Replace(s.db.Name(), "xxxxx", s.db.at.password, 1)
}

func TestSessionRun(t *testing.T) {
	s := opened(t, neo4jserver.New(t), Options{}, true)
	run(t, s, "CREATE (n:Old)", nil)
	// The third row fails, and nothing of the first two stays.
	err := s.Run(t.Context(), "UNWIND $rows AS row MATCH (o:Old) SET o.seen = row CREATE (n:A) SET n.x = 6 / row", map[string]any{"rows": []any{int64(3), int64(2), int64(0)}}, nil)
	if err == nil {
		t.Fatal("a division by zero is no error")
	}
	if got := read(t, s, graph.Reading{Match: "(n)", Return: []string{"labels(n)", "n.seen"}}); !reflect.DeepEqual(got, [][]any{{[]any{"Old"}, nil}}) {
		t.Errorf("%v", got)
	}
	stop := errors.New("stop")
	if err := s.Run(t.Context(), "UNWIND [1, 2] AS i RETURN i", nil, func([]any) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestSessionSweep(t *testing.T) {
	s := opened(t, neo4jserver.New(t), Options{}, true)
	const many = 2*sweepRows + 7
	run(t, s, "UNWIND range(1, $n) AS i CREATE (:A {i: i, `n)`: 1, r: true})-[:R {x: i, n: i}]->(:B:C)", map[string]any{"n": int64(many)})
	for _, step := range []struct {
		match, action string
		params        map[string]any
		left          string // what is not to match after
		nodes, edges  int64
	}{
		{"()-[r]->() WHERE r.x IS NOT NULL", "REMOVE r.x", nil, "()-[r]->() WHERE r.x IS NOT NULL", 2 * many, many},
		{"(a)-[r:R]->(b) WHERE r.n <= $most", "DELETE r", map[string]any{"most": int64(7)}, "()-[r]->() WHERE r.n <= 7", 2 * many, many - 7},
		{"(n:B) WHERE n:C", "REMOVE n:C", nil, "(n:C)", 2 * many, many - 7},
		{"(x:A) WHERE x.r", "SET x.r = NULL, x.mark = $mark", map[string]any{"mark": "m"}, "(n:A) WHERE n.mark IS NULL OR n.r", 2 * many, many - 7},
		{"(n:A) WHERE n.i > $most", "DETACH DELETE n", map[string]any{"most": int64(10)}, "(n:A) WHERE n.i > 10", many + 10, 3},
		{"(n)", "DETACH DELETE n", nil, "(n)", 0, 0},
	} {
		for range 2 { // it is safe to run again
			if err := s.Sweep(t.Context(), step.match, step.action, step.params); err != nil {
				t.Fatalf("%s: %v", step.match, err)
			}
		}
		if n := count(t, s, step.left); n != 0 {
			t.Errorf("%s %s leaves %d", step.match, step.action, n)
		}
		if nodes, edges := count(t, s, "(n)"), count(t, s, "()-[r]->()"); nodes != step.nodes || edges != step.edges {
			t.Errorf("%s %s: %d nodes, %d relationships", step.match, step.action, nodes, edges)
		}
	}
	for match, want := range map[string]string{
		"(n)": "n", "(x:MemarcRun) WHERE x.n = 1": "x", "()-[r]->() WHERE r.n IS NULL": "r", "(n:`x)-[r]->(`)": "n", "(a)-[r]->(b)": "r",
		"(node {x: 1})": "node", "()": "", "()-[]->()": "",
	} {
		parts := append(swept.FindStringSubmatch(match), "", "", "")
		if got := parts[1] + parts[2]; got != want {
			t.Errorf("%s sweeps %q", match, got)
		}
	}
	if err := s.Sweep(t.Context(), "()", "DELETE n", nil); err == nil {
		t.Error("a pattern without a variable is swept")
	}
}

func TestSessionAboutRows(t *testing.T) {
	s := opened(t, neo4jserver.New(t), Options{}, true)
	if err := s.Unique(t.Context(), "A", "id"); err != nil {
		t.Fatal(err)
	}
	run(t, s, "CREATE (n:A {id: 1})", nil)
	for statement, want := range map[string]bool{
		"CREATE (n:A {id: 1})":                              true,
		"CREATE (n:A {id: {a: 1}})":                         true,
		"UNWIND [{v: [[1]]}] AS row CREATE (n) SET n = row": true,
		"CREATE (n:A {id: [1, null]})":                      true,
		"CREATE (n:A {id: [1, 'x']})":                       true,
		"MATCH (n) DETACH DELETE x":                         false,
		"MATCH (n":                                          false,
		"RETURN 1 / 0":                                      false,
		"CREATE (n:A {id: $missing})":                       false,
	} {
		err := s.Run(t.Context(), statement, nil, nil)
		if err == nil || s.AboutRows(err) != want {
			t.Errorf("%s: %v: %v", statement, err, s.AboutRows(err))
		}
	}
	if s.AboutRows(ErrGone) || s.AboutRows(nil) {
		t.Error("a lost connection is about rows")
	}
}

// anything makes values that a server may or may not hold.
func anything(r *rand.Rand, depth int) any {
	switch n := r.IntN(30); {
	case n == 0:
		return graph.Vector32{1, float32(r.Float64())}
	case n == 1:
		return math.Float64frombits(0x7ff0000000000000 | r.Uint64()>>12) // NaN of any kind
	case n == 2: // more than a duration holds, or just not
		return graph.Duration{Months: int64(r.Uint64()) >> r.IntN(40), Days: int64(r.Uint64()) >> r.IntN(40), Seconds: int64(r.Uint64()) >> r.IntN(4), Nanos: r.Int32N(1e9)}
	case n == 3: // around the ends of the calendar
		at := []int64{minDays, maxDays}[r.IntN(2)]*day + r.Int64N(400_000) - 200_000
		return graph.ZonedDateTime{Seconds: at, Nanos: r.Int32N(1e9), Offset: r.Int32N(2*64800+1) - 64800}
	case n == 4:
		return graph.ZonedTime{Nanos: r.Int64N(100_000e9) - 5_000e9, Offset: r.Int32N(140_000) - 70_000}
	case n == 5:
		return graph.Point{SRID: []uint32{4326, 4979, 7203, 9157, 1}[r.IntN(5)], X: r.NormFloat64() * 200, Y: r.NormFloat64() * 100, Z: float64(r.IntN(3))}
	case n == 6:
		return map[string]any{"a": random(r)}
	case n < 16 && depth < 2:
		list := make([]any, r.IntN(4))
		for i := range list {
			if list[i] = anything(r, depth+1); i > 0 && r.IntN(4) > 0 { // often of one type
				list[i] = list[0]
			}
		}
		return list
	case n == 16:
		return []string{"\xff", "\xed\xa0\x80", "\x00", "\ufffd"}[r.IntN(4)]
	case n == 17:
		return graph.Date(r.Int64N(8e11) - 4e11)
	}
	return random(r)
}

// What Encode takes comes back as it was, to the bit; what it refuses, the server
// refuses or changes.
func TestSessionEncode(t *testing.T) {
	s := opened(t, neo4jserver.New(t), Options{}, true)
	r := rand.New(rand.NewPCG(3, 4))
	var values []any
	for range 6000 {
		values = append(values, anything(r, 0))
	}
	for _, d := range []graph.Duration{ // at both ends
		{Seconds: math.MaxInt64}, {Seconds: math.MaxInt64, Days: 1}, {Seconds: math.MinInt64}, {Seconds: math.MinInt64, Days: -1}, {Seconds: math.MinInt64, Days: 1},
		{Days: math.MaxInt64 / day}, {Days: math.MaxInt64/day + 1}, {Months: math.MaxInt64 / 2629746}, {Months: math.MaxInt64/2629746 + 1}, {Months: math.MinInt64 / 2629746},
		{Seconds: math.MaxInt64, Days: 1, Months: -1}, {Days: math.MaxInt64 / day, Months: 1, Seconds: math.MinInt64}, {Seconds: math.MaxInt64, Nanos: 999999999},
	} {
		values = append(values, d)
	}
	values = append(values, edges...)
	values = append(values, []any{int64(1), 1.5}, []any{1.5, int64(1)}) // floats come of both
	var nodes []any
	var refused []any
	kinds := map[string]int{}
	for i, v := range values {
		function, argument, err := s.Encode(v)
		if err != nil {
			if !errors.Is(err, graph.ErrRefused) {
				t.Errorf("%#v: %v", v, err)
			}
			refused = append(refused, v)
			continue
		}
		if function != "" {
			t.Errorf("%#v: made by %q", v, function)
		}
		kinds[fmt.Sprintf("%T", v)]++
		nodes = append(nodes, map[string]any{"i": int64(i), "v": argument})
	}
	for len(nodes) > 0 {
		n := min(len(nodes), 500)
		some := nodes[:n]
		nodes = nodes[n:]
		if err := create(t.Context(), s.db, some...); err == nil {
			continue
		}
		for _, one := range some {
			if err := create(t.Context(), s.db, one); err != nil {
				t.Errorf("%#v is encoded, and refused: %v", one, err)
			}
		}
	}
	n := 0
	for _, v := range read(t, s, graph.Reading{Match: "(n:V)", Properties: []string{"n"}, Return: []string{"n.i"}}) {
		i := v[1].(int64)
		if n++; !same(values[i], v[0].(map[string]any)["v"]) {
			t.Errorf("%#v comes back as %#v", values[i], v[0].(map[string]any)["v"])
		}
	}
	t.Logf("%d written, %d refused; %v", n, len(refused), kinds)
	if n == 0 || len(refused) < 500 {
		t.Fatal("too few of a kind")
	}
	for _, v := range append(refused[:500:500], refused[len(refused)-20:]...) {
		err := s.Run(t.Context(), "CREATE (n:Refused) SET n.v = $v", map[string]any{"v": v}, nil)
		if err != nil {
			continue
		}
		got := read(t, s, graph.Reading{Match: "(n:Refused)", Return: []string{"n.v"}})
		if len(got) == 1 && same(v, got[0][0]) {
			t.Errorf("%#v is refused, and the server holds it", v)
		}
		run(t, s, "MATCH (n:Refused) DELETE n", nil)
	}
}

// Every zone that Go knows: what Encode takes comes back with its name.
func TestSessionZones(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skipf("NOT PROVEN: the names of all zones: %v", err)
	}
	z, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib/time/zoneinfo.zip"))
	if err != nil {
		t.Skipf("NOT PROVEN: the names of all zones: %v", err)
	}
	defer z.Close()
	s := opened(t, neo4jserver.New(t), Options{}, true)
	taken, unknown := 0, 0
	for _, f := range z.File {
		l, err := time.LoadLocation(f.Name)
		if err != nil || strings.HasSuffix(f.Name, "/") {
			continue
		}
		at := time.Unix(1700000000, 0).In(l)
		_, offset := at.Zone()
		v := graph.ZonedDateTime{Seconds: at.Unix(), Offset: int32(offset), Zone: f.Name}
		if _, _, err := s.Encode(v); err != nil {
			t.Logf("%s: %v", f.Name, err)
			continue
		}
		taken++
		var got any
		err = s.Run(t.Context(), "CREATE (n:Z) SET n.v = $v WITH n MATCH (n) RETURN n.v", map[string]any{"v": v}, func(values []any) error {
			got = values[0]
			return nil
		})
		switch {
		case err == nil && got != v:
			t.Errorf("%s: %v", f.Name, got)
		case err != nil && !s.AboutRows(err):
			t.Errorf("%s: %v", f.Name, err)
		case err != nil:
			t.Logf("%s: %v", f.Name, err)
			unknown++
		}
	}
	if t.Logf("%d zones", taken); taken < 500 || unknown > 5 {
		t.Errorf("of %d zones the server does not know %d", taken, unknown)
	}
}

func TestSessionQuoteName(t *testing.T) {
	s := opened(t, neo4jserver.New(t), Options{}, true)
	for _, name := range []string{"a", "`", `\u0060) DETACH DELETE n //`, "é 😀", strings.Repeat("n", maxName)} {
		quoted, err := s.QuoteName(name)
		if err != nil {
			t.Fatal(err)
		}
		got := run(t, s, "CREATE (n:"+quoted+") SET n."+quoted+" = 1 RETURN labels(n), keys(n)", nil)
		if want := []any{name}; !reflect.DeepEqual(got, [][]any{{want, want}}) {
			t.Errorf("%q comes back as %q", name, got)
		}
	}
	for _, name := range []string{"", "\x00", "\xff", strings.Repeat("n", maxName+1)} {
		if _, err := s.QuoteName(name); !errors.Is(err, graph.ErrRefused) {
			t.Errorf("%.20q: %v", name, err)
		}
	}
}

func TestSessionDefinitions(t *testing.T) {
	url := neo4jserver.New(t)
	ctx := t.Context()
	users := opened(t, url, Options{}, true)
	if err := users.Define(ctx, "CREATE INDEX theirs IF NOT EXISTS FOR (n:Their) ON (n.a)"); err != nil {
		t.Fatal(err)
	}
	s := opened(t, url, Options{}, true)
	defer func() { // the index outlives a graph's nodes
		if err := users.Define(ctx, "DROP INDEX theirs IF EXISTS"); err != nil {
			t.Error(err)
		}
	}()
	for range 2 { // what is there is no error
		for _, err := range []error{
			s.Index(ctx, "A", "b`c"), s.Unique(ctx, "A", "id"), s.Index(ctx, "A", "id"),
			s.Define(ctx, "CREATE CONSTRAINT own IF NOT EXISTS FOR (n:Own) REQUIRE (n.a, n.b) IS UNIQUE"),
			s.Define(ctx, "CREATE TEXT INDEX words IF NOT EXISTS FOR ()-[r:T]-() ON (r.a)"),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := s.Definitions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b graph.Definition) int { return strings.Compare(a.Name, b.Name) })
	want := []graph.Definition{
		{Name: ruleName("A", "b`c"), Node: true, Labels: []string{"A"}, Keys: []string{"b`c"}, Kind: "range"},
		{Name: ruleName("A", "id"), Constraint: true, Node: true, Labels: []string{"A"}, Keys: []string{"id"}, Kind: "unique"},
		{Name: "own", Constraint: true, Node: true, Labels: []string{"Own"}, Keys: []string{"a", "b"}, Kind: "unique"},
		{Name: "theirs", Node: true, Labels: []string{"Their"}, Keys: []string{"a"}, Kind: "range"},
		{Name: "words", Labels: []string{"T"}, Keys: []string{"a"}, Kind: "text"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	// Their index may have been filling when the session opened.
	for i := range s.before {
		s.before[i].Online = !s.before[i].Online
	}
	if err := s.Discard(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err = s.Definitions(ctx); err != nil || len(got) != 1 || got[0].Name != "theirs" {
		t.Errorf("%+v %v", got, err)
	}
	// Two names that differ in signs alone are two rules.
	if err := errors.Join(s.Index(ctx, "A", "b c"), s.Index(ctx, "A", "b-c"), s.Index(ctx, "A b", "c")); err != nil {
		t.Fatal(err)
	}
	if got, err = s.Definitions(ctx); err != nil || len(got) != 4 {
		t.Errorf("%+v %v", got, err)
	}
	if err := s.Discard(ctx); err != nil {
		t.Fatal(err)
	}
}

// An import that is given up leaves an empty graph as it was.
func TestAborted(t *testing.T) {
	url := neo4jserver.New(t)
	s := opened(t, url, Options{}, true)
	before, err := s.db.Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	target := openTarget(t, url, Options{})
	scenario(t, target)
	if n := count(t, s, "(n)"); n == 0 {
		t.Fatal("nothing was written")
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	after, err := s.db.Rules(t.Context())
	if err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("%+v, before %+v: %v", after, before, err)
	}
	if n := count(t, s, "(n)"); n != 0 {
		t.Errorf("%d nodes are left", n)
	}
}

// A session that reads notices that others write, and is not misled by its own work,
// with and without a name of the database.
func TestSessionUnchanged(t *testing.T) {
	url := neo4jserver.New(t)
	other := opened(t, url, Options{}, true)
	for _, name := range []string{"", "neo4j"} {
		s := opened(t, url, Options{Database: name}, false)
		if s.written == "" {
			t.Fatalf("database %q: the server does not say what was committed last", name)
		}
		t.Logf("database %q: %s", name, s.written)
		tables, err := graph.Open(t.Context(), s, url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tables.Catalog(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Definitions(t.Context()); err != nil {
			t.Fatal(err)
		}
		count(t, s, "(n)")
		if err := s.Unchanged(t.Context()); err != nil {
			t.Errorf("database %q: after reading alone: %v", name, err)
		}
		run(t, other, "CREATE (n:Late)", nil)
		if err := s.Unchanged(t.Context()); err == nil {
			t.Errorf("database %q: a writer was not noticed", name)
		}
	}
	s := opened(t, url, Options{}, false)
	if err := other.Index(t.Context(), "A", "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Unchanged(t.Context()); err == nil {
		t.Error("a new index was not noticed")
	}
	if err := other.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func openTarget(t testing.TB, url string, o Options) *graph.Target {
	t.Helper()
	s, err := openSession(t.Context(), location(t, url), o, true)
	if err != nil {
		t.Fatal(err)
	}
	target, err := graph.OpenTarget(t.Context(), s, location(t, url).String())
	if err != nil {
		t.Fatal(err)
	}
	return target
}

var _ store.Target = (*graph.Target)(nil)
