package mapping

import (
	"encoding/binary"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// apart tells whether values of a column must not come twice.
func (p *part) apart() bool {
	return slices.ContainsFunc(p.columns, func(c bound) bool { return c.apart != nil })
}

// tellApart marks, in the native rows of records of another product, the values that
// earlier rows of this import have already. What a target held before is not looked at:
// there the row is refused.
func (w *writer) tellApart(b *format.Batch) {
	for i := range w.part.columns {
		c := &w.part.columns[i]
		if c.apart == nil {
			continue
		}
		if w.met == nil {
			w.met = map[uint64]struct{}{}
		}
		with := []int{i}
		for at := range w.part.columns {
			if slices.Contains(c.apart.With, w.part.columns[at].column) {
				with = append(with, at)
			}
		}
		old := &w.rows.Columns[i]
		var marked store.Cells
		marked.Reset()
		var buf []byte
		short := func(row int, v format.Value) uint64 {
			buf = v.Append(buf[:0])
			for _, at := range with[1:] {
				buf = w.rows.Columns[at].Value(row).Append(buf)
			}
			place := format.Place(buf)
			return binary.LittleEndian.Uint64(place[:])
		}
		changed := false
		for row := range b.Rows {
			v := old.Value(row)
			if _, met := w.met[short(row, v)]; met && v.Type == format.Text {
				v = format.TextValue(c.apart.Mark(string(v.Bytes), b.ID(row)))
				changed = true
			}
			if v.Type == format.Text {
				w.met[short(row, v)] = struct{}{}
			}
			marked.AppendValue(v)
		}
		if changed {
			w.rows.Columns[i] = marked
		}
	}
}
