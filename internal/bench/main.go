// Command bench measures memarc beside the programs that people use in its
// place, on a store that it makes.
//
//	go run ./internal/bench -n 100000            measure; see also make bench
//	go run ./internal/bench -profile export DB   write a CPU profile of one flow
//	go run ./internal/bench -testdata testdata   make what is missing of testdata
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/memarc/memarc/internal/bench/sample"
)

// products make stores.
var products = map[string]func(path string, size sample.Size) error{"ai-memory": sample.AIMemory, "memorygraph": sample.MemoryGraph, "vestige": sample.Large}

func main() {
	var o options
	flag.IntVar(&o.memories, "n", 100_000, "memories in the store")
	flag.StringVar(&o.product, "product", "ai-memory", "product whose store is made: ai-memory or vestige")
	flag.IntVar(&o.runs, "runs", 3, "runs of each row; the table shows the fastest")
	flag.BoolVar(&o.keep, "keep", false, "keep what the runs write")
	flag.StringVar(&o.dir, "dir", filepath.Join(os.TempDir(), "memarc-bench"), "folder for the store, which is kept, and the results")
	flag.StringVar(&o.only, "only", "", "only rows whose name holds this text")
	profile := flag.String("profile", "", "profile export, import or verify of the store that is the argument, or migrate of the two that are")
	cpu := flag.String("cpuprofile", "", "file of the CPU profile (default VERB.prof)")
	mem := flag.String("memprofile", "", "file of a profile of allocations")
	layout := flag.String("layout", "", "with -profile import or migrate, the layout of the target")
	testdata := flag.String("testdata", "", "make what is missing in this folder of test data")
	generate := flag.String("generate", "", "make the store at this path and end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch {
	case products[o.product] == nil:
		err = fmt.Errorf("there is no store of the product %q to be made", o.product)
	case *generate != "":
		err = products[o.product](*generate, sample.Full(o.memories))
	case *testdata != "":
		err = makeTestdata(ctx, *testdata)
	case *profile != "":
		err = profiled{verb: *profile, path: flag.Arg(0), target: flag.Arg(1), cpu: *cpu, mem: *mem, layout: *layout}.run(ctx)
	case flag.NArg() > 0:
		err = fmt.Errorf("bench takes no argument %q without -profile", flag.Arg(0))
	default:
		err = measure(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
