package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"github.com/memarc/memarc/internal/layout/vestige"
)

// words is the vocabulary of the generated memories; Zipf's law picks them.
var words = func() []string {
	const consonants, vowels = "bcdfghklmnprstvz", "aeiou"
	r := rand.New(rand.NewPCG(7, 7))
	out := make([]string, 6000)
	for i := range out {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			b.WriteByte(consonants[r.IntN(len(consonants))])
			b.WriteByte(vowels[r.IntN(len(vowels))])
			if r.IntN(3) == 0 {
				b.WriteByte(consonants[r.IntN(len(consonants))])
			}
		}
		out[i] = b.String()
	}
	return out
}()

func sentence(b *strings.Builder, r *rand.Rand, zipf *rand.Zipf, size int) {
	for start := b.Len(); b.Len()-start < size; {
		b.WriteString(words[zipf.Uint64()])
		switch r.IntN(12) {
		case 0:
			b.WriteString(". ")
		case 1:
			b.WriteString(", ")
		case 2:
			fmt.Fprintf(b, " %d ", r.IntN(100000))
		default:
			b.WriteByte(' ')
		}
	}
}

func uuid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xFFFF, a&0xFFF, b>>48&0x3FFF|0x8000, b&0xFFFFFFFFFFFF)
}

// vector returns a random direction of unit length as little-endian float32.
func vector(r *rand.Rand, dim int, out []byte) []byte {
	var sum float64
	values := make([]float64, dim)
	for i := range values {
		values[i] = r.NormFloat64()
		sum += values[i] * values[i]
	}
	norm := math.Sqrt(sum)
	out = out[:0]
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v/norm)))
	}
	return out
}

// generate writes a vestige store of version 11: memories with vectors of 384
// dimensions, and relations between them.
func generate(path string, memories, relations int) error {
	sqlite3.AutoExtension(fts5.Register)
	c, err := sqlite3.Open("file:" + path)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, s := range append([]string{"PRAGMA page_size=4096", "PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF"}, vestige.CreateStatements(11)...) {
		if strings.HasPrefix(s, "PRAGMA page_size = ") {
			continue
		}
		if err := c.Exec(s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	if err := c.Exec("BEGIN"); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(11, uint64(memories)))
	zipf := rand.NewZipf(r, 1.1, 8, uint64(len(words)-1))
	ids := make([]string, memories)
	insert := func(sql string) *sqlite3.Stmt {
		s, _, prepareErr := c.Prepare(sql)
		if err == nil {
			err = prepareErr
		}
		return s
	}
	nodes := insert(`INSERT INTO knowledge_nodes (id, content, node_type, created_at, updated_at, last_accessed, stability, difficulty, reps, lapses,
		learning_state, storage_strength, retrieval_strength, retention_strength, next_review, scheduled_days, source, tags, has_embedding, embedding_model)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,1,'all-MiniLM-L6-v2')`)
	vectors := insert(`INSERT INTO node_embeddings (node_id, embedding, dimensions, model, created_at) VALUES (?,?,384,'all-MiniLM-L6-v2',?)`)
	edges := insert(`INSERT OR IGNORE INTO memory_connections (source_id, target_id, strength, link_type, created_at, last_activated, activation_count) VALUES (?,?,?,?,?,?,?)`)
	if err != nil {
		return err
	}
	stamp := func() string {
		return fmt.Sprintf("2026-%02d-%02dT%02d:%02d:%02d.%09d+00:00", 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e9))
	}
	kinds := []string{"fact", "concept", "procedure", "event", "decision", "pattern"}
	var text strings.Builder
	var vec []byte
	for i := range ids {
		ids[i] = uuid(r)
		text.Reset()
		sentence(&text, r, zipf, 300+r.IntN(1400))
		at := stamp()
		bindText(nodes, 1, ids[i], text.String(), kinds[r.IntN(len(kinds))], at, at, stamp())
		for n := 7; n <= 8; n++ {
			nodes.BindFloat(n, r.Float64()*10)
		}
		nodes.BindInt(9, r.IntN(20))
		nodes.BindInt(10, r.IntN(3))
		nodes.BindText(11, "review")
		for n := 12; n <= 14; n++ {
			nodes.BindFloat(n, r.Float64())
		}
		bindText(nodes, 15, stamp())
		nodes.BindInt(16, r.IntN(60))
		bindText(nodes, 17, "conversation", fmt.Sprintf(`["%s","%s"]`, words[r.IntN(200)], words[r.IntN(200)]))
		if err := step(nodes); err != nil {
			return err
		}
		vec = vector(r, 384, vec)
		vectors.BindText(1, ids[i])
		vectors.BindBlob(2, vec)
		vectors.BindText(3, at)
		if err := step(vectors); err != nil {
			return err
		}
	}
	links := []string{"semantic", "temporal", "causal", "part_of"}
	for range relations {
		bindText(edges, 1, ids[r.IntN(memories)], ids[r.IntN(memories)])
		edges.BindFloat(3, r.Float64())
		bindText(edges, 4, links[r.IntN(len(links))], stamp(), stamp())
		edges.BindInt(7, r.IntN(50))
		if err := step(edges); err != nil {
			return err
		}
	}
	return c.Exec("COMMIT")
}

func bindText(s *sqlite3.Stmt, from int, values ...string) {
	for i, v := range values {
		s.BindText(from+i, v)
	}
}

func step(s *sqlite3.Stmt) error {
	s.Step()
	if err := s.Err(); err != nil {
		return err
	}
	return s.Reset()
}
