package storetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/format"
)

// Per is how many records Records makes of most sections.
const Per = 24

// Records makes an archive that no engine's types bound: every standard section
// and one of a product's own, with every edge of every type.
func Records(t testing.TB) []byte {
	t.Helper()
	m := &format.Manifest{
		Writer: "storetest", Encoding: format.Arrow, Source: format.StoreID{Engine: "postgres", Layout: "other", Version: "3"},
		Origin: &format.Origin{
			StoreID: format.StoreID{Engine: "postgres", Layout: "other", Version: "3"},
			Tables:  []format.Table{{Name: "notes", Primary: []string{"k"}, Columns: []format.TableColumn{{Name: "k", Type: "bigint"}, {Name: "v", Type: "jsonb"}}}},
		},
	}
	for _, name := range format.StandardNames() {
		s := format.Standard(name)
		at := len(s.Fields) - 1
		s.Fields = append(s.Fields[:at:at], format.Field{Name: "other.col", Type: format.Any}, s.Fields[at])
		m.Sections = append(m.Sections, s)
	}
	every := &format.Section{Name: "other.notes", Key: []string{"k"}, Fields: []format.Field{{Name: "k", Type: format.Int}}}
	for _, typ := range []format.Type{format.Text, format.JSON, format.Bytes, format.Int, format.Float, format.Bool, format.Time, format.List, format.Vector, format.Any, format.Map} {
		every.Fields = append(every.Fields, format.Field{Name: "f " + typ.String() + ` "quoted"`, Type: typ})
	}
	m.Sections = append(m.Sections, every, &format.Section{Name: "other.empty", Key: []string{}, Fields: []format.Field{{Name: "x", Type: format.Text}}})
	return written(t, m)
}

// Sparse makes an archive whose standard sections have few fields, as a program might
// write them that knows of no others.
func Sparse(t testing.TB) []byte {
	t.Helper()
	m := &format.Manifest{Writer: "storetest", Encoding: format.NDJSON, Source: format.StoreID{Engine: "file", Layout: "other"}}
	for name, fields := range map[string][]string{
		format.Memories: {"id", "content"}, format.Relations: {"source_id", "target_id", "type"}, format.Embeddings: {"memory_id", "space", "vector"},
		format.Spaces: {"id", "dimension"}, format.Events: {"id"}, format.Users: {"id"}, format.Schedules: {"memory_id"},
	} {
		whole, s := format.Standard(name), &format.Section{Name: name}
		for _, f := range fields {
			s.Fields = append(s.Fields, whole.Fields[whole.Field(f)])
			if slices.Contains(whole.Key, f) {
				s.Key = append(s.Key, f)
			}
		}
		m.Sections = append(m.Sections, s)
	}
	return written(t, m)
}

// Doubled makes an archive with records that are there twice, and with others that have
// the same key and say something else.
func Doubled(t testing.TB) []byte {
	t.Helper()
	m := &format.Manifest{Writer: "storetest", Encoding: format.Arrow, Source: format.StoreID{Engine: "file", Layout: "other"}}
	var batches []*format.Batch
	for _, name := range []string{format.Users, format.Memories, format.Relations, format.Embeddings, format.Events} {
		s := format.Standard(name)
		m.Sections = append(m.Sections, s)
		b := format.NewBatch(s)
		for row := range 16 {
			which, says := row/4, (row%4+1)/2 // 0 1 1 2, of each of four
			for i, f := range s.Fields {
				c := &b.Columns[i]
				switch {
				case f.Type == format.Text && strings.HasSuffix(f.Name, "id") || f.Name == "space":
					c.AppendString(fmt.Sprintf("%d", which))
				case f.Name == "type":
					c.AppendString("related")
				case f.Type == format.Text:
					c.AppendString([]string{"something", "something else", "a third thing"}[says])
				case f.Name == "vector":
					c.AppendBytes(binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(says))))
				default:
					c.AppendNull()
				}
			}
			b.Rows++
		}
		batches = append(batches, b)
	}
	var out bytes.Buffer
	w, err := format.NewWriter(&out, m, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Retyped makes an archive whose standard sections have fields of other types than the
// standard's, and no keys.
func Retyped(t testing.TB) []byte {
	t.Helper()
	types := []format.Type{format.Text, format.JSON, format.Bytes, format.Int, format.Float, format.Bool, format.Time, format.List, format.Vector, format.Any, format.Map}
	m := &format.Manifest{Writer: "storetest", Encoding: format.Arrow, Source: format.StoreID{Engine: "file", Layout: "other"}}
	for n, name := range format.StandardNames() {
		s := format.Standard(name)
		s.Key = []string{}
		for i := range s.Fields {
			if f := &s.Fields[i]; f.Name != format.Leftovers {
				f.Type = types[(n+i)%len(types)]
			}
		}
		m.Sections = append(m.Sections, s)
	}
	return written(t, m)
}

// written is an archive with records for all sections of a manifest but those that are
// called empty.
func written(t testing.TB, m *format.Manifest) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := format.NewWriter(&out, m, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for n, s := range m.Sections {
		if strings.HasSuffix(s.Name, ".empty") {
			continue
		}
		b := format.NewBatch(s)
		for row := range Per {
			for i, f := range s.Fields {
				c := &b.Columns[i]
				switch {
				case keyed(c, s.Name, f.Name, row):
				case (row+i)%5 == 0:
					c.AppendNull()
				default:
					edge(c, row+i+n)
				}
			}
			b.Rows++
		}
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Dimension is how many elements the vectors of Vectors have.
const Dimension = 4

// Vectors makes an archive of a few memories with a vector of each space, which is said
// to have a number of dimensions. It says where they first came from, or not.
func Vectors(t testing.TB, origin bool, label int64, spaces ...string) []byte {
	t.Helper()
	m := &format.Manifest{
		Writer: "storetest", Encoding: format.Arrow, Source: format.StoreID{Engine: "sqlite", Layout: "other", Version: "3"},
		Sections: []*format.Section{format.Standard(format.Memories), format.Standard(format.Embeddings)},
	}
	if origin {
		m.Origin = &format.Origin{StoreID: m.Source}
	}
	const memories = 5
	for _, space := range spaces {
		m.Spaces = append(m.Spaces, format.Space{ID: space, Dimension: label})
	}
	var out bytes.Buffer
	w, err := format.NewWriter(&out, m, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	write := func(s *format.Section, rows int, value func(c *format.Column, field string, row int)) {
		b := format.NewBatch(s)
		for row := range rows {
			for i, f := range s.Fields {
				value(&b.Columns[i], f.Name, row)
			}
			b.Rows++
		}
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	write(m.Sections[0], memories, func(c *format.Column, field string, row int) {
		switch field {
		case "id":
			c.AppendString(fmt.Sprintf("several %d", row))
		case "content":
			c.AppendString(fmt.Sprintf("text %d", row))
		default:
			c.AppendNull()
		}
	})
	write(m.Sections[1], memories*len(spaces), func(c *format.Column, field string, row int) {
		space := spaces[row/memories]
		switch field {
		case "memory_id":
			c.AppendString(fmt.Sprintf("several %d", row%memories))
		case "space":
			c.AppendString(space)
		case "dimension":
			c.AppendInt(label)
		case "vector":
			var v []byte
			for i := range Dimension {
				v = binary.LittleEndian.AppendUint32(v, math.Float32bits(float32(row%memories)+float32(len(space)*i)+0.5))
			}
			c.AppendBytes(v)
		default:
			c.AppendNull()
		}
	})
	if _, err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Backwards writes an archive anew with its records, and its sections, in the opposite
// order.
func Backwards(t testing.TB, archive []byte) []byte {
	t.Helper()
	r, err := format.NewReader(bytes.NewReader(archive), format.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var batches []*format.Batch
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		turned := format.NewBatch(b.Section)
		for row := range b.Rows {
			turned.AppendRow(b, b.Rows-1-row)
		}
		batches = append(batches, turned)
		b.Release()
	}
	var out bytes.Buffer
	w, err := format.NewWriter(&out, r.Manifest(), format.WriterOptions{Flags: r.Flags()})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range slices.Backward(batches) {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(r.End().Losses); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// memory names a memory; some differ only in case, and one has no name.
func memory(row int) string {
	return []string{"m0", "M0", "", "m\x00", "memory ☃", "m5"}[row%6] + fmt.Sprint(row/6)
}

// keyed appends the fields that keys are made of.
func keyed(c *format.Column, section, field string, row int) bool {
	if c.Type != format.Text && c.Type != format.Int {
		return false
	}
	if c.Type == format.Int && field != "dimension" && field != "k" {
		return false
	}
	if c.Type == format.Text && (field == "dimension" || field == "k") {
		return false
	}
	switch {
	case section == format.Relations && field == "id":
		if row%2 == 0 {
			c.AppendNull() // parallel edges below differ in their other fields
		} else {
			c.AppendString(fmt.Sprintf("r%d", row))
		}
	case section == format.Relations && field == "source_id":
		c.AppendString(memory(row / 4))
	case section == format.Relations && field == "target_id":
		c.AppendString([]string{memory(0), memory(row / 4), "nowhere"}[row%3]) // some are self loops
	case section == format.Relations && field == "type":
		c.AppendString("related")
	case section == format.Spaces && field == "dimension":
		c.AppendInt(int64(row))
	case field == "memory_id":
		c.AppendString(memory(row))
	case field == "space":
		c.AppendString([]string{"one", "two"}[row%2])
	case section == "other.notes" && field == "k":
		c.AppendInt(int64(row) - 5)
	case field == "id" && section == format.Memories && row == 23:
		c.AppendNull()
	case field == "id" && section == format.Memories:
		c.AppendString(memory(row))
	case field == "id" || field == "user_id" || field == "group_id":
		c.AppendString(fmt.Sprintf("%s %d", section, row))
	default:
		return false
	}
	return true
}

// edge appends an edge of the column's type.
func edge(c *format.Column, n int) {
	pick := func(of int) int { return n % of }
	switch c.Type {
	case format.Text:
		texts := []string{"", "x", "a\x00b", "☃ 😀", "\x1b[31m", "\ufeffbom", "1", "2026-01-01T00:00:00+00:00", "'; DROP TABLE memories; --"}
		c.AppendString(texts[pick(len(texts))])
	case format.JSON:
		texts := []string{`{}`, `{"a":1,"a":2}`, `"\ud800"`, ` [1.0, 2] `, `null`, `{"z":1,"a":{"b":[]}}`}
		c.AppendString(texts[pick(len(texts))])
	case format.Bytes:
		texts := []string{"", "\x00", "\xff\xfe", "text"}
		c.AppendString(texts[pick(len(texts))])
	case format.Int:
		ints := []int64{0, -1, math.MaxInt64, math.MinInt64, 1<<53 + 1}
		c.AppendInt(ints[pick(len(ints))])
	case format.Float:
		bits := []uint64{0x7FF8000000000001, 0xFFF8000000000000, 0x7FF0000000000001, 0x7FF0000000000000, 0xFFF0000000000000, 1 << 63, 0, 1, math.Float64bits(0.1), math.Float64bits(1)}
		c.AppendCell(bits[pick(len(bits))])
	case format.Bool:
		c.AppendCell(uint64(n & 1))
	case format.Time:
		times := []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1_770_891_072_123_456_789, 1_770_891_072_000_000_000}
		c.AppendInt(times[pick(len(times))])
	case format.List:
		for _, item := range [][]string{{}, {"a"}, {"", ""}, {"a\x00", "ü", `q"uote`}}[pick(4)] {
			c.AppendItem([]byte(item))
		}
		c.EndList()
	case format.Vector:
		vectors := [][]uint32{{}, {math.Float32bits(1)}, {0x7FC00001, 0x80000000, 0x7F800000}, {1, 2, 3, 4, 5, 6, 7, 8}}
		var raw []byte
		for _, bits := range vectors[pick(len(vectors))] {
			raw = binary.LittleEndian.AppendUint32(raw, bits)
		}
		c.AppendBytes(raw)
	case format.Any:
		c.AppendBytes(value(n).Append(nil))
	case format.Map:
		c.AppendBytes(format.AppendMap(nil, []format.Entry{{Name: "other.a", Value: value(n)}, {Name: "other.zero"}, {Name: "other.ü", Value: value(n + 1)}}))
	}
}

// value is a value that carries its type.
func value(n int) format.Value {
	values := []format.Value{
		format.IntValue(math.MinInt64), format.FloatValue(math.Copysign(0, -1)), {Type: format.Float, Cell: 0x7FF8000000000003}, format.TextValue("a\xff"), format.TextValue("ok"),
		{Type: format.Bool, Cell: 1}, {Type: format.Time, Cell: 5}, {Type: format.JSON, Bytes: []byte(`{"a": 1}`)}, format.BytesValue([]byte{0}),
		{Type: format.List, List: [][]byte{[]byte("x"), {}}}, {Type: format.Vector, Bytes: []byte{0, 0, 192, 127}},
	}
	return values[n%len(values)]
}
