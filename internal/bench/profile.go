package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/verify"
)

// profiled is one flow, run in this process under the profiler.
type profiled struct {
	verb, path, cpu, mem, layout string
}

func (p profiled) run(ctx context.Context) error {
	flows := map[string]func(context.Context, string, string) error{"export": p.export, "import": p.importArchive, "verify": p.verify}
	flow := flows[p.verb]
	if flow == nil || p.path == "" {
		return fmt.Errorf("want -profile export|import|verify and a store; import and verify take an archive too")
	}
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(80 << 20) // as the program does
	}
	dir, err := os.MkdirTemp("", "memarc-profile-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	archive := p.path
	if p.verb != "export" && !strings.HasSuffix(archive, ".marc") {
		archive = filepath.Join(dir, "made.marc")
		if err := p.export(ctx, dir, archive); err != nil {
			return err
		}
	}
	if p.verb == "export" {
		archive = filepath.Join(dir, "made.marc")
	}
	name := cmp.Or(p.cpu, p.verb+".prof")
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	start := time.Now()
	err = flow(ctx, dir, archive)
	pprof.StopCPUProfile()
	if err != nil {
		return err
	}
	fmt.Printf("%s: %.2f s, %s allocated; go tool pprof -top %s\n", p.verb, time.Since(start).Seconds(), allocated(), name)
	if p.mem == "" {
		return nil
	}
	m, err := os.Create(p.mem)
	if err != nil {
		return err
	}
	defer m.Close()
	return pprof.Lookup("allocs").WriteTo(m, 0)
}

func allocated() string {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return mib(int64(m.TotalAlloc))
}

func (p profiled) export(ctx context.Context, _, archive string) error {
	src, err := all.Registry().OpenSource(ctx, p.path, "")
	if err != nil {
		return err
	}
	defer src.Close()
	out, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = exporter.Export(ctx, src, out, exporter.Options{})
	return err
}

func (p profiled) importArchive(ctx context.Context, dir, archive string) error {
	in, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := format.NewReader(in, format.ReaderOptions{})
	if err != nil {
		return err
	}
	defer r.Close()
	sink, err := all.Registry().OpenSink(ctx, filepath.Join(dir, "made.db"), r.Manifest(), store.SinkOptions{Layout: p.layout})
	if err != nil {
		return err
	}
	defer sink.Close()
	_, err = importer.Import(ctx, r, sink, importer.Options{})
	return err
}

func (p profiled) verify(ctx context.Context, _, archive string) error {
	in, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = verify.Archive(ctx, in, verify.Options{})
	return err
}
