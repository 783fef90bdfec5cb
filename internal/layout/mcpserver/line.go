package mcpserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// A record is a line of a file: an entity, a relation, or another value. A value that is not
// of its member's kind is nil.
type record struct {
	kind         string // of a table
	name, title  []byte
	entityType   []byte
	observations []byte // a JSON array as JavaScript writes it
	from, to     []byte
	relationType []byte
	rest         []member // that nothing of this says, in their order
}

// A member is a name and a value as they stand in a line.
type member struct {
	name  string
	value []byte
}

// lax takes what JavaScript's JSON.parse takes, of a text that Node has read as UTF-8.
var lax = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

var errNull = errors.New("it is null")

// parseLine reads a line. It fails where the server does.
func parseLine(raw []byte) (*record, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), lax...)
	value, err := dec.ReadValue()
	if err != nil {
		return nil, lineError(err, len(raw))
	}
	value = slices.Clone(value)
	if rest := bytes.TrimLeft(raw[dec.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, fmt.Errorf("something follows behind the value, at byte %d", len(raw)-len(rest)+1)
	}
	r := &record{kind: others}
	switch value.Kind() {
	case 'n':
		return nil, errNull
	case '{':
		return r, r.object(value)
	}
	return r, nil
}

// lineError says what is wrong with a line, without its text.
func lineError(err error, size int) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("it ends after %d bytes, within a value", size)
	case errors.As(err, &syntax):
		return fmt.Errorf("%w at byte %d", syntax.Err, syntax.ByteOffset+1)
	}
	return err
}

func (r *record) object(value jsontext.Value) error {
	members, err := membersOf(value)
	if err != nil {
		return err
	}
	text := func(name string) []byte {
		if i := slices.IndexFunc(members, func(m member) bool { return m.name == name }); i >= 0 {
			return unquoted(members[i].value)
		}
		return nil
	}
	said := []string{"type"}
	take := func(name string, value []byte) []byte {
		if value != nil {
			said = append(said, name)
		}
		return value
	}
	switch string(text("type")) {
	case "entity":
		if r.name = take("name", text("name")); r.name == nil {
			return nil
		}
		r.kind = entities
		if r.title = take("title", text("title")); r.title == nil {
			r.title = r.name
		}
		r.entityType = take("entityType", text("entityType"))
		if i := slices.IndexFunc(members, func(m member) bool { return m.name == "observations" }); i >= 0 {
			r.observations = take("observations", listOf(members[i].value))
		}
	case "relation":
		r.from, r.to, r.relationType = text("from"), text("to"), text("relationType")
		if r.from == nil || r.to == nil || r.relationType == nil {
			return nil
		}
		r.kind = relations
		said = append(said, relationKey...)
	default:
		return nil
	}
	r.rest = slices.DeleteFunc(members, func(m member) bool { return slices.Contains(said, m.name) })
	return nil
}

// membersOf are the members of an object; of those with one name, the last counts.
func membersOf(value jsontext.Value) ([]member, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(value), lax...)
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var out []member
	for dec.PeekKind() == '"' {
		tok, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		m := member{name: strings.Clone(tok.String())}
		v, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		m.value = slices.Clone(v)
		if i := slices.IndexFunc(out, func(o member) bool { return o.name == m.name }); i >= 0 {
			out[i] = m
		} else {
			out = append(out, m)
		}
	}
	return out, nil
}

// unquoted is the text of a JSON string; nil of another value.
func unquoted(value jsontext.Value) []byte {
	if value.Kind() != '"' {
		return nil
	}
	text, err := jsontext.AppendUnquote([]byte{}, value)
	if err != nil { // what no text can hold: JavaScript would give U+FFFD for it in the end
		return bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	return text
}

// listOf is a JSON array of strings as JavaScript writes it; nil for another value.
func listOf(value jsontext.Value) []byte {
	dec := jsontext.NewDecoder(bytes.NewBuffer(slices.Clone(value)), lax...)
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '[' {
		return nil
	}
	out := []byte{'['}
	for dec.PeekKind() == '"' {
		v, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendString(out, unquoted(v))
	}
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != ']' || len(bytes.TrimSpace(value[dec.InputOffset():])) > 0 {
		return nil
	}
	return append(out, ']')
}

// appendString appends a JSON string as JavaScript's JSON.stringify writes it.
func appendString(dst, text []byte) []byte {
	dst, _ = jsontext.AppendQuote(dst, text) // an error means U+FFFD for what is not UTF-8
	return dst
}

// appendLine appends the line that the server would write for a record, with the members
// that it does not know behind the others.
func (r *record) appendLine(dst []byte) []byte {
	put := func(name string, value []byte) {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(append(appendString(dst, []byte(name)), ':'), value...)
	}
	text := func(name string, value []byte) {
		if value != nil {
			put(name, appendString(nil, value))
		}
	}
	dst = append(dst, '{')
	if r.kind == entities {
		text("type", []byte("entity"))
		text("name", r.name)
		text("entityType", r.entityType)
		if r.observations != nil {
			put("observations", r.observations)
		}
		if !bytes.Equal(r.title, r.name) {
			text("title", r.title)
		}
	} else {
		text("type", []byte("relation"))
		text("from", r.from)
		text("to", r.to)
		text("relationType", r.relationType)
	}
	for _, m := range r.rest {
		put(m.name, m.value)
	}
	return append(dst, '}')
}

// says tells whether a line says the same of a record as its columns do.
func (r *record) says(o *record) bool {
	same := func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }
	return r.kind == o.kind && same(r.name, o.name) && same(r.title, o.title) && same(r.entityType, o.entityType) && same(r.observations, o.observations) &&
		same(r.from, o.from) && same(r.to, o.to) && same(r.relationType, o.relationType)
}

// lineFor is the line for a record of which an earlier line, if not nil, said more: that line
// itself if it still says the same of the rest, else a new one that keeps what only it says.
// own tells that the line is what the server would write for the columns alone.
func (r *record) lineFor(earlier []byte) (line []byte, own bool) {
	if earlier != nil {
		if was, err := parseLine(earlier); err == nil && was.kind == r.kind {
			if was.says(r) {
				return earlier, r.plain() && bytes.Equal(earlier, r.appendLine(nil))
			}
			r.rest = slices.DeleteFunc(was.rest, func(m member) bool { return r.knows(m.name) })
		}
	}
	return r.appendLine(nil), r.plain()
}

// key is by which columns a record is found, and what it says of them.
func (r *record) key() (columns []string, cells [][]byte) {
	if r.kind == entities {
		return entityColumns[:1], [][]byte{r.name}
	}
	return relationKey, [][]byte{r.from, r.to, r.relationType}
}

// knows tells whether a column says the member.
func (r *record) knows(name string) bool {
	if r.kind != entities {
		return slices.Contains(relationKey, name)
	}
	return name == "name" || name == "title" || name == "entityType" && r.entityType != nil || name == "observations" && r.observations != nil
}

// plain tells that the record has the members that the server looks for, and no others.
func (r *record) plain() bool {
	return len(r.rest) == 0 && (r.kind != entities || r.entityType != nil && r.observations != nil)
}

// blank tells whether the server passes over a line: what JavaScript's trim leaves nothing of.
func blank(line []byte) bool {
	return len(bytes.TrimFunc(line, func(r rune) bool { return unicode.IsSpace(r) && r != '\u0085' || r == '\uFEFF' })) == 0
}

// isMarker tells the first line of the fork's files.
func isMarker(line []byte) bool {
	value := jsontext.Value(line)
	if value.Kind() != '{' || !value.IsValid() {
		return false
	}
	members, err := membersOf(value)
	if err != nil {
		return false
	}
	found := 0
	for _, m := range members {
		if t := string(unquoted(m.value)); m.name == "type" && t == "_aim" || m.name == "source" && t == "mcp-knowledge-graph" {
			found++
		}
	}
	return found == 2
}
