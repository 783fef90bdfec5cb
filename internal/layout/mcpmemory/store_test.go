package mcpmemory_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/layout/mcpmemory"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// dimension of the vectors of the tests' stores.
const dimension = "8"

// statements create an empty store of a version, as the product does.
func statements(version int) []string {
	sized := func(sql string) string { return strings.ReplaceAll(sql, store.DimensionMark, dimension) }
	schema := mcpmemory.Layout().Schema.At(version)
	var out []string
	for _, t := range schema.Tables {
		out = append(out, sized(t.CreateSQL()))
	}
	for _, s := range schema.Seeds {
		out = append(out, s.SQL)
	}
	for _, o := range schema.Objects {
		out = append(out, o.SQL)
	}
	return out
}

// content and hash are those of memory i, in ASCII so that the hash is plain to see.
func content(i int) string { return fmt.Sprintf("  Memory NUMBER %d says 'this'\n", i) }

func hash(i int) string {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(content(i)))))
	return hex.EncodeToString(sum[:])
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// create makes a store of n memories with vectors, of which some are deleted, and edges.
func create(t testing.TB, path string, version, n int) {
	random := rand.New(rand.NewPCG(7, uint64(version)))
	all := statements(version)
	for i := 1; i <= n; i++ {
		deleted := "NULL"
		if i%9 == 0 {
			deleted = fmt.Sprintf("%.6f", 1767225600.25+float64(i))
		}
		at := 1.7e9 + float64(i)*1000.123456
		all = append(all, fmt.Sprintf("INSERT INTO memories (id, content_hash, content, tags, memory_type, metadata, created_at, updated_at, created_at_iso, updated_at_iso, deleted_at, store) VALUES (%d, '%s', %s, %s, %s, %s, %s, %s, '2023-11-14T22:13:20Z', '2023-11-14T22:13:20.5Z', %s, '%s')",
			3*i, hash(i), quote(content(i)), []string{"'untagged'", "'a,b c,ü'", "''", "'a, b,'", "NULL"}[i%5], []string{"'observation'", "'my own'", "NULL"}[i%3],
			[]string{`'{}'`, `'{"a": [1, 2.50, "\u00e9"]}'`, "'no JSON'", "NULL"}[i%4], number(at), number(at+0.1), deleted, []string{"default", "work"}[i/5%2]))
		if deleted == "NULL" {
			all = append(all, fmt.Sprintf("INSERT INTO memory_embeddings (rowid, content_embedding, store) VALUES (%d, x'%s', '%s')", 3*i, vector(random), []string{"default", "work"}[i/5%2]))
		}
		if version >= 11 {
			all = append(all, fmt.Sprintf("UPDATE memories SET parent_id = %s, version = %d, confidence = %g, last_accessed = %d WHERE id = %d", quote(hash(1)), i%3+1, float64(i%10)/10, 1.7e9+i, 3*i))
		}
		if version >= 9 && i > 2 {
			all = append(all, fmt.Sprintf("INSERT INTO memory_graph VALUES ('%s', '%s', %s, '[\"semantic\", \"temporal\"]', '{\"context\": \"why\"}', %s, '%s')", hash(i), hash(i-1), number(random.Float64()), number(at), []string{"causes", "related", "odd"}[i%3]))
		}
		if version >= 12 && i%10 == 0 {
			all = append(all, fmt.Sprintf("INSERT INTO beliefs (belief_hash, content, created_at, updated_at, derived_from) VALUES ('b%d', 'believed', '2026-01-01T00:00:00', '2026-01-02', '[\"%s\"]')", i, hash(i)))
		}
	}
	all = append(all, "DELETE FROM memory_embeddings WHERE rowid = 6",
		"INSERT INTO memory_embeddings (rowid, content_embedding, store) VALUES (100001, x'"+vector(random)+"', NULL)") // of no memory
	storetest.Exec(t, path, all...)
}

// number writes a double so that SQLite reads the same.
func number(f float64) string {
	s := fmt.Sprintf("%.17g", f)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

func vector(random *rand.Rand) string {
	var out strings.Builder
	for range 8 {
		bits := math.Float32bits(random.Float32() - 0.5)
		fmt.Fprintf(&out, "%02x%02x%02x%02x", byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
	}
	return out.String()
}
