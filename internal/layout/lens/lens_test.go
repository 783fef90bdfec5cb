package lens_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

func all(t testing.TB) []*lens.Lens {
	var out []*lens.Lens
	for _, name := range lens.Names() {
		out = append(out, byName(t, name))
	}
	return out
}

func byName(t testing.TB, name string) *lens.Lens {
	l, err := lens.ByName(name)
	if err != nil || l.Name != name {
		t.Fatalf("%s: %v", name, err)
	}
	return l
}

func newCells() *store.Cells {
	c := new(store.Cells)
	c.Reset()
	return c
}

func clone(c *store.Cells) *store.Cells {
	out := newCells()
	for row := range c.Kinds {
		out.AppendRow(c, row)
	}
	return out
}

// get reads native cells behind the rows of field, and returns which rows are
// left over.
func get(l *lens.Lens, native *store.Cells, field *format.Column) (left map[int]int) {
	left = map[int]int{}
	l.Get(clone(native), field, func(row int) { left[row]++ })
	return left
}

func show(c *store.Cells, row int) string {
	v := c.Value(row)
	return fmt.Sprintf("%d %#x %q", c.Kinds[row], v.Cell, v.Bytes)
}

// law proves the law of the lens on native cells, read behind the rows that
// before gives.
func law(t testing.TB, l *lens.Lens, before, native *store.Cells) {
	t.Helper()
	var field format.Column
	field.Reset(l.Type)
	get(l, before, &field)
	if field.Len() != before.Len() {
		t.Fatalf("%s: %d rows gave %d", l.Name, before.Len(), field.Len())
	}
	var earlier [][]byte
	for row := range field.Len() {
		earlier = append(earlier, field.AppendValue(nil, row))
	}
	left := get(l, native, &field)
	at := before.Len()
	if field.Len() != at+native.Len() {
		t.Fatalf("%s: %d rows gave %d", l.Name, native.Len(), field.Len()-at)
	}
	for row, want := range earlier {
		if !bytes.Equal(field.AppendValue(nil, row), want) {
			t.Errorf("%s: row %d has changed under rows behind it", l.Name, row)
		}
	}
	for row, n := range left {
		if n != 1 || row < 0 || row >= native.Len() || native.Kinds[row] == store.Null {
			t.Errorf("%s: row %d is left over %d times", l.Name, row, n)
		}
	}
	whole := newCells()
	l.PutAll(&field, whole)
	if whole.Len() != field.Len() {
		t.Fatalf("%s: PutAll gives %d rows of %d", l.Name, whole.Len(), field.Len())
	}
	again := newCells() // what Put gives for every value
	var values [][]byte
	for row := range native.Len() {
		if err := valid(&field, at+row); err != nil {
			t.Errorf("%s: %s reads as a value that no field holds: %v", l.Name, show(native, row), err)
		}
		if left[row] == 0 && !native.Equal(row, whole, at+row) && !sameArray(l, native.Bytes(row), whole.Bytes(at+row)) {
			t.Errorf("%s: %s comes back as %s and is not left over", l.Name, show(native, row), show(whole, at+row))
		}
		if native.Kinds[row] == store.Null && !field.Null(at+row) {
			t.Errorf("%s: NULL is a value", l.Name)
		}
		if field.Null(at + row) {
			continue
		}
		if l.Exact != nil && !l.Exact(&field, at+row) {
			continue
		}
		l.Put(&field, at+row, again)
		values = append(values, field.AppendValue(nil, at+row))
		if n := len(values); again.Len() != n || !again.Equal(n-1, whole, at+row) {
			t.Fatalf("%s: Put and PutAll differ for %s", l.Name, show(native, row))
		}
	}
	var twice format.Column
	twice.Reset(l.Type)
	if left := get(l, again, &twice); len(left) > 0 {
		t.Errorf("%s: of what Put has written, rows %v are left over", l.Name, left)
	}
	for row, want := range values {
		if got := twice.AppendValue(nil, row); !bytes.Equal(got, want) {
			t.Errorf("%s: value %x is written as %s and read as %x", l.Name, want, show(again, row), got)
		}
	}
}

// sameArray tells whether two spellings of an array are one to the engines whose
// arrays the lens reads: they have no spelling of their own.
func sameArray(l *lens.Lens, a, b []byte) bool {
	var x, y []string
	return l.Name == "string-array" && json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && slices.Equal(x, y)
}

// valid checks a value of a column by FORMAT.md 4.1.
func valid(c *format.Column, row int) error {
	if c.Null(row) {
		return nil
	}
	bad := false
	switch c.Type {
	case format.Bool:
		bad = c.Cells[row] > 1
	case format.Text:
		bad = !utf8.Valid(c.Bytes(row))
	case format.JSON:
		bad = !utf8.Valid(c.Bytes(row)) || !format.ValidJSON(c.Bytes(row))
	case format.Vector:
		bad = len(c.Bytes(row))%4 != 0
	case format.List:
		for i := range c.ListLen(row) {
			bad = bad || !utf8.Valid(c.Item(row, i))
		}
	case format.Map:
		_, err := format.ParseMap(c.Bytes(row))
		return err
	case format.Any:
		_, rest, err := format.ParseValue(c.Bytes(row))
		bad = len(rest) > 0
		if err != nil {
			return err
		}
	}
	if bad {
		return fmt.Errorf("%x", c.AppendValue(nil, row))
	}
	return nil
}

var (
	ints = []int64{0, 1, -1, 2, 7, 1700000000, 1700000000123, -1700000000123, 1 << 53, 1<<53 + 1, math.MaxInt64, math.MinInt64, math.MaxInt64 / 1000, math.MinInt64 / 1000,
		math.MaxInt64/1_000_000 + 1, math.MinInt64/1_000_000_000 - 1, math.MaxInt64 / 1_000_000_000, 10413792000, 253402300799}
	reals = []uint64{0, 1 << 63, 1, math.Float64bits(0.1), math.Float64bits(1e300), math.Float64bits(math.Inf(1)), math.Float64bits(math.Inf(-1)),
		math.Float64bits(1), 0x7FF8000000000000, 0x7FF0000000000001, 0xFFF8DEADBEEF0001, math.Float64bits(1 << 53), math.MaxUint64}
	words = []string{
		"", " ", "a", "\x00", "a\x00b", "\xff", "a\xc3", "\xa9b", "\xed\xa0\x80", "é", "😀", "\u2028", "\x7f", "\ufeff", "0", "1", "-1", "+1", "01", "1.0", "1e3", "9223372036854775808", "true", "null", "nan",
		"{}", "{ }", `{"a":1,"a":2}`, "{\"a\" : 1}\n", `{"a":{"b":[1,2,{}]}}`, `[]`, `[ ]`, `["a"]`, `["a","b"]`, `["a", "b"]`, `[ "a" ]`, `["a",]`, `["a"] x`, `["a"]]`, `["a"` + "\n]", `"a"`,
		`["\u00e9"]`, `["\u00E9"]`, `["é"]`, `["\/"]`, `["/"]`, `["\ud83d\ude00"]`, `["😀"]`, `["\ud800"]`, `["\ud800x","\ude00"]`, `["\u0000"]`, `["\u007f"]`, "[\"\x7f\"]", `["\b\f\n\r\t\"\\"]`,
		`["\u0008\u000c"]`, `["\u001f"]`, `["\u001F"]`, `["<>&"]`, `["\u003c"]`, "[\"\u2028\u2029\"]", `["\u2028"]`, `[["a"]]`, `["a",["b"]]`, `["a",1]`, `["a",null]`, `[null]`, `[1]`, `["",""]`, "[\"\xff\"]", "[\"a\x00\"]", "\ufeff[]",
		`{"a":"\ud800"}`, strings.Repeat("[", 70) + strings.Repeat("]", 70), strings.Repeat("[", 10001) + strings.Repeat("]", 10001), `["a"],["b"]`, `[,]`, "[\"a\"\t,\r\n\"b\"]",
		"00010203-0405-0607-0809-0a0b0c0d0e0f", "000102030405060708090a0b0c0d0e0f", "000102030405060708090A0B0C0D0E0F", "0001020304050607-0809-0a0b0c0d0e0f", "g00102030405060708090a0b0c0d0e0f", "000102030405060708090a0b0c0d0e0f10", "00010203-0405-0607-0809-0a0b0c0d0e0f10", "0123456789abcdef",
		"\x01", "\x01\x01", "\x00\x00\x80\x3f", "\x01\x00\x00\x80\x3f", "\x02\x00\x00\x80\x3f", "\x01\x00\x00\xc0\x7f\x01\x00\x80\x7f", "12345", "1234567", "\x00\x00\x00\x00\x00\x00\x00\x80", "\x01\x00\x00\x00\x00\x00\xf8\x7f", "\x00\x00\x00\x00\x00\x00\xf0\x3f",
		"\x0a\x01\x00\x00\x00\x01\x00a\x00", "\x0a\x00\x00\x00\x00", "\x0a\x01\x00\x00\x00\x01\x00a\x04\x01\x00\x00\x00\xff", "\x0a\x01\x00\x00\x00\x01\x00a\x01\x02", "\x0a\x02\x00\x00\x00\x01\x00b\x00\x01\x00a\x00", "\x0a\xff\xff\xff\xff",
		"\x06\x01\x00\x00\x00\x09", "\x06\x01\x00\x00\x00\x09x", "\x00", "\x01\x01", "\x01\x02", "\x04\x01\x00\x00\x00a", "\x02\x01\x00\x00\x00\x00\x00\x00\x00", "\x03\x00\x00\x00\x00\x00\x00\x00\x80",
		"\x03\x00\x00\x00\x00\x00\x00\xf0\x3f", "\x05\x02\x00\x00\x00{}", "\x08\x01\x00\x00\x00\x01\x00\x00\x00a", "\x09\x01\x00\x00\x00\x00\x00\x00\x00", "\x09\x01\x00\x00\x00",
	}
)

// moments are times as text, in many forms.
func moments() []string {
	var out []string
	for _, date := range []string{"1970-01-01", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "1677-09-21", "1677-09-20", "2262-04-11", "2262-04-12", "9999-12-31", "0000-01-01", "0001-01-01", "-0001-01-01", "12024-01-01",
		"2024-04-31", "2024-00-01", "2024-13-01", "2024-1-1", "1969-12-31", "2024/01/01"} {
		for _, clock := range []string{"00:00:00", "23:59:59", "24:00:00", "23:59:60", "12:60:00", "1:02:03", "00:12:43", "23:47:16", "12:34"} {
			out = append(out, date+"T"+clock+"Z", date+" "+clock, date+"T"+clock+"+00:00")
		}
		out = append(out, date)
	}
	for n := range 11 {
		fraction := "." + "1234567890"[:n]
		zeros := "." + strings.Repeat("0", n)
		for _, f := range []string{"", fraction, zeros, fraction + "000", ",5"} {
			for _, zone := range []string{"", "Z", "z", "+00:00", "-00:00", "+01:00", "-12:30", "+23:59", "+24:00", "+00:60", "+0100", "+01", " +01:00", "UTC", "+1:00", "−01:00"} {
				for _, separator := range []string{"T", " ", "t", "_"} {
					out = append(out, "2024-02-29"+separator+"12:34:56"+f+zone)
				}
			}
		}
	}
	return out
}

// hostile returns cells of all classes, fit and unfit for every lens.
func hostile() *store.Cells {
	c := newCells()
	c.AppendNull()
	for _, v := range ints {
		c.AppendInt(v)
	}
	for _, w := range reals {
		c.AppendFloat(math.Float64frombits(w))
		c.Words[c.Len()-1] = w // a NaN's payload, whatever the processor does with it
	}
	for _, s := range append(moments(), words...) {
		c.AppendString(s)
		c.AppendBlob([]byte(s))
	}
	c.AppendNull()
	return c
}

// random returns cells of the kinds that a lens is likely to take, and of others.
func random(r *rand.Rand, n int) *store.Cells {
	c := newCells()
	pieces := []string{"[", "]", ",", ", ", `"`, `\`, `\u00e9`, "a", "é", "😀", "\x00", "\xff", " ", "1", "{", "}", ":", "-", "T", "Z", "2024-01-01", "00:00:00", ".", "123", "+00:00", "\u2028", "\x7f"}
	only := r.IntN(7)
	for range n {
		kind := only
		if only > 4 {
			kind = r.IntN(5)
		}
		var raw []byte
		for range r.IntN(6) {
			raw = append(raw, pieces[r.IntN(len(pieces))]...)
		}
		switch r.IntN(8) {
		case 0:
			raw = []byte(words[r.IntN(len(words))])
		case 1:
			raw = make([]byte, r.IntN(20))
			for i := range raw {
				raw[i] = byte(r.Uint32())
			}
		case 2:
			raw = []byte(time.Unix(0, r.Int64()).UTC().Format("2006-01-02T15:04:05.999999999Z07:00"))
		}
		word := r.Uint64() >> r.IntN(64)
		if r.IntN(9) == 0 {
			kind = 0
		}
		switch store.Kind(kind) {
		case store.Integer:
			c.AppendInt(int64(word))
		case store.Real:
			c.AppendFloat(0)
			c.Words[c.Len()-1] = word
		case store.Text:
			c.AppendText(raw)
		case store.Blob:
			c.AppendBlob(raw)
		default:
			c.AppendNull()
		}
	}
	return c
}

func TestLaw(t *testing.T) {
	nothing, cells := newCells(), hostile()
	r := rand.New(rand.NewPCG(1, 2))
	for _, l := range all(t) {
		law(t, l, nothing, nothing)
		law(t, l, nothing, cells)
		law(t, l, cells, cells)
		var together format.Column
		together.Reset(l.Type)
		get(l, cells, &together)
		for row := range cells.Kinds { // alone, where a column of one class may take another way
			one := newCells()
			one.AppendRow(cells, row)
			law(t, l, nothing, one)
			var alone format.Column
			alone.Reset(l.Type)
			get(l, one, &alone)
			if a, b := alone.AppendValue(nil, 0), together.AppendValue(nil, row); !bytes.Equal(a, b) {
				t.Errorf("%s: %s reads as %x alone and as %x among others", l.Name, show(cells, row), a, b)
			}
		}
		for range 300 {
			law(t, l, random(r, r.IntN(20)), random(r, r.IntN(40)))
		}
	}
}

// TestLawInColumns: columns of one class, as they mostly are, with NULLs between,
// at lengths around those of a byte of the validity bitmap.
func TestLawInColumns(t *testing.T) {
	cells := hostile()
	for _, kind := range []store.Kind{store.Integer, store.Real, store.Text, store.Blob} {
		for _, clean := range []bool{false, true} {
			for n := range 18 {
				c := newCells()
				for row := 0; row < cells.Len() && c.Len() < n; row++ {
					if cells.Kinds[row] == kind && (!clean || utf8.Valid(cells.Bytes(row))) {
						c.AppendRow(cells, row)
					}
					if row%3 == 0 && c.Len() < n {
						c.AppendNull()
					}
				}
				for _, l := range all(t) {
					law(t, l, newCells(), c)
					law(t, l, c, c)
				}
			}
		}
	}
}

// TestHalves: texts that are UTF-8 only one behind the other.
func TestHalves(t *testing.T) {
	for _, texts := range [][]string{{"a\xc3", "\xa9b"}, {"\xf0\x9f", "", "\x98\x80"}, {"\xc3", "\xa9"}, {"é", "\xa9"}} {
		cells := newCells()
		for _, s := range texts {
			cells.AppendString(s)
			cells.AppendNull()
		}
		for _, l := range all(t) {
			law(t, l, newCells(), cells)
		}
	}
}

// TestNative says for each lens what it takes, so that no lens keeps the law by
// leaving everything.
func TestNative(t *testing.T) {
	zero := newCells()
	untested := slices.DeleteFunc(lens.Names(), func(name string) bool { return strings.HasPrefix(name, "time-") || strings.HasPrefix(name, "unix") })
	for _, c := range []struct {
		lens  string
		cells func(c *store.Cells)
		want  []string // canonical values in hex
	}{
		{"text", func(c *store.Cells) { c.AppendString("é\x00") }, []string{"0403000000c3a900"}},
		{"int-text", func(c *store.Cells) { c.AppendInt(math.MinInt64); c.AppendInt(7) }, []string{"0414000000" + hex.EncodeToString([]byte("-9223372036854775808")), "040100000037"}},
		{"json", func(c *store.Cells) { c.AppendString(`{"a" :1,"a":"\ud800"}`) }, []string{"0515000000" + hex.EncodeToString([]byte(`{"a" :1,"a":"\ud800"}`))}},
		{"json-list", func(c *store.Cells) { c.AppendString(`["a","é"]`); c.AppendString("[]") }, []string{"0802000000010000006102000000c3a9", "0800000000"}},
		{"json-lines", func(c *store.Cells) { c.AppendString(`["a","é",""]`); c.AppendString("[]") }, []string{"0405000000610ac3a90a", "0400000000"}},
		{"json-list-python", func(c *store.Cells) { c.AppendString(`["a", "\u00e9"]`) }, []string{"0802000000010000006102000000c3a9"}},
		{"comma-list", func(c *store.Cells) { c.AppendString("a,é,"); c.AppendString("") }, []string{"0803000000010000006102000000c3a900000000", "0800000000"}},
		{"int", func(c *store.Cells) { c.AppendInt(-2) }, []string{"02feffffffffffffff"}},
		{"int-bool", func(c *store.Cells) { c.AppendInt(0); c.AppendInt(1) }, []string{"0100", "0101"}},
		{"json-bytes", func(c *store.Cells) { c.AppendBlob([]byte(`{"a" :1}`)) }, []string{"0508000000" + hex.EncodeToString([]byte(`{"a" :1}`))}},
		{"real", func(c *store.Cells) { c.AppendFloat(1) }, []string{"03000000000000f03f"}},
		{"int-real", func(c *store.Cells) { c.AppendInt(1) }, []string{"03000000000000f03f"}},
		{"exact-real", func(c *store.Cells) {
			c.AppendFloat(1)
			c.AppendBlob([]byte{7: 0x80})
			c.AppendBlob([]byte{1, 0, 0, 0, 0, 0, 0xf8, 0x7f})
		},
			[]string{"03000000000000f03f", "030000000000000080", "03010000000000f87f"}},
		{"any", func(c *store.Cells) { c.AppendInt(1); c.AppendString("\xff"); c.AppendBlob(nil); c.AppendFloat(1) },
			[]string{"020100000000000000", "0401000000ff", "0600000000", "03000000000000f03f"}},
		{"value", func(c *store.Cells) {
			c.AppendInt(1)
			c.AppendString("\xff")
			c.AppendFloat(1)
			c.AppendBlob([]byte{6, 1, 0, 0, 0, 9})
			c.AppendBlob([]byte{1, 1})
			c.AppendBlob([]byte("\x03\x00\x00\x00\x00\x00\x00\x00\x80"))
		},
			[]string{"020100000000000000", "0401000000ff", "03000000000000f03f", "060100000009", "0101", "030000000000000080"}},
		{"blob", func(c *store.Cells) { c.AppendBlob([]byte{0xff}) }, []string{"0601000000ff"}},
		{"map", func(c *store.Cells) { c.AppendBlob([]byte("\x0a\x01\x00\x00\x00\x01\x00a\x00")) }, []string{"0a0100000001006100"}},
		{"f32", func(c *store.Cells) { c.AppendBlob([]byte{0, 0, 0x80, 0x3f}); c.AppendBlob(nil) }, []string{"09010000000000803f", "0900000000"}},
		{"f32-header", func(c *store.Cells) { c.AppendBlob([]byte{1, 0, 0, 0x80, 0x3f}); c.AppendBlob([]byte{1}) }, []string{"09010000000000803f", "0900000000"}},
		{"any-bytes", func(c *store.Cells) {
			c.AppendBlob([]byte{1, 1})
			c.AppendBlob([]byte("\x02\x07\x00\x00\x00\x00\x00\x00\x00"))
		}, []string{"0101", "020700000000000000"}},
		{"text-no-nul", func(c *store.Cells) { c.AppendString("é") }, []string{"0402000000c3a9"}},
		{"jsonb", func(c *store.Cells) { c.AppendString(`{"a": "\u0001"}`) }, []string{"050f000000" + hex.EncodeToString([]byte(`{"a": "\u0001"}`))}},
		{"string-array", func(c *store.Cells) { c.AppendString(`["a", "é"]`); c.AppendString("[]") }, []string{"0802000000010000006102000000c3a9", "0800000000"}},
		// Canonical values, by FORMAT.md section 5.1: a tag, a number of items, lengths.
		{"value-list", func(c *store.Cells) {
			c.AppendBlob([]byte("\x08\x02\x00\x00\x00\x01\x00\x00\x00a\x02\x00\x00\x00é"))
			c.AppendBlob([]byte("\x08\x00\x00\x00\x00"))
		}, []string{"0802000000010000006102000000c3a9", "0800000000"}},
		{"value-list-text", func(c *store.Cells) {
			c.AppendBlob([]byte("\x08\x01\x00\x00\x00\x01\x00\x00\x00a"))
			c.AppendString("[]")
		}, []string{"08010000000100000061", "0800000000"}},
		{"value-time", func(c *store.Cells) { c.AppendBlob([]byte("\x07\x01\x00\x00\x00\x00\x00\x00\x00")) }, []string{"070100000000000000"}},
		{"pgvector", func(c *store.Cells) { c.AppendBlob([]byte{0, 0, 0x80, 0x3f}) }, []string{"09010000000000803f"}},
		{"priority-10", func(c *store.Cells) { c.AppendInt(1); c.AppendInt(10) }, []string{"030000000000000000", "03000000000000f03f"}},
		{"uuid-blob", func(c *store.Cells) { c.AppendBlob([]byte("0123456789abcdef")) }, []string{"0424000000" + hex.EncodeToString([]byte("30313233-3435-3637-3839-616263646566"))}},
		{"uuid-hex", func(c *store.Cells) { c.AppendString("000102030405060708090a0b0c0d0e0f") }, []string{"0424000000" + hex.EncodeToString([]byte("00010203-0405-0607-0809-0a0b0c0d0e0f"))}},
		{"uuid-numeric", func(c *store.Cells) {
			c.AppendString("000102030405060708090a0b0c0d0e0f")
			c.AppendFloat(1.23456789012346e+31)
			c.AppendFloat(math.Inf(1))
			c.AppendInt(12)
			c.AppendString("none")
		}, []string{"0424000000" + hex.EncodeToString([]byte("00010203-0405-0607-0809-0a0b0c0d0e0f")), "0414000000" + hex.EncodeToString([]byte("1.23456789012346e+31")),
			"0404000000" + hex.EncodeToString([]byte("+Inf")), "04020000003132", "04040000006e6f6e65"}},
	} {
		cells := newCells()
		c.cells(cells)
		l := byName(t, c.lens)
		untested = slices.DeleteFunc(untested, func(name string) bool { return name == c.lens })
		law(t, l, zero, cells)
		var field format.Column
		field.Reset(l.Type)
		if left := get(l, cells, &field); len(left) > 0 {
			t.Errorf("%s: left over: %v", c.lens, left)
		}
		for row, want := range c.want {
			if got := hex.EncodeToString(field.AppendValue(nil, row)); got != want {
				t.Errorf("%s: %s reads as %s, want %s", c.lens, show(cells, row), got, want)
			}
		}
	}
	if len(untested) > 0 {
		t.Errorf("not tested: %v", untested)
	}
}

// TestInexact says for the lenses of engines that refuse some values what Put makes of
// these, and that Exact knows them.
func TestInexact(t *testing.T) {
	text := func(s string) format.Value { return format.Value{Type: format.Text, Bytes: []byte(s)} }
	vector := func(words ...uint32) format.Value {
		v := format.Value{Type: format.Vector}
		for _, w := range words {
			v.Bytes = binary.LittleEndian.AppendUint32(v.Bytes, w)
		}
		return v
	}
	for _, c := range []struct {
		lens  string
		value format.Value
		want  format.Value
	}{
		{"text-no-nul", text("a\x00b\x00"), text("ab")},
		{"jsonb", format.Value{Type: format.JSON, Bytes: []byte(`["\u0000\\u0000","\ud800x","\ud83d\ude00","\udc00"]`)}, text(`["\ufffd\\u0000","\ufffdx","\ud83d\ude00","\ufffd"]`)},
		{"string-array", format.Value{Type: format.List, List: [][]byte{[]byte("a\x00"), []byte(`"`)}}, text(`["a","\""]`)},
		{"pgvector", vector(), format.Value{}},
		{"pgvector", vector(0x3f800000, 0x7fc00000), format.Value{}}, // not a number
		{"pgvector", vector(0xff800000), format.Value{}},             // -infinity
		{"pgvector", vector(make([]uint32, 16_001)...), format.Value{}},
		{"unix-micros", format.Value{Type: format.Time, Cell: 1_001}, format.IntValue(1)},
		{"unix-micros", format.Value{Type: format.Time, Cell: ^uint64(0)}, format.IntValue(-1)}, // down, also before 1970
		{"priority-10", format.FloatValue(0.5), format.IntValue(6)},
		{"priority-10", format.FloatValue(math.NaN()), format.IntValue(1)},
		{"priority-10", format.FloatValue(7), format.IntValue(10)},
	} {
		l := byName(t, c.lens)
		var field format.Column
		field.Reset(l.Type)
		field.AppendTyped(c.value)
		if l.Exact(&field, 0) {
			t.Errorf("%s: %x is said to be exact", c.lens, c.value.Append(nil))
		}
		native := newCells()
		l.Put(&field, 0, native)
		if got := native.Value(0); !got.Equal(c.want) {
			t.Errorf("%s: %x is written as %s", c.lens, c.value.Append(nil), show(native, 0))
		}
	}
}

func TestVector(t *testing.T) {
	raw := []byte{1}
	want := []float32{1, -0.5, float32(math.Inf(1)), math.MaxFloat32}
	for _, f := range want {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
	}
	for name, native := range map[string][]byte{"f32": raw[1:], "f32-header": raw} {
		cells := newCells()
		cells.AppendBlob(native)
		var field format.Column
		field.Reset(format.Vector)
		if left := get(byName(t, name), cells, &field); len(left) > 0 || !bytes.Equal(field.Bytes(0), raw[1:]) {
			t.Errorf("%s: %x, left over %v", name, field.Bytes(0), left)
		}
	}
}

// forms are the text forms of times as Go writes them: a layout for each number
// of fraction digits.
var forms = map[string]struct {
	digits      []int
	date, clock string
}{
	"time-rfc3339":      {[]int{0, 3, 6, 9}, "2006-01-02T15:04:05", "-07:00"},
	"time-rfc3339-z":    {[]int{0, 3, 6, 9}, "2006-01-02T15:04:05", "Z07:00"},
	"time-python":       {[]int{0, 6, 9}, "2006-01-02T15:04:05", "-07:00"},
	"time-python-space": {[]int{0, 6, 9}, "2006-01-02 15:04:05", "-07:00"},
	"time-python-naive": {[]int{0, 6, 9}, "2006-01-02T15:04:05", ""},
	"time-pydantic":     {[]int{0, 6, 9}, "2006-01-02T15:04:05", "Z07:00"},
	"time-millis-z":     {[]int{3, 6, 9}, "2006-01-02T15:04:05", "Z07:00"},
	"time-micros-z":     {[]int{6, 9}, "2006-01-02T15:04:05", "Z07:00"},
	"time-sqlite":       {[]int{0, 3, 6, 9}, "2006-01-02 15:04:05", ""},
	"time-sqlalchemy":   {[]int{6}, "2006-01-02 15:04:05", ""},
}

func TestTimesAsGoWritesThem(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, l := range all(t) {
		form, ok := forms[l.Name]
		if !ok {
			if strings.HasPrefix(l.Name, "time-") {
				t.Errorf("%s is not tested", l.Name)
			}
			continue
		}
		var moments []int64
		for range 20000 {
			unit := []int64{1, 1e3, 1e6, 1e9, 3600e9, 86400e9}[r.IntN(6)]
			moments = append(moments, int64(r.Uint64())/unit*unit)
		}
		for day := int64(-106000); day < 106000; day += 7 {
			moments = append(moments, day*86400e9, day*86400e9-1)
		}
		moments = append(moments, 0, -1, 1, -1e9, 9223372035999999999, -9223372036000000000)
		cells := newCells()
		var texts []string
		for _, ns := range moments {
			at := time.Unix(ns/1e9, ns%1e9).UTC()
			layout := form.date
			for _, n := range form.digits { // the first that loses nothing
				layout = form.date
				if n > 0 {
					layout += "." + strings.Repeat("0", n)
				}
				if at.Truncate(time.Duration(math.Pow10(9 - n))).Equal(at) {
					break
				}
			}
			texts = append(texts, at.Format(layout+form.clock))
			cells.AppendString(texts[len(texts)-1])
		}
		var field format.Column
		field.Reset(format.Time)
		left := get(l, cells, &field)
		lost := int64(math.Pow10(9 - form.digits[len(form.digits)-1]))
		for row, ns := range moments {
			sec := time.Unix(ns/1e9, ns%1e9).Unix()
			if sec < -9223372036 || sec > 9223372035 {
				continue // the last part of a second at the ends
			}
			cut := ns - (ns%lost+lost)%lost // the text does not have more
			if left[row] > 0 || field.Null(row) || field.Int(row) != cut {
				t.Fatalf("%s: %s reads as %d, want %d; left over: %v", l.Name, texts[row], field.Int(row), cut, left[row])
			}
			field.Cells[row] = uint64(ns)
			if got, want := l.Exact(&field, row), cut == ns; got != want {
				t.Fatalf("%s: exact for %d: %v", l.Name, ns, got)
			}
		}
	}
}

// TestTimesAsGoReadsThem compares the reading of any text with Go's, on texts of
// RFC 3339, and on those with a blank or without a zone as if they were.
func TestTimesAsGoReadsThem(t *testing.T) {
	texts := moments()
	r := rand.New(rand.NewPCG(5, 6))
	for range 20000 {
		s := []byte(time.Unix(r.Int64N(1e10)-5e9, r.Int64N(1e9)).In(time.FixedZone("", r.IntN(2879)*60-1439*60)).Format(time.RFC3339Nano))
		if i := r.IntN(len(s) * 2); i < len(s) {
			s[i] = "0123456789:-T Z+."[r.IntN(17)]
		}
		texts = append(texts, string(s))
	}
	cells := newCells()
	for _, s := range texts {
		cells.AppendString(s)
	}
	read := 0
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range forms {
			if !yield(name) {
				return
			}
		}
	}) {
		var field format.Column
		field.Reset(format.Time)
		get(byName(t, name), cells, &field)
		for row, s := range texts {
			want, ok := goTime(s)
			if ok == field.Null(row) || ok && field.Int(row) != want {
				t.Errorf("%s: %q reads as %d (null: %v), Go reads %d (%v)", name, s, field.Cells[row], field.Null(row), want, ok)
			}
			if ok {
				read++
			}
		}
	}
	if read < 10000 {
		t.Errorf("only %d texts are times", read)
	}
}

// goTime reads a time with Go's package, which takes a comma for the point and
// offsets of a day.
func goTime(s string) (int64, bool) {
	if n := len(s); strings.Contains(s, ",") || n >= 25 && s[n-3] == ':' && (s[n-5:n-3] > "23" || s[n-2:] > "59") {
		return 0, false
	}
	if len(s) > 10 && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	if len(s) >= 19 && !strings.ContainsAny(s[19:], "Z+-") {
		s += "Z"
	}
	if i := strings.IndexByte(s, '.'); i > 0 && len(strings.TrimLeft(s[i+1:], "0123456789")) < len(s)-i-1-9 {
		return 0, false // finer than a nanosecond
	}
	var at time.Time
	if err := at.UnmarshalText([]byte(s)); err != nil || at.Unix() < -9223372036 || at.Unix() > 9223372035 {
		return 0, false
	}
	return at.UnixNano(), true
}

func TestUnix(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for name, unit := range map[string]int64{"unix": 1e9, "unix-millis": 1e6, "unix-micros": 1e3, "unix-nanos": 1} {
		l := byName(t, name)
		values := slices.Clone(ints)
		for range 5000 {
			values = append(values, int64(r.Uint64())>>r.IntN(64))
		}
		cells := newCells()
		for _, v := range values {
			cells.AppendInt(v)
		}
		var field format.Column
		field.Reset(format.Time)
		left := get(l, cells, &field)
		for row, v := range values {
			ns := new(big.Int).Mul(big.NewInt(v), big.NewInt(unit))
			if fits := ns.IsInt64(); fits != (left[row] == 0) || fits == field.Null(row) || fits && ns.Int64() != field.Int(row) {
				t.Errorf("%s: %d reads as %d, want %s", name, v, field.Cells[row], ns)
			}
		}
		// A time between two units goes to the one before it, if that one can be read.
		field.Reset(format.Time)
		written := newCells()
		for _, v := range values {
			field.AppendInt(v)
		}
		l.PutAll(&field, written)
		for row, v := range values {
			down := new(big.Int).Div(big.NewInt(v), big.NewInt(unit)) // rounds down
			want := max(down.Int64(), math.MinInt64/unit)
			if got := written.Int(row); got != want {
				t.Errorf("%s: %d ns is written as %d, want %d", name, v, got, want)
			}
		}
	}
}

// lists are lists of texts of all kinds.
func lists() [][]string {
	r := rand.New(rand.NewPCG(9, 10))
	out := [][]string{{}, {""}, {"", ""}, {"a", "b"}}
	var every []string
	for c := range rune(0x800) {
		every = append(every, string(c), "x"+string(c)+"y")
	}
	out = append(out, every, []string{"\u2027\u2028\u2029\u202a", "\ufffd\ufffe\uffff\ufeff", "\U00010000\U0010ffff", "\ud7ff\ue000", "</script>&", `\"/`})
	for range 500 {
		var list []string
		for range r.IntN(5) {
			var s []rune
			for range r.IntN(8) {
				if c := rune(r.Uint32N(0x110000)) >> r.IntN(20); utf8.ValidRune(c) {
					s = append(s, c)
				}
			}
			list = append(list, string(s))
		}
		out = append(out, list)
	}
	return out
}

func field(lists [][]string) *format.Column {
	c := new(format.Column)
	c.Reset(format.List)
	for _, list := range lists {
		for _, item := range list {
			c.AppendItem([]byte(item))
		}
		c.EndList()
	}
	return c
}

// TestListAsGoWritesIt: the compact form is encoding/json's, but for the line
// separators, which only JavaScript of old needs escaped.
func TestListAsGoWritesIt(t *testing.T) {
	all := lists()
	l, written := byName(t, "json-list"), newCells()
	l.PutAll(field(all), written)
	for row, list := range all {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if list == nil {
			list = []string{}
		}
		if err := e.Encode(list); err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029").Replace(strings.TrimSuffix(want.String(), "\n"))
		if got := string(written.Bytes(row)); got != text {
			t.Errorf("%q is written as %.300s, want %.300s", list, got, text)
		}
	}
	law(t, l, newCells(), written)
}

// TestListAsPythonWritesIt: the other form is json.dumps's.
func TestListAsPythonWritesIt(t *testing.T) {
	all := lists()
	l, written := byName(t, "json-list-python"), newCells()
	l.PutAll(field(all), written)
	law(t, l, newCells(), written)
	for row, list := range all {
		var back []string
		if err := json.Unmarshal(written.Bytes(row), &back); err != nil || !slices.Equal(back, list) {
			t.Errorf("%q is written as %s: %v", list, written.Bytes(row), err)
		}
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("NOT PROVEN, python is missing: that lists are written as its json module does")
	}
	var in bytes.Buffer
	e := json.NewEncoder(&in)
	for _, list := range all {
		if err := e.Encode(list); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, "-c", "import json, sys\nfor line in sys.stdin: print(json.dumps(json.loads(line) or []))")
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(all) {
		t.Fatalf("%d lines for %d lists", len(lines), len(all))
	}
	for row, want := range lines {
		if got := string(written.Bytes(row)); got != want {
			at := 0
			for at < min(len(got), len(want)) && got[at] == want[at] {
				at++
			}
			t.Errorf("list %d differs at byte %d: %.40q, want %.40q", row, at, got[at:], want[at:])
		}
	}
}

// TestListReadsAnyForm: lists in other forms are read and left over.
func TestListReadsAnyForm(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	cells := newCells()
	var want [][]string
	for _, list := range lists() {
		var b strings.Builder
		blank := func() { b.WriteString([]string{"", " ", "\n", "\t \r"}[r.IntN(4)]) }
		blank()
		b.WriteString("[")
		for i, item := range list {
			if i > 0 {
				b.WriteString(",")
			}
			blank()
			b.WriteString(`"`)
			for _, c := range item {
				switch {
				case c > 0xffff && r.IntN(2) == 0:
					c -= 0x10000
					fmt.Fprintf(&b, `\u%04X\u%04x`, 0xd800+c>>10, 0xdc00+c&0x3ff)
				case c < 0x10000 && (c < ' ' || c == '"' || c == '\\' || r.IntN(2) == 0):
					fmt.Fprintf(&b, []string{`\u%04x`, `\u%04X`}[r.IntN(2)], c)
				default:
					b.WriteRune(c)
				}
			}
			b.WriteString(`"`)
			blank()
		}
		b.WriteString("]")
		blank()
		var items []string
		if err := json.Unmarshal([]byte(b.String()), &items); err != nil || !slices.Equal(items, list) {
			t.Fatalf("%s: %v", b.String(), err)
		}
		cells.AppendString(b.String())
		want = append(want, items)
	}
	for _, name := range []string{"json-list", "json-list-python"} {
		var got format.Column
		got.Reset(format.List)
		get(byName(t, name), cells, &got)
		law(t, byName(t, name), newCells(), cells)
		for row, list := range want {
			var items []string
			for i := range got.ListLen(row) {
				items = append(items, string(got.Item(row, i)))
			}
			if got.Null(row) || !slices.Equal(items, list) {
				t.Errorf("%s: %s reads as %q", name, cells.Bytes(row), items)
			}
		}
	}
}

// TestListReadsNothingElse: what encoding/json takes for no list of texts is null,
// and so are texts with lone surrogates, which are no UTF-8.
func TestListReadsNothingElse(t *testing.T) {
	cells := newCells()
	for _, s := range words {
		cells.AppendString(s)
	}
	for _, name := range []string{"json-list", "json-list-python"} {
		var got format.Column
		got.Reset(format.List)
		get(byName(t, name), cells, &got)
		for row, s := range words {
			var items []*string
			err := json.Unmarshal([]byte(s), &items)
			want := err == nil && items != nil && utf8.ValidString(s) && !slices.Contains(items, nil) && !strings.Contains(s, `\ud800`)
			if got.Null(row) == want {
				t.Errorf("%s: %.100q reads as null: %v", name, s, !want)
			}
		}
	}
}

func TestByName(t *testing.T) {
	if _, err := lens.ByName("base64"); err == nil || !strings.Contains(err.Error(), `"base64"`) || !strings.Contains(err.Error(), "unix-millis") {
		t.Errorf("got %v", err)
	}
	if !slices.IsSorted(lens.Names()) {
		t.Error("names are not in order")
	}
}

func FuzzLens(f *testing.F) {
	for _, s := range words {
		f.Add([]byte(s), []byte("2024-02-29T12:34:56.123456Z"), uint64(1700000000))
	}
	f.Fuzz(func(t *testing.T, a, b []byte, word uint64) {
		cells := newCells()
		cells.AppendText(a)
		cells.AppendNull()
		cells.AppendText(b)
		mixed := clone(cells)
		mixed.AppendInt(int64(word))
		mixed.AppendFloat(0)
		mixed.Words[mixed.Len()-1] = word
		mixed.AppendBlob(a)
		mixed.AppendBlob(b)
		for _, l := range all(t) {
			law(t, l, newCells(), cells)
			law(t, l, newCells(), mixed)
			law(t, l, mixed, cells)
		}
	})
}
