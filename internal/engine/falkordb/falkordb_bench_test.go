package falkordb_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/engine/falkordb"
	"github.com/memarc/memarc/internal/engine/graph"
)

// nodes are as large as short memories.
func nodes(n int) []any {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]any, n)
	for i := range out {
		out[i] = map[string]any{"id": fmt.Sprintf("%08x-0000-4000-8000-000000000000", i), "p": map[string]any{
			"id": fmt.Sprintf("%08x-0000-4000-8000-000000000000", i), "type": "solution", "title": "What was learnt today",
			"content": strings.Repeat("some words of it ", 12), "tags": []any{"a", "b"}, "importance": r.Float64(), "confidence": 0.8,
			"usage_count": int64(i), "created_at": "2026-01-02T03:04:05.678901+00:00", "updated_at": "2026-01-02T03:04:05.678901+00:00",
		}}
	}
	return out
}

func edges(n, among int) []any {
	out := make([]any, n)
	id := func(i int) string { return fmt.Sprintf("%08x-0000-4000-8000-000000000000", i%among) }
	for i := range out {
		out[i] = map[string]any{"a": id(i), "b": id(i*7 + 1), "p": map[string]any{"id": id(i), "strength": 0.5, "confidence": 0.8, "context": "because", "created_at": "2026-01-02T03:04:05+00:00"}}
	}
	return out
}

const inBench = 50000

func load(b *testing.B, c *falkordb.Client, g, statement string, rows []any, batch int) {
	b.Helper()
	for part := range slices.Chunk(rows, batch) {
		if _, err := c.Query(b.Context(), g, statement, map[string]any{"rows": part}); err != nil {
			b.Fatal(err)
		}
	}
}

const (
	mergeNodes  = "UNWIND $rows AS r MERGE (n:Memory {id:r.id}) SET n = r.p"
	createEdges = "UNWIND $rows AS r MATCH (a:Memory {id:r.a}), (b:Memory {id:r.b}) CREATE (a)-[e:RELATED]->(b) SET e = r.p"
)

func BenchmarkWrite(b *testing.B) {
	for _, batch := range []int{1000, 2000, 5000} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			ns, es := nodes(inBench), edges(inBench, inBench)
			for _, part := range []string{"nodes", "edges"} {
				b.Run(part, func(b *testing.B) {
					b.StopTimer()
					for range b.N {
						c, g := open(b)
						if err := c.CreateIndex(b.Context(), g, falkordb.Nodes, "Memory", "id"); err != nil {
							b.Fatal(err)
						}
						if part == "nodes" {
							b.StartTimer()
						}
						load(b, c, g, mergeNodes, ns, batch)
						b.StartTimer()
						if part == "edges" {
							load(b, c, g, createEdges, es, batch)
						}
						b.StopTimer()
					}
					b.ReportMetric(float64(b.N*inBench)/b.Elapsed().Seconds(), part+"/s")
				})
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	c, g := open(b)
	load(b, c, g, "UNWIND $rows AS r CREATE (n:Memory) SET n = r.p", nodes(inBench), 5000)
	for name, column := range map[string]string{"printed": "", "exact": ", " + falkordb.SplitProperties("n"), "known": ", " + falkordb.SplitKeys("n", "keys", "lists")} {
		join := falkordb.JoinProperties
		if name == "known" {
			join = falkordb.JoinKnown
		}
		b.Run(name, func(b *testing.B) {
			for range b.N {
				for last := int64(-1); last < inBench-1; {
					r, err := c.ReadOnlyQuery(b.Context(), g, "MATCH (n:Memory) WHERE id(n) > $last WITH n ORDER BY id(n) LIMIT 5000 RETURN n"+column, map[string]any{"last": last, "keys": []any{"importance", "confidence"}, "lists": []any{}})
					if err != nil {
						b.Fatal(err)
					}
					for row, err := range r.Rows() {
						if err != nil {
							b.Fatal(err)
						}
						n := row[0].(graph.Node)
						if last = n.ID.Int; column == "" {
							continue
						}
						if bad, err := join(n.Properties, row[1]); err != nil || len(bad) > 0 {
							b.Fatal(bad, err)
						}
					}
				}
			}
			b.ReportMetric(float64(b.N*inBench)/b.Elapsed().Seconds(), "nodes/s")
		})
	}
}
