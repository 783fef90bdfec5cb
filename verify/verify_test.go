package verify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/verify"
)

func file(raw []byte) verify.Side {
	return verify.File(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }, format.ReaderOptions{})
}

// compare compares an archive with the store at path.
func compare(t testing.TB, raw []byte, path string, o verify.CompareOptions) *verify.Comparison {
	t.Helper()
	src, err := all.Registry().OpenSource(context.Background(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	c, err := verify.Compare(context.Background(), file(raw), verify.Store(src), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// edit makes the smallest change of a cell: a letter, a bit, one unit, one ulp,
// NULL against empty.
func edit(rng *rand.Rand, s *sqlite3.Stmt, column int) (literal, what string) {
	switch s.ColumnType(column) {
	case sqlite3.INTEGER:
		v := s.ColumnInt64(column)
		if v == math.MaxInt64 || v > math.MinInt64 && rng.IntN(2) == 0 {
			return fmt.Sprintf("(%d - 1)", v), "one less"
		}
		return fmt.Sprintf("(%d + 1)", v), "one more"
	case sqlite3.FLOAT:
		v := math.Nextafter(s.ColumnFloat(column), 0)
		return fmt.Sprintf("%.17e", v), "one ulp"
	case sqlite3.TEXT:
		raw := slices.Clone(s.ColumnRawText(column))
		if len(raw) == 0 {
			return "NULL", "empty to NULL"
		}
		raw[rng.IntN(len(raw))] ^= 1 << rng.IntN(7)
		return fmt.Sprintf("CAST(x'%x' AS TEXT)", raw), "one bit of a text"
	case sqlite3.BLOB:
		raw := slices.Clone(s.ColumnRawBlob(column))
		if len(raw) == 0 {
			return "NULL", "empty to NULL"
		}
		raw[rng.IntN(len(raw))] ^= 1 << rng.IntN(8)
		return fmt.Sprintf("x'%x'", raw), "one bit of a blob"
	}
	return "''", "NULL to empty"
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// texts returns the first column of a query.
func texts(t testing.TB, c *sqlite3.Conn, query string) (out []string) {
	t.Helper()
	s, _, err := c.Prepare(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer s.Close()
	for s.Step() {
		out = append(out, s.ColumnText(0))
	}
	return out
}

// Compare names the record and the field of every single-value edit.
func TestEveryEditIsNamed(t *testing.T) {
	dir := t.TempDir()
	type victim struct {
		layout, path string
		raw          []byte
		tables       map[string][]string
	}
	var victims []victim
	for layout, create := range map[string]func(string){
		"generic": func(path string) { storetest.Poison(t, path) },
		"memarc": func(path string) {
			storetest.MustImport(t, path, storetest.Records(t), store.SinkOptions{Layout: "memarc"})
		},
	} {
		v := victim{layout: layout, path: filepath.Join(dir, layout+".db"), tables: map[string][]string{}}
		create(v.path)
		if layout == "generic" {
			storetest.Exec(t, v.path, `DROP TRIGGER "on plain insert"`)
		}
		v.raw, _ = storetest.Export(t, v.path, exporter.Options{})
		c := storetest.Open(t, v.path)
		for _, table := range texts(t, c, "SELECT name FROM pragma_table_list WHERE schema='main' AND type='table' AND wr=0 AND name NOT LIKE 'sqlite%' AND name NOT IN ('memarc_meta', 'has_all_rowids', 'computed')") {
			if texts(t, c, "SELECT count(*) FROM "+quote(table))[0] != "0" {
				v.tables[table] = texts(t, c, "SELECT name FROM pragma_table_info('"+strings.ReplaceAll(table, "'", "''")+"')")
			}
		}
		c.Close()
		victims = append(victims, v)
	}
	slices.SortFunc(victims, func(a, b victim) int { return strings.Compare(a.layout, b.layout) })
	rng := rand.New(rand.NewPCG(storetest.Seed(t), 9))
	edited := filepath.Join(dir, "edited.db")
	done, edits := 0, 300
	kinds := map[string]int{}
	for done < edits {
		v := &victims[done%2]
		var tables []string
		for name := range v.tables {
			tables = append(tables, name)
		}
		slices.Sort(tables)
		table := tables[rng.IntN(len(tables))]
		columns := v.tables[table]
		column := rng.IntN(len(columns))
		raw, err := os.ReadFile(v.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(edited, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		c := storetest.Open(t, edited)
		rowid := "_rowid_"
		s, _, err := c.Prepare(fmt.Sprintf("SELECT %s, %s FROM %s ORDER BY random() LIMIT 1", rowid, quote(columns[column]), quote(table)))
		if err != nil {
			t.Fatal(err)
		}
		s.Step()
		id := s.ColumnInt64(0)
		literal, what := edit(rng, s, 1)
		s.Close()
		before := texts(t, c, fmt.Sprintf("SELECT typeof(%[1]s) || ' ' || hex(%[1]s) || ' ' || format('%%!.17e', %[1]s) FROM %[2]s WHERE %[3]s = %[4]d", quote(columns[column]), quote(table), rowid, id))
		err = c.Exec(fmt.Sprintf("PRAGMA foreign_keys=0; UPDATE %s SET %s = %s WHERE %s = %d", quote(table), quote(columns[column]), literal, rowid, id))
		after := texts(t, c, fmt.Sprintf("SELECT typeof(%[1]s) || ' ' || hex(%[1]s) || ' ' || format('%%!.17e', %[1]s) FROM %[2]s WHERE %[3]s = %[4]d", quote(columns[column]), quote(table), rowid, id))
		if cerr := c.Close(); cerr != nil {
			t.Fatal(cerr)
		}
		if err != nil || slices.Equal(before, after) {
			continue // a constraint, or an affinity that undoes the edit
		}
		done++
		kinds[what]++
		got := compare(t, v.raw, edited, verify.CompareOptions{})
		where := fmt.Sprintf("%s, table %q, row %d, column %q: %s (%s -> %s)", v.layout, table, id, columns[column], what, before, after)
		section := table
		if v.layout == "generic" {
			section = "generic." + table
		}
		if got.Equal() || len(got.Differences) == 0 {
			t.Errorf("%s: no difference", where)
			continue
		}
		named := false
		for _, d := range got.Differences {
			if d.Section != section {
				t.Errorf("%s: a difference in section %q", where, d.Section)
			}
			switch d.Kind {
			case verify.Changed:
				named = named || slices.ContainsFunc(d.Fields, func(f verify.FieldDiff) bool {
					return f.Name == columns[column] || f.Name == "column."+columns[column] || f.Name == format.Leftovers
				})
			default: // the key has changed
				named = true
			}
		}
		if !named {
			t.Errorf("%s: the field is not named: %+v", where, got.Differences)
		}
		if n := len(got.Differences); n != 1 && (n != 2 || got.Counts[verify.Added] != 1 || got.Counts[verify.Removed] != 1) {
			t.Errorf("%s: %d differences: %+v", where, n, got.Differences)
		}
	}
	t.Logf("edits: %v", kinds)
}

// An edge that is turned round is another edge.
func TestTurnedEdge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	storetest.MustImport(t, path, storetest.Records(t), store.SinkOptions{Layout: "memarc"})
	raw, _ := storetest.Export(t, path, exporter.Options{})
	storetest.Exec(t, path, "UPDATE relations SET source_id = target_id, target_id = source_id WHERE _rowid_ = (SELECT _rowid_ FROM relations WHERE target_id = 'nowhere' LIMIT 1)")
	c := compare(t, raw, path, verify.CompareOptions{})
	if c.Counts[verify.Removed] != 1 || c.Counts[verify.Added] != 1 || len(c.Differences) != 2 {
		t.Fatalf("%+v", c)
	}
	for _, d := range c.Differences {
		ends := strings.Fields(d.ID)
		if d.Section != format.Relations || (d.Kind == verify.Added) != (slices.Index(ends, "nowhere") == 1) {
			t.Errorf("%+v", d)
		}
	}
}

func TestCompareCounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g.db")
	storetest.Exec(t, path, "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)", "CREATE TABLE log (line TEXT)",
		"INSERT INTO note VALUES (1, 'a'), (2, 'b'), (3, 'c')", "INSERT INTO log VALUES ('x'), ('x'), ('y')")
	raw, _ := storetest.Export(t, path, exporter.Options{})
	if c := compare(t, raw, path, verify.CompareOptions{}); !c.Equal() || c.Records != 6 || len(c.Differences) != 0 {
		t.Errorf("a store and its archive: %+v", c)
	}
	storetest.Exec(t, path, "DELETE FROM note WHERE id = 1", "UPDATE note SET body = 'B' WHERE id = 2", "INSERT INTO note VALUES (4, 'd')", "DELETE FROM log WHERE rowid = 1")
	c := compare(t, raw, path, verify.CompareOptions{})
	var got []string
	for _, d := range c.Differences {
		got = append(got, fmt.Sprintf("%s %s %s %v", d.Section, d.ID, d.Kind, d.Fields))
	}
	want := []string{"generic.log x removed []", "generic.note 1 removed []", "generic.note 2 changed [{body \"b\" \"B\"}]", "generic.note 4 added []"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	limited := compare(t, raw, path, verify.CompareOptions{Limit: 1})
	if len(limited.Differences) != 1 || limited.Counts[verify.Removed] != 2 || limited.Counts[verify.Added] != 1 || limited.Counts[verify.Changed] != 1 {
		t.Errorf("limited: %+v", limited)
	}
}

func TestArchive(t *testing.T) {
	raw := storetest.Records(t)
	report, err := verify.Archive(context.Background(), bytes.NewReader(raw), verify.Options{})
	if err != nil || len(report.Findings) != 0 || report.Records != 11*storetest.Per || report.End == nil {
		t.Fatalf("%v %+v", err, report)
	}
	rng := rand.New(rand.NewPCG(storetest.Seed(t), 3))
	for range 200 {
		bit := rng.IntN(len(raw) * 8)
		damaged := bytes.Clone(raw)
		damaged[bit/8] ^= 1 << (bit % 8)
		report, err := verify.Archive(context.Background(), bytes.NewReader(damaged), verify.Options{})
		if err == nil && len(report.Findings) == 0 {
			t.Errorf("bit %d: no finding", bit)
		}
		if err == nil {
			t.Errorf("bit %d: findings %v, no error", bit, report.Findings)
		}
	}
	for range 50 {
		n := rng.IntN(len(raw)-1) + 1
		if _, err := verify.Archive(context.Background(), bytes.NewReader(raw[:n]), verify.Options{}); !errors.Is(err, format.ErrTruncated) {
			t.Errorf("%d of %d bytes: %v", n, len(raw), err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := verify.Archive(ctx, bytes.NewReader(raw), verify.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
