package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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
	verb, path, target, cpu, mem, layout string
}

func (p profiled) run(ctx context.Context) error {
	flows := map[string]func(context.Context, string, string) error{"export": p.export, "import": p.importArchive, "verify": p.verify, "migrate": p.migrate}
	flow := flows[p.verb]
	if flow == nil || p.path == "" || (p.target != "") != (p.verb == "migrate") {
		return fmt.Errorf("want -profile export|import|verify and a store, or -profile migrate and two; import and verify take an archive too")
	}
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(72 << 20) // as the program does
	}
	dir, err := os.MkdirTemp("", "memarc-profile-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	archive := p.path
	if p.verb != "export" && p.verb != "migrate" && !strings.HasSuffix(archive, ".marc") {
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
	return p.load(ctx, in, filepath.Join(dir, "made.db"))
}

func (p profiled) load(ctx context.Context, in io.Reader, target string) error {
	r, err := format.NewReader(in, format.ReaderOptions{})
	if err != nil {
		return err
	}
	defer r.Close()
	sink, err := all.Registry().OpenSink(ctx, target, r.Manifest(), store.SinkOptions{Layout: p.layout})
	if err != nil {
		return err
	}
	defer sink.Close()
	_, err = importer.Import(ctx, r, sink, importer.Options{})
	return err
}

// migrate pipes an export into an import, as the command does.
func (p profiled) migrate(ctx context.Context, _, _ string) error {
	src, err := all.Registry().OpenSource(ctx, p.path, "")
	if err != nil {
		return err
	}
	defer src.Close()
	from, to := io.Pipe()
	exported := make(chan error, 1)
	go func() {
		_, err := exporter.Export(ctx, src, to, exporter.Options{Workers: 1, Level: format.LevelNone})
		to.CloseWithError(err)
		exported <- err
	}()
	err = p.load(ctx, from, p.target)
	from.CloseWithError(errors.New("the import has ended"))
	return errors.Join(err, <-exported)
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
