package embed

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"

	"github.com/hashicorp/go-retryablehttp"
)

const (
	maxDimension = 16_000
	vectorBytes  = 32 * maxDimension // of a vector in an answer, at most
	answerBytes  = 1 << 20           // of all else in an answer, at most
	errorBytes   = 300               // of an answer that an error shows
)

// request asks for the vectors of a batch.
func (c *Client) request(ctx context.Context, texts []string, out [][]float32) error {
	body, err := json.Marshal(c.api.question(texts))
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	raw, err := c.post(ctx, body, answerBytes+int64(len(texts))*vectorBytes)
	if err != nil {
		return fmt.Errorf("embed %d texts at %s: %w", len(texts), c.redact(c.address.String()), err)
	}
	vectors, err := c.api.answer(raw)
	if err == nil {
		err = c.check(vectors, len(texts))
	}
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.redact(c.address.String()), err)
	}
	copy(out, vectors)
	return nil
}

// post sends a body and returns the answer's, of limit bytes at most.
func (c *Client) post(ctx context.Context, body []byte, limit int64) (raw []byte, err error) {
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, c.address.String(), body)
	if err != nil {
		return nil, c.plain(err)
	}
	req.Header.Set("Content-Type", "application/json")
	c.authorize(req.Request)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.plain(err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		said, err := io.ReadAll(io.LimitReader(resp.Body, answerBytes))
		if err != nil {
			return nil, fmt.Errorf("status %d: %w", resp.StatusCode, c.plain(err))
		}
		return nil, fmt.Errorf("status %d: the server says %.*q", resp.StatusCode, errorBytes, c.redact(string(said)))
	}
	raw, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, c.plain(err)
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("the answer has more than %d bytes", limit)
	}
	return raw, nil
}

// plain takes the address, which may hold a password, out of an error of net/http.
func (c *Client) plain(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err
	}
	if text := err.Error(); c.redact(text) != text {
		return errors.New(c.redact(text))
	}
	return err
}

// check fails unless there are so many vectors, all of the client's dimension and all
// of finite elements.
func (c *Client) check(vectors [][]float32, want int) error {
	if len(vectors) != want {
		return fmt.Errorf("%d vectors for %d texts", len(vectors), want)
	}
	for i, v := range vectors {
		if len(v) == 0 || len(v) > maxDimension {
			return fmt.Errorf("vector %d has %d dimensions", i, len(v))
		}
		if c.dimension.CompareAndSwap(0, int64(len(v))); c.Dimension() != len(v) {
			return fmt.Errorf("vector %d has %d dimensions, %d were expected", i, len(v), c.Dimension())
		}
		for k, x := range v {
			if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
				return fmt.Errorf("vector %d: element %d is %v", i, k, x)
			}
		}
	}
	return nil
}

// redactor returns what takes the key and all that is secret in an address out of a
// text.
func redactor(key string, address *url.URL) func(string) string {
	var pairs []string
	hide := func(secret, instead string) {
		if secret != "" {
			pairs = append(pairs, secret, instead)
		}
	}
	shown := *address
	shown.User, shown.RawQuery = nil, ""
	hide(address.String(), shown.String())
	hide(key, "(key)")
	if user := address.User; user != nil {
		password, ok := user.Password()
		hide(base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)), "(password)") // as a header has it
		if !ok {
			password = user.Username() // it is all there is
		}
		hide(password, "(password)")
	}
	for _, values := range address.Query() { // gateways take keys there
		for _, v := range values {
			hide(v, "(value)")
		}
	}
	return strings.NewReplacer(pairs...).Replace
}
