package mem0_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/store/storetest"
)

// id is the identifier of the nth memory.
func id(n int) string { return fmt.Sprintf("6f1e0000-0000-4000-8000-%012d", n) }

// vector is the nth vector, as a literal of SQL: little-endian float32.
func vector(n, dimension int) string {
	var out strings.Builder
	for i := range dimension {
		bits := math.Float32bits(float32(n%97)/97 + float32(i)/8 - 0.5)
		fmt.Fprintf(&out, "%02x%02x%02x%02x", byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
	}
	return "x'" + out.String() + "'"
}

func sum(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// quoted is a string as JSON.stringify writes it.
func quoted(s string) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err)
	}
	return strings.NewReplacer("\\u2028", "\u2028", "\\u2029", "\u2029").Replace(strings.TrimSpace(out.String()))
}

// body is the payload of the nth memory: first as the library writes it that extracts
// memories, then as it writes texts that it is given, then others.
func body(n int) string {
	data := fmt.Sprintf("Memory %d: \"Ada\" likes tea ☃ 😀 \\ \n\t\x7f", n)
	text, hash, at := quoted(data), sum(data), fmt.Sprintf("2026-0%d-1%dT08:15:0%d.%03dZ", n%9+1, n%10, n%7, n%1000)
	switch n % 12 {
	case 0: // given, never updated
		return fmt.Sprintf(`{"category":"drinks","n":{"x":[1,2.5,null,true]},"user_id":"ada","data":%s,"hash":"%s","textLemmatized":"ada like tea","createdAt":"%s"}`, text, hash, at)
	case 1: // and updated, with an expiration
		return fmt.Sprintf(`{"user_id":"ada","expiration_date":"2030-01-01","data":%s,"hash":"%s","textLemmatized":"ada like tea","createdAt":"%s","updatedAt":"%s"}`, text, hash, at, at)
	case 2: // of the first library, in camel case
		return fmt.Sprintf(`{"userId":"bob","agentId":"otter","data":%s,"hash":"%s","createdAt":"%s"}`, text, hash, at)
	case 3: // of the Python library
		return fmt.Sprintf(`{"user_id":"ada","data":%s,"hash":"%s","created_at":"2025-06-01T08:15:02.123456-07:00"}`, text, hash)
	case 4: // of both
		return fmt.Sprintf(`{"user_id":"ada","data":%s,"created_at":"2025-06-01T08:15:02.123456+00:00","createdAt":"%s"}`, text, at)
	case 5: // nobody's
		return fmt.Sprintf(`{"data":%s,"hash":null,"user_id":7,"role":["x"]}`, text)
	}
	return fmt.Sprintf(`{"topic":"t%d","user_id":"ada","agent_id":"otter","run_id":"r%d","data":%s,"textLemmatized":"ada like tea","hash":"%s","createdAt":"%s","updatedAt":"%s","attributedTo":"user"}`,
		n, n, text, hash, at, at)
}

// statements are what the TypeScript library runs to make its file.
var statements = []string{
	"CREATE TABLE IF NOT EXISTS vectors (id TEXT PRIMARY KEY, vector BLOB NOT NULL, payload TEXT NOT NULL)",
	"CREATE TABLE IF NOT EXISTS memory_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL UNIQUE)",
	"INSERT INTO memory_migrations (user_id) VALUES ('k3j2h1g0f9')",
}

// create makes a store of the TypeScript library, at last with rows that it never wrote.
func create(t testing.TB, path string, n int, odd bool) {
	t.Helper()
	storetest.Exec(t, path, statements...)
	insert := func(id, vector, payload string) {
		storetest.Exec(t, path, "INSERT INTO vectors VALUES ("+id+", "+vector+", "+payload+")")
	}
	for i := range n {
		insert(text(id(i)), vector(i, 8), text(body(i)))
	}
	if !odd {
		return
	}
	insert(text(id(9001)), "x''", text(body(6)))                    // without a vector
	insert(text(id(9002)), vector(1, 3), text(body(7)))             // of another space
	insert(text(id(9003)), "x'0102030405'", text(body(8)))          // no vector
	insert(text(id(9004)), "'text'", text("not JSON"))              // nor a payload
	insert("'no uuid'", vector(2, 8), text(`{"data": "spaced" }`))  // another's spelling
	insert(text(id(9005)), vector(3, 8), "x'00ff'")                 // bytes
	insert(text(id(9006)), vector(3, 8), text(`{"data":"\u0000"}`)) // U+0000
	insert(text(id(9007)), vector(3, 8), text(`["data"]`))          // no object
	insert(text(id(9008)), vector(3, 8), text(`{"data":"Ada","entityType":"PROPER","linkedMemoryIds":["`+id(1)+`"],"user_id":"ada"}`))
}

func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
