package aimemory

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// What the product allows in its columns, by its own rules for writing.
const (
	maxTitle     = 512 // characters
	maxLine      = 80  // characters of a line that becomes a title
	maxNamespace = 512 // bytes
	maxDepth     = 8   // parts of a namespace
	maxAgent     = 128 // bytes
)

// relations are the names that the constraint of the newest version allows.
var relations = []string{"related_to", "supersedes", "contradicts", "derived_from", "reflects_on", "derives_from",
	"decomposes_into", "depends_on", "advances"}

// states are those that the product shows.
var states = []string{"open", "active", "blocked", "done", "abandoned"}

// fields gives the fields of a record of another product by name.
type fields = func(name string) format.Value

// text is a field as a string, "" if it is null.
func text(v format.Value) string {
	if v.Type != format.Text {
		return ""
	}
	return string(v.Bytes)
}

// through lets a value that was made pass the lens of its column, which knows what the
// engine refuses.
func through(name string, made func(fields) format.Value) func(fields) format.Value {
	return func(field fields) format.Value {
		l, err := lens.ByName(name)
		if err != nil { // the map that names it is refused before a record comes
			return format.Value{}
		}
		var column format.Column
		column.Reset(l.Type)
		column.AppendBytes(made(field).Bytes)
		cells := store.NewRows(1).Columns
		l.Put(&column, 0, &cells[0])
		return cells[0].Value(0)
	}
}

// makeTitle makes a title that no other memory of the namespace has: the first line of
// the content and a mark of the identifier.
func makeTitle(field fields) format.Value {
	if title := strings.TrimSpace(strings.Map(printable, text(field("title")))); title != "" {
		return format.TextValue(shorten(title, maxTitle))
	}
	line := ""
	for _, name := range []string{"content", "summary"} {
		if line = firstLine(text(field(name))); line != "" {
			break
		}
	}
	mark := markOf(text(field("id")))
	if line == "" {
		return format.TextValue(mark)
	}
	return format.TextValue(line + " · " + mark)
}

// titles: those of a namespace are all different.
var titles = &store.Apart{With: []string{"namespace"}, Mark: func(title, id string) string {
	return shorten(title, maxTitle-maxMark) + " · " + markOf(id)
}}

// maxMark is how long a mark is with what separates it.
const maxMark = 15

// markOf is short for an identifier.
func markOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:6])
}

// firstLine is the first line that is not empty, shortened, without control characters.
func firstLine(s string) string {
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(strings.Map(printable, line))
		if line == "" {
			continue
		}
		return shorten(line, maxLine)
	}
	return ""
}

// shorten cuts a text after so many characters.
func shorten(s string, characters int) string {
	if runes := []rune(s); len(runes) > characters {
		return strings.TrimSpace(string(runes[:characters]))
	}
	return s
}

func printable(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case unicode.IsControl(r):
		return -1
	}
	return r
}

// makeNamespace makes a namespace that the product accepts: a path of at most 8 parts
// without spaces, backslashes, empty parts or dots alone.
func makeNamespace(field fields) format.Value {
	for _, name := range []string{"namespace", "project"} {
		if ns := cleanNamespace(text(field(name))); ns != "" {
			return format.TextValue(ns)
		}
	}
	return format.TextValue("global")
}

func cleanNamespace(s string) string {
	var parts []string
	size := 0
	for part := range strings.SplitSeq(strings.ReplaceAll(s, `\`, "/"), "/") {
		part = strings.Map(func(r rune) rune {
			switch {
			case unicode.IsControl(r):
				return -1
			case unicode.IsSpace(r):
				return '-'
			}
			return r
		}, strings.TrimSpace(part))
		if part == "" || part == "." || part == ".." {
			continue
		}
		if size += len(part) + 1; len(parts) == maxDepth || size > maxNamespace {
			break
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "/")
}

// makeConfidence keeps to what the product's triggers allow.
func makeConfidence(field fields) format.Value {
	v := field("confidence")
	if v.Type != format.Float {
		return format.FloatValue(1)
	}
	share := math.Float64frombits(v.Cell)
	if math.IsNaN(share) {
		return format.FloatValue(1)
	}
	return format.FloatValue(min(max(share, 0), 1))
}

// makeRelation keeps to the closed set of names.
func makeRelation(field fields) format.Value { return oneOf(relations, field("type")) }

// makeState keeps to the states that the product shows.
func makeState(field fields) format.Value { return oneOf(states, field("state")) }

// oneOf is the value if it is one of the names, else the first of them.
func oneOf(names []string, v format.Value) format.Value {
	if name := text(v); slices.Contains(names, name) {
		return format.TextValue(name)
	}
	return format.TextValue(names[0])
}

// makeDimension counts the elements of a vector.
func makeDimension(field fields) format.Value {
	if v := field("vector"); v.Type == format.Vector {
		return format.IntValue(int64(len(v.Bytes) / 4))
	}
	return format.Value{}
}

// makeMetadata makes an object that names the agent, which is whose memory it is.
func makeMetadata(field fields) format.Value {
	raw := []byte("{}")
	object := map[string]json.RawMessage{}
	if v := field("metadata"); v.Type == format.JSON && json.Unmarshal(v.Bytes, &object) == nil && object != nil {
		raw = bytes.TrimSpace(v.Bytes)
	} else {
		object = nil
	}
	if _, ok := object["agent_id"]; ok {
		return format.TextValue(string(raw))
	}
	for _, name := range []string{"agent", "owner"} {
		if agent := cleanAgent(text(field(name))); agent != "" {
			separator := ","
			if len(object) == 0 {
				separator = ""
			}
			return format.TextValue(`{"agent_id":"` + agent + `"` + separator + string(raw[1:]))
		}
	}
	return format.TextValue(string(raw))
}

// cleanAgent keeps what the product allows in the identifier of an agent.
func cleanAgent(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-:@./", r)) {
			return r
		}
		return -1
	}, s)
	return s[:min(len(s), maxAgent)]
}
