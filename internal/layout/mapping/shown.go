package mapping

import (
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A derivation is a shown field: made of the record's other fields.
type derivation struct {
	field int
	make  func(field func(name string) format.Value) format.Value
}

// fieldsOf gives the fields of a record; the zero value for what is null, or not there.
func fieldsOf(b *format.Batch, row int) func(name string) format.Value {
	return func(name string) format.Value {
		if f := b.Column(name); f != nil && row < f.Len() {
			return f.Value(row)
		}
		return format.Value{}
	}
}

// show makes the shown fields of a batch whose columns have been read, and leaves of these
// what is not shown.
func (p *part) show(b *format.Batch) {
	for _, s := range p.shown {
		for row := range b.Rows {
			if v := s.make(fieldsOf(b, row)); v.Type == format.Null {
				b.Columns[s.field].AppendNull()
			} else {
				b.Columns[s.field].AppendTyped(v)
			}
		}
	}
	for i := range p.columns {
		c := &p.columns[i]
		if c.leave == nil {
			continue
		}
		var left format.Column
		left.Reset(c.lens.Type)
		for row := range b.Rows {
			if field := &b.Columns[c.field]; field.Null(row) {
				left.AppendNull()
			} else {
				left.AppendTyped(c.leave(field.Value(row)))
			}
		}
		b.Columns[c.field] = left
	}
}

// agree puts what the records' shown fields say into native values.
func (p *part) agree(b *format.Batch, rows *store.Rows) {
	for i := range p.columns {
		c := &p.columns[i]
		if c.agree == nil {
			continue
		}
		var cells store.Cells
		cells.Reset()
		for row := range b.Rows {
			cells.AppendValue(c.agree(rows.Columns[i].Value(row), fieldsOf(b, row)))
		}
		rows.Columns[i] = cells
	}
}
