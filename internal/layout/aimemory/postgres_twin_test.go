package aimemory_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/layout/aimemory"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// ask returns the only cell of a query on a PostgreSQL database.
func ask[T any](t *testing.T, address, sql string) (out T) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if err := c.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// unchanged imports an archive again and fails the test if anything is written.
func unchanged(t *testing.T, target string, archive []byte) {
	t.Helper()
	report, err := storetest.Import(target, archive, store.SinkOptions{}, importer.Options{})
	if err != nil {
		t.Fatalf("import again: %v", err)
	}
	for section, c := range report.Sections {
		if c.Unchanged != c.Read && section != format.Spaces || c.Written+c.Updated+c.Skipped+c.Rejected > 0 {
			t.Errorf("again: section %q: %+v", section, c)
		}
	}
}

// A store with rows in every table moves to PostgreSQL and comes home, byte for byte,
// whatever of it PostgreSQL's types do not hold.
func TestTwin(t *testing.T) {
	for _, version := range []int{20, 28, 54, 101} {
		for _, layout := range []string{aimemory.Name, "memarc"} {
			t.Run(fmt.Sprintf("V%d by %s", version, layout), func(t *testing.T) {
				t.Parallel()
				dir, there := t.TempDir(), pgserver.New(t)
				source, home := filepath.Join(dir, "source.db"), filepath.Join(dir, "home.db")
				create(t, source, version)
				want := storetest.Read(t, source)

				archive, first := storetest.Export(t, source, exporter.Options{})
				options := store.SinkOptions{Layout: layout}
				if layout == aimemory.Name {
					options.Layout = "" // it is the archive's own
				}
				report := storetest.MustImport(t, there, archive, options)
				if report.Target != first.End.Content {
					t.Errorf("content digest there %s, of the source %s", report.Target, first.End.Content)
				}
				for section, c := range report.Sections {
					if c.Read != c.Written+c.Unchanged || c.Read != first.Sections[section].Written {
						t.Errorf("section %q: %+v of %d records", section, c, first.Sections[section].Written)
					}
				}
				unchanged(t, there, archive)
				if layout == aimemory.Name {
					sameVectors(t, there)
				}

				again, second := storetest.Export(t, there, exporter.Options{})
				if second.Source.Engine != "postgres" || second.Source.Layout != layout {
					t.Errorf("recognised as %+v", second.Source)
				}
				if second.End.Content != first.End.Content {
					t.Errorf("content digest of the export from there %s, of the source %s", second.End.Content, first.End.Content)
				}
				storetest.SameLedger(t, second.Losses)

				back := storetest.MustImport(t, home, again, store.SinkOptions{})
				if back.Target != first.End.Content {
					t.Errorf("content digest at home %s, of the source %s", back.Target, first.End.Content)
				}
				_, third := storetest.Export(t, home, exporter.Options{})
				if third.End.Content != first.End.Content || third.Source != first.Source {
					t.Errorf("home is %+v with content digest %s, the source %+v with %s", third.Source, third.End.Content, first.Source, first.End.Content)
				}
				storetest.SameLedger(t, third.Losses)
				storetest.SameDump(t, want, storetest.Read(t, home))
				storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
				if got := storetest.One(t, home, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'memarc%'"); got != "0" {
					t.Errorf("the store at home has %s tables of memarc's", got)
				}
			})
		}
	}
}

// sameVectors looks at the vectors of both forms in the product's own column.
func sameVectors(t *testing.T, address string) {
	t.Helper()
	for row, want := range map[int]string{0: "[1,2]", 1: "[1,8]", 2: ""} {
		if got := ask[string](t, address, "SELECT coalesce(embedding::text, '') FROM memories WHERE id = '"+id(row)+"'"); got != want {
			t.Errorf("vector of memory %d: %q, want %q", row, got, want)
		}
	}
}
