package all_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// rows returns the rows of a query as lines.
func rows(t *testing.T, path, query string) []string {
	t.Helper()
	c := storetest.Open(t, path)
	defer c.Close()
	var out []string
	for _, row := range storetest.Query(t, c, query) {
		out = append(out, strings.Join(row, " | "))
	}
	slices.Sort(out)
	return out
}

// A product that did not write the records goes on with them: its changes win for
// what it holds, what it deletes stays deleted, and the rest comes back.
func TestProductGoesOn(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	archive := storetest.Records(t)
	storetest.MustImport(t, at("before.db"), archive, store.SinkOptions{Layout: "memarc"})
	storetest.MustImport(t, at("vestige.db"), archive, store.SinkOptions{Layout: "vestige"})

	const gone, changed = "m51", "m52"
	want := []string{"deleted memories 1 accepted"}
	for section, query := range map[string]string{
		"embeddings": "SELECT count(*) FROM node_embeddings WHERE node_id = '" + gone + "'",
		"relations":  "SELECT count(*) FROM memory_connections WHERE source_id = '" + gone + "' OR target_id = '" + gone + "'",
		"events":     "SELECT count(*) FROM memory_access_log WHERE node_id = '" + gone + "'",
	} {
		if n := storetest.One(t, at("vestige.db"), query); n != "0" {
			want = append(want, fmt.Sprintf("deleted %s %s accepted", section, n))
		}
	}
	if n := storetest.One(t, at("before.db"), "SELECT count(*) FROM schedules WHERE memory_id = '"+gone+"'"); n != "0" {
		want = append(want, fmt.Sprintf("deleted schedules %s accepted", n))
	}
	// A record without a kind, to which the product then gives one.
	unkind := storetest.One(t, at("before.db"), "SELECT id FROM memories WHERE kind IS NULL AND id GLOB 'm[0-9]*' AND id NOT IN ('"+gone+"', '"+changed+"')")
	if unkind == "" {
		t.Fatal("every record has a kind")
	}
	storetest.Exec(t, at("vestige.db"),
		"UPDATE knowledge_nodes SET node_type = 'decision' WHERE id = '"+unkind+"'",
		"UPDATE knowledge_nodes SET content = 'the product wrote this', reps = 77 WHERE id = '"+changed+"'",
		"DELETE FROM knowledge_nodes WHERE id = '"+gone+"'",
		"INSERT INTO knowledge_nodes (id, content, created_at, updated_at, last_accessed) VALUES ('born', 'here', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')",
	)
	for range 2 { // the ledger is the same however often the store is read
		_, report := storetest.Export(t, at("vestige.db"), exporter.Options{})
		storetest.SameLedger(t, report.Losses, want...)
	}
	second, _ := storetest.Export(t, at("vestige.db"), exporter.Options{})
	storetest.MustImport(t, at("after.db"), second, store.SinkOptions{Layout: "memarc"})

	for _, table := range []string{"users", "groups", "memberships", "domains", "spaces", "other.notes"} {
		query := fmt.Sprintf("SELECT %s FROM %q", columns(t, at("before.db"), table), table)
		storetest.SameLines(t, rows(t, at("before.db"), query), rows(t, at("after.db"), query))
	}
	for _, table := range []string{"memories", "schedules", "embeddings", "events", "relations"} {
		// What the product has neither changed nor deleted is as it was.
		where := map[string]string{"memories": "id", "relations": "source_id"}[table]
		if where == "" {
			where = "memory_id"
		}
		query := fmt.Sprintf("SELECT %s FROM %q WHERE %s IS NOT '%s' AND %s IS NOT '%s' AND %s NOT IN ('born', '%s')", columns(t, at("before.db"), table), table, where, gone, where, changed, where, unkind)
		if table == "relations" {
			query += " AND target_id <> '" + gone + "'"
		}
		if table == "events" { // the key of events is their own
			query = strings.ReplaceAll(query, "memory_id IS NOT '"+changed+"'", "1")
		}
		storetest.SameLines(t, rows(t, at("before.db"), query), rows(t, at("after.db"), query))
	}
	if got := storetest.One(t, at("after.db"), "SELECT content FROM memories WHERE id = '"+changed+"'"); got != "the product wrote this" {
		t.Errorf("content %q", got)
	}
	if got := storetest.One(t, at("after.db"), "SELECT kind FROM memories WHERE id = '"+unkind+"'"); got != "decision" {
		t.Errorf("kind %q", got)
	}
	if got := storetest.One(t, at("after.db"), "SELECT reps FROM schedules WHERE memory_id = '"+changed+"'"); got != "77" {
		t.Errorf("reps %q", got)
	}
	kept := "SELECT id, title, summary, kind, tags, importance, confidence, owner, agent, session, namespace, project, visibility, shared_with, source, state," +
		" expires_at, access_count, metadata, \"other.col\" FROM memories WHERE id = '" + changed + "'"
	storetest.SameLines(t, rows(t, at("before.db"), kept), rows(t, at("after.db"), kept))
	if got := storetest.One(t, at("after.db"), "SELECT content FROM memories WHERE id = 'born'"); got != "here" {
		t.Errorf("what the product added: %q", got)
	}
	if got := storetest.One(t, at("after.db"), "SELECT count(*) FROM memories WHERE id = '"+gone+"'"); got != "0" {
		t.Error("what the product deleted is back")
	}
}

// columns are a table's columns, quoted, in the order of their names.
func columns(t *testing.T, path, table string) string {
	t.Helper()
	return storetest.One(t, path, fmt.Sprintf(`SELECT group_concat('"' || replace(name, '"', '""') || '"', ', ') FROM (SELECT name FROM pragma_table_info('%s') ORDER BY name)`, table))
}

// Parallel edges: the product sees one, the sidecar keeps the others, and no
// record is refused.
func TestParallelEdges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	report := storetest.MustImport(t, path, storetest.Records(t), store.SinkOptions{Layout: "vestige"})
	c := report.Sections["relations"]
	if c.Read != storetest.Per || c.Written != storetest.Per {
		t.Errorf("%+v", c)
	}
	native := storetest.One(t, path, "SELECT count(*) FROM memory_connections")
	whole := storetest.One(t, path, "SELECT count(*) FROM memarc_sidecar WHERE section = 'relations' AND native IS NULL")
	if native == "0" || whole == "0" {
		t.Errorf("%s edges in the product's table, %s beside it", native, whole)
	}
	if storetest.One(t, path, fmt.Sprintf("SELECT %s + %s", native, whole)) != fmt.Sprint(storetest.Per) {
		t.Errorf("%s + %s edges", native, whole)
	}
}

// A change of what only the sidecar holds is a conflict like any other.
func TestConflictInSidecar(t *testing.T) {
	for _, policy := range []store.Policy{store.Fail, store.Skip, store.Overwrite} {
		t.Run(string(policy), func(t *testing.T) {
			dir := t.TempDir()
			memarc, path := filepath.Join(dir, "m.db"), filepath.Join(dir, "v.db")
			archive := storetest.Records(t)
			storetest.MustImport(t, path, archive, store.SinkOptions{Layout: "vestige"})
			storetest.MustImport(t, memarc, archive, store.SinkOptions{Layout: "memarc"})
			storetest.Exec(t, memarc, "UPDATE memories SET title = 'another title' WHERE id = 'm52'")
			changed, want := storetest.Export(t, memarc, exporter.Options{})
			before := storetest.Bytes(t, path)
			report, err := storetest.Import(path, changed, store.SinkOptions{Policy: policy}, importer.Options{})
			_, got := storetest.Export(t, path, exporter.Options{})
			switch policy {
			case store.Fail:
				if err == nil || !strings.Contains(err.Error(), "m52") {
					t.Errorf("error %v", err)
				}
				if fmt.Sprint(before) != fmt.Sprint(storetest.Bytes(t, path)) {
					t.Error("the target has changed")
				}
			case store.Skip:
				if err != nil || report.Sections["memories"].Skipped != 1 || got.End.Content == want.End.Content {
					t.Errorf("%v %+v", err, report.Sections["memories"])
				}
			case store.Overwrite:
				if err != nil || report.Sections["memories"].Updated != 1 || got.End.Content != want.End.Content {
					t.Errorf("%v %+v", err, report.Sections["memories"])
				}
			}
		})
	}
}
