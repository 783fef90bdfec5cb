package exporter_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store/all"
)

const benchMemories = 2000

func BenchmarkExport(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.db")
	if err := sample.Large(path, sample.Full(benchMemories)); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	for _, encoding := range []format.Encoding{format.Arrow, format.NDJSON} {
		b.Run(encoding.String(), func(b *testing.B) {
			b.SetBytes(info.Size())
			b.ReportAllocs()
			for b.Loop() {
				src, err := all.Registry().OpenSource(context.Background(), path, "")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := exporter.Export(context.Background(), src, io.Discard, exporter.Options{Encoding: encoding}); err != nil {
					b.Fatal(err)
				}
				src.Close()
			}
			b.ReportMetric(float64(b.N)*benchMemories/b.Elapsed().Seconds(), "memories/s")
		})
	}
}
