package embed

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A server speaks both interfaces. The vector of a text is its length and its first
// byte.
type server struct {
	*httptest.Server
	// fault, if set, answers a request itself; attempts count from 1.
	fault func(attempt int, w http.ResponseWriter, r *http.Request) bool
	// form gives the order and the form of OpenAI's vectors.
	form func(i int, v []float32) (index int, embedding any)

	mu       sync.Mutex
	attempts int
	asked    [][]string
	headers  []http.Header
}

func vectorOf(text string) []float32 { return []float32{float32(len(text)), float32(text[0]), 0.1} }

func serve(t *testing.T) *server {
	s := &server{form: func(i int, v []float32) (int, any) { return i, v }}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.attempts++
	attempt := s.attempts
	s.headers = append(s.headers, r.Header)
	s.mu.Unlock()
	if s.fault != nil && s.fault(attempt, w, r) {
		return
	}
	var q question
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Method != http.MethodPost || q.Model != "small" {
		http.Error(w, fmt.Sprintf("%s %+v: %v", r.Method, q, err), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, q.Input)
	s.mu.Unlock()
	type item struct {
		Index     int `json:"index"`
		Embedding any `json:"embedding"`
	}
	var items []item
	var plain [][]float32
	for i, text := range q.Input {
		index, embedding := s.form(i, vectorOf(text))
		items, plain = append(items, item{index, embedding}), append(plain, vectorOf(text))
	}
	slices.SortFunc(items, func(a, b item) int { return b.Index - a.Index }) // the order is the index's, not the array's
	var answer any
	switch r.URL.Path {
	case "/v1/embeddings":
		answer = map[string]any{"object": "list", "data": items}
	case "/api/embed":
		answer = map[string]any{"model": q.Model, "embeddings": plain}
	default:
		http.NotFound(w, r)
		return
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func inBase64(v []float32) string {
	var raw []byte
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// count returns how many requests there were, good or bad.
func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

// client asks the server, without long waits.
func client(t *testing.T, o Options) *Client {
	t.Helper()
	o.Model = "small"
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.http.RetryWaitMin, c.http.RetryWaitMax = time.Millisecond, 50*time.Millisecond
	return c
}

// fails fails unless the error says all that, and nothing secret.
func fails(t *testing.T, err error, says ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
	for _, secret := range []string{"sk-secret", "p4ssword", "q-secret", base64.StdEncoding.EncodeToString([]byte("me:p4ssword"))} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q shows a secret", err)
		}
	}
}
