package embed_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/embed"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// models makes vectors in the interfaces of OpenAI and of Ollama. The vector of a text
// is made of its bytes.
type models struct {
	*httptest.Server
	mu        sync.Mutex
	dimension int
	after     int // requests, after which it gives vectors of one element more; 0 for never
	most      int // requests, after which it is out of order; 0 for no limit
	requests  []int
}

func newModels(t *testing.T, dimension int) *models {
	m := &models{dimension: dimension}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m
}

func vectorFor(text string, dimension int) []float32 {
	sum := float32(0)
	for _, b := range []byte(text) {
		sum = sum*31/37 + float32(b)
	}
	v := make([]float32, dimension)
	for i := range v {
		v[i] = sum / float32(3*i+7)
	}
	return v
}

func (m *models) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q struct{ Input []string }
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, len(q.Input))
	if m.most > 0 && len(m.requests) > m.most {
		http.Error(w, "out of order", http.StatusNotImplemented)
		return
	}
	dimension := m.dimension
	if m.after > 0 && len(m.requests) > m.after {
		dimension++
	}
	var data []map[string]any
	var plain [][]float32
	for i, text := range q.Input {
		v := vectorFor(text, dimension)
		data, plain = append(data, map[string]any{"index": i, "embedding": v}), append(plain, v)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data, "embeddings": plain})
}

// job is the work of the command on the store at a location.
func (m *models) job(t *testing.T, where, kind string) *embed.Job {
	t.Helper()
	endpoint := m.URL
	if kind == "openai" {
		endpoint += "/v1"
	}
	client, err := embed.New(embed.Options{Endpoint: endpoint, API: kind, Model: "new", Batch: 8})
	if err != nil {
		t.Fatal(err)
	}
	return &embed.Job{Client: client, Space: "new", Group: 16, Writer: "test",
		Source: func(ctx context.Context) (store.Source, error) {
			return all.Registry().OpenSource(ctx, where, "")
		},
		Sink: func(ctx context.Context, man *format.Manifest) (store.Sink, error) {
			return all.Registry().OpenSink(ctx, where, man, store.SinkOptions{Policy: store.Overwrite, Reembed: true})
		}}
}

const memories = 40

// places are the stores to be given vectors: of what product, on which engine.
func places(t *testing.T) map[string]func(t *testing.T) string {
	size := sample.Size{Memories: memories, Relations: 50, Dimension: 384, Least: 40, Most: 90}
	mine := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "aimemory.db")
		if err := sample.AIMemory(path, size); err != nil {
			t.Fatal(err)
		}
		return path
	}
	other := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "vestige.db")
		if err := sample.Large(path, size); err != nil {
			t.Fatal(err)
		}
		return path
	}
	into := func(from func(*testing.T) string, target func(testing.TB) string, layout string) func(*testing.T) string {
		return func(t *testing.T) string {
			archive, _ := storetest.Export(t, from(t), exporter.Options{})
			where := target(t)
			if _, err := storetest.Import(where, archive, store.SinkOptions{Layout: layout}, importer.Options{}); err != nil {
				t.Fatal(err)
			}
			return where
		}
	}
	file := func(t testing.TB) string { return filepath.Join(t.TempDir(), "own.db") }
	return map[string]func(*testing.T) string{
		"sqlite vestige": other, "sqlite ai-memory": mine, "sqlite memarc": into(other, file, "memarc"),
		"postgres vestige": into(other, pgserver.New, ""), "postgres ai-memory": into(mine, pgserver.New, ""), "postgres memarc": into(mine, pgserver.New, "memarc"),
	}
}

// held reads a store: the digests of all sections but those that are about vectors,
// and the vectors of the new space by memory.
func held(t *testing.T, where string) (digests map[string]string, vectors map[string][]byte, texts map[string]string) {
	t.Helper()
	archive, report := storetest.Export(t, where, exporter.Options{})
	digests, vectors, texts = map[string]string{}, map[string][]byte{}, map[string]string{}
	for _, s := range report.End.Sections {
		if s.Name != format.Embeddings && s.Name != format.Spaces {
			digests[s.Name] = s.Digest.String()
		}
	}
	r, err := format.NewReader(bytes.NewReader(archive), format.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var rows []string // memories without what says that they have a vector
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		for row := range b.Rows {
			switch b.Section.Name {
			case format.Memories:
				var line []byte
				for i, f := range b.Section.Fields {
					if f.Name != "vestige.has_embedding" && f.Name != "vestige.embedding_model" {
						line = b.Columns[i].AppendValue(append(line, f.Name...), row)
					}
				}
				rows = append(rows, string(line))
				text := b.Column("content").String(row)
				if c := b.Column("title"); c != nil && !c.Null(row) {
					text = c.String(row) + "\n" + text
				}
				texts[b.Column("id").String(row)] = text
			case format.Embeddings:
				if c := b.Column("space"); !c.Null(row) && c.String(row) == "new" {
					vectors[b.Column("memory_id").String(row)] = bytes.Clone(b.Column("vector").Bytes(row))
				} else if c.Null(row) {
					vectors[b.Column("memory_id").String(row)] = bytes.Clone(b.Column("vector").Bytes(row))
				}
			}
		}
		b.Release()
	}
	slices.Sort(rows)
	digests[format.Memories] = fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(rows, "\x00"))))
	delete(digests, "vestige.embedding_model") // it names the new model
	return digests, vectors, texts
}

func raw(v []float32) (out []byte) {
	for _, x := range v {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
	}
	return out
}

// exact fails unless every memory has the vector of its text, bit for bit, and
// everything else is as it was.
func exact(t *testing.T, where string, dimension int, before map[string]string) {
	t.Helper()
	digests, vectors, texts := held(t, where)
	for id, text := range texts {
		if !bytes.Equal(vectors[id], raw(vectorFor(text, dimension))) {
			t.Errorf("memory %s has not the vector of its text, but one of %d bytes", id, len(vectors[id]))
			break
		}
	}
	for name, digest := range before {
		if digests[name] != digest {
			t.Errorf("section %s has changed", name)
		}
	}
	if len(texts) != memories || len(digests) != len(before) {
		t.Errorf("%d memories, sections %v, before %v", len(texts), digests, before)
	}
}

// Vectors of another dimension arrive in every store bit for bit, in batches, from
// both interfaces; after a failure only those that are missing are made.
func TestJob(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			where := place(t)
			before, _, _ := held(t, where)
			had, dimension := 16, 24
			if strings.HasSuffix(name, "ai-memory") {
				had = 0 // it does not say of which model its vectors are
			}
			m := newModels(t, dimension)
			m.most = 3
			res, err := m.job(t, where, "openai").Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), "out of order") && !strings.Contains(err.Error(), "501") {
				t.Fatalf("%v", err)
			}
			if res.Made != 16 {
				t.Errorf("%d vectors were made before the endpoint died", res.Made)
			}
			if digests, _, _ := held(t, where); fmt.Sprint(digests) != fmt.Sprint(before) {
				t.Errorf("after a failure other records have changed: %v, %v", before, digests)
			}
			m.most, m.requests = 0, nil
			if res, err = m.job(t, where, "ollama").Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if res.Had != int64(had) || res.Made != int64(memories-had) || len(res.Rejects) != 0 || res.Memories != memories {
				t.Errorf("the second run: %+v", res)
			}
			if len(m.requests) != (memories-had)/8 {
				t.Errorf("requests %v", m.requests)
			}
			exact(t, where, dimension, before)
			if res, err = m.job(t, where, "ollama").Run(t.Context()); err != nil || had > 0 && (res.Made != 0 || res.Had != memories) {
				t.Errorf("the third run: %+v, %v", res, err)
			}
		})
	}
}

// An endpoint that changes its mind about the dimension is refused, and no group is
// written in half.
func TestJobOtherDimension(t *testing.T) {
	place := places(t)["sqlite ai-memory"]
	where := place(t)
	before, _, _ := held(t, where)
	m := newModels(t, 24)
	m.after = 3
	res, err := m.job(t, where, "openai").Run(t.Context())
	if err == nil || res.Made != 16 {
		t.Fatalf("%+v, %v", res, err)
	}
	t.Log(err)
	digests, vectors, texts := held(t, where)
	made := 0
	for id, text := range texts {
		if bytes.Equal(vectors[id], raw(vectorFor(text, 24))) {
			made++
		}
	}
	if made != 16 || fmt.Sprint(digests) != fmt.Sprint(before) {
		t.Errorf("%d vectors, %v, before %v", made, digests, before)
	}
}

// A product of the store finds its vectors marked.
func TestJobVestigeMarks(t *testing.T) {
	where := places(t)["sqlite vestige"](t)
	storetest.Exec(t, where, "UPDATE knowledge_nodes SET has_embedding=0, embedding_model=NULL", "DELETE FROM node_embeddings")
	m := newModels(t, 24)
	if _, err := m.job(t, where, "openai").Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := storetest.One(t, where, "SELECT count(*) || ' ' || min(has_embedding) || ' ' || min(embedding_model) || ' ' || max(embedding_model) FROM knowledge_nodes"); got != "40 1 new new" {
		t.Errorf("count, has_embedding, embedding_model: %s", got)
	}
}
