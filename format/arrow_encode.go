package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// planes is how many byte planes a vector is split into. FORMAT.md section 6.1.
const planes = 4

// arrowType is the Arrow type of a field, but for Vector.
func arrowType(t Type) arrow.DataType {
	switch t {
	case Bool:
		return arrow.FixedWidthTypes.Boolean
	case Int:
		return arrow.PrimitiveTypes.Int64
	case Float:
		return arrow.PrimitiveTypes.Float64
	case Time:
		return arrow.FixedWidthTypes.Timestamp_ns
	case Text, JSON:
		return arrow.BinaryTypes.String
	case List:
		return arrow.ListOf(arrow.BinaryTypes.String)
	default:
		return arrow.BinaryTypes.Binary
	}
}

func arrowSchema(s *Section) *arrow.Schema {
	var fields []arrow.Field
	for _, f := range s.Fields {
		if f.Type != Vector {
			fields = append(fields, arrow.Field{Name: f.Name, Type: arrowType(f.Type), Nullable: true})
			continue
		}
		for k := range planes {
			fields = append(fields, arrow.Field{Name: fmt.Sprintf("%s.%d", f.Name, k), Type: arrow.BinaryTypes.Binary, Nullable: true})
		}
	}
	return arrow.NewSchema(fields, nil)
}

// arrowEncoder writes batches of one section as Arrow IPC streams.
type arrowEncoder struct {
	schema *arrow.Schema
	planes []byte // of all vectors of the batch at hand
}

// encode appends the stream to out.
func (e *arrowEncoder) encode(out *bytes.Buffer, b *Batch) error {
	size := 0
	for i := range b.Columns {
		if c := &b.Columns[i]; c.Type == Vector {
			size += len(c.Data)
		}
	}
	if cap(e.planes) < size {
		e.planes = make([]byte, size)
	}
	room := e.planes[:size] // each column has its own part until the batch is written
	var columns []arrow.Array
	for i := range b.Columns {
		c := &b.Columns[i]
		if c.Type != Vector {
			columns = append(columns, e.array(c))
			continue
		}
		columns = append(columns, vectorArrays(c, room[:len(c.Data)])...)
		room = room[len(c.Data):]
	}
	record := array.NewRecordBatch(e.schema, columns, int64(b.Rows))
	w := ipc.NewWriter(out, ipc.WithSchema(e.schema))
	if err := w.Write(record); err != nil {
		return fmt.Errorf("encode arrow batch of section %q: %w", b.Section.Name, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("encode arrow batch of section %q: %w", b.Section.Name, err)
	}
	return nil
}

func (c *Column) validity() (*memory.Buffer, int) {
	nulls := c.Nulls()
	if nulls == 0 {
		return nil, 0
	}
	return memory.NewBufferBytes(c.Valid), nulls
}

func raw[T int32 | uint64](v []T) *memory.Buffer {
	if len(v) == 0 {
		return memory.NewBufferBytes(nil)
	}
	var one T
	return memory.NewBufferBytes(unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(one))))
}

// array wraps a column's memory as an Arrow array, without a copy where the
// shapes are the same.
func (e *arrowEncoder) array(c *Column) arrow.Array {
	valid, nulls := c.validity()
	var buffers []*memory.Buffer
	var children []arrow.ArrayData
	switch c.Type {
	case Bool:
		bits := make([]byte, (c.rows+7)/8)
		for row, v := range c.Cells {
			bits[row>>3] |= byte(v) << (row & 7)
		}
		buffers = []*memory.Buffer{valid, memory.NewBufferBytes(bits)}
	case Int, Float, Time:
		buffers = []*memory.Buffer{valid, raw(c.Cells)}
	case List:
		items := len(c.Items) - 1
		children = append(children, array.NewData(arrow.BinaryTypes.String, items,
			[]*memory.Buffer{nil, raw(c.Items), memory.NewBufferBytes(c.Data)}, nil, 0, 0))
		buffers = []*memory.Buffer{valid, raw(c.Offsets)}
	default:
		buffers = []*memory.Buffer{valid, raw(c.Offsets), memory.NewBufferBytes(c.Data)}
	}
	return array.MakeFromData(array.NewData(arrowType(c.Type), c.rows, buffers, children, nulls, 0))
}

// vectorArrays splits a column of vectors into byte planes, in a room of its size.
func vectorArrays(c *Column, all []byte) []arrow.Array {
	valid, nulls := c.validity()
	n := len(c.Data) / planes
	split(all, c.Data)
	offsets := make([]int32, len(c.Offsets))
	for i, o := range c.Offsets {
		offsets[i] = o / planes
	}
	var out []arrow.Array
	for k := range planes {
		buffers := []*memory.Buffer{valid, raw(offsets), memory.NewBufferBytes(all[k*n : (k+1)*n])}
		out = append(out, array.MakeFromData(array.NewData(arrow.BinaryTypes.Binary, c.rows, buffers, nil, nulls, 0)))
	}
	return out
}

// split writes byte k of every 4-byte element of data into the k-th quarter of
// dst. It moves eight elements at a time through four 64-bit words.
func split(dst, data []byte) {
	n := len(data) / planes
	p0, p1, p2, p3 := dst[:n], dst[n:2*n], dst[2*n:3*n], dst[3*n:4*n]
	i := 0
	for ; i+8 <= n; i += 8 {
		src := data[i*4 : i*4+32]
		a, b := binary.LittleEndian.Uint64(src), binary.LittleEndian.Uint64(src[8:])
		c, d := binary.LittleEndian.Uint64(src[16:]), binary.LittleEndian.Uint64(src[24:])
		binary.LittleEndian.PutUint64(p0[i:], gather(a)|gather(b)<<16|gather(c)<<32|gather(d)<<48)
		binary.LittleEndian.PutUint64(p1[i:], gather(a>>8)|gather(b>>8)<<16|gather(c>>8)<<32|gather(d>>8)<<48)
		binary.LittleEndian.PutUint64(p2[i:], gather(a>>16)|gather(b>>16)<<16|gather(c>>16)<<32|gather(d>>16)<<48)
		binary.LittleEndian.PutUint64(p3[i:], gather(a>>24)|gather(b>>24)<<16|gather(c>>24)<<32|gather(d>>24)<<48)
	}
	for ; i < n; i++ {
		p0[i], p1[i], p2[i], p3[i] = data[4*i], data[4*i+1], data[4*i+2], data[4*i+3]
	}
}

// gather returns bytes 0 and 4 of a word side by side.
func gather(w uint64) uint64 { return w&0xFF | w>>24&0xFF00 }

// merge is the reverse of split.
func merge(dst []byte, p0, p1, p2, p3 []byte) {
	n := len(p0)
	p1, p2, p3 = p1[:n], p2[:n], p3[:n]
	for i := range n {
		binary.LittleEndian.PutUint32(dst[4*i:], uint32(p0[i])|uint32(p1[i])<<8|uint32(p2[i])<<16|uint32(p3[i])<<24)
	}
}
