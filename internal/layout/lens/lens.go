// Package lens holds the codecs between native columns and fields: each reads
// (Get) and writes (Put) whole columns. Wherever Put(Get(x)) is not x bit for
// bit, Get says so, and the caller keeps the native value as a leftover.
package lens

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A Lens is a codec between a native column and a field.
type Lens struct {
	Name string
	// Type is the type of the field.
	Type format.Type
	// Get appends all rows of the native column to the field. NULL becomes null.
	// For each row that Put would not write back bit for bit it calls left, after
	// it has appended the best reading or null. It may take the column's memory.
	Get func(native *store.Cells, field *format.Column, left func(row int))
	// Put appends one non-null row of the field to the native column.
	Put func(field *format.Column, row int, native *store.Cells)
	// Exact tells whether Get gives a non-null row of the field back of what Put makes
	// of it. A nil Exact means that it always does, or that nobody may ask.
	Exact func(field *format.Column, row int) bool
	// raw is the class of cells in which Put writes the very bytes of a value, as long as
	// plain, if it is not nil, says so of the field. All values are Exact then.
	raw   store.Kind
	plain func(field *format.Column) bool
	// Damaged tells that the engine has made of a cell something else than the product
	// wrote, so that the product can no longer read it. A nil Damaged means never.
	Damaged func(native *store.Cells, row int) bool
}

// PutAll appends all rows of the field to the native column; null becomes NULL.
func (l *Lens) PutAll(field *format.Column, native *store.Cells) {
	if l.isPlain(field) {
		native.AppendColumn(l.raw, field)
		return
	}
	for row := range field.Len() {
		if field.Null(row) {
			native.AppendNull()
		} else {
			l.Put(field, row, native)
		}
	}
}

func (l *Lens) isPlain(field *format.Column) bool {
	return l.raw != store.Null && (l.plain == nil || l.plain(field))
}

// AllExact tells whether all non-null rows of the field are Exact.
func (l *Lens) AllExact(field *format.Column) bool {
	if l.Exact == nil || l.isPlain(field) {
		return true
	}
	for row := range field.Len() {
		if !field.Null(row) && !l.Exact(field, row) {
			return false
		}
	}
	return true
}

// all holds every lens by its name.
var all = func() map[string]*Lens {
	out := map[string]*Lens{}
	for _, l := range []*Lens{
		text, inttext, jsonText, jsonBytes, jsonList, jsonListSpaced, jsonLines, commaList, unixFloat, integer, intBool, realLens, intReal, exactReal, anyLens, value, blob,
		valueMap, vector("f32", 0), vector("f32-header", 1), uuidBlob, uuidHex, uuidNumeric,
		valueList("value-list", false), valueList("value-list-text", true), valueTime,
		anyBytes, textNoNUL, jsonb, stringArray, pgVector, priority10,
		unix("unix", 1e9), unix("unix-millis", 1e6), unix("unix-micros", 1e3), unix("unix-nanos", 1),
	} {
		out[l.Name] = l
	}
	for i := range timeForms {
		out[timeForms[i].name] = timeText(&timeForms[i])
	}
	return out
}()

// ByName returns the lens of that name.
func ByName(name string) (*Lens, error) {
	if l := all[name]; l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("there is no lens %q, the lenses are %s", name, strings.Join(Names(), ", "))
}

// Names returns the names of all lenses, ascending.
func Names() []string {
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// each builds Get from a function for one non-NULL row, which appends exactly
// one row and tells whether Put gives the native value back.
func each(get func(native *store.Cells, row int, field *format.Column) bool) func(*store.Cells, *format.Column, func(int)) {
	return func(native *store.Cells, field *format.Column, left func(int)) {
		for row, kind := range native.Kinds {
			if kind == store.Null {
				field.AppendNull()
			} else if !get(native, row, field) {
				left(row)
			}
		}
	}
}

// text is UTF-8 TEXT.
var text = &Lens{Name: "text", Type: format.Text,
	Get: func(native *store.Cells, field *format.Column, left func(int)) {
		if field.Len() == 0 && native.Only(store.Text) && native.UTF8() {
			takeText(native, field)
			return
		}
		each(func(native *store.Cells, row int, field *format.Column) bool {
			if native.Kinds[row] != store.Text || !utf8.Valid(native.Bytes(row)) {
				field.AppendNull()
				return false
			}
			field.AppendBytes(native.Bytes(row))
			return true
		})(native, field, left)
	},
	Put: putText,
	raw: store.Text,
}

func putText(field *format.Column, row int, native *store.Cells) { native.AppendText(field.Bytes(row)) }

// takeText moves the native column's memory into the empty field.
func takeText(native *store.Cells, field *format.Column) {
	field.Data, native.Data = native.Data, field.Data
	field.Offsets, native.Offsets = native.Offsets, field.Offsets
	for row, k := range native.Kinds {
		if k == store.Null {
			if field.Valid == nil {
				field.Valid = slices.Repeat([]byte{0xFF}, (len(native.Kinds)+7)/8)
			}
			field.Valid[row>>3] &^= 1 << (row & 7)
		}
	}
	if n := len(native.Kinds); field.Valid != nil && n&7 != 0 {
		field.Valid[len(field.Valid)-1] &= 1<<(n&7) - 1
	}
	field.SetLen(len(native.Kinds))
}

// inttext is an INTEGER shown as decimal text, for identifiers.
var inttext = &Lens{Name: "int-text", Type: format.Text,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		if native.Kinds[row] != store.Integer {
			field.AppendNull()
			return false
		}
		field.AppendString(strconv.FormatInt(native.Int(row), 10))
		return true
	}),
	Put: func(field *format.Column, row int, native *store.Cells) {
		v, err := strconv.ParseInt(field.String(row), 10, 64)
		if err != nil || strconv.FormatInt(v, 10) != field.String(row) {
			native.AppendText(field.Bytes(row)) // not one of ours: keep it as it is
			return
		}
		native.AppendInt(v)
	},
}

// jsonText is TEXT that holds one JSON value.
var jsonText = &Lens{Name: "json", Type: format.JSON,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		v := native.Bytes(row)
		if native.Kinds[row] != store.Text || !utf8.Valid(v) || !format.ValidJSON(v) {
			field.AppendNull()
			return false
		}
		field.AppendBytes(v)
		return true
	}),
	Put: putText,
	raw: store.Text,
}

// jsonBytes is a BLOB that holds one JSON value. TEXT in its place is read and left over.
var jsonBytes = &Lens{Name: "json-bytes", Type: format.JSON,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		v := native.Bytes(row)
		if k := native.Kinds[row]; k != store.Text && k != store.Blob || !utf8.Valid(v) || !format.ValidJSON(v) {
			field.AppendNull()
			return false
		}
		field.AppendBytes(v)
		return native.Kinds[row] == store.Blob
	}),
	Put: func(field *format.Column, row int, native *store.Cells) { native.AppendBlob(field.Bytes(row)) },
	raw: store.Blob,
}

// jsonList is TEXT that holds a JSON array of strings in the compact form;
// jsonListSpaced has a blank after each comma and escapes all but ASCII, as
// Python's json module does.
var (
	jsonList       = listLens("json-list", ",", false)
	jsonListSpaced = listLens("json-list-python", ", ", true)
)

func listLens(name, comma string, ascii bool) *Lens {
	put := func(dst []byte, field *format.Column, row int) []byte {
		dst = append(dst, '[')
		for i := range field.ListLen(row) {
			if i > 0 {
				dst = append(dst, comma...)
			}
			at := len(dst)
			dst, _ = jsontext.AppendQuote(dst, field.Item(row, i)) // items are valid UTF-8
			if ascii {
				dst = escapeASCII(dst, at)
			}
		}
		return append(dst, ']')
	}
	return &Lens{Name: name, Type: format.List,
		Get: func(native *store.Cells, field *format.Column, left func(int)) {
			var buf []byte
			each(func(native *store.Cells, row int, field *format.Column) bool {
				if native.Kinds[row] != store.Text || !appendItems(field, native.Bytes(row)) {
					field.CutList()
					field.AppendNull()
					return false
				}
				field.EndList()
				buf = put(buf[:0], field, field.Len()-1)
				return bytes.Equal(buf, native.Bytes(row))
			})(native, field, left)
		},
		Put: func(field *format.Column, row int, native *store.Cells) {
			native.AppendText(put(nil, field, row))
		},
	}
}

// escapeASCII writes what follows at in dst with \u escapes for all but ASCII that
// can be printed.
func escapeASCII(dst []byte, at int) []byte {
	if !slices.ContainsFunc(dst[at:], func(b byte) bool { return b >= utf8.RuneSelf || b == 0x7F }) {
		return dst
	}
	quoted := string(dst[at:])
	dst = dst[:at]
	for _, r := range quoted {
		switch {
		case r < 0x7F:
			dst = append(dst, byte(r))
		case r > 0xFFFF:
			r -= 0x10000
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, 0xD800+(r>>10), 0xDC00+(r&0x3FF))
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
	}
	return dst
}

// appendItems appends the strings of a JSON array to an open List row.
func appendItems(field *format.Column, raw []byte) bool {
	if bytes.Equal(raw, []byte("[]")) {
		return true
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '[' {
		return false
	}
	var buf []byte
	for dec.PeekKind() == '"' {
		v, err := dec.ReadValue()
		if err != nil {
			return false
		}
		if buf, err = jsontext.AppendUnquote(buf[:0], v); err != nil {
			return false
		}
		field.AppendItem(buf)
	}
	tok, err := dec.ReadToken()
	return err == nil && tok.Kind() == ']' && len(bytes.TrimSpace(raw[dec.InputOffset():])) == 0
}

// integer is INTEGER.
var integer = &Lens{Name: "int", Type: format.Int,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		if native.Kinds[row] != store.Integer {
			field.AppendNull()
			return false
		}
		field.AppendCell(native.Words[row])
		return true
	}),
	Put: putInteger,
}

func putInteger(field *format.Column, row int, native *store.Cells) { native.AppendInt(field.Int(row)) }

// intBool is INTEGER 0 or 1.
var intBool = &Lens{Name: "int-bool", Type: format.Bool,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		if native.Kinds[row] != store.Integer || native.Words[row] > 1 {
			field.AppendNull()
			return false
		}
		field.AppendCell(native.Words[row])
		return true
	}),
	Put: putInteger,
}

// realLens is REAL. An integer in its place reads as its float and is left over.
var realLens = &Lens{Name: "real", Type: format.Float,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		switch native.Kinds[row] {
		case store.Real:
			field.AppendCell(native.Words[row])
			return true
		case store.Integer:
			field.AppendFloat(float64(native.Int(row)))
		default:
			field.AppendNull()
		}
		return false
	}),
	Put: func(field *format.Column, row int, native *store.Cells) { native.AppendFloat(field.Float(row)) },
}

// intReal is an INTEGER that other engines of a product keep as REAL. Put rounds.
var intReal = &Lens{Name: "int-real", Type: format.Float,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		if native.Kinds[row] != store.Integer {
			field.AppendNull()
			return false
		}
		v := native.Int(row)
		field.AppendFloat(float64(v))
		return int64(float64(v)) == v && v < 1<<53 && v > -1<<53
	}),
	Put: func(field *format.Column, row int, native *store.Cells) {
		if v := math.Round(field.Float(row)); math.Abs(v) < 1<<53 {
			native.AppendInt(int64(v))
		} else {
			native.AppendNull()
		}
	},
	Exact: func(field *format.Column, row int) bool {
		v := field.Float(row)
		return math.Abs(v) < 1<<53 && math.Float64bits(float64(int64(v))) == math.Float64bits(v)
	},
}

// exactReal is REAL, but for the bit patterns that SQLite does not keep, NaN and
// -0.0, which are BLOBs of their 8 bytes, little-endian.
var exactReal = &Lens{Name: "exact-real", Type: format.Float,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		switch v := native.Bytes(row); {
		case native.Kinds[row] == store.Real:
			field.AppendCell(native.Words[row])
			return plainReal(native.Words[row])
		case native.Kinds[row] == store.Blob && len(v) == 8:
			word := uint64(0)
			for i, b := range v {
				word |= uint64(b) << (8 * i)
			}
			field.AppendCell(word)
			return !plainReal(word)
		}
		field.AppendNull()
		return false
	}),
	Put: func(field *format.Column, row int, native *store.Cells) {
		word := field.Cells[row]
		if plainReal(word) {
			native.AppendFloat(field.Float(row))
			return
		}
		var raw [8]byte
		for i := range raw {
			raw[i] = byte(word >> (8 * i))
		}
		native.AppendBlob(raw[:])
	},
}

// plainReal tells whether SQLite keeps the bits of a float in a REAL column.
func plainReal(word uint64) bool {
	return !math.IsNaN(math.Float64frombits(word)) && word != 1<<63
}

// anyLens carries any cell with its storage class.
var anyLens = &Lens{Name: "any", Type: format.Any,
	Get: func(native *store.Cells, field *format.Column, _ func(int)) {
		var buf []byte
		for row, k := range native.Kinds {
			if k == store.Null {
				field.AppendNull()
				continue
			}
			buf = native.Value(row).Append(buf[:0])
			field.AppendBytes(buf)
		}
	},
	Put: func(field *format.Column, row int, native *store.Cells) {
		v, _, err := format.ParseValue(field.Bytes(row))
		if err != nil {
			native.AppendNull() // a batch holds only well-formed values
			return
		}
		native.AppendValue(v)
	},
}

// anyBytes is BLOB that holds one value of any type in canonical encoding.
var anyBytes = &Lens{Name: "any-bytes", Type: format.Any,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		if native.Kinds[row] == store.Blob {
			if v, rest, err := format.ParseValue(native.Bytes(row)); err == nil && len(rest) == 0 && v.Type != format.Null {
				field.AppendBytes(native.Bytes(row))
				return true
			}
		}
		field.AppendNull()
		return false
	}),
	Put: putBlob,
}

// value holds any value in a column without affinity: integers, floats and texts
// as themselves, every other type as a BLOB of its canonical encoding, and so the
// floats that SQLite does not keep.
var value = &Lens{Name: "value", Type: format.Any,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		if native.Kinds[row] != store.Blob {
			v := native.Value(row)
			field.AppendBytes(v.Append(nil))
			return asItself(v)
		}
		v, rest, err := format.ParseValue(native.Bytes(row))
		if err != nil || len(rest) > 0 || asItself(v) || v.Type == format.Null {
			field.AppendNull()
			return false
		}
		field.AppendBytes(native.Bytes(row))
		return true
	}),
	Put: func(field *format.Column, row int, native *store.Cells) {
		if v, _, err := format.ParseValue(field.Bytes(row)); err == nil && asItself(v) {
			native.AppendValue(v)
			return
		}
		native.AppendBlob(field.Bytes(row))
	},
}

func asItself(v format.Value) bool {
	return v.Type == format.Int || v.Type == format.Text || v.Type == format.Float && plainReal(v.Cell)
}

// blob is BLOB.
var blob = &Lens{Name: "blob", Type: format.Bytes,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		if native.Kinds[row] != store.Blob {
			field.AppendNull()
			return false
		}
		field.AppendBytes(native.Bytes(row))
		return true
	}),
	Put: putBlob,
}

func putBlob(field *format.Column, row int, native *store.Cells) { native.AppendBlob(field.Bytes(row)) }

// valueMap is a BLOB that holds a map in canonical encoding.
var valueMap = &Lens{Name: "map", Type: format.Map,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		if native.Kinds[row] == store.Blob {
			if _, err := format.ParseMap(native.Bytes(row)); err == nil {
				field.AppendBytes(native.Bytes(row))
				return true
			}
		}
		field.AppendNull()
		return false
	}),
	Put: putBlob,
}

// vector is a BLOB of little-endian float32, behind header bytes of value 1.
func vector(name string, header int) *Lens {
	raw := store.Blob
	if header != 0 {
		raw = store.Null
	}
	return &Lens{Name: name, Type: format.Vector, raw: raw,
		Get: each(func(native *store.Cells, row int, field *format.Column) bool {
			v := native.Bytes(row)
			if native.Kinds[row] != store.Blob {
				field.AppendNull()
				return false
			}
			if header == 1 && len(v)%4 == 1 && v[0] == 1 {
				field.AppendBytes(v[1:])
				return true
			}
			if len(v)%4 != 0 {
				field.AppendNull()
				return false
			}
			field.AppendBytes(v)
			return header == 0
		}),
		Put: func(field *format.Column, row int, native *store.Cells) {
			if header == 0 {
				native.AppendBlob(field.Bytes(row))
				return
			}
			native.AppendBlob(append([]byte{1}, field.Bytes(row)...))
		},
	}
}
