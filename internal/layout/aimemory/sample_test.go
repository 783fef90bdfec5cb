package aimemory_test

import (
	"testing"

	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store/storetest"
)

// The store that benchmarks read comes back, without a ledger.
func TestSample(t *testing.T) {
	dir := t.TempDir()
	source, again, restored := dir+"/source.db", dir+"/again.db", dir+"/restored.db"
	for _, path := range []string{source, again} {
		if err := sample.AIMemory(path, sample.Lean(300)); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Same(t, source, again)
	if got := storetest.One(t, source, "PRAGMA journal_mode"); got != "wal" {
		t.Errorf("journal mode %s", got)
	}
	_, report := storetest.Restored(t, source, restored, "")
	storetest.SameLedger(t, report.Losses)
	storetest.Same(t, source, restored)
	for section, want := range map[string]uint64{"memories": 300, "embeddings": 300} {
		if got := report.Sections[section].Written; got != want {
			t.Errorf("section %q: %d records, want %d", section, got, want)
		}
	}
}
