package format

import "sync"

// A Batch is a run of records of one section, by column: Columns[i] holds the
// values of Section.Fields[i], each of Rows rows.
type Batch struct {
	Section *Section
	Rows    int
	Columns []Column

	backing *[]byte // a decompressed chunk that Data of the columns aliases
}

var batches = sync.Pool{New: func() any { return new(Batch) }}

// NewBatch returns an empty batch of the section, from a pool of released ones.
func NewBatch(s *Section) *Batch {
	b := batches.Get().(*Batch)
	b.Section, b.Rows = s, 0
	for len(b.Columns) < len(s.Fields) {
		b.Columns = append(b.Columns, Column{})
	}
	b.Columns = b.Columns[:len(s.Fields)]
	for i := range b.Columns {
		b.Columns[i].Reset(s.Fields[i].Type)
	}
	return b
}

// Release gives the batch's memory back. The batch and everything taken from
// it must not be used any more.
func (b *Batch) Release() {
	if b.backing != nil {
		for i := range b.Columns {
			if c := &b.Columns[i]; c.Type != Vector {
				c.Data = nil
			}
		}
		chunks.Put(b.backing)
		b.backing = nil
	}
	batches.Put(b)
}

// chunks are decompressed chunks to be used again.
var chunks sync.Pool

// chunkBuffer returns an empty slice with room for n bytes.
func chunkBuffer(n int) []byte {
	if p, ok := chunks.Get().(*[]byte); ok && cap(*p) >= n {
		return (*p)[:0]
	}
	return make([]byte, 0, n)
}

// Column returns the named field's column, or nil.
func (b *Batch) Column(name string) *Column {
	if i := b.Section.Field(name); i >= 0 {
		return &b.Columns[i]
	}
	return nil
}

// Size returns the bytes that the batch's columns hold.
func (b *Batch) Size() int {
	n := 0
	for i := range b.Columns {
		n += b.Columns[i].size()
	}
	return n
}

// AppendRow appends a record of another batch of the same section.
func (b *Batch) AppendRow(from *Batch, row int) {
	for i := range b.Columns {
		b.Columns[i].AppendRow(&from.Columns[i], row)
	}
	b.Rows++
}

// ID shows a record's key to a person: the texts of its fields, blank between
// them, other types as JSON, "-" for null.
func (b *Batch) ID(row int) string {
	var out []byte
	for i, at := range b.Section.plan().key {
		c := &b.Columns[at]
		if i > 0 {
			out = append(out, ' ')
		}
		switch {
		case c.Null(row):
			out = append(out, '-')
		case c.Type == Text:
			out = append(out, c.Bytes(row)...)
		default:
			if text, err := c.AppendJSON(nil, row); err == nil {
				out = append(out, text...)
			}
		}
	}
	return string(out)
}
