package memorygraph_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/memorygraph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// rules are conditions for rows that the product does not take or does not see.
var rules = []string{
	"SELECT count(*) FROM nodes WHERE label <> 'Memory' OR id IS NOT json_extract(properties, '$.id')",
	"SELECT count(*) FROM nodes WHERE json_extract(properties, '$.type') NOT IN ('task', 'code_pattern', 'problem', 'solution', 'project', 'technology', 'error', 'fix', 'command', 'file_context', 'workflow', 'general', 'conversation')",
	"SELECT count(*) FROM nodes WHERE length(json_extract(properties, '$.title')) NOT BETWEEN 1 AND 200 OR trim(json_extract(properties, '$.content')) = ''",
	"SELECT count(*) FROM nodes WHERE length(json_extract(properties, '$.summary')) NOT BETWEEN 1 AND 500",
	"SELECT count(*) FROM nodes WHERE json_extract(properties, '$.importance') NOT BETWEEN 0 AND 1 OR json_extract(properties, '$.confidence') NOT BETWEEN 0 AND 1",
	"SELECT count(*) FROM nodes WHERE json_type(properties, '$.importance') <> 'real' OR json_type(properties, '$.usage_count') <> 'integer' OR json_type(properties, '$.tags') <> 'array'",
	"SELECT count(*) FROM nodes, json_each(nodes.properties, '$.tags') WHERE lower(value) <> value OR trim(value) IN ('', ' ')",
	"SELECT count(*) FROM nodes WHERE json_extract(properties, '$.created_at') NOT GLOB '????-??-??T??:??:??+00:00' AND json_extract(properties, '$.created_at') NOT GLOB '????-??-??T??:??:??.??????+00:00'",
	"SELECT count(*) FROM nodes WHERE created_at NOT GLOB '????-??-?? ??:??:??' OR updated_at NOT GLOB '????-??-?? ??:??:??'",
	"SELECT count(*) FROM nodes WHERE json_type(properties, '$.context_visibility') <> 'text' OR (json_type(properties, '$.context_visibility') IS NULL) <> (json_type(properties, '$.context_timestamp') IS NULL)",
	"SELECT count(*) FROM nodes WHERE json_type(properties, '$.context_visibility') = 'text' AND (json_extract(properties, '$.context_languages') <> '[]' OR json_type(json_extract(properties, '$.context_additional_metadata')) <> 'object')",
	"SELECT count(*) FROM relationships WHERE id IS NOT json_extract(properties, '$.id') OR id = ''",
	"SELECT count(*) FROM relationships WHERE valid_from IS NOT json_extract(properties, '$.valid_from') OR valid_until IS NOT json_extract(properties, '$.valid_until') OR recorded_at IS NOT json_extract(properties, '$.recorded_at')",
	"SELECT count(*) FROM relationships WHERE valid_from NOT GLOB '????-??-??T*+00:00' OR recorded_at NOT GLOB '????-??-??T*+00:00' OR rel_type <> upper(rel_type)",
	"SELECT count(*) FROM relationships WHERE json_extract(properties, '$.strength') NOT BETWEEN 0 AND 1 OR json_type(properties, '$.evidence_count') <> 'integer'",
}

func keepsRules(t *testing.T, path string) {
	t.Helper()
	for _, sql := range rules {
		if got := storetest.One(t, path, sql); got != "0" {
			t.Errorf("%s: %s", sql, got)
		}
	}
}

// A new store for the memories of another product keeps the rules for writing, and they
// come home as they were.
func TestForeignMemories(t *testing.T) {
	for name, write := range map[string]func(path string) error{
		"vestige":           func(path string) error { return sample.Project(path, 39) },
		"ai-memory":         func(path string) error { return sample.AIMemory(path, sample.Lean(300)) },
		"vestige, the last": func(path string) error { return sample.Large(path, sample.Lean(300)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source, target, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.db"), filepath.Join(dir, "h.db")
			if err := write(source); err != nil {
				t.Fatal(err)
			}
			archive, report := storetest.Export(t, source, exporter.Options{})
			got := storetest.MustImport(t, target, archive, store.SinkOptions{Layout: memorygraph.Name})
			if got.Target != report.End.Content {
				t.Errorf("content digest %s, of the source %s", got.Target, report.End.Content)
			}
			for table, section := range map[string]string{"nodes": "memories", "relationships": "relations"} {
				if n := storetest.One(t, target, "SELECT count(*) FROM "+table); n != fmt.Sprint(report.Sections[section].Written) {
					t.Errorf("the product sees %s rows of %s, want %d", n, table, report.Sections[section].Written)
				}
			}
			keepsRules(t, target)
			back, second := storetest.Restored(t, target, home, report.Source.Layout)
			if second.End.Content != report.End.Content || len(back) == 0 {
				t.Errorf("content digest %s, of the source %s", second.End.Content, report.End.Content)
			}
			storetest.Same(t, source, home)
			again := storetest.MustImport(t, target, archive, store.SinkOptions{})
			for section, c := range again.Sections {
				if c.Written+c.Updated > 0 && section != "spaces" {
					t.Errorf("the second import writes: section %q: %+v", section, c)
				}
			}
		})
	}
}

// Records of every shape come through.
func TestForeignRecords(t *testing.T) {
	for name, f := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "t.db")
			create(t, path, f, 3, 0, false) // that holds records already
			archive := storetest.Records(t)
			report := storetest.MustImport(t, path, archive, store.SinkOptions{})
			if c := report.Sections["memories"]; c.Written != c.Read {
				t.Errorf("%+v", c)
			}
			again := storetest.MustImport(t, path, archive, store.SinkOptions{})
			for section, c := range again.Sections {
				if c.Written+c.Updated > 0 {
					t.Errorf("the second import writes: section %q: %+v", section, c)
				}
			}
			// What was there keeps no rules.
			storetest.Exec(t, path, "PRAGMA foreign_keys = 0", "DELETE FROM nodes WHERE id LIKE '6f1e%'", "DELETE FROM relationships WHERE id LIKE 'edge-%'")
			if f.version == 10 {
				keepsRules(t, path)
			}
		})
	}
}

// The product goes on with records of another: what it changes wins, what it deletes
// stays deleted, and the rest comes back.
func TestProductGoesOn(t *testing.T) {
	dir := t.TempDir()
	source, target, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "t.db"), filepath.Join(dir, "h.db")
	if err := sample.Project(source, 39); err != nil {
		t.Fatal(err)
	}
	archive, _ := storetest.Export(t, source, exporter.Options{})
	storetest.MustImport(t, target, archive, store.SinkOptions{Layout: memorygraph.Name})
	one := storetest.One(t, target, "SELECT id FROM nodes ORDER BY id LIMIT 1")
	gone := storetest.One(t, target, "SELECT id FROM nodes WHERE id NOT IN (SELECT from_id FROM relationships UNION SELECT to_id FROM relationships) ORDER BY id DESC LIMIT 1")
	storetest.Exec(t, target,
		"UPDATE nodes SET properties = json_set(properties, '$.content', 'the product wrote this', '$.tags', json('[\"new\"]')), updated_at = CURRENT_TIMESTAMP WHERE id = "+text(one),
		"DELETE FROM nodes WHERE id = "+text(gone))
	changed, report := storetest.Export(t, target, exporter.Options{})
	found := false
	for _, l := range report.Losses {
		found = found || l.Code == "deleted" && l.Where == "memories" && l.Count == 1
	}
	if !found && gone != "" {
		t.Errorf("ledger %+v", report.Losses)
	}
	if _, err := storetest.Import(home, changed, store.SinkOptions{Layout: "vestige"}, importer.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := storetest.One(t, home, "SELECT content || tags FROM knowledge_nodes WHERE id = "+text(one)); got != `the product wrote this["new"]` {
		t.Errorf("the product's change came as %s", got)
	}
	columns := "retention_strength, stability, source, scope, next_review"
	want := storetest.One(t, source, "SELECT concat_ws('|', "+columns+") FROM knowledge_nodes WHERE id = "+text(one))
	if got := storetest.One(t, home, "SELECT concat_ws('|', "+columns+") FROM knowledge_nodes WHERE id = "+text(one)); got != want {
		t.Errorf("the rest came as %s, want %s", got, want)
	}
	if got := storetest.One(t, home, "SELECT count(*) FROM knowledge_nodes WHERE id = "+text(gone)); got != "0" {
		t.Error("what the product deleted is back")
	}
}

// A text that is kept beside the members does not win over them once they change, and
// what they do not know stays.
func TestTextsGoOn(t *testing.T) {
	dir := t.TempDir()
	source, middle, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "m.db"), filepath.Join(dir, "h.db")
	create(t, source, forms["current"], 3, 0, true)
	storetest.Restored(t, source, middle, "memarc")
	storetest.Exec(t, middle, "UPDATE memories SET title = 'changed' WHERE id IN ("+text(id(9))+", "+text(id(10))+", "+text(id(21))+")")
	archive, _ := storetest.Export(t, middle, exporter.Options{})
	for path, o := range map[string]store.SinkOptions{home: {Layout: memorygraph.Name}, source: {Policy: store.Overwrite}} {
		// The texts are not what the target gives then, which the proof would refuse.
		if _, err := storetest.Import(path, archive, o, importer.Options{NoVerify: true}); err != nil {
			t.Fatal(err)
		}
		for n, want := range map[int]string{
			9:  object("id", id(9), "type", "task", "title", "changed", "content", "c", "tags", []string{}, "importance", raw("0.5"), "confidence", raw("0.8"), "usage_count", 0, "created_at", stamp(9), "updated_at", stamp(9)),
			10: object("id", id(10), "type", "task", "title", "changed", "content", "c", "tags", []string{}, "importance", raw("0.5"), "confidence", raw("0.8"), "usage_count", 0, "created_at", stamp(10), "updated_at", stamp(10), "fork", raw(`{"x": [1, {"y": "\u00fc"}]}`)),
			21: object("id", "another", "type", "task", "title", "changed", "content", "c", "tags", []string{}, "importance", raw("0.5"), "confidence", raw("0.8"), "usage_count", 0, "created_at", stamp(21), "updated_at", stamp(21)),
		} {
			if got := storetest.One(t, path, "SELECT properties FROM nodes WHERE id = "+text(id(n))); got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
		}
	}
	storetest.Same(t, home, source)
}
