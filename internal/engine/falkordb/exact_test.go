package falkordb_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/memarc/memarc/internal/engine/falkordb"
	"github.com/memarc/memarc/internal/engine/graph"
)

// doubles are of all sizes: any bits, around 1, subnormal, of few digits, huge.
func doubles(n int) (out []any) {
	r := rand.New(rand.NewPCG(1, 2))
	for len(out) < n {
		var v float64
		switch len(out) % 6 {
		case 0, 1:
			v = math.Float64frombits(r.Uint64())
		case 2:
			v = r.NormFloat64() * math.Pow(10, float64(r.IntN(41)-20))
		case 3:
			v = math.Float64frombits(r.Uint64N(1<<52) | r.Uint64()&(1<<63))
		case 4:
			v = float64(r.IntN(1000)) / 1000
		case 5:
			v = math.Ldexp(1+r.Float64(), 900+r.IntN(124))
		}
		if !math.IsNaN(v) {
			out = append(out, v)
		}
	}
	for _, v := range literals {
		if f, ok := v.(float64); ok {
			out = append(out, f)
		}
	}
	// Powers of two and their neighbours.
	for e := -1074; e < 1024; e++ {
		v := math.Ldexp(1, e)
		out = append(out, v, -math.Nextafter(v, math.Inf(1)), math.Nextafter(v, 0))
	}
	return out
}

// Every double comes back to the bit, from properties and from lists.
func TestExact(t *testing.T) {
	c, g := open(t)
	all := doubles(60000)
	for part := range slices.Chunk(all, 5000) {
		write(t, c, g, "UNWIND $p AS v CREATE (:D {v:v})", map[string]any{"p": part})
	}
	i, changed := 0, 0
	for _, row := range ask(t, c, g, "MATCH (n:D) RETURN n, "+falkordb.SplitProperties("n")+" ORDER BY id(n)", nil) {
		n := row[0].(graph.Node)
		want := all[i].(float64)
		if !same(n.Properties["v"], want) {
			changed++
		}
		inexact, err := falkordb.JoinProperties(n.Properties, row[1])
		if err != nil {
			t.Fatal(err)
		}
		if len(inexact) > 0 || !same(n.Properties["v"], want) {
			t.Errorf("%g comes back as %g, inexact: %q", want, n.Properties["v"], inexact)
		}
		i++
	}
	if i != len(all) || changed == 0 {
		t.Errorf("%d of %d, %d changed by printing", i, len(all), changed)
	}
	t.Logf("%d doubles, %d not told by 15 digits", i, changed)
	returned(t, c, g, all[:5000])
}

// Doubles are found wherever a property has them, among other values, and on
// relationships.
func TestExactLists(t *testing.T) {
	c, g := open(t)
	v := []any{0.1 + 0.2, "x", int64(3), []any{}, []any{math.Pi, []any{1.0 / 3, true, []any{"z"}}, "y", []any{-0.1}}, 1e300 / 3}
	write(t, c, g, "CREATE (:A {v:$v, s:'x', i:1, f:$f, u:vecf32([1])})-[:T {w:$v, f:$f}]->(:B)", map[string]any{"v": v, "f": 1.0 / 7})
	row := ask(t, c, g, "MATCH (a)-[r]->(b) RETURN a, "+falkordb.SplitProperties("a")+", r, "+falkordb.SplitProperties("r")+", b, "+falkordb.SplitProperties("b"), nil)[0]
	a, r, b := row[0].(graph.Node).Properties, row[2].(graph.Relationship).Properties, row[4].(graph.Node).Properties
	for i, p := range []map[string]any{a, r, b} {
		if inexact, err := falkordb.JoinProperties(p, row[2*i+1]); err != nil || len(inexact) > 0 {
			t.Errorf("%q, %v", inexact, err)
		}
	}
	if !same(a["v"], v) || !same(r["w"], v) || !same(a["f"], 1.0/7) || !same(r["f"], 1.0/7) || a["s"] != "x" {
		t.Errorf("%v\n%v", a, r)
	}
}

// What is not known to be exact is told.
func TestInexact(t *testing.T) {
	c, g := open(t)
	deep := any(1.0 / 3)
	for range 6 {
		deep = []any{deep}
	}
	write(t, c, g, "CREATE (:A {nan:0.0/0.0, inf:1.0/0.0, less:-1.0/0.0, ok:0.1, deep:$d, list:[0.1, 0.0/0.0]})", map[string]any{"d": deep})
	row := ask(t, c, g, "MATCH (n) RETURN n, "+falkordb.SplitProperties("n"), nil)[0]
	p := row[0].(graph.Node).Properties
	inexact, err := falkordb.JoinProperties(p, row[1])
	if err != nil || !slices.Equal(inexact, []string{"deep", "list", "nan"}) {
		t.Errorf("%q, %v", inexact, err)
	}
	if !math.IsNaN(p["nan"].(float64)) || p["inf"] != math.Inf(1) || p["less"] != math.Inf(-1) || p["ok"] != 0.1 {
		t.Errorf("%v", p)
	}
	for name, split := range map[string]graph.Value{
		"nothing": nil, "no pair": []any{"v"}, "another key": []any{[]any{"w", []any{[]any{}}}},
		"too few": []any{[]any{"v", []any{[]any{}}}}, "no double": []any{[]any{"v", []any{[]any{[]any{"a", "b"}}}}},
	} {
		if _, err := falkordb.JoinProperties(map[string]any{"v": 0.5}, split); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	// Halves that are not of the number.
	if v, exact, err := falkordb.Join(0.5, []any{[]any{[]any{0.4, 0.0}}}); v != 0.5 || exact || err != nil {
		t.Error(v, exact, err)
	}
}
