package lens

import (
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Lenses for engines whose columns hold values of any type (store.Typed): a BLOB is a
// value in canonical encoding.

// typed reads a BLOB that is one value.
func typed(native *store.Cells, row int) (format.Value, bool) {
	if native.Kinds[row] != store.Blob {
		return format.Value{}, false
	}
	v, rest, err := format.ParseValue(native.Bytes(row))
	return v, err == nil && len(rest) == 0
}

// valueList is a list of texts. With emptyText an empty one is the text "[]".
func valueList(name string, emptyText bool) *Lens {
	return &Lens{Name: name, Type: format.List,
		Get: each(func(native *store.Cells, row int, field *format.Column) bool {
			if native.Kinds[row] == store.Text && string(native.Bytes(row)) == "[]" {
				field.EndList()
				return emptyText
			}
			v, ok := typed(native, row)
			if !ok || v.Type != format.List {
				field.AppendNull()
				return false
			}
			for _, item := range v.List {
				field.AppendItem(item)
			}
			field.EndList()
			return len(v.List) > 0 || !emptyText
		}),
		Put: func(field *format.Column, row int, native *store.Cells) {
			n := field.ListLen(row)
			if n == 0 && emptyText {
				native.AppendString("[]")
				return
			}
			v := format.Value{Type: format.List, List: make([][]byte, n)}
			for i := range v.List {
				v.List[i] = field.Item(row, i)
			}
			native.AppendBlob(v.Append(nil))
		},
	}
}

// isoformat is what Python's isoformat makes of an aware time.
var isoformat = timeText(&timeForms[slices.IndexFunc(timeForms, func(f timeForm) bool { return f.name == "time-python" })])

// valueTime is a moment. One that is a text, as Python's isoformat writes it, is read and
// left over.
var valueTime = &Lens{Name: "value-time", Type: format.Time,
	Get: func(native *store.Cells, field *format.Column, left func(int)) {
		for row, kind := range native.Kinds {
			if v, ok := typed(native, row); ok && v.Type == format.Time {
				field.AppendCell(v.Cell)
				continue
			}
			if kind == store.Null {
				field.AppendNull()
				continue
			}
			left(row)
			one := store.NewRows(1).Columns
			one[0].AppendRow(native, row)
			isoformat.Get(&one[0], field, func(int) {})
		}
	},
	Put: func(field *format.Column, row int, native *store.Cells) {
		native.AppendBlob(format.Value{Type: format.Time, Cell: field.Cells[row]}.Append(nil))
	},
}
