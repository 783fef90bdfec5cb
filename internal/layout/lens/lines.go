package lens

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// jsonLines is TEXT that holds a JSON array of strings in the compact form, shown as one
// text with a line for each. What splitting the text would not give back is left over: a
// string that has lines of its own, an array of one empty string, another spelling.
var jsonLines = &Lens{Name: "json-lines", Type: format.Text,
	Get: func(native *store.Cells, field *format.Column, left func(int)) {
		var joined, again []byte
		each(func(native *store.Cells, row int, field *format.Column) bool {
			var ok bool
			if joined, ok = appendJoined(joined[:0], native.Bytes(row)); !ok || native.Kinds[row] != store.Text {
				field.AppendNull()
				return false
			}
			field.AppendBytes(joined)
			again = AppendLines(again[:0], joined)
			return bytes.Equal(again, native.Bytes(row))
		})(native, field, left)
	},
	Put: func(field *format.Column, row int, native *store.Cells) {
		native.AppendText(AppendLines(nil, field.Bytes(row)))
	},
}

// AppendLines appends a JSON array of the lines of a text; of an empty one, an empty array.
func AppendLines(dst, text []byte) []byte {
	dst = append(dst, '[')
	for i, line := range bytes.Split(text, []byte("\n")) {
		if len(text) == 0 {
			break
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, _ = jsontext.AppendQuote(dst, line) // fails only for what is not UTF-8, which it replaces
	}
	return append(dst, ']')
}

// appendJoined appends the strings of a JSON array, a line each, and tells whether raw is one.
func appendJoined(dst, raw []byte) ([]byte, bool) {
	var list format.Column
	list.Reset(format.List)
	if !appendItems(&list, raw) {
		return dst, false
	}
	list.EndList()
	for i := range list.ListLen(0) {
		if i > 0 {
			dst = append(dst, '\n')
		}
		dst = append(dst, list.Item(0, i)...)
	}
	return dst, true
}
