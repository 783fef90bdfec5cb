package lens

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// textNoNUL is UTF-8 text in an engine that refuses U+0000, which Put leaves out.
var textNoNUL = &Lens{Name: "text-no-nul", Type: format.Text,
	Get: leaveInexact(text.Get, noNULs, noNUL),
	Put: func(field *format.Column, row int, native *store.Cells) {
		native.AppendText(withoutNUL(field.Bytes(row)))
	},
	Exact: noNUL,
	raw:   store.Text,
	plain: noNULs,
}

func noNULs(field *format.Column) bool { return bytes.IndexByte(field.Data, 0) < 0 }

func noNUL(field *format.Column, row int) bool { return bytes.IndexByte(field.Bytes(row), 0) < 0 }

// leaveInexact leaves those values over that an engine would not have given, because
// it cannot hold them; plain tells at a glance that there are none.
func leaveInexact(get func(*store.Cells, *format.Column, func(int)), plain func(*format.Column) bool, exact func(*format.Column, int) bool) func(*store.Cells, *format.Column, func(int)) {
	return func(native *store.Cells, field *format.Column, left func(int)) {
		at := field.Len()
		get(native, field, left)
		if plain(field) {
			return
		}
		for row := at; row < field.Len(); row++ {
			if !field.Null(row) && !exact(field, row) {
				left(row - at)
			}
		}
	}
}

func withoutNUL(v []byte) []byte {
	if bytes.IndexByte(v, 0) < 0 {
		return v
	}
	return bytes.ReplaceAll(v, []byte{0}, nil)
}

// jsonb is JSON in an engine that refuses escapes of U+0000 and of lone surrogates,
// for which Put writes U+FFFD.
var jsonb = &Lens{Name: "jsonb", Type: format.JSON,
	Get: leaveInexact(jsonText.Get, noEscapes, wholeEscapes),
	Put: func(field *format.Column, row int, native *store.Cells) {
		v := field.Bytes(row)
		if bytes.Contains(v, []byte(`\u`)) {
			v = mendEscapes(v)
		}
		native.AppendText(v)
	},
	Exact: wholeEscapes,
	raw:   store.Text,
	plain: noEscapes,
}

func noEscapes(field *format.Column) bool { return !bytes.Contains(field.Data, []byte(`\u`)) }

func wholeEscapes(field *format.Column, row int) bool {
	v := field.Bytes(row)
	return !bytes.Contains(v, []byte(`\u`)) || bytes.Equal(v, mendEscapes(v))
}

// mendEscapes replaces the escapes of U+0000 and of lone surrogates in a JSON text.
func mendEscapes(v []byte) []byte {
	const replacement = `\ufffd`
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' || i+1 >= len(v) {
			out = append(out, v[i])
			continue
		}
		if v[i+1] != 'u' || i+6 > len(v) {
			out = append(out, v[i], v[i+1])
			i++
			continue
		}
		switch code := unit(v[i+2 : i+6]); {
		case code == 0, code >= 0xDC00 && code < 0xE000:
			out = append(out, replacement...)
		case code >= 0xD800 && code < 0xDC00:
			if i+12 <= len(v) && v[i+6] == '\\' && v[i+7] == 'u' {
				if low := unit(v[i+8 : i+12]); low >= 0xDC00 && low < 0xE000 {
					out = append(out, v[i:i+12]...)
					i += 11
					continue
				}
			}
			out = append(out, replacement...)
		default:
			out = append(out, v[i:i+6]...)
		}
		i += 5
	}
	return out
}

// unit reads the four digits of an escape.
func unit(digits []byte) uint64 {
	v, err := strconv.ParseUint(string(digits), 16, 16)
	if err != nil {
		return 0xFFFF
	}
	return v
}

// stringArray is a list in an array of texts or in a jsonb array, whose cells are
// JSON arrays in any spelling. U+0000 is left out.
var stringArray = &Lens{Name: "string-array", Type: format.List,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		if native.Kinds[row] != store.Text || !utf8.Valid(native.Bytes(row)) || !appendItems(field, native.Bytes(row)) {
			field.CutList()
			field.AppendNull()
			return false
		}
		field.EndList()
		return itemsWithoutNUL(field, field.Len()-1)
	}),
	Put: func(field *format.Column, row int, native *store.Cells) {
		dst := []byte{'['}
		for i := range field.ListLen(row) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst, _ = jsontext.AppendQuote(dst, withoutNUL(field.Item(row, i))) // items are valid UTF-8
		}
		native.AppendText(append(dst, ']'))
	},
	Exact: itemsWithoutNUL,
}

func itemsWithoutNUL(field *format.Column, row int) bool {
	for i := range field.ListLen(row) {
		if bytes.IndexByte(field.Item(row, i), 0) >= 0 {
			return false
		}
	}
	return true
}

// pgVector is a vector in pgvector's type, which holds 1 to 16 000 finite elements.
// Put writes NULL for others.
var pgVector = &Lens{Name: "pgvector", Type: format.Vector,
	Get: leaveInexact(vector("", 0).Get, allFinite, finite),
	Put: func(field *format.Column, row int, native *store.Cells) {
		if v := field.Bytes(row); holdsVector(v) {
			native.AppendBlob(v)
		} else {
			native.AppendNull()
		}
	},
	Exact: finite,
	raw:   store.Blob,
	plain: allFinite,
}

func allFinite(field *format.Column) bool {
	for row := range field.Len() {
		if n := len(field.Bytes(row)); n > 4*mostElements || n == 0 && !field.Null(row) {
			return false
		}
	}
	return store.Finite(field.Data)
}

// mostElements is how many elements a vector of pgvector's has at most.
const mostElements = 16_000

func finite(field *format.Column, row int) bool { return holdsVector(field.Bytes(row)) }

func holdsVector(v []byte) bool {
	return len(v) > 0 && len(v) <= 4*mostElements && store.Finite(v)
}

// priority10 is an INTEGER of 1 to 10 as a float of 0 to 1.
var priority10 = &Lens{Name: "priority-10", Type: format.Float,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		if native.Kinds[row] != store.Integer {
			field.AppendNull()
			return false
		}
		v := native.Int(row)
		field.AppendFloat(float64(v-1) / 9)
		return v >= 1 && v <= 10
	}),
	Put: func(field *format.Column, row int, native *store.Cells) { native.AppendInt(priority(field.Float(row))) },
	Exact: func(field *format.Column, row int) bool {
		return float64(priority(field.Float(row))-1)/9 == field.Float(row)
	},
}

// priority is the step of 1 to 10 that is next to a share of 0 to 1.
func priority(share float64) int64 {
	v := math.Round(1 + 9*share)
	if !(v >= 1) { // also what is not a number
		return 1
	}
	return int64(min(v, 10))
}
