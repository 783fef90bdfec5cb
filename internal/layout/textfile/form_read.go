package textfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/internal/store"
)

// RecordError is what is wrong with a record of valid JSON.
type RecordError struct{ msg string }

func (e *RecordError) Error() string { return e.msg }

// FileError is what is wrong with a file of JSON, in a sentence, where reading it failed.
func FileError(dec *jsontext.Decoder, err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("the file is cut short after %d bytes", dec.InputOffset()+int64(len(dec.UnreadBuffer())))
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("an object has a member twice, near byte %d (%s)", dec.InputOffset(), dec.StackPointer())
	case errors.As(err, &syntax):
		return fmt.Errorf("it is not valid JSON: %w at byte %d", syntax.Err, syntax.ByteOffset)
	}
	return err
}

// Open reads the beginning of an object or a list. what names it in a message.
func Open(dec *jsontext.Decoder, kind jsontext.Kind, what string) error {
	tok, err := dec.ReadToken()
	if err == nil && tok.Kind() != kind {
		word := map[jsontext.Kind]string{'{': "object", '[': "list"}[kind]
		err = fmt.Errorf("%s is no %s", what, word)
	}
	return err
}

// A slot is the value of a column of the record at hand.
type slot struct {
	kind store.Kind
	word uint64
	data []byte
}

// A FormReader reads records of a form.
type FormReader struct {
	form   *Form
	all    []Field
	top    map[string]int // members and their columns
	groups map[string]*group
	slots  []slot
	rest   []extra // members that no column says
}

// A group is a member that is an object whose members have columns.
type group struct {
	at       map[string]int
	from, to int // its columns
	met      bool
	rest     []extra
}

// NewFormReader returns a reader.
func NewFormReader(f *Form) *FormReader {
	p := &FormReader{form: f, all: f.All(), top: map[string]int{}, groups: map[string]*group{}}
	n := 0
	for _, m := range f.Fields {
		if m.Inner == nil {
			p.top[m.Member] = n
			n++
			continue
		}
		g := &group{at: map[string]int{}, from: n, to: n + len(m.Inner)}
		for i, inner := range m.Inner {
			g.at[inner.Member] = n + i
		}
		p.groups[m.Member] = g
		n = g.to
	}
	p.slots = make([]slot, n)
	return p
}

// Record reads one record and appends its cells, without those of other columns than the
// form's. What is wrong with the record itself is a RecordError.
func (p *FormReader) Record(dec *jsontext.Decoder, rows *store.Rows) error {
	if k := dec.PeekKind(); k != '{' && k != 0 {
		return &RecordError{"is no object"}
	}
	for i := range p.slots {
		p.slots[i].kind = store.Null
	}
	if err := p.object(dec, p.top); err != nil {
		return err
	}
	for i, m := range p.all {
		c := &rows.Columns[i]
		switch s := &p.slots[i]; s.kind {
		case store.Integer:
			c.AppendInt(int64(s.word))
		case store.Real:
			c.AppendRow(&store.Cells{Kinds: []store.Kind{store.Real}, Words: []uint64{s.word}}, 0)
		case store.Text:
			c.AppendText(s.data)
		default:
			if m.Needed {
				return &RecordError{fmt.Sprintf("has no %q that is a text", m.Member)}
			}
			c.AppendNull()
		}
	}
	p.gather(true)
	c := &rows.Columns[len(p.all)]
	if len(p.rest) == 0 {
		c.AppendNull()
	} else {
		c.AppendText(p.appendExtras(nil, p.rest))
	}
	return nil
}

// object reads a record: what at does not name goes to the rest, of the record or of a group.
func (p *FormReader) object(dec *jsontext.Decoder, at map[string]int) error {
	p.rest = p.rest[:0]
	for _, g := range p.groups {
		g.met, g.rest = false, g.rest[:0]
	}
	return members(dec, func(name string) error {
		g := p.groups[name]
		if g == nil || dec.PeekKind() != '{' {
			return p.take(dec, name, at, &p.rest)
		}
		g.met = true
		inner := g.at
		if at == nil {
			inner = nil
		}
		return members(dec, func(name string) error { return p.take(dec, name, inner, &g.rest) })
	})
}

// gather adds what groups say beyond their columns to the rest; a group of which no column
// tells is an empty object.
func (p *FormReader) gather(columns bool) {
	for name, g := range p.groups {
		if len(g.rest) > 0 || g.met && (!columns || p.none(g)) {
			p.rest = append(p.rest, extra{name, p.appendExtras(nil, g.rest)})
		}
	}
}

// none tells that no column of the group has a value.
func (p *FormReader) none(g *group) bool {
	return !slices.ContainsFunc(p.slots[g.from:g.to], func(s slot) bool { return s.kind != store.Null })
}

// An extra is a member that no column says.
type extra struct {
	name  string
	value []byte
}

// appendExtras appends an object of the members, in the order of their names.
func (p *FormReader) appendExtras(dst []byte, extras []extra) []byte {
	slices.SortFunc(extras, func(a, b extra) int { return strings.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for i, e := range extras {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(p.form.appendText(dst, []byte(e.name)), ": "...), e.value...)
	}
	return append(dst, '}')
}

// normalOther is the text of the column Other as a reader would give it.
func (f *Form) normalOther(raw []byte) ([]byte, bool) {
	p := NewFormReader(f)
	dec := jsontext.NewDecoder(bytes.NewBuffer(bytes.Clone(raw)))
	if dec.PeekKind() != '{' || !StrictJSON(raw) {
		return nil, false
	}
	err := p.object(dec, nil)
	p.gather(false)
	return p.appendExtras(nil, p.rest), err == nil && len(p.rest) > 0
}

// members reads an object; take reads the value of a member.
func members(dec *jsontext.Decoder, take func(name string) error) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() == '"' {
		tok, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if err := take(tok.String()); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// take reads a value into its slot, or into the rest if no column can say it. A member
// that is null is as good as none.
func (p *FormReader) take(dec *jsontext.Decoder, name string, at map[string]int, rest *[]extra) error {
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	i, known := at[name]
	if known && (v.Kind() == 'n' || p.set(&p.slots[i], p.all[i].Kind, v)) {
		return nil
	}
	*rest = append(*rest, extra{name, p.form.appendJSON(nil, v)})
	return nil
}

// set takes a value of the kind.
func (p *FormReader) set(s *slot, k Kind, v jsontext.Value) (ok bool) {
	switch c := v.Kind(); {
	case k == Text && c == '"':
		s.data, _ = jsontext.AppendUnquote(s.data[:0], v)
	case k == List && c == '[':
		if s.data, ok = AppendList(s.data[:0], v); !ok {
			return false
		}
	case k == Object && c == '{', k == Value:
		s.data = p.form.appendJSON(s.data[:0], v)
	case k == Number && c == '0':
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil && (n != 0 || len(v) == 1) {
			s.kind, s.word = store.Integer, uint64(n)
			return true
		}
		if !bytes.ContainsAny(v, ".eE") {
			return false // more than an integer holds
		}
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return false
		}
		s.kind, s.word = store.Real, math.Float64bits(f)
		return true
	default:
		return false
	}
	s.kind = store.Text
	return true
}

// StrictJSON tells whether a reader of records takes the value: one, with no member twice.
func StrictJSON(raw []byte) bool { return jsontext.Value(raw).IsValid() }
