package mcpmemory

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"github.com/memarc/memarc/format"
)

// defaultStore is where the product looks unless it is told otherwise.
const defaultStore = "default"

// fields are those of a record of another product by name.
type fields = func(name string) format.Value

// makeHash makes the hash by which the product knows a content. Where two are the same to
// it, its table takes the first.
func makeHash(field fields) string {
	for _, name := range contentFields {
		if v := field(name); v.Type == format.Text {
			return contentHash(string(v.Bytes))
		}
	}
	return contentHash("")
}

// contentHash is the SHA-256 of Python's content.strip().lower(). One case is known to
// differ: a capital sigma behind U+0345 that no letter stands before.
func contentHash(content string) string {
	plain := cases.Lower(language.Und).String(strings.TrimFunc(content, isSpace))
	sum := sha256.Sum256([]byte(plain))
	return hex.EncodeToString(sum[:])
}

// isSpace is Python's str.isspace.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// makeTags joins tags, which have no comma of their own; a memory has at least one.
func makeTags(field fields) format.Value {
	var tags []string
	for _, item := range field("tags").List {
		tag := strings.TrimFunc(strings.ReplaceAll(string(item), ",", " "), isSpace)
		if tag != "" {
			tags = append(tags, tag)
		}
	}
	if len(tags) == 0 {
		return format.TextValue("untagged")
	}
	return format.TextValue(strings.Join(tags, ","))
}

func makeStore(fields) format.Value { return format.TextValue(defaultStore) }

// makeNothing: that a memory of another product may be forgotten one day does not mean
// that it is deleted.
func makeNothing(fields) format.Value { return format.Value{} }

// makeISO writes the time beside the number that says the same: the product takes the
// present for both where they differ.
func makeISO(from []string) func(fields) format.Value {
	return func(field fields) format.Value {
		for _, name := range from {
			if v := field(name); v.Type == format.Time {
				return format.TextValue(isoTime(int64(v.Cell)))
			}
		}
		return format.TextValue(isoTime(0))
	}
}

// isoTime is Python's isoformat, with Z.
func isoTime(ns int64) string {
	t := time.Unix(0, ns).UTC().Round(time.Microsecond)
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000000Z")
}

// makeSimilarity keeps to what the product allows, 0 to 1.
func makeSimilarity(field fields) format.Value {
	v := field("weight")
	if v.Type != format.Float {
		return format.FloatValue(1)
	}
	if f := math.Float64frombits(v.Cell); f >= 0 && f <= 1 {
		return v
	} else if f < 0 {
		return format.FloatValue(0)
	}
	return format.FloatValue(1)
}
