package sqlite

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The journal of a transaction over several databases names a file, which SQLite opens.
func TestBesideNamesSuperJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	got, err := beside(path)
	if want := []string{path + "-wal", path + "-shm", path + "-journal"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("without a journal: %q, %v", got, err)
	}
	const super = "/elsewhere/super"
	tail := append(make([]byte, 600), super...)
	tail = binary.BigEndian.AppendUint32(tail, uint32(len(super)))
	tail = binary.BigEndian.AppendUint32(tail, 0)
	for _, c := range []struct {
		name    string
		journal []byte
		want    string
	}{
		{"named", append(slices.Clone(tail), journalMagic...), super},
		{"no magic", append(slices.Clone(tail), make([]byte, 8)...), ""},
		{"short", journalMagic, ""},
		{"too long", append(binary.BigEndian.AppendUint64(nil, 1<<60-1), journalMagic...), ""},
	} {
		if err := os.WriteFile(path+"-journal", c.journal, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := beside(path)
		if err != nil || slices.Contains(got, super) != (c.want != "") {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}
