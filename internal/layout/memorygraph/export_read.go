package memorygraph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// isExport tells an export by its first members: the records may come far behind them.
func isExport(head []byte) bool {
	dec := jsontext.NewDecoder(bytes.NewReader(head))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return false
	}
	for {
		tok, err := dec.ReadToken()
		if err != nil || tok.Kind() != '"' {
			return false
		}
		switch name := tok.String(); name {
		case "memories", "relationships":
			return dec.PeekKind() == '['
		case "format_version", "export_version":
			return dec.PeekKind() == '"'
		}
		if err := dec.SkipValue(); err != nil {
			return false
		}
	}
}

// exportReader reads one export, member by member and record by record.
type exportReader struct {
	dec    *jsontext.Decoder
	into   store.Target
	losses []store.SchemaLoss
	counts map[string]int64 // that the file says
	found  map[string]int64
	values map[string][]byte // of the header
	order  []string
}

func readExport(ctx context.Context, files fs.FS, names []string, into store.Target) ([]store.SchemaLoss, error) {
	f, err := files.Open(names[0])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &exportReader{dec: jsontext.NewDecoder(f), into: into, counts: map[string]int64{}, found: map[string]int64{}, values: map[string][]byte{}}
	if err := r.file(ctx); err != nil {
		return nil, r.sentence(err)
	}
	return r.losses, nil
}

// sentence says what is wrong with a file.
func (r *exportReader) sentence(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("the file is cut short after %d bytes", r.dec.InputOffset()+int64(len(r.dec.UnreadBuffer())))
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("an object has a member twice, near byte %d (%s)", r.dec.InputOffset(), r.dec.StackPointer())
	case errors.As(err, &syntax):
		return fmt.Errorf("it is not valid JSON: %w at byte %d", syntax.Err, syntax.ByteOffset)
	}
	return err
}

// The members of an export.
const (
	memoriesMember = "memories"
	edgesMember    = "relationships"
)

func (r *exportReader) file(ctx context.Context) error {
	if err := r.open('{', "the file"); err != nil {
		return err
	}
	for r.dec.PeekKind() == '"' {
		tok, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		switch name := tok.String(); name {
		case memoriesMember:
			err = r.records(ctx, name, "nodes", memoryForm)
		case edgesMember:
			err = r.records(ctx, name, "relationships", edgeForm)
		case textfile.Sidecar:
			err = textfile.ReadTable(ctx, r.dec, r.into, name)
		default:
			err = r.header(name)
		}
		if err != nil {
			return err
		}
	}
	if _, err := r.dec.ReadToken(); err != nil { // the end of the object
		return err
	}
	if _, err := r.dec.ReadToken(); err == nil {
		return errors.New("something follows behind its end")
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	for _, name := range []string{memoriesMember, edgesMember} {
		if _, ok := r.found[name]; !ok {
			return fmt.Errorf("it has no member %q", name)
		}
	}
	return r.settle(ctx)
}

func (r *exportReader) open(kind jsontext.Kind, what string) error {
	tok, err := r.dec.ReadToken()
	if err == nil && tok.Kind() != kind {
		word := map[jsontext.Kind]string{'{': "object", '[': "list"}[kind]
		err = fmt.Errorf("%s is no %s", what, word)
	}
	return err
}

// header takes a member beside the records.
func (r *exportReader) header(name string) error {
	v, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	switch name {
	case "memory_count", "relationship_count":
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			r.counts[name] = n
			return nil
		}
	}
	r.values[name] = textfile.AppendJSON(nil, v)
	r.order = append(r.order, name)
	return nil
}

// settle checks the header, and keeps what of it a writer does not make anyway.
func (r *exportReader) settle(ctx context.Context) error {
	version := text1(r.values["format_version"])
	if version == "" {
		version = text1(r.values["export_version"])
	}
	if version != "1.0" && version != "2.0" {
		return fmt.Errorf("its format_version is %q, and memarc knows 1.0 and 2.0", version)
	}
	for name, n := range r.counts {
		member := map[string]string{"memory_count": memoriesMember, "relationship_count": edgesMember}[name]
		if got := r.found[member]; got != n {
			r.losses = append(r.losses, store.SchemaLoss{Code: "count-differs", Where: name, Count: int(max(n-got, got-n)),
				Reason: fmt.Sprintf("the file says that it has %d %s, and it has %d", n, member, got)})
		}
	}
	ours := text1(r.values["backend_type"]) == "memarc"
	load := textfile.NewLoad(r.into, header, []string{"member", "value"})
	for _, name := range r.order {
		switch {
		case name == "format_version", ours && (name == "backend_type" || name == "export_date"):
			continue
		case name == "export_version" && r.values["format_version"] != nil && text1(r.values[name]) == "1.0":
			continue
		}
		load.Rows.Columns[0].AppendString(name)
		load.Rows.Columns[1].AppendText(r.values[name])
		if err := load.Next(ctx); err != nil {
			return err
		}
	}
	return load.Flush(ctx)
}

// text1 is a JSON string as a text; "" for other values.
func text1(raw []byte) string {
	v, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return ""
	}
	return string(v)
}

// records reads an array of records.
func (r *exportReader) records(ctx context.Context, name, table string, f *form) error {
	if err := r.open('[', fmt.Sprintf("the member %q", name)); err != nil {
		return err
	}
	r.found[name] = 0
	p := newFormReader(f)
	load := textfile.NewLoad(r.into, table, f.columns())
	load.Refused = func(rows *store.Rows, row int, _ error) error {
		if f == edgeForm {
			return fmt.Errorf("the relationship %q stands in it twice", rows.Columns[0].Bytes(row))
		}
		return fmt.Errorf("the %s with id %q stands in it twice", f.what, rows.Columns[0].Bytes(row))
	}
	for r.dec.PeekKind() != ']' {
		r.found[name]++
		if err := p.record(r.dec, load.Rows); err != nil {
			var bad *recordError
			if errors.As(err, &bad) {
				return fmt.Errorf("%s %d %w", f.what, r.found[name], err)
			}
			return err
		}
		if err := load.Next(ctx); err != nil {
			return err
		}
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	return load.Flush(ctx)
}

// recordError is what is wrong with a record of valid JSON.
type recordError struct{ msg string }

func (e *recordError) Error() string { return e.msg }

// A slot is the value of a column of the record at hand.
type slot struct {
	kind store.Kind
	word uint64
	data []byte
}

type formReader struct {
	form  *form
	all   []field
	at    map[string]int // members
	inner map[string]int
	slots []slot
	rest  []extra // members that no column says
	deep  []extra // likewise, of the nested object
}

func newFormReader(f *form) *formReader {
	p := &formReader{form: f, all: f.all(), at: map[string]int{}, inner: map[string]int{}}
	for i, m := range f.fields {
		p.at[m.member] = i
	}
	for i, m := range f.inner {
		p.inner[m.member] = len(f.fields) + i
	}
	p.slots = make([]slot, len(p.all))
	return p
}

// record reads one record and appends its cells.
func (p *formReader) record(dec *jsontext.Decoder, rows *store.Rows) error {
	if k := dec.PeekKind(); k != '{' && k != 0 {
		return &recordError{"is no object"}
	}
	for i := range p.slots {
		p.slots[i].kind = store.Null
	}
	p.rest, p.deep = p.rest[:0], p.deep[:0]
	nested := false
	err := p.members(dec, func(name string) error {
		if name != p.form.nested || dec.PeekKind() != '{' {
			return p.take(dec, name, p.at, &p.rest)
		}
		nested = true
		return p.members(dec, func(name string) error { return p.take(dec, name, p.inner, &p.deep) })
	})
	if err != nil {
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
			if m.needed {
				return &recordError{fmt.Sprintf("has no %q that is a text", m.member)}
			}
			c.AppendNull()
		}
	}
	if len(p.deep) > 0 || nested && p.noneInner() {
		p.rest = append(p.rest, extra{p.form.nested, appendExtras(nil, p.deep)})
	}
	c := &rows.Columns[len(p.all)]
	if len(p.rest) == 0 {
		c.AppendNull()
	} else {
		c.AppendText(appendExtras(nil, p.rest))
	}
	return nil
}

// An extra is a member that no column says.
type extra struct {
	name  string
	value []byte
}

// appendExtras appends an object of the members, in the order of their names.
func appendExtras(dst []byte, extras []extra) []byte {
	slices.SortFunc(extras, func(a, b extra) int { return strings.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for i, e := range extras {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(textfile.AppendText(dst, []byte(e.name)), ": "...), e.value...)
	}
	return append(dst, '}')
}

// normalOther is the text of the column other as a reader would give it.
func normalOther(f *form, raw []byte) ([]byte, bool) {
	p := &formReader{form: f}
	var top, deep []extra
	dec := jsontext.NewDecoder(bytes.NewBuffer(bytes.Clone(raw)))
	if dec.PeekKind() != '{' || !strictJSON(raw) {
		return nil, false
	}
	nested := false
	err := p.members(dec, func(name string) error {
		if name != f.nested || dec.PeekKind() != '{' {
			return p.take(dec, name, nil, &top)
		}
		nested = true
		return p.members(dec, func(name string) error { return p.take(dec, name, nil, &deep) })
	})
	if nested {
		top = append(top, extra{f.nested, appendExtras(nil, deep)})
	}
	return appendExtras(nil, top), err == nil && len(top) > 0
}

func (p *formReader) noneInner() bool {
	for _, s := range p.slots[len(p.form.fields):] {
		if s.kind != store.Null {
			return false
		}
	}
	return true
}

// members reads an object; take reads the value of a member.
func (p *formReader) members(dec *jsontext.Decoder, take func(name string) error) error {
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
func (p *formReader) take(dec *jsontext.Decoder, name string, at map[string]int, rest *[]extra) error {
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	i, known := at[name]
	if known && (v.Kind() == 'n' || p.slots[i].set(p.all[i].kind, v)) {
		return nil
	}
	*rest = append(*rest, extra{name, textfile.AppendJSON(nil, v)})
	return nil
}

// set takes a value of the kind.
func (s *slot) set(k kind, v jsontext.Value) (ok bool) {
	switch c := v.Kind(); {
	case k == aText && c == '"':
		s.data, _ = jsontext.AppendUnquote(s.data[:0], v)
	case k == aList && c == '[':
		if s.data, ok = textfile.AppendList(s.data[:0], v); !ok {
			return false
		}
	case k == anObject && c == '{':
		s.data = textfile.AppendJSON(s.data[:0], v)
	case k == aNumber && c == '0':
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
		value := format.FloatValue(f)
		s.kind, s.word = store.Real, value.Cell
		return true
	default:
		return false
	}
	s.kind = store.Text
	return true
}

// strictJSON tells whether a reader of exports takes the value: one, with no member twice.
func strictJSON(raw []byte) bool { return jsontext.Value(raw).IsValid() }
