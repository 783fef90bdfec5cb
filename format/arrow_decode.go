package format

import (
	"encoding/binary"
	"fmt"
)

// What a record batch of FORMAT.md section 6.1 looks like in the tables of
// Arrow's format/Schema.fbs and format/Message.fbs.
const (
	messageSchema      = 1
	messageRecordBatch = 3
	metadataV5         = 4

	arrowInt       = 2
	arrowFloat     = 3
	arrowBinary    = 4
	arrowUtf8      = 5
	arrowBool      = 6
	arrowTimestamp = 10
	arrowList      = 12

	precisionDouble = 2
	unitNanosecond  = 3
)

// arrowDecode fills an empty batch from one Arrow IPC stream. Text, bytes and
// values alias stream. Every length and offset is checked before it is used.
func arrowDecode(b *Batch, stream []byte, records int) error {
	meta, body, rest, err := nextMessage(stream)
	if err != nil {
		return fmt.Errorf("schema message: %w", err)
	}
	if len(body) != 0 {
		return fmt.Errorf("schema message has a body")
	}
	if err := checkSchema(meta, b.Section); err != nil {
		return fmt.Errorf("schema message: %w", err)
	}
	if meta, body, rest, err = nextMessage(rest); err != nil {
		return fmt.Errorf("record batch message: %w", err)
	}
	if len(rest) != 8 || binary.LittleEndian.Uint32(rest) != 0xFFFFFFFF || binary.LittleEndian.Uint32(rest[4:]) != 0 {
		return fmt.Errorf("no end of stream after the record batch")
	}
	d, err := newBatchDecoder(meta, body, records)
	if err != nil {
		return fmt.Errorf("record batch message: %w", err)
	}
	for i := range b.Columns {
		if err := d.column(&b.Columns[i]); err != nil {
			return fmt.Errorf("field %q: %w", b.Section.Fields[i].Name, err)
		}
	}
	if d.node != d.nodes || d.buffer != d.buffers {
		return fmt.Errorf("record batch has more arrays than the schema")
	}
	b.Rows = records
	return nil
}

// nextMessage splits an encapsulated message off a stream.
func nextMessage(stream []byte) (meta *flat, body, rest []byte, err error) {
	if len(stream) < 8 || binary.LittleEndian.Uint32(stream) != 0xFFFFFFFF {
		return nil, nil, nil, fmt.Errorf("no continuation marker")
	}
	size := int64(int32(binary.LittleEndian.Uint32(stream[4:])))
	if size < 8 || size%8 != 0 || size > int64(len(stream)-8) {
		return nil, nil, nil, fmt.Errorf("metadata length %d does not fit", size)
	}
	meta = &flat{buf: stream[8 : 8+size]}
	message := meta.follow(0)
	length := int64(0)
	if pos := meta.field(message, 3); pos != 0 {
		length = meta.i64(pos)
	}
	rest = stream[8+size:]
	if meta.bad || length < 0 || length%8 != 0 || length > int64(len(rest)) {
		return nil, nil, nil, fmt.Errorf("body length %d does not fit", length)
	}
	return meta, rest[:length], rest[length:], nil
}

// header returns the position of the message's header table, which must be of
// the given kind.
func messageHeader(f *flat, kind byte) (int, error) {
	message := f.follow(0)
	version, header, custom := f.field(message, 0), f.field(message, 1), f.table(message, 4)
	if version == 0 || f.u16(version) != metadataV5 || header == 0 || f.u8(header) != kind {
		return 0, fmt.Errorf("not a message of kind %d in metadata version V5", kind)
	}
	if custom != 0 {
		if _, n := f.vector(message, 4, 4); n != 0 {
			return 0, fmt.Errorf("custom metadata")
		}
	}
	pos := f.table(message, 2)
	if f.bad || pos == 0 {
		return 0, fmt.Errorf("message without header")
	}
	return pos, nil
}

// arrowField is what the schema message must say of one column.
type arrowField struct {
	name string
	typ  Type
}

// checkSchema compares the schema message with what the manifest implies.
func checkSchema(f *flat, s *Section) error {
	schema, err := messageHeader(f, messageSchema)
	if err != nil {
		return err
	}
	var want []arrowField
	for _, field := range s.Fields {
		if field.Type != Vector {
			want = append(want, arrowField{field.Name, field.Type})
			continue
		}
		for k := range planes {
			want = append(want, arrowField{fmt.Sprintf("%s.%d", field.Name, k), Bytes})
		}
	}
	if pos := f.field(schema, 0); pos != 0 && f.u16(pos) != 0 {
		return fmt.Errorf("not little-endian")
	}
	if _, n := f.vector(schema, 2, 4); n != 0 {
		return fmt.Errorf("custom metadata")
	}
	if _, n := f.vector(schema, 3, 8); n != 0 {
		return fmt.Errorf("features")
	}
	pos, n := f.vector(schema, 1, 4)
	if f.bad || n != len(want) {
		return fmt.Errorf("%d columns, the manifest implies %d", n, len(want))
	}
	for i, w := range want {
		if err := checkField(f, f.follow(pos+4*i), w); err != nil {
			return err
		}
		if f.bad {
			return fmt.Errorf("column %d is malformed", i)
		}
	}
	return nil
}

func checkField(f *flat, field int, want arrowField) error {
	if name := f.text(field, 0); name != want.name {
		return fmt.Errorf("column %q stands where the manifest has %q", name, want.name)
	}
	bad := fmt.Errorf("column %q has not the type that the manifest implies", want.name)
	if pos := f.field(field, 1); pos == 0 || f.u8(pos) != 1 {
		return fmt.Errorf("column %q is not nullable", want.name)
	}
	if f.table(field, 4) != 0 {
		return fmt.Errorf("column %q has a dictionary", want.name)
	}
	if _, n := f.vector(field, 6, 4); n != 0 {
		return fmt.Errorf("column %q has custom metadata", want.name)
	}
	kind := byte(0)
	if pos := f.field(field, 2); pos != 0 {
		kind = f.u8(pos)
	}
	typ := f.table(field, 3)
	if f.bad || typ == 0 {
		return bad
	}
	children, n := f.vector(field, 5, 4)
	if want.typ != List && n != 0 {
		return bad
	}
	small := func(i int) int {
		if pos := f.field(typ, i); pos != 0 {
			return f.u16(pos)
		}
		return 0
	}
	switch want.typ {
	case Bool:
		if kind != arrowBool {
			return bad
		}
	case Int:
		width, signed := f.field(typ, 0), f.field(typ, 1)
		if kind != arrowInt || width == 0 || f.i32(width) != 64 || signed == 0 || f.u8(signed) != 1 {
			return bad
		}
	case Float:
		if kind != arrowFloat || small(0) != precisionDouble {
			return bad
		}
	case Time:
		if kind != arrowTimestamp || small(0) != unitNanosecond || f.text(typ, 1) != "UTC" {
			return bad
		}
	case Text, JSON:
		if kind != arrowUtf8 {
			return bad
		}
	case List:
		if kind != arrowList || n != 1 {
			return bad
		}
		child := f.follow(children)
		if pos := f.field(child, 2); pos == 0 || f.u8(pos) != arrowUtf8 || f.table(child, 3) == 0 || f.table(child, 4) != 0 {
			return bad
		}
		for _, i := range []int{5, 6} { // children, custom metadata
			if _, n := f.vector(child, i, 4); n != 0 {
				return bad
			}
		}
	default:
		if kind != arrowBinary {
			return bad
		}
	}
	if f.bad {
		return bad
	}
	return nil
}

// batchDecoder hands out the nodes and buffers of a record batch in order.
type batchDecoder struct {
	meta            *flat
	body            []byte
	rows            int
	nodePos, bufPos int
	node, nodes     int
	buffer, buffers int
	used            int64 // end of the last buffer that is not empty
}

func newBatchDecoder(meta *flat, body []byte, records int) (*batchDecoder, error) {
	batch, err := messageHeader(meta, messageRecordBatch)
	if err != nil {
		return nil, err
	}
	d := &batchDecoder{meta: meta, body: body, rows: records}
	length := meta.field(batch, 0)
	if length == 0 || meta.i64(length) != int64(records) {
		return nil, fmt.Errorf("the batch does not have the %d records of its block header", records)
	}
	if meta.table(batch, 3) != 0 {
		return nil, fmt.Errorf("buffers are compressed")
	}
	if _, n := meta.vector(batch, 4, 8); n != 0 {
		return nil, fmt.Errorf("variadic buffers")
	}
	d.nodePos, d.nodes = meta.vector(batch, 1, 16)
	d.bufPos, d.buffers = meta.vector(batch, 2, 16)
	if meta.bad {
		return nil, fmt.Errorf("malformed")
	}
	return d, nil
}

func (d *batchDecoder) nextNode() (length, nulls int, err error) {
	if d.node == d.nodes {
		return 0, 0, fmt.Errorf("array is missing")
	}
	pos := d.nodePos + 16*d.node
	d.node++
	n, k := d.meta.i64(pos), d.meta.i64(pos+8)
	if n < 0 || n > MaxChunk || k < 0 || k > n {
		return 0, 0, fmt.Errorf("array of %d values with %d nulls", n, k)
	}
	return int(n), int(k), nil
}

func (d *batchDecoder) nextBuffer() ([]byte, error) {
	if d.buffer == d.buffers {
		return nil, fmt.Errorf("buffer is missing")
	}
	pos := d.bufPos + 16*d.buffer
	d.buffer++
	off, n := d.meta.i64(pos), d.meta.i64(pos+8)
	if off < 0 || n < 0 || off%8 != 0 || off > int64(len(d.body)) || n > int64(len(d.body))-off {
		return nil, fmt.Errorf("buffer of %d bytes at %d is outside the body", n, off)
	}
	// Overlapping buffers would multiply what a small chunk takes in memory.
	if n > 0 {
		if off < d.used {
			return nil, fmt.Errorf("buffer of %d bytes at %d begins before byte %d", n, off, d.used)
		}
		d.used = off + n
	}
	return d.body[off : off+n : off+n], nil
}

// array reads the node and the validity of a column's next array.
func (d *batchDecoder) array(c *Column) error {
	n, nulls, err := d.nextNode()
	if err != nil {
		return err
	}
	if n != d.rows {
		return fmt.Errorf("array of %d values in a batch of %d records", n, d.rows)
	}
	valid, err := d.nextBuffer()
	if err != nil {
		return err
	}
	c.rows, c.Valid = n, nil
	if nulls == 0 {
		return nil
	}
	size := (n + 7) / 8
	if len(valid) < size {
		return fmt.Errorf("validity of %d bytes for %d values", len(valid), n)
	}
	c.Valid = append([]byte(nil), valid[:size]...)
	if n&7 != 0 {
		c.Valid[size-1] &= 1<<(n&7) - 1
	}
	if c.Nulls() != nulls {
		return fmt.Errorf("validity does not have %d nulls", nulls)
	}
	return nil
}

// offsets reads n+1 offsets that start at 0, ascend, and end at most at max.
func offsets(dst []int32, buf []byte, n, max int) ([]int32, error) {
	if len(buf) < 4*(n+1) {
		if n == 0 && len(buf) == 0 {
			return append(dst[:0], 0), nil
		}
		return nil, fmt.Errorf("offsets of %d bytes for %d values", len(buf), n)
	}
	dst = dst[:0]
	last := int32(0)
	for i := range n + 1 {
		o := int32(binary.LittleEndian.Uint32(buf[4*i:]))
		if o < last || i == 0 && o != 0 {
			return nil, fmt.Errorf("offset %d is %d after %d", i, o, last)
		}
		dst = append(dst, o)
		last = o
	}
	if int(last) > max {
		return nil, fmt.Errorf("offsets end at %d of %d", last, max)
	}
	return dst, nil
}

// empty verifies that null rows hold no bytes, so that a value has one form.
func (c *Column) emptyNulls() error {
	if c.Valid == nil {
		return nil
	}
	for row := 0; row < c.rows; row++ {
		if !c.Null(row) {
			continue
		}
		if c.Type.fixed() {
			c.Cells[row] = 0
		} else if c.Offsets[row] != c.Offsets[row+1] {
			return fmt.Errorf("null row %d holds bytes", row)
		}
	}
	return nil
}

func (d *batchDecoder) column(c *Column) error {
	if c.Type == Vector {
		return d.vector(c)
	}
	if err := d.array(c); err != nil {
		return err
	}
	buf, err := d.nextBuffer()
	if err != nil {
		return err
	}
	switch c.Type {
	case Bool:
		if len(buf) < (d.rows+7)/8 {
			return fmt.Errorf("bools of %d bytes for %d values", len(buf), d.rows)
		}
		c.Cells = c.Cells[:0]
		for row := range d.rows {
			c.Cells = append(c.Cells, uint64(buf[row>>3]>>(row&7)&1))
		}
		return c.emptyNulls()
	case Int, Float, Time:
		if len(buf) < 8*d.rows {
			return fmt.Errorf("cells of %d bytes for %d values", len(buf), d.rows)
		}
		c.Cells = c.Cells[:0]
		for row := range d.rows {
			c.Cells = append(c.Cells, binary.LittleEndian.Uint64(buf[8*row:]))
		}
		return c.emptyNulls()
	case List:
		return d.list(c, buf)
	}
	data, err := d.nextBuffer()
	if err != nil {
		return err
	}
	if c.Offsets, err = offsets(c.Offsets, buf, d.rows, len(data)); err != nil {
		return err
	}
	c.Data = data[:c.Offsets[d.rows]]
	if err := c.emptyNulls(); err != nil {
		return err
	}
	return c.check()
}

func (d *batchDecoder) list(c *Column, buf []byte) (err error) {
	n, nulls, err := d.nextNode()
	if err != nil {
		return err
	}
	if nulls != 0 {
		return fmt.Errorf("list holds a null item")
	}
	if _, err = d.nextBuffer(); err != nil { // validity of the items
		return err
	}
	items, err := d.nextBuffer()
	if err != nil {
		return err
	}
	data, err := d.nextBuffer()
	if err != nil {
		return err
	}
	if c.Offsets, err = offsets(c.Offsets, buf, d.rows, n); err != nil {
		return err
	}
	if int(c.Offsets[d.rows]) != n {
		return fmt.Errorf("%d items, the lists hold %d", n, c.Offsets[d.rows])
	}
	if c.Items, err = offsets(c.Items, items, n, len(data)); err != nil {
		return err
	}
	c.Data = data[:c.Items[n]]
	if err := c.emptyNulls(); err != nil {
		return err
	}
	return c.check()
}

func (d *batchDecoder) vector(c *Column) error {
	var plane [planes][]byte
	var first Column
	for k := range planes {
		part := Column{Type: Bytes}
		if err := d.column(&part); err != nil {
			return fmt.Errorf("plane %d: %w", k, err)
		}
		if k == 0 {
			first = part
		}
		for row := range d.rows {
			if part.Offsets[row+1] != first.Offsets[row+1] || part.Null(row) != first.Null(row) {
				return fmt.Errorf("plane %d differs in row %d", k, row)
			}
		}
		plane[k] = part.Data
	}
	c.rows, c.Valid = first.rows, first.Valid
	c.Offsets = c.Offsets[:0]
	if n := first.Offsets[d.rows]; n > MaxChunk/planes*16 {
		return fmt.Errorf("vectors of %d elements", n)
	}
	for _, o := range first.Offsets {
		c.Offsets = append(c.Offsets, o*planes)
	}
	size := planes * len(plane[0])
	if cap(c.Data) < size {
		c.Data = make([]byte, size)
	}
	c.Data = c.Data[:size]
	merge(c.Data, plane[0], plane[1], plane[2], plane[3])
	return nil
}
