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
	columns []string // what the members are called as columns; the last is the order
	copies  []string // columns that members are copies of
}

type member struct {
	store.Member
	name   []byte
	column int // in document.columns; of a copy, what it says if it is stale
	copy   int // in document.copies, or -1
}

// stale is behind the name of the column for a copy that does not say what it copies:
// the JSON text of what it says.
const stale = ".stale"

// order is the name of the column, behind the document's, that says which members a
// text has, where they are not those that the product writes today, or not in its order:
// their names, and a hyphen before one that is null though it could be left out.
const order = ".order"

// newDocument fits a layout's document to a table. It fails where a column of the
// table has the name of a member.
func newDocument(d *store.JSONColumn, t *store.CatalogTable) (*document, bool) {
	out := &document{column: d.Column}
	if !t.HasColumn(d.Column) {
		return nil, false
	}
	for _, m := range d.Members {
		one := member{m, []byte(m.Name), len(out.columns), -1}
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
	last := d.Column + order
	if t.HasColumn(last) || slices.Contains(out.columns, last) {
		return nil, false
	}
	out.columns = append(out.columns, last)
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
	out = append(out, format.TableColumn{Name: d.column + order, Type: "TEXT"})
	classes = append(classes, store.Text)
	return out, classes
}

// A codec turns texts of a document into cells, one for each of its columns, and back.
type codec struct {
	*document
	scan  pyScanner
	back  []store.Cells // what a text says that stands beside the members
	text  []byte
	names [][]byte // of members that are not listed, with their values
	met   []int    // the members of a text, in its order; of one that is null ^member
	usual bool     // they are those that the product writes, in its order
	seen  []bool   // members
}

func newCodec(d *document) *codec {
	c := &codec{document: d, back: make([]store.Cells, len(d.columns)), seen: make([]bool, len(d.members))}
	c.scan.buf = make([]byte, 0, 256)
	return c
}

// expand appends a row to the members' columns. It tells whether render gives the text
// back; if not, the text is to be kept. copies are the cells of the columns that
// members are copies of, and row the row there.
func (c *codec) expand(text []byte, members []store.Cells, copies []*store.Cells, row int) (same bool) {
	last := &members[len(c.members)]
	n := last.Len()
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
	if !ok || !said || !c.scan.same { // a row of nothing stands for NULL
		return false
	}
	if !c.usual {
		c.text = c.text[:0]
		for i, at := range c.met {
			if i > 0 {
				c.text = append(c.text, ',')
			}
			if at < 0 {
				c.text, at = append(c.text, '-'), ^at
			}
			c.text = append(c.text, c.members[at].Name...)
		}
		truncate(last, n)
		last.AppendText(c.text)
	}
	return true
}

// object reads a text. said tells whether it has a value for any column.
func (c *codec) object(text []byte, members []store.Cells, n int, copies []*store.Cells, row int) (said, ok bool) {
	s := &c.scan
	s.src, s.at, s.same = text, 0, true
	c.names, c.met, c.usual = c.names[:0], c.met[:0], true
	clear(c.seen)
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
		if c.seen[at] {
			s.same = false // the last one counts
		}
		c.seen[at] = true
		c.usual = c.usual && at >= next
		for ; next < at; next++ {
			c.usual = c.usual && !c.owes(next, copies, row)
		}
		next = max(next, at+1)
		m := &c.members[at]
		if m.copy < 0 && !m.Null && s.peek() == 'n' {
			c.usual = false
			c.met = append(c.met, ^at)
		} else {
			c.met = append(c.met, at)
		}
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
		c.usual = c.usual && !c.owes(next, copies, row)
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
		c.text, err = c.appendValue(c.text[:0], m.Kind, m.EmptyText, of, row)
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
	clear(c.seen)
	var err error
	listed := r.members[len(c.members)]
	if !r.null(listed) && listed.Kinds[r.row] == store.Text {
		for name := range bytes.SplitSeq(listed.Bytes(r.row), []byte(",")) {
			name, null := bytes.CutPrefix(name, []byte("-"))
			at := c.find(name, 0)
			if at < 0 || c.seen[at] {
				continue
			}
			c.seen[at] = true
			if dst, err = c.appendMember(dst, start, r, at, null || c.members[at].Null); err != nil {
				return dst, err
			}
		}
		for at := range c.members { // what the text did not have
			c.seen[at] = c.seen[at] || c.members[at].copy >= 0 || r.null(r.members[c.members[at].column])
		}
	}
	for at := range c.members {
		if c.seen[at] {
			continue
		}
		if dst, err = c.appendMember(dst, start, r, at, c.members[at].Null); err != nil {
			return dst, err
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

// appendMember appends a member behind others that begin at start. If it has no value it
// is left out, or null.
func (c *codec) appendMember(dst []byte, start int, r *documentRow, at int, null bool) ([]byte, error) {
	m := &c.members[at]
	cells, kind, emptyText := r.members[m.column], m.Kind, m.EmptyText
	if m.copy >= 0 {
		if r.null(cells) {
			cells = r.copies[m.copy]
		} else {
			kind, emptyText = store.Array, false // as it stands
		}
	}
	if r.null(cells) && !null {
		return dst, nil
	}
	if len(dst) > start {
		dst = append(dst, ", "...)
	}
	dst, err := appendPyText(dst, m.name)
	if err != nil {
		return dst, err
	}
	dst = append(dst, ": "...)
	if r.null(cells) {
		return append(dst, "null"...), nil
	}
	if dst, err = c.appendValue(dst, kind, emptyText, cells, r.row); err != nil {
		return dst, fmt.Errorf("member %q: %w", m.Name, err)
	}
	return dst, nil
}

func (c *codec) appendValue(dst []byte, kind store.Kind, emptyText bool, cells *store.Cells, row int) ([]byte, error) {
	switch cells.Kinds[row] {
	case store.Integer:
		return fmt.Appendf(dst, "%d", cells.Int(row)), nil
	case store.Real:
		return appendPyFloat(dst, cells.Float(row)), nil
	case store.Text:
		v := cells.Bytes(row)
		if kind != store.Array {
			return appendPyText(dst, v)
		}
		v = bytes.TrimSpace(v)
		if emptyText && string(v) == "[]" {
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
