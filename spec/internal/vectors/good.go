package vectors

import (
	_ "embed"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Values that are lost where a reader takes a shorter way.
const (
	minInt = math.MinInt64
	maxInt = math.MaxInt64
	qnan   = 0x7FF8000000000001 // a quiet NaN with a payload
	snan   = 0xFFF0000000000001 // a signalling one, negative
)

// full is a section with a field of every type, names not ascending.
var full = section{"full", []string{"z", "i"}, fields("z", "text", "j", "json", "b", "bytes", "i", "int", "f", "float", "o", "bool",
	"t", "time", "l", "list", "v", "vector", "a", "any", "m", "map")}

// anys is a value of every tag that `any` takes.
var anys = []value{
	boolean(false), boolean(true), integer(0), integer(minInt), integer(maxInt), float(1.5), float(math.Copysign(0, -1)), bits(qnan),
	bits(snan), float(math.Inf(-1)), text(""), text("a\x00\"\\\n\x1b\u2028😀"), text("\xff\xfe not UTF-8"), jsonText(` {"a":1,"a":2.50} `),
	blob(""), blob("\x00\xff"), nanoseconds(0), nanoseconds(minInt), list(), list("", "ß"), vector(), vector(0x7F800001, 0x80000000),
}

func fullRows() (rows []row) {
	var entries []entry
	for i, v := range anys {
		entries = append(entries, entry{fmt.Sprintf("k%02d", i), v})
	}
	rows = append(rows,
		row{text("first"), jsonText(`{"b":[1.0, null],"b":"\ud800"}`), blob("\xff\x00"), integer(minInt), float(0.1), boolean(true), nanoseconds(maxInt),
			list("a", "", "日本"), vector(0x3FC00000, 0x80000000, 0x7F800000), text("any"), mapping(append(entries, entry{"null", nil})...)},
		make(row, 11),
		row{text(""), jsonText(" 0 "), blob(""), integer(maxInt), bits(qnan), boolean(false), nanoseconds(minInt), list(), vector(), nil, nil},
		row{text("nul \x00 in text"), jsonText(`"\u0000"`), nil, integer(0), bits(snan), nil, nanoseconds(-1), list("\x00"), vector(0xFFC00001, 1), nil, nil},
		row{text("é\u0301\u200d😀"), nil, nil, integer(1<<53 + 1), float(math.Copysign(0, -1)), nil, nanoseconds(1), nil, nil, nil, mapping(entry{"\x01", nil})},
		row{nil, nil, nil, integer(-1), float(math.Inf(1)), nil, nanoseconds(1_700_000_000_123_456_789), nil, vector(0, 0, 0, 0), nil, nil},
		row{nil, nil, nil, nil, float(5e-324), nil, nanoseconds(1_000_000_000), nil, nil, nil, nil},
		row{nil, nil, nil, nil, float(math.MaxFloat64), nil, nanoseconds(-1_500_000_000), nil, nil, nil, nil},
		row{nil, nil, nil, nil, float(9007199254740993), nil, nil, nil, nil, nil, nil},
	)
	for i, v := range anys {
		rows = append(rows, row{text(fmt.Sprint("any ", i)), nil, nil, nil, nil, nil, nil, nil, nil, v, mapping(entry{"x.y", v}, entry{"é", nil})})
	}
	return rows
}

// small is the section of most vectors.
var small = section{"s", []string{"k"}, fields("k", "text", "n", "int")}

func pair(k string, n int64) row { return row{text(k), integer(n)} }

// three is an archive of three chunks of the section small.
func three(encoding string) archive {
	return archive{encoding: encoding, sections: []section{small}, chunks: []chunk{
		{section: "s", rows: []row{pair("a", 1), pair("b", 2)}},
		{section: "s", rows: []row{pair("c", 3), {text("d"), nil}}},
		{section: "s", rows: []row{pair("e", 5)}},
	}}
}

// one is an archive of a chunk of small and one of a section with one field.
func one(encoding, kind string, values ...value) archive {
	a := archive{encoding: encoding, sections: []section{small, {"x", nil, fields("x", kind)}},
		chunks: []chunk{{section: "s", rows: []row{pair("a", 1)}}, {section: "x"}}}
	for _, v := range values {
		a.chunks[1].rows = append(a.chunks[1].rows, row{v})
	}
	return a
}

// repeated.zst is what `zstd -19 --check` of version 1.5.4 makes of repeated.
//
//go:embed repeated.zst
var repeatedFrame []byte

// repeated is rows whose lines fill several zstd blocks and compress well.
func repeated() (rows []row) {
	words := strings.Fields("the agent remembers what people told it about tea, trains and the weather in Bergen")
	x := 1
	for i := range 1400 {
		sentence := ""
		for range 3 {
			x = (x*1103515245 + 12345) & 0x7FFFFFFF
			sentence += strings.Join(words[x>>16&3:], " ") + "; " + words[x>>20&7] + ". "
		}
		rows = append(rows, pair(sentence, int64(i)))
	}
	return rows
}

var both = []string{"ndjson", "arrow"}

func good(s *set) {
	for _, encoding := range both {
		s.ok("empty-"+encoding, "No records: the content digest is SHA-256(03).", archive{encoding: encoding, sections: []section{small}})
		s.ok("types-"+encoding, "Every type with its hard values, nulls, and every tag of any and map.", archive{encoding: encoding,
			sections: []section{full}, chunks: []chunk{{section: "full", rows: fullRows()[:4]}, {section: "full", rows: fullRows()[4:]}}})
		s.ok("chunks-"+encoding, "Three chunks of one section.", three(encoding))
		s.ok("no-fields-"+encoding, "Records of a section without fields and key: all of them are equal.", archive{encoding: encoding,
			sections: []section{{name: "nothing"}}, chunks: []chunk{{section: "nothing", rows: []row{{}, {}, {}}}}})
		s.ok("vectors-"+encoding, "Vectors of length 0, of different lengths, null, with NaN payloads and negative zero.", one(encoding, "vector",
			vector(), vector(1, 2, 3), nil, vector(0x7FC12345, 0xFFFFFFFF, 0x80000000), vector(), vector(0x3F800000)))
		s.ok("vector-names-"+encoding, "A vector may have the name of another vector's column, since it is replaced itself.", archive{encoding: encoding,
			sections: []section{{"x", []string{"v"}, fields("v.0", "vector", "v", "vector", "v.4", "int")}},
			chunks:   []chunk{{section: "x", rows: []row{{vector(1), vector(2, 3), integer(4)}, {nil, vector(5), nil}}}}})
		a := archive{encoding: encoding, sections: []section{small, {"t", nil, fields("x", "bool")}, {"vendor.table", []string{"x"}, fields("x", "any")}}}
		for i := range 3 {
			a.chunks = append(a.chunks, chunk{section: "t", rows: []row{{boolean(i == 1)}}}, chunk{section: "s", rows: []row{pair("k", int64(i))}},
				chunk{section: "vendor.table", rows: []row{{integer(int64(i))}, {text("x")}}})
		}
		s.ok("interleaved-"+encoding, "Chunks of three sections alternate, one of them a passthrough section.", a)
	}
	goodRecords(s)
	goodManifest(s)
	goodLines(s)
	goodArrow(s)
	goodZstd(s)
}

func goodRecords(s *set) {
	a := archive{encoding: "ndjson"}
	for n := 1; n <= 9; n++ {
		name := fmt.Sprint("s", n)
		a.sections = append(a.sections, section{name, []string{"x"}, fields("x", "int")})
		c := chunk{section: name}
		for i := range n {
			c.rows = append(c.rows, row{integer(int64(i))})
		}
		a.chunks = append(a.chunks, c)
	}
	s.ok("merkle", "Sections of 1 to 9 records: every shape of a small Merkle tree.", a)

	x := section{"x", []string{"b", "a"}, fields("a", "any", "b", "text")}
	s.ok("keys", "Keys in another order than the fields, partly null, and records that are equal in key or in all.", archive{encoding: "arrow", sections: []section{x},
		chunks: []chunk{{section: "x", rows: []row{{nil, nil}, {nil, text("1")}, {integer(1), nil}, {integer(1), text("1")}, {integer(1), text("1")}, {text("1"), text("1")}}}}})

	names := []section{{"\uFF5E", nil, fields("\uFF5E", "int", "\U00010000", "int", "a.b", "int", "a", "int")}, {"\U00010000", nil, fields("x", "int")},
		{strings.Repeat("n", 1024), []string{strings.Repeat("f", 1024)}, fields(strings.Repeat("f", 1024), "int")}}
	s.ok("names", "Names of 1024 bytes, and names whose order by bytes is not their order in UTF-16.", archive{encoding: "ndjson", sections: names, chunks: []chunk{
		{section: "\U00010000", rows: []row{{integer(1)}}}, {section: "\uFF5E", rows: []row{{integer(1), integer(2), integer(3), integer(4)}}},
		{section: names[2].name, rows: []row{{integer(1)}}}}})

	s.ok("tags", "Values that differ only in their tag have different digests.", one("arrow", "any", text("1"), blob("1"), jsonText("1"), integer(1),
		nanoseconds(1), bits(1), list("1"), vector(1), boolean(true)))
	s.ok("unordered", "A section's records may come in any order.", one("ndjson", "int", integer(3), integer(1), integer(2), integer(-1)))
}

func goodManifest(s *set) {
	change := func(f func(m map[string]any)) archive {
		a := three("ndjson")
		a.manifest = f
		return a
	}
	unknown := map[string]any{"deep": []any{nil, map[string]any{"x": 1.5}}, "null": nil}
	a := change(func(m map[string]any) {
		m["future"], m["nothing"] = unknown, nil
		m["sections"].([]any)[0].(map[string]any)["future"] = unknown
		m["sections"].([]any)[0].(map[string]any)["fields"].([]any)[0].(map[string]any)["future"] = unknown
	})
	a.end = func(m map[string]any) {
		m["future"], m["nothing"] = unknown, nil
		m["sections"].([]any)[0].(map[string]any)["future"] = unknown
	}
	s.ok("unknown-members", "Members that version 1 does not know are ignored, in the manifest and in the end block, null or not.", a)
	s.ok("member-case", "Names of members are compared bytewise: these are unknown ones.", change(func(m map[string]any) {
		m["Encoding"], m["SECTIONS"], m["Writer"] = "arrow", []any{}, 1
	}))
	s.ok("origin", "Every optional member of the manifest.", change(func(m map[string]any) {
		m["created"], m["options"] = "2026-01-02T03:04:05Z", map[string]any{"since": "2026"}
		m["origin"] = map[string]any{"engine": "sqlite", "layout": "vendor", "version": "3", "tables": []any{map[string]any{"name": `t"; --`,
			"columns": []any{map[string]any{"name": "c", "type": "INTEGER", "notnull": true, "default": map[string]any{"f": 1.5}}}, "primary": []any{"c"}}}}
		m["spaces"] = []any{map[string]any{"id": "e", "model": "m", "provider": "p", "dimension": 3, "element": "f32", "normalized": true, "hash": "h"}}
	}))
	s.ok("nesting", "JSON that is nested 64 deep.", change(func(m map[string]any) { m["deep"] = nested(63) }))
	a = three("ndjson")
	a.manifestText = func(t string) string {
		return "\r\n\t {" + strings.ReplaceAll(t[1:], `"writer"`, `"\u0077riter" `) + "\n"
	}
	a.endText = func(t string) string { return " " + strings.ReplaceAll(t, ",", " ,\t") + "\r\n" }
	s.ok("json-space", "White space and escapes in the manifest and the end block.", a)
	a = three("arrow")
	a.end = func(m map[string]any) {
		m["losses"] = []any{map[string]any{"code": "trigger", "where": "t", "count": 2, "reason": "not carried", "accepted": true}}
	}
	s.ok("losses", "A loss ledger with an entry.", a)
	flag := func(change func(*guide)) archive {
		a := three("ndjson")
		a.guide = change
		return a
	}
	s.ok("flag-compatible", "An unknown compatible flag.", flag(func(g *guide) { g.compatible = 1 << 31 }))
	s.ok("flag-read-compatible", "An unknown read-compatible flag: the archive can be read, not rewritten.", flag(func(g *guide) { g.readCompatible = 1 }))
	s.ok("guide-empty", "The guide has no text.", flag(func(g *guide) { g.text = "" }))
}

// nested is an array in an array, depth times.
func nested(depth int) any {
	var v any = []any{}
	for range depth - 1 {
		v = []any{v}
	}
	return v
}

// form is an archive with one value in a given JSON form.
func form(kind, written string, v value) archive {
	a := one("ndjson", kind, v)
	a.chunks[1].data = []byte(`{"$section":"x","x":` + written + "}\n")
	return a
}

func goodLines(s *set) {
	a := one("ndjson", "text", text("a/é😀\"\\\b\f\n\r\t"), nil)
	a.chunks[1].data = []byte(" \t{ \"\\u0024section\"\t:\r\"\\u0078\" , \"\\u0078\" : \"\\u0061\\/\\u00e9\\ud83d\\ude00\\\"\\\\\\b\\f\\n\\r\\t\" }\r\n{\"$section\":\"x\"} \n")
	s.ok("ndjson-strings", "Every escape of a string, and white space between tokens.", a)
	numbers := map[string]float64{"15e-1": 1.5, "1.50E+00": 1.5, "-0": math.Copysign(0, -1), "-0.0e9": math.Copysign(0, -1), "1e-400": 0,
		"1.7976931348623157e308": math.MaxFloat64, "1.7976931348623158079e308": math.MaxFloat64, "2.4703282292062328e-324": 5e-324, "0.1000000000000000055511151231257827": 0.1}
	a, data := one("ndjson", "float"), ""
	for _, written := range slices.Sorted(maps.Keys(numbers)) {
		a.chunks[1].rows = append(a.chunks[1].rows, row{float(numbers[written])})
		data += `{"$section":"x","x":` + written + "}\n"
	}
	a.chunks[1].data = []byte(data)
	s.ok("ndjson-numbers", "Numbers in forms that a writer does not choose, and those next to the smallest and the largest.", a)
	s.ok("ndjson-map-order", "The members of a map come in any order.", form("map", `{"b":{"f":1},"a":null,"B":"x"}`, mapping(entry{"a", nil}, entry{"b", float(1)}, entry{"B", text("x")})))
	deep := `{"$section":"x","x":"` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + "\"}\n"
	a = one("ndjson", "json", jsonText(strings.Repeat("[", 10000)+strings.Repeat("]", 10000)))
	a.chunks[1].data = []byte(deep)
	s.ok("json-deep", "A json value that is nested 10 000 deep.", a)
}

func goodArrow(s *set) {
	loose := func(name, comment string, kind string, fault func(*stream), values ...value) {
		a := one("arrow", kind, values...)
		a.chunks[1].data = arrow(a.sections[1].fields, a.chunks[1].rows, fault)
		s.ok("arrow-"+name, comment, a)
	}
	loose("padding", "Padding and cells under a null mean nothing.", "int", func(s *stream) {
		for i := 1; i < 8; i++ {
			s.body[i] = 0xAA
		}
		s.body[0] |= 0xF8
		copy(s.body[16:24], "\x01\x02\x03\x04\x05\x06\x07\x08")
	}, integer(1), nil, integer(3))
	loose("bitmap", "Where null_count is 0 the bitmap is not looked at.", "int", func(s *stream) {
		s.body, s.buffers = cat(make([]byte, 8), s.body), [][2]int64{{0, 8}, {8, 16}}
	}, integer(1), integer(2))
	loose("no-items", "A list column without items may have an empty offsets buffer in its child.", "list", func(s *stream) {
		s.body, s.buffers = s.body[:16], [][2]int64{{0, 0}, {0, 12}, {16, 0}, {16, 0}, {16, 0}}
	}, list(), list())
	loose("child-name", "The child of a list may have any name, and need not be nullable.", "list", func(s *stream) {
		s.columns[0] = table(str("x"), byte(1), byte(12), table(), nil, refs(table(str("element"), byte(0), byte(5), table())))
	}, list("a", "b"), nil)
	loose("no-nulls", "A column of nulls only.", "any", nil, nil, nil, nil)
	loose("long-buffers", "Buffers that are longer than the arrays need.", "text", func(s *stream) {
		s.buffers[1][1], s.buffers[2][1] = 16, 8
	}, text("a"), text("b"))
	loose("gaps", "Gaps between buffers.", "int", func(s *stream) {
		s.body, s.buffers[1][0] = cat(make([]byte, 64), s.body), 64
	}, integer(7))
}

func goodZstd(s *set) {
	of := func(a archive, frame func([]byte) []byte) archive {
		data := lines(&small, a.chunks[1].rows)
		a.chunks[1].data, a.chunks[1].frame = data, frame(data)
		return a
	}
	plain := func(f zstdFrame) archive { return of(three("ndjson"), f.bytes) }
	s.ok("zstd-raw", "A frame of many raw blocks.", plain(zstdFrame{rawOnly: true, most: 7}))
	s.ok("zstd-runs", "A frame of raw and run-length blocks, some of them empty.", of(three("ndjson"), func(data []byte) []byte {
		return zstdFrame{blocks: cat(zstdBlock(0, 0, nil, false), zstdBlock(0, len(data)-2, data, false)[:len(data)+1], zstdBlock(1, 1, []byte("}"), false),
			zstdBlock(1, 0, []byte("x"), false), zstdBlock(1, 1, []byte("\n"), true))}.bytes(data)
	}))
	s.ok("zstd-window", "A window of 8 MiB, the largest.", plain(zstdFrame{window: 13 << 3}))
	s.ok("zstd-size-1", "The content size in one byte.", plain(zstdFrame{sizeBytes: 1}))
	s.ok("zstd-size-8", "The content size in eight bytes.", plain(zstdFrame{sizeBytes: 8}))
	a := three("ndjson")
	a.chunks[1].rows = []row{{text(strings.Repeat("many ", 60)), nil}}
	s.ok("zstd-size-2", "The content size in two bytes, which count from 256.", of(a, zstdFrame{sizeBytes: 2}.bytes))
	a = three("ndjson")
	a.chunks[1] = chunk{section: "s", rows: repeated(), frame: repeatedFrame}
	s.ok("zstd-compressed", "A frame of several compressed blocks, with Huffman trees and sequences.", a)
	// A run-length block of 128 KiB takes 4 bytes, so that 8 of them and the frame exceed the free MiB by what the payload allows.
	a = three("ndjson")
	data, frame := spaces(0)
	data, frame = spaces(1<<20 + 1000*len(frame) - len(data))
	a.chunks[1] = chunk{section: "s", rows: []row{pair("c", 3)}, data: data, frame: frame}
	s.ok("ratio", "A chunk whose data length is exactly 1 MiB + 1000 × payload length.", a)
}

// spaces is a line with so many spaces and its frame, whose length does not depend on n.
func spaces(n int) (data, frame []byte) {
	head, tail := []byte(`{"$section":"s","k":"c","n":3`), []byte("}\n")
	data = cat(head, []byte(strings.Repeat(" ", n)), tail)
	blocks := zstdBlock(0, len(head), head, false)
	for range 16 {
		part := min(n, 128<<10)
		blocks = append(blocks, zstdBlock(1, part, []byte(" "), false)...)
		n -= part
	}
	return data, zstdFrame{blocks: cat(blocks, zstdBlock(0, len(tail), tail, true))}.bytes(data)
}
