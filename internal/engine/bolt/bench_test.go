package bolt

import (
	"fmt"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest/neo4jserver"
)

const benchSize = 20000

// memories are nodes of some 600 bytes, as columns and runs of rows.
func memories() ([]string, []*store.Rows) {
	columns := []string{"$labels", "id", "type", "title", "content", "importance", "confidence", "usage_count", "created_at", "updated_at"}
	var runs []*store.Rows
	for i := range benchSize {
		if i%4096 == 0 {
			runs = append(runs, store.NewRows(len(columns)))
		}
		r := runs[len(runs)-1]
		c := r.Columns
		c[0].AppendNull()
		c[1].AppendString(fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
		c[2].AppendString("solution")
		c[3].AppendString("Title of a memory")
		c[4].AppendString(strings.Repeat("content ", 50))
		c[5].AppendFloat(0.5)
		c[6].AppendFloat(0.8)
		c[7].AppendInt(int64(i))
		c[8].AppendString("2026-01-02T03:04:05.678901+00:00")
		c[9].AppendString("2026-01-02T03:04:05.678901+00:00")
		r.N++
	}
	return columns, runs
}

func relations() ([]string, []*store.Rows) {
	columns := []string{"$type", "$from", "$to", "id", "strength", "confidence"}
	var runs []*store.Rows
	for i := range benchSize {
		if i%4096 == 0 {
			runs = append(runs, store.NewRows(len(columns)))
		}
		r := runs[len(runs)-1]
		c := r.Columns
		c[0].AppendString("SOLVES")
		c[1].AppendString(fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
		c[2].AppendString(fmt.Sprintf("00000000-0000-4000-8000-%012d", i*7919%benchSize))
		c[3].AppendString(fmt.Sprint(i))
		c[4].AppendFloat(0.5)
		c[5].AppendFloat(0.8)
		r.N++
	}
	return columns, runs
}

func insert(b *testing.B, target store.Target, table string, columns []string, runs []*store.Rows) {
	b.Helper()
	for _, rows := range runs {
		err := target.Insert(b.Context(), table, columns, rows, func(row int, err error) { b.Fatal(row, err) })
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInsert inserts as an import does; what the commit costs is in none of the
// rates but its own.
func BenchmarkInsert(b *testing.B) {
	l := location(b, neo4jserver.New(b))
	for _, as := range []Product{Neo4j, Memgraph} {
		b.Run("statements="+string(as), func(b *testing.B) {
			columns, runs := memories()
			edgeColumns, edgeRuns := relations()
			o := Options{}
			if as == Memgraph {
				o = new(pretender).options()
			}
			for b.Loop() {
				s, err := openSession(b.Context(), l, o, true)
				if err != nil {
					b.Fatal(err)
				}
				target, err := graph.OpenTarget(b.Context(), s, l.String())
				if err != nil {
					b.Fatal(err)
				}
				target.Prefer("Memory", "id")
				start := b.Elapsed()
				insert(b, target, ":Memory", columns, runs)
				nodes := b.Elapsed()
				insert(b, target, "-->", edgeColumns, edgeRuns)
				edges := b.Elapsed()
				if err := target.Commit(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(benchSize/(nodes-start).Seconds(), "nodes/s")
				b.ReportMetric(benchSize/(edges-nodes).Seconds(), "edges/s")
				b.ReportMetric((b.Elapsed() - edges).Seconds(), "s/commit")
				b.StopTimer()
				if err := s.Sweep(b.Context(), "(n)", "DETACH DELETE n", nil); err != nil {
					b.Fatal(err)
				}
				if err := target.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	url := neo4jserver.New(b)
	s := opened(b, url, Options{}, true)
	target, err := graph.OpenTarget(b.Context(), s, url)
	if err != nil {
		b.Fatal(err)
	}
	columns, runs := memories()
	insert(b, target, ":Memory", columns, runs)
	if err := target.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{100, 500, 1000, 4000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d, err := Open(b.Context(), location(b, url), Options{FetchSize: size})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			n := 0
			for b.Loop() {
				n += len(rows(b, d, "MATCH (n:Memory) RETURN n", nil))
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "nodes/s")
		})
	}
}
