package lens

import (
	"bytes"
	"math"
	"unicode/utf8"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// commaList is TEXT that joins strings with commas, nothing being quoted; a text without
// characters is an empty list.
var commaList = &Lens{Name: "comma-list", Type: format.List,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		raw := native.Bytes(row)
		if native.Kinds[row] != store.Text || !utf8.Valid(raw) {
			field.AppendNull()
			return false
		}
		for len(raw) > 0 {
			item, rest, more := bytes.Cut(raw, []byte(","))
			field.AppendItem(item)
			if raw = rest; more && len(rest) == 0 {
				field.AppendItem(nil)
			}
		}
		field.EndList()
		return true
	}),
	Put: func(field *format.Column, row int, native *store.Cells) {
		var text []byte
		for i := range field.ListLen(row) {
			if i > 0 {
				text = append(text, ',')
			}
			text = append(text, field.Item(row, i)...)
		}
		native.AppendText(text)
	},
	Exact: func(field *format.Column, row int) bool {
		n := field.ListLen(row)
		for i := range n {
			if item := field.Item(row, i); bytes.IndexByte(item, ',') >= 0 || n == 1 && len(item) == 0 {
				return false
			}
		}
		return true
	},
}

// unixFloat is REAL seconds since 1970-01-01T00:00:00Z, as Python's time.time gives them:
// about 240 ns apart in these decades.
var unixFloat = &Lens{Name: "unix-float", Type: format.Time,
	Get: each(func(native *store.Cells, row int, field *format.Column) bool {
		var seconds float64
		switch native.Kinds[row] {
		case store.Real:
			seconds = native.Float(row)
		case store.Integer:
			seconds = float64(native.Int(row))
		default:
			field.AppendNull()
			return false
		}
		if !(math.Abs(seconds) < math.MaxInt64/1e9) {
			field.AppendNull()
			return false
		}
		whole := math.Floor(seconds)
		ns := int64(whole)*1e9 + int64(math.Round((seconds-whole)*1e9))
		field.AppendInt(ns)
		return native.Kinds[row] == store.Real && math.Float64bits(floatSeconds(ns)) == math.Float64bits(seconds)
	}),
	Put: func(field *format.Column, row int, native *store.Cells) {
		native.AppendFloat(floatSeconds(field.Int(row)))
	},
	Exact: func(field *format.Column, row int) bool {
		ns := field.Int(row)
		seconds := floatSeconds(ns)
		whole := math.Floor(seconds)
		return int64(whole)*1e9+int64(math.Round((seconds-whole)*1e9)) == ns
	},
}

func floatSeconds(ns int64) float64 {
	return float64(ns/1e9) + float64(ns%1e9)/1e9
}
