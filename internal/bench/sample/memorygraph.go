package sample

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/internal/layout/memorygraph"
)

// MemoryGraph writes a memorygraph store of version 10 to path, as the product leaves
// it: closed, with a rollback journal. It has no vectors.
func MemoryGraph(path string, size Size) error {
	temporary := path + ".part"
	defer os.Remove(temporary)
	c, err := open(temporary)
	if err != nil {
		return err
	}
	b := &builder{conn: c}
	tables, objects := split(memorygraph.CreateStatements(10))
	b.exec("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA cache_size=-65536")
	b.exec(tables...)
	b.exec("BEGIN")
	b.nodes(size)
	b.exec(objects...)
	b.exec("COMMIT", "PRAGMA locking_mode=NORMAL", "PRAGMA journal_mode=DELETE")
	if err := c.Close(); b.err == nil {
		b.err = err
	}
	if b.err != nil {
		return b.err
	}
	return os.Rename(temporary, path)
}

// pythonTimes are a moment as Python's isoformat and as SQLite's CURRENT_TIMESTAMP.
func pythonTimes(r *rand.Rand) (iso, row string) {
	at := start.Add(time.Duration(r.Int64N(int64(365 * 24 * time.Hour)))).Truncate(time.Microsecond)
	iso = at.Format("2006-01-02T15:04:05.000000+00:00")
	if at.Nanosecond() == 0 {
		iso = at.Format("2006-01-02T15:04:05+00:00")
	}
	return iso, at.Format(time.DateTime)
}

// nodes writes memories and the edges between them, with the JSON texts that Python's
// json.dumps makes of their properties: ASCII alone, so nothing is escaped.
func (b *builder) nodes(size Size) {
	r := rand.New(rand.NewPCG(23, uint64(size.Memories)))
	zipf := rand.NewZipf(r, 1.1, 8, uint64(len(words)-1))
	nodes := b.prepare("INSERT INTO nodes VALUES (?, 'Memory', ?, ?, ?)")
	edges := b.prepare("INSERT INTO relationships VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, NULL)")
	kinds := []string{"task", "code_pattern", "problem", "solution", "technology", "error", "fix", "workflow", "general"}
	ids := make([]string, size.Memories)
	var text strings.Builder
	for i := range ids {
		ids[i] = uuid(r)
		text.Reset()
		sentences(&text, r, zipf, size.Least+r.IntN(size.Most-size.Least))
		created, row := pythonTimes(r)
		p := fmt.Sprintf(`{"id": "%s", "type": "%s", "title": "%s %s", "content": "%s", "tags": ["%s", "%s"], "importance": %d.%d, "confidence": 0.8, "usage_count": %d, "created_at": "%s", "updated_at": "%s"`,
			ids[i], kinds[r.IntN(len(kinds))], words[r.IntN(200)], words[r.IntN(200)], strings.TrimSpace(text.String()), words[r.IntN(200)], words[r.IntN(200)], 0, r.IntN(9)+1, r.IntN(40), created, created)
		if r.IntN(2) == 0 {
			at, _ := pythonTimes(r)
			p += fmt.Sprintf(`, "context_project_path": "/work/%s", "context_files_involved": ["%s.go"], "context_languages": ["go"], "context_frameworks": "[]", "context_technologies": "[]", "context_timestamp": "%s",`+
				` "context_session_id": "%d", "context_additional_metadata": "{}", "context_visibility": "project"`, words[r.IntN(12)], words[r.IntN(200)], at, r.IntN(1000))
		}
		b.insert(nodes, ids[i], p+"}", row, row)
	}
	types := []string{"SOLVES", "CAUSES", "RELATED_TO", "DEPENDS_ON", "BUILDS_ON"}
	for range size.Relations {
		id := uuid(r)
		at, row := pythonTimes(r)
		p := fmt.Sprintf(`{"strength": 0.%d, "confidence": 0.8, "context": null, "evidence_count": %d, "success_rate": null, "created_at": "%s", "last_validated": "%s", "validation_count": 0,`+
			` "counter_evidence_count": 0, "valid_from": "%s", "valid_until": null, "recorded_at": "%s", "invalidated_by": null, "id": "%s"}`, r.IntN(9)+1, r.IntN(5), at, at, at, at, id)
		b.insert(edges, id, ids[r.IntN(len(ids))], ids[r.IntN(len(ids))], types[r.IntN(len(types))], p, row, at, at)
	}
	for _, s := range []*sqlite3.Stmt{nodes, edges} {
		if s != nil {
			s.Close()
		}
	}
}
