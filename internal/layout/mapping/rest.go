package mapping

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// The typed columns of an engine cannot hold every value of a field: a timestamp has
// microseconds, a text no U+0000. Where memarc's own layout meets such a value, its
// column holds the nearest one, and the column of rests the value itself. While the
// native value is what would be written for the rest, the rest is the value; once
// somebody has changed the native value, the rest is void.

// appendRests appends, row by row, the values that the columns do not hold exactly.
func (p *part) appendRests(b *format.Batch, cells *store.Cells) {
	var inexact []*bound
	for i := range p.columns {
		c := &p.columns[i]
		if !c.lens.AllExact(&b.Columns[c.field]) {
			inexact = append(inexact, c)
		}
	}
	slices.SortFunc(inexact, func(a, b *bound) int { return cmp.Compare(a.column, b.column) })
	var entries []format.Entry
	var buf []byte
	for row := range b.Rows {
		entries = entries[:0]
		for _, c := range inexact {
			field := &b.Columns[c.field]
			if !field.Null(row) && !c.lens.Exact(field, row) {
				entries = append(entries, format.Entry{Name: c.column, Value: field.Value(row)})
			}
		}
		if len(entries) == 0 {
			cells.AppendNull()
			continue
		}
		buf = format.AppendMap(buf[:0], entries)
		cells.AppendBlob(buf)
	}
}

// putRest puts the values of rests into a batch that native rows gave.
func (p *part) putRest(b *format.Batch, rests *store.Cells) (*format.Batch, error) {
	changed := make([]map[int]format.Value, len(b.Columns))
	var native, expected store.Cells
	var one format.Column
	for row := range b.Rows {
		if rests.Kinds[row] == store.Null {
			continue
		}
		entries, err := format.ParseMap(rests.Bytes(row))
		if err != nil {
			return nil, fmt.Errorf("read column %q of table %q, record %q: %w", p.rest, p.table, b.ID(row), err)
		}
		for _, e := range entries {
			i := slices.IndexFunc(p.columns, func(c bound) bool { return c.column == e.Name })
			if i < 0 || b.Section.Fields[p.columns[i].field].Type != e.Value.Type {
				continue
			}
			c := &p.columns[i]
			field := &b.Columns[c.field]
			native.Reset()
			expected.Reset()
			one.Reset(field.Type)
			one.AppendTyped(e.Value)
			c.lens.Put(&one, 0, &expected)
			if field.Null(row) {
				native.AppendNull()
			} else {
				c.lens.Put(field, row, &native)
			}
			switch {
			case !native.Equal(0, &expected, 0): // somebody has changed it
			case len(field.Cells) > row && !field.Null(row):
				field.Cells[row] = e.Value.Cell
			default:
				if changed[c.field] == nil {
					changed[c.field] = map[int]format.Value{}
				}
				changed[c.field][row] = e.Value
			}
		}
	}
	for i, values := range changed {
		if values == nil {
			continue
		}
		var column format.Column
		column.Reset(b.Columns[i].Type)
		for row := range b.Rows {
			if v, ok := values[row]; ok {
				column.AppendTyped(v)
			} else {
				column.AppendRow(&b.Columns[i], row)
			}
		}
		b.Columns[i] = column
	}
	return b, nil
}
