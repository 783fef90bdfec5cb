package vestige_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/layout/vestige"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// A memory whose groups cannot be read is reported with its identifier, and no other.
func TestMalformedGroupsAreReported(t *testing.T) {
	source := t.TempDir() + "/source.db"
	planned(t, source, 18, "states")
	storetest.Exec(t, source, "UPDATE knowledge_nodes SET shared_with_groups = 'g1, g2' WHERE id = '"+plannedMemory(7)+"'")
	archive, _ := storetest.Export(t, source, exporter.Options{})
	report := storetest.MustImport(t, pgserver.New(t), archive, store.SinkOptions{})
	if len(report.Notes) != 1 || report.Notes[0].Section != "memories" || report.Notes[0].ID != plannedMemory(7) || !strings.Contains(report.Notes[0].Reason, "shared_with") {
		t.Errorf("notes: %+v", report.Notes)
	}
	if c := report.Sections["memories"]; c.Written != plannedMemories {
		t.Errorf("memories: %+v", c)
	}
}

// A dry run writes nothing, whatever the target holds, and fails where the import
// would fail before its first record.
func TestDryRun(t *testing.T) {
	source := t.TempDir() + "/source.db"
	planned(t, source, 18, "states")
	archive, _ := storetest.Export(t, source, exporter.Options{})
	dry := importer.Options{DryRun: true}
	another := func(dimension int, name string) func(t *testing.T) string {
		return func(t *testing.T) string {
			target := pgserver.New(t)
			before, after := creates(2, dimension)
			run(t, connect(t, target), append(slices.Concat(before, after), "UPDATE embedding_model SET name = '"+name+"'")...)
			return target
		}
	}
	for _, c := range []struct {
		name    string
		target  func(t *testing.T) string
		options store.SinkOptions
		want    error
		says    []string
	}{
		{name: "empty database", target: func(t *testing.T) string { return pgserver.New(t) }},
		{name: "another schema", target: func(t *testing.T) string { return pgserver.New(t) + "?schema=other" }},
		{name: "store", target: func(t *testing.T) string {
			target := pgserver.New(t)
			storetest.MustImport(t, target, archive, store.SinkOptions{})
			run(t, connect(t, target), "DELETE FROM knowledge_nodes WHERE id = '"+plannedMemory(3)+"'", "UPDATE knowledge_nodes SET content = 'x' WHERE id = '"+plannedMemory(4)+"'")
			return target
		}},
		{name: "another dimension", target: another(3, "small"), want: store.ErrSpace, says: []string{`model "small", 4 dimensions`, `model "small", 3 dimensions`, "--embeddings keep", "--embeddings drop", "memarc reembed"}},
		{name: "another model", target: another(4, "large"), want: store.ErrSpace, says: []string{`model "small", 4 dimensions`, `model "large", 4 dimensions`}},
		{name: "another dimension, vectors beside", target: another(3, "small"), options: store.SinkOptions{Embeddings: store.KeepEmbeddings}},
		{name: "no store of the layout", target: func(t *testing.T) string {
			target := pgserver.New(t)
			run(t, connect(t, target), "CREATE TABLE invoices (id int PRIMARY KEY)", "INSERT INTO invoices VALUES (1)")
			return target
		}, options: store.SinkOptions{Layout: vestige.Name}, want: store.ErrUsage, says: []string{`"vestige"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			target := c.target(t)
			database, _, _ := strings.Cut(target, "?")
			before := storetest.ReadPostgres(t, database)
			report, err := storetest.Import(target, archive, c.options, dry)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			for _, part := range c.says {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("error %v does not say %q", err, part)
				}
			}
			if c.want == nil && (report == nil || report.Plan == nil || len(report.Plan.Steps) == 0 || report.Sections["memories"].Read != plannedMemories || report.Sections["memories"].Written != 0) {
				t.Errorf("report: %+v", report)
			}
			storetest.SameDump(t, before, storetest.ReadPostgres(t, database))
		})
	}
	t.Run("server down", func(t *testing.T) {
		server := pgserver.Server(t)
		if err := server.Stop(true); err != nil {
			t.Fatal(err)
		}
		if _, err := storetest.Import(server.URL(), archive, store.SinkOptions{}, dry); err == nil {
			t.Error("the dry run succeeds")
		}
	})
}
