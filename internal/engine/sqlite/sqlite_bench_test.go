package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/store"
)

const benchRows = 5000

var benchColumns = []string{"id", "content", "at", "weight", "uses", "vector"}

// benchTable makes rows of text, numbers and vectors.
func benchTable() *store.Rows {
	rows := store.NewRows(len(benchColumns))
	text, vector := strings.Repeat("what an agent remembers ", 40), make([]byte, 4*384)
	for i := range benchRows {
		rows.Columns[0].AppendString(fmt.Sprintf("%08x-0000-4000-8000-000000000000", i))
		rows.Columns[1].AppendString(text)
		rows.Columns[2].AppendString("2026-02-12T10:11:12.123456789+00:00")
		rows.Columns[3].AppendFloat(float64(i) / 7)
		rows.Columns[4].AppendInt(int64(i))
		rows.Columns[5].AppendBlob(vector)
		rows.N++
	}
	return rows
}

func benchTarget(b *testing.B, path string, rows *store.Rows) {
	b.Helper()
	ctx := context.Background()
	t, err := OpenTarget(ctx, path)
	if err != nil {
		b.Fatal(err)
	}
	defer t.Close()
	if err := t.Exec(ctx, "CREATE TABLE t (id TEXT PRIMARY KEY, content TEXT, at TEXT, weight REAL, uses INTEGER, vector BLOB)"); err != nil {
		b.Fatal(err)
	}
	if err := t.Insert(ctx, "t", benchColumns, rows, func(_ int, err error) { b.Fatal(err) }); err != nil {
		b.Fatal(err)
	}
	if err := t.Commit(ctx); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkScan(b *testing.B) {
	path, rows := filepath.Join(b.TempDir(), "t.db"), benchTable()
	benchTarget(b, path, rows)
	db, err := Open(context.Background(), path, OpenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	b.SetBytes(int64(rows.Size()))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for run, err := range db.Scan(context.Background(), store.Query{Table: "t", Columns: benchColumns}) {
			if err != nil {
				b.Fatal(err)
			}
			n += run.N
		}
		if n != benchRows {
			b.Fatalf("%d rows", n)
		}
	}
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkInsert(b *testing.B) {
	dir, rows := b.TempDir(), benchTable()
	b.SetBytes(int64(rows.Size()))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		benchTarget(b, filepath.Join(dir, fmt.Sprint(i)+".db"), rows)
		i++
	}
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}
