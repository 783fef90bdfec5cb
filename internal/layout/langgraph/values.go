package langgraph

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
)

// fields gives the fields of a record.
type fields = func(name string) format.Value

func text(v format.Value) (string, bool) { return string(v.Bytes), v.Type == format.Text }

// escapes make a namespace one part of a path: the first slash of an identifier ends it.
var escapes = strings.NewReplacer("%", "%25", "/", "%2F")

// showID makes an identifier of an item's namespace and key, NAMESPACE/KEY.
func showID(prefix string) func(fields) format.Value {
	return func(field fields) format.Value {
		namespace, ok := text(field(prefix))
		key, also := text(field(ownKey))
		if !ok || !also {
			return format.Value{}
		}
		return format.TextValue(escapes.Replace(namespace) + "/" + key)
	}
}

// contentPaths are where the text of a memory stands in a value: where LangMem has it,
// and where the guides put it.
var contentPaths = [][]string{{"content", "content"}, {"content"}, {"text"}, {"memory"}, {"data"}}

// contentAt returns the text of a value and where it stands.
func contentAt(value []byte) (string, []string, bool) {
	for _, path := range contentPaths {
		if s, ok := lens.TextAt(value, path...); ok {
			return s, path, true
		}
	}
	return "", nil, false
}

func showContent(field fields) format.Value {
	if v := field(ownValue); v.Type == format.JSON {
		if s, _, ok := contentAt(v.Bytes); ok {
			return format.TextValue(s)
		}
	}
	return format.Value{}
}

// showKind gives the name of the schema by which LangMem made the value.
func showKind(field fields) format.Value {
	if v := field(ownValue); v.Type == format.JSON {
		if s, ok := lens.TextAt(v.Bytes, "kind"); ok {
			return format.TextValue(s)
		}
	}
	return format.Value{}
}

// leaveValue leaves of a value what is neither content nor kind: these are empty there.
func leaveValue(v format.Value) format.Value {
	value := v.Bytes
	for _, path := range append([][]string{{"kind"}}, contentPaths...) {
		s, ok := lens.TextAt(value, path...)
		if !ok {
			continue
		}
		if less := lens.WithTextAt(value, "", path...); string(lens.WithTextAt(less, s, path...)) == string(value) {
			value = less
		}
		if path[0] != "kind" {
			break
		}
	}
	v.Bytes = value
	return v
}

func showDimension(field fields) format.Value {
	if v := field("vector"); v.Type == format.Vector {
		return format.IntValue(int64(len(v.Bytes) / 4))
	}
	return format.Value{}
}

func withoutNUL(s string) string { return strings.ReplaceAll(s, "\x00", "") }

// Records of other products stand in the namespace in which LangMem's guide keeps
// memories. It cannot be the record's own namespace, because vectors must stand in the
// same one, and they say only whose they are.
const foreignPrefix = "memories"

// makePrefix keeps the namespace of what the store itself has made since an import.
func (in forms) makePrefix(from string) func(fields) format.Value {
	return func(field fields) format.Value {
		if v := field(from); v.Type == format.Text && field(ownKey).Type == format.Text {
			return v
		}
		return format.TextValue(foreignPrefix)
	}
}

func (in forms) makeKey(id string) func(fields) format.Value {
	return func(field fields) format.Value {
		if v := field(ownKey); v.Type == format.Text {
			return v
		}
		s, _ := text(field(id))
		return format.TextValue(in.holds(s))
	}
}

// makeValue writes what LangMem writes of a memory.
func (in forms) makeValue(field fields) format.Value {
	value := []byte(`{"kind":"Memory","content":{"content":""}}`)
	if v := field(ownValue); v.Type == format.JSON {
		value = v.Bytes
	} else {
		for _, name := range []string{"content", "summary", "title"} {
			if s, ok := text(field(name)); ok && s != "" {
				value = lens.WithTextAt(value, in.holds(s), "content", "content")
				break
			}
		}
		if kind, ok := text(field("kind")); ok && kind != "" {
			value = lens.WithTextAt(value, in.holds(kind), "kind")
		}
	}
	return in.native(value)
}

// native is a value as the engine's cells have it.
func (in forms) native(value []byte) format.Value {
	if in.value == "json-bytes" {
		return format.Value{Type: format.Bytes, Bytes: value}
	}
	return format.Value{Type: format.Text, Bytes: value}
}

// agreeValue puts the text and the kind of a memory into its value.
func (in forms) agreeValue(native format.Value, field fields) format.Value {
	if jsontext.Value(native.Bytes).Kind() != '{' {
		return native
	}
	value := native.Bytes
	if want, ok := text(field("content")); ok {
		have, path, found := contentAt(value)
		if want = in.holds(want); !found {
			path = []string{"content"}
		}
		if !found || have != want {
			value = lens.WithTextAt(value, want, path...)
		}
	}
	if want, ok := text(field("kind")); ok {
		want = in.holds(want)
		if have, found := lens.TextAt(value, "kind"); !found || have != want {
			value = lens.WithTextAt(value, want, "kind")
		}
	}
	native.Bytes = value
	return native
}
