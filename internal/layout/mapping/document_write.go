package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/memarc/memarc/internal/store"
)

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
	if c.others >= 0 {
		c.split(r)
	}
	dst = append(dst, '{')
	start := len(dst)
	clear(c.seen)
	var err error
	listed := r.members[len(c.members)]
	if !r.null(listed) && listed.Kinds[r.row] == store.Text {
		for entry := range bytes.SplitSeq(listed.Bytes(r.row), []byte(",")) {
			met := c.mentioned(entry)
			switch at := met.member; {
			case at < 0 || c.seen[at]:
			case at == c.others:
				dst = c.appendNames(dst, start, 1)
			default:
				c.seen[at] = true
				met.null = met.null || c.members[at].Null
				if dst, err = c.appendMember(dst, start, r, met); err != nil {
					return dst, err
				}
			}
		}
		for at := range c.members { // what the text did not have
			c.seen[at] = c.seen[at] || c.members[at].copy >= 0 || at != c.others && r.null(r.members[c.members[at].column])
		}
	}
	for at := range c.members {
		if c.seen[at] {
			continue
		}
		if at == c.others {
			dst = c.appendNames(dst, start, len(c.names))
			continue
		}
		if dst, err = c.appendMember(dst, start, r, mention{at, 0, c.members[at].Null}); err != nil {
			return dst, err
		}
	}
	if c.others < 0 {
		dst = c.appendNames(dst, start, len(c.names))
	}
	return append(dst, '}'), nil
}

// appendNames appends up to n of the members that are not listed, as they stand.
func (c *codec) appendNames(dst []byte, start, n int) []byte {
	for n = min(n, len(c.names)); n > 0; n-- {
		dst = append(c.appendSeparator(dst, start), c.names[0]...)
		c.names = c.names[1:]
	}
	return dst
}

// appendSeparator appends what stands before a member behind others that begin at start.
func (c *codec) appendSeparator(dst []byte, start int) []byte {
	if len(dst) > start {
		dst = append(dst, ',')
		if c.blank {
			dst = append(dst, ' ')
		}
	}
	return dst
}

// split finds the members of the object that the cell for all others holds, and spells
// their names as the program does. Those that are listed do not count.
func (c *codec) split(r *documentRow) {
	c.names, c.spelt = c.names[:0], c.spelt[:0]
	cells := r.members[c.members[c.others].column]
	if r.null(cells) || cells.Kinds[r.row] != store.Text {
		return
	}
	s := jsonScanner{spelling: c.spelling, src: cells.Bytes(r.row), buf: c.scan.buf}
	defer func() { c.scan.buf = s.buf }()
	if s.space(); !s.is('{') {
		return
	}
	s.space()
	for first := true; !s.is('}'); first = false {
		if !first && !s.is(',') {
			c.names = c.names[:0]
			return
		}
		s.space()
		key, ok := s.key()
		if !ok {
			c.names = c.names[:0]
			return
		}
		member, _ := c.find(key, 0)
		listed, from, at := member >= 0, len(c.spelt), s.at
		spelt, err := c.appendName(c.spelt, key)
		if err != nil || !s.skip(1) {
			c.names = c.names[:0]
			return
		}
		if c.spelt = append(spelt, s.src[at:s.at]...); !listed {
			c.names = append(c.names, c.spelt[from:])
		}
		s.space()
	}
}

// appendName appends the name of a member and the colon behind it.
func (c *codec) appendName(dst, name []byte) ([]byte, error) {
	dst, err := c.appendText(dst, name)
	if dst = append(dst, ':'); c.blank {
		dst = append(dst, ' ')
	}
	return dst, err
}

// appendMember appends a member behind others that begin at start. If it has no value it
// is left out, or null.
func (c *codec) appendMember(dst []byte, start int, r *documentRow, met mention) ([]byte, error) {
	m, null := &c.members[met.member], met.null
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
	dst, err := c.appendName(c.appendSeparator(dst, start), []byte(m.keys[met.key]))
	if err != nil {
		return dst, err
	}
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
		return c.appendFloat(dst, cells.Float(row))
	case store.Text:
		v := cells.Bytes(row)
		if kind != store.Array && kind != store.Document {
			return c.appendText(dst, v)
		}
		v = bytes.TrimSpace(v)
		if emptyText && string(v) == "[]" {
			return append(dst, `"[]"`...), nil
		}
		names := c.names // s.value does not touch them
		s := jsonScanner{spelling: c.spelling, src: v, buf: c.scan.buf}
		ok := s.value(1) && s.at == len(v)
		c.names, c.scan.buf = names, s.buf
		if !ok {
			return dst, errNoJSON
		}
		return append(dst, v...), nil
	}
	return dst, errors.New("JSON cannot hold bytes")
}
