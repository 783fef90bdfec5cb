package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// A Column holds the values of one field for the rows of a batch, in the shape
// of an Arrow array.
//
// Bool, Int, Float and Time values are cells: Cells[row] holds 0 or 1, the
// int64, the IEEE 754 bits, or the nanoseconds. All other types are variable:
// row i is Data[Offsets[i]:Offsets[i+1]]. Text, JSON and Bytes hold the bytes
// themselves, Vector the elements as little-endian float32, Any and Map one
// canonical value (FORMAT.md section 5.1). For List, Offsets point into Items,
// and item j is Data[Items[j]:Items[j+1]].
//
// A row is null where its bit in Valid is clear; a nil Valid means that no row
// is null. Null rows hold a zero cell or no bytes.
type Column struct {
	Type    Type
	Cells   []uint64
	Offsets []int32
	Items   []int32
	Data    []byte
	Valid   []byte // bitmap, least significant bit first
	rows    int
}

// Reset empties the column, keeps its memory, and sets its type.
func (c *Column) Reset(t Type) {
	c.Type, c.rows = t, 0
	c.Cells, c.Data, c.Valid = c.Cells[:0], c.Data[:0], nil
	if t.fixed() {
		c.Offsets, c.Items = c.Offsets[:0], c.Items[:0]
		return
	}
	c.Offsets = append(c.Offsets[:0], 0)
	if t == List {
		c.Items = append(c.Items[:0], 0)
	} else {
		c.Items = c.Items[:0]
	}
}

// Len returns the number of rows.
func (c *Column) Len() int { return c.rows }

// SetLen declares the number of rows of a column whose slices were filled
// directly. The caller vouches for the lengths of Cells or Offsets.
func (c *Column) SetLen(rows int) { c.rows = rows }

// Null tells whether a row is null.
func (c *Column) Null(row int) bool {
	return c.Valid != nil && c.Valid[row>>3]&(1<<(row&7)) == 0
}

// AllNull tells whether every row is null.
func (c *Column) AllNull() bool {
	if c.Valid == nil {
		return c.rows == 0
	}
	for _, b := range c.Valid {
		if b != 0 {
			return false
		}
	}
	return true
}

// Nulls returns the number of null rows.
func (c *Column) Nulls() int {
	if c.Valid == nil {
		return 0
	}
	n := 0
	for row := 0; row < c.rows; row++ {
		if c.Null(row) {
			n++
		}
	}
	return n
}

func (c *Column) mark(valid bool) {
	row := c.rows
	c.rows++
	if c.Valid == nil {
		if valid {
			return
		}
		c.Valid = make([]byte, 0, 64)
		for i := 0; i < row; i += 8 {
			c.Valid = append(c.Valid, 0xFF)
		}
		if row&7 != 0 {
			c.Valid[len(c.Valid)-1] = 1<<(row&7) - 1
		}
	}
	if row>>3 >= len(c.Valid) {
		c.Valid = append(c.Valid, 0)
	}
	if valid {
		c.Valid[row>>3] |= 1 << (row & 7)
	}
}

// AppendNull appends a null row.
func (c *Column) AppendNull() {
	c.mark(false)
	if c.Type.fixed() {
		c.Cells = append(c.Cells, 0)
		return
	}
	c.Offsets = append(c.Offsets, c.Offsets[len(c.Offsets)-1])
}

// AppendCell appends a Bool, Int, Float or Time row by its 8-byte cell.
func (c *Column) AppendCell(v uint64) {
	c.mark(true)
	c.Cells = append(c.Cells, v)
}

// AppendInt appends an Int or Time row.
func (c *Column) AppendInt(v int64) { c.AppendCell(uint64(v)) }

// AppendFloat appends a Float row.
func (c *Column) AppendFloat(v float64) { c.AppendCell(math.Float64bits(v)) }

// AppendBytes appends a row of any variable type but List. The bytes are copied.
func (c *Column) AppendBytes(v []byte) {
	c.mark(true)
	c.Data = append(c.Data, v...)
	c.Offsets = append(c.Offsets, int32(len(c.Data)))
}

// AppendString is AppendBytes for a string.
func (c *Column) AppendString(v string) {
	c.mark(true)
	c.Data = append(c.Data, v...)
	c.Offsets = append(c.Offsets, int32(len(c.Data)))
}

// AppendItem appends a text to the List row that EndList will close.
func (c *Column) AppendItem(v []byte) {
	c.Data = append(c.Data, v...)
	c.Items = append(c.Items, int32(len(c.Data)))
}

// EndList closes a List row of the items appended since the last one.
func (c *Column) EndList() {
	c.mark(true)
	c.Offsets = append(c.Offsets, int32(len(c.Items)-1))
}

// CutList drops the items appended since the last EndList or AppendNull.
func (c *Column) CutList() {
	n := c.Offsets[len(c.Offsets)-1]
	c.Items = c.Items[:n+1]
	c.Data = c.Data[:c.Items[n]]
}

// Bytes returns the bytes of a row of any variable type but List. They alias
// the column.
func (c *Column) Bytes(row int) []byte { return c.Data[c.Offsets[row]:c.Offsets[row+1]] }

// String returns a copy of the row's bytes.
func (c *Column) String(row int) string { return string(c.Bytes(row)) }

// Int returns an Int or Time row.
func (c *Column) Int(row int) int64 { return int64(c.Cells[row]) }

// Float returns a Float row.
func (c *Column) Float(row int) float64 { return math.Float64frombits(c.Cells[row]) }

// ListLen returns the number of items of a List row.
func (c *Column) ListLen(row int) int { return int(c.Offsets[row+1] - c.Offsets[row]) }

// Item returns item i of a List row. It aliases the column.
func (c *Column) Item(row, i int) []byte {
	j := int(c.Offsets[row]) + i
	return c.Data[c.Items[j]:c.Items[j+1]]
}

// size returns the bytes that the column holds.
func (c *Column) size() int {
	return 8*len(c.Cells) + 4*len(c.Offsets) + 4*len(c.Items) + len(c.Data)
}

// AppendRow appends a row of another column of the same type.
func (c *Column) AppendRow(from *Column, row int) {
	switch {
	case from.Null(row):
		c.AppendNull()
	case c.Type.fixed():
		c.AppendCell(from.Cells[row])
	case c.Type == List:
		for i := 0; i < from.ListLen(row); i++ {
			c.AppendItem(from.Item(row, i))
		}
		c.EndList()
	default:
		c.AppendBytes(from.Bytes(row))
	}
}

// AppendValue appends the row to dst as a canonical value, a null row as the
// tag Null. FORMAT.md section 5.1.
func (c *Column) AppendValue(dst []byte, row int) []byte {
	if c.Null(row) {
		return append(dst, byte(Null))
	}
	switch c.Type {
	case Bool:
		return append(dst, byte(Bool), byte(c.Cells[row]))
	case Int, Float, Time:
		return binary.LittleEndian.AppendUint64(append(dst, byte(c.Type)), c.Cells[row])
	case Text, JSON, Bytes:
		v := c.Bytes(row)
		dst = binary.LittleEndian.AppendUint32(append(dst, byte(c.Type)), uint32(len(v)))
		return append(dst, v...)
	case Vector:
		v := c.Bytes(row)
		dst = binary.LittleEndian.AppendUint32(append(dst, byte(Vector)), uint32(len(v)/4))
		return append(dst, v...)
	case List:
		n := c.ListLen(row)
		dst = binary.LittleEndian.AppendUint32(append(dst, byte(List)), uint32(n))
		for i := 0; i < n; i++ {
			item := c.Item(row, i)
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(item)))
			dst = append(dst, item...)
		}
		return dst
	default: // Any, Map: the row is a canonical value
		return append(dst, c.Bytes(row)...)
	}
}

// check verifies that the values keep the rules of their type: UTF-8 in texts,
// 0 or 1 in bools, whole elements in vectors, well-formed values in Any and Map.
func (c *Column) check() error {
	switch c.Type {
	case Bool:
		for row, v := range c.Cells {
			if v > 1 {
				return fmt.Errorf("row %d: bool cell holds %d", row, v)
			}
		}
	case Text, JSON:
		if err := checkUTF8(c.Data, c.Offsets); err != nil {
			return err
		}
		if c.Type == JSON {
			for row := 0; row < c.rows; row++ {
				if !c.Null(row) && !ValidJSON(c.Bytes(row)) {
					return fmt.Errorf("row %d: not a JSON value", row)
				}
			}
		}
	case List:
		return checkUTF8(c.Data, c.Items)
	case Vector:
		for row := 0; row < c.rows; row++ {
			if len(c.Bytes(row))%4 != 0 {
				return fmt.Errorf("row %d: vector of %d bytes, not a multiple of 4", row, len(c.Bytes(row)))
			}
		}
	case Any, Map:
		for row := 0; row < c.rows; row++ {
			if c.Null(row) {
				continue
			}
			if err := checkValue(c.Type, c.Bytes(row)); err != nil {
				return fmt.Errorf("row %d: %w", row, err)
			}
		}
	}
	return nil
}

// checkUTF8 checks each value: the whole at once, then that no value starts
// within a character.
func checkUTF8(data []byte, offsets []int32) error {
	if !utf8.Valid(data) {
		for i := 0; i+1 < len(offsets); i++ {
			if !utf8.Valid(data[offsets[i]:offsets[i+1]]) {
				return fmt.Errorf("value %d is not valid UTF-8", i)
			}
		}
		return fmt.Errorf("text is not valid UTF-8")
	}
	for i, o := range offsets {
		if int(o) < len(data) && !utf8.RuneStart(data[o]) {
			return fmt.Errorf("value %d starts within a character", i)
		}
	}
	return nil
}

// Value returns the row as a value that aliases the column; of an Any row, the value
// it holds. A Map row is its bytes.
func (c *Column) Value(row int) Value {
	switch {
	case c.Null(row):
		return Value{}
	case c.Type.fixed():
		return Value{Type: c.Type, Cell: c.Cells[row]}
	case c.Type == List:
		v := Value{Type: List}
		for i := range c.ListLen(row) {
			v.List = append(v.List, c.Item(row, i))
		}
		return v
	case c.Type == Any:
		if v, _, err := ParseValue(c.Bytes(row)); err == nil {
			return v
		}
		return Value{}
	}
	return Value{Type: c.Type, Bytes: c.Bytes(row)}
}

// AppendTyped appends a value of the column's type, or a null. A value of another
// type is a null.
func (c *Column) AppendTyped(v Value) {
	switch {
	case c.Type == Any && v.Type != Null:
		c.AppendBytes(v.Append(nil))
	case v.Type != c.Type || v.Type == Null:
		c.AppendNull()
	case c.Type.fixed():
		c.AppendCell(v.Cell)
	case c.Type == List:
		for _, item := range v.List {
			c.AppendItem(item)
		}
		c.EndList()
	default:
		c.AppendBytes(v.Bytes)
	}
}

// Same tells at a glance that all rows have the same values as those of another column;
// false says nothing.
func (c *Column) Same(d *Column) bool {
	return c.Type == d.Type && c.rows == d.rows && (c.Valid == nil) == (d.Valid == nil) && bytes.Equal(c.Valid, d.Valid) &&
		slices.Equal(c.Cells, d.Cells) && slices.Equal(c.Offsets, d.Offsets) && slices.Equal(c.Items, d.Items) && bytes.Equal(c.Data, d.Data)
}

// EqualRow tells whether a row has the same canonical value as a row of another
// column of the same type.
func (c *Column) EqualRow(row int, d *Column, at int) bool {
	null := c.Null(row)
	switch {
	case null != d.Null(at):
		return false
	case null:
		return true
	case c.Type.fixed():
		return c.Cells[row] == d.Cells[at]
	case c.Type != List:
		return string(c.Bytes(row)) == string(d.Bytes(at))
	}
	n := c.ListLen(row)
	if n != d.ListLen(at) {
		return false
	}
	for i := range n {
		if string(c.Item(row, i)) != string(d.Item(at, i)) {
			return false
		}
	}
	return true
}
