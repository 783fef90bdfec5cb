package bolt

import (
	"fmt"
	"strings"
	"testing"
)

// sample is a memory of some 600 bytes.
func sample(i int) map[string]any {
	return map[string]any{
		"id": fmt.Sprintf("00000000-0000-4000-8000-%012d", i), "type": "solution", "title": "Title of a memory", "content": strings.Repeat("content ", 50),
		"tags": []any{"one", "two", "three"}, "importance": 0.5, "confidence": 0.8, "usage_count": int64(i),
		"created_at": "2026-01-02T03:04:05.678901+00:00", "updated_at": "2026-01-02T03:04:05.678901+00:00",
	}
}

const benchSize = 20000

func fill(b *testing.B, d *DB, batch int) {
	b.Helper()
	for at := 0; at < benchSize; at += batch {
		var nodes []map[string]any
		for i := at; i < min(at+batch, benchSize); i++ {
			nodes = append(nodes, sample(i))
		}
		err := d.Write(b.Context(), func(w *Writer) error {
			_, err := w.MergeNodes(b.Context(), []string{"Memory"}, "id", nodes)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func prepare(b *testing.B) *DB {
	b.Helper()
	d := fresh(b)
	if err := d.Unique(b.Context(), "memory_id", "Memory", "id"); err != nil {
		b.Fatal(err)
	}
	if err := d.Online(b.Context()); err != nil {
		b.Fatal(err)
	}
	return d
}

func BenchmarkMergeNodes(b *testing.B) {
	for _, batch := range []int{500, 1000, 2000, 5000} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			d := prepare(b)
			for b.Loop() {
				b.StopTimer()
				if _, _, err := d.Auto(b.Context(), "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS", nil); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				fill(b, d, batch)
			}
			b.ReportMetric(benchSize*float64(b.N)/b.Elapsed().Seconds(), "nodes/s")
		})
	}
}

func BenchmarkCreateRelationships(b *testing.B) {
	for _, batch := range []int{1000, 2000, 5000} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			d := prepare(b)
			fill(b, d, Batch)
			end := End{"Memory", "id"}
			for b.Loop() {
				for at := 0; at < benchSize; at += batch {
					var list []Edge
					for i := at; i < min(at+batch, benchSize); i++ {
						list = append(list, Edge{sample(i)["id"], sample((i * 7919) % benchSize)["id"], map[string]any{"id": fmt.Sprint(i), "strength": 0.5, "confidence": 0.8}})
					}
					if err := d.Write(b.Context(), func(w *Writer) error { return w.CreateRelationships(b.Context(), "SOLVES", end, end, list) }); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(benchSize*float64(b.N)/b.Elapsed().Seconds(), "edges/s")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	url := prepare(b)
	fill(b, url, Batch)
	for _, size := range []int{100, 256, 1000, 4000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d, err := Open(b.Context(), location(b, strings.Replace(url.Name(), "xxxxx", url.at.password, 1)), Options{FetchSize: size})
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
