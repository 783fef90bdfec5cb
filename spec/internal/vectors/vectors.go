// Package vectors makes the test vectors of spec/vectors: small archives, good
// ones and ones with exactly one fault, each with what a reader must say of it.
//
// It shares no code with package format. The records are a model of its own
// (model.go), written as blocks (assemble.go), as Arrow (arrow.go), as JSON
// lines (ndjson.go) and as zstd frames (zstd.go). What a reader must say is
// computed from the model. The vectors themselves stand in good.go and bad*.go.
package vectors

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An Expectation is what a reader must say of an archive. It is the JSON file
// beside it.
type Expectation struct {
	Name    string `json:"name"`
	Comment string `json:"comment"`
	Expect  string `json:"expect"`          // ok or fail
	Class   string `json:"class,omitempty"` // of the failure; the reader in spec/reader names it
	Exit    int    `json:"exit"`            // 0, 3 corrupt or truncated, 7 unknown version or feature
	Records int    `json:"records"`         // in wholly verified blocks before the error
	// Released is the SHA-256 over those records in file order, each as u16
	// length, section name, u32 length, canonical record.
	Released string `json:"released"`
	Root     string `json:"root,omitempty"`    // file root, of a good archive
	Content  string `json:"content,omitempty"` // content digest, of a good archive
}

// A Vector is an archive and what a reader must say of it.
type Vector struct {
	Expectation
	Archive []byte
	plain   archive
}

// set collects vectors.
type set []Vector

// ok adds an archive that is right.
func (s *set) ok(name, comment string, a archive) {
	b := a.build()
	released, records := b.released(len(a.chunks))
	*s = append(*s, Vector{plain: a, Archive: b.out, Expectation: Expectation{
		Name: "ok-" + name, Comment: comment, Expect: "ok", Records: records, Released: released,
		Root: hex.EncodeToString(b.previous[:]), Content: hex.EncodeToString(b.content[:]),
	}})
}

// bad adds an archive with a fault behind its first chunks.
func (s *set) bad(class, name, comment string, chunks int, a archive) {
	b := a.build()
	released, records := b.released(chunks)
	exit := 3
	if class == "version" || class == "feature" {
		exit = 7
	}
	*s = append(*s, Vector{plain: a, Archive: b.out, Expectation: Expectation{
		Name: name, Comment: comment, Expect: "fail", Class: class, Exit: exit, Records: records, Released: released,
	}})
}

// All returns all vectors, by ascending name.
func All() []Vector {
	var s set
	good(&s)
	badFrames(&s)
	badManifest(&s)
	increments(&s)
	badZstd(&s)
	badArrow(&s)
	badLines(&s)
	badEnd(&s)
	slices.SortFunc(s, func(a, b Vector) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// Write writes all vectors to a folder and removes those that are no more.
func Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write vectors: %w", err)
	}
	wanted := map[string]bool{}
	for _, v := range All() {
		side, err := json.MarshalIndent(v.Expectation, "", "  ")
		if err != nil {
			return fmt.Errorf("write vector %s: %w", v.Name, err)
		}
		for name, data := range map[string][]byte{v.Name + ".marc": v.Archive, v.Name + ".json": append(side, '\n')} {
			if wanted[name] {
				return fmt.Errorf("write vectors: two have the name %s", v.Name)
			}
			wanted[name] = true
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				return fmt.Errorf("write vectors: %w", err)
			}
		}
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("write vectors: %w", err)
	}
	for _, file := range there {
		if !wanted[file.Name()] {
			if err := os.Remove(filepath.Join(dir, file.Name())); err != nil {
				return fmt.Errorf("write vectors: %w", err)
			}
		}
	}
	return nil
}

// A Chunk is a chunk of a vector as a test sees it.
type Chunk struct {
	Section string     `json:"section"`
	Fields  [][]string `json:"fields"`  // name and type of each
	Records []string   `json:"records"` // canonical records in hex
}

// Chunks returns the chunks of a vector from the model.
func (v *Vector) Chunks() []Chunk {
	var out []Chunk
	for _, c := range v.plain.chunks {
		s := v.plain.section(c.section)
		chunk := Chunk{Section: c.section, Fields: [][]string{}, Records: []string{}}
		for _, f := range s.fields {
			chunk.Fields = append(chunk.Fields, []string{f.name, f.kind})
		}
		for _, r := range c.rows {
			chunk.Records = append(chunk.Records, hex.EncodeToString(s.record(r)))
		}
		out = append(out, chunk)
	}
	return out
}

// Encoding returns arrow or ndjson.
func (v *Vector) Encoding() string { return v.plain.encoding }
