package all_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/engine/bolt"
	"github.com/memarc/memarc/internal/engine/falkordb"
	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/falkorserver"
	"github.com/memarc/memarc/internal/store/storetest/neo4jserver"
	"github.com/memarc/memarc/internal/store/storetest/rawgraph"
)

// graphs give the URL of an empty graph of each engine.
var graphs = map[string]func(t testing.TB) string{
	string(bolt.Neo4j): neo4jserver.New,
	"falkordb":         falkorserver.New,
}

func engineOf(url string) string {
	if strings.HasPrefix(url, "falkor") {
		return "falkordb"
	}
	return string(bolt.Neo4j)
}

// names of labels, types and keys that are hard to quote, to find or to tell apart.
var names = []string{"plain", "with space", `q"uo'te`, `back\slash`, `\u0060`, "new\nline", "😀", "MATCH", "ü", "\u2028", "a:b", ":", `\:`, "$node", "$labels", "$from", "$type", "$dollar", " ", "id", "--" + ">", "/*", "//",
	strings.Repeat("long ", 2048)}

// values are of every type that an engine has; those that one has not are left out there.
var values = []any{
	true, false, int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64), int64(1<<53 + 1),
	0.0, math.Copysign(0, -1), 0.1, 1.0 / 3, 1e300, -5e-324, math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN(), 1.0, 123456789012345.678,
	"", " ", "a", " a", "a ", "[]", "true", "null", "line\nline\r\t", `"'\`, "`", "\\u0060", "😀 é e\u0301", "\x01", "\x7f", "nul\x00nul", "memarc:t", strings.Repeat("ü", 5000),
	[]any{}, []any{"a"}, []any{"", "a", "a", "☃"}, []any{int64(1), int64(-2)}, []any{0.1, math.Inf(-1)}, []any{true, false}, []any{int64(1), "a", 0.5, true}, []any{[]any{int64(1)}, []any{}}, []any{[]any{[]any{0.1}}},
	[]byte{}, []byte{0, 255},
	graph.Date(0), graph.Date(-1), graph.Date(20000), graph.LocalTime(0), graph.LocalTime(3600e9), graph.LocalTime(1), graph.ZonedTime{Nanos: 5, Offset: 3600},
	graph.LocalDateTime{Seconds: 1e9}, graph.LocalDateTime{Seconds: -1, Nanos: 5},
	graph.ZonedDateTime{Seconds: 1e9, Nanos: 1000}, graph.ZonedDateTime{Seconds: 1e9, Nanos: 1, Offset: -5400}, graph.ZonedDateTime{Seconds: 1e9, Offset: 3600, Zone: "Europe/Berlin"},
	graph.Duration{Days: 1, Seconds: 5}, graph.Duration{Months: 14, Days: -3, Seconds: 5, Nanos: 7},
	graph.Point{SRID: graph.WGS84, X: 12.5, Y: 41.25}, graph.Point{SRID: graph.Cartesian, X: 0.1, Y: -2}, graph.Point{SRID: graph.Cartesian3D, X: 1, Y: 2, Z: 3}, graph.Point{SRID: graph.WGS84Height, X: 1, Y: 2, Z: 3},
	[]any{graph.Date(1), graph.Date(2)}, graph.Vector32{0.5, -1, 3e38},
}

// A maker fills graphs by chance.
type maker struct {
	g       *rawgraph.Graph
	rng     *rand.Rand
	names   []string
	skipped map[string]bool
}

func (m *maker) name() string { return m.names[m.rng.IntN(len(m.names))] }

// label is one that a section of an archive can be named after.
func (m *maker) label() string {
	for {
		if l := m.name(); len(l) < 200 {
			return l
		}
	}
}

// properties chooses properties that the server takes, and what sets them.
func (m *maker) properties(t testing.TB, of string, number int) (set string, params map[string]any) {
	params = map[string]any{"n": int64(number)}
	if m.rng.IntN(10) > 0 { // some are alike
		set = ", " + of + ".number = $n"
	}
	for i := range m.rng.IntN(5) {
		v := values[(number*3+i*17+m.rng.IntN(4))%len(values)]
		function, argument := "", v
		if m.falkor() {
			var err error
			if function, argument, err = falkordb.Constructor(v); err != nil {
				continue
			}
			if _, err := falkordb.AppendLiteral(nil, argument); err != nil {
				continue
			}
		}
		if m.skipped[rawgraph.Show(v, false)] {
			continue
		}
		name := fmt.Sprint("v", i)
		params[name] = argument
		set += fmt.Sprintf(", %s.%s = %s($%s)", of, m.g.Quote(t, m.name()), function, name)
	}
	return set, params
}

func (m *maker) falkor() bool { return !slices.Contains(m.names, "back`quote") }

// takes finds out which values the server refuses.
func (m *maker) takes(t testing.TB) {
	for _, v := range values {
		function, argument := "", v
		var err error
		if m.falkor() {
			if function, argument, err = falkordb.Constructor(v); err == nil {
				_, err = falkordb.AppendLiteral(nil, argument)
			}
		}
		if err == nil {
			_, err = m.g.Try("CREATE (n:Probe) SET n.v = "+function+"($v)", map[string]any{"v": argument})
		}
		if err != nil {
			m.skipped[rawgraph.Show(v, false)] = true
			t.Logf("the server has no %.60s: %.100v", rawgraph.Show(v, false), err)
		}
	}
	m.g.Run(t, "MATCH (n:Probe) DELETE n")
	if n := len(values) - len(m.skipped); n < 40 {
		t.Errorf("the server takes %d values only", n)
	}
}

// fill makes nodes and relationships.
func (m *maker) fill(t testing.TB, nodes, edges int) {
	t.Helper()
	m.takes(t)
	for i := range nodes {
		labels := map[string]bool{}
		for range []int{0, 1, 1, 1, 2, 4}[m.rng.IntN(6)] {
			labels[m.g.Quote(t, m.label())] = true
		}
		create := "CREATE (n"
		for l := range labels {
			create += ":" + l
		}
		set, params := m.properties(t, "n", i)
		if set != "" {
			set = " SET " + set[2:]
		}
		m.g.Ask(t, create+")"+set, params)
	}
	ids := m.g.Ask(t, "MATCH (n) RETURN id(n)", nil)
	for i := range edges {
		a, b := ids[m.rng.IntN(len(ids))][0], ids[m.rng.IntN(len(ids))][0]
		if i%7 == 0 {
			b = a // a loop
		}
		set, params := m.properties(t, "r", i)
		params["a"], params["b"] = a, b
		if set != "" {
			set = " SET " + set[2:]
		}
		typ := m.g.Quote(t, m.name())
		for range 1 + i%2 { // and a parallel one
			m.g.Ask(t, "MATCH (a), (b) WHERE id(a) = $a AND id(b) = $b CREATE (a)-[r:"+typ+"]->(b)"+set, params)
		}
	}
}

func sameGraph(t testing.TB, want, got map[string][]string) {
	t.Helper()
	storetest.SameDump(t, want, got)
}

// noMarks fails the test if an import has left marks in a graph.
func noMarks(t testing.TB, url string) {
	t.Helper()
	if marks := rawgraph.Open(t, url).Marks(t); len(marks) > 0 {
		t.Errorf("marks of the import are left: %q", marks)
	}
}

// again imports an archive again and fails the test if anything is written.
func again(t testing.TB, target string, archive []byte, options store.SinkOptions) {
	t.Helper()
	report := storetest.MustImport(t, target, archive, options)
	for section, c := range report.Sections {
		if c.Written+c.Updated+c.Skipped+c.Rejected > 0 {
			t.Errorf("again: section %q: %+v", section, c)
		}
	}
}

// A graph of any shape comes into an empty one as it is, also by way of the other
// engine, which does not hold all of it.
func TestGraphGeneric(t *testing.T) {
	seed := storetest.Seed(t)
	rounds, nodes := 1, 40
	if storetest.Long() {
		rounds, nodes = 8, 300
	}
	for round := range rounds {
		for from := range graphs {
			t.Run(fmt.Sprint(from, " ", round), func(t *testing.T) {
				source := graphs[from](t)
				m := &maker{g: rawgraph.Open(t, source), rng: rand.New(rand.NewPCG(seed, uint64(round))), names: names, skipped: map[string]bool{}}
				if from != "falkordb" {
					m.names = append(slices.Clone(names), "back`quote", "``", "`")
				}
				m.fill(t, nodes, nodes)
				want := m.g.Dump(t, true)
				archive, first := storetest.Export(t, source, exporter.Options{})
				storetest.SameLedger(t, first.Losses)
				sameGraph(t, want, m.g.Dump(t, true))
				if first.Source.Layout != "generic" {
					t.Errorf("recognised as %+v", first.Source)
				}
				for _, by := range []string{"falkordb", "neo4j", "memarc"} {
					t.Run("by "+by, func(t *testing.T) {
						on := archive
						if by != from {
							there, layout := "", ""
							if by == "memarc" {
								there, layout = t.TempDir()+"/there.db", by
							} else {
								there = graphs[by](t)
							}
							report := storetest.MustImport(t, there, archive, store.SinkOptions{Layout: layout})
							if report.Target != first.End.Content {
								t.Errorf("content digest there %s, of the source %s", report.Target, first.End.Content)
							}
							again(t, there, archive, store.SinkOptions{})
							next, second := storetest.Export(t, there, exporter.Options{})
							storetest.SameLedger(t, second.Losses)
							if second.End.Content != first.End.Content {
								t.Errorf("content digest of the export from there %s, of the source %s", second.End.Content, first.End.Content)
							}
							on = next
						}
						home := graphs[from](t)
						report := storetest.MustImport(t, home, on, store.SinkOptions{Layout: "generic"})
						if report.Target != first.End.Content {
							t.Errorf("content digest at home %s, of the source %s", report.Target, first.End.Content)
						}
						sameGraph(t, want, rawgraph.Open(t, home).Dump(t, false))
						noMarks(t, home)
						_, last := storetest.Export(t, home, exporter.Options{})
						storetest.SameLedger(t, last.Losses)
						if last.End.Content != first.End.Content {
							t.Errorf("content digest of the export from home %s, of the source %s", last.End.Content, first.End.Content)
						}
						again(t, home, on, store.SinkOptions{})
					})
				}
			})
		}
	}
}
