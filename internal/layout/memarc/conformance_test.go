package memarc_test

import (
	"testing"

	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	archive := storetest.Records(t)
	storetest.Run(t, storetest.Config{
		Layout: "memarc", Version: "1", Changed: 1, Dated: true, Grows: true,
		Create: func(t testing.TB, path string) { storetest.MustImport(t, path, archive, store.SinkOptions{}) },
		Add:    []string{`INSERT INTO memories (id, content, created_at) VALUES ('added', 'new', 5)`, `INSERT INTO relations (source_id, target_id, type) VALUES ('added', 'm00', 'new')`},
		Change: []string{`UPDATE memories SET content = 'changed', updated_at = 9000000000000000000 WHERE id = 'm52'`},
		Remove: []string{`DELETE FROM memories WHERE id = 'm51'`, `DELETE FROM relations WHERE source_id = 'm00'`, `DELETE FROM "other.notes" WHERE k < 0`},
	})
}
