package all_test

import (
	"path/filepath"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// Rows that the server refuses while the next batch is being made ready end up just as
// those that it refuses one batch after the other: beside the target's tables where they
// come from another engine, and in the report where they come from the same one.
func TestPostgresRefusesBatches(t *testing.T) {
	const n = 9000
	source := filepath.Join(t.TempDir(), "source.db")
	if err := sample.AIMemory(source, sample.Lean(n)); err != nil {
		t.Fatal(err)
	}
	storetest.Exec(t, source, "UPDATE memories SET metadata = '[1]' WHERE rowid % 977 = 0 OR rowid BETWEEN 5000 AND 5003") // no object
	archive, first := storetest.Export(t, source, exporter.Options{})
	for _, every := range []int{0, 2000} {
		target, home := pgserver.New(t), filepath.Join(t.TempDir(), "home.db")
		report := storetest.MustImport(t, target, archive, store.SinkOptions{CommitEvery: int64(every)})
		if got, want := ask[int64](t, target, "SELECT count(*) FROM memories"), int64(n-9-4); got != want {
			t.Errorf("%d memories, want %d", got, want)
		}
		if c := report.Sections["memories"]; c.Rejected > 0 || c.Written != n || !report.Verified {
			t.Errorf("%+v, verified %v", c, report.Verified)
		}
		back, there := storetest.Export(t, target, exporter.Options{})
		if there.End.Content != first.End.Content {
			t.Errorf("content digest %s, of the source %s", there.End.Content, first.End.Content)
		}
		storetest.MustImport(t, home, back, store.SinkOptions{})
		storetest.Same(t, source, home)
	}

	// From PostgreSQL to PostgreSQL there is nothing that one could hold and the other
	// not, unless somebody has dropped a constraint.
	store1 := pgserver.New(t)
	storetest.MustImport(t, store1, archive, store.SinkOptions{})
	run(t, store1, "DROP TABLE memarc_sidecar", "ALTER TABLE memories DROP CONSTRAINT memories_metadata_is_object",
		"UPDATE memories SET metadata = '[2]' WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (ORDER BY ctid) AS at FROM memories) m WHERE at % 997 = 0)",
		"ALTER TABLE memory_links DROP CONSTRAINT memory_links_relation_check_wt1a",
		"UPDATE memory_links SET relation = 'odd' WHERE ctid IN (SELECT ctid FROM (SELECT ctid, row_number() OVER (ORDER BY ctid) AS at FROM memory_links) l WHERE at % 1201 = 0)")
	archive, _ = storetest.Export(t, store1, exporter.Options{})
	var counts []map[string]importer.Count
	for _, every := range []int{0, 2000} {
		target := pgserver.New(t)
		report, err := storetest.Import(target, archive, store.SinkOptions{CommitEvery: int64(every)}, importer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := report.Sections["memories"]
		if c.Rejected != 9 || c.Written+c.Rejected != c.Read || len(report.Rejects) < 9 || !report.Verified {
			t.Errorf("%+v, %d are named, verified %v", c, len(report.Rejects), report.Verified)
		}
		if got := ask[uint64](t, target, "SELECT count(*) FROM memories"); got != c.Written {
			t.Errorf("%d memories of %d", got, c.Written)
		}
		if c := report.Sections["relations"]; c.Rejected < 7 || c.Written+c.Rejected != c.Read {
			t.Errorf("relations: %+v", c)
		}
		counts = append(counts, report.Sections)
	}
	for section, want := range counts[1] {
		if got := counts[0][section]; got != want {
			t.Errorf("section %q: %+v, in steps %+v", section, got, want)
		}
	}
}
