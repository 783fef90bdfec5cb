package lens

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// uuidNumeric is TEXT of 32 lower-case hex digits in a column that SQLite gives NUMERIC
// affinity, as it does to the declared type UUID (https://sqlite.org/datatype3.html,
// sections 3.1 and 3.3): there a text that reads as a number becomes one, and 12345678...
// or 123...e45... do. What such a cell was cannot be known; it shows as the number in
// decimal, the same for the same cell. Put writes NULL for what SQLite would make a
// number of. Other spellings of a UUID are read and left over.
var uuidNumeric = &Lens{Name: "uuid-numeric", Type: format.Text,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		text, ok := uuidNumericText(native, row)
		if !ok {
			field.AppendNull()
			return false
		}
		field.AppendBytes(text)
		var again store.Cells
		again.Reset()
		appendUUIDNumeric(text, &again)
		return again.Equal(0, native, row)
	}),
	Put: func(field *format.Column, row int, native *store.Cells) { appendUUIDNumeric(field.Bytes(row), native) },
	Exact: func(field *format.Column, row int) bool {
		var native store.Cells
		native.Reset()
		appendUUIDNumeric(field.Bytes(row), &native)
		text, ok := uuidNumericText(&native, 0)
		return ok && bytes.Equal(text, field.Bytes(row))
	},
	Damaged: func(native *store.Cells, row int) bool {
		return native.Kinds[row] == store.Integer || native.Kinds[row] == store.Real
	},
}

// uuidNumericText is what a cell shows as.
func uuidNumericText(native *store.Cells, row int) ([]byte, bool) {
	switch native.Kinds[row] {
	case store.Integer:
		return strconv.AppendInt(nil, native.Int(row), 10), true
	case store.Real:
		return appendReal(nil, native.Float(row)), true
	case store.Text:
		v := native.Bytes(row)
		if len(v) >= 32 && len(v) <= 36 {
			if id := unhex(bytes.ToLower(bytes.ReplaceAll(v, []byte("-"), nil))); len(id) == 16 {
				return hyphened(id), true
			}
		}
		return v, utf8.Valid(v)
	}
	return nil, false
}

// appendUUIDNumeric appends the cell that shows as the text.
func appendUUIDNumeric(text []byte, native *store.Cells) {
	if id := parseUUID(text); id != nil {
		if digits := bytes.ReplaceAll(text, []byte("-"), nil); !readsAsNumber(string(digits)) {
			native.AppendText(digits)
			return
		}
		native.AppendNull()
		return
	}
	s := string(text)
	if v, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(v, 10) == s {
		native.AppendInt(v)
		return
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && !becomesInteger(v) && string(appendReal(nil, v)) == s && v == v {
		native.AppendFloat(v)
		return
	}
	if readsAsNumber(s) {
		native.AppendNull()
		return
	}
	native.AppendText(text)
}

// appendReal appends the fewest digits that read back to the same float.
func appendReal(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'g', -1, 64) }

// becomesInteger tells that SQLite keeps a float of a column of NUMERIC affinity as an
// integer.
func becomesInteger(v float64) bool { return v == math.Trunc(v) && v >= -1<<63 && v < 1<<63 }

// readsAsNumber tells whether SQLite would make a number of a text in a column of NUMERIC
// affinity; also of a few words of Go's for numbers that SQLite does not know.
func readsAsNumber(s string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}
