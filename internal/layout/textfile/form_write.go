package textfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/memarc/memarc/internal/store"
)

// The blanks before a record's members, each on a line of its own.
const (
	recordIndent = "      "
	innerIndent  = recordIndent + "  "
)

// recordWriter appends members to a record.
type recordWriter struct {
	form *Form
	dst  []byte
	from int // where the members of the object at hand begin
}

// AppendRecord appends the members of a record, without its braces, with what no column
// says behind the others. fields are the form's All, the rows' first columns.
func (f *Form) AppendRecord(dst []byte, fields []Field, rows *store.Rows, row int) ([]byte, error) {
	w := &recordWriter{f, dst, len(dst)}
	var extra map[string]json.RawMessage
	if c := &rows.Columns[len(fields)]; c.Kinds[row] == store.Text {
		if err := json.Unmarshal(c.Bytes(row), &extra); err != nil {
			return dst, fmt.Errorf("%s %q: column %q is no JSON object", f.What, rows.Columns[0].Bytes(row), Other)
		}
	}
	at := 0
	for _, m := range f.Fields {
		if m.Inner == nil {
			w.field(recordIndent, &m, &rows.Columns[at], row, extra)
			at++
			continue
		}
		if err := w.group(&m, rows, row, at, extra); err != nil {
			return dst, err
		}
		at += len(m.Inner)
	}
	w.extras(recordIndent, extra)
	return w.dst, nil
}

func (w *recordWriter) put(indent, name string, value []byte) {
	if len(w.dst) > w.from {
		w.dst = append(w.dst, ',')
	}
	w.dst = append(append(w.dst, '\n'), indent...)
	w.dst = append(w.form.appendText(w.dst, []byte(name)), ": "...)
	w.dst = append(w.dst, value...)
}

// field writes a member, and takes it from the extra ones.
func (w *recordWriter) field(indent string, m *Field, c *store.Cells, row int, extra map[string]json.RawMessage) {
	raw, ok := extra[m.Member]
	delete(extra, m.Member)
	switch {
	case c.Kinds[row] != store.Null:
		w.put(indent, m.Member, w.form.appendCell(nil, c, row, m.Kind))
	case ok:
		w.put(indent, m.Member, raw)
	case m.Null:
		w.put(indent, m.Member, []byte("null"))
	}
}

// group writes a member that is an object, if there is one.
func (w *recordWriter) group(m *Field, rows *store.Rows, row, at int, extra map[string]json.RawMessage) error {
	var deep map[string]json.RawMessage
	raw := extra[m.Member]
	there := len(raw) > 0 && raw[0] == '{'
	if there {
		if err := json.Unmarshal(raw, &deep); err != nil {
			return err
		}
	}
	for i := range m.Inner {
		there = there || rows.Columns[at+i].Kinds[row] != store.Null
	}
	if !there {
		return nil
	}
	delete(extra, m.Member)
	w.put(recordIndent, m.Member, []byte("{"))
	before := w.from
	w.from = len(w.dst)
	for i := range m.Inner {
		w.field(innerIndent, &m.Inner[i], &rows.Columns[at+i], row, deep)
	}
	w.extras(innerIndent, deep)
	w.dst = append(w.dst, "\n"+recordIndent+"}"...)
	w.from = before
	return nil
}

func (w *recordWriter) extras(indent string, extra map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		w.put(indent, name, extra[name])
	}
}

func (f *Form) appendCell(dst []byte, c *store.Cells, row int, k Kind) []byte {
	switch c.Kinds[row] {
	case store.Integer:
		return strconv.AppendInt(dst, c.Int(row), 10)
	case store.Real:
		return AppendFloat(dst, c.Float(row))
	}
	if k == Text {
		return f.appendText(dst, c.Bytes(row))
	}
	return append(dst, c.Bytes(row)...) // normal JSON
}

// Normal makes of cells what a file gives of them. What a member cannot be is left out of
// it; a row that lacks what it needs is refused. Columns that are not the form's stay.
func (f *Form) Normal(columns []string, rows *store.Rows, refuse func(int, string)) {
	fields := f.All()
	for i, name := range columns {
		c := &rows.Columns[i]
		at := slices.IndexFunc(fields, func(m Field) bool { return m.Column == name })
		if at < 0 && name != Other {
			continue
		}
		var out store.Cells
		out.Reset()
		for row := range c.Kinds {
			if at < 0 {
				if v, ok := f.normalOther(c.Bytes(row)); ok {
					out.AppendText(v)
				} else {
					out.AppendNull()
				}
				continue
			}
			f.appendNormal(&out, c, row, fields[at].Kind)
			if fields[at].Needed && out.Kinds[row] == store.Null {
				refuse(row, fmt.Sprintf("it has no %s that is a text", fields[at].Member))
			}
		}
		rows.Columns[i] = out
	}
}

func (f *Form) appendNormal(out, c *store.Cells, row int, k Kind) {
	kind := c.Kinds[row]
	switch {
	case k == Number && kind == store.Integer:
		out.AppendInt(c.Int(row))
	case k == Number && kind == store.Real && !math.IsNaN(c.Float(row)) && !math.IsInf(c.Float(row), 0):
		out.AppendFloat(c.Float(row))
	case kind != store.Text || k == Number:
		out.AppendNull()
	case k == Text:
		if v := c.Bytes(row); utf8.Valid(v) {
			out.AppendText(v)
		} else {
			out.AppendText(bytes.ToValidUTF8(v, []byte("\uFFFD")))
		}
	case k == List:
		if v, ok := AppendList(nil, c.Bytes(row)); ok {
			out.AppendText(v)
		} else {
			out.AppendNull()
		}
	default:
		v := bytes.TrimSpace(c.Bytes(row))
		if len(v) == 0 || k == Object && v[0] != '{' || !StrictJSON(v) || string(v) == "null" {
			out.AppendNull()
			return
		}
		out.AppendText(f.appendJSON(nil, v))
	}
}
