package embed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func texts(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = strings.Repeat(string(rune('a'+i%26)), 1+i)
	}
	return out
}

func TestEmbed(t *testing.T) {
	for _, path := range []string{"/v1", "/v1/embeddings", "/api", "/api/embed"} {
		for _, parallel := range []int{0, 4} {
			t.Run(fmt.Sprintf("%s by %d", path, parallel), func(t *testing.T) {
				s := serve(t)
				s.form = func(i int, v []float32) (int, any) {
					if i%2 == 1 {
						return i, inBase64(v)
					}
					return i, v
				}
				c := client(t, Options{Endpoint: s.URL + path, Batch: 7, Parallel: parallel, Key: "sk-secret"})
				all := texts(50)
				got, err := c.Embed(t.Context(), all)
				if err != nil {
					t.Fatal(err)
				}
				for i, text := range all {
					if !reflect.DeepEqual(got[i], vectorOf(text)) {
						t.Errorf("text %d: %v", i, got[i])
					}
				}
				if len(s.asked) != 8 || c.Dimension() != 3 {
					t.Errorf("%d requests, dimension %d", len(s.asked), c.Dimension())
				}
				if got := s.headers[0].Get("Authorization"); got != "Bearer sk-secret" {
					t.Errorf("Authorization: %q", got)
				}
			})
		}
	}
}

func TestNothing(t *testing.T) {
	s := serve(t)
	got, err := client(t, Options{Endpoint: s.URL + "/v1"}).Embed(t.Context(), nil)
	if err != nil || len(got) != 0 || s.count() != 0 {
		t.Errorf("%v, %v, %d requests", got, err, s.count())
	}
}

// A batch is full by its bytes too; a long text goes alone.
func TestBatchBytes(t *testing.T) {
	s := serve(t)
	long := strings.Repeat("x", batchBytes+1)
	half := strings.Repeat("y", batchBytes/2)
	if _, err := client(t, Options{Endpoint: s.URL + "/v1"}).Embed(t.Context(), []string{"a", long, half, half, "b", "c"}); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, batch := range s.asked {
		sizes = append(sizes, len(batch))
	}
	if !reflect.DeepEqual(sizes, []int{1, 1, 2, 2}) {
		t.Errorf("batches of %v texts", sizes)
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct{ endpoint, api, address, kind string }{
		{"https://api.example/v1", "", "https://api.example/v1/embeddings", OpenAI},
		{"https://api.example/v1/", "", "https://api.example/v1/embeddings", OpenAI},
		{"https://api.example/d/embeddings?api-version=1", "", "https://api.example/d/embeddings?api-version=1", OpenAI},
		{"http://localhost:11434", "", "http://localhost:11434/api/embed", Ollama},
		{"http://localhost:11434/v1", "", "http://localhost:11434/v1/embeddings", OpenAI},
		{"http://box/ollama/api/", "", "http://box/ollama/api/embed", Ollama},
		{"http://box/ollama", Ollama, "http://box/ollama/api/embed", Ollama},
		{"http://box:8080", "", "http://box:8080/embeddings", OpenAI},
	} {
		u, kind, err := resolve(c.endpoint, c.api)
		if err != nil || u.String() != c.address || kind != c.kind {
			t.Errorf("%s: %v, %s, %v", c.endpoint, u, kind, err)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{Endpoint: "http://x"}, // no model
		{Model: "m"},
		{Model: "m", Endpoint: "ftp://u:p4ssword@x"},
		{Model: "m", Endpoint: "http://u:p4ssword@x:port"},
		{Model: "m", Endpoint: "http://"},
		{Model: "m", Endpoint: "http://x", API: "grpc"},
		{Model: "m", Endpoint: "http://x", Dimensions: -1},
		{Model: "m", Endpoint: "http://x", Dimensions: maxDimension + 1},
		{Model: "m", Endpoint: "http://x", Batch: -1},
	} {
		c, err := New(o)
		if c != nil {
			t.Errorf("%+v: a client", o)
		}
		fails(t, err)
	}
}

// status answers attempts up to the last one with a code.
func status(last, code int, header ...string) func(int, http.ResponseWriter, *http.Request) bool {
	return func(attempt int, w http.ResponseWriter, r *http.Request) bool {
		if attempt > last {
			return false
		}
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		http.Error(w, "busy; you said "+r.Header.Get("Authorization"), code)
		return true
	}
}

func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name     string
		fault    func(int, http.ResponseWriter, *http.Request) bool
		attempts int
		says     []string // empty: it goes well in the end
	}{
		{"429, then well", status(2, http.StatusTooManyRequests), 3, nil},
		{"500, then well", status(3, http.StatusInternalServerError), 4, nil},
		{"a wait of an hour is cut short", status(1, http.StatusTooManyRequests, "Retry-After", "3600"), 2, nil},
		{"a date as the wait", status(1, http.StatusServiceUnavailable, "Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)), 2, nil},
		{"500 for good", status(100, http.StatusInternalServerError), 4, []string{"status 500", "busy"}},
		{"429 for good", status(100, http.StatusTooManyRequests), 4, []string{"status 429", "(key)"}},
		{"401", status(100, http.StatusUnauthorized), 1, []string{"status 401", "Bearer (key)"}},
		{"404", status(100, http.StatusNotFound), 1, []string{"status 404"}},
		{"a redirect", status(100, http.StatusTemporaryRedirect, "Location", "http://elsewhere.invalid/"), 1, []string{"status 307"}},
		{"a broken connection", func(attempt int, _ http.ResponseWriter, _ *http.Request) bool {
			if attempt < 3 {
				panic(http.ErrAbortHandler)
			}
			return false
		}, 3, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t)
			s.fault = c.fault
			got, err := client(t, Options{Endpoint: s.URL + "/v1", Key: "sk-secret", Retries: 3}).Embed(t.Context(), []string{"a"})
			if c.says != nil {
				fails(t, err, c.says...)
			} else if err != nil || !reflect.DeepEqual(got, [][]float32{vectorOf("a")}) {
				t.Errorf("%v, %v", got, err)
			}
			if s.count() != c.attempts {
				t.Errorf("%d attempts", s.count())
			}
		})
	}
}

// A server's wait is kept.
func TestRetryAfter(t *testing.T) {
	s := serve(t)
	s.fault = status(1, http.StatusTooManyRequests, "Retry-After", "1")
	c := client(t, Options{Endpoint: s.URL + "/v1"})
	c.http.RetryWaitMax = longWait
	start := time.Now()
	if _, err := c.Embed(t.Context(), []string{"a"}); err != nil || time.Since(start) < time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

func answers(body string) func(int, http.ResponseWriter, *http.Request) bool {
	return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, body)
		return true
	}
}

func TestBadAnswers(t *testing.T) {
	nan := inBase64([]float32{1, float32(math.NaN())})
	inf := inBase64([]float32{float32(math.Inf(-1)), 1})
	for _, c := range []struct{ name, path, body, says string }{
		{"too few", "/v1", `{"data":[{"index":0,"embedding":[1,2]}]}`, "1 vectors for 2 texts"},
		{"too few", "/api", `{"embeddings":[[1,2]]}`, "1 vectors for 2 texts"},
		{"too many", "/api", `{"embeddings":[[1,2],[1,2],[1,2]]}`, "3 vectors"},
		{"nothing", "/v1", `{}`, "0 vectors"},
		{"an error with status 200", "/v1", `{"error":{"message":"no"}}`, "0 vectors"},
		{"an index twice", "/v1", `{"data":[{"index":1,"embedding":[1]},{"index":1,"embedding":[1]}]}`, "index 1"},
		{"an index too large", "/v1", `{"data":[{"index":1,"embedding":[1]},{"index":2,"embedding":[1]}]}`, "index 2"},
		{"an index too small", "/v1", `{"data":[{"index":-1,"embedding":[1]},{"index":0,"embedding":[1]}]}`, "index -1"},
		{"no vector", "/v1", `{"data":[{"index":0,"embedding":[1]},{"index":1}]}`, "missing"},
		{"null", "/v1", `{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":null}]}`, "null"},
		{"null within", "/api", `{"embeddings":[[1,2],[1,null]]}`, "null"},
		{"an empty vector", "/api", `{"embeddings":[[1,2],[]]}`, "0 dimensions"},
		{"two dimensions", "/api", `{"embeddings":[[1,2],[1,2,3]]}`, "3 dimensions, 2 were"},
		{"not a number", "/v1", `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":"` + nan + `"}]}`, "NaN"},
		{"infinite", "/v1", `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":"` + inf + `"}]}`, "-Inf"},
		{"beyond float32", "/api", `{"embeddings":[[1,2],[1,1e39]]}`, "1e39"},
		{"bad base64", "/v1", `{"data":[{"embedding":"!"},{"embedding":"AAAA"}]}`, "base64"},
		{"bytes too few", "/v1", `{"data":[{"embedding":"AAAA"},{"embedding":"AAAA"}]}`, "3 bytes"},
		{"a page", "/v1", `<html>login</html>`, "invalid character"},
		{"cut off", "/v1", `{"data":[{"index":0,"emb`, "unexpected end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t)
			s.fault = answers(c.body)
			_, err := client(t, Options{Endpoint: s.URL + c.path}).Embed(t.Context(), []string{"a", "b"})
			fails(t, err, c.says)
		})
	}
}

// Without indices the order of the array counts.
func TestNoIndex(t *testing.T) {
	s := serve(t)
	s.fault = answers(`{"data":[{"embedding":[1,0]},{"embedding":[2,0]}]}`)
	got, err := client(t, Options{Endpoint: s.URL + "/v1"}).Embed(t.Context(), []string{"a", "b"})
	if err != nil || !reflect.DeepEqual(got, [][]float32{{1, 0}, {2, 0}}) {
		t.Errorf("%v, %v", got, err)
	}
}

// The dimension asked for is the only one, and so is that of the first answer.
func TestDimension(t *testing.T) {
	s := serve(t)
	_, err := client(t, Options{Endpoint: s.URL + "/v1", Dimensions: 4}).Embed(t.Context(), []string{"a"})
	fails(t, err, "3 dimensions, 4 were")
	c := client(t, Options{Endpoint: s.URL + "/v1"})
	if _, err := c.Embed(t.Context(), []string{"a"}); err != nil {
		t.Fatal(err)
	}
	s.fault = answers(`{"data":[{"embedding":[1,2]}]}`)
	_, err = c.Embed(t.Context(), []string{"a"})
	fails(t, err, "2 dimensions, 3 were")
}

// An answer without end is cut off at the bound.
func TestHugeAnswer(t *testing.T) {
	s := serve(t)
	var sent atomic.Int64
	s.fault = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		chunk := strings.Repeat("1,", 1<<15)
		io.WriteString(w, `{"data":[{"index":0,"embedding":[`)
		for {
			n, err := io.WriteString(w, chunk)
			sent.Add(int64(n))
			if err != nil {
				return true
			}
		}
	}
	_, err := client(t, Options{Endpoint: s.URL + "/v1"}).Embed(t.Context(), []string{"a"})
	fails(t, err, "more than 1560576 bytes")
	if n := sent.Load(); n > 64<<20 {
		t.Errorf("%d bytes were sent", n)
	}
}

// A server that hangs costs the timeout, once for each attempt.
func TestHang(t *testing.T) {
	for _, c := range []struct {
		name     string
		start    string // of the answer
		attempts int
	}{{"before the answer", "", 2}, {"within the answer", `{"data":[`, 1}} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t)
			s.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if c.start != "" {
					io.WriteString(w, c.start)
					w.(http.Flusher).Flush()
				}
				io.Copy(io.Discard, r.Body) // so that the server sees the client go
				<-r.Context().Done()
				return true
			}
			start := time.Now()
			_, err := client(t, Options{Endpoint: s.URL + "/v1?key=q-secret", Key: "sk-secret", Timeout: 50 * time.Millisecond, Retries: 1}).Embed(t.Context(), []string{"a"})
			fails(t, err, "Client.Timeout")
			if s.count() != c.attempts || time.Since(start) > 5*time.Second {
				t.Errorf("%d attempts in %v", s.count(), time.Since(start))
			}
		})
	}
}

// Waits end with the context.
func TestCancel(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.fault = func(attempt int, w http.ResponseWriter, r *http.Request) bool {
		cancel()
		return status(100, http.StatusTooManyRequests, "Retry-After", "60")(attempt, w, r)
	}
	c := client(t, Options{Endpoint: s.URL + "/v1", Batch: 1, Parallel: 2})
	c.http.RetryWaitMax = longWait
	if _, err := c.Embed(ctx, texts(5)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// No error shows what is secret, whatever the server says and wherever it is.
func TestSecrets(t *testing.T) {
	s := serve(t)
	s.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		_, password, _ := r.BasicAuth()
		http.Error(w, fmt.Sprint(r.Header, password, r.URL), http.StatusForbidden)
		return true
	}
	u, err := url.Parse(s.URL + "/v1?api-key=q-secret")
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("me", "p4ssword")
	for _, key := range []string{"sk-secret", ""} {
		c := client(t, Options{Endpoint: u.String(), Key: key, Retries: -1})
		_, err = c.Embed(t.Context(), []string{"a"})
		fails(t, err, "status 403", s.URL+"/v1/embeddings")
		if text := fmt.Sprintf("%+v", c); key != "" && strings.Contains(text, key) {
			t.Errorf("the client prints its key: %s", text)
		}
	}
	s.Close()
	_, err = client(t, Options{Endpoint: u.String(), Key: "sk-secret", Retries: -1}).Embed(t.Context(), []string{"a"})
	fails(t, err, "connection refused", s.URL+"/v1/embeddings")
}
