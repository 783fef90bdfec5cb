package importer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
)

const schema = "CREATE TABLE note (id INTEGER PRIMARY KEY, title TEXT NOT NULL UNIQUE, body TEXT)"

// archive holds four notes.
func archive(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	storetest.Exec(t, path, schema, "INSERT INTO note VALUES (1, 'one', 'a'), (2, 'two', x'ff'), (3, 'three', NULL), (4, 'four', 1.5)")
	raw, _ := storetest.Export(t, path, exporter.Options{})
	return raw
}

// occupied is a store in which two of the titles are taken by other notes.
func occupied(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.db")
	storetest.Exec(t, path, schema, "INSERT INTO note VALUES (11, 'one', 'mine'), (13, 'three', 'mine')")
	return path
}

func TestRejects(t *testing.T) {
	path := occupied(t)
	var rejects bytes.Buffer
	report, err := storetest.Import(path, archive(t), store.SinkOptions{}, importer.Options{Rejects: &rejects})
	if err != nil {
		t.Fatal(err)
	}
	if c := report.Sections["generic.note"]; c != (importer.Count{Read: 4, Written: 2, Rejected: 2}) || report.Rejected() != 2 || len(report.Rejects) != 2 {
		t.Errorf("%+v", c)
	}
	if !report.Verified {
		t.Error("what was written is not verified")
	}
	var titles []string
	for dec := json.NewDecoder(&rejects); ; {
		var r struct {
			Section string `json:"$section"`
			ID      int    `json:"id"`
			Title   string `json:"title"`
		}
		if err := dec.Decode(&r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		titles = append(titles, r.Section+" "+r.Title)
	}
	if got := strings.Join(titles, ", "); got != "generic.note one, generic.note three" {
		t.Errorf("rejects: %s", got)
	}
	for _, r := range report.Rejects {
		if r.Section != "generic.note" || !strings.Contains(r.Reason, "UNIQUE") || r.ID != "1" && r.ID != "3" {
			t.Errorf("%+v", r)
		}
	}
	if got := storetest.One(t, path, "SELECT group_concat(id || title || coalesce(body, '-')) FROM (SELECT * FROM note ORDER BY id)"); got != "2two\xff,4four1.5,11onemine,13threemine" {
		t.Errorf("the target holds %q", got)
	}
}

func TestStrict(t *testing.T) {
	path := occupied(t)
	before := storetest.Bytes(t, path)
	_, err := storetest.Import(path, archive(t), store.SinkOptions{}, importer.Options{Strict: true})
	if !errors.Is(err, importer.ErrRejected) {
		t.Errorf("error %v", err)
	}
	if !maps.Equal(before, storetest.Bytes(t, path)) {
		t.Error("the target has changed")
	}
}

// Rejects that cannot be written down end the import.
func TestRejectsThatAreLost(t *testing.T) {
	path := occupied(t)
	before := storetest.Bytes(t, path)
	_, err := storetest.Import(path, archive(t), store.SinkOptions{}, importer.Options{Rejects: failing{}})
	if err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("error %v", err)
	}
	if !maps.Equal(before, storetest.Bytes(t, path)) {
		t.Error("the target has changed")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space") }

// A dry run reads all of the archive and writes nothing.
func TestDryRun(t *testing.T) {
	raw, existing := archive(t), occupied(t)
	for _, path := range []string{existing, filepath.Join(t.TempDir(), "new.db")} {
		storetest.Unchanged(t, filepath.Dir(path), func() {
			var plan *importer.Plan
			report, err := storetest.Import(path, raw, store.SinkOptions{}, importer.Options{DryRun: true, Planned: func(p *importer.Plan) { plan = p }})
			if err != nil {
				t.Fatal(err)
			}
			if c := report.Sections["generic.note"]; c.Read != 4 || c.Written != 0 || report.Verified {
				t.Errorf("%+v", report)
			}
			if plan == nil || plan.Fresh != (path != existing) || len(plan.Steps) == 0 {
				t.Errorf("plan %+v", plan)
			}
			if _, err := storetest.Import(path, raw[:len(raw)-1], store.SinkOptions{}, importer.Options{DryRun: true}); !errors.Is(err, format.ErrTruncated) {
				t.Errorf("a truncated archive: %v", err)
			}
		})
	}
}

func TestNoVerify(t *testing.T) {
	report, err := storetest.Import(filepath.Join(t.TempDir(), "n.db"), archive(t), store.SinkOptions{}, importer.Options{NoVerify: true})
	if err != nil || report.Verified {
		t.Errorf("%v, verified %v", err, report.Verified)
	}
}

// liar is a sink that loses or changes what it says it has written.
type liar struct {
	importer.Sink
	lie func(b *format.Batch) *format.Batch
}

func (l liar) Write(ctx context.Context, b *format.Batch) (importer.Result, error) {
	res, err := l.Sink.Write(ctx, l.lie(b))
	res.Written = uint64(b.Rows)
	return res, err
}

// The proof by reading back does not believe the sink.
func TestLyingSink(t *testing.T) {
	copied := func(b *format.Batch, rows int) *format.Batch {
		out := format.NewBatch(b.Section)
		for row := range rows {
			out.AppendRow(b, row)
		}
		return out
	}
	for name, lie := range map[string]func(b *format.Batch) *format.Batch{
		"loses one": func(b *format.Batch) *format.Batch { return copied(b, b.Rows-1) },
		"changes a letter": func(b *format.Batch) *format.Batch {
			out := copied(b, b.Rows)
			out.Column("title").Data[0] ^= 0x20
			return out
		},
		"adds one": func(b *format.Batch) *format.Batch {
			out := copied(b, b.Rows)
			for i, f := range b.Section.Fields {
				switch f.Name {
				case "id":
					out.Columns[i].AppendInt(99)
				case "title":
					out.Columns[i].AppendString("added")
				default:
					out.Columns[i].AppendNull()
				}
			}
			out.Rows++
			return out
		},
		"is honest": func(b *format.Batch) *format.Batch { return copied(b, b.Rows) },
	} {
		for _, target := range []string{"new", "existing"} {
			t.Run(name+", "+target, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "t.db")
				if target == "existing" {
					storetest.Exec(t, path, schema, "INSERT INTO note VALUES (50, 'fifty', 'mine')")
				}
				before := storetest.Bytes(t, path)
				r, err := format.NewReader(bytes.NewReader(archive(t)), format.ReaderOptions{})
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				sink, err := all.Registry().OpenSink(context.Background(), path, r.Manifest(), store.SinkOptions{})
				if err != nil {
					t.Fatal(err)
				}
				_, err = importer.Import(context.Background(), r, liar{sink, lie}, importer.Options{})
				if err := sink.Close(); err != nil {
					t.Error(err)
				}
				honest := name == "is honest" || name == "adds one" && target == "existing" // the target may hold more
				if honest != (err == nil) || err != nil && !errors.Is(err, importer.ErrDifference) {
					t.Errorf("error %v", err)
				}
				if !honest && !maps.Equal(before, storetest.Bytes(t, path)) {
					t.Error("the target has changed")
				}
			})
		}
	}
}

// Without a sidecar the ledger names what the target could not hold, and nothing
// is called verified.
func TestNoSidecar(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	report, err := storetest.Import(path, storetest.Records(t), store.SinkOptions{Layout: "vestige", NoSidecar: true}, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Verified {
		t.Error("verified")
	}
	lost := map[string]bool{}
	for _, l := range report.Losses {
		if l.Code != "no-sidecar" || l.Count == 0 || l.Accepted {
			t.Errorf("%+v", l)
		}
		lost[l.Where] = true
	}
	for _, section := range []string{"memories", "users", "other.notes", "relations"} {
		if !lost[section] {
			t.Errorf("section %q is not in the ledger: %v", section, report.Losses)
		}
	}
	if got := storetest.One(t, path, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'memarc%'"); got != "0" {
		t.Errorf("%s tables of memarc's", got)
	}
	if got := storetest.One(t, path, "SELECT count(*) FROM knowledge_nodes"); got == "0" {
		t.Error("no memories")
	}
}
