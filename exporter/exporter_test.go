package exporter_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
)

// memories makes a store of six memories.
func memories(t testing.TB, path string) {
	t.Helper()
	storetest.MustImport(t, path, storetest.Records(t), store.SinkOptions{Layout: "memarc"})
	const second = "000000000"
	statements := []string{"DELETE FROM memories", "DELETE FROM relations", "DELETE FROM embeddings", "DELETE FROM schedules", "DELETE FROM events"}
	for _, m := range []string{
		"'m1', 'fact', '[\"red\",\"blue\"]', 'work', 'ada', 100" + second + ", 300" + second,
		"'m2', 'event', '[\"blue\"]', 'work', 'bob', 100" + second + ", 200" + second,
		"'m3', 'fact', '[]', 'home', 'ada', 250" + second + ", NULL",
		"'m4', 'FACT', NULL, NULL, NULL, NULL, NULL",
		"'m5', 'event', '[\"red\"]', 'home', 'ada', 300" + second + ", 100" + second,
		"'m6', NULL, '[\"Red\", \"red \"]', 'Work', 'eve', 299999999999, 299999999999",
	} {
		statements = append(statements, "INSERT INTO memories (id, kind, tags, namespace, owner, created_at, updated_at) VALUES ("+m+")")
	}
	for _, r := range []string{"'m1', 'm2'", "'m2', 'm1'", "'m3', 'm3'", "'m1', 'm5'", "'m1', 'nowhere'", "'m4', 'm6'"} {
		statements = append(statements, "INSERT INTO relations (source_id, target_id, type) VALUES ("+r+", 't')")
	}
	for _, id := range []string{"m1", "m3", "m5", "nobody"} {
		statements = append(statements, "INSERT INTO embeddings (memory_id, space, vector) VALUES ('"+id+"', 's', x'00000000')",
			"INSERT INTO events (id, memory_id) VALUES ('e "+id+"', '"+id+"')", "INSERT INTO schedules (memory_id, reps) VALUES ('"+id+"', 1)")
	}
	storetest.Exec(t, path, statements...)
}

func TestFilter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	memories(t, path)
	for _, test := range []struct {
		name      string
		filter    exporter.Filter
		memories  string
		relations string
		ledger    []string
	}{
		{"kind", exporter.Filter{Kinds: []string{"fact"}}, "m1 m3", "m3>m3", []string{"memories 4", "relations 5", "embeddings 2", "events 2", "schedules 2"}},
		{"kinds", exporter.Filter{Kinds: []string{"fact", "event"}}, "m1 m2 m3 m5", "m1>m2 m1>m5 m2>m1 m3>m3", []string{"memories 2", "relations 2", "embeddings 1", "events 1", "schedules 1"}},
		{"tag", exporter.Filter{Tags: []string{"red", "green"}}, "m1 m5", "m1>m5", []string{"memories 4", "relations 5", "embeddings 2", "events 2", "schedules 2"}},
		{"namespace", exporter.Filter{Namespaces: []string{"work"}}, "m1 m2", "m1>m2 m2>m1", []string{"memories 4", "relations 4", "embeddings 3", "events 3", "schedules 3"}},
		{"owner and tag", exporter.Filter{Owners: []string{"ada"}, Tags: []string{"blue"}}, "m1", "", []string{"memories 5", "relations 6", "embeddings 3", "events 3", "schedules 3"}},
		// Updated decides, then created; a memory without times may be new.
		{"since", exporter.Filter{Since: time.Unix(250, 0)}, "m1 m3 m4 m6", "m3>m3 m4>m6", []string{"memories 2", "relations 4", "embeddings 2", "events 2", "schedules 2"}},
		{"since, to the nanosecond", exporter.Filter{Since: time.Unix(300, 0)}, "m1 m4", "", []string{"memories 4", "relations 6", "embeddings 3", "events 3", "schedules 3"}},
		{"where", exporter.Filter{Where: "id IN ('m1', 'm2') -- two"}, "m1 m2", "m1>m2 m2>m1", []string{"relations 4", "embeddings 3", "events 3", "schedules 3"}},
		{"nothing", exporter.Filter{Kinds: []string{"none"}}, "", "", []string{"memories 6", "relations 6", "embeddings 4", "events 4", "schedules 4"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			raw, report := storetest.Export(t, path, exporter.Options{Filter: test.filter})
			restored := filepath.Join(t.TempDir(), "r.db")
			storetest.MustImport(t, restored, raw, store.SinkOptions{Layout: "memarc"})
			if got := storetest.One(t, restored, "SELECT coalesce(group_concat(id, ' '), '') FROM (SELECT id FROM memories ORDER BY id)"); got != test.memories {
				t.Errorf("memories %q, want %q", got, test.memories)
			}
			if got := storetest.One(t, restored, "SELECT coalesce(group_concat(e, ' '), '') FROM (SELECT source_id || '>' || target_id AS e FROM relations ORDER BY e)"); got != test.relations {
				t.Errorf("relations %q, want %q", got, test.relations)
			}
			for _, table := range []string{"embeddings", "events", "schedules"} {
				if got := storetest.One(t, restored, "SELECT count(*) FROM "+table+" WHERE memory_id NOT IN (SELECT id FROM memories)"); got != "0" {
					t.Errorf("%s %s belong to no memory", got, table)
				}
			}
			ledger := []string{"filtered other.notes 24 accepted"}
			for _, line := range test.ledger {
				ledger = append(ledger, "filtered "+line+" accepted")
			}
			if test.name == "where" { // the engine leaves them out
				ledger = append(ledger, "filtered memories 4 accepted")
			}
			storetest.SameLedger(t, report.Losses, ledger...)
			if len(exporter.Unaccepted(report.Losses)) > 0 {
				t.Errorf("not accepted: %v", exporter.Unaccepted(report.Losses))
			}
		})
	}
}

// A condition that is not one condition is refused, and harms nothing.
func TestHostileWhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	memories(t, path)
	for _, where := range []string{"1); DROP TABLE memories; --", "1; DELETE FROM memories", "kind = ", "(", "no_such_column = 1", "1) UNION SELECT * FROM relations --", "id = 'm1' ORDER BY id"} {
		storetest.Unchanged(t, filepath.Dir(path), func() {
			src, err := all.Registry().OpenSource(context.Background(), path, "")
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			_, err = exporter.Export(context.Background(), src, &bytes.Buffer{}, exporter.Options{Filter: exporter.Filter{Where: where}})
			if !errors.Is(err, store.ErrUsage) {
				t.Errorf("condition %q: %v", where, err)
			}
		})
	}
	// A store without memories cannot be narrowed.
	plain := filepath.Join(t.TempDir(), "p.db")
	storetest.Exec(t, plain, "CREATE TABLE note (id TEXT)", "INSERT INTO note VALUES ('secret')")
	src, err := all.Registry().OpenSource(context.Background(), plain, "")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var out bytes.Buffer
	if _, err := exporter.Export(context.Background(), src, &out, exporter.Options{Filter: exporter.Filter{Where: "1"}}); !errors.Is(err, store.ErrUsage) {
		t.Errorf("a store without memories: %v", err)
	}
}

// A filter takes nothing for deleted that it has left out.
func TestFilterIsNoDeletion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	storetest.MustImport(t, path, storetest.Records(t), store.SinkOptions{Layout: "vestige"})
	for _, f := range []exporter.Filter{{Where: "id = 'm52'"}, {Kinds: []string{"none"}}} {
		_, report := storetest.Export(t, path, exporter.Options{Filter: f})
		for _, l := range report.Losses {
			if l.Code != "filtered" {
				t.Errorf("%+v", l)
			}
		}
	}
}

var section = format.Standard(format.Memories)

// fake is a source that waits in Describe until it is let go.
type fake struct {
	let  chan struct{}
	fail error
}

func (f *fake) Describe(ctx context.Context) (*exporter.Description, error) {
	<-f.let
	return &exporter.Description{ID: format.StoreID{Engine: "e", Layout: "l"}, Sections: []*format.Section{section},
		Losses: []format.Loss{{Code: "known", Where: "x", Count: 1}}}, nil
}

func (f *fake) Read(context.Context, exporter.Selection) iter.Seq2[*format.Batch, error] {
	return func(yield func(*format.Batch, error) bool) {
		b := format.NewBatch(section)
		for i, field := range b.Section.Fields {
			if field.Name == "id" {
				b.Columns[i].AppendString("one")
			} else {
				b.Columns[i].AppendNull()
			}
		}
		b.Rows = 1
		if yield(b, nil) && f.fail != nil {
			yield(nil, f.fail)
		}
	}
}

func (f *fake) Losses() []format.Loss {
	return []format.Loss{{Code: "met", Where: "y", Count: 2}}
}
func (f *fake) Close() error { return nil }

// first tells of the first byte.
type first struct {
	bytes.Buffer
	got chan struct{}
}

func (w *first) Write(p []byte) (int, error) {
	if w.Len() == 0 && len(p) > 0 {
		close(w.got)
	}
	return w.Buffer.Write(p)
}

// The first byte leaves before the store is described, so that a pipe starts at
// once, and the archive is whole all the same.
func TestFirstByte(t *testing.T) {
	src, out := &fake{let: make(chan struct{})}, &first{got: make(chan struct{})}
	done := make(chan error, 1)
	var report *exporter.Report
	go func() {
		var err error
		report, err = exporter.Export(context.Background(), src, out, exporter.Options{AcceptLoss: []string{"met"}})
		done <- err
	}()
	select {
	case <-out.got:
	case <-time.After(10 * time.Second):
		t.Fatal("no byte before Describe has finished")
	}
	close(src.let)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	storetest.SameLedger(t, report.Losses, "known x 1", "met y 2 accepted")
	if u := exporter.Unaccepted(report.Losses); len(u) != 1 || u[0].Code != "known" {
		t.Errorf("not accepted: %v", u)
	}
	r, err := format.NewReader(bytes.NewReader(out.Bytes()), format.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		n += b.Rows
		b.Release()
	}
	if n != 1 || !r.End().Complete || len(r.End().Losses) != 2 {
		t.Errorf("%d records, end %+v", n, r.End())
	}
}

// An export that fails is no archive.
func TestFailedExport(t *testing.T) {
	broken := errors.New("the disk is gone")
	let := make(chan struct{})
	close(let)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		src  *fake
		want error
	}{
		"source fails": {context.Background(), &fake{let, broken}, broken},
		"cancelled":    {cancelled, &fake{let, nil}, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if _, err := exporter.Export(test.ctx, test.src, &out, exporter.Options{}); !errors.Is(err, test.want) {
				t.Errorf("error %v", err)
			}
			r, err := format.NewReader(bytes.NewReader(out.Bytes()), format.ReaderOptions{})
			if err == nil {
				for b, e := range r.Batches() {
					if err = e; e == nil {
						b.Release()
					}
				}
				r.Close()
			}
			if !errors.Is(err, format.ErrTruncated) {
				t.Errorf("what was written reads as %v", err)
			}
		})
	}
	if _, err := exporter.Export(context.Background(), &fake{let, nil}, failing{}, exporter.Options{}); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("output that takes nothing: %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestAccept(t *testing.T) {
	losses := []format.Loss{{Code: "a"}, {Code: "b"}}
	exporter.Accept(losses, []string{"b"})
	if losses[0].Accepted || !losses[1].Accepted {
		t.Error(losses)
	}
	exporter.Accept(losses, []string{"all"})
	if slices.ContainsFunc(losses, func(l format.Loss) bool { return !l.Accepted }) {
		t.Error(losses)
	}
}
