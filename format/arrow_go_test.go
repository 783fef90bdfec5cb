package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// TestArrowLibraryReadsChunks opens our streams with the reader of arrow-go and
// compares every value.
func TestArrowLibraryReadsChunks(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := wild()
		b := randomBatch(r, s, 1+r.IntN(40))
		var stream bytes.Buffer
		if err := (&arrowEncoder{schema: arrowSchema(s)}).encode(&stream, b); err != nil {
			t.Fatal(err)
		}
		in, err := ipc.NewReader(&stream)
		if err != nil {
			t.Fatal(err)
		}
		if !in.Next() {
			t.Fatalf("no record batch: %v", in.Err())
		}
		record := in.RecordBatch()
		if int(record.NumRows()) != b.Rows {
			t.Fatalf("%d rows, want %d", record.NumRows(), b.Rows)
		}
		at := 0
		for i, f := range s.Fields {
			for row := range b.Rows {
				got, width := libraryValue(t, record, at, row, f)
				if want := b.Columns[i].AppendValue(nil, row); !bytes.Equal(got, want) {
					t.Fatalf("seed %d, field %s, row %d: the library sees\n%x, want\n%x", seed, f.Name, row, got, want)
				}
				if row == b.Rows-1 {
					at += width
				}
			}
		}
		if at != int(record.NumCols()) {
			t.Fatalf("%d columns, want %d", record.NumCols(), at)
		}
		if in.Next() || in.Err() != nil || stream.Len() != 0 {
			t.Fatalf("more behind the record batch: %d bytes, %v", stream.Len(), in.Err())
		}
		in.Release()
	}
}

// libraryValue is a value as arrow-go gives it, encoded canonically, and the
// number of columns that it takes.
func libraryValue(t *testing.T, record arrow.RecordBatch, at, row int, f Field) ([]byte, int) {
	t.Helper()
	if f.Type == Vector {
		var planes [4][]byte
		for k := range planes {
			if name := record.ColumnName(at + k); name != fmt.Sprintf("%s.%d", f.Name, k) {
				t.Fatalf("column %q", name)
			}
			c := record.Column(at + k).(*array.Binary)
			if c.IsNull(row) {
				return []byte{0}, 4
			}
			planes[k] = c.Value(row)
		}
		v := Value{Type: Vector}
		for i := range planes[0] {
			v.Bytes = append(v.Bytes, planes[0][i], planes[1][i], planes[2][i], planes[3][i])
		}
		return v.Append(nil), 4
	}
	c := record.Column(at)
	if record.ColumnName(at) != f.Name {
		t.Fatalf("column %q, want %q", record.ColumnName(at), f.Name)
	}
	if c.IsNull(row) {
		return []byte{0}, 1
	}
	switch c := c.(type) {
	case *array.Boolean:
		v := Value{Type: Bool}
		if c.Value(row) {
			v.Cell = 1
		}
		return v.Append(nil), 1
	case *array.Int64:
		return IntValue(c.Value(row)).Append(nil), 1
	case *array.Float64:
		return binary.LittleEndian.AppendUint64([]byte{byte(Float)}, math.Float64bits(c.Value(row))), 1
	case *array.Timestamp:
		return Value{Type: Time, Cell: uint64(c.Value(row))}.Append(nil), 1
	case *array.String:
		return Value{Type: f.Type, Bytes: []byte(c.Value(row))}.Append(nil), 1
	case *array.List:
		v := Value{Type: List}
		start, end := c.ValueOffsets(row)
		for i := start; i < end; i++ {
			v.List = append(v.List, []byte(c.ListValues().(*array.String).Value(int(i))))
		}
		return v.Append(nil), 1
	case *array.Binary:
		if f.Type == Bytes {
			return BytesValue(c.Value(row)).Append(nil), 1
		}
		return c.Value(row), 1
	}
	t.Fatalf("column %s is %s", f.Name, c.DataType())
	return nil, 0
}
