package format

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Rows that are copied in any of the ways are the same by their canonical encoding, and
// two rows are equal if their encodings are.
func TestCopiedRows(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 50 {
		b := randomBatch(r, wild(), 1+r.IntN(40))
		clone := b.Clone()
		for i := range b.Columns {
			c := &b.Columns[i]
			var typed Column
			typed.Reset(c.Type)
			for row := range b.Rows {
				if c.Type != Map {
					typed.AppendTyped(c.Value(row))
					if !bytes.Equal(typed.AppendValue(nil, row), c.AppendValue(nil, row)) {
						t.Fatalf("%s: row %d is another value", c.Type, row)
					}
				}
				for _, other := range []int{row, r.IntN(b.Rows)} {
					want := bytes.Equal(c.AppendValue(nil, row), c.AppendValue(nil, other))
					if got := c.EqualRow(row, &clone.Columns[i], other); got != want {
						t.Fatalf("%s: rows %d and %d are equal: %v", c.Type, row, other, got)
					}
				}
			}
			typed.AppendTyped(Value{Type: 200})
			if !typed.Null(typed.Len()-1) && c.Type != Any {
				t.Errorf("%s: a value of another type is no null", c.Type)
			}
		}
		want := b.AppendLeaves(nil)
		b.Columns[0].Data = append(b.Columns[0].Data[:0], bytes.Repeat([]byte("x"), len(b.Columns[0].Data))...) // the clone has its own
		for row, leaf := range clone.AppendLeaves(nil) {
			if leaf != want[row] {
				t.Fatalf("the clone's row %d is another", row)
			}
		}
	}
}

// An archive that is not compressed holds the same records, and is a valid one.
func TestLevelNone(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	s := wild()
	b := randomBatch(r, s, 500)
	plain, want := writeArchive(t, Arrow, s, b)
	var out bytes.Buffer
	w, err := NewWriter(&out, &Manifest{Writer: "test", Encoding: Arrow, Sections: []*Section{s}}, WriterOptions{Level: LevelNone})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	end, err := w.Close(nil)
	if err != nil {
		t.Fatal(err)
	}
	if end.Content != want.Content || out.Len() <= len(plain) {
		t.Errorf("content digest %s, want %s; %d bytes, compressed %d", end.Content, want.Content, out.Len(), len(plain))
	}
	if records, read, err := readAll(out.Bytes()); err != nil || len(records) != b.Rows || read.Content != want.Content {
		t.Errorf("%d records read: %v", len(records), err)
	}
}
