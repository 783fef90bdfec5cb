package vestige_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
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
			"INSERT INTO memory_connections (source_id, target_id, strength, link_type, created_at, last_activated, activation_count) VALUES ('added', '" + node(0) + "', 0.5, 'semantic', '2026-03-01T00:00:00+00:00', '2026-03-01T00:00:00+00:00', 1)",
		},
		Change: []string{"UPDATE knowledge_nodes SET content = 'the product wrote this', reps = 99, updated_at = '2026-12-01T00:00:00.5+00:00' WHERE id = '" + node(2) + "'"},
		Remove: []string{
			"DELETE FROM knowledge_nodes WHERE id = '" + node(3) + "'", // foreign keys take the rest along
		},
		Changed: 2, Dated: true, Triggered: []string{"vector_journal"},
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

// A store that the product has just made takes an archive of another version and
// stays the version that it is.
func TestFreshProductStore(t *testing.T) {
	for _, v := range []struct{ from, to int }{{11, 12}, {12, 11}, {39, 39}, {38, 39}} {
		t.Run(fmt.Sprintf("V%d into V%d", v.from, v.to), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source, target := dir+"/source.db", dir+"/target.db"
			create(t, source, v.from)
			storetest.Exec(t, target, vestige.CreateStatements(v.to)...)
			archive, report := storetest.Export(t, source, exporter.Options{})
			got, err := storetest.Import(target, archive, store.SinkOptions{Policy: store.Skip}, importer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Rejected() > 0 {
				t.Errorf("%d rejected: %+v", got.Rejected(), got.Rejects[0])
			}
			if version := storetest.One(t, target, "SELECT group_concat(version) FROM schema_version"); version != fmt.Sprint(v.to) {
				t.Errorf("schema_version holds %s", version)
			}
			if n := storetest.One(t, target, "SELECT count(*) FROM knowledge_fts WHERE knowledge_fts MATCH 'otter'"); n != fmt.Sprint(filled) {
				t.Errorf("search finds %s nodes", n)
			}
			// Every memory of the source is there; what the target's version
			// has no column for stands beside it.
			_, after := storetest.Export(t, target, exporter.Options{})
			for _, section := range []string{"memories", "relations", "embeddings", "events", "schedules"} {
				if a, b := report.Sections[section], after.Sections[section]; a.Written != b.Written {
					t.Errorf("section %q: %d records in the source, %d in the target", section, a.Written, b.Written)
				}
			}
		})
	}
}

// A vector whose label has changed in the target brings no space of its own when
// it is skipped, and that is no difference.
func TestSkippedSpace(t *testing.T) {
	dir := t.TempDir()
	source, target := dir+"/source.db", dir+"/target.db"
	create(t, source, 11)
	create(t, target, 11)
	storetest.Exec(t, target, "UPDATE node_embeddings SET model = 'another', dimensions = 3")
	archive, _ := storetest.Export(t, source, exporter.Options{})
	want := storetest.Read(t, target)
	storetest.MustImport(t, target, archive, store.SinkOptions{Policy: store.Skip})
	storetest.SameDump(t, want, storetest.Read(t, target))
}

// A database in another text encoding holds the same texts.
func TestUTF16(t *testing.T) {
	dir := t.TempDir()
	source, restored := dir+"/source.db", dir+"/restored.db"
	storetest.Exec(t, source, "PRAGMA encoding = 'UTF-16le'", "CREATE TABLE seed (x)", "DROP TABLE seed")
	create(t, source, 11)
	if got := storetest.One(t, source, "PRAGMA encoding"); got != "UTF-16le" {
		t.Fatalf("encoding %s", got)
	}
	storetest.Restored(t, source, restored, "")
	storetest.Same(t, source, restored)
}

// Branches of the product reuse version numbers; what they add comes back.
func TestForks(t *testing.T) {
	users := []string{
		"CREATE TABLE users (id TEXT PRIMARY KEY, handle TEXT NOT NULL UNIQUE, display_name TEXT, created_at TEXT NOT NULL, metadata TEXT DEFAULT '{}')",
		"CREATE TABLE groups (id TEXT PRIMARY KEY, handle TEXT NOT NULL UNIQUE, display_name TEXT, created_at TEXT NOT NULL, metadata TEXT DEFAULT '{}')",
		"CREATE TABLE group_memberships (user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE," +
			" role TEXT NOT NULL DEFAULT 'member', joined_at TEXT NOT NULL, PRIMARY KEY (user_id, group_id))",
		"ALTER TABLE knowledge_nodes ADD COLUMN owner_user_id TEXT NOT NULL DEFAULT '00000000-0000-0000-0000-000000000001'",
		"ALTER TABLE knowledge_nodes ADD COLUMN visibility TEXT NOT NULL DEFAULT 'private'",
		"ALTER TABLE knowledge_nodes ADD COLUMN shared_with_groups TEXT NOT NULL DEFAULT '[]'",
		"ALTER TABLE knowledge_nodes ADD COLUMN codebase TEXT",
		"INSERT INTO users VALUES ('u1', 'ada', 'Ada', '2026-01-01T00:00:00+00:00', '{}'), ('u2', 'bob', NULL, '2026-01-01T00:00:00Z', '{\"a\": 1}'), ('u3', 'eve', '', 'long ago', 'malformed')",
		"INSERT INTO groups VALUES ('g1', 'team', 'Team', '2026-01-01T00:00:00+00:00', NULL), ('g2', 'empty', NULL, '', '[]')",
		"INSERT INTO group_memberships VALUES ('u1', 'g1', 'admin', '2026-01-02T00:00:00+00:00'), ('u2', 'g1', 'member', '2026-01-02 00:00:00'), ('nobody', 'g9', 'x', '')",
		"UPDATE knowledge_nodes SET owner_user_id = 'u1', visibility = 'group', shared_with_groups = '[\"g1\"]', codebase = 'core' WHERE rowid = 1",
		"UPDATE knowledge_nodes SET owner_user_id = 'nobody', visibility = 'world', shared_with_groups = 'g1,g2' WHERE rowid = 2",
		"UPDATE knowledge_nodes SET shared_with_groups = '[\"g1\", 5]', codebase = '' WHERE rowid = 3",
		"UPDATE knowledge_nodes SET shared_with_groups = x'00', visibility = '' WHERE rowid = 4",
		"CREATE INDEX idx_nodes_owner ON knowledge_nodes (owner_user_id)",
	}
	for _, fork := range []struct {
		name, version string
		base          int
		add           []string
		ledger        []string
		differs       []string
	}{
		{"tiers on 11", "11", 11, []string{
			"ALTER TABLE knowledge_nodes ADD COLUMN tier TEXT NOT NULL DEFAULT 'hot'",
			"ALTER TABLE knowledge_nodes ADD COLUMN decay_class TEXT DEFAULT 'normal'",
			"ALTER TABLE knowledge_nodes ADD COLUMN \"Odd Name\" REAL",
			"UPDATE knowledge_nodes SET tier = 'cold', decay_class = NULL, \"Odd Name\" = -0.5 WHERE rowid % 2 = 0",
			"CREATE INDEX idx_tier ON knowledge_nodes (tier, decay_class)",
			"CREATE TABLE tier_history (id INTEGER PRIMARY KEY AUTOINCREMENT, node_id TEXT REFERENCES knowledge_nodes (id), tier TEXT)",
			"INSERT INTO tier_history VALUES (7, 'x', 'hot')",
		}, nil, nil},
		{"12 is domains", "11", 11, []string{
			"UPDATE schema_version SET version = 12",
			"CREATE TABLE embedding_model (id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL, dimension INTEGER NOT NULL, hash TEXT NOT NULL, created_at TEXT NOT NULL)",
			"INSERT INTO embedding_model VALUES (1, 'm', 768, 'h', '2026-01-01')",
			"ALTER TABLE knowledge_nodes ADD COLUMN domains TEXT NOT NULL DEFAULT '[]'",
			"ALTER TABLE knowledge_nodes ADD COLUMN domain_scores TEXT NOT NULL DEFAULT '{}'",
			"UPDATE knowledge_nodes SET domains = '[\"d\"]', domain_scores = '{\"d\":0.25}' WHERE rowid = 2",
		}, []string{"schema-check embedding_model 1"}, nil},
		{"15 is users", "14", 14, append([]string{"UPDATE schema_version SET version = 15"}, users...), nil, nil},
		{"users on 39", "39", 39, users, nil, nil},
		{"39 is purge_tombstones", "38", 38, []string{
			"UPDATE schema_version SET version = 39",
			"ALTER TABLE memory_connections ADD COLUMN edge_meta TEXT",
			"ALTER TABLE memory_connections ADD COLUMN created_by_run TEXT",
			"UPDATE memory_connections SET edge_meta = '{\"sha\":\"x\", \"span\":[1,2]}', created_by_run = 'r' WHERE rowid = 1",
			"CREATE TABLE purge_tombstones (purged_id TEXT PRIMARY KEY, purged_at TEXT NOT NULL, reason TEXT, prior_content_hash TEXT)",
			"INSERT INTO purge_tombstones VALUES ('p', '2026-01-01T00:00:00+00:00', NULL, 'abc')",
		}, nil, nil},
		{"a newer version", "39", 39, []string{
			"UPDATE schema_version SET version = 40",
			"CREATE TABLE next_things (id TEXT PRIMARY KEY, v ANY) STRICT",
			"INSERT INTO next_things VALUES ('a', 1.5)",
		}, nil, nil},
		{"columns with constraints of their own", "11", 11, []string{
			"ALTER TABLE knowledge_nodes ADD COLUMN parent TEXT REFERENCES knowledge_nodes (id) ON DELETE SET NULL",
			"ALTER TABLE knowledge_nodes ADD COLUMN rank INTEGER CHECK (rank > 0)",
			"CREATE TRIGGER my_own AFTER DELETE ON knowledge_nodes BEGIN SELECT 1; END",
			"DROP INDEX idx_nodes_retention",
		}, []string{"schema-check knowledge_nodes 1", "schema-trigger my_own 1"}, []string{"schema-differs knowledge_nodes 1"}},
	} {
		t.Run(fork.name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, storetest.Config{
				Layout: "vestige", Version: fork.version, Brief: fork.base > 20, Changed: 2, Dated: true, Triggered: []string{"vector_journal"},
				Create: func(t testing.TB, path string) {
					create(t, path, fork.base)
					storetest.Exec(t, path, append([]string{"PRAGMA foreign_keys=0"}, fork.add...)...)
				},
				Ledger: fork.ledger, Differs: fork.differs, SchemaDiffers: fork.ledger != nil,
				Add: config(fork.base).Add, Change: config(fork.base).Change, Remove: config(fork.base).Remove,
			})
		})
	}
}

// What the product's columns should not hold comes back byte for byte.
func TestPoison(t *testing.T) {
	storetest.Run(t, storetest.Config{
		Layout: "vestige", Version: "39", Changed: 2, Dated: true, Triggered: []string{"vector_journal"},
		Create: func(t testing.TB, path string) {
			create(t, path, 39)
			poison := []string{
				"PRAGMA foreign_keys=0",
				"ALTER TABLE knowledge_nodes ADD COLUMN \"my \"\"own\"\" 'column'\"",
				"CREATE TABLE \"not a table; of 'vestige'\" (\"a b\" TEXT, c)",
				"INSERT INTO \"not a table; of 'vestige'\" VALUES ('x', 1), ('x', 1), (NULL, x'ff')",
				"INSERT INTO memory_connections VALUES ('a', 'a', 1, 'self', 't', 't', 1), ('A', 'a', 9e999, 'case', '', '', NULL), ('nobody', 'nowhere', -1e-320, '', x'00', 't', 'many'), (x'61', 'a', 1, x'62', 't', 't', 1.5)",
				"INSERT INTO memory_access_log (node_id, access_type, accessed_at) VALUES ('nobody', 'x', 'never'), (x'00', x'00', 5)",
				"INSERT INTO domains VALUES ('odd', 'l', x'0000803f00', 'not json', -1, 'never'), ('even', 'l', 'text', '[1]', 1, '2026-01-01T00:00:00Z')",
			}
			// Every value in every free column of a node, and of its vector.
			columns := []string{"content", "node_type", "created_at", "updated_at", "last_accessed", "stability", "reps", "learning_state", "retention_strength", "next_review",
				"scheduled_days", "source", "tags", "valid_from", "valid_until", "scope", "waking_tag", "times_retrieved", "domains", "domain_scores", "author_actor_did", "\"my \"\"own\"\" 'column'\""}
			for i, v := range storetest.Values {
				if strings.HasPrefix(v, "(9e999") { // NaN, which SQLite turns into NULL
					continue
				}
				var values []string
				for range columns {
					value := v
					if len(values) < 5 && v == "NULL" || columns[len(values)] == "domains" && v == "NULL" || columns[len(values)] == "domain_scores" && v == "NULL" {
						value = "''"
					}
					values = append(values, value)
				}
				poison = append(poison, fmt.Sprintf("INSERT INTO knowledge_nodes (id, %s) VALUES ('poison %d', %s)", strings.Join(columns, ", "), i, strings.Join(values, ", ")))
				if v != "NULL" {
					poison = append(poison, fmt.Sprintf("INSERT INTO node_embeddings VALUES ('poison %d', %s, %s, %s, %s, %s)", i, v, v, v, v, v))
				}
			}
			for i, id := range []string{"NULL", "x'00'", "''", "x''", "'id'", "'ID'", "'Id' || char(0)", "CAST(x'ff' AS TEXT)", "CAST(x'fe' AS TEXT)"} {
				poison = append(poison, fmt.Sprintf("INSERT INTO knowledge_nodes (id, content, created_at, updated_at, last_accessed, reps) VALUES (%s, 'id %d', 't', 't', 't', %d)", id, i, i))
			}
			storetest.Exec(t, path, poison...)
		},
		Add: config(39).Add, Change: config(39).Change, Remove: append([]string{"DELETE FROM knowledge_nodes WHERE id LIKE 'poison %7'"}, config(39).Remove...),
	})
}
