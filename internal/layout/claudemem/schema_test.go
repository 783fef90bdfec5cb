package claudemem_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/memarc/memarc/internal/layout/claudemem"
	"github.com/memarc/memarc/internal/store/storetest"
)

// made makes an empty store as a release of the product did.
func made(t *testing.T, path string, version int) {
	t.Helper()
	sql, err := os.ReadFile(fmt.Sprintf("testdata/v%d.sql", version))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Exec(t, path, string(sql))
}

// The schema is that of the product's own stores, table by table and column by column.
func TestSchema(t *testing.T) {
	for _, version := range versions {
		t.Run(fmt.Sprintf("V%d", version), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			theirs, ours := filepath.Join(dir, "theirs.db"), filepath.Join(dir, "ours.db")
			made(t, theirs, version)
			storetest.Exec(t, ours, claudemem.CreateStatements(version)...)
			storetest.SameLines(t, storetest.Schema(t, theirs), storetest.Schema(t, ours))
			const checks = "SELECT group_concat(substr(sql, instr(sql, 'CHECK'), 48)) FROM sqlite_schema WHERE sql LIKE '%CHECK%' AND name = "
			for _, table := range []string{"'sdk_sessions'", "'pending_messages'"} {
				if want, got := storetest.One(t, theirs, checks+table), storetest.One(t, ours, checks+table); want != got {
					t.Errorf("%s: CHECK %q, want %q", table, got, want)
				}
			}
		})
	}
}

// What the product wrote comes back with the product's own schema, and its full-text
// search works.
func TestProductStores(t *testing.T) {
	for _, version := range versions {
		t.Run(fmt.Sprintf("V%d", version), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "h.db")
			made(t, source, version)
			for _, s := range config(version).Add {
				storetest.Exec(t, source, s)
			}
			_, report := storetest.Restored(t, source, home, "")
			storetest.SameLedger(t, report.Losses)
			if report.Source.Version != fmt.Sprint(version) {
				t.Errorf("recognised as version %s", report.Source.Version)
			}
			storetest.Same(t, source, home)
			storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, home))
			if got := storetest.One(t, home, "SELECT count(*) FROM observations_fts WHERE observations_fts MATCH 'badger'"); got != "1" {
				t.Errorf("the search finds %s observations", got)
			}
		})
	}
}
