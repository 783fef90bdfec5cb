package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
)

// whole are the options of an export that leaves nothing behind.
var whole = exporter.Options{IncludeSecrets: true}

// A Config is one layout's part of the suite.
type Config struct {
	// Layout and Version are as which the store must be recognised.
	Layout, Version string
	// Create makes a store with data at path, the same each time.
	Create func(t testing.TB, path string)
	// Add are statements that add a record, Change those that change one and, if
	// the layout knows when a record was updated, make it newer, Remove those
	// that delete one with all that belongs to it, as the product would.
	Add, Change, Remove []string
	// Changed is how many records of how many sections Change changes.
	Changed int
	// Dated says that the layout knows when a record was updated.
	Dated bool
	// Ledger is what an export's ledger must hold, exactly.
	Ledger []string
	// Differs is what the ledger of an import into a new store must hold, exactly.
	Differs []string
	// Settle are statements that make of a store which a test has changed one that the
	// store's own triggers would have left.
	Settle []string
	// Triggered are tables into which the store's own triggers write when rows
	// come and go; where rows are merged they are not compared.
	Triggered []string
	// SchemaDiffers says that parts of the schema are in the ledger, so that the
	// restored schema is not the source's.
	SchemaDiffers bool
	// Brief leaves out what does not depend on the shape of the tables.
	Brief bool
	// Grows says that a store of the layout may have more empty columns when
	// records come home through another; then the content digest decides.
	Grows bool
	// Via names layouts through which the records must come home; default memarc
	// and, unless it is the layout itself, vestige.
	Via []string
}

// restores imports into a new store of the layout.
func (s *suite) restores(t *testing.T, path string, archive []byte) *importer.Report {
	t.Helper()
	return mustImport(t, path, archive, store.SinkOptions{Layout: s.Layout}, s.Differs)
}

// Run runs the suite.
func Run(t *testing.T, c Config) {
	dir := t.TempDir()
	s := &suite{Config: c, source: filepath.Join(dir, "source.db")}
	c.Create(t, s.source)
	s.dump = Read(t, s.source)
	if s.dump.Rows() == 0 {
		t.Fatal("the store holds no rows")
	}
	s.archive, s.report = Export(t, s.source, whole)
	if id := s.report.Source; id.Layout != c.Layout || id.Version != c.Version {
		t.Fatalf("recognised as %s version %q, want %s version %q", id.Layout, id.Version, c.Layout, c.Version)
	}
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"ledger", s.ledger}, {"export", s.exports}, {"restore", s.restore}, {"untouched", s.untouched}, {"abandon", s.abandon},
		{"again", s.again}, {"merge", s.merge}, {"conflict", s.conflict}, {"failure", s.failure}, {"via", s.via}, {"increment", s.increment},
	} {
		if c.Brief && !Long() && !slices.Contains([]string{"ledger", "restore", "again", "merge", "via", "increment"}, part.name) {
			continue
		}
		if part.name == "increment" && c.SchemaDiffers {
			continue // the editor does not know such tables
		}
		t.Run(part.name, part.run)
	}
}

type suite struct {
	Config
	source  string
	dump    Dump
	archive []byte
	report  *exporter.Report
}

func (s *suite) ledger(t *testing.T) { SameLedger(t, s.report.Losses, s.Ledger...) }

// exports: the same bytes each time, the same digest in both encodings, and an
// archive that says what it holds.
func (s *suite) exports(t *testing.T) {
	again, _ := Export(t, s.source, whole)
	if !bytes.Equal(again, s.archive) {
		t.Error("a second export gives other bytes")
	}
	one, _ := Export(t, s.source, exporter.Options{Workers: 1, IncludeSecrets: true})
	if !bytes.Equal(one, s.archive) {
		t.Error("an export with one worker gives other bytes")
	}
	lines, report := Export(t, s.source, exporter.Options{Encoding: format.NDJSON, IncludeSecrets: true})
	if report.End.Content != s.report.End.Content {
		t.Errorf("content digest as NDJSON %s, as Arrow %s", report.End.Content, s.report.End.Content)
	}
	restored := filepath.Join(t.TempDir(), "ndjson.db")
	s.restores(t, restored, lines)
	Same(t, s.source, restored)
}

func (s *suite) restore(t *testing.T) {
	restored := filepath.Join(t.TempDir(), "restored.db")
	report := s.restores(t, restored, s.archive)
	if report.Target != s.report.End.Content {
		t.Errorf("target's content digest %s, archive's %s", report.Target, s.report.End.Content)
	}
	SameDump(t, s.dump, Read(t, restored))
	if !s.SchemaDiffers {
		SameLines(t, Schema(t, s.source), Schema(t, restored))
	}
	if _, second := Export(t, restored, whole); second.End.Content != s.report.End.Content {
		t.Errorf("content digest of the restored store %s, of the source %s", second.End.Content, s.report.End.Content)
	}
	if got := One(t, restored, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity_check: %s", got)
	}
	if entries := Folder(t, filepath.Dir(restored)); len(entries) != 2 {
		t.Errorf("the import left files behind: %q", entries)
	}
}

// untouched: in every state in which a store may stand, an export gives the same
// records and changes no byte.
func (s *suite) untouched(t *testing.T) {
	want := s.report.End.Content
	check := func(t *testing.T, path string) {
		t.Helper()
		Unchanged(t, filepath.Dir(path), func() {
			if _, report := Export(t, path, whole); report.End.Content != want {
				t.Errorf("content digest %s, want %s", report.End.Content, want)
			}
		})
	}
	t.Run("journal", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s.db")
		copyStore(t, s.source, path)
		Exec(t, path, "PRAGMA journal_mode=DELETE")
		check(t, path)
	})
	t.Run("wal closed", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s.db")
		copyStore(t, s.source, path)
		Exec(t, path, "PRAGMA journal_mode=WAL")
		check(t, path)
	})
	t.Run("wal open", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s.db")
		copyStore(t, s.source, path)
		c := Open(t, path)
		defer c.Close()
		for _, st := range slices.Concat([]string{"PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0"}, s.Add) {
			if err := c.Exec(st); err != nil {
				t.Fatalf("%s: %v", st, err)
			}
		}
		if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
			t.Fatal("there is no log")
		}
		var got Dump
		Unchanged(t, filepath.Dir(path), func() {
			restored := filepath.Join(t.TempDir(), "r.db")
			archive, _ := Export(t, path, whole)
			s.restores(t, restored, archive)
			got = Read(t, restored)
		})
		SameDump(t, Read(t, path), got)
		if len(Diff(s.dump, got)) == 0 {
			t.Error("what stands in the log alone is missing")
		}
	})
	t.Run("log left behind", func(t *testing.T) { // by a program that died
		dir := t.TempDir()
		path, live := filepath.Join(dir, "s.db"), filepath.Join(t.TempDir(), "live.db")
		copyStore(t, s.source, live)
		c := Open(t, live)
		defer c.Close()
		for _, st := range slices.Concat([]string{"PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0"}, s.Add) {
			if err := c.Exec(st); err != nil {
				t.Fatalf("%s: %v", st, err)
			}
		}
		copyStore(t, live, path)
		copyStore(t, live+"-wal", path+"-wal")
		want := Read(t, path)
		var got Dump
		Unchanged(t, dir, func() {
			restored := filepath.Join(t.TempDir(), "r.db")
			archive, _ := Export(t, path, whole)
			s.restores(t, restored, archive)
			got = Read(t, restored)
		})
		SameDump(t, want, got)
		if len(Diff(s.dump, got)) == 0 {
			t.Error("what stands in the log alone is missing")
		}
	})
	t.Run("read-only", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s.db")
		copyStore(t, s.source, path)
		Exec(t, path, "PRAGMA journal_mode=WAL")
		for _, p := range []struct {
			path string
			mode os.FileMode
		}{{path, 0o400}, {filepath.Dir(path), 0o500}} {
			if err := os.Chmod(p.path, p.mode); err != nil {
				t.Fatal(err)
			}
		}
		defer os.Chmod(filepath.Dir(path), 0o700)
		check(t, path)
	})
}

// abandon: a consumer that goes away after the first batch leaves nothing locked.
func (s *suite) abandon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	copyStore(t, s.source, path)
	for range 3 {
		src, err := all.Registry().OpenSource(context.Background(), path, "")
		if err != nil {
			t.Fatal(err)
		}
		for b, err := range src.Read(context.Background(), store.Selection{}) {
			if err != nil {
				t.Fatal(err)
			}
			b.Release()
			break
		}
		if err := src.Close(); err != nil {
			t.Fatal(err)
		}
	}
	Exec(t, path, "PRAGMA busy_timeout=0", "BEGIN EXCLUSIVE", "COMMIT")
	if _, report := Export(t, path, whole); report.End.Content != s.report.End.Content {
		t.Error("the content digest has changed")
	}
}

// again: an import that is repeated writes nothing.
func (s *suite) again(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s.restores(t, path, s.archive)
	report := MustImport(t, path, s.archive, store.SinkOptions{})
	for name, c := range report.Sections {
		if c.Unchanged != c.Read && name != format.Spaces || c.Updated+c.Skipped+c.Rejected > 0 {
			t.Errorf("section %q: %+v", name, c)
		}
	}
	SameDump(t, s.dump, Read(t, path))
	if !s.SchemaDiffers {
		SameLines(t, Schema(t, s.source), Schema(t, path))
	}
}

// merge: what a target held before survives, and what it lacks comes.
func (s *suite) merge(t *testing.T) {
	dir := t.TempDir()
	path, want := filepath.Join(dir, "s.db"), filepath.Join(dir, "want.db")
	copyStore(t, s.source, want)
	Exec(t, want, s.Add...) // once: defaults may hold the time
	copyStore(t, want, path)
	Exec(t, path, s.Remove...)
	if len(Diff(Read(t, want), Read(t, path))) == 0 {
		t.Fatal("Remove removes nothing")
	}
	MustImport(t, path, s.archive, store.SinkOptions{})
	a, b := Read(t, want), Read(t, path)
	for _, d := range []Dump{a, b} {
		for _, table := range s.Triggered {
			delete(d, table)
			d["sqlite_sequence"] = slices.DeleteFunc(d["sqlite_sequence"], func(row string) bool { return strings.Contains(row, fmt.Sprintf("%q", table)) })
		}
	}
	SameDump(t, a, b)
	if want, got := One(t, s.source, "PRAGMA integrity_check"), One(t, path, "PRAGMA integrity_check"); got != want {
		t.Errorf("integrity_check: %s, of the source: %s", got, want)
	}
}

// conflict: one record has changed in the target since the archive was made.
func (s *suite) conflict(t *testing.T) {
	changed := filepath.Join(t.TempDir(), "changed.db")
	copyStore(t, s.source, changed)
	Exec(t, changed, s.Change...)
	after := Read(t, changed)
	if len(Diff(s.dump, after)) == 0 {
		t.Fatal("Change changes nothing")
	}
	newer, newerReport := Export(t, changed, whole)
	if newerReport.End.Content == s.report.End.Content {
		t.Fatal("the change does not show in the content digest")
	}
	sum := func(r *importer.Report) (updated, skipped uint64) {
		for _, c := range r.Sections {
			updated += c.Updated
			skipped += c.Skipped
		}
		return updated, skipped
	}
	for _, test := range []struct {
		policy  store.Policy
		archive []byte
		target  string
		want    Dump
		takes   bool
	}{
		{store.Skip, s.archive, changed, after, false},
		{store.Overwrite, s.archive, changed, s.dump, true},
		{store.Newer, s.archive, changed, after, false},
		{store.Newer, newer, s.source, after, s.Dated},
	} {
		name := fmt.Sprintf("%s, archive has %s", test.policy, map[bool]string{true: "the newer", false: "the older"}[bytes.Equal(test.archive, newer)])
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s.db")
			copyStore(t, test.target, path)
			want := test.want
			if !test.takes {
				want = Read(t, path)
			}
			report := MustImport(t, path, test.archive, store.SinkOptions{Policy: test.policy})
			updated, skipped := sum(report)
			if n := uint64(s.Changed); test.takes && (updated != n || skipped != 0) || !test.takes && (updated != 0 || skipped != n) {
				t.Errorf("%d updated, %d skipped; %d records have changed", updated, skipped, n)
			}
			SameDump(t, want, Read(t, path))
		})
	}
	for _, policy := range []store.Policy{store.Fail, ""} {
		t.Run("fail"+string(policy), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s.db")
			copyStore(t, changed, path)
			before := Bytes(t, path)
			_, err := Import(path, s.archive, store.SinkOptions{Policy: policy}, importer.Options{})
			if !errors.Is(err, store.ErrConflict) {
				t.Errorf("error %v, want ErrConflict", err)
			}
			if !sameBytes(before, Bytes(t, path)) {
				t.Error("the target has changed")
			}
		})
	}
}

// failure: whatever goes wrong, an existing target stays as it was, byte for
// byte, and of a new one nothing is left.
func (s *suite) failure(t *testing.T) {
	dir := t.TempDir()
	existing := filepath.Join(dir, "s.db")
	copyStore(t, s.source, existing)
	Exec(t, existing, s.Remove...) // so that there is something to write
	before := Folder(t, dir)
	attempt := func(what string, archive []byte, cancelAfter int) {
		t.Helper()
		empty := t.TempDir()
		for _, path := range []string{existing, filepath.Join(empty, "new.db")} {
			ctx, cancel := context.WithCancel(context.Background())
			o, batches := importer.Options{}, 0
			if cancelAfter >= 0 {
				o.Progress = func(importer.Progress) {
					if batches++; batches > cancelAfter {
						cancel()
					}
				}
			}
			_, err := ImportContext(ctx, path, archive, store.SinkOptions{}, o)
			cancel()
			if err == nil {
				t.Errorf("%s: the import of %s succeeds", what, filepath.Base(path))
				before = Folder(t, dir)
			}
			if cancelAfter >= 0 && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: error %v, want that of the context", what, err)
			}
		}
		if got := Folder(t, dir); !slices.Equal(before, got) {
			t.Fatalf("%s: the existing target has changed:\n%q\n%q", what, before, got)
		}
		if got := Folder(t, empty); len(got) != 1 {
			t.Fatalf("%s: files are left behind: %q", what, got)
		}
	}
	for after := range 3 {
		attempt(fmt.Sprintf("cancelled after %d batches", after), s.archive, after)
	}
	rng := rand.New(rand.NewPCG(Seed(t), 1))
	flips, cuts := 8, 4
	if Long() {
		flips, cuts = 400, 100
	}
	for range cuts {
		n := rng.IntN(len(s.archive))
		attempt(fmt.Sprintf("truncated to %d of %d bytes", n, len(s.archive)), s.archive[:n], -1)
	}
	for range flips {
		bit := rng.IntN(len(s.archive) * 8)
		damaged := bytes.Clone(s.archive)
		damaged[bit/8] ^= 1 << (bit % 8)
		attempt(fmt.Sprintf("bit %d flipped", bit), damaged, -1)
	}
	attempt("bytes behind the end", append(bytes.Clone(s.archive), 0), -1)
}

// via: through another product's store and back home, byte for byte.
func (s *suite) via(t *testing.T) {
	layouts := s.Via
	if layouts == nil {
		layouts = []string{"memarc", "vestige"}
	}
	for _, layout := range layouts {
		if layout == s.Layout {
			continue
		}
		t.Run(layout, func(t *testing.T) {
			dir := t.TempDir()
			there, home := filepath.Join(dir, "there.db"), filepath.Join(dir, "home.db")
			report := MustImport(t, there, s.archive, store.SinkOptions{Layout: layout})
			if report.Target != s.report.End.Content {
				t.Errorf("content digest there %s, of the source %s", report.Target, s.report.End.Content)
			}
			again, second := Export(t, there, whole)
			if second.Source.Layout != layout {
				t.Errorf("recognised as %s", second.Source.Layout)
			}
			if second.End.Content != s.report.End.Content {
				t.Errorf("content digest of the export from there %s, of the source %s", second.End.Content, s.report.End.Content)
			}
			SameLedger(t, second.Losses)
			repeated := MustImport(t, there, s.archive, store.SinkOptions{})
			for name, c := range repeated.Sections {
				if c.Written+c.Updated > 0 && name != format.Spaces {
					t.Errorf("the second import writes: section %q: %+v", name, c)
				}
			}
			if back := s.restores(t, home, again); back.Target != s.report.End.Content {
				t.Errorf("content digest at home %s, of the source %s", back.Target, s.report.End.Content)
			}
			if s.Grows {
				return
			}
			if got := One(t, home, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'memarc%'"); got != "0" {
				t.Errorf("the store at home has %s tables of memarc's", got)
			}
			SameDump(t, s.dump, Read(t, home))
			if !s.SchemaDiffers {
				SameLines(t, Schema(t, s.source), Schema(t, home))
			}
		})
	}
}
