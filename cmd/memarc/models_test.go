package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
)

// models DIMENSION [ANSWERS] starts a server that makes vectors, in the interfaces of
// OpenAI and of Ollama, and sets MODELS to its URL. It asks for the key
// "sk-secret", and refuses every request after
// ANSWERS of them. The vector of a text is its length, then 0.5.
func models(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: models DIMENSION [ANSWERS]")
	}
	dimension, err := strconv.Atoi(args[0])
	ts.Check(err)
	most := int64(1 << 30)
	if len(args) > 1 {
		most, err = strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
	}
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer sk-secret" {
			http.Error(w, `{"error":{"message":"no such key: `+r.Header.Get("Authorization")+`"}}`, http.StatusUnauthorized)
			return
		}
		if asked.Add(1) > most {
			http.Error(w, "out of order", http.StatusNotImplemented)
			return
		}
		var q struct{ Input []string }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var data []map[string]any
		var plain [][]float32
		for i, text := range q.Input {
			v := make([]float32, dimension)
			for j := range v {
				v[j] = 0.5
			}
			v[0] = float32(len(text))
			data, plain = append(data, map[string]any{"index": i, "embedding": v}), append(plain, v)
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"data": data, "embeddings": plain}); err != nil {
			fmt.Fprintln(ts.Stderr(), err)
		}
	}))
	ts.Defer(server.Close)
	ts.Setenv("MODELS", server.URL)
}
