package embed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/sync/errgroup"
)

// Interfaces of servers.
const (
	OpenAI = "openai"
	Ollama = "ollama"
)

// Options say which server to ask, and how.
type Options struct {
	// Endpoint is the base of the server's addresses, with scheme http or https:
	// https://api.openai.com/v1, http://localhost:11434. The full address of the
	// interface will do as well.
	Endpoint string
	// API is OpenAI or Ollama; if empty, the endpoint's path tells, or else its port.
	API string
	// Model is the model's name as the server knows it.
	Model string
	// Dimensions is the length of vectors to ask for; 0 leaves it to the model.
	Dimensions int
	// Key is sent as a bearer token, if not empty.
	Key string
	// Batch is the greatest number of texts in a request; 0 stands for 64.
	Batch int
	// Parallel is the greatest number of requests at a time; 0 stands for 1.
	Parallel int
	// Timeout ends one attempt of a request; 0 stands for two minutes.
	Timeout time.Duration
	// Retries is how often a request is repeated that the server was too busy for, or
	// that did not reach it; 0 stands for 5, and a negative number for none.
	Retries int
}

const (
	batchTexts = 64
	batchBytes = 512 << 10 // of texts in a request that holds more than one
	shortWait  = 500 * time.Millisecond
	longWait   = time.Minute // also where a server asks for more
)

// A Client asks one server for vectors of one model. It may be used by several
// goroutines.
type Client struct {
	address   *url.URL
	api       api
	batch     int
	parallel  int
	http      *retryablehttp.Client
	authorize func(*http.Request)
	redact    func(string) string
	dimension atomic.Int64 // of all vectors; 0 until the first one
}

// New returns a client. It does not talk to the server yet.
func New(o Options) (*Client, error) {
	if o.Model == "" {
		return nil, errors.New("no model is named")
	}
	if o.Dimensions < 0 || o.Dimensions > maxDimension {
		return nil, fmt.Errorf("%d dimensions: a vector has 1 to %d", o.Dimensions, maxDimension)
	}
	if o.Batch < 0 || o.Parallel < 0 || o.Timeout < 0 {
		return nil, errors.New("batch, parallel and timeout cannot be negative")
	}
	address, kind, err := resolve(o.Endpoint, o.API)
	if err != nil {
		return nil, err
	}
	c := &Client{address: address, batch: or(o.Batch, batchTexts), parallel: or(o.Parallel, 1), authorize: bearer(o.Key), redact: redactor(o.Key, address)}
	c.api = openAI(o.Model, o.Dimensions)
	if kind == Ollama {
		c.api = ollama(o.Model, o.Dimensions)
	}
	c.dimension.Store(int64(o.Dimensions))
	c.http = retrying(or(o.Timeout, 2*time.Minute), max(or(o.Retries, 5), 0), c.parallel)
	return c, nil
}

// or returns the value, or what stands for zero.
func or[T comparable](v, zero T) T {
	var none T
	if v == none {
		return zero
	}
	return v
}

// bearer returns what gives a request its key. A function does not show it when a
// client is printed.
func bearer(key string) func(*http.Request) {
	return func(r *http.Request) {
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
	}
}

// retrying is an HTTP client that repeats what may go better the next time.
func retrying(timeout time.Duration, retries, parallel int) *retryablehttp.Client {
	c := retryablehttp.NewClient()
	c.Logger = nil
	c.RetryMax, c.RetryWaitMin, c.RetryWaitMax = retries, shortWait, longWait
	c.Backoff = func(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
		return min(retryablehttp.DefaultBackoff(least, most, attempt, resp), most)
	}
	c.ErrorHandler = func(resp *http.Response, err error, _ int) (*http.Response, error) {
		if resp != nil { // the last answer says more than that there were too many
			return resp, nil
		}
		return nil, err
	}
	c.HTTPClient.Timeout = timeout
	// Texts and key go to the server that the user has named, and to no other.
	c.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if t, ok := c.HTTPClient.Transport.(*http.Transport); ok {
		t.MaxIdleConnsPerHost = parallel
	}
	return c
}

// Dimension returns the length of the vectors, or 0 before the first answer where none
// was asked for.
func (c *Client) Dimension() int { return int(c.dimension.Load()) }

// Embed returns the vectors of the texts, in their order. All vectors that a client
// returns have one length, and no element that is infinite or not a number.
func (c *Client) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	group, each := errgroup.WithContext(ctx)
	group.SetLimit(c.parallel)
	for texts, places := texts, out; len(texts) > 0 && each.Err() == nil; {
		n := c.fill(texts)
		batch, into := texts[:n], places[:n]
		group.Go(func() error { return c.request(each, batch, into) })
		texts, places = texts[n:], places[n:]
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // some may not have been asked for
		return nil, err
	}
	return out, nil
}

// fill returns how many of the texts the next request takes: one at least.
func (c *Client) fill(texts []string) int {
	n, bytes := 1, len(texts[0])
	for n < len(texts) && n < c.batch && bytes+len(texts[n]) <= batchBytes {
		bytes += len(texts[n])
		n++
	}
	return n
}
