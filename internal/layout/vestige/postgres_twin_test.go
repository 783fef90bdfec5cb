package vestige_test

import (
	"fmt"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// plannedRows is how many rows each table of PostgreSQL has after a planned store has
// moved there.
var plannedRows = map[string]int{
	"knowledge_nodes WHERE embedding IS NOT NULL": plannedMemories, "scheduling": plannedMemories, "edges": plannedEdges, "review_events": plannedReviews,
	"users": plannedUsers, "groups": plannedGroups, "group_memberships": plannedMembers, "domains": plannedDomains, "embedding_model": 1,
}

// A planned store moves to PostgreSQL, record by record into the tables there, and back
// into SQLite, and is the same all the way. A second run changes nothing.
func TestTwin(t *testing.T) {
	for reviews := range reviewTables {
		t.Run(reviews, func(t *testing.T) {
			source, back := t.TempDir()+"/source.db", t.TempDir()+"/back.db"
			planned(t, source, 18, reviews)
			target := pgserver.New(t)
			archive, report := storetest.Restored(t, source, target, "")
			db := connect(t, target)
			for table, want := range plannedRows {
				if n := ask[int](t, db, "SELECT count(*) FROM "+table); n != want {
					t.Errorf("%s: %d rows, want %d", table, n, want)
				}
			}
			if n := ask[int](t, db, hnsw); n != 1 {
				t.Errorf("%d indexes over vectors", n)
			}
			again, err := storetest.Import(target, archive, store.SinkOptions{Policy: store.Skip}, importer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for section, c := range again.Sections {
				if c.Written+c.Updated+c.Skipped+c.Rejected > 0 {
					t.Errorf("again: section %q: %+v", section, c)
				}
			}
			_, there := storetest.Restored(t, target, back, "")
			samePlanned(t, there)
			_, here := storetest.Export(t, back, exporter.Options{})
			samePlanned(t, here)
			if report.End.Content != there.End.Content || report.End.Content != here.End.Content {
				t.Errorf("content digests: source %x, PostgreSQL %x, back %x", report.End.Content, there.End.Content, here.End.Content)
			}
			for table, want := range map[string]int{"knowledge_nodes": plannedMemories, "users": plannedUsers, "review_events": plannedReviews, "node_embeddings": plannedMemories} {
				if got := storetest.One(t, back, "SELECT count(*) FROM "+table); got != fmt.Sprint(want) {
					t.Errorf("back: %s: %s rows, want %d", table, got, want)
				}
			}
		})
	}
}

// A store of the main line has no reviews: what its access log holds are none, and
// stand beside the table.
func TestAccessesAreNoReviews(t *testing.T) {
	source := t.TempDir() + "/source.db"
	create(t, source, 39)
	target := pgserver.New(t)
	_, report := storetest.Restored(t, source, target, "")
	if n := ask[int](t, connect(t, target), "SELECT count(*) FROM review_events"); n != 0 || report.Sections[format.Events].Written == 0 {
		t.Errorf("%d reviews of %d events", n, report.Sections[format.Events].Written)
	}
}

// A memory whose groups cannot be read moves without them, and takes what stood there
// along.
func TestMalformedGroups(t *testing.T) {
	source, back := t.TempDir()+"/source.db", t.TempDir()+"/back.db"
	planned(t, source, 18, "states")
	storetest.Exec(t, source, "UPDATE knowledge_nodes SET shared_with_groups = 'g1, g2' WHERE id = '"+plannedMemory(7)+"'")
	target := pgserver.New(t)
	storetest.Restored(t, source, target, "")
	if got := ask[string](t, connect(t, target), "SELECT shared_with_groups::text FROM knowledge_nodes WHERE id = '"+plannedMemory(7)+"'"); got != "{}" {
		t.Errorf("the groups are %s", got)
	}
	storetest.Restored(t, target, back, "")
	if got := storetest.One(t, back, "SELECT shared_with_groups FROM knowledge_nodes WHERE id = '"+plannedMemory(7)+"'"); got != "g1, g2" {
		t.Errorf("the groups are %q", got)
	}
}

// What only PostgreSQL can hold comes home from SQLite: two edges between the same
// memories, memories without vectors, metadata.
func TestFromPostgres(t *testing.T) {
	source, back, home := pgserver.New(t), t.TempDir()+"/back.db", pgserver.New(t)
	db := connect(t, source)
	before, after := creates(2, 4)
	run(t, db, before...)
	run(t, db, "INSERT INTO users (id, handle, metadata) VALUES ('"+plannedUser(1)+"', 'ada', '{\"b\": 1.50, \"a\": null}')",
		"INSERT INTO groups (id, handle) VALUES ('"+plannedGroup(1)+"', 'team')",
		"INSERT INTO group_memberships (user_id, group_id) VALUES ('"+plannedUser(1)+"', '"+plannedGroup(1)+"')",
		"INSERT INTO domains (id, label, centroid, top_terms, metadata) VALUES ('d', 'D', '[1,2,3,4]', '{a,\"b c\"}', '[1]')")
	const memories = 20
	for i := range memories {
		id, vector := plannedMemory(i), "NULL"
		if i%2 == 0 {
			vector = fmt.Sprintf("'[%d,1,2,0.5]'", i)
		}
		run(t, db, fmt.Sprintf("INSERT INTO knowledge_nodes (id, content, tags, metadata, domains, domain_scores, embedding, codebase, owner_user_id, visibility, shared_with_groups)"+
			" VALUES ('%s', 'the otter %d', '{x,\"y, z\"}', '{\"n\": %d}', '{d}', '{\"d\": 0.5}', %s, 'core', '%s', 'group', '{%s}')", id, i, i, vector, plannedUser(1), plannedGroup(1)),
			"INSERT INTO scheduling (memory_id, stability, reps, last_review) VALUES ('"+id+"', 1.5, 2, now())",
			"INSERT INTO edges (source_id, target_id, edge_type) VALUES ('"+id+"', '"+plannedMemory(0)+"', 'causal'), ('"+id+"', '"+plannedMemory(0)+"', 'related')",
			"INSERT INTO review_events (memory_id, rating, prior_state, new_state) VALUES ('"+id+"', 3, '{\"a\": 1}', '{}')")
	}
	run(t, db, after...)
	_, first := storetest.Restored(t, source, back, "")
	if first.Source.Version != "2" {
		t.Errorf("recognised as version %s", first.Source.Version)
	}
	storetest.SameLedger(t, first.Losses)
	for query, want := range map[string]int{
		"SELECT count(*) FROM knowledge_nodes WHERE visibility = 'group' AND json_extract(metadata, '$.n') >= 0": memories,
		"SELECT count(*) FROM node_embeddings WHERE model = 'small' AND dimensions = 4":                          memories / 2,
		"SELECT count(*) FROM memory_connections":                                                                memories, // of twice as many
		"SELECT count(*) FROM review_events WHERE rating = 3":                                                    memories,
		"SELECT count(*) FROM users":                                                                             2,
	} {
		if got := storetest.One(t, back, query); got != fmt.Sprint(want) {
			t.Errorf("%s: %s, want %d", query, got, want)
		}
	}
	_, second := storetest.Export(t, back, exporter.Options{})
	if first.End.Content != second.End.Content {
		t.Errorf("content digests: PostgreSQL %x, SQLite %x", first.End.Content, second.End.Content)
	}
	storetest.Restored(t, back, home, "")
	_, third := storetest.Export(t, home, exporter.Options{})
	if first.End.Content != third.End.Content {
		t.Errorf("content digests: PostgreSQL %x, home again %x", first.End.Content, third.End.Content)
	}
	if n := ask[int](t, connect(t, home), "SELECT count(*) FROM knowledge_nodes"); n != memories {
		t.Errorf("home again: %d memories", n)
	}
}
