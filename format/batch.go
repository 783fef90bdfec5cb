package format

import "sync"

// A Batch is a run of records of one section, by column: Columns[i] holds the
// values of Section.Fields[i], each of Rows rows.
type Batch struct {
	Section *Section
	Rows    int
	Columns []Column

	backing []byte // a decompressed chunk that Data of the columns aliases
}

// released holds batches for use again, the latest last. A plain list, because a
// sync.Pool forgets with every collection what is worth most: columns that have
// grown to the size of a chunk.
var released struct {
	sync.Mutex
	batches []*Batch
}

// keptBatches is how many released batches are kept.
const keptBatches = 8

// NewBatch returns an empty batch of the section, if possible a released one.
func NewBatch(s *Section) *Batch {
	b := reuse(s)
	if b == nil {
		b = new(Batch)
	}
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
		buffers.put(b.backing)
		b.backing = nil
	}
	if b.Size() > maxKept {
		return
	}
	released.Lock()
	defer released.Unlock()
	if len(released.batches) == keptBatches {
		copy(released.batches, released.batches[1:])
		released.batches = released.batches[:keptBatches-1]
	}
	released.batches = append(released.batches, b)
}

// reuse returns a released batch of the section. Where there are only others, the
// oldest of them is given up: its columns have other sizes.
func reuse(s *Section) *Batch {
	released.Lock()
	defer released.Unlock()
	for i := len(released.batches) - 1; i >= 0; i-- {
		if b := released.batches[i]; b.Section == s || sameTypes(b.Section, s) {
			released.batches = append(released.batches[:i], released.batches[i+1:]...)
			return b
		}
	}
	if n := len(released.batches); n > 0 {
		copy(released.batches, released.batches[1:])
		released.batches[n-1] = nil
		released.batches = released.batches[:n-1]
	}
	return nil
}

// sameTypes tells whether two sections have fields of the same types in order, so that
// their columns have about the same sizes.
func sameTypes(a, b *Section) bool {
	if a.Name != b.Name || len(a.Fields) != len(b.Fields) {
		return false
	}
	for i := range a.Fields {
		if a.Fields[i].Type != b.Fields[i].Type {
			return false
		}
	}
	return true
}

// maxKept is the size in bytes above which batches and buffers are left to the
// collector.
const maxKept = 16 << 20

// freeList keeps byte slices for use again.
type freeList chan []byte

// leafList keeps slices of leaves for use again.
type leafList chan []Leaf

var leafBuffers = make(leafList, 6)

func (f leafList) get() []Leaf {
	select {
	case l := <-f:
		return l[:0]
	default:
		return nil
	}
}

func (f leafList) put(l []Leaf) {
	select {
	case f <- l:
	default:
	}
}

// buffers holds compressed and decompressed chunks.
var buffers = make(freeList, 5)

// get returns an empty slice with room for n bytes.
func (f freeList) get(n int) []byte {
	select {
	case b := <-f:
		if cap(b) >= n {
			return b[:0]
		}
	default:
	}
	return make([]byte, 0, n+n/8)
}

func (f freeList) put(b []byte) {
	if cap(b) == 0 || cap(b) > maxKept {
		return
	}
	select {
	case f <- b:
	default:
	}
}

// Column returns the named field's column, or nil.
func (b *Batch) Column(name string) *Column {
	if i := b.Section.Field(name); i >= 0 {
		return &b.Columns[i]
	}
	return nil
}

// Typed returns the column of the named field; nil if the batch has none, or one of
// another type: a section may name its fields as the standard does and mean something else.
func (b *Batch) Typed(name string, t Type) *Column {
	if c := b.Column(name); c != nil && c.Type == t {
		return c
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

// EndRow ends a record of which each value has been appended to its column: the other
// columns get a null.
func (b *Batch) EndRow() {
	b.Rows++
	for i := range b.Columns {
		if c := &b.Columns[i]; c.rows < b.Rows {
			c.AppendNull()
		}
	}
}

// AppendRow appends a record of another batch of the same section.
func (b *Batch) AppendRow(from *Batch, row int) {
	for i := range b.Columns {
		b.Columns[i].AppendRow(&from.Columns[i], row)
	}
	b.Rows++
}

// Clone copies the batch, whose columns may alias what its Release gives back.
func (b *Batch) Clone() *Batch {
	out := NewBatch(b.Section)
	for i := range b.Columns {
		from, to := &b.Columns[i], &out.Columns[i]
		to.Type, to.rows = from.Type, from.rows
		to.Cells, to.Offsets = append(to.Cells[:0], from.Cells...), append(to.Offsets[:0], from.Offsets...)
		to.Items, to.Data = append(to.Items[:0], from.Items...), append(to.Data[:0], from.Data...)
		to.Valid = nil
		if from.Valid != nil {
			to.Valid = append([]byte(nil), from.Valid...)
		}
	}
	out.Rows = b.Rows
	return out
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
