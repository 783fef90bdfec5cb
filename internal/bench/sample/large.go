package sample

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"github.com/memarc/memarc/internal/layout/vestige"
)

// A Size says how large a store is to be.
type Size struct {
	Memories, Relations int
	Dimension           int // of the vectors
	Least, Most         int // bytes of a memory's text
}

// Full is a store like those of people who have used the product for long.
func Full(memories int) Size { return Size{memories, 2 * memories, 384, 300, 1700} }

// Lean is a store of the same shape that is made faster.
func Lean(memories int) Size { return Size{memories, memories, 64, 80, 240} }

// Large writes a vestige store of version 11 to path, as the product leaves it:
// in WAL mode, closed.
func Large(path string, size Size) (err error) {
	temporary := path + ".part"
	defer os.Remove(temporary)
	c, err := open(temporary)
	if err != nil {
		return err
	}
	b := &builder{conn: c}
	tables, objects := split(vestige.CreateStatements(11))
	b.exec("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA cache_size=-65536")
	b.exec(tables...)
	b.exec("BEGIN")
	b.fill(size)
	b.exec(objects...)
	b.exec("INSERT INTO knowledge_fts(knowledge_fts) VALUES ('rebuild')", "COMMIT", "PRAGMA locking_mode=NORMAL", "PRAGMA journal_mode=WAL")
	if err := c.Close(); b.err == nil {
		b.err = err
	}
	if b.err != nil {
		return b.err
	}
	return os.Rename(temporary, path)
}

func open(path string) (*sqlite3.Conn, error) {
	sqlite3.AutoExtension(fts5.Register)
	return sqlite3.Open("file:" + path)
}

// split parts statements into those that must come before the rows and those
// that are faster after them.
func split(statements []string) (tables, objects []string) {
	for _, s := range statements {
		switch {
		case strings.HasPrefix(s, "CREATE INDEX"), strings.HasPrefix(s, "CREATE UNIQUE INDEX"),
			strings.HasPrefix(s, "CREATE TRIGGER"), strings.HasPrefix(s, "CREATE VIRTUAL TABLE"):
			objects = append(objects, s)
		default:
			tables = append(tables, s)
		}
	}
	return tables, objects
}

// A builder writes a store; it keeps the first error.
type builder struct {
	conn *sqlite3.Conn
	err  error
}

func (b *builder) exec(statements ...string) {
	for _, s := range statements {
		if b.err != nil {
			return
		}
		if err := b.conn.Exec(s); err != nil {
			b.err = fmt.Errorf("%s: %w", s, err)
		}
	}
}

func (b *builder) prepare(sql string) *sqlite3.Stmt {
	if b.err != nil {
		return nil
	}
	s, _, err := b.conn.Prepare(sql)
	if err != nil {
		b.err = fmt.Errorf("%s: %w", sql, err)
	}
	return s
}

// insert binds the values and runs the statement.
func (b *builder) insert(s *sqlite3.Stmt, values ...any) {
	if b.err != nil {
		return
	}
	for i, v := range values {
		var err error
		switch v := v.(type) {
		case nil:
			err = s.BindNull(i + 1)
		case int:
			err = s.BindInt(i+1, v)
		case float64:
			err = s.BindFloat(i+1, v)
		case string:
			err = s.BindText(i+1, v)
		case []byte:
			err = s.BindBlob(i+1, v)
		default:
			err = fmt.Errorf("value %d is a %T", i, v)
		}
		if err != nil {
			b.err = err
			return
		}
	}
	s.Step()
	if b.err = s.Err(); b.err == nil {
		b.err = s.Reset()
	}
}

// vector appends a random direction of unit length as little-endian float32.
func vector(r *rand.Rand, values []float64, out []byte) []byte {
	var sum float64
	for i := range values {
		values[i] = r.NormFloat64()
		sum += float64(values[i] * values[i])
	}
	norm := math.Sqrt(sum)
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v/norm)))
	}
	return out
}

func (b *builder) fill(size Size) {
	const model = "all-MiniLM-L6-v2"
	r := rand.New(rand.NewPCG(11, uint64(size.Memories)))
	zipf := rand.NewZipf(r, 1.1, 8, uint64(len(words)-1))
	nodes := b.prepare(`INSERT INTO knowledge_nodes (id, content, node_type, created_at, updated_at, last_accessed, stability, difficulty, reps, lapses,
		learning_state, storage_strength, retrieval_strength, retention_strength, next_review, scheduled_days, source, tags, has_embedding, embedding_model)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,1,'` + model + `')`)
	vectors := b.prepare(`INSERT INTO node_embeddings (node_id, embedding, dimensions, model, created_at) VALUES (?,?,?,'` + model + `',?)`)
	edges := b.prepare(`INSERT OR IGNORE INTO memory_connections (source_id, target_id, strength, link_type, created_at, last_activated, activation_count) VALUES (?,?,?,?,?,?,?)`)
	kinds := []string{"fact", "concept", "procedure", "event", "decision", "pattern"}
	ids := make([]string, size.Memories)
	values, raw := make([]float64, size.Dimension), []byte(nil)
	var text strings.Builder
	for i := range ids {
		ids[i] = uuid(r)
		text.Reset()
		sentences(&text, r, zipf, size.Least+r.IntN(size.Most-size.Least))
		at := moment(r)
		b.insert(nodes, ids[i], text.String(), kinds[r.IntN(len(kinds))], at, at, moment(r), r.Float64()*10, r.Float64()*10, r.IntN(20), r.IntN(3),
			"review", r.Float64(), r.Float64(), r.Float64(), moment(r), r.IntN(60), "conversation",
			fmt.Sprintf(`["%s","%s"]`, words[r.IntN(200)], words[r.IntN(200)]))
		raw = vector(r, values, raw[:0])
		b.insert(vectors, ids[i], raw, size.Dimension, at)
	}
	links := []string{"semantic", "temporal", "causal", "part_of"}
	for range size.Relations {
		b.insert(edges, ids[r.IntN(len(ids))], ids[r.IntN(len(ids))], r.Float64(), links[r.IntN(len(links))], moment(r), moment(r), r.IntN(50))
	}
	for _, s := range []*sqlite3.Stmt{nodes, vectors, edges} {
		if s != nil {
			s.Close()
		}
	}
}
