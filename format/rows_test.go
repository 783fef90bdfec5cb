package format

import (
	"bytes"
	"math/rand/v2"
	"slices"
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
	plain, want := writeArchive(t, Arrow, s, b.Clone()) // a batch that is written is gone
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

// What AppendFields writes, a LineDecoder reads field by field; what it leaves out stays
// as it was.
func TestFieldsOfLines(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	b := randomBatch(r, wild(), 200)
	d := NewLineDecoder(b.Section)
	for row := range b.Rows {
		var fields []int
		for i := range b.Columns {
			if r.IntN(2) == 0 {
				fields = append(fields, i)
			}
		}
		line, err := b.AppendFields(nil, row, fields)
		if err != nil {
			t.Fatal(err)
		}
		if len(fields) == len(b.Columns) {
			if whole, err := b.AppendNDJSON(nil, row); err != nil || string(whole) != string(line)+"\n" {
				t.Fatalf("%s, not %s", line, whole)
			}
		}
		one := NewBatch(b.Section)
		var got []int
		if err := d.Decode(line, func(i int) *Column { got = append(got, i); return &one.Columns[i] }); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		fields = slices.DeleteFunc(fields, func(i int) bool { return b.Columns[i].Null(row) })
		if !slices.Equal(got, fields) {
			t.Fatalf("%s: fields %v, want %v", line, got, fields)
		}
		for i := range one.Columns {
			switch in := slices.Contains(fields, i); {
			case in && !b.Columns[i].EqualRow(row, &one.Columns[i], 0):
				t.Fatalf("%s: field %d differs", line, i)
			case !in && one.Columns[i].Len() != 0:
				t.Fatalf("%s: field %d has a value", line, i)
			}
		}
		one.Release()
		whole, err := b.AppendFields(nil, row, []int{0, 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range [][]byte{whole[:len(whole)-1], append(slices.Clone(whole), '}'), bytes.Replace(whole, []byte("wild"), []byte("tame"), 1), []byte("{}"), nil} {
			if err := d.Decode(bad, func(int) *Column { c := new(Column); c.Reset(Text); return c }); err == nil {
				t.Fatalf("%s is read", bad)
			}
		}
	}
}

// Columns are the same if all their rows are equal.
func TestSame(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	a, b := randomBatch(r, wild(), 60), NewBatch(wild())
	for row := range a.Rows {
		b.AppendRow(a, row)
	}
	for i := range a.Columns {
		if !a.Columns[i].Same(&b.Columns[i]) {
			t.Errorf("%s: a copy is not the same", a.Section.Fields[i].Name)
		}
		other := a.Columns[(i+2)%len(a.Columns)]
		if a.Columns[i].Same(&other) {
			t.Errorf("%s: another type is the same", a.Section.Fields[i].Name)
		}
		like := a.Columns[i^1] // of the same type
		same := true
		for row := range a.Rows {
			same = same && a.Columns[i].EqualRow(row, &like, row)
		}
		if got := a.Columns[i].Same(&like); got && !same {
			t.Errorf("%s: columns with different rows are the same", a.Section.Fields[i].Name)
		}
	}
}
