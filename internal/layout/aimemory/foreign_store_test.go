package aimemory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/aimemory"
	"github.com/memarc/memarc/internal/layout/memorygraph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// A new store for the memories of another product keeps the rules for writing.
func TestForeignMemories(t *testing.T) {
	dir := t.TempDir()
	source, target := dir+"/source.db", dir+"/target.db"
	if err := sample.Project(source, 11); err != nil {
		t.Fatal(err)
	}
	archive, report := storetest.Export(t, source, exporter.Options{})
	got, err := storetest.Import(target, archive, store.SinkOptions{Layout: aimemory.Name}, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if w := got.Sections["memories"]; w.Rejected > 0 {
		t.Errorf("%d memories rejected: %+v", w.Rejected, got.Rejects[0])
	}
	if w := got.Sections["relations"]; w.Rejected > 0 {
		t.Errorf("%d relations rejected", w.Rejected)
	}
	if got.Target != report.End.Content {
		t.Errorf("content digest %s, of the source %s", got.Target, report.End.Content)
	}
	want := report.Sections["memories"].Written
	for sql, n := range map[string]uint64{
		"SELECT count(*) FROM memories":                                                                                                                        want,
		"SELECT count(DISTINCT title || '|' || namespace) FROM memories":                                                                                       want,
		"SELECT count(*) FROM memories WHERE tier <> 'long' OR expires_at IS NOT NULL":                                                                         0,
		"SELECT count(*) FROM memories WHERE priority NOT BETWEEN 1 AND 10":                                                                                    0,
		"SELECT count(*) FROM memories WHERE confidence NOT BETWEEN 0 AND 1":                                                                                   0,
		"SELECT count(*) FROM memories WHERE lifecycle_state <> 'open'":                                                                                        0,
		"SELECT count(*) FROM memories WHERE json_type(metadata) <> 'object'":                                                                                  0,
		"SELECT count(*) FROM memories WHERE embedding IS NOT NULL AND (hex(substr(embedding, 1, 1)) <> '01' OR embedding_dim <> (length(embedding) - 1) / 4)": 0,
		"SELECT count(*) FROM memories WHERE instr(namespace, ' ')":                                                                                            0,
		"SELECT version FROM schema_version":                                                                                                                   101,
	} {
		if got := storetest.One(t, target, sql); got != fmt.Sprint(n) {
			t.Errorf("%s: %s, want %d", sql, got, n)
		}
	}
}

// Memories that have the same title are all there, and told apart; each comes back with
// the title that it had.
func TestTitlesApart(t *testing.T) {
	dir := t.TempDir()
	source, target, home := dir+"/source.db", dir+"/target.db", dir+"/home.db"
	long := strings.Repeat("ä", 600)
	storetest.Exec(t, source, memorygraph.CreateStatements(10)...)
	for i, title := range []string{"one", "one", "two", "one", long, long + "x", ""} {
		storetest.Exec(t, source, fmt.Sprintf(`INSERT INTO nodes (id, label, properties) VALUES ('m%d', 'Memory', '{"id": "m%d", "title": "%s", "content": "c"}')`, i, i, title))
	}
	archive, report := storetest.Export(t, source, exporter.Options{})
	for range 2 {
		storetest.MustImport(t, target, archive, store.SinkOptions{Layout: aimemory.Name})
		if got := storetest.One(t, target, "SELECT count(*) || ' ' || count(DISTINCT title) || ' ' || max(length(title)) FROM memories"); got != "7 7 512" {
			t.Errorf("memories, titles and the length of the longest: %s", got)
		}
		if got := storetest.One(t, target, "SELECT count(*) FROM memories WHERE title IN ('one', 'two') OR title GLOB 'one · ????????????'"); got != "4" {
			t.Errorf("%s titles are as they were or marked", got)
		}
	}
	if _, second := storetest.Restored(t, target, home, ""); second.End.Content != report.End.Content {
		t.Errorf("content digest %s, of the source %s", second.End.Content, report.End.Content)
	}
	back, _ := storetest.Export(t, target, exporter.Options{})
	storetest.MustImport(t, dir+"/back.db", back, store.SinkOptions{Layout: memorygraph.Name})
	storetest.Same(t, source, dir+"/back.db")
}
