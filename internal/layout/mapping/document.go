package mapping

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A document is a column of JSON objects in a table at hand.
type document struct {
	*spelling
	column  string
	members []member // in the order in which the product writes them
	columns []string // what the members are called as columns; the last is the order
	copies  []string // columns that members are copies of
	others  int      // the member that stands for all others, or -1
}

type member struct {
	store.Member
	keys   []string // what it is called in a text, first by the product itself
	column int      // in document.columns; of a copy, what it says if it is stale
	copy   int      // in document.copies, or -1
}

// stale is behind the name of the column for a copy that does not say what it copies:
// the JSON text of what it says.
const stale = ".stale"

// order is the name of the column, behind the document's, that says which members a
// text has, where they are not those that the product writes today, or not in its order:
// their names, and a hyphen before one that is null though it could be left out. Where a
// text calls one by another key, that stands there behind an equals sign.
const order = ".order"

// newDocument fits a layout's document to a table. It fails where a column of the
// table has the name of a member.
func newDocument(d *store.JSONColumn, t *store.CatalogTable) (*document, bool) {
	out := &document{spelling: spellings[d.Spelling], column: d.Column, others: -1}
	if !t.HasColumn(d.Column) {
		return nil, false
	}
	for _, m := range d.Members {
		one := member{m, append([]string{cmp.Or(m.Key, m.Name)}, m.Also...), len(out.columns), -1}
		name := d.Column + "." + m.Name
		if m.Name == store.OtherMembers {
			out.others = len(out.members)
			one.Kind = store.Document
		}
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
	scan  jsonScanner
	back  []store.Cells // what a text says that stands beside the members
	text  []byte
	names [][]byte  // of members that are not listed, with their values
	spelt []byte    // where some of them stand
	met   []mention // the members of a text, in its order
	usual bool      // they are those that the product writes, in its order
	seen  []bool    // members
}

// A mention is how a text mentions a member: by which of its keys, and whether as null
// though it could be left out.
type mention struct {
	member, key int
	null        bool
}

func newCodec(d *document) *codec {
	c := &codec{document: d, back: make([]store.Cells, len(d.columns)), seen: make([]bool, len(d.members))}
	c.scan.spelling, c.scan.buf = d.spelling, make([]byte, 0, 256)
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
		for i, met := range c.met {
			if i > 0 {
				c.text = append(c.text, ',')
			}
			if met.null {
				c.text = append(c.text, '-')
			}
			if m := &c.members[met.member]; met.key > 0 {
				c.text = append(append(c.text, '='), m.keys[met.key]...)
			} else {
				c.text = append(c.text, m.Name...)
			}
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
			s.gap()
		}
		from := s.at
		key, ok := s.key()
		if !ok {
			return said, false
		}
		at, by := c.find(key, next)
		if at < 0 {
			if !s.skip(1) {
				return said, false
			}
			c.names = append(c.names, text[from:s.at])
			s.space()
			if c.others < 0 {
				s.same = false
				continue
			}
			said = true
			next = c.meet(c.others, next, copies, row)
			c.met = append(c.met, mention{member: c.others})
			continue
		}
		if c.seen[at] {
			s.same = false // the last one counts
		}
		next = c.meet(at, next, copies, row)
		m := &c.members[at]
		null := m.copy < 0 && !m.Null && m.Kind != store.Document && s.peek() == 'n'
		c.usual = c.usual && !null && by == 0
		c.met = append(c.met, mention{at, by, null})
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
		c.usual = c.usual && (!c.order && c.seen[next] || !c.owes(next, copies, row))
	}
	if c.others >= 0 && len(c.names) > 0 {
		c.text = append(c.text[:0], '{')
		c.text = append(c.appendNames(c.text, 1, len(c.names)), '}')
		members[c.members[c.others].column].AppendText(c.text)
	}
	s.space()
	return said, s.at == len(s.src)
}

// meet notes that a member comes next, and returns which may follow it.
func (c *codec) meet(at, next int, copies []*store.Cells, row int) int {
	c.seen[at] = true
	if !c.order {
		return 0
	}
	c.usual = c.usual && at >= next
	for ; next < at; next++ {
		c.usual = c.usual && !c.owes(next, copies, row)
	}
	if at == c.others {
		return max(next, at) // more of them
	}
	return max(next, at+1)
}

// owes tells whether a text that lacks a member is not what render writes.
func (c *codec) owes(at int, copies []*store.Cells, row int) bool {
	m := &c.members[at]
	return m.Null || m.copy >= 0 && copies[m.copy].Kinds[row] != store.Null
}

// find returns the member of a key, or -1, and which of its keys it is. Mostly the member
// is the next, or soon after.
func (c *codec) find(key []byte, next int) (at, by int) {
	for n := range len(c.members) {
		i := next + n
		if i >= len(c.members) {
			i -= len(c.members)
		}
		if c.members[i].keys[0] == string(key) && i != c.others {
			return i, 0
		}
	}
	for i := range c.members {
		for by, also := range c.members[i].keys[1:] {
			if also == string(key) {
				return i, by + 1
			}
		}
	}
	return -1, 0
}

// mentioned returns the member that an entry of the column of the order means, and by
// which of its keys; -1 if it means none.
func (c *codec) mentioned(entry []byte) mention {
	name, null := bytes.CutPrefix(entry, []byte("-"))
	if key, ok := bytes.CutPrefix(name, []byte("=")); ok {
		at, by := c.find(key, 0)
		return mention{at, by, null}
	}
	return mention{slices.IndexFunc(c.members, func(m member) bool { return m.Name == string(name) }), 0, null}
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
	if (m.Kind == store.Array || m.Kind == store.Document) && (first != 'n' || m.Kind == store.Document && !m.Null) {
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
