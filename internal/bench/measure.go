package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

type options struct {
	memories, runs int
	keep           bool
	dir, only      string
	product        string
}

// A bench is what the rows share.
type bench struct {
	options
	ctx    context.Context
	memarc string // the program
	store  string // the generated store
	out    string // folder of results
	size   int64  // of the store
	digest string // of the store's content
}

func (b *bench) path(name string) string { return filepath.Join(b.out, name) }

// A row is a line of the table.
type row struct {
	name string
	// program must be there, or the row is skipped by name.
	program string
	// before prepares a run; it is not measured.
	before func() error
	stages []stage
	// result is the file or folder whose size counts as the archive's.
	result string
	// digest prints the content digest that came out, unmeasured; nil if there is
	// none to compare.
	digest func(printed string) (string, error)
}

// nameWidth is the width of the first column.
const nameWidth = 32

// measure makes the store and prints the table.
func measure(ctx context.Context, o options) error {
	if o.runs < 1 || o.memories < 1 {
		return fmt.Errorf("-n and -runs must be positive")
	}
	b := &bench{options: o, ctx: ctx, out: filepath.Join(o.dir, "out"), store: filepath.Join(o.dir, fmt.Sprintf("%s-%d.db", o.product, o.memories))}
	if err := b.prepare(); err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(b.out)
	}
	b.header()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%-*s\twall\tCPU\tpeak RSS\tsize\t%% of store\tdigest\t\n", nameWidth, "what")
	var skipped []string
	for _, r := range b.rows() {
		if !strings.Contains(r.name, o.only) {
			continue
		}
		if _, err := exec.LookPath(r.program); r.program != "" && err != nil {
			skipped = append(skipped, fmt.Sprintf("skipped: %s: %s is not installed", r.name, r.program))
			continue
		}
		if err := b.row(w, r); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	skipped = append(skipped, b.postgres()...)
	for _, s := range skipped {
		fmt.Println(s)
	}
	fmt.Printf("load average after: %s; peak RSS cannot show less than %s, which the measuring process takes\n", load(), b.floor())
	return nil
}

// floor is the peak memory of a process that does nothing.
func (b *bench) floor() string {
	c, _, err := spend(b.ctx, stage{args: []string{"true"}})
	if err != nil {
		return "?"
	}
	return mib(c.rss)
}

// prepare builds the program, makes the store unless it is there, and reads it
// once.
func (b *bench) prepare() error {
	if err := os.RemoveAll(b.out); err != nil {
		return err
	}
	if err := os.MkdirAll(b.out, 0o700); err != nil {
		return err
	}
	var err error
	if b.memarc, err = buildMemarc(b.ctx, b.dir); err != nil {
		return err
	}
	if _, err := os.Stat(b.store); err != nil {
		fmt.Fprintf(os.Stderr, "bench: making a store of %d memories\n", b.memories)
		self, err := os.Executable()
		if err != nil {
			return err
		}
		// In a process of its own, because on Linux the memory of this one shows in
		// that of the processes that it starts.
		if _, _, err := spend(b.ctx, stage{args: []string{self, "-product", b.product, "-generate", b.store, "-n", fmt.Sprint(b.memories)}}); err != nil {
			return err
		}
	}
	info, err := os.Stat(b.store)
	if err != nil {
		return err
	}
	b.size = info.Size()
	if err := warm(b.store); err != nil {
		return err
	}
	b.digest, err = b.digestOf(b.store)
	return err
}

// buildMemarc builds the program into dir.
func buildMemarc(ctx context.Context, dir string) (string, error) {
	out := filepath.Join(dir, "memarc")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", out, "github.com/memarc/memarc/cmd/memarc")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, text)
	}
	return out, nil
}

// warm reads a file into the page cache.
func warm(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(struct{ io.Writer }{io.Discard}, bufio.NewReaderSize(f, 1<<20))
	return err
}

// digestOf returns the content digest of an archive or a store.
func (b *bench) digestOf(path string) (string, error) {
	_, printed, err := spend(b.ctx, stage{args: []string{b.memarc, "digest", "-q", path}})
	digest, _, _ := strings.Cut(printed, " ")
	return digest, err
}

// rows lists what is measured, in order: later rows read what earlier ones wrote.
func (b *bench) rows() []row {
	arrow, ndjson := b.path("arrow.marc"), b.path("ndjson.marc")
	of := func(path string) func(string) (string, error) {
		return func(string) (string, error) { return b.digestOf(path) }
	}
	memarc := func(args ...string) []stage {
		return []stage{{args: append([]string{b.memarc, args[0], "-q"}, args[1:]...)}}
	}
	gone := func(paths ...string) func() error {
		return func() error {
			for _, p := range paths {
				if err := os.RemoveAll(p); err != nil {
					return err
				}
			}
			return nil
		}
	}
	own, product, moved := b.path("memarc.db"), b.path("product.db"), b.path("moved.db")
	repo := b.path("restic")
	password := []string{"RESTIC_PASSWORD=bench", "RESTIC_CACHE_DIR=" + b.path("restic-cache")}
	return []row{
		{name: "memarc export", before: gone(arrow), stages: memarc("export", "-o", arrow, b.store), result: arrow, digest: of(arrow)},
		{name: "memarc export, NDJSON", before: gone(ndjson), stages: memarc("export", "--encoding", "ndjson", "-o", ndjson, b.store), result: ndjson, digest: of(ndjson)},
		{name: "memarc verify", before: b.need(arrow), stages: []stage{{args: []string{b.memarc, "verify", arrow}}}, digest: func(printed string) (string, error) {
			_, after, _ := strings.Cut(printed, "content digest ")
			digest, _, _ := strings.Cut(after, "\n")
			return digest, nil
		}},
		{name: "memarc import, memarc layout", before: b.both(gone(own), b.need(arrow)), stages: memarc("import", "--layout", "memarc", own, arrow), digest: of(own)},
		{name: "memarc import, product's layout", before: b.both(gone(product), b.need(arrow)), stages: memarc("import", "--layout", b.product, product, arrow), digest: of(product)},
		{name: "memarc migrate to the product", before: gone(moved), stages: memarc("migrate", b.store, moved), digest: of(moved)},
		{name: "sqlite3 .dump | zstd -3", program: "sqlite3", stages: []stage{{args: []string{"sqlite3", "-readonly", b.store, ".dump"}}, {args: []string{"zstd", "-3", "-q", "-c"}, out: b.path("dump.zst")}}, result: b.path("dump.zst")},
		{name: "zstd -3 of the file", program: "zstd", stages: []stage{{args: []string{"zstd", "-3", "-q", "-c"}, in: b.store, out: b.path("file.zst")}}, result: b.path("file.zst")},
		{name: "restic backup --stdin", program: "restic", before: func() error {
			if err := gone(repo)(); err != nil {
				return err
			}
			_, _, err := spend(b.ctx, stage{args: []string{"restic", "-q", "-r", repo, "init"}, env: password})
			return err
		}, stages: []stage{{args: []string{"restic", "-q", "-r", repo, "backup", "--stdin", "--stdin-filename", "store.db"}, in: b.store, env: password}}, result: repo},
	}
}

func (b *bench) both(first, second func() error) func() error {
	return func() error {
		if err := first(); err != nil {
			return err
		}
		return second()
	}
}

// need makes an archive that an earlier row would have written.
func (b *bench) need(archive string) func() error {
	return func() error {
		if _, err := os.Stat(archive); err == nil {
			return nil
		}
		_, _, err := spend(b.ctx, stage{args: []string{b.memarc, "export", "-q", "-o", archive, b.store}})
		return err
	}
}

// row measures one row and prints it.
func (b *bench) row(w io.Writer, r row) error {
	fmt.Fprintf(os.Stderr, "bench: %s\n", r.name)
	var runs []cost
	printed := ""
	for range b.runs {
		if r.before != nil {
			if err := r.before(); err != nil {
				return err
			}
		}
		c, text, err := spend(b.ctx, r.stages...)
		if err != nil {
			return err
		}
		runs, printed = append(runs, c), text
	}
	equal, size, share := "-", "-", "-"
	if r.digest != nil {
		digest, err := r.digest(printed)
		if err != nil {
			return err
		}
		equal = map[bool]string{true: "yes", false: "NO"}[digest != "" && digest == b.digest]
	}
	if r.result != "" {
		n, err := sizeOf(r.result)
		if err != nil {
			return err
		}
		size, share = mib(n), fmt.Sprintf("%.1f", 100*float64(n)/float64(b.size))
	}
	c := best(runs)
	fmt.Fprintf(w, "%-*s\t%.2f s\t%.2f s\t%s\t%s\t%s\t%s\t\n", nameWidth, r.name, c.wall.Seconds(), c.cpu.Seconds(), mib(c.rss), size, share, equal)
	return nil
}

// sizeOf returns the bytes of a file, or of all files in a folder.
func sizeOf(path string) (n int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		n += info.Size()
		return err
	})
	return n, err
}

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func (b *bench) header() {
	fmt.Printf("%s store: %d memories with vectors of 384 dimensions, %d relations, %s\n", b.product, b.memories, 2*b.memories, mib(b.size))
	fmt.Printf("%s %s/%s, %d cores, %s; best of %d, page cache warm\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processor(), b.runs)
	fmt.Printf("%s, load average before: %s\n\n", time.Now().UTC().Format("2006-01-02"), load())
}

// load returns the load averages, or ? where the system does not say.
func load() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(raw)); err == nil && len(fields) >= 3 {
		return strings.Join(fields[:3], " ")
	}
	return "?"
}

func processor() string {
	raw, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "processor unknown"
}
