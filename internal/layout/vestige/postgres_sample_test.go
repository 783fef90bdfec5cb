package vestige_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/layout/vestige"
	"github.com/memarc/memarc/internal/store/storetest"
)

// What a planned store holds.
const (
	plannedMemories = 250 // and as many schedules
	plannedEdges    = 50
	plannedReviews  = 50
	plannedAccesses = 50 // rows of the access log
	plannedUsers    = 4  // with the local one
	plannedGroups   = 2
	plannedMembers  = 4
	plannedDomains  = 5
)

// reviewTables are the two ways in which the plan gives the table of reviews.
var reviewTables = map[string]string{
	"states": "CREATE TABLE review_events (id INTEGER PRIMARY KEY AUTOINCREMENT, memory_id TEXT NOT NULL REFERENCES knowledge_nodes(id) ON DELETE CASCADE," +
		" timestamp TEXT NOT NULL, rating INTEGER NOT NULL, prior_state TEXT NOT NULL, new_state TEXT NOT NULL)",
	"retrievability": "CREATE TABLE review_events (id INTEGER PRIMARY KEY AUTOINCREMENT, memory_id TEXT NOT NULL REFERENCES knowledge_nodes(id) ON DELETE CASCADE," +
		" occurred_at TEXT NOT NULL, retrievability_before REAL, retrievability_after REAL, rating INTEGER NOT NULL, kind TEXT, metadata TEXT NOT NULL DEFAULT '{}')",
}

// plannedTables are what the plan adds to a store: users, groups and owners.
var plannedTables = []string{
	"CREATE TABLE users (id TEXT PRIMARY KEY, handle TEXT NOT NULL UNIQUE, display_name TEXT, created_at TEXT NOT NULL, metadata TEXT NOT NULL DEFAULT '{}')",
	"CREATE TABLE groups (id TEXT PRIMARY KEY, handle TEXT NOT NULL UNIQUE, display_name TEXT, created_at TEXT NOT NULL, metadata TEXT NOT NULL DEFAULT '{}')",
	"CREATE TABLE group_memberships (user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE, group_id TEXT NOT NULL REFERENCES groups(id) ON DELETE CASCADE," +
		" role TEXT NOT NULL DEFAULT 'member', joined_at TEXT NOT NULL, PRIMARY KEY (user_id, group_id))",
	"ALTER TABLE knowledge_nodes ADD COLUMN owner_user_id TEXT NOT NULL DEFAULT '00000000-0000-0000-0000-000000000001'",
	"ALTER TABLE knowledge_nodes ADD COLUMN visibility TEXT NOT NULL DEFAULT 'private'",
	"ALTER TABLE knowledge_nodes ADD COLUMN shared_with_groups TEXT NOT NULL DEFAULT '[]'",
	"ALTER TABLE knowledge_nodes ADD COLUMN codebase TEXT",
	"CREATE INDEX idx_nodes_owner_user_id ON knowledge_nodes(owner_user_id)",
}

func plannedUUID(kind string, i int) string { return fmt.Sprintf("%s-0000-4000-8000-%012x", kind, i) }

func plannedMemory(i int) string { return plannedUUID("6f1e0000", i) }
func plannedUser(i int) string {
	if i == 0 {
		return "00000000-0000-0000-0000-000000000001"
	}
	return plannedUUID("05e40000", i)
}
func plannedGroup(i int) string { return plannedUUID("64009000", i) }

// insert is one statement that inserts rows made of SQL literals.
func insert(table, columns string, n int, row func(i int) []string) string {
	var rows []string
	for i := range n {
		rows = append(rows, "("+strings.Join(row(i), ", ")+")")
	}
	return "INSERT INTO " + table + " (" + columns + ") VALUES " + strings.Join(rows, ", ")
}

func number[T int | float64](v T) string { return fmt.Sprint(v) }

// moment is a time as the product writes it, with nanoseconds now and then.
func moment(i int) string {
	fraction := []string{"", ".120", ".123456", ".123456789"}[i%4]
	return text(fmt.Sprintf("2026-02-%02dT%02d:%02d:%02d%s+00:00", 1+i%28, i%24, i%60, i%60, fraction))
}

// planned makes a SQLite store of the branch that the plan of the PostgreSQL backend
// asks for, on top of a version; reviews names one of reviewTables.
func planned(t testing.TB, path string, version int, reviews string) {
	t.Helper()
	shared := func(i int) string {
		switch i % 5 {
		case 0:
			return text(`["` + plannedGroup(i%plannedGroups) + `"]`)
		case 1:
			return text(`["` + plannedGroup(0) + `","` + plannedGroup(1) + `"]`)
		}
		return text("[]")
	}
	statements := append(vestige.CreateStatements(version), plannedTables...)
	statements = append(statements, reviewTables[reviews],
		insert("users", "id, handle, display_name, created_at, metadata", plannedUsers, func(i int) []string {
			return []string{text(plannedUser(i)), text([]string{"local", "ada", "bob", "eve"}[i]), text(fmt.Sprintf("User %d ☃", i)), moment(i), text(fmt.Sprintf(`{"n": %d}`, i))}
		}),
		insert("groups", "id, handle, created_at", plannedGroups, func(i int) []string {
			return []string{text(plannedGroup(i)), text(fmt.Sprintf("team-%d", i)), moment(i)}
		}),
		insert("group_memberships", "user_id, group_id, role, joined_at", plannedMembers, func(i int) []string {
			return []string{text(plannedUser(1 + i%3)), text(plannedGroup(i / 3)), text([]string{"member", "admin"}[i%2]), moment(i)}
		}),
		insert("domains", "id, label, centroid, top_terms, memory_count, created_at", plannedDomains, func(i int) []string {
			return []string{text(fmt.Sprintf("domain-%d", i)), text("Label"), fmt.Sprintf("x'0000803f000000400000404000%02x0041'", i), text(`["sea","otter"]`), number(i), moment(i)}
		}),
		insert("knowledge_nodes", "id, content, node_type, created_at, updated_at, last_accessed, stability, difficulty, retrieval_strength, reps, lapses, next_review, tags,"+
			" has_embedding, embedding_model, domains, domain_scores, owner_user_id, visibility, shared_with_groups, codebase", plannedMemories, func(i int) []string {
			codebase := "NULL"
			if i%3 == 0 {
				codebase = text("memarc")
			}
			return []string{text(plannedMemory(i)), text(fmt.Sprintf("The otter number%d sleeps\n– afloat ☃ 'quoted'", i)), text([]string{"fact", "event", "person"}[i%3]),
				moment(i), moment(i + 1), moment(i + 2), number(1.5 + float64(i)), number(0.1 + float64(i%10)), number(0.7), number(i % 9), number(i % 3), moment(i + 40),
				text([]string{`[]`, `["a","ü ☃"]`, `["one, two"]`}[i%3]), "1", text("small"), text([]string{`[]`, `["domain-1"]`}[i%2]), text([]string{`{}`, `{"domain-1":0.5}`}[i%2]),
				text(plannedUser(i % plannedUsers)), text([]string{"private", "group", "public"}[i%3]), shared(i), codebase}
		}),
		insert("node_embeddings", "node_id, embedding, dimensions, model, created_at", plannedMemories, func(i int) []string {
			return []string{text(plannedMemory(i)), fmt.Sprintf("x'0000803f000000400000404000%02x8041'", i), "4", text("small"), moment(i)}
		}),
		insert("memory_connections", "source_id, target_id, strength, link_type, created_at, last_activated, activation_count", plannedEdges, func(i int) []string {
			return []string{text(plannedMemory(i)), text(plannedMemory(i * 7 % plannedMemories)), number(0.25), text([]string{"semantic", "causal"}[i%2]), moment(i), moment(i + 3), number(i)}
		}),
		insert("memory_access_log", "node_id, access_type, accessed_at", plannedAccesses, func(i int) []string {
			return []string{text(plannedMemory(i)), text("search_hit"), moment(i)}
		}),
	)
	if reviews == "states" {
		statements = append(statements, insert("review_events", "memory_id, timestamp, rating, prior_state, new_state", plannedReviews, func(i int) []string {
			return []string{text(plannedMemory(i)), moment(i), number(1 + i%4), text(fmt.Sprintf(`{"reps": %d, "stability": 1.50}`, i)), text(fmt.Sprintf(`{"reps":%d}`, i+1))}
		}))
	} else {
		statements = append(statements, insert("review_events", "memory_id, occurred_at, retrievability_before, retrievability_after, rating, kind, metadata", plannedReviews, func(i int) []string {
			return []string{text(plannedMemory(i)), moment(i), number(0.5), number(0.9), number(1 + i%4), text("review"), text(`{"by":"cli"}`)}
		}))
	}
	storetest.Exec(t, path, statements...)
}
