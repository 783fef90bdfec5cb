package sample

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/internal/layout/aimemory"
)

// aiMemoryVersion is the schema version of the stores that AIMemory writes.
const aiMemoryVersion = 54

// AIMemory writes an ai-memory store of version 54 to path, as the product leaves it:
// in WAL mode, closed.
func AIMemory(path string, size Size) error {
	temporary := path + ".part"
	defer os.Remove(temporary)
	c, err := open(temporary)
	if err != nil {
		return err
	}
	b := &builder{conn: c}
	tables, objects := split(aimemory.CreateStatements(aiMemoryVersion))
	b.exec("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA cache_size=-65536")
	b.exec(tables...)
	b.exec("BEGIN")
	b.aiMemories(size)
	b.exec(objects...)
	b.exec("INSERT INTO memories_fts(memories_fts) VALUES ('rebuild')", "COMMIT", "PRAGMA locking_mode=NORMAL", "PRAGMA journal_mode=WAL")
	if err := c.Close(); b.err == nil {
		b.err = err
	}
	if b.err != nil {
		return b.err
	}
	return os.Rename(temporary, path)
}

// aiMemories writes memories with their vectors, and links between them.
func (b *builder) aiMemories(size Size) {
	r := rand.New(rand.NewPCG(17, uint64(size.Memories)))
	zipf := rand.NewZipf(r, 1.1, 8, uint64(len(words)-1))
	memories := b.prepare(`INSERT INTO memories (id, tier, namespace, title, content, tags, priority, confidence, source, access_count,
		created_at, updated_at, last_accessed_at, expires_at, metadata, memory_kind, embedding, embedding_dim) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`)
	links := b.prepare(`INSERT OR IGNORE INTO memory_links (source_id, target_id, relation, created_at, valid_from, attest_level) VALUES (?,?,?,?,?,'unsigned')`)
	kinds := []string{"observation", "observation", "reflection", "decision", "event", "concept"}
	agents := []string{"ai:assistant@desk", "ai:reviewer@desk", "human:ada"}
	scopes := []string{"private", "team", "collective"}
	ids := make([]string, size.Memories)
	values, raw := make([]float64, size.Dimension), []byte(nil)
	var text strings.Builder
	for i := range ids {
		ids[i] = uuid(r)
		text.Reset()
		sentences(&text, r, zipf, size.Least+r.IntN(size.Most-size.Least))
		at := moment(r)
		var accessed, expires any
		if r.IntN(2) == 0 {
			accessed = moment(r)
		}
		tier := "long"
		if r.IntN(4) == 0 {
			tier, expires = "mid", "2099-01-01T00:00:00.000000001+00:00" // far enough not to pass while a store is in use
		}
		raw = vector(r, values, append(raw[:0], 1)) // the product's mark of little-endian elements
		b.insert(memories, ids[i], tier, fmt.Sprintf("projects/%s", words[r.IntN(12)]), fmt.Sprintf("%s %s #%d", words[r.IntN(200)], words[r.IntN(200)], i),
			text.String(), fmt.Sprintf(`["%s","%s"]`, words[r.IntN(200)], words[r.IntN(200)]), 1+r.IntN(10), r.Float64(), "claude", r.IntN(40),
			at, at, accessed, expires, fmt.Sprintf(`{"agent_id":"%s","scope":"%s"}`, agents[r.IntN(len(agents))], scopes[r.IntN(len(scopes))]),
			kinds[r.IntN(len(kinds))], raw, size.Dimension)
	}
	relations := []string{"related_to", "supersedes", "contradicts", "derived_from"}
	for range size.Relations {
		at := moment(r)
		b.insert(links, ids[r.IntN(len(ids))], ids[r.IntN(len(ids))], relations[r.IntN(len(relations))], at, at)
	}
	for _, s := range []*sqlite3.Stmt{memories, links} {
		if s != nil {
			s.Close()
		}
	}
}
