package importer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

const benchMemories = 2000

func BenchmarkImport(b *testing.B) {
	dir := b.TempDir()
	path := filepath.Join(dir, "store.db")
	if err := sample.Large(path, sample.Full(benchMemories)); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	archive, _ := storetest.Export(b, path, exporter.Options{})
	for _, layout := range []string{"memarc", "vestige"} {
		for _, noVerify := range []bool{false, true} {
			name := map[bool]string{false: layout, true: layout + ", not read back"}[noVerify]
			b.Run(name, func(b *testing.B) {
				b.SetBytes(info.Size())
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					target := filepath.Join(dir, fmt.Sprint(i)+".db")
					if _, err := storetest.Import(target, archive, store.SinkOptions{Layout: layout}, importer.Options{NoVerify: noVerify}); err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					if err := os.Remove(target); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
					i++
				}
				b.ReportMetric(float64(b.N)*benchMemories/b.Elapsed().Seconds(), "memories/s")
			})
		}
	}
}
