package claudemem_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/claudemem"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// Records of any product go through the layout and come back as they were; every
// observation has its session, and a second import finds all of it there.
func TestForeign(t *testing.T) {
	for _, existing := range []bool{false, true} {
		t.Run(fmt.Sprintf("existing %v", existing), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "t.db")
			before := uint64(0)
			if existing {
				create(t, path, 52)
				_, report := storetest.Export(t, path, exporter.Options{})
				before = report.Sections["claude-mem.sdk_sessions"].Written
			}
			archive := storetest.Records(t)
			if existing { // where no record is called like a row that is there
				source := filepath.Join(t.TempDir(), "s.db")
				if err := sample.Project(source, 39); err != nil {
					t.Fatal(err)
				}
				archive, _ = storetest.Export(t, source, exporter.Options{})
			}
			first := storetest.MustImport(t, path, archive, store.SinkOptions{Layout: claudemem.Name})
			if n := storetest.One(t, path, "SELECT count(*) FROM pragma_foreign_key_check('observations')"); n != "0" {
				t.Errorf("%s observations have no session", n)
			}
			if n := storetest.One(t, path, "SELECT count(*) FROM sdk_sessions WHERE memory_session_id LIKE 'manual-%'"); n == "0" {
				t.Error("no session was made")
			}
			if n := storetest.One(t, path, "SELECT count(*) FROM observations WHERE memory_session_id LIKE 'manual-%' AND (trim(title) = '' OR content_hash IS NULL)"); n != "0" {
				t.Errorf("%s observations lack what the product demands", n)
			}
			_, report := storetest.Export(t, path, exporter.Options{})
			if n := report.Sections["claude-mem.sdk_sessions"].Written; n != before {
				t.Errorf("%d sessions are records, %d were", n, before)
			}
			if !existing && report.End.Content != first.Target {
				t.Errorf("content digest %s, of the archive %s", report.End.Content, first.Target)
			}
			sessions := storetest.One(t, path, "SELECT count(*) FROM sdk_sessions")
			again := storetest.MustImport(t, path, archive, store.SinkOptions{})
			for name, c := range again.Sections {
				if c.Written+c.Updated > 0 && name != "spaces" {
					t.Errorf("the second import writes: section %q: %+v", name, c)
				}
			}
			if n := storetest.One(t, path, "SELECT count(*) FROM sdk_sessions"); n != sessions {
				t.Errorf("%s sessions after a second import, %s before", n, sessions)
			}
		})
	}
}

// The product's own changes of what it was given survive the way home.
func TestProductGoesOn(t *testing.T) {
	dir := t.TempDir()
	source, there, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.db"), filepath.Join(dir, "h.db")
	if err := sample.Project(source, 39); err != nil {
		t.Fatal(err)
	}
	archive, report := storetest.Export(t, source, exporter.Options{})
	storetest.MustImport(t, there, archive, store.SinkOptions{Layout: claudemem.Name})
	storetest.Exec(t, there,
		"UPDATE observations SET narrative = 'the product wrote this' WHERE id = 2",
		"INSERT INTO observations (memory_session_id, project, type, title, narrative, created_at, created_at_epoch) SELECT memory_session_id, project, 'decision', 'born', 'a badger', created_at, created_at_epoch FROM observations LIMIT 1")
	if n := storetest.One(t, there, "SELECT count(*) FROM observations_fts WHERE observations_fts MATCH 'badger'"); n != "1" {
		t.Errorf("the search finds %s observations", n)
	}
	again, _ := storetest.Export(t, there, exporter.Options{})
	storetest.MustImport(t, home, again, store.SinkOptions{Layout: "memarc"})
	for query, want := range map[string]string{
		"SELECT count(*) FROM memories": fmt.Sprint(report.Sections["memories"].Written + 1),
		"SELECT count(*) FROM memories WHERE content = 'the product wrote this' AND length(id) = 36": "1",
		"SELECT count(*) FROM memories WHERE content = 'a badger'":                                   "1",
	} {
		if got := storetest.One(t, home, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}
