package pam

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// What the format has words for.
var (
	kinds     = []string{"fact", "preference", "skill", "context", "relationship", "goal", "instruction", "identity", "environment", "project", custom}
	statuses  = []string{"active", "superseded", "deprecated", "retracted", "archived"}
	related   = []string{"related_to", "supports", "contradicts", "extends", "supersedes", "derived_from"}
	exposures = []string{"private", "shared", "public"}
)

// custom is the type of a memory that has one of its own.
const custom = "custom"

// fields gives the fields of a record of another product by name.
type fields = func(name string) format.Value

func text(v format.Value) string {
	if v.Type != format.Text {
		return ""
	}
	return string(v.Bytes)
}

func nothing(fields) format.Value { return format.Value{} }

// oneOf is the name if it is one of them, else another one.
func oneOf(names []string, name, otherwise string) format.Value {
	if slices.Contains(names, name) {
		return format.TextValue(name)
	}
	return format.TextValue(otherwise)
}

func makeKind(field fields) format.Value {
	if v := field("kind"); text(v) != "" && text(v) != custom {
		return v
	}
	return format.TextValue("fact")
}

func makeStatus(field fields) format.Value {
	switch v := strings.ToLower(text(field("state"))); v {
	case "deleted", "removed", "invalid", "rejected":
		return format.TextValue("retracted")
	case "paused", "dormant", "inactive", "forgotten":
		return format.TextValue("archived")
	default:
		return oneOf(statuses, v, "active")
	}
}

// makeContent makes a text that is never empty.
func makeContent(field fields) format.Value {
	for _, name := range []string{"content", "summary", "title", "id"} {
		if v := field(name); text(v) != "" {
			return v
		}
	}
	return format.Value{}
}

// makeSummary takes a title where there is nothing else that is short.
func makeSummary(field fields) format.Value {
	if v := field("summary"); v.Type == format.Text {
		return v
	}
	return field("title")
}

// makeTags makes tags of the format's letters, none twice.
func makeTags(field fields) format.Value {
	var tags []string
	for _, item := range field("tags").List {
		if tag := slug(string(item), "_-"); tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	if len(tags) == 0 {
		return format.TextValue("[]")
	}
	return format.TextValue(`["` + strings.Join(tags, `", "`) + `"]`)
}

// slug is a text in ASCII letters and digits, with a sign in place of others; it begins
// with none of the signs.
func slug(s, signs string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(signs, r):
			return r
		}
		return '-'
	}, strings.ToLower(s))
	return strings.Trim(s, signs)
}

// makePlatform makes a name of at least 2 and at most 32 letters.
func makePlatform(field fields) format.Value {
	name := slug(text(field("source")), "_-")
	if len(name) > 32 {
		name = name[:32]
	}
	if len(name) < 2 {
		name = "unknown"
	}
	return format.TextValue(name)
}

func makeVisibility(field fields) format.Value {
	switch v := strings.ToLower(text(field("visibility"))); v {
	case "":
		return format.Value{}
	case "group", "groups", "team", "project":
		return format.TextValue("shared")
	case "world", "global":
		return format.TextValue("public")
	default:
		return oneOf(exposures, v, exposures[0])
	}
}

// whereVisible makes a value for a record that says who may see it.
func whereVisible(value string) func(fields) format.Value {
	return func(field fields) format.Value {
		if makeVisibility(field).Type == format.Null {
			return format.Value{}
		}
		return format.TextValue(value)
	}
}

// makeShare takes a number from 0 to 1.
func makeShare(field fields) format.Value {
	if v := field("confidence"); v.Type == format.Float {
		if f := math.Float64frombits(v.Cell); f >= 0 && f <= 1 {
			return v
		}
	}
	return format.Value{}
}

// What of an object the library reads: Python's recursion and the whole numbers of RFC 8785
// have an end.
const (
	maxNesting = 64
	maxWhole   = 1 << 53
)

// makeMetadata takes of an object that the library can read, and take a checksum of, what is
// not null: the library drops the rest.
func makeMetadata(field fields) format.Value {
	v := field("metadata")
	raw := jsontext.Value(v.Bytes)
	if v.Type != format.JSON || raw.Kind() != '{' || !raw.IsValid() || !readable(raw) {
		return format.Value{}
	}
	var object map[string]jsontext.Value
	if json.Unmarshal(raw, &object) != nil || len(object["language"]) > 0 {
		return format.Value{}
	}
	if domain := object["domain"]; len(domain) > 0 && domain.Kind() != '"' && domain.Kind() != 'n' {
		return format.Value{}
	}
	size := len(object)
	maps.DeleteFunc(object, func(_ string, v jsontext.Value) bool { return v.Kind() == 'n' })
	if len(object) == size {
		return format.TextValue(string(raw))
	}
	rest, err := json.Marshal(object)
	if err != nil {
		return format.Value{}
	}
	return format.TextValue(string(rest))
}

func readable(raw jsontext.Value) bool {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return dec.StackDepth() == 0
		}
		if dec.StackDepth() > maxNesting {
			return false
		}
		if tok.Kind() == '0' {
			if f, err := tok.Float(); err != nil || f >= maxWhole || f <= -maxWhole {
				return false
			}
		}
	}
}

// native is the native value of a time, in whole microseconds: the library keeps no more.
func native(ns int64) format.Value {
	const microsecond = 1000
	l, err := lens.ByName(pydantic)
	if err != nil { // the map that names it is refused before a record comes
		return format.Value{}
	}
	if over := ns % microsecond; over != 0 {
		ns -= over
	}
	var column format.Column
	column.Reset(format.Time)
	column.AppendInt(ns)
	cells := store.NewRows(1).Columns
	l.Put(&column, 0, &cells[0])
	return cells[0].Value(0)
}

// moment makes a time of the first of the fields that has one.
func moment(names ...string) func(fields) format.Value {
	return func(field fields) format.Value {
		for _, name := range names {
			if v := field(name); v.Type == format.Time {
				return native(int64(v.Cell))
			}
		}
		return format.Value{}
	}
}

// makeCreated makes a time that is always there.
func makeCreated(field fields) format.Value {
	if v := moment("created_at", "recorded_at", "updated_at", "accessed_at")(field); v.Type != format.Null {
		return v
	}
	return native(0)
}

// makeUpdated leaves out a time before that of creation, which the library refuses.
func makeUpdated(field fields) format.Value {
	updated, created := field("updated_at"), field("created_at")
	if updated.Type == format.Time && created.Type == format.Time && int64(updated.Cell) < int64(created.Cell) {
		return format.Value{}
	}
	return moment("updated_at")(field)
}

// makeUntil leaves out a time before that from which the memory holds.
func makeUntil(field fields) format.Value {
	until, from := field("valid_until"), field("valid_from")
	if until.Type == format.Time && from.Type == format.Time && int64(until.Cell) < int64(from.Cell) {
		return format.Value{}
	}
	return moment("valid_until")(field)
}

// synonyms are words of other products for the format's relations.
var synonyms = map[string]string{
	"replaces": "supersedes", "confirms": "supports", "opposite_of": "contradicts",
	"builds_on": "extends", "derives_from": "derived_from", "derived": "derived_from",
}

func makeRelation(field fields) format.Value {
	word := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(text(field("type"))))
	if s := synonyms[word]; s != "" {
		word = s
	}
	return oneOf(related, word, related[0])
}

// makeRelationID keeps an identifier, or makes one of what else tells a relation.
func makeRelationID(field fields) format.Value {
	if v := field("id"); text(v) != "" {
		return v
	}
	sum := sha256.New()
	for _, name := range []string{"source_id", "type", "target_id"} {
		sum.Write(field(name).Append(nil))
	}
	const digits = 32
	return format.TextValue(fmt.Sprintf("relation-%x", sum.Sum(nil))[:len("relation-")+digits])
}

func makeModel(field fields) format.Value {
	if v := field("space"); strings.TrimFunc(text(v), unicode.IsSpace) != "" {
		return v
	}
	return format.TextValue("unknown")
}

func makeDimensions(field fields) format.Value {
	if v := field("vector"); v.Type == format.Vector {
		return format.IntValue(int64(len(v.Bytes) / 4))
	}
	return field("dimension")
}
