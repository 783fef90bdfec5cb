package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A document is a column of JSON objects in a table at hand.
type document struct {
	column  string
	members []member // in the order in which the product writes them
	columns []string // what the members that are columns are called
	copies  []string // columns that members are copies of
}

type member struct {
	store.Member
	column int // in document.columns; of a copy, what it says if it is stale
	copy   int // in document.copies, or -1
}

// stale is behind the name of the column for a copy that does not say what it copies:
// the JSON text of what it says.
const stale = ".stale"

// newDocument fits a layout's document to a table. It fails where a column of the
// table has the name of a member.
func newDocument(d *store.JSONColumn, t *store.CatalogTable) (*document, bool) {
	out := &document{column: d.Column}
	if !t.HasColumn(d.Column) {
		return nil, false
	}
	for _, m := range d.Members {
		one := member{m, len(out.columns), -1}
		name := d.Column + "." + m.Name
		switch {
		case m.Copy != "" && t.HasColumn(m.Copy):
			one.copy = len(out.copies)
			out.copies = append(out.copies, m.Copy)
			name += stale
		case m.Copy != "":
			one.Null = false // the product did not know the member before it had the column
		}
		if t.HasColumn(name) {
			return nil, false
		}
		out.columns = append(out.columns, name)
		out.members = append(out.members, one)
	}
	return out, true
}

// virtual are the columns that stand for the members.
func (d *document) virtual() (out []format.TableColumn, classes []store.Kind) {
	for _, m := range d.members {
		out = append(out, format.TableColumn{Name: d.columns[m.column], Type: "TEXT"})
		if m.copy >= 0 {
			m.Kind = store.Document
		}
		classes = append(classes, m.Kind)
	}
	return out, classes
}

// A codec turns texts of a document into cells, one for each of its columns, and back.
type codec struct {
	*document
	scan  pyScanner
	back  []store.Cells // what a text says that stands beside the members
	text  []byte
	names [][]byte // of members that are not listed, with their values
}

func newCodec(d *document) *codec {
	c := &codec{document: d, back: make([]store.Cells, len(d.columns))}
	c.scan.buf = make([]byte, 0, 256)
	return c
}

// expand appends a row to the members' columns. It tells whether render gives the text
// back; if not, the text is to be kept. copies are the cells of the columns that
// members are copies of, and row the row there.
func (c *codec) expand(text []byte, members []store.Cells, copies []*store.Cells, row int) (same bool) {
	n := 0
	if len(members) > 0 {
		n = members[0].Len()
	}
	said, ok := c.object(text, members, n, copies, row)
	for i := range members {
		cells := &members[i]
		if !ok {
			truncate(cells, n)
		}
		if cells.Len() == n {
			cells.AppendNull()
		}
	}
	if !ok {
		c.names = c.names[:0]
	}
	// A row of nothing stands for NULL.
	return ok && said && c.scan.same
}

// object reads a text. said tells whether it has a value for any column.
func (c *codec) object(text []byte, members []store.Cells, n int, copies []*store.Cells, row int) (said, ok bool) {
	s := &c.scan
	s.src, s.at, s.same = text, 0, true
	c.names = c.names[:0]
	s.space()
	if !s.is('{') {
		return false, false
	}
	next := 0
	s.space()
	for first := true; !s.is('}'); first = false {
		if !first {
			if s.space(); !s.is(',') {
				return said, false
			}
			s.blank()
		}
		from := s.at
		key, ok := s.key()
		if !ok {
			return said, false
		}
		at := c.find(key, next)
		if at < 0 {
			s.same = false
			if !s.skip(1) {
				return said, false
			}
			c.names = append(c.names, text[from:s.at])
			s.space()
			continue
		}
		if at < next {
			s.same = false // out of order, or once more: the last one counts
		}
		for ; next < at; next++ {
			s.same = s.same && !c.owes(next, copies, row)
		}
		next = max(next, at+1)
		m := &c.members[at]
		cells := &members[m.column]
		truncate(cells, n)
		if m.copy >= 0 {
			ok = c.readCopy(m, cells, copies[m.copy], row)
		} else {
			ok = c.read(m, cells)
		}
		if !ok {
			return said, false
		}
		said = said || cells.Len() > n && cells.Kinds[n] != store.Null
		s.space()
	}
	for ; next < len(c.members); next++ {
		s.same = s.same && !c.owes(next, copies, row)
	}
	s.space()
	return said, s.at == len(s.src)
}

// owes tells whether a text that lacks a member is not what render writes.
func (c *codec) owes(at int, copies []*store.Cells, row int) bool {
	m := &c.members[at]
	return m.Null || m.copy >= 0 && copies[m.copy].Kinds[row] != store.Null
}

// find returns the member of a name; mostly it is the next, or soon after.
func (c *codec) find(key []byte, next int) int {
	for i := next; i < len(c.members); i++ {
		if c.members[i].Name == string(key) {
			return i
		}
	}
	for i := range min(next, len(c.members)) {
		if c.members[i].Name == string(key) {
			return i
		}
	}
	return -1
}

// readCopy appends the value that comes next, if it is not what render writes for a copy.
func (c *codec) readCopy(m *member, cells, of *store.Cells, row int) bool {
	from := c.scan.at
	if !c.scan.skip(1) {
		return false
	}
	value := c.scan.src[from:c.scan.at]
	var err error
	switch {
	case of.Kinds[row] != store.Null:
		c.text, err = c.appendValue(c.text[:0], m, of, row)
	case m.Null:
		c.text = append(c.text[:0], "null"...)
	default:
		c.text = c.text[:0]
	}
	if err != nil || !bytes.Equal(c.text, value) {
		cells.AppendText(value)
	}
	return true
}

// read appends the value that comes next. What no cell holds is NULL, and not the same.
func (c *codec) read(m *member, cells *store.Cells) bool {
	s := &c.scan
	first, from := s.peek(), s.at
	if m.Kind == store.Array && first != 'n' {
		same := s.same
		if !s.value(1) {
			return false
		}
		raw := s.src[from:s.at]
		s.same = same
		if m.EmptyText {
			switch string(raw) {
			case "[]":
				s.same = false
			case `"[]"`:
				raw = raw[1:3]
			}
		}
		cells.AppendText(raw)
		return true
	}
	switch first {
	case '"':
		var ok bool
		if s.buf, ok = s.text(s.buf[:0]); ok {
			cells.AppendText(s.buf)
		}
		return ok
	case 'n':
		cells.AppendNull()
		s.same = s.same && m.Null
		return s.word("null")
	case '[', '{', 't', 'f':
		cells.AppendNull()
		ok := s.value(1)
		s.same = false
		return ok
	}
	kind, word, ok := s.number()
	switch {
	case !ok:
		return false
	case kind == store.Integer:
		cells.AppendInt(int64(word))
	case kind == store.Real:
		cells.AppendValue(format.Value{Type: format.Float, Cell: word})
	default:
		cells.AppendNull()
	}
	return true
}

// truncate cuts a column to so many rows.
func truncate(c *store.Cells, n int) {
	if c.Len() > n {
		c.Kinds, c.Words, c.Offsets = c.Kinds[:n], c.Words[:n], c.Offsets[:n+1]
		c.Data = c.Data[:c.Offsets[n]]
	}
}

// A documentRow is where render finds the members of one row: the cells of the document's
// columns and of the columns that members are copies of, and its text. A column that is
// not given is nil and says NULL.
type documentRow struct {
	members, copies []*store.Cells
	raw             *store.Cells
	row             int
}

func (r *documentRow) null(c *store.Cells) bool { return c == nil || c.Kinds[r.row] == store.Null }

// render appends the cell of a row to the column itself. The text beside the members
// counts if it says the same as they; else they win, and it gives only the members that
// are not listed.
func (c *codec) render(dst *store.Cells, r *documentRow) error {
	nothing := !slices.ContainsFunc(r.members, func(m *store.Cells) bool { return !r.null(m) })
	c.names = c.names[:0]
	if !r.null(r.raw) {
		if r.raw.Kinds[r.row] != store.Text {
			if nothing {
				dst.AppendRow(r.raw, r.row)
				return nil
			}
		} else {
			raw := r.raw.Bytes(r.row)
			for i := range c.back {
				c.back[i].Reset()
			}
			c.expand(raw, c.back, c.given(r), r.row)
			if c.sameAs(r) {
				dst.AppendText(raw)
				return nil
			}
		}
	} else if nothing {
		dst.AppendNull()
		return nil
	}
	var err error
	if c.text, err = c.append(c.text[:0], r); err != nil {
		return err
	}
	dst.AppendText(c.text)
	return nil
}

// given are the columns that members are copies of, as expand wants them.
func (c *codec) given(r *documentRow) []*store.Cells {
	out := make([]*store.Cells, len(r.copies))
	for i, cells := range r.copies {
		if out[i] = cells; cells == nil {
			out[i] = &store.Cells{Kinds: make([]store.Kind, r.row+1)}
		}
	}
	return out
}

// sameAs tells whether the members are those in back.
func (c *codec) sameAs(r *documentRow) bool {
	for i := range c.back {
		cells := r.members[i]
		switch {
		case r.null(cells):
			if c.back[i].Kinds[0] != store.Null {
				return false
			}
		case !c.back[i].Equal(0, cells, r.row):
			return false
		}
	}
	return true
}

var errNoJSON = errors.New("the value is no JSON text")

// append writes the members, and behind them those that are not listed.
func (c *codec) append(dst []byte, r *documentRow) ([]byte, error) {
	dst = append(dst, '{')
	start := len(dst)
	for i := range c.members {
		m := &c.members[i]
		cells, says := r.members[m.column], *m
		if m.copy >= 0 {
			if r.null(cells) {
				cells = r.copies[m.copy]
			} else {
				says.Kind, says.EmptyText = store.Array, false // as it stands
			}
		}
		if r.null(cells) && !m.Null {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ", "...)
		}
		var err error
		if dst, err = appendPyText(dst, []byte(m.Name)); err != nil {
			return dst, err
		}
		dst = append(dst, ": "...)
		if r.null(cells) {
			dst = append(dst, "null"...)
			continue
		}
		if dst, err = c.appendValue(dst, &says, cells, r.row); err != nil {
			return dst, fmt.Errorf("member %q: %w", m.Name, err)
		}
	}
	for _, raw := range c.names {
		if len(dst) > start {
			dst = append(dst, ", "...)
		}
		dst = append(dst, raw...)
	}
	return append(dst, '}'), nil
}

func (c *codec) appendValue(dst []byte, m *member, cells *store.Cells, row int) ([]byte, error) {
	switch cells.Kinds[row] {
	case store.Integer:
		return fmt.Appendf(dst, "%d", cells.Int(row)), nil
	case store.Real:
		return appendPyFloat(dst, cells.Float(row)), nil
	case store.Text:
		v := cells.Bytes(row)
		if m.Kind != store.Array {
			return appendPyText(dst, v)
		}
		v = bytes.TrimSpace(v)
		if m.EmptyText && string(v) == "[]" {
			return append(dst, `"[]"`...), nil
		}
		names := c.names // s.value does not touch them
		s := pyScanner{src: v, buf: c.scan.buf}
		ok := s.value(1) && s.at == len(v)
		c.names, c.scan.buf = names, s.buf
		if !ok {
			return dst, errNoJSON
		}
		return append(dst, v...), nil
	}
	return dst, errors.New("JSON cannot hold bytes")
}
