package openmemory_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/layout/openmemory"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// product runs SQLAlchemy, as the product does, on a store: a path or a URL.
func product(t *testing.T, mode, where string) ([]byte, error) {
	t.Helper()
	python := os.Getenv("MEMARC_TEST_SQLALCHEMY")
	if python == "" {
		const why = "MEMARC_TEST_SQLALCHEMY names no Python with SQLAlchemy and psycopg2: that OpenMemory's models read what memarc writes"
		if slices.Contains(strings.Fields(os.Getenv("MEMARC_TEST_REQUIRE")), "sqlalchemy") {
			t.Fatal(why)
		}
		t.Skip("NOT PROVEN, " + why)
	}
	script, err := filepath.Abs("testdata/product.py")
	if err != nil {
		t.Fatal(err)
	}
	url := "sqlite:///" + where
	if rest, ok := strings.CutPrefix(where, "postgres://"); ok {
		url = "postgresql+psycopg2://" + rest
	}
	cmd := exec.Command(python, script, mode, url)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", mode, err, complaints.String())
	}
	return out, nil
}

func must(t *testing.T, mode, where string) []byte {
	t.Helper()
	out, err := product(t, mode, where)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// look is what the product reads of a store, by table.
func look(t *testing.T, where string) (out map[string][]map[string]any) {
	t.Helper()
	if err := json.Unmarshal(must(t, "read", where), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// sameLook compares what the product reads of two stores.
func sameLook(t *testing.T, want, got map[string][]map[string]any) {
	t.Helper()
	for table, rows := range want {
		if len(rows) != len(got[table]) {
			t.Errorf("%s: the product reads %d rows, want %d", table, len(got[table]), len(rows))
			continue
		}
		for i := range rows {
			if !reflect.DeepEqual(rows[i], got[table][i]) {
				t.Fatalf("%s: the product reads %v, want %v", table, got[table][i], rows[i])
			}
		}
	}
}

// What the product has written is said by fields alone, and comes back so that the product
// sees the same, in either engine; a new store of memarc's has the product's schema.
func TestProductWrites(t *testing.T) {
	dir, database := t.TempDir(), pgserver.New(t)
	source, home, there, fresh := filepath.Join(dir, "s.db"), filepath.Join(dir, "h.db"), filepath.Join(dir, "m.db"), filepath.Join(dir, "f.db")
	must(t, "write", source)
	archive, report := storetest.Restored(t, source, home, "")
	if report.Source.Layout != openmemory.Name || report.Source.Version != "4" {
		t.Errorf("recognised as %+v", report.Source)
	}
	storetest.SameLedger(t, report.Losses)
	storetest.Same(t, source, home)
	storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
	storetest.MustImport(t, there, archive, asMemarc)
	for _, section := range []string{"users", "memories", "events", "openmemory.apps", "openmemory.categories", "openmemory.memory_access_logs", "openmemory.access_controls"} {
		if got := storetest.One(t, there, `SELECT count(*) FROM "`+section+`" WHERE leftovers IS NOT NULL`); got != "0" {
			t.Errorf("%s records of section %q have leftovers", got, section)
		}
	}
	want := look(t, source)
	if len(want["memories"]) != 40 {
		t.Fatalf("the product has written %d memories", len(want["memories"]))
	}
	storetest.MustImport(t, database, archive, store.SinkOptions{})
	for _, where := range []string{home, database} {
		sameLook(t, want, look(t, where))
	}
	storetest.MustImport(t, fresh, storetest.Records(t), asOpenMemory)
	storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, fresh))
}

// The same for a store of the product's in PostgreSQL.
func TestProductWritesPostgres(t *testing.T) {
	source, home, file := pgserver.New(t), pgserver.New(t), filepath.Join(t.TempDir(), "t.db")
	must(t, "write", source)
	archive, report := storetest.Export(t, source, exporter.Options{})
	if report.Source.Layout != openmemory.Name || report.Source.Version != "4" {
		t.Errorf("recognised as %+v", report.Source)
	}
	storetest.SameLedger(t, report.Losses)
	storetest.MustImport(t, file, archive, store.SinkOptions{})
	back, _ := storetest.Export(t, file, exporter.Options{})
	storetest.MustImport(t, home, back, store.SinkOptions{})
	samePostgres(t, source, home)
	if got, want := ask[string](t, home, shapeSQL), ask[string](t, source, shapeSQL); got != want {
		t.Errorf("the schema is\n%s\nwant\n%s", got, want)
	}
	want := look(t, source)
	sameLook(t, want, look(t, file))
	sameLook(t, want, look(t, home))
}

// The product reads every memory of other products and goes on with them.
func TestProductReads(t *testing.T) {
	for name, write := range others {
		for _, engine := range []string{"sqlite", "postgres"} {
			t.Run(name+" in "+engine, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				source, target, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.db"), filepath.Join(dir, "m.db")
				if engine == "postgres" {
					target = pgserver.New(t)
				}
				if err := write(source); err != nil {
					t.Fatal(err)
				}
				archive, report := storetest.Export(t, source, exporter.Options{})
				storetest.MustImport(t, target, archive, asOpenMemory)
				n := report.Sections["memories"].Written
				if got := look(t, target)["memories"]; uint64(len(got)) != n {
					t.Errorf("the product reads %d memories, want %d", len(got), n)
				}
				must(t, "remember", target)
				back, _ := storetest.Export(t, target, exporter.Options{})
				storetest.MustImport(t, home, back, asMemarc)
				for query, want := range map[string]string{
					"SELECT count(*) FROM memories":                            fmt.Sprint(n + 1),
					"SELECT count(*) FROM memories WHERE content = 'a badger'": "1",
					"SELECT count(*) FROM events e JOIN memories m ON e.memory_id = m.id WHERE content = 'the product wrote this' AND e.after = 'paused'": "1",
				} {
					if got := storetest.One(t, home, query); got != want {
						t.Errorf("%s: %s, want %s", query, got, want)
					}
				}
			})
		}
	}
	t.Run("anything", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "t.db")
		storetest.MustImport(t, path, storetest.Records(t), asOpenMemory)
		if n := len(look(t, path)["memories"]); n == 0 {
			t.Error("the product reads no memory")
		}
	})
}

// The product cannot read a table with one identifier of digits; what memarc writes from
// PostgreSQL has none.
func TestProductReadsNumbers(t *testing.T) {
	dir, database := t.TempDir(), pgserver.New(t)
	bad, good := filepath.Join(dir, "b.db"), filepath.Join(dir, "g.db")
	must(t, "write", bad)
	storetest.Exec(t, bad, "INSERT INTO memories (id, user_id, app_id, content, state) SELECT '12345678901234567890123456789012', user_id, app_id, 'digits', 'active' FROM memories LIMIT 1")
	if _, err := product(t, "read", bad); err == nil || !strings.Contains(err.Error(), "has no attribute 'replace'") {
		t.Errorf("the product reads damaged identifiers: %v", err)
	}
	fillPostgres(t, database)
	run(t, database, "UPDATE memories SET created_at = now(), updated_at = now()", "UPDATE categories SET created_at = now()",
		"INSERT INTO memories (id, user_id, app_id, content, state) SELECT '12345678901234567890123456789012', user_id, app_id, 'digits', 'active' FROM memories LIMIT 1")
	archive, _ := storetest.Export(t, database, exporter.Options{})
	storetest.MustImport(t, good, archive, store.SinkOptions{})
	if n := len(look(t, good)["memories"]); n != 20 {
		t.Errorf("the product reads %d memories, want 20", n)
	}
}
