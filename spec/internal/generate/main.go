// Command generate writes the test vectors and the schema of the standard
// sections. It runs in the folder spec: go generate ./spec
package main

import (
	"fmt"
	"os"

	"github.com/memarc/memarc/spec/internal/schema"
	"github.com/memarc/memarc/spec/internal/vectors"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	raw, err := schema.JSON()
	if err != nil {
		return err
	}
	if err := os.WriteFile("schema.json", raw, 0o644); err != nil {
		return fmt.Errorf("write schema: %w", err)
	}
	return vectors.Write("vectors")
}
