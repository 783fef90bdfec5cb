package vestige_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/layout/vestige"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// node is the identifier of the node of a row.
func node(row int) string { return fmt.Sprintf("6f1e%04x-0000-4000-8000-00000000000%d", row, row) }

func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func digest(row int) string { return text(strings.Repeat(fmt.Sprintf("%08x", row+10), 8)) }

// values are what the schema's CHECK constraints or the meaning ask for, by
// column or by table.column.
var values = map[string]func(row int) string{
	"knowledge_nodes.id":           func(r int) string { return text(node(r)) },
	"knowledge_nodes.content":      func(r int) string { return text(fmt.Sprintf("The otter number%d sleeps\n– afloat ☃ 'quoted'", r)) },
	"node_id":                      func(r int) string { return text(node(r)) },
	"memory_id":                    func(r int) string { return text(node(r)) },
	"original_id":                  func(r int) string { return text(node(r)) },
	"memory_connections.source_id": func(r int) string { return text(node(r)) },
	"memory_connections.target_id": func(r int) string { return text(node(r * 2 % 7)) },
	"knowledge_edges.source_id":    func(r int) string { return text(node(r)) },
	"knowledge_edges.target_id":    func(r int) string { return text(node(r + 1)) },
	"tags": func(r int) string {
		return text([]string{`[]`, `["a","ü ☃"]`, `["one, two"]`, `["a", "b"]`, `not json`}[r%5])
	},
	"domains":                             func(r int) string { return text(`["d"]`) },
	"top_terms":                           func(r int) string { return text(`["x","y"]`) },
	"node_embeddings.embedding":           func(r int) string { return fmt.Sprintf("x'0000803f0000%02x40'", r) },
	"embedding_profile_vectors.embedding": func(r int) string { return fmt.Sprintf("x'0000803f0000%02x41'", r) },
	"dimensions":                          func(r int) string { return "2" },
	"model":                               func(r int) string { return text([]string{"all-MiniLM-L6-v2", "nomic-ai/nomic-embed-text-v1.5"}[r%2]) },
	"state":                               func(r int) string { return text("active") },
	"event_state":                         func(r int) string { return text("open") },
	"privacy_state":                       func(r int) string { return text("redacted") },
	"replayable":                          func(r int) string { return fmt.Sprint(r % 2) },
	"decay_risk":                          func(r int) string { return text("medium") },
	"algorithm":                           func(r int) string { return text("ed25519") },
	"public_key":                          func(r int) string { return fmt.Sprintf("x'%s'", strings.Repeat(fmt.Sprintf("%02x", r), 32)) },
	"nonce":                               func(r int) string { return fmt.Sprintf("x'%s'", strings.Repeat(fmt.Sprintf("%02x", r+40), 32)) },
	"receipt_signing_keys.status":         func(r int) string { return text("retired") },
	"erasure_jobs.status":                 func(r int) string { return text("committed") },
	"erasure_jobs.failure_code":           func(r int) string { return text("operator_cancelled") },
	"sequence":                            func(r int) string { return fmt.Sprint(r + 1) },
	"receipt_envelopes.sequence":          func(r int) string { return "0" },
	"previous_entry_digest":               func(r int) string { return "NULL" },
	"receipt_chain_state.last_sequence":   func(r int) string { return "0" },
	"relation":                            func(r int) string { return text("summarizes") },
	"knowledge_nodes.scope":               func(r int) string { return text("user") },
	"erasure_jobs.scope":                  func(r int) string { return text("legacy_audited_purge") },
	"erasure_tombstones.scope":            func(r int) string { return text("post_lineage_verified_local") },
	"surface":                             func(r int) string { return text("vector_index") },
	"erasure_steps.action":                func(r int) string { return text("verify") },
	"verification_status":                 func(r int) string { return text("passed") },
	"detail_code":                         func(r int) string { return text("index_rebuilt_no_target_hit") },
	"op":                                  func(r int) string { return text("upsert") },
	"endorsement_kind":                    func(r int) string { return text("oppose") },
	"embedding_model.id":                  func(r int) string { return "1" },
	"resolved_weight":                     func(r int) string { return "1.25" },
	"weight_prior":                        func(r int) string { return "1.1" },
	"domain_scores":                       func(r int) string { return text(`{"d": 0.5}`) },
}

// once are the tables that may hold one row, or the product's start rows alone.
var once = []string{"schema_version", "erasure_generation_counter", "embedding_profile_state", "actor_policy_state", "vector_journal"}

const filled = 4 // rows a table

// create makes a store of the version with rows in every table.
func create(t testing.TB, path string, version int) {
	t.Helper()
	c := storetest.Open(t, path)
	defer c.Close()
	for _, s := range append([]string{"PRAGMA foreign_keys=0"}, vestige.CreateStatements(version)...) {
		if err := c.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	f := storetest.Filler{Skip: once, Rows: map[string]int{"embedding_model": 1}, Value: func(table, column string, row int) string {
		if f := values[table+"."+column]; f != nil {
			return f(row)
		}
		if f := values[column]; f != nil {
			return f(row)
		}
		if strings.Contains(column, "digest") || strings.HasSuffix(column, "fingerprint") || strings.HasSuffix(column, "commitment") {
			return digest(row)
		}
		return ""
	}}
	f.Fill(t, c, filled)
}

func config(version int) storetest.Config {
	return storetest.Config{
		Layout: "vestige", Version: fmt.Sprint(version),
		Create: func(t testing.TB, path string) { create(t, path, version) },
		Add: []string{
			"INSERT INTO knowledge_nodes (id, content, created_at, updated_at, last_accessed) VALUES ('added', 'an added badger', " +
				"'2026-03-01T00:00:00+00:00', '2026-03-01T00:00:00+00:00', '2026-03-01T00:00:00+00:00')",
			"INSERT INTO memory_connections VALUES ('added', '" + node(0) + "', 0.5, 'semantic', '2026-03-01T00:00:00+00:00', '2026-03-01T00:00:00+00:00', 1)",
		},
		Change: []string{"UPDATE knowledge_nodes SET content = 'the product wrote this', updated_at = '2026-12-01T00:00:00.5+00:00' WHERE id = '" + node(2) + "'"},
		Remove: []string{
			"DELETE FROM knowledge_nodes WHERE id = '" + node(3) + "'", // foreign keys take the rest along
		},
		Changed: 1, Dated: true,
	}
}

func TestConformance(t *testing.T) {
	for _, version := range []int{4, 11, 39} {
		t.Run(fmt.Sprintf("V%d", version), func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, config(version))
		})
	}
}

// Every version comes back with the same rows and the same schema, and its
// full-text search works.
func TestVersionsComeBack(t *testing.T) {
	for _, version := range vestige.Versions() {
		t.Run(fmt.Sprintf("V%d", version), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source, restored := dir+"/source.db", dir+"/restored.db"
			create(t, source, version)
			_, report := storetest.Restored(t, source, restored, "")
			storetest.SameLedger(t, report.Losses)
			if report.Source.Version != fmt.Sprint(version) {
				t.Errorf("recognised as version %s", report.Source.Version)
			}
			storetest.Same(t, source, restored)
			storetest.SameLines(t, storetest.Schema(t, source), storetest.Schema(t, restored))
			for _, path := range []string{source, restored} {
				storetest.Exec(t, path, "INSERT INTO knowledge_fts(knowledge_fts, rank) VALUES ('integrity-check', 1)")
				for query, want := range map[string]string{"number2": "1", "otter": fmt.Sprint(filled), "badger": "0"} {
					if got := storetest.One(t, path, "SELECT count(*) FROM knowledge_fts f JOIN knowledge_nodes n ON n.rowid = f.rowid"+
						" WHERE knowledge_fts MATCH "+text(query)); got != want {
						t.Errorf("%s: MATCH %s finds %s rows, want %s", path, query, got, want)
					}
				}
				storetest.Exec(t, path, config(version).Remove[0]) // triggers work
			}
			if got := storetest.One(t, restored, "SELECT count(*) FROM knowledge_fts WHERE knowledge_fts MATCH 'number3'"); got != "0" {
				t.Errorf("a deleted node is still found")
			}
		})
	}
}

var _ = exporter.Options{}
var _ = store.SinkOptions{}
