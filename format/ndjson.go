package format

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// sectionMember is the first member of every line. FORMAT.md section 6.2.
const sectionMember = "$section"

// strict64 is base64 with one encoding per value.
var strict64 = base64.StdEncoding.Strict()

// AppendNDJSON appends a row as one JSON object and a newline. FORMAT.md
// section 6.2.
func (b *Batch) AppendNDJSON(dst []byte, row int) ([]byte, error) {
	dst, err := b.openObject(dst)
	for i := 0; err == nil && i < len(b.Columns); i++ {
		dst, err = b.appendMember(dst, row, i)
	}
	if err != nil {
		return nil, err
	}
	return append(dst, "}\n"...), nil
}

// AppendFields appends some fields of a row as AppendNDJSON does, in the order given and
// without the newline.
func (b *Batch) AppendFields(dst []byte, row int, fields []int) ([]byte, error) {
	dst, err := b.openObject(dst)
	for n := 0; err == nil && n < len(fields); n++ {
		dst, err = b.appendMember(dst, row, fields[n])
	}
	if err != nil {
		return nil, err
	}
	return append(dst, '}'), nil
}

func (b *Batch) openObject(dst []byte) ([]byte, error) {
	return jsontext.AppendQuote(append(dst, `{"`+sectionMember+`":`...), b.Section.Name)
}

// appendMember appends a field of a row with its name, if it is not null.
func (b *Batch) appendMember(dst []byte, row, field int) ([]byte, error) {
	c := &b.Columns[field]
	if c.Null(row) {
		return dst, nil
	}
	name := b.Section.Fields[field].Name
	dst, err := jsontext.AppendQuote(append(dst, ','), name)
	if err != nil {
		return nil, err
	}
	if dst, err = c.AppendJSON(append(dst, ':'), row); err != nil {
		return nil, fmt.Errorf("field %q: %w", name, err)
	}
	return dst, nil
}

// AppendJSON appends a non-null row in the form of FORMAT.md section 6.2.
func (c *Column) AppendJSON(dst []byte, row int) ([]byte, error) {
	switch c.Type {
	case Bool:
		return strconv.AppendBool(dst, c.Cells[row] == 1), nil
	case Int:
		return strconv.AppendInt(dst, c.Int(row), 10), nil
	case Float:
		return appendFloat(dst, c.Cells[row]), nil
	case Time:
		return appendTime(dst, c.Int(row)), nil
	case Text, JSON:
		return jsontext.AppendQuote(dst, c.Bytes(row))
	case Bytes:
		return append(appendBase64(append(dst, `{"b":`...), c.Bytes(row)), '}'), nil
	case Vector:
		return appendBase64(dst, c.Bytes(row)), nil
	case List:
		items := make([][]byte, c.ListLen(row))
		for i := range items {
			items[i] = c.Item(row, i)
		}
		return appendList(dst, items)
	case Any:
		v, _, err := ParseValue(c.Bytes(row))
		if err != nil {
			return nil, err
		}
		return v.AppendJSON(dst)
	default:
		entries, err := ParseMap(c.Bytes(row))
		if err != nil {
			return nil, err
		}
		dst = append(dst, '{')
		for i, e := range entries {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = jsontext.AppendQuote(dst, e.Name); err != nil {
				return nil, err
			}
			if dst, err = e.Value.AppendJSON(append(dst, ':')); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
}

func appendBase64(dst, v []byte) []byte {
	return append(strict64.AppendEncode(append(dst, '"'), v), '"')
}

func appendList(dst []byte, items [][]byte) ([]byte, error) {
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = jsontext.AppendQuote(dst, item); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// appendFloat writes the shortest number that reads back to the same bits.
func appendFloat(dst []byte, bits uint64) []byte {
	v := math.Float64frombits(bits)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Appendf(dst, `{"f":"%016x"}`, bits)
	}
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

func appendTime(dst []byte, ns int64) []byte {
	dst = time.Unix(0, ns).UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano)
	return append(dst, '"')
}

// AppendJSON appends the value as FORMAT.md section 6.2 writes Any.
func (v Value) AppendJSON(dst []byte) ([]byte, error) {
	switch v.Type {
	case Null:
		return append(dst, "null"...), nil
	case Bool:
		return strconv.AppendBool(dst, v.Cell == 1), nil
	case Int:
		return strconv.AppendInt(dst, int64(v.Cell), 10), nil
	case Float:
		f := math.Float64frombits(v.Cell)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return appendFloat(dst, v.Cell), nil
		}
		return append(appendFloat(append(dst, `{"f":`...), v.Cell), '}'), nil
	case Text:
		if !utf8.Valid(v.Bytes) {
			return append(appendBase64(append(dst, `{"t":`...), v.Bytes), '}'), nil
		}
		return jsontext.AppendQuote(dst, v.Bytes)
	case JSON:
		dst, err := jsontext.AppendQuote(append(dst, `{"j":`...), v.Bytes)
		return append(dst, '}'), err
	case Bytes:
		return append(appendBase64(append(dst, `{"b":`...), v.Bytes), '}'), nil
	case Vector:
		return append(appendBase64(append(dst, `{"v":`...), v.Bytes), '}'), nil
	case Time:
		return append(appendTime(append(dst, `{"d":`...), int64(v.Cell)), '}'), nil
	case List:
		dst, err := appendList(append(dst, `{"l":`...), v.List)
		return append(dst, '}'), err
	}
	return nil, fmt.Errorf("value of type %s has no JSON form", v.Type)
}

// ParseValueJSON reads a value in the form that AppendJSON writes.
func ParseValueJSON(raw []byte) (Value, error) {
	var l lineDecoder
	l.reset(raw)
	v, err := l.value()
	if err != nil {
		return v, err
	}
	return v, l.end()
}

// encodeNDJSON appends all rows.
func (b *Batch) encodeNDJSON(dst []byte) (out []byte, err error) {
	for row := 0; row < b.Rows; row++ {
		if dst, err = b.AppendNDJSON(dst, row); err != nil {
			return nil, fmt.Errorf("encode record %d of section %q: %w", row, b.Section.Name, err)
		}
	}
	return dst, nil
}

// ndjsonDecode fills an empty batch from lines.
func ndjsonDecode(b *Batch, lines []byte, records int) error {
	d := NewLineDecoder(b.Section)
	for row := range records {
		end := bytes.IndexByte(lines, '\n')
		if end < 0 {
			return fmt.Errorf("%d lines for %d records", row, records)
		}
		if err := d.Append(b, lines[:end]); err != nil {
			return fmt.Errorf("line %d: %w", row, err)
		}
		lines = lines[end+1:]
	}
	if len(lines) != 0 {
		return fmt.Errorf("more lines than %d records", records)
	}
	return nil
}

// A LineDecoder reads records of one section, as AppendNDJSON writes them but for the
// end of the line. FORMAT.md section 6.2.
type LineDecoder struct {
	section *Section
	fields  map[string]int
	line    lineDecoder
}

// NewLineDecoder returns a decoder of a section's records.
func NewLineDecoder(s *Section) *LineDecoder {
	d := &LineDecoder{section: s, fields: make(map[string]int, len(s.Fields))}
	for i, f := range s.Fields {
		d.fields[f.Name] = i
	}
	return d
}

// Append appends a record to a batch of the section. One that is refused leaves the
// batch unfit for use.
func (d *LineDecoder) Append(b *Batch, line []byte) error {
	if err := d.Decode(line, func(field int) *Column { return &b.Columns[field] }); err != nil {
		return err
	}
	b.EndRow()
	return nil
}

// Decode reads a record, and appends the value of each field that it has to the column
// that is named for it. The fields come in the order of the section.
func (d *LineDecoder) Decode(line []byte, column func(field int) *Column) error {
	l := &d.line
	l.reset(line)
	if err := l.expect('{'); err != nil {
		return err
	}
	name, err := l.text()
	if err != nil || string(name) != sectionMember {
		return fmt.Errorf("the first member is not %q", sectionMember)
	}
	if name, err = l.text(); err != nil || string(name) != d.section.Name {
		return fmt.Errorf("%q is not the chunk's section", name)
	}
	last := -1
	for l.kind() == '"' {
		if name, err = l.text(); err != nil {
			return err
		}
		i, ok := d.fields[string(name)]
		if !ok {
			return fmt.Errorf("unknown member %q", name)
		}
		if i <= last {
			return fmt.Errorf("member %q is not in the manifest's order", name)
		}
		last = i
		if err := l.into(column(i)); err != nil {
			return fmt.Errorf("member %q: %w", d.section.Fields[i].Name, err)
		}
	}
	if err := l.expect('}'); err != nil {
		return err
	}
	return l.end()
}

// lineDecoder reads the tokens of one JSON value.
type lineDecoder struct {
	raw  []byte
	dec  jsontext.Decoder
	buf  []byte
	time []byte
}

func (l *lineDecoder) reset(raw []byte) {
	l.raw = raw
	l.dec.Reset(bytes.NewBuffer(raw))
}

func (l *lineDecoder) kind() jsontext.Kind { return l.dec.PeekKind() }

func (l *lineDecoder) expect(k jsontext.Kind) error {
	tok, err := l.dec.ReadToken()
	if err != nil {
		return err
	}
	if tok.Kind() != k {
		return fmt.Errorf("%s stands where %q is expected", tok.Kind(), byte(k))
	}
	return nil
}

func (l *lineDecoder) end() error {
	if rest := bytes.TrimRight(l.raw[l.dec.InputOffset():], " \t\r"); len(rest) != 0 {
		return fmt.Errorf("%d bytes follow the value", len(rest))
	}
	return nil
}

// text reads a string. The bytes are valid until the next call.
func (l *lineDecoder) text() ([]byte, error) {
	raw, err := l.dec.ReadValue()
	if err != nil {
		return nil, err
	}
	if raw.Kind() != '"' {
		return nil, fmt.Errorf("not a string")
	}
	l.buf, err = jsontext.AppendUnquote(l.buf[:0], raw)
	return l.buf, err
}

func (l *lineDecoder) base64() ([]byte, error) {
	text, err := l.text()
	if err != nil {
		return nil, err
	}
	if bytes.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("base64 holds a line break")
	}
	return strict64.AppendDecode(nil, text)
}

func (l *lineDecoder) number() ([]byte, error) {
	raw, err := l.dec.ReadValue()
	if err != nil {
		return nil, err
	}
	if raw.Kind() != '0' {
		return nil, fmt.Errorf("not a number")
	}
	return raw, nil
}

func (l *lineDecoder) integer() (uint64, error) {
	raw, err := l.number()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || string(raw) == "-0" {
		return 0, fmt.Errorf("%.40q is not a 64-bit integer", raw)
	}
	return uint64(v), nil
}

// float reads a number, or the 16 hex digits of a NaN or an infinity.
func (l *lineDecoder) float() (uint64, error) {
	if l.kind() == '"' {
		text, err := l.text()
		if err != nil {
			return 0, err
		}
		var bits [8]byte
		if len(text) != 16 || strings.ToLower(string(text)) != string(text) {
			return 0, fmt.Errorf("%.40q is not 16 lower-case hex digits", text)
		}
		if _, err := hex.Decode(bits[:], text); err != nil {
			return 0, err
		}
		v := binary.BigEndian.Uint64(bits[:])
		if f := math.Float64frombits(v); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return 0, fmt.Errorf("%q is a finite float, which is written as a number", text)
		}
		return v, nil
	}
	raw, err := l.number()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a finite float", raw)
	}
	return math.Float64bits(v), nil
}

// moment reads RFC 3339 in UTC as appendTime writes it.
func (l *lineDecoder) moment() (uint64, error) {
	text, err := l.text()
	if err != nil {
		return 0, err
	}
	var t time.Time
	if err := t.UnmarshalText(text); err != nil {
		return 0, err
	}
	ns := t.UnixNano()
	if l.time = appendTime(l.time[:0], ns); !bytes.Equal(l.time[1:len(l.time)-1], text) {
		return 0, fmt.Errorf("%q is not the shortest RFC 3339 time in UTC within 64-bit nanoseconds", text)
	}
	return uint64(ns), nil
}

func (l *lineDecoder) list() ([][]byte, error) {
	if err := l.expect('['); err != nil {
		return nil, err
	}
	var items [][]byte
	for l.kind() == '"' {
		text, err := l.text()
		if err != nil {
			return nil, err
		}
		items = append(items, bytes.Clone(text))
	}
	return items, l.expect(']')
}

// value reads a value in the form of Any, or null.
func (l *lineDecoder) value() (v Value, err error) {
	switch l.kind() {
	case 'n':
		return v, l.expect('n')
	case 't', 'f':
		tok, err := l.dec.ReadToken()
		if err == nil && tok.Bool() {
			v.Cell = 1
		}
		v.Type = Bool
		return v, err
	case '0':
		v.Type = Int
		v.Cell, err = l.integer()
		return v, err
	case '"':
		text, err := l.text()
		return Value{Type: Text, Bytes: bytes.Clone(text)}, err
	}
	if err := l.expect('{'); err != nil {
		return v, err
	}
	name, err := l.text()
	if err != nil {
		return v, err
	}
	switch string(name) {
	case "f":
		v.Type = Float
		v.Cell, err = l.float()
	case "t":
		v.Type = Text
		if v.Bytes, err = l.base64(); err == nil && utf8.Valid(v.Bytes) {
			err = fmt.Errorf("text that is valid UTF-8 is written as a string")
		}
	case "b":
		v.Type = Bytes
		v.Bytes, err = l.base64()
	case "v":
		v.Type = Vector
		if v.Bytes, err = l.base64(); err == nil && len(v.Bytes)%4 != 0 {
			err = fmt.Errorf("vector of %d bytes", len(v.Bytes))
		}
	case "j":
		v.Type = JSON
		var text []byte
		if text, err = l.text(); err == nil && !ValidJSON(text) {
			err = fmt.Errorf("not a JSON value")
		}
		v.Bytes = bytes.Clone(text)
	case "d":
		v.Type = Time
		v.Cell, err = l.moment()
	case "l":
		v.Type = List
		if v.List, err = l.list(); err == nil && len(v.List) > maxItems {
			err = &LimitError{What: "list in a value", Got: uint64(len(v.List)), Max: maxItems}
		}
	default:
		err = fmt.Errorf("unknown form %q of a value", name)
	}
	if err != nil {
		return v, err
	}
	return v, l.expect('}')
}

// into appends a field's value to its column.
func (l *lineDecoder) into(c *Column) error {
	switch c.Type {
	case Bool:
		tok, err := l.dec.ReadToken()
		if err != nil {
			return err
		}
		switch tok.Kind() {
		case 't':
			c.AppendCell(1)
		case 'f':
			c.AppendCell(0)
		default:
			return fmt.Errorf("not a bool")
		}
	case Int:
		v, err := l.integer()
		if err != nil {
			return err
		}
		c.AppendCell(v)
	case Float:
		if l.kind() == '0' {
			v, err := l.float()
			if err != nil {
				return err
			}
			c.AppendCell(v)
			return nil
		}
		v, err := l.value()
		if err != nil {
			return err
		}
		if f := math.Float64frombits(v.Cell); v.Type != Float || !math.IsNaN(f) && !math.IsInf(f, 0) {
			return fmt.Errorf("a finite float is written as a number")
		}
		c.AppendCell(v.Cell)
	case Time:
		v, err := l.moment()
		if err != nil {
			return err
		}
		c.AppendCell(v)
	case Text:
		text, err := l.text()
		if err != nil {
			return err
		}
		c.AppendBytes(text)
	case JSON:
		text, err := l.text()
		if err != nil {
			return err
		}
		if !ValidJSON(text) {
			return fmt.Errorf("not a JSON value")
		}
		c.AppendBytes(text)
	case Bytes:
		v, err := l.value()
		if err != nil {
			return err
		}
		if v.Type != Bytes {
			return fmt.Errorf("not bytes")
		}
		c.AppendBytes(v.Bytes)
	case Vector:
		v, err := l.base64()
		if err != nil {
			return err
		}
		if len(v)%4 != 0 {
			return fmt.Errorf("vector of %d bytes, not a multiple of 4", len(v))
		}
		c.AppendBytes(v)
	case List:
		items, err := l.list()
		if err != nil {
			return err
		}
		for _, item := range items {
			c.AppendItem(item)
		}
		c.EndList()
	case Any:
		v, err := l.value()
		if err != nil {
			return err
		}
		if v.Type == Null {
			return fmt.Errorf("null is written as absence")
		}
		c.AppendBytes(v.Append(nil))
	default:
		return l.intoMap(c)
	}
	return nil
}

func (l *lineDecoder) intoMap(c *Column) error {
	if err := l.expect('{'); err != nil {
		return err
	}
	var entries []Entry
	for l.kind() == '"' {
		name, err := l.text()
		if err != nil {
			return err
		}
		e := Entry{Name: string(name)}
		if err := checkName(e.Name); err != nil {
			return fmt.Errorf("name %w", err)
		}
		if e.Value, err = l.value(); err != nil {
			return err
		}
		entries = append(entries, e)
	}
	if len(entries) > MaxFields {
		return &LimitError{What: "map", Got: uint64(len(entries)), Max: MaxFields}
	}
	if len(entries) == 0 {
		return fmt.Errorf("an empty map is written as absence")
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	c.AppendBytes(AppendMap(nil, entries))
	return l.expect('}')
}

// WriteNDJSON writes all rows as lines.
func (b *Batch) WriteNDJSON(out io.Writer) error {
	lines, err := b.encodeNDJSON(nil)
	if err != nil {
		return err
	}
	_, err = out.Write(lines)
	return err
}
