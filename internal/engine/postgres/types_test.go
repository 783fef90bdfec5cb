package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/store"
)

// samples are literals by type. A class is what their cells must be.
var samples = []struct {
	decl   string
	kind   store.Kind
	text   string // an expression for v that gives what the cell reads as, by show
	values []string
}{
	{"bool", store.Boolean, "v::int::text", []string{"true", "false"}},
	{"int2", store.Integer, "v::text", []string{"-32768", "32767", "0"}},
	{"int4", store.Integer, "v::text", []string{"-2147483648", "2147483647"}},
	{"int8", store.Integer, "v::text", []string{"-9223372036854775808", "9223372036854775807"}},
	{"oid", store.Integer, "v::text", []string{"0", "4294967295"}},
	{"float4", store.Real, "v::float8::text", []string{"0.1", "-0", "NaN", "Infinity", "-Infinity", "1e-45", "3.4028235e38"}},
	{"float8", store.Real, "v::text", []string{"0.1", "-0", "NaN", "Infinity", "-Infinity", "5e-324", "1.7976931348623157e308"}},
	{"text", store.Text, "v", []string{"", "a", "zoë \U0001F600", "line\n\ttab", `\N`}},
	{"varchar(5)", store.Text, "v::text", []string{"", "äöüßé", "abc  "}},
	{"varchar", store.Text, "v::text", []string{"abc"}},
	{"char(4)", store.Text, "rpad(v::text, 4)", []string{"", "ab", "äöüß"}},
	{"name", store.Text, "v::text", []string{"", "a name"}},
	{"uuid", store.Text, "v::text", []string{"00000000-0000-0000-0000-000000000000", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}},
	{"json", store.Document, "v::text", []string{`{"b":1, "a":  [1.0,null], "b":2}`, `"x"`, `null`}},
	{"jsonb", store.Document, "v::text", []string{`{"b":1, "a":  [1.0,null], "b":2}`, `"x"`, `1e3`}},
	{"bytea", store.Blob, "encode(v, 'hex')", []string{`\x`, `\x00ff`}},
	{"timestamptz", store.Moment, momentText, []string{"1970-01-01 00:00:00+00", "2000-01-01 00:00:00.000001+00", "4714-11-24 00:00:00+00 BC", "infinity", "-infinity", "294246-12-31 23:59:59+00"}},
	{"timestamp", store.Moment, momentText, []string{"1969-12-31 23:59:59.999999", "infinity"}},
	{"timestamp(3)", store.Moment, momentText, []string{"1969-12-31 23:59:59.999"}},
	{"vector(3)", store.Vector, "v::text", []string{"[1,-0.5,1e-38]", "[0,-0,3]"}},
	{"vector", store.Vector, "v::text", []string{"[1]", "[1,2,3,4]"}},
	{"halfvec(2)", store.Vector, "v::vector::text", []string{"[1,-0.33325195]", "[65504,5.9604645e-08]", "[6.1035156e-05,-0]"}},
	{"sparsevec(5)", store.Text, "v::text", []string{"{1:1.5,3:2}/5"}},
	{"bool[]", store.Array, "to_json(v)::text", []string{"{}", "{t,f,NULL}"}},
	{"int2[]", store.Array, "to_json(v)::text", []string{"{1,-2}"}},
	{"int4[]", store.Array, "replace(to_json(v)::text, E'\\n', '')", []string{"{}", "{1,NULL,-3}", "{{1,2},{3,4}}", "{{{1}},{{2}}}"}},
	{"int8[]", store.Array, "to_json(v)::text", []string{"{9223372036854775807}"}},
	{"float4[]", store.Array, "to_json(v)::text", []string{"{0.1,NULL,NaN,Infinity,-Infinity}"}},
	{"float8[]", store.Array, "to_json(v)::text", []string{"{0.1,-0,1.5,NaN}"}},
	{"text[]", store.Array, "to_json(v)::text", []string{"{}", `{a,"b c",NULL,"NULL",""}`, `{"quote \" and \\ back","zoë"}`}},
	{"varchar(3)[]", store.Array, "to_json(v)::text", []string{"{abc,äöü}"}},
	{"uuid[]", store.Array, "to_json(v)::text", []string{"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"}},
	{"numeric", store.Text, "v::text", []string{"1.10", "NaN", "123456789012345678901234567890.5"}},
	{"date", store.Text, "v::text", []string{"2026-02-03", "infinity"}},
	{"time", store.Text, "v::text", []string{"12:34:56.789"}},
	{"interval", store.Text, "v::text", []string{"1 year 2 mons 3 days 04:05:06"}},
	{"inet", store.Text, "v::text", []string{"10.0.0.1/8", "::1"}},
	{"bit(3)", store.Text, "v::text", []string{"101"}},
	{"varbit", store.Text, "v::text", []string{"10101"}},
	{"numeric[]", store.Text, "v::text", []string{"{1.10,NULL}"}},
	{"int4range", store.Text, "v::text", []string{"[1,5)"}},
	{"mood", store.Text, "v::text", []string{"sad"}},
	{"short", store.Text, "v::text", []string{"abc"}},
	{"mark", store.Moment, momentText, []string{"2020-01-01 00:00:00+00"}},
	{"point", store.Text, "v::text", []string{"(1,2)"}},
	{"xml", store.Text, "v::text", []string{"<a>b</a>"}},
}

const momentText = `CASE v WHEN 'infinity' THEN '9223372036854775807' WHEN '-infinity' THEN '-9223372036854775808'
	ELSE ((extract(epoch FROM date_trunc('second', v))::numeric * 1000000 + extract(microseconds FROM v)::numeric % 1000000)::int8)::text END`

const typesDDL = `CREATE EXTENSION vector; CREATE TYPE mood AS ENUM ('sad', 'ok');
	CREATE DOMAIN short AS varchar(3) CHECK (value <> ''); CREATE DOMAIN mark AS timestamptz`

// show writes a cell as the expression of its sample does.
func show(c *store.Cells, row int, kind store.Kind) string {
	switch c.Kinds[row] {
	case store.Null:
		return "NULL"
	case store.Integer:
		return strconv.FormatInt(c.Int(row), 10)
	case store.Real:
		switch v := c.Float(row); {
		case math.IsNaN(v):
			return "NaN"
		case math.IsInf(v, 0):
			return strings.Replace(strings.TrimPrefix(strconv.FormatFloat(v, 'f', -1, 64), "+"), "Inf", "Infinity", 1)
		default:
			text := strconv.FormatFloat(v, 'g', -1, 64)
			if math.Abs(v) < 1e15 && math.Abs(v) >= 1e-4 || v == 0 {
				text = strconv.FormatFloat(v, 'f', -1, 64)
			}
			return text
		}
	case store.Blob:
		raw := c.Bytes(row)
		if kind != store.Vector {
			return hex.EncodeToString(raw)
		}
		var parts []string
		for ; len(raw) > 0; raw = raw[4:] {
			v := math.Float32frombits(binary.LittleEndian.Uint32(raw))
			text := strconv.FormatFloat(float64(v), 'g', -1, 32)
			if abs := math.Abs(float64(v)); abs < 1e6 && abs >= 1e-4 || v == 0 {
				text = strconv.FormatFloat(float64(v), 'f', -1, 32)
			}
			parts = append(parts, text)
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return string(c.Bytes(row))
}

// Every type is read as the server itself shows it, by COPY and by a cursor, and
// what encode makes of it is what the server had sent.
func TestTypes(t *testing.T) {
	url := database(t, typesDDL)
	var ddl strings.Builder
	for i, s := range samples {
		fmt.Fprintf(&ddl, "CREATE TABLE t%d (id int, v %s);\n", i, s.decl)
		for n, v := range s.values {
			fmt.Fprintf(&ddl, "INSERT INTO t%d VALUES (%d, '%s');\n", i, n, strings.ReplaceAll(v, "'", "''"))
		}
		fmt.Fprintf(&ddl, "INSERT INTO t%d VALUES (-1, NULL);\n", i)
	}
	run(t, url, ddl.String())
	d := open(t, url)
	ctx := context.Background()
	for i, s := range samples {
		t.Run(s.decl, func(t *testing.T) {
			table, err := d.table(ctx, fmt.Sprintf("t%d", i))
			if err != nil {
				t.Fatal(err)
			}
			col := table.column("v")
			if col.kind != s.kind {
				t.Errorf("kind %d, want %d", col.kind, s.kind)
			}
			var want []string
			query := fmt.Sprintf("SELECT coalesce(%s, 'NULL') FROM t%d ORDER BY ctid", s.text, i)
			if _, err := d.collect(ctx, query, nil, nil, func(v [][]byte) error { want = append(want, string(v[0])); return nil }); err != nil {
				t.Fatal(err)
			}
			copied, err := scan(d, store.Query{Table: table.name, Columns: []string{"v"}})
			if err != nil {
				t.Fatal(err)
			}
			fetched, err := scan(d, store.Query{Table: table.name, Columns: []string{"v"}, Shared: true})
			if err != nil {
				t.Fatal(err)
			}
			for row := range want {
				cells := &copied.Columns[0]
				if got := show(cells, row, col.kind); got != want[row] && !(strings.Contains(want[row], "e") && sameFloats(got, want[row])) {
					t.Errorf("cell %q, the server says %q", got, want[row])
				}
				if !cells.Equal(row, &fetched.Columns[0], row) {
					t.Errorf("cursor and COPY differ in row %d", row)
				}
			}
			if copied.N != len(want) || fetched.N != len(want) {
				t.Fatalf("%d and %d rows, want %d", copied.N, fetched.N, len(want))
			}
			if col.codec == nil {
				return
			}
			row := 0
			_, err = d.collect(ctx, "SELECT v FROM "+table.name+" ORDER BY ctid", nil, nil, func(v [][]byte) error {
				defer func() { row++ }()
				if v[0] == nil {
					return nil
				}
				raw, err := col.codec.encode(nil, &copied.Columns[0], row)
				if err != nil || !bytes.Equal(raw, v[0]) {
					t.Errorf("encode gives %x, %v, the server has sent %x", raw, err, v[0])
				}
				out := store.NewRows(1)
				if ok := col.codec.stored(&copied.Columns[0], row, &out.Columns[0]); ok && !copied.Columns[0].Equal(row, &out.Columns[0], 0) {
					t.Errorf("stored gives %q for %q", show(&out.Columns[0], 0, s.kind), want[row])
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// sameFloats compares texts in which exponents may be written in two ways.
func sameFloats(a, b string) bool {
	split := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("[],", r) })
	}
	x, y := split(a), split(b)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		f, errF := strconv.ParseFloat(x[i], 64)
		g, errG := strconv.ParseFloat(y[i], 64)
		if errF != nil || errG != nil || f != g || math.Signbit(f) != math.Signbit(g) {
			return false
		}
	}
	return true
}

// cellsOf makes a column of one cell.
func cellsOf(v any) *store.Cells {
	c := new(store.Cells)
	c.Reset()
	switch v := v.(type) {
	case int:
		c.AppendInt(int64(v))
	case float64:
		c.AppendFloat(v)
	case string:
		c.AppendString(v)
	case []float32:
		var raw []byte
		for _, f := range v {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
		}
		c.AppendBlob(raw)
	case []byte:
		c.AppendBlob(v)
	}
	return c
}

func TestRefused(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	cases := map[string][]any{
		"bool": {2, -1, "true", 1.0}, "int2": {32768, "1", 1.0}, "int4": {1 << 31}, "int8": {1.0}, "oid": {-1, 1 << 32},
		"float4": {0.1, 1e300, 1}, "float8": {1, "1"},
		"text": {"a\x00b", "\xff", 1, []byte("x")}, "varchar(5)": {"abcdef", "abc   "}, "char(4)": {"abcde"}, "name": {strings.Repeat("x", 64)},
		"uuid":  {"", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g", "a0eebc99x9c0b-4ef8-bb6d-6bb9bd380a11"},
		"json":  {"", "{", "{} {}", "nul", "\"\x00\""},
		"jsonb": {"", "[1,]"}, "bytea": {"x"},
		"timestamptz": {math.MinInt64 + 1, firstMoment - 1, "2020-01-01"}, "timestamp(3)": {1001},
		"vector(3)":  {[]float32{}, []float32{1, 2}, []float32{1, 2, nan}, []float32{1, 2, inf}, []byte{1, 2, 3}, "[1,2,3]"},
		"vector":     {make([]float32, 16001)},
		"halfvec(2)": {[]float32{0.1, 1}, []float32{65536, 1}, []float32{1e-8, 1}, []float32{1}},
		"bool[]":     {"[1]", "{}", "[true", "true", ""}, "int2[]": {"[32768]", "[1.0]", "[[1],2]", "[[1],[2,3]]", "[[],[]]", "[[[[[[[1]]]]]]]", "[0:1]=[1]", "[x]=[1]", `["1"]`, `[{"a":1}]`, "[1][2]"},
		"float4[]": {"[0.123456789]", "[1e60]"}, "float8[]": {"[9007199254740993]", `["x"]`}, "text[]": {`["\u0000"]`, "[1]"}, "varchar(3)[]": {`["abcd"]`}, "uuid[]": {`["x"]`},
	}
	d := open(t, database(t, typesDDL+"; CREATE TABLE t ("+columnList()+")"))
	table, err := d.table(context.Background(), "t")
	if err != nil {
		t.Fatal(err)
	}
	for decl, values := range cases {
		col := table.column(decl)
		for _, v := range values {
			cells := cellsOf(v)
			if raw, err := col.codec.encode([]byte("kept"), cells, 0); !errors.Is(err, errRefused) || !bytes.HasPrefix(raw, []byte("kept")) {
				t.Errorf("%s takes %.40v: %v", decl, v, err)
			}
			out := store.NewRows(1)
			if col.codec.stored(cells, 0, &out.Columns[0]) || out.Columns[0].Len() != 0 || len(out.Columns[0].Data) != 0 {
				t.Errorf("%s stores %.40v", decl, v)
			}
		}
	}
}

// columnList has a column of each type, under its declaration as name.
func columnList() string {
	var parts []string
	for _, s := range samples {
		parts = append(parts, store.QuoteName(s.decl)+" "+s.decl)
	}
	return strings.Join(parts, ", ")
}

// What stored promises is what the database gives back.
func TestStored(t *testing.T) {
	cases := map[string][]any{
		"bool": {1}, "float4": {math.Copysign(0, -1), math.NaN(), math.Float64frombits(0x7ff8dead00000001)}, "float8": {math.Copysign(0, -1), math.Float64frombits(0x7ff8dead00000001)},
		"char(4)": {"", "ä", "abc "}, "uuid": {"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}, "json": {` {"a" : 1} `}, "timestamptz": {math.MaxInt64, math.MinInt64, firstMoment, math.MaxInt64 - 1},
		"vector(3)": {[]float32{1, -0.5, 0.1}}, "halfvec(2)": {[]float32{0.5, 65504}},
		"int4[]": {"[ 1 , null ]", "[0:1]=[1,2]", "[-1:0][2:2]=[[1],[2]]", "[]", "[[1,2],[3,4]]"}, "float8[]": {"[1.50, 1e0, -0.0]"}, "float4[]": {`[0.10,"NaN"]`}, "text[]": {`["\u00e4", "]=", null]`, `["]="]`}, "bool[]": {"[true,null]"},
	}
	url := database(t, typesDDL+"; CREATE TABLE t ("+columnList()+")")
	ctx := context.Background()
	d, err := connect(ctx, location(t, url))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.begin(ctx, "BEGIN"); err != nil {
		t.Fatal(err)
	}
	table, err := d.table(ctx, "t")
	if err != nil {
		t.Fatal(err)
	}
	for decl, values := range cases {
		col := table.column(decl)
		for _, v := range values {
			cells, out := cellsOf(v), store.NewRows(1)
			raw, err := col.codec.encode([]byte{}, cells, 0)
			if err != nil || !col.codec.stored(cells, 0, &out.Columns[0]) {
				t.Errorf("%s refuses %v: %v", decl, v, err)
				continue
			}
			name := store.QuoteName(decl)
			got := store.NewRows(1)
			_, err = d.collect(ctx, "INSERT INTO t ("+name+") VALUES ($1) RETURNING "+name, [][]byte{raw}, []uint32{col.codec.oid}, func(values [][]byte) error {
				return appendValues(got, []*column{col}, values)
			})
			if err != nil || got.N != 1 || !got.Columns[0].Equal(0, &out.Columns[0], 0) {
				t.Errorf("%s stored promises %v for %v, the database gives %v, %v", decl, out.Columns[0], v, got.Columns[0], err)
			}
		}
	}
}

func TestMomentBeyondCells(t *testing.T) {
	c := store.NewRows(1)
	raw := binary.BigEndian.AppendUint64(nil, math.MaxInt64-epoch)
	if err := momentCodec(-1).decode(raw, &c.Columns[0]); err == nil {
		t.Fatal("a moment became infinity")
	}
}

func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		bits := fromHalf(uint16(h))
		if h&0x7c00 == 0x7c00 {
			continue // no finite number
		}
		if back, ok := toHalf(bits); !ok || back != uint16(h) {
			t.Fatalf("half %#x is %#x and then %#x, %v", h, bits, back, ok)
		}
		if _, ok := toHalf(bits | 1); ok && bits&1 == 0 {
			t.Fatalf("%#x is taken for a half", bits|1)
		}
	}
}

// What fits at a glance passes the check of each cell.
func TestFits(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	texts := [][]byte{nil, []byte("a"), []byte("日本"), []byte("日"), {0xE6, 0x97}, {0xA5}, {0xFF}, []byte("nul\x00"), []byte("é")}
	vectors := [][]byte{nil, {0, 0, 128, 63}, {0, 0, 128, 63, 0, 0, 0, 192}, {0, 0, 128, 63, 0, 0, 128, 127}, {0, 0, 192, 255}, {1, 2, 3}, {0, 0, 128, 63, 1, 2}, make([]byte, 12), make([]byte, 4*16001)}
	for name, c := range map[string]struct {
		codec *codec
		kind  store.Kind
		of    [][]byte
	}{
		"text": {textCodec(math.MaxInt), store.Text, texts}, "vector": {vectorCodec(-1, false), store.Blob, vectors}, "vector(2)": {vectorCodec(2, false), store.Blob, vectors},
	} {
		fit := 0
		for range 20000 {
			var cells store.Cells
			cells.Reset()
			for range r.IntN(4) {
				switch v := c.of[r.IntN(len(c.of))]; r.IntN(12) {
				case 0:
					cells.AppendNull()
				case 1:
					cells.AppendInt(7)
				default:
					if c.kind == store.Text {
						cells.AppendText(v)
					} else {
						cells.AppendBlob(v)
					}
				}
			}
			passes := true
			for row := range cells.Len() {
				passes = passes && (cells.Kinds[row] == store.Null || c.codec.check(&cells, row) == nil)
			}
			if fits := c.codec.fits(&cells); fits && !passes {
				t.Fatalf("%s: %+v fits, but does not pass", name, cells)
			} else if fits != passes && name != "text" {
				t.Fatalf("%s: %+v passes, but does not fit", name, cells)
			} else if fits && cells.Len() > 1 {
				fit++
			}
		}
		if fit < 100 {
			t.Errorf("%s: %d columns fit", name, fit)
		}
	}
}
