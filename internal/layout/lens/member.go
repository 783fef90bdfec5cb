package lens

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// TextAt returns the string that stands at a path of members in a JSON object. Of members
// with the same name the last counts, as it does for most readers.
func TextAt(object []byte, path ...string) (string, bool) {
	start, end, ok := memberAt(object, path)
	if !ok || object[start] != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, object[start:end])
	return string(text), err == nil
}

// WithTextAt returns the object with another string at the path, and every other byte as
// it was. A single member that is not there becomes the first; what is no object, or
// lacks a longer path, is returned as it is.
func WithTextAt(object []byte, text string, path ...string) []byte {
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return object
	}
	start, end, ok := memberAt(object, path)
	switch brace := bytes.IndexByte(object, '{'); {
	case ok:
	case len(path) == 1 && jsontext.Value(object).Kind() == '{':
		name, _ := jsontext.AppendQuote(nil, path[0])
		quoted = append(append(name, ':'), quoted...)
		if rest := bytes.TrimSpace(object[brace+1:]); len(rest) > 0 && rest[0] != '}' {
			quoted = append(quoted, ',')
		}
		start, end = brace+1, brace+1
	default:
		return object
	}
	out := append([]byte(nil), object[:start]...)
	return append(append(out, quoted...), object[end:]...)
}

// memberAt returns where the value at a path of members stands in an object.
func memberAt(object []byte, path []string) (start, end int, ok bool) {
	end = len(object)
	for _, name := range path {
		s, e, ok := member(object[start:end], name)
		if !ok {
			return 0, 0, false
		}
		start, end = start+s, start+e
	}
	return start, end, len(path) > 0
}

// member returns where the value of a member stands in an object.
func member(object []byte, name string) (start, end int, ok bool) {
	d := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return 0, 0, false
	}
	for d.PeekKind() == '"' {
		t, err := d.ReadToken()
		if err != nil {
			return 0, 0, false
		}
		same := t.String() == name
		v, err := d.ReadValue()
		if err != nil {
			return 0, 0, false
		}
		if same {
			end, ok = int(d.InputOffset()), true
			start = end - len(v)
		}
	}
	return start, end, ok
}
