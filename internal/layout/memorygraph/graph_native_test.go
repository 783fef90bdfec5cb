package memorygraph_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/rawgraph"
)

// What stands in a graph is what the product writes there, in its types: moments as
// texts, but for those of an edge's validity on Neo4j, lists as lists and empty lists of
// a context as texts, and nothing of memarc's own but the sidecar.
func TestGraphNative(t *testing.T) {
	source := places["sqlite"](t)
	create(t, source, forms["current"], 12, 5, false)
	storetest.Exec(t, source, "DELETE FROM relationships WHERE to_id = 'nowhere'")
	archive, _ := storetest.Export(t, source, exporter.Options{})
	at := func(iso string, engine string) any { // 2026-..T..
		if engine == "falkordb" {
			return iso
		}
		return moment(t, iso)
	}
	for _, engine := range []string{"falkordb", "neo4j"} {
		t.Run(engine, func(t *testing.T) {
			url := places[engine](t)
			storetest.MustImport(t, url, archive, store.SinkOptions{})
			g := rawgraph.Open(t, url)
			same := func(match, of string, want map[string]any) {
				t.Helper()
				got := g.Properties(t, match, of)
				if len(got) != 1 {
					t.Fatalf("%s: %d of them", match, len(got))
				}
				for _, key := range slices.Sorted(maps.Keys(merged(want, got[0]))) {
					if a, b := rawgraph.Show(want[key], false), rawgraph.Show(got[0][key], false); a != b {
						t.Errorf("%s: %s is %s, want %s", match, key, b, a)
					}
				}
			}
			const n = 1002 // a memory without a context
			same("(n:Memory {id: '"+id(n)+"'})", "n", map[string]any{
				"id": id(n), "type": types[n%12], "title": "Title 1002", "content": content(engine, n), "tags": []any{"go", "ü"}, "summary": "In short 1002", "effectiveness": 0.25,
				"importance": 0.30000000000000004, "confidence": 0.8, "usage_count": int64(n % 7), "created_at": stamp(n), "updated_at": stamp(n + 1),
			})
			const c = 1000 // one with a context
			same("(n:Memory {id: '"+id(c)+"'})", "n", map[string]any{
				"id": id(c), "type": types[c%12], "title": "Title 1000", "content": content(engine, c), "tags": []any{}, "summary": "In short 1000",
				"importance": 0.5, "confidence": 0.8, "usage_count": int64(c % 7), "created_at": stamp(c), "updated_at": stamp(c + 1), "last_accessed": stamp(c + 2),
				"context_project_path": "/work/otter", "context_files_involved": []any{"a.go", "ü/☃.go"}, "context_languages": []any{"go"}, "context_frameworks": "[]", "context_technologies": "[]",
				"context_git_commit": "abc", "context_git_branch": "main", "context_working_directory": "/work", "context_timestamp": stamp(c + 3), "context_session_id": fmt.Sprint("s", c%9),
				"context_user_id": "ada", "context_additional_metadata": `{"n": {"deep": [1, 2.5, null, "\u00e9"]}}`, "context_tenant_id": "acme", "context_team_id": "otters",
				"context_visibility": "project", "context_created_by": "bob",
			})
			if files := g.One(t, "MATCH (n:Memory {id: '"+id(1003)+"'}) RETURN n.context_files_involved"); files != "[]" {
				t.Errorf("an empty list of a context is %v", files)
			}
			same("(:Memory {id: '"+id(1000)+"'})-[r:RELATED_TO {id: 'edge-00000'}]->(:Memory {id: '"+id(1001)+"'})", "r", map[string]any{
				"id": "edge-00000", "strength": 0.5, "confidence": 0.8, "evidence_count": int64(1), "success_rate": 0.75, "created_at": stamp(0), "last_validated": stamp(1),
				"validation_count": int64(0), "counter_evidence_count": int64(0), "valid_from": at(stamp(0), engine), "recorded_at": at(stamp(1), engine),
			})
			invalid := g.Properties(t, "(:Memory {id: '"+id(1004)+"'})-[r:SOLVES]->(:Memory {id: '"+id(1005)+"'}) WHERE r.invalidated_by IS NOT NULL", "r")
			if len(invalid) != 1 || rawgraph.Show(invalid[0]["valid_until"], false) != rawgraph.Show(at(stamp(3), engine), false) || invalid[0]["invalidated_by"] != "edge-00001" {
				t.Errorf("the invalidated edge is %v", invalid)
			}
			own(t, g)
			if engine == "neo4j" {
				names := fmt.Sprint(g.Dump(t, true)["definitions"])
				for _, name := range []string{"memory_id_unique", "relationship_id_unique", "memory_type_index", "memory_created_at_index", "memory_tags_index", "memory_importance_index", "memory_confidence_index", "memory_project_path_index", "memory_content_index"} {
					if !strings.Contains(names, name) {
						t.Errorf("there is no %s", name)
					}
				}
			}
		})
	}
}

func merged(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// content is what the engine holds of a memory's text: FalkorDB no NUL.
func content(engine string, n int) string {
	text := fmt.Sprintf("The otter number%d \n– afloat ☃ 😀 \"quoted\" \x00\x7f\u2028", n)
	if engine == "falkordb" {
		text = strings.ReplaceAll(text, "\x00", "")
	}
	return text
}

// own fails the test if more of memarc's own stands in a graph than what may stay.
func own(t *testing.T, g *rawgraph.Graph) {
	t.Helper()
	for ask, may := range map[string][]string{
		"MATCH (n) UNWIND labels(n) AS x RETURN DISTINCT x":                               {"MemarcSidecar", "MemarcTable", "MemarcNode"},
		"MATCH (n) WHERE NOT n:MemarcNode UNWIND keys(n) AS x RETURN DISTINCT x":          nil,
		"MATCH ()-[r]->() UNWIND keys(r) AS x RETURN DISTINCT x":                          nil,
		"MATCH ()-[r]->() RETURN DISTINCT type(r) AS x":                                   nil,
		"MATCH (n) WHERE n.memarc_id IS NOT NULL AND NOT n:MemarcNode RETURN 'memarc_id'": nil,
	} {
		for _, row := range g.Ask(t, ask, nil) {
			if name := row[0].(string); strings.HasPrefix(strings.ToLower(name), "memarc") && !slices.Contains(may, name) {
				t.Errorf("%q is left in the graph", name)
			}
		}
	}
}

// moment is a text of the product's as Neo4j has it.
func moment(t testing.TB, iso string) graph.ZonedDateTime {
	t.Helper()
	return graph.ZonedDateTime{Seconds: unix(t, iso), Nanos: nanos(t, iso)}
}

// Both forms in which an edge's times may stand are read as one.
func TestGraphDateForms(t *testing.T) {
	for _, engine := range []string{"neo4j", "falkordb"} {
		t.Run(engine, func(t *testing.T) {
			url := places[engine](t)
			g := rawgraph.Open(t, url)
			g.Run(t, "CREATE (a:Memory {id: 'a', type: 'task', title: 't', content: 'c', created_at: '2026-01-02T03:04:05.000006+00:00', updated_at: 1767323045000, importance: 1}),"+
				" (b:Memory:Extra {id: 'b', type: 'task', title: 't', content: 'c', created_at: '2026-01-02T03:04:05'})"+
				" CREATE (a)-[:SOLVES {id: 'text', valid_from: '2026-01-02T03:04:05.000006+00:00', recorded_at: '2026-01-02T03:04:05+00:00'}]->(b)",
				"MATCH (a:Memory {id: 'a'}), (b:Memory {id: 'b'}) CREATE (b)-[:PREVIOUS {superseded_at: 'now'}]->(a), (a)-[:MENTIONS {confidence: 0.5}]->(:Entity {id: 'e', text: 'Otter', type: 'person'})")
			if engine == "neo4j" {
				g.Run(t, "MATCH (a:Memory {id: 'a'}), (b:Memory {id: 'b'}) CREATE (a)-[:SOLVES {id: 'zoned', valid_from: datetime('2026-01-02T03:04:05.000006Z'), recorded_at: datetime('2026-01-02T04:04:05+01:00')}]->(b)")
			}
			before := g.Dump(t, true)
			archive, report := storetest.Export(t, url, exporter.Options{})
			storetest.SameLedger(t, report.Losses)
			if report.Source.Layout != "memorygraph" {
				t.Errorf("recognised as %+v", report.Source)
			}
			middle := places["sqlite"](t)
			storetest.MustImport(t, middle, archive, store.SinkOptions{Layout: "memarc"})
			for query, want := range map[string]string{
				"SELECT count(*) FROM memories": "2",
				"SELECT count(*) FROM relations WHERE valid_from = 1767323045000006000 AND type = 'SOLVES'": map[string]string{"neo4j": "2", "falkordb": "1"}[engine],
			} {
				if got := storetest.One(t, middle, query); got != want {
					t.Errorf("%s: %s, want %s", query, got, want)
				}
			}
			product := places["sqlite"](t)
			storetest.MustImport(t, product, archive, store.SinkOptions{})
			for _, place := range []string{engine, map[string]string{"neo4j": "falkordb", "falkordb": "neo4j"}[engine]} {
				on := archive
				if place != engine {
					there := places[place](t)
					storetest.MustImport(t, there, archive, store.SinkOptions{})
					var second *exporter.Report
					on, second = storetest.Export(t, there, exporter.Options{})
					storetest.SameLedger(t, second.Losses)
					if second.End.Content != report.End.Content {
						t.Errorf("content digest %s, of the source %s", second.End.Content, report.End.Content)
					}
				}
				home := places[engine](t)
				storetest.MustImport(t, home, on, store.SinkOptions{})
				after := rawgraph.Open(t, home).Dump(t, false)
				storetest.SameDump(t, map[string][]string{"nodes": before["nodes"], "relationships": before["relationships"]}, map[string][]string{"nodes": after["nodes"], "relationships": after["relationships"]})
			}
			back, _ := storetest.Export(t, product, exporter.Options{})
			home := places[engine](t)
			storetest.MustImport(t, home, back, store.SinkOptions{})
			after := rawgraph.Open(t, home).Dump(t, false)
			storetest.SameDump(t, map[string][]string{"nodes": before["nodes"], "relationships": before["relationships"]}, map[string][]string{"nodes": after["nodes"], "relationships": after["relationships"]})
		})
	}
}

func parsed(t testing.TB, iso string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, iso)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func unix(t testing.TB, iso string) int64 { return parsed(t, iso).Unix() }

func nanos(t testing.TB, iso string) int32 { return int32(parsed(t, iso).Nanosecond()) }
