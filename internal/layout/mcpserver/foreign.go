package mcpserver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/headline"
	"github.com/memarc/memarc/internal/store"
)

// The server has no rules for names and types, but a model has to read and repeat them.
const (
	maxName = 80 // characters
	// What records that have none get.
	anyKind     = "memory"
	anyRelation = "related_to"
)

// fields gives the fields of a record of another product by name.
type fields = func(name string) format.Value

func text(v format.Value) string {
	if v.Type != format.Text {
		return ""
	}
	return string(v.Bytes)
}

// names makes the name of an entity of what a record says: its title, else a line of it,
// else its identifier. Where one has it already, a short part of a hash of the identifier
// follows: identifiers of one product may begin alike.
var names = &store.Mint{
	Propose: func(field func(string) format.Value) string {
		for _, name := range []string{"title", "content", "summary", "id"} {
			if line := headline.First(text(field(name))); line != "" {
				return headline.Shorten(line, maxName)
			}
		}
		return anyKind
	},
	Mark: func(name, id string, n int) string {
		sum := sha256.Sum256([]byte(id))
		const short = 6 // digits
		digits := hex.EncodeToString(sum[:])
		return fmt.Sprintf("%s (%s)", name, digits[:min(short+2*(n-2), len(digits))])
	},
}

// nothing stands for what the file itself says.
func nothing(fields) format.Value { return format.Value{} }

func makeKind(field fields) format.Value {
	return format.TextValue(word(text(field("kind")), anyKind))
}

func makeRelation(field fields) format.Value {
	return format.TextValue(word(text(field("type")), anyRelation))
}

// word is a text, or another one for a blank text.
func word(text, otherwise string) string {
	if strings.TrimFunc(text, unicode.IsSpace) == "" {
		return otherwise
	}
	return text
}

// makeObservations makes an observation of each line of a content where they are such as the
// server makes: none is empty and no two are the same. Else the content is one observation.
func makeObservations(field fields) format.Value {
	content := text(field("content"))
	if content == "" {
		content = text(field("summary"))
	}
	lines := strings.Split(content, "\n")
	sorted := slices.Sorted(slices.Values(lines))
	if blankLine := slices.ContainsFunc(lines, func(s string) bool { return strings.TrimSpace(s) == "" }); blankLine || len(slices.Compact(sorted)) < len(lines) {
		lines = []string{content}
	}
	if content == "" {
		lines = nil
	}
	list := []byte{'['}
	for i, line := range lines {
		if i > 0 {
			list = append(list, ',')
		}
		list = appendString(list, []byte(line))
	}
	return format.TextValue(string(append(list, ']')))
}
