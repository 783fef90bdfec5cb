package pam_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/pam"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

const (
	head = `{"schema": "portable-ai-memory", "schema_version": "1.0", "owner": {"id": "ada"}, `
	one  = `{"id": "m1", "type": "fact", "content": "likes tea", "content_hash": "sha256:x", "temporal": {"created_at": "2025-01-01T00:00:00Z"}, "provenance": {"platform": "chatgpt"}}`
	two  = `{"id":"m2","type":"custom","custom_type":"dream","content":"é😀","content_hash":"","temporal":{"created_at":"2025-01-01T01:00:00+01:00","updated_at":null},"provenance":{"platform":"local","platform_user_id":"u"},"confidence":{"current":0.90},"access":{"exportable":false,"shared_with":[{"entity":"x","permissions":["read"]}]},"metadata":{"x": [1, 2.50],"domain":null}}`
	edge = `{"id": "r1", "from": "m1", "to": "m2", "type": "supports", "created_at": "2025-01-01T00:00:00Z"}`
	bare = `{"schema": "portable-ai-memory-embeddings", "schema_version": "1.0", "embeddings": [`
	vec  = `{"id": "e1", "memory_id": "m1", "model": "voyage-3", "dimensions": 2, "created_at": "2025-01-01T00:00:00Z", "vector": [0.1, 0.10000000149011612]}`
)

// bundles are files as there may be: a memory store, and embeddings if there are any.
var bundles = map[string][2]string{
	"empty":            {head + `"memories": []}`, ""},
	"plain":            {head + `"memories": [` + one + `, ` + two + `], "relations": [` + edge + `]}`, ""},
	"minified":         {strings.NewReplacer(" ", "").Replace(head) + `"memories":[` + two + `]}`, ""},
	"blanks":           {"\r\n" + head + "\t\"memories\" : [\n\n " + one + " \t,\r\n  " + two + "\n ] }\n\n", ""},
	"relations at end": {head + `"memories": [` + one + "," + two + "],\n  \"relations\": [\n    " + edge + "\n  ]\n}\n", ""},
	"relations none":   {head + "\"memories\": [],\n  \"relations\": [\n  ]\n}\n", ""},
	"relations first":  {`{"relations": [` + edge + `], ` + head[1:] + `"memories": [` + one + `, ` + two + `]}`, ""},
	"stale checksum":   {head + `"memories": [` + one + `], "integrity": {"total_memories": 7, "checksum": "sha256:` + strings.Repeat("0", 64) + `", "x": 1}}`, ""},
	"unknown members":  {head + `"mine": {"a": [1]}, "memories": [` + one[:len(one)-1] + `, "mine": 1.50, "tags": 7}]}`, ""},
	"custom names":     {head + `"memories": [` + strings.Replace(two, "dream", "fact", 1) + "," + strings.Replace(strings.Replace(two, `"dream"`, `"custom"`, 1), "m2", "m3", 1) + `]}`, ""},
	"vectors":          {head + `"memories": [` + one + `, ` + two + `]}`, bare + vec + `,` + strings.NewReplacer("e1", "e2", "m1", "m2", "[0.1, 0.10000000149011612]", `null, "storage": {"type": "uri", "ref": "x"}`).Replace(vec) + `]}`},
	"no vectors":       {head + `"memories": [` + one + `]}`, bare + `]}`},
	"vector texts":     {head + `"memories": [` + one + `]}`, bare + strings.Replace(vec, "[0.1,", "[1e300, -0, 7,", 1) + `]}`},
}

func put(t testing.TB, dir string, b [2]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"memory-store.json", "embeddings.json"} {
		if b[i] == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b[i]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func sameBundle(t testing.TB, dir string, b [2]string) {
	t.Helper()
	got := storetest.Contents(t, dir)
	want := 1
	if b[1] != "" {
		want = 2
	}
	if got["memory-store.json"] != b[0] || got["embeddings.json"] != b[1] || len(got) != want {
		t.Errorf("%q\nbecame %q", b, got)
	}
}

// comesHome proves that a bundle comes back byte for byte, from its archive and through
// other products, under one digest.
func comesHome(t *testing.T, b [2]string, layouts ...string) {
	t.Helper()
	dir := t.TempDir()
	source, home := filepath.Join(dir, "source"), filepath.Join(dir, "home")
	put(t, source, b)
	archive, report := storetest.Export(t, source, exporter.Options{})
	if report.Source.Layout != pam.Name || report.Source.Engine != "bundle" {
		t.Errorf("recognised as %+v", report.Source)
	}
	storetest.SameLedger(t, report.Losses)
	storetest.MustImport(t, home+"/?format=pam", archive, store.SinkOptions{})
	sameBundle(t, home, b)
	for _, layout := range layouts {
		there, back := filepath.Join(dir, layout+".db"), filepath.Join(dir, layout)
		storetest.MustImport(t, there, archive, store.SinkOptions{Layout: layout})
		again, second := storetest.Export(t, there, exporter.Options{})
		if second.End.Content != report.End.Content {
			t.Errorf("%s: content digest %s, want %s", layout, second.End.Content, report.End.Content)
		}
		storetest.MustImport(t, back+"/?format=pam", again, store.SinkOptions{})
		sameBundle(t, back, b)
	}
}

func TestBundles(t *testing.T) {
	for name, b := range bundles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			comesHome(t, b, "memarc", []string{"vestige", "memorygraph", "ai-memory"}[len(name)%3])
		})
	}
}

// sources are stores of other products.
var sources = map[string]func(path string) error{
	"vestige":   func(path string) error { return sample.Project(path, 39) },
	"ai-memory": func(path string) error { return sample.AIMemory(path, sample.Lean(60)) },
}

// What the format cannot hold stands in a file of the folder: records of other products
// come home through it.
func TestForeign(t *testing.T) {
	for name, write := range sources {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source, bundle, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "bundle"), filepath.Join(dir, "h.db")
			if err := write(source); err != nil {
				t.Fatal(err)
			}
			archive, report := storetest.Export(t, source, exporter.Options{})
			storetest.MustImport(t, bundle+"/?format=pam", archive, store.SinkOptions{})
			again, second := storetest.Export(t, bundle, exporter.Options{})
			if second.End.Content != report.End.Content {
				t.Errorf("content digest %s, want %s", second.End.Content, report.End.Content)
			}
			storetest.MustImport(t, home, again, store.SinkOptions{Layout: name})
			storetest.Same(t, source, home)
			validate(t, bundle)
		})
	}
	t.Run("anything", func(t *testing.T) {
		t.Parallel()
		bundle := filepath.Join(t.TempDir(), "bundle")
		storetest.MustImport(t, bundle+"/?format=pam", storetest.Records(t), store.SinkOptions{})
		validate(t, bundle)
	})
}

// Files of records and blanks of any kind come back byte for byte.
func TestRandomBundles(t *testing.T) {
	n := 15
	if storetest.Long() {
		n = 1000
	}
	rng := rand.New(rand.NewPCG(storetest.Seed(t), 5))
	for i := range n {
		b := randomBundle(rng)
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			comesHome(t, b, "memarc")
		})
	}
}

func randomBundle(rng *rand.Rand) [2]string {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	blank := func() string { return pick("", "", " ", "\n    ", "\t\r\n") }
	text := func() string {
		return pick(`"a"`, `"\u0061b"`, `"é"`, `"x\ny"`, `"😀"`, `"\/"`, `"\u0000"`, `"  ΑΣ  İ"`)
	}
	value := func() string {
		return pick(text(), "1", "-0.0e5", "null", "true", `{"a":[1, 2]}`, "[]", "{}", "12345678901234567890", "1e400", `["a", "b"]`)
	}
	join := func(open string, items []string, end string) string {
		out := open + blank()
		for i, item := range items {
			if i > 0 {
				out += blank() + "," + blank()
			}
			out += item
		}
		return out + blank() + end
	}
	member := func(name, value string) string { return `"` + name + `"` + blank() + ":" + blank() + value }
	some := func(members []string, names ...string) []string {
		for _, name := range names {
			if rng.IntN(2) == 0 {
				members = append(members, member(name, pick(text(), value())))
			}
		}
		rng.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		return members
	}
	object := func(members []string) string { return join("{", members, "}") }
	var records, vectors, edges []string
	for i := range rng.IntN(6) {
		id := fmt.Sprintf(`"m%d"`, i)
		records = append(records, object(some([]string{member("id", id), member("type", pick(`"fact"`, `"custom"`, text(), `"x"`)), member("content", text()),
			member("temporal", pick(value(), object(some(nil, "created_at", "updated_at", "extra")), `{"created_at": "2025-01-01T00:00:00.5Z"}`)),
			member("provenance", object(some([]string{member("platform", `"local"`)}, "extractor", "platform_user_id", "more")))},
			"custom_type", "status", "content_hash", "summary", "tags", "confidence", "access", "metadata", "other", "embedding_ref")))
		if rng.IntN(2) == 0 {
			vectors = append(vectors, object(some([]string{member("id", id), member("memory_id", id), member("model", `"v"`)}, "dimensions", "created_at", "vector", "storage", "more")))
		}
		edges = append(edges, object(some([]string{member("id", id), member("from", id), member("to", `"m0"`), member("type", text())}, "confidence", "created_at", "more")))
	}
	root := []string{member("schema", `"portable-ai-memory"`), member("schema_version", `"1.0"`), member("owner", object([]string{member("id", text())}))}
	root = append(root, join(member("memories", "["), records, "]"), pick(join(member("relations", "["), edges, "]"), member("since", "null")),
		member("integrity", object(some(nil, "checksum", "total_memories"))))
	b := [2]string{blank() + object(root) + blank()}
	if len(vectors) > 0 {
		b[1] = bare[:len(bare)-1] + join("[", vectors, "]") + "}"
	}
	return b
}
