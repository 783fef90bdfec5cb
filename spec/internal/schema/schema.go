// Package schema makes spec/schema.json.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/memarc/memarc/format"
)

// JSON is the standard sections in the form of FORMAT.md section 4.1.
func JSON() ([]byte, error) {
	var sections []*format.Section
	for _, name := range format.StandardNames() {
		sections = append(sections, format.Standard(name))
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(map[string]any{"version": format.Version, "sections": sections}); err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return out.Bytes(), nil
}
