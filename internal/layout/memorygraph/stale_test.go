package memorygraph_test

import (
	"path/filepath"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// A store whose records carry native values of another spelling goes through a store
// where somebody changes their fields, and comes home: the change wins, the proof holds,
// and it goes through once more.
func TestChangedAbroad(t *testing.T) {
	dir := t.TempDir()
	source, abroad, home, again := filepath.Join(dir, "source.db"), filepath.Join(dir, "abroad.db"), filepath.Join(dir, "home.db"), filepath.Join(dir, "again.db")
	create(t, source, forms["current"], 20, 10, false)
	odd := `json_set(properties, '$.created_at', '2026-03-01T00:00:00.5+00:00', '$.extra', 1)`
	storetest.Exec(t, source, "UPDATE nodes SET properties = "+odd+" WHERE id IN (SELECT id FROM nodes ORDER BY id LIMIT 3)")
	changed := storetest.One(t, source, "SELECT min(id) FROM nodes")
	archive, _ := storetest.Export(t, source, exporter.Options{})
	storetest.MustImport(t, abroad, archive, store.SinkOptions{Layout: "memarc"})
	storetest.Exec(t, abroad, "UPDATE memories SET title = 'changed abroad', created_at = created_at + 1000000000 WHERE id = '"+changed+"'")
	archive, _ = storetest.Export(t, abroad, exporter.Options{})
	first := storetest.MustImport(t, home, archive, store.SinkOptions{})
	if got := storetest.One(t, home, "SELECT json_extract(properties, '$.title') || ' ' || json_extract(properties, '$.created_at') FROM nodes WHERE id = '"+changed+"'"); got != "changed abroad 2026-03-01T00:00:01.500000+00:00" {
		t.Errorf("the product sees %s", got)
	}
	if got := storetest.One(t, home, "SELECT count(*) FROM nodes WHERE json_extract(properties, '$.extra') = 1"); got != "3" {
		t.Errorf("%s nodes have the member that no map names", got)
	}
	archive, _ = storetest.Export(t, home, exporter.Options{})
	if second := storetest.MustImport(t, again, archive, store.SinkOptions{}); second.Target != first.Target {
		t.Errorf("%s, then %s", first.Target, second.Target)
	}
	storetest.SameDump(t, storetest.Read(t, home), storetest.Read(t, again))
}
