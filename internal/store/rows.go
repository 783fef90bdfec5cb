package store

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/memarc/memarc/format"
)

// Kind is the storage class of a native cell, or what a column is declared for.
type Kind uint8

// The storage classes of cells.
const (
	Null Kind = iota
	Integer
	Real
	Text
	Blob
)

// What columns of engines with more types are declared for, beyond the storage
// classes. Their cells are of the classes in brackets.
const (
	Boolean  Kind = Blob + 1 + iota // Integer 0 or 1
	Moment                          // Integer microseconds since 1970-01-01T00:00:00Z; the least and the greatest int64 stand for -infinity and infinity
	Document                        // Text that is one JSON value
	Vector                          // Blob of little-endian float32
	Array                           // Text that is a JSON array of the elements
	Typed                           // any; a Blob is a value in canonical encoding, FORMAT.md section 5.1
)

// Cells is a column of native cells, each with its own storage class. Row i of
// class Integer or Real is Words[i] (an int64 or IEEE 754 bits); of class Text or
// Blob it is Data[Offsets[i]:Offsets[i+1]].
type Cells struct {
	Kinds   []Kind
	Words   []uint64
	Offsets []int32 // one more than rows, starting with 0
	Data    []byte
}

// Reset empties the column and keeps its memory.
func (c *Cells) Reset() {
	c.Kinds, c.Words, c.Data = c.Kinds[:0], c.Words[:0], c.Data[:0]
	c.Offsets = append(c.Offsets[:0], 0)
}

// Len returns the number of rows.
func (c *Cells) Len() int { return len(c.Kinds) }

// Bytes returns the bytes of a Text or Blob row. They alias the column.
func (c *Cells) Bytes(row int) []byte { return c.Data[c.Offsets[row]:c.Offsets[row+1]] }

// Int returns an Integer row.
func (c *Cells) Int(row int) int64 { return int64(c.Words[row]) }

// Float returns a Real row.
func (c *Cells) Float(row int) float64 { return math.Float64frombits(c.Words[row]) }

func (c *Cells) append(k Kind, word uint64) {
	c.Kinds = append(c.Kinds, k)
	c.Words = append(c.Words, word)
	c.Offsets = append(c.Offsets, int32(len(c.Data)))
}

// AppendNull appends a NULL.
func (c *Cells) AppendNull() { c.append(Null, 0) }

// AppendInt appends an integer.
func (c *Cells) AppendInt(v int64) { c.append(Integer, uint64(v)) }

// AppendFloat appends a float.
func (c *Cells) AppendFloat(v float64) { c.append(Real, math.Float64bits(v)) }

// AppendText appends a text, whatever its bytes.
func (c *Cells) AppendText(v []byte) {
	c.Data = append(c.Data, v...)
	c.append(Text, 0)
}

// AppendString appends a text.
func (c *Cells) AppendString(v string) {
	c.Data = append(c.Data, v...)
	c.append(Text, 0)
}

// AppendBlob appends bytes.
func (c *Cells) AppendBlob(v []byte) {
	c.Data = append(c.Data, v...)
	c.append(Blob, 0)
}

// AppendRow appends a row of another column.
func (c *Cells) AppendRow(from *Cells, row int) {
	if k := from.Kinds[row]; k == Text || k == Blob {
		c.Data = append(c.Data, from.Bytes(row)...)
		c.append(k, 0)
		return
	}
	c.append(from.Kinds[row], from.Words[row])
}

// AppendColumn appends all rows of a field, whose values are bytes, as texts or blobs;
// null as NULL.
func (c *Cells) AppendColumn(k Kind, f *format.Column) {
	n := f.Len()
	c.Kinds, c.Words, c.Offsets = slices.Grow(c.Kinds, n), slices.Grow(c.Words, n), slices.Grow(c.Offsets, n)
	base := int32(len(c.Data)) - f.Offsets[0]
	c.Data = append(c.Data, f.Data[f.Offsets[0]:f.Offsets[n]]...)
	for row := range n {
		kind := k
		if f.Null(row) {
			kind = Null
		}
		c.Kinds = append(c.Kinds, kind)
		c.Words = append(c.Words, 0)
		c.Offsets = append(c.Offsets, base+f.Offsets[row+1])
	}
}

// Only tells whether all cells are of a class, or NULL.
func (c *Cells) Only(k Kind) bool {
	for _, have := range c.Kinds {
		if have != k && have != Null {
			return false
		}
	}
	return true
}

// UTF8 tells whether each Text or Blob is valid UTF-8.
func (c *Cells) UTF8() bool {
	if !utf8.Valid(c.Data) {
		return false
	}
	for _, o := range c.Offsets { // no value starts within a character
		if int(o) < len(c.Data) && !utf8.RuneStart(c.Data[o]) {
			return false
		}
	}
	return true
}

// Finite tells whether all of the little-endian float32 are numbers, and finite.
func Finite(v []byte) bool {
	const exponent = 0x7F800000 // all its bits are set in what is infinite or no number
	for ; len(v) >= 8; v = v[8:] {
		two := binary.LittleEndian.Uint64(v)
		if two&exponent == exponent || two>>32&exponent == exponent {
			return false
		}
	}
	return len(v) < 4 || binary.LittleEndian.Uint32(v)&exponent != exponent
}

// AppendValue appends a typed value as its native cell. Types without a native
// cell of their own come as text or bytes.
func (c *Cells) AppendValue(v format.Value) {
	switch v.Type {
	case format.Null:
		c.AppendNull()
	case format.Bool, format.Int, format.Time:
		c.append(Integer, v.Cell)
	case format.Float:
		c.append(Real, v.Cell)
	case format.Text, format.JSON:
		c.AppendText(v.Bytes)
	default:
		c.AppendBlob(v.Bytes)
	}
}

// Value returns the cell as a typed value, which aliases the column.
func (c *Cells) Value(row int) format.Value {
	switch c.Kinds[row] {
	case Integer:
		return format.Value{Type: format.Int, Cell: c.Words[row]}
	case Real:
		return format.Value{Type: format.Float, Cell: c.Words[row]}
	case Text:
		return format.Value{Type: format.Text, Bytes: c.Bytes(row)}
	case Blob:
		return format.Value{Type: format.Bytes, Bytes: c.Bytes(row)}
	}
	return format.Value{}
}

// Equal tells whether two cells are the same bit for bit.
func (c *Cells) Equal(row int, d *Cells, at int) bool {
	k := c.Kinds[row]
	if k != d.Kinds[at] {
		return false
	}
	switch k {
	case Integer, Real:
		return c.Words[row] == d.Words[at]
	case Text, Blob:
		return bytes.Equal(c.Bytes(row), d.Bytes(at))
	}
	return true
}

// Same tells whether the column is the other one: whether both share their memory.
func (c *Cells) Same(d *Cells) bool {
	return len(c.Kinds) == len(d.Kinds) && (len(c.Kinds) == 0 || &c.Kinds[0] == &d.Kinds[0])
}

// AllNull tells whether every row is NULL.
func (c *Cells) AllNull() bool {
	for _, k := range c.Kinds {
		if k != Null {
			return false
		}
	}
	return true
}

// Rows is a run of native rows by column.
type Rows struct {
	N       int
	Columns []Cells
}

// NewRows returns empty rows of so many columns.
func NewRows(columns int) *Rows {
	r := &Rows{Columns: make([]Cells, columns)}
	r.Reset()
	return r
}

// Reset empties the rows and keeps their memory.
func (r *Rows) Reset() {
	r.N = 0
	for i := range r.Columns {
		r.Columns[i].Reset()
	}
}

// AppendRow appends a row of other rows with the same columns.
func (r *Rows) AppendRow(from *Rows, row int) {
	for i := range r.Columns {
		r.Columns[i].AppendRow(&from.Columns[i], row)
	}
	r.N++
}

// Size returns the bytes of texts and blobs that the rows hold.
func (r *Rows) Size() int {
	n := 0
	for i := range r.Columns {
		n += len(r.Columns[i].Data) + 16*r.N
	}
	return n
}
