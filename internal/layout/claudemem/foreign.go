package claudemem

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Records of other products become what the product itself makes of a memory that
// somebody saves by hand: an observation of the project's manual session.

// fields gives the fields of a record.
type fields = func(name string) format.Value

func text(v format.Value) string {
	if v.Type != format.Text {
		return ""
	}
	return string(v.Bytes)
}

// first is the first of the fields that says anything.
func first(field fields, names ...string) string {
	for _, name := range names {
		if s := text(field(name)); strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

// maxTitle is how many characters of a text the product takes for a title.
const maxTitle = 60

// title is never empty: the product leaves observations out that have none.
func title(field fields) string {
	if s := text(field("title")); strings.TrimSpace(s) != "" {
		return s
	}
	line := strings.TrimSpace(first(field, "summary", "content", "id"))
	line, _, _ = strings.Cut(line, "\n")
	if r := []rune(line); len(r) > maxTitle {
		line = strings.TrimSpace(string(r[:maxTitle])) + "…"
	}
	if line == "" {
		return "untitled"
	}
	return line
}

func makeTitle(field fields) format.Value { return format.TextValue(title(field)) }

func narrative(field fields) string { return first(field, "content", "summary", "title") }

func makeNarrative(field fields) format.Value { return format.TextValue(narrative(field)) }

func project(field fields) string {
	if s := first(field, "project", "namespace"); s != "" {
		return s
	}
	return "memarc"
}

func makeProject(field fields) format.Value { return format.TextValue(project(field)) }

func session(field fields) string { return "manual-" + project(field) }

func makeSession(field fields) format.Value { return format.TextValue(session(field)) }

// moment is when the record was made, as far as it says.
func moment(field fields) time.Time {
	for _, name := range []string{"created_at", "updated_at", "accessed_at"} {
		if v := field(name); v.Type == format.Time {
			return time.Unix(0, int64(v.Cell)).UTC()
		}
	}
	return time.Unix(0, 0).UTC()
}

func makeEpoch(field fields) format.Value { return format.IntValue(moment(field).UnixMilli()) }

func makeCreated(field fields) format.Value {
	return format.TextValue(moment(field).Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z"))
}

// makeHash is that by which the product knows an observation that it has already.
func makeHash(field fields) format.Value {
	return format.TextValue(hash(session(field) + "\x00" + title(field) + "\x00" + narrative(field)))
}

// hashes: those of a session are all different. Two memories that say the same stay two.
var hashes = &store.Apart{With: []string{"memory_session_id"}, Mark: func(text, id string) string { return hash(text + "\x00" + id) }}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:16]
}
