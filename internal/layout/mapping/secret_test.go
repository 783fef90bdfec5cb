package mapping_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
)

// guarded is a layout with secrets, whose tables are named by the user: NAME_users and
// NAME_keys.
func guarded(name string) *store.Layout {
	l := &store.Layout{
		Name: "guarded", Engines: []string{"sqlite"}, Latest: 1, Instance: name,
		Detect: func(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
			return 1, instance(tablesOf(c)) != ""
		},
		Schema: &store.Schema{Tables: []store.TableDef{
			{Name: name + "_users", Columns: []store.ColumnDef{{Name: "id", Decl: "TEXT PRIMARY KEY NOT NULL"}, {Name: "name", Decl: "TEXT"}, {Name: "password_hash", Decl: "TEXT NOT NULL"}, {Name: "token", Decl: "TEXT"}}},
			{Name: name + "_keys", Columns: []store.ColumnDef{{Name: "id", Decl: "INTEGER PRIMARY KEY NOT NULL"}, {Name: "key", Decl: "TEXT"}}},
		}},
		Maps: []store.TableMap{
			{Table: name + "_users", Section: format.Users, Columns: []store.ColumnMap{{Column: "id", Field: "id", Lens: "text"}, {Column: "name", Field: "handle", Lens: "text"}}},
			{Table: name + "_keys", As: "keys"},
		},
		Secrets: []store.Secret{{Table: name + "_users", Column: "password_hash"}, {Table: name + "_users", Column: "token"}, {Table: name + "_keys"}},
	}
	l.Adapt = func(tables []format.Table) *store.Layout {
		if found := instance(tables); found != "" {
			return guarded(found)
		}
		return nil
	}
	return l
}

func tablesOf(c *store.Catalog) (out []format.Table) {
	for _, t := range c.Tables {
		out = append(out, t.Table)
	}
	return out
}

func instance(tables []format.Table) string {
	for _, t := range tables {
		if name, ok := strings.CutSuffix(t.Name, "_users"); ok {
			return name
		}
	}
	return ""
}

func guardedExport(t *testing.T, path string, include bool) ([]byte, *exporter.Report) {
	t.Helper()
	src, err := all.Registry().With(guarded("app")).OpenSource(t.Context(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var out bytes.Buffer
	report, err := exporter.Export(t.Context(), src, &out, exporter.Options{IncludeSecrets: include, Encoding: format.NDJSON, Level: format.LevelNone})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), report
}

func guardedImport(t *testing.T, path string, archive []byte, policy store.Policy) *importer.Report {
	t.Helper()
	r, err := format.NewReader(bytes.NewReader(archive), format.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sink, err := all.Registry().With(guarded("app")).OpenSink(t.Context(), path, r.Manifest(), store.SinkOptions{Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	report, err := importer.Import(t.Context(), r, sink, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Verified || report.Rejected() > 0 {
		t.Fatalf("verified %v, %d rejected", report.Verified, report.Rejected())
	}
	return report
}

func guardedStore(t *testing.T, path, name string) {
	t.Helper()
	for _, table := range guarded(name).Schema.Tables {
		storetest.Exec(t, path, table.CreateSQL())
	}
	storetest.Exec(t, path,
		fmt.Sprintf("INSERT INTO %s_users VALUES ('1', 'ada', 'sesame-hash', 'sesame-token'), ('2', 'bob', '', NULL), ('3', 'eve', 'sesame-hash', '')", name),
		fmt.Sprintf("INSERT INTO %s_keys VALUES (1, 'sesame-key')", name))
}

// Secrets stay behind, and the ledger says so; a target keeps those that it has.
func TestSecretsWithheld(t *testing.T) {
	dir := t.TempDir()
	guardedStore(t, dir+"/a.db", "mine")
	archive, report := guardedExport(t, dir+"/a.db", false)
	if bytes.Contains(archive, []byte("sesame")) {
		t.Error("the archive holds a secret")
	}
	storetest.SameLedger(t, report.Losses, "withheld mine_keys 1", "withheld mine_users.password_hash 2", "withheld mine_users.token 2")
	guardedImport(t, dir+"/b.db", archive, "")
	if got := storetest.One(t, dir+"/b.db", "SELECT group_concat(id || name || password_hash || coalesce(token, '-')) || (SELECT count(*) FROM mine_keys) FROM mine_users"); got != "1ada-,2bob-,3eve-0" {
		t.Errorf("a new store holds %s", got)
	}
	storetest.Exec(t, dir+"/a.db", "UPDATE mine_users SET name = 'robert', password_hash = 'sesame-2' WHERE id = '2'")
	guardedImport(t, dir+"/a.db", archive, store.Overwrite)
	if got := storetest.One(t, dir+"/a.db", "SELECT group_concat(id || name || password_hash || coalesce(token, '-')) || (SELECT count(*) FROM mine_keys) FROM mine_users"); got != "1adasesame-hashsesame-token,2bobsesame-2-,3evesesame-hash1" {
		t.Errorf("the store holds %s afterwards", got)
	}
}

// Asked for, they are carried like all else, and into a store with other names.
func TestSecretsIncluded(t *testing.T) {
	dir := t.TempDir()
	guardedStore(t, dir+"/a.db", "mine")
	archive, report := guardedExport(t, dir+"/a.db", true)
	storetest.SameLedger(t, report.Losses)
	guardedImport(t, dir+"/b.db", archive, "")
	storetest.Same(t, dir+"/a.db", dir+"/b.db")
	guardedStore(t, dir+"/c.db", "other")
	storetest.Exec(t, dir+"/c.db", "DELETE FROM other_users", "DELETE FROM other_keys")
	guardedImport(t, dir+"/c.db", archive, "")
	back, now := guardedExport(t, dir+"/c.db", true)
	if now.End.Content != report.End.Content {
		t.Errorf("content digest %s, of the source %s", now.End.Content, report.End.Content)
	}
	if got := storetest.One(t, dir+"/c.db", "SELECT count(*) || (SELECT key FROM other_keys) FROM other_users"); got != "3sesame-key" {
		t.Errorf("tables of another name hold %s", got)
	}
	guardedImport(t, dir+"/d.db", back, "")
}
