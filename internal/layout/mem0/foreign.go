package mem0

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"math"
	"strings"
	"unicode"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// DefaultUser is whose memory it is, where a record of another product names neither a
// user nor an agent nor a run: the product finds no memory without one of them.
const DefaultUser = "default_user"

// fields gives the fields of a record of another product by name.
type fields = func(name string) format.Value

type maker = func(fields) format.Value

// others makes nothing for a memory that one of the libraries has written: what it lacks
// the other does not need.
func others(make maker) maker {
	if make == nil {
		return nil
	}
	return func(field fields) format.Value {
		if field(hashField).Type != format.Null {
			return format.Value{}
		}
		return make(field)
	}
}

// hashField is a field that only memories of the product have, and all of them.
const hashField = Name + ".hash"

// text is a field as a string, "" if it is null.
func text(v format.Value) string {
	if v.Type != format.Text {
		return ""
	}
	return string(v.Bytes)
}

// makeID makes a UUID of an identifier that is none.
func makeID(id string) format.Value {
	if lower, ok := lens.LowerUUID(id); ok {
		return format.TextValue(lower)
	}
	return format.TextValue(lens.UUIDOf([]byte(id)))
}

func withoutNUL(s string) string { return strings.ReplaceAll(s, "\x00", "") }

// data is the text of a memory: what it says, else what it is called.
func (in forms) data(field fields) string {
	for _, name := range []string{"content", "summary", "title"} {
		if s := in.clean(text(field(name))); strings.TrimSpace(s) != "" {
			return s
		}
	}
	return in.clean(cmp.Or(text(field("content")), text(field("id"))))
}

func (in forms) makeData(field fields) format.Value { return format.TextValue(in.data(field)) }

// makeHash makes the sum by which the product knows a text that it has already.
func (in forms) makeHash(field fields) format.Value {
	sum := md5.Sum([]byte(in.data(field)))
	return format.TextValue(hex.EncodeToString(sum[:]))
}

// makeLemmas makes the words by which the product searches. It takes a text as it is where
// it has no lemmatizer; it searches in lower case.
func (in forms) makeLemmas(field fields) format.Value {
	return format.TextValue(strings.ToLower(in.data(field)))
}

// scoped is a name as the product takes it: it refuses blanks within.
func scoped(v format.Value) string {
	return strings.Join(strings.FieldsFunc(withoutNUL(text(v)), unicode.IsSpace), "_")
}

func scope(name string) maker {
	return func(field fields) format.Value {
		if s := scoped(field(name)); s != "" {
			return format.TextValue(s)
		}
		return format.Value{}
	}
}

func makeUser(field fields) format.Value {
	if s := scoped(field("owner")); s != "" {
		return format.TextValue(s)
	}
	if scoped(field("agent"))+scoped(field("session")) != "" {
		return format.Value{}
	}
	return format.TextValue(DefaultUser)
}

// moment makes a time with as many digits as the library writes.
func (in forms) moment(names ...string) maker {
	return func(field fields) format.Value {
		ns := int64(0)
		for _, name := range names {
			if v := field(name); v.Type == format.Time {
				ns = int64(v.Cell)
				break
			}
		}
		over := ns % in.unit
		if over < 0 && ns >= math.MinInt64+in.unit {
			over += in.unit
		}
		return in.timeText(ns - over)
	}
}

func (in forms) timeText(ns int64) format.Value {
	l, err := lens.ByName(in.time)
	if err != nil { // the map that names it is refused before a record comes
		return format.Value{}
	}
	var column format.Column
	column.Reset(l.Type)
	column.AppendInt(ns)
	cells := store.NewRows(1).Columns
	l.Put(&column, 0, &cells[0])
	return cells[0].Value(0)
}
