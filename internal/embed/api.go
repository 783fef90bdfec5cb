package embed

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
)

// An api is how a server is asked.
type api struct {
	question func(texts []string) any
	answer   func(raw []byte) ([][]float32, error)
}

// resolve returns the address to which requests go, and which interface it is.
func resolve(endpoint, kind string) (*url.URL, string, error) {
	u, err := url.Parse(endpoint)
	if err != nil { // its text may hold a password
		return nil, "", errors.New("the endpoint is not a URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, "", errors.New("the endpoint must be a URL of http or https")
	}
	path := strings.TrimRight(u.Path, "/")
	if kind == "" {
		kind = guess(path, u.Port())
	}
	switch kind {
	case OpenAI:
		if !strings.HasSuffix(path, "/embeddings") {
			path += "/embeddings"
		}
	case Ollama:
		path = strings.TrimSuffix(strings.TrimSuffix(path, "/embed"), "/api") + "/api/embed"
	default:
		return nil, "", fmt.Errorf("there is no interface %q, the interfaces are %s and %s", kind, OpenAI, Ollama)
	}
	u.Path, u.RawPath, u.Fragment, u.RawFragment = path, "", "", ""
	return u, kind, nil
}

// guess tells the interface by the path; without one, Ollama is known by its port.
func guess(path, port string) string {
	if strings.HasSuffix(path, "/api") || strings.HasSuffix(path, "/api/embed") || path == "" && port == "11434" {
		return Ollama
	}
	return OpenAI
}

type question struct {
	Model      string   `json:"model"`
	Input      []string `json:"input"`
	Dimensions int      `json:"dimensions,omitempty"`
}

func ask(model string, dimensions int) func([]string) any {
	return func(texts []string) any { return question{model, texts, dimensions} }
}

// openAI is POST embeddings.
func openAI(model string, dimensions int) api {
	return api{ask(model, dimensions), func(raw []byte) ([][]float32, error) {
		var a struct {
			Data []struct {
				Index     *int     `json:"index"`
				Embedding elements `json:"embedding"`
			} `json:"data"`
		}
		if err := json.Unmarshal(raw, &a); err != nil {
			return nil, err
		}
		out := make([][]float32, len(a.Data))
		for i, d := range a.Data {
			at := i
			if d.Index != nil {
				at = *d.Index
			}
			if at < 0 || at >= len(out) || out[at] != nil {
				return nil, fmt.Errorf("index %d of %d vectors stands out of place or twice", at, len(out))
			}
			if out[at] = d.Embedding; out[at] == nil {
				return nil, fmt.Errorf("vector %d is missing", at)
			}
		}
		return out, nil
	}}
}

// ollama is POST api/embed.
func ollama(model string, dimensions int) api {
	return api{ask(model, dimensions), func(raw []byte) ([][]float32, error) {
		var a struct {
			Embeddings []elements `json:"embeddings"`
		}
		if err := json.Unmarshal(raw, &a); err != nil {
			return nil, err
		}
		out := make([][]float32, len(a.Embeddings))
		for i, v := range a.Embeddings {
			out[i] = v
		}
		return out, nil
	}}
}

// elements are those of a vector: numbers, or little-endian float32 in base64.
type elements []float32

// UnmarshalJSON reads either form.
func (e *elements) UnmarshalJSON(raw []byte) error {
	if len(raw) == 0 || raw[0] != '"' {
		if bytes.Contains(raw, []byte("null")) { // which would read as 0
			return errors.New("null where a number was expected")
		}
		return json.Unmarshal(raw, (*[]float32)(e))
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	if len(data)%4 != 0 {
		return fmt.Errorf("%d bytes are no float32 elements", len(data))
	}
	*e = make(elements, len(data)/4)
	for i := range *e {
		(*e)[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return nil
}
