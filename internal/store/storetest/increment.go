package storetest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/chain"
	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
)

// held is an archive in memory as a chain takes it.
type held struct{ *bytes.Reader }

func (held) Close() error { return nil }

// Chain opens archives as one chain, in any order.
func Chain(t testing.TB, archives ...[]byte) *chain.Chain {
	t.Helper()
	c, err := chain.Open(context.Background(), Files(archives...), format.ReaderOptions{TempDir: t.TempDir()})
	if err != nil {
		t.Fatalf("chain: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Files are archives as a chain takes them, named by their numbers.
func Files(archives ...[]byte) (files []chain.File) {
	for i, raw := range archives {
		files = append(files, chain.File{Name: fmt.Sprint(i), Open: func() (chain.Input, error) { return held{bytes.NewReader(raw)}, nil }})
	}
	return files
}

// Whole makes a whole archive of a chain.
func Whole(t testing.TB, archives ...[]byte) ([]byte, *format.End) {
	t.Helper()
	var out bytes.Buffer
	end, err := Chain(t, archives...).Write(context.Background(), &out, chain.WriteOptions{})
	if err != nil {
		t.Fatalf("write a whole archive: %v", err)
	}
	return out.Bytes(), end
}

// Stir changes, deletes and adds rows of a SQLite store at random, but for those of the
// tables that are excepted: deleted ones may come back from the store before.
func Stir(t testing.TB, path, before string, rng *rand.Rand, n int, except ...string) {
	t.Helper()
	b := Open(t, before)
	// Where the product's own triggers refuse changes, its store cannot have any.
	except = append(slices.Clone(except), texts(t, b, "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%immutable%'")...)
	const check = " FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%CHECK constraint%'"
	checks, checked := texts(t, b, "SELECT sql"+check), texts(t, b, "SELECT DISTINCT tbl_name"+check)
	// What a virtual table keeps elsewhere makes sense to its module alone.
	except = append(except, texts(t, b, "SELECT t.name FROM sqlite_schema t, sqlite_schema v WHERE t.type = 'table' AND v.sql LIKE 'CREATE VIRTUAL TABLE%' AND t.name GLOB v.name || '_*'")...)
	b.Close()
	EditSQLite(t, path, rng, n, except...)
	c := Open(t, path)
	defer c.Close()
	must := func(sql string) {
		t.Helper()
		if err := c.Exec(sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	must("PRAGMA foreign_keys = 0")
	must("ATTACH " + literal(before) + " AS before")
	for _, table := range texts(t, c, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT wr AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'memarc\\_%' ESCAPE '\\' ORDER BY name") {
		if slices.Contains(except, table) {
			continue
		}
		rows := texts(t, c, "SELECT rowid FROM "+quote(table)+" ORDER BY rowid")
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		must("DELETE FROM " + quote(table) + " WHERE rowid IN (" + strings.Join(rows[:rng.IntN(len(rows)/3+1)], ", ") + ")")
		var columns []string
		for _, name := range texts(t, c, "SELECT name FROM pragma_table_xinfo("+literal(table)+") WHERE hidden = 0") {
			columns = append(columns, quote(name))
		}
		list := strings.Join(columns, ", ")
		rows = texts(t, c, "SELECT rowid FROM before."+quote(table)+" ORDER BY rowid")
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		must("INSERT OR IGNORE INTO main." + quote(table) + " (" + list + ") SELECT " + list + " FROM before." + quote(table) + " WHERE rowid IN (" +
			strings.Join(rows[:rng.IntN(len(rows)/3+1)], ", ") + ")")
	}
	must("DETACH before")
	dropRefused(t, c, checks, checked)
}

// dropRefused deletes rows that the product's own triggers would have refused.
func dropRefused(t testing.TB, c *sqlite3.Conn, checks, tables []string) {
	t.Helper()
	for _, check := range checks {
		if err := c.Exec(check); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range tables {
		var sets []string
		for _, name := range texts(t, c, "SELECT name FROM pragma_table_xinfo("+literal(table)+") WHERE hidden = 0") {
			sets = append(sets, quote(name)+" = "+quote(name))
		}
		for _, row := range texts(t, c, "SELECT rowid FROM "+quote(table)) {
			if c.Exec("UPDATE "+quote(table)+" SET "+strings.Join(sets, ", ")+" WHERE rowid = "+row) == nil {
				continue
			}
			if err := c.Exec("DELETE FROM " + quote(table) + " WHERE rowid = " + row); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// constants are the tables that say what a store of the layout is.
func constants(t testing.TB, name string) []string {
	t.Helper()
	l, err := all.Registry().Layout(name, "sqlite")
	if err != nil {
		t.Fatal(err)
	}
	out := slices.Clone(l.Fixed)
	if l.Model != nil {
		out = append(out, l.Model.Table)
	}
	return out
}

// increment: archives of what has changed, one on top of the other, make of a restored
// store what the source is, in its own layout and in others, and of archives a whole
// one; twice is as once, and a store that is not at the base stays as it was.
func (s *suite) increment(t *testing.T) {
	const rounds = 3
	seed := Seed(t)
	rng := rand.New(rand.NewPCG(seed, 12))
	dir := t.TempDir()
	source, first := filepath.Join(dir, "source.db"), filepath.Join(dir, "first.db")
	copyStore(t, s.source, source)
	copyStore(t, s.source, first)
	archives := [][]byte{s.archive}
	targets := map[string]string{}
	via := append([]string{s.Layout}, s.Via...)
	if s.Via == nil {
		via = append(via, "memarc", "vestige")
	}
	for _, layout := range via {
		if targets[layout] != "" {
			continue
		}
		targets[layout] = filepath.Join(dir, layout+".target.db")
		if _, err := Import(targets[layout], s.archive, store.SinkOptions{Layout: layout}, importer.Options{}); err != nil {
			t.Fatal(err)
		}
		if _, report := Export(t, targets[layout], whole); report.End.Content != s.report.End.Content {
			delete(targets, layout) // it does not hold everything
		}
	}
	if len(targets) == 0 {
		t.Fatal("no target holds the whole archive")
	}
	for round := range rounds {
		Stir(t, source, first, rng, 30, constants(t, s.Layout)...)
		Exec(t, source, s.Settle...)
		_, want := Export(t, source, whole)
		inc, report := Export(t, source, exporter.Options{IncludeSecrets: true, Since: Chain(t, archives...), Encoding: []format.Encoding{format.Arrow, format.NDJSON}[round%2]})
		if report.Result.Content != want.End.Content {
			t.Fatalf("round %d: the archive leads to %s, want %s", round, report.Result.Content, want.End.Content)
		}
		SameLedger(t, report.Losses, Ledger(want.Losses)...)
		archives = append(archives, inc)
		for layout, target := range targets {
			s.apply(t, fmt.Sprintf("round %d into %s", round, layout), target, inc, want.End.Content)
		}
		slices.Reverse(archives) // any order
		if _, end := Whole(t, archives...); end.Content != want.End.Content {
			t.Errorf("round %d: a whole archive has %s, want %s", round, end.Content, want.End.Content)
		}
		slices.Reverse(archives)
	}
}

// apply imports an incremental archive, and once more.
func (s *suite) apply(t *testing.T, where, target string, inc []byte, want format.Hash) {
	t.Helper()
	for again := range 2 {
		report, err := Import(target, inc, store.SinkOptions{}, importer.Options{})
		if err != nil {
			t.Fatalf("%s: %v %s", where, err, firstReject(report))
		}
		var sum importer.Count
		for _, c := range report.Sections {
			sum.Written += c.Written
			sum.Updated += c.Updated
			sum.Deleted += c.Deleted
		}
		if !report.Verified || report.Target != want || again > 0 && sum != (importer.Count{}) {
			t.Errorf("%s: verified %v, target %s, want %s, run %d: %+v", where, report.Verified, report.Target, want, again, sum)
		}
	}
	if _, report := Export(t, target, whole); report.End.Content != want {
		t.Errorf("%s: content digest %s, want %s", where, report.End.Content, want)
	}
}
