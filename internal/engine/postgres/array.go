package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/memarc/memarc/internal/store"
)

// maxDims is how many dimensions an array has at most. Source: MAXDIM in
// src/include/utils/array.h.
const maxDims = 6

// An array is a value of an array type. Its elements stand in Cells, those of the
// last dimension together.
type array struct {
	dims  []int
	lower []int // the first subscript of each dimension
	cells store.Cells
}

var arrays = sync.Pool{New: func() any { return new(array) }}

func (a *array) reset() {
	a.dims, a.lower = a.dims[:0], a.lower[:0]
	a.cells.Reset()
}

// arrayCodec is the codec of arrays of one element type. A cell is the JSON of
// the elements, nested by dimension; where a subscript does not start with 1,
// PostgreSQL's decoration stands before it, as in [0:1]=["a","b"].
func arrayCodec(elem *codec, kind store.Kind, oid uint32) *codec {
	single := oid == pgtype.Float4OID
	c := &codec{}
	c.decode = func(src []byte, out *store.Cells) error {
		a := arrays.Get().(*array)
		defer arrays.Put(a)
		a.reset()
		if err := a.decode(src, elem, oid); err != nil {
			return err
		}
		data, err := a.appendJSON(out.Data, kind, single)
		if err != nil {
			return err
		}
		out.Data = data
		out.AppendText(nil)
		return nil
	}
	c.encode = func(dst []byte, cells *store.Cells, row int) ([]byte, error) {
		if err := ofClass(cells, row, store.Text); err != nil {
			return dst, err
		}
		a := arrays.Get().(*array)
		defer arrays.Put(a)
		a.reset()
		if err := a.parse(cells.Bytes(row), kind, single); err != nil {
			return dst, err
		}
		return a.encode(dst, elem, oid)
	}
	c.stored = func(cells *store.Cells, row int, out *store.Cells) bool {
		raw, err := c.encode(nil, cells, row)
		return err == nil && c.decode(raw, out) == nil
	}
	c.literal = func(cell []byte) ([]byte, error) {
		a := new(array)
		a.reset()
		if err := a.parse(cell, kind, single); err != nil {
			return nil, err
		}
		return a.appendLiteral(nil), nil
	}
	return c
}

// decode reads the binary form. Source: array_send in
// src/backend/utils/adt/arrayfuncs.c.
func (a *array) decode(src []byte, elem *codec, oid uint32) error {
	if len(src) < 12 {
		return errValue
	}
	n := binary.BigEndian.Uint32(src)
	if n > maxDims || binary.BigEndian.Uint32(src[8:]) != oid {
		return errValue
	}
	src = src[12:]
	if len(src) < int(n)*8 {
		return errValue
	}
	count := 0
	for i := range int(n) {
		length, lower := int32(binary.BigEndian.Uint32(src)), int32(binary.BigEndian.Uint32(src[4:]))
		src = src[8:]
		if i == 0 {
			count = 1
		}
		// Every element takes four bytes at least.
		if length <= 0 || int64(count)*int64(length) > math.MaxInt32/4 {
			return errValue
		}
		count *= int(length)
		a.dims, a.lower = append(a.dims, int(length)), append(a.lower, int(lower))
	}
	if count > len(src)/4 {
		return errValue
	}
	for range count {
		if len(src) < 4 {
			return errValue
		}
		size := int32(binary.BigEndian.Uint32(src))
		src = src[4:]
		if size == -1 {
			a.cells.AppendNull()
			continue
		}
		if size < 0 || int(size) > len(src) {
			return errValue
		}
		if err := elem.decode(src[:size], &a.cells); err != nil {
			return err
		}
		src = src[size:]
	}
	if len(src) != 0 {
		return errValue
	}
	return nil
}

func (a *array) encode(dst []byte, elem *codec, oid uint32) ([]byte, error) {
	start := len(dst)
	hasNull := uint32(0)
	for _, k := range a.cells.Kinds {
		if k == store.Null {
			hasNull = 1
		}
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(a.dims)))
	dst = binary.BigEndian.AppendUint32(dst, hasNull)
	dst = binary.BigEndian.AppendUint32(dst, oid)
	for i, n := range a.dims {
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))
		dst = binary.BigEndian.AppendUint32(dst, uint32(a.lower[i]))
	}
	for row, k := range a.cells.Kinds {
		at := len(dst)
		dst = binary.BigEndian.AppendUint32(dst, math.MaxUint32)
		if k == store.Null {
			continue
		}
		var err error
		if dst, err = elem.encode(dst, &a.cells, row); err != nil {
			return dst[:start], fmt.Errorf("element %d: %w", row+1, err)
		}
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	if len(dst)-start > maxField {
		return dst[:start], refused("the array is too long")
	}
	return dst, nil
}

func (a *array) appendJSON(dst []byte, kind store.Kind, single bool) ([]byte, error) {
	dst = a.appendDecoration(dst)
	var err error
	dst, _, err = a.appendNested(dst, 0, 0, '[', ']', func(dst []byte, row int) ([]byte, error) {
		return appendElement(dst, &a.cells, row, kind, single)
	})
	return dst, err
}

// appendDecoration appends the subscripts where they do not start with 1.
func (a *array) appendDecoration(dst []byte) []byte {
	plain := true
	for _, l := range a.lower {
		plain = plain && l == 1
	}
	if plain {
		return dst
	}
	for i, l := range a.lower {
		dst = fmt.Appendf(dst, "[%d:%d]", l, l+a.dims[i]-1)
	}
	return append(dst, '=')
}

// appendNested appends the elements from row on, below dimension depth.
func (a *array) appendNested(dst []byte, depth, row int, open, end byte, elem func(dst []byte, row int) ([]byte, error)) ([]byte, int, error) {
	dst = append(dst, open)
	if len(a.dims) > 0 {
		for i := range a.dims[depth] {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if depth+1 < len(a.dims) {
				dst, row, err = a.appendNested(dst, depth+1, row, open, end, elem)
			} else {
				dst, err = elem(dst, row)
				row++
			}
			if err != nil {
				return dst, row, err
			}
		}
	}
	return append(dst, end), row, nil
}

func appendElement(dst []byte, c *store.Cells, row int, kind store.Kind, single bool) ([]byte, error) {
	switch c.Kinds[row] {
	case store.Null:
		return append(dst, "null"...), nil
	case store.Integer:
		if kind == store.Boolean {
			return strconv.AppendBool(dst, c.Words[row] != 0), nil
		}
		return strconv.AppendInt(dst, c.Int(row), 10), nil
	case store.Real:
		v := c.Float(row)
		switch {
		case v != v:
			return append(dst, `"NaN"`...), nil
		case math.IsInf(v, 1):
			return append(dst, `"Infinity"`...), nil
		case math.IsInf(v, -1):
			return append(dst, `"-Infinity"`...), nil
		}
		return appendNumber(dst, v, single), nil
	}
	dst, err := jsontext.AppendQuote(dst, c.Bytes(row))
	if err != nil {
		return dst, fmt.Errorf("write array as JSON: %w", err)
	}
	return dst, nil
}

// appendNumber appends the shortest number that reads back as the same float.
func appendNumber(dst []byte, v float64, single bool) []byte {
	bits, format := 64, byte('f')
	if single {
		bits = 32
	}
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, bits)
}

// appendLiteral appends the array as PostgreSQL reads it from text.
func (a *array) appendLiteral(dst []byte) []byte {
	dst = a.appendDecoration(dst)
	dst, _, _ = a.appendNested(dst, 0, 0, '{', '}', func(dst []byte, row int) ([]byte, error) {
		switch c := &a.cells; c.Kinds[row] {
		case store.Null:
			return append(dst, "NULL"...), nil
		case store.Integer:
			return strconv.AppendInt(dst, c.Int(row), 10), nil
		case store.Real:
			return strconv.AppendFloat(dst, c.Float(row), 'g', -1, 64), nil
		default:
			quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(string(c.Bytes(row)))
			return append(append(append(dst, '"'), quoted...), '"'), nil
		}
	})
	return dst
}

// parse reads a cell. Its errors wrap errRefused.
func (a *array) parse(cell []byte, kind store.Kind, single bool) error {
	lower, rest, err := parseDecoration(cell)
	if err != nil {
		return err
	}
	if err := a.parseJSON(rest, kind, single); err != nil {
		return err
	}
	if len(lower) == 0 {
		return nil
	}
	if len(lower) != len(a.dims) {
		return refused("the array has other dimensions than its subscripts")
	}
	for i, l := range lower {
		if l[1]-l[0]+1 != a.dims[i] {
			return refused("the array has other dimensions than its subscripts")
		}
		a.lower[i] = l[0]
	}
	return nil
}

// parseDecoration reads subscripts such as [0:1][2:4]= and returns what follows.
func parseDecoration(cell []byte) (bounds [][2]int, rest []byte, err error) {
	head, rest, ok := bytes.Cut(cell, []byte("]="))
	if !ok || len(head) > maxDims*24 || bytes.IndexByte(head, '"') >= 0 {
		return nil, cell, nil
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(string(head), "["), "][") {
		from, to, _ := strings.Cut(part, ":")
		l, lerr := strconv.ParseInt(from, 10, 32)
		u, uerr := strconv.ParseInt(to, 10, 32)
		if lerr != nil || uerr != nil {
			return nil, nil, refused("the array's subscripts are malformed")
		}
		bounds = append(bounds, [2]int{int(l), int(u)})
	}
	return bounds, rest, nil
}

func (a *array) parseJSON(raw []byte, kind store.Kind, single bool) error {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	counts := make([]int, 0, maxDims) // elements so far in each open bracket
	leaf := 0                         // at which depth elements stand
	closed := false                   // the outermost bracket
	for {
		tok, err := d.ReadToken()
		if closed && errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || closed {
			return refused("it is no JSON array")
		}
		depth := len(counts)
		switch k := tok.Kind(); k {
		case '[':
			if depth == maxDims || leaf != 0 && depth >= leaf {
				return refused("the array's rows are of several shapes")
			}
			if depth > 0 {
				counts[depth-1]++
			}
			counts = append(counts, 0)
			if len(a.dims) < len(counts) {
				if leaf != 0 {
					return refused("the array's rows are of several shapes")
				}
				a.dims, a.lower = append(a.dims, -1), append(a.lower, 1)
			}
		case ']':
			n := counts[depth-1]
			counts = counts[:depth-1]
			closed = depth == 1
			switch {
			case n == 0 && depth == 1 && a.cells.Len() == 0 && len(a.dims) == 1:
				a.dims, a.lower = a.dims[:0], a.lower[:0]
			case n == 0 || a.dims[depth-1] >= 0 && a.dims[depth-1] != n:
				return refused("the array's rows are of several shapes")
			default:
				a.dims[depth-1] = n
			}
		case '{', '}':
			return refused("it is no array of plain values")
		default:
			if depth == 0 || depth != len(a.dims) {
				return refused("the array's rows are of several shapes")
			}
			leaf = depth
			counts[depth-1]++
			if err := parseElement(&a.cells, tok, kind, single); err != nil {
				return err
			}
		}
	}
}

// serverNaN are the bits of what PostgreSQL reads NaN as.
const serverNaN = 0x7ff8000000000000

// parseElement appends a token as an element.
func parseElement(c *store.Cells, tok jsontext.Token, kind store.Kind, single bool) error {
	switch k := tok.Kind(); {
	case k == 'n':
		c.AppendNull()
	case kind == store.Boolean && k == 't':
		c.AppendInt(1)
	case kind == store.Boolean && k == 'f':
		c.AppendInt(0)
	case kind == store.Integer && k == '0':
		v, err := strconv.ParseInt(tok.String(), 10, 64)
		if err != nil {
			return refused("%q is no integer", tok.String())
		}
		c.AppendInt(v)
	case kind == store.Real && k == '0':
		return parseReal(c, tok.String(), single)
	case kind == store.Real && k == '"':
		switch tok.String() {
		case "NaN":
			c.AppendFloat(math.Float64frombits(serverNaN))
		case "Infinity":
			c.AppendFloat(math.Inf(1))
		case "-Infinity":
			c.AppendFloat(math.Inf(-1))
		default:
			return refused("%q is no number", tok.String())
		}
	case kind == store.Text && k == '"':
		c.AppendString(tok.String())
	default:
		return refused("an element is of another type")
	}
	return nil
}

// parseReal appends a number that a float writes again as the same decimal.
func parseReal(c *store.Cells, text string, single bool) error {
	bits := 64
	if single {
		bits = 32
	}
	v, err := strconv.ParseFloat(text, bits)
	if err != nil || decimal(text) != decimal(string(appendNumber(nil, v, single))) {
		return refused("%s has more digits than its type", text)
	}
	c.AppendFloat(v)
	return nil
}

// decimal returns a form of a JSON number that is the same for equal numbers.
func decimal(text string) string {
	mantissa, exp, _ := strings.Cut(strings.ToLower(text), "e")
	exponent, _ := strconv.Atoi(exp) // absent: 0; out of range: the float is, too
	sign := ""
	if rest, ok := strings.CutPrefix(mantissa, "-"); ok {
		sign, mantissa = "-", rest
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent -= len(fraction)
	digits := strings.TrimLeft(whole+fraction, "0")
	trimmed := strings.TrimRight(digits, "0")
	if exponent += len(digits) - len(trimmed); trimmed == "" {
		exponent = 0
	}
	return fmt.Sprintf("%s%se%d", sign, trimmed, exponent)
}
