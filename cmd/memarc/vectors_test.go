package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every test vector of the format gives the exit code that stands beside it, one
// or two lines, and no control characters.
func TestVectors(t *testing.T) {
	paths, err := filepath.Glob("../../spec/vectors/*.marc")
	if err != nil || len(paths) == 0 {
		t.Fatal("no vectors", err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(strings.TrimSuffix(path, ".marc") + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var vector struct{ Exit int }
		if err := json.Unmarshal(raw, &vector); err != nil {
			t.Fatal(err)
		}
		for _, verb := range []string{"verify", "cat"} {
			var stdout, stderr bytes.Buffer
			tl := newTool()
			tl.stdout, tl.stderr = &stdout, &stderr
			if got := tl.run(context.Background(), []string{"memarc", verb, path}); got != vector.Exit {
				t.Errorf("%s %s: exit code %d, want %d: %s", verb, filepath.Base(path), got, vector.Exit, &stderr)
			}
			if vector.Exit != 0 && (stderr.Len() == 0 || verb == "verify" && stdout.Len() > 0) {
				t.Errorf("%s %s: stdout %q, stderr %q", verb, filepath.Base(path), &stdout, &stderr)
			}
			for _, line := range strings.Split(stdout.String()+stderr.String(), "\n") {
				if printable(line) != line {
					t.Errorf("%s %s: %s", verb, filepath.Base(path), printable(line))
				}
			}
		}
	}
}
