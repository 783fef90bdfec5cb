package all_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// faults makes one call of a target fail: the one of the given number, from 1 on.
type faults struct {
	sync.Mutex
	calls, at int
	what      string // the call that failed
}

func (f *faults) next(call string) error {
	f.Lock()
	defer f.Unlock()
	if f.calls++; f.calls != f.at {
		return nil
	}
	f.what = call
	return errFault
}

// failing is a target with faults.
type failing struct {
	store.Target
	f *faults
}

// failingBehind is one that can be written behind its caller's back.
type failingBehind struct{ failing }

func (t *failingBehind) Behind(work func(store.Target) error) (end func() error) {
	return t.Target.(store.Behind).Behind(func(db store.Target) error { return work(&failing{db, t.f}) })
}

func (t *failing) Catalog(ctx context.Context) (*store.Catalog, error) {
	if err := t.f.next("catalog"); err != nil {
		return nil, err
	}
	return t.Target.Catalog(ctx)
}

func (t *failing) Count(ctx context.Context, table string) (int64, error) {
	if err := t.f.next("count " + table); err != nil {
		return 0, err
	}
	return t.Target.Count(ctx, table)
}

func (t *failing) Distinct(ctx context.Context, table string, columns []string, limit int) (*store.Rows, error) {
	if err := t.f.next("distinct " + table); err != nil {
		return nil, err
	}
	return t.Target.Distinct(ctx, table, columns, limit)
}

// Scan fails at its begin, or after the first run.
func (t *failing) Scan(ctx context.Context, q store.Query) iter.Seq2[*store.Rows, error] {
	return func(yield func(*store.Rows, error) bool) {
		if err := t.f.next("scan " + q.Table); err != nil {
			yield(nil, err)
			return
		}
		for rows, err := range t.Target.Scan(ctx, q) {
			if !yield(rows, err) {
				return
			}
			if err := t.f.next("the next run of " + q.Table); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

func (t *failing) Lookup(ctx context.Context, table string, keys, columns []string, rows *store.Rows) (*store.Rows, []int, error) {
	if err := t.f.next("look up " + table); err != nil {
		return nil, nil, err
	}
	return t.Target.Lookup(ctx, table, keys, columns, rows)
}

func (t *failing) Exec(ctx context.Context, statement string) error {
	if err := t.f.next(statement); err != nil {
		return err
	}
	return t.Target.Exec(ctx, statement)
}

func (t *failing) Drop(ctx context.Context, table string) error {
	if err := t.f.next("drop " + table); err != nil {
		return err
	}
	return t.Target.Drop(ctx, table)
}

func (t *failing) CreateTable(ctx context.Context, shape *format.Table) error {
	if err := t.f.next("create " + shape.Name); err != nil {
		return err
	}
	return t.Target.CreateTable(ctx, shape)
}

func (t *failing) CreateIndex(ctx context.Context, table string, ix *format.Index) error {
	if err := t.f.next("create " + ix.Name); err != nil {
		return err
	}
	return t.Target.CreateIndex(ctx, table, ix)
}

func (t *failing) AddColumn(ctx context.Context, table string, c *format.TableColumn) error {
	if err := t.f.next("add column " + c.Name); err != nil {
		return err
	}
	return t.Target.AddColumn(ctx, table, c)
}

func (t *failing) Stored(ctx context.Context, table string, columns []string, rows *store.Rows, want []string) (*store.Rows, error) {
	if err := t.f.next("what is stored in " + table); err != nil {
		return nil, err
	}
	return t.Target.Stored(ctx, table, columns, rows, want)
}

func (t *failing) Insert(ctx context.Context, table string, columns []string, rows *store.Rows, reject func(int, error)) error {
	if err := t.f.next("insert into " + table); err != nil {
		return err
	}
	return t.Target.Insert(ctx, table, columns, rows, reject)
}

func (t *failing) Update(ctx context.Context, table string, keys, columns []string, rows *store.Rows, reject func(int, error)) error {
	if err := t.f.next("update " + table); err != nil {
		return err
	}
	return t.Target.Update(ctx, table, keys, columns, rows, reject)
}

func (t *failing) Delete(ctx context.Context, table string, keys []string, rows *store.Rows) error {
	if err := t.f.next("delete from " + table); err != nil {
		return err
	}
	return t.Target.Delete(ctx, table, keys, rows)
}

func (t *failing) SetSequence(ctx context.Context, table string, last *int64) error {
	if err := t.f.next("sequence of " + table); err != nil {
		return err
	}
	return t.Target.SetSequence(ctx, table, last)
}

func (t *failing) Dangling(ctx context.Context, table string, key []string, f *format.ForeignKey) (*store.Rows, error) {
	if err := t.f.next("dangling of " + table); err != nil {
		return nil, err
	}
	return t.Target.Dangling(ctx, table, key, f)
}

func (t *failing) AddForeignKey(ctx context.Context, table string, f *format.ForeignKey) error {
	if err := t.f.next("reference of " + table); err != nil {
		return err
	}
	return t.Target.AddForeignKey(ctx, table, f)
}

func (t *failing) Settle(ctx context.Context) error {
	if err := t.f.next("settle"); err != nil {
		return err
	}
	return t.Target.Settle(ctx)
}

func (t *failing) Commit(ctx context.Context) error {
	if err := t.f.next("commit"); err != nil {
		return err
	}
	return t.Target.Commit(ctx)
}

// importFailing imports an archive into a target with faults.
func importFailing(target string, archive []byte, so store.SinkOptions, f *faults) (report *importer.Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	registry := all.Registry()
	sink := registry.Sink
	registry.Sink = func(db store.Target, l *store.Layout, version int, opts store.SinkOptions) store.Sink {
		one := failing{db, f}
		if _, ok := db.(store.Behind); ok {
			return sink(&failingBehind{one}, l, version, opts)
		}
		return sink(&one, l, version, opts)
	}
	r, err := format.NewReader(bytes.NewReader(archive), format.ReaderOptions{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s, err := registry.OpenSink(context.Background(), target, r.Manifest(), so)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return importer.Import(context.Background(), r, s, importer.Options{})
}

// Whatever call of the target fails, the import ends with its error, and the target is
// what it was.
func TestEveryFault(t *testing.T) {
	r := rand.New(rand.NewPCG(storetest.Seed(t), 0))
	dir := t.TempDir()
	source := filepath.Join(dir, "source.db")
	if err := sample.AIMemory(source, sample.Lean(4500)); err != nil { // two batches
		t.Fatal(err)
	}
	first, _ := storetest.Export(t, source, exporter.Options{})
	storetest.Exec(t, source, "UPDATE memories SET content = content || '!', metadata = '[1]' WHERE rowid % 3 = 0",
		"DELETE FROM memory_links WHERE rowid % 5 = 0", "UPDATE memory_links SET created_at = '2026-01-02T03:04:05.123456789Z' WHERE rowid % 7 = 0")
	second, _ := storetest.Export(t, source, exporter.Options{})
	others := storetest.Records(t)
	for _, c := range []struct {
		name    string
		archive []byte // into a new store
		again   []byte // into that; nil for none
		layout  string
		server  bool
	}{
		{"SQLite", first, second, "", false},
		{"SQLite, memarc's layout", first, second, "memarc", false},
		{"SQLite, another product's records", others, others, "ai-memory", false},
		{"PostgreSQL", first, nil, "", true},
		{"PostgreSQL, refused rows", second, nil, "", true},
		{"PostgreSQL, rows that are there", first, second, "", true},
		{"PostgreSQL, memarc's layout", first, second, "memarc", true},
		{"PostgreSQL, another product's records", others, others, "ai-memory", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			options := store.SinkOptions{Layout: c.layout, Policy: store.Overwrite}
			fresh := func() string {
				var target string
				if c.server {
					target = pgserver.New(t)
				} else {
					target = filepath.Join(t.TempDir(), "target.db")
				}
				if c.again != nil {
					storetest.MustImport(t, target, c.archive, options)
				}
				return target
			}
			archive := c.archive
			if c.again != nil {
				archive = c.again
			}
			kept := fresh() // is the same again after each fault
			read := func() any {
				if c.server {
					return storetest.ReadPostgres(t, kept)
				}
				raw, err := os.ReadFile(kept)
				if err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				return raw
			}
			before := read()
			whole := new(faults)
			report, err := importFailing(fresh(), archive, options, whole)
			if err != nil || !report.Verified {
				t.Fatalf("without a fault: %v", err)
			}
			moments := make([]int, whole.calls)
			for i := range moments {
				moments[i] = i + 1
			}
			most := 15
			if c.server {
				most = 6
			}
			if !storetest.Long() && len(moments) > most {
				r.Shuffle(len(moments), func(i, j int) { moments[i], moments[j] = moments[j], moments[i] })
				moments = moments[:most]
				slices.Sort(moments)
			}
			for _, at := range moments {
				f := &faults{at: at}
				if _, err := importFailing(kept, archive, options, f); !errors.Is(err, errFault) {
					t.Fatalf("call %d of %d, %.80s: %v", at, whole.calls, f.what, err)
				}
			}
			switch after := read().(type) {
			case storetest.Dump:
				storetest.SameDump(t, before.(storetest.Dump), after)
			case []byte:
				if !bytes.Equal(after, before.([]byte)) {
					t.Error("the target is not what it was")
				}
			}
			if report, err := importFailing(kept, archive, options, new(faults)); err != nil || !report.Verified {
				t.Errorf("in the end: %v", err)
			}
		})
	}
}
