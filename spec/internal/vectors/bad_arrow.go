package vectors

import "math"

// badArrow are faults of the Arrow stream and of the values in it. FORMAT.md
// sections 5.1 and 6.1.
func badArrow(s *set) {
	badStream(s)
	badArrays(s)
	badValues(s)
}

// faulty is an archive whose second chunk has one field and a fault.
func faulty(kind string, fault func(*stream), values ...value) archive {
	a := one("arrow", kind, values...)
	a.chunks[1].data = arrow(a.sections[1].fields, a.chunks[1].rows, fault)
	return a
}

func badStream(s *set) {
	bad := func(name, comment string, fault func(*stream)) {
		s.bad("arrow", "arrow-"+name, comment, 1, faulty("int", fault, integer(1), nil, integer(3)))
	}
	joined := func(name, comment string, join func(schema, batch, end []byte) []byte) {
		bad(name, comment, func(x *stream) { x.join = join })
	}
	joined("empty", "No bytes.", func(_, _, _ []byte) []byte { return []byte{} })
	joined("no-end", "No end of stream.", func(schema, batch, _ []byte) []byte { return cat(schema, batch) })
	joined("short-end", "The end of stream has four bytes.", func(schema, batch, end []byte) []byte { return cat(schema, batch, end[:4]) })
	joined("two-ends", "Two ends of stream.", func(schema, batch, end []byte) []byte { return cat(schema, batch, end, end) })
	joined("byte-behind", "A byte behind the end of stream.", func(schema, batch, end []byte) []byte { return cat(schema, batch, end, []byte{0}) })
	joined("two-batches", "Two record batches.", func(schema, batch, end []byte) []byte { return cat(schema, batch, batch, end) })
	joined("no-batch", "No record batch.", func(schema, _, end []byte) []byte { return cat(schema, end) })
	joined("no-schema", "No schema.", func(_, batch, end []byte) []byte { return cat(batch, end) })
	joined("two-schemas", "Two schemas.", func(schema, batch, end []byte) []byte { return cat(schema, schema, batch, end) })
	joined("file", "The Arrow file format.", func(schema, batch, end []byte) []byte { return cat([]byte("ARROW1\x00\x00"), schema, batch, end) })
	joined("no-continuation", "A message without continuation marker.", func(schema, batch, end []byte) []byte { return cat(schema[4:], batch, end) })
	joined("metadata-length", "Metadata that is longer than the stream.", func(schema, batch, end []byte) []byte {
		return cat(u32(0xFFFFFFFF), u32(1<<30), schema[8:], batch, end)
	})
	joined("metadata-negative", "A metadata length of -8.", func(schema, batch, end []byte) []byte {
		return cat(u32(0xFFFFFFFF), u32(0xFFFFFFF8), schema[8:], batch, end)
	})
	joined("metadata-odd", "A metadata length that is no multiple of 8.", func(schema, batch, end []byte) []byte {
		return cat(u32(0xFFFFFFFF), u32(len(schema)-8+4), schema[8:], make([]byte, 4), batch, end)
	})
	joined("metadata-zeros", "Metadata of zeros.", func(schema, batch, end []byte) []byte { return cat(schema, batch[:8], make([]byte, len(batch)-8), end) })
	joined("metadata-ones", "Metadata whose every offset leads outside.", func(schema, batch, end []byte) []byte {
		batch = cat(batch)
		for i := 8; i < 32; i++ {
			batch[i] = 0xFF
		}
		return cat(schema, batch, end)
	})
	bad("version", "Metadata version V4.", func(x *stream) { x.version = 3 })
	bad("schema-kind", "A dictionary batch in place of the schema.", func(x *stream) { x.schemaKind = 2 })
	bad("batch-kind", "A tensor in place of the record batch.", func(x *stream) { x.batchKind = 4 })
	bad("big-endian", "A big-endian schema.", func(x *stream) { x.endian = int16(1) })
	bad("metadata", "Custom metadata of a message.", func(x *stream) { x.metadata = note() })
	bad("schema-metadata", "Custom metadata of the schema.", func(x *stream) { x.schemaMetadata = note() })
	bad("features", "A feature.", func(x *stream) { x.features = items(1, u64(2)) })
	bad("schema-body", "A schema message with a body.", func(x *stream) { x.schemaBody = make([]byte, 8) })
	bad("compression", "Compressed buffers.", func(x *stream) { x.compression = table(byte(1)) })
	bad("variadic", "Variadic buffers.", func(x *stream) { x.variadic = items(1, u64(0)) })
	bad("more-columns", "More columns than fields.", func(x *stream) { x.columns = append(x.columns, arrowField("y", "int")) })
	bad("fewer-columns", "Fewer columns than fields.", func(x *stream) { x.columns = nil })
	bad("columns-huge", "A vector of 2^32 - 1 columns.", func(x *stream) { x.columns = append(x.columns, arrowField("y", "int")); x.join = hugeVector })
	bad("column-name", "A column with another name.", func(x *stream) { x.columns[0] = arrowField("y", "int") })
	for _, kind := range []string{"float", "time", "bool", "text", "bytes", "list"} {
		bad("column-"+kind, "A column of another type: "+kind+".", func(x *stream) { x.columns[0] = arrowField("x", kind) })
	}
	column := func(name, comment string, slots ...any) {
		bad(name, comment, func(x *stream) { x.columns[0] = table(append([]any{str("x")}, slots...)...) })
	}
	column("column-int32", "A column of 32-bit integers.", byte(1), byte(2), table(int32(32), byte(1)), nil, refs())
	column("column-unsigned", "A column of unsigned integers.", byte(1), byte(2), table(int32(64), byte(0)), nil, refs())
	column("column-required", "A column that is not nullable.", byte(0), byte(2), arrowType("int"), nil, refs())
	column("column-dictionary", "A column with a dictionary.", byte(1), byte(2), arrowType("int"), table(int64(1)), refs())
	column("column-metadata", "A column with custom metadata.", byte(1), byte(2), arrowType("int"), nil, refs(), note())
	column("column-children", "A column of integers with a child.", byte(1), byte(2), arrowType("int"), nil, refs(arrowField("c", "int")))
	column("column-no-type", "A column without type.", byte(1), byte(2))
	other := func(name, comment, kind string, v value, slots ...any) {
		s.bad("arrow", "arrow-"+name, comment, 1, faulty(kind, func(x *stream) { x.columns[0] = table(append([]any{str("x"), byte(1)}, slots...)...) }, v))
	}
	other("column-float32", "A column of 32-bit floats.", "float", float(1), byte(3), table(int16(1)))
	other("column-microseconds", "Times in microseconds.", "time", nanoseconds(1), byte(10), table(int16(2), str("UTC")))
	other("column-zone", "Times in another zone.", "time", nanoseconds(1), byte(10), table(int16(3), str("Europe/Berlin")))
	other("column-no-zone", "Times without a zone.", "time", nanoseconds(1), byte(10), table(int16(3)))
	other("column-large", "LargeUtf8.", "text", text("a"), byte(20), table())
	other("column-large-list", "LargeList.", "list", list("a"), byte(21), table(), nil, refs(arrowField("item", "text")))
	other("list-no-child", "A list without child.", "list", list("a"), byte(12), table(), nil, refs())
	other("list-two-children", "A list with two children.", "list", list("a"), byte(12), table(), nil, refs(arrowField("item", "text"), arrowField("item", "text")))
	other("list-of-ints", "A list of integers.", "list", list("a"), byte(12), table(), nil, refs(arrowField("item", "int")))
	other("list-child-metadata", "A list's child with custom metadata.", "list", list("a"), byte(12), table(), nil,
		refs(table(str("item"), byte(1), byte(5), table(), nil, refs(), note())))
	other("list-child-dictionary", "A list's child with a dictionary.", "list", list("a"), byte(12), table(), nil,
		refs(table(str("item"), byte(1), byte(5), table(), table(int64(1)), refs())))
}

// hugeVector writes 2^32 - 1 over the length of the schema's columns, which are two.
func hugeVector(schema, batch, end []byte) []byte {
	for at := 8; at+4 <= len(schema); at += 4 {
		if le.Uint32(schema[at:]) == 2 && at%8 == 4 {
			schema = cat(schema[:at], u32(math.MaxUint32), schema[at+4:])
			break
		}
	}
	return cat(schema, batch, end)
}

func badArrays(s *set) {
	bad := func(name, comment, kind string, values []value, fault func(*stream)) {
		s.bad("arrow", "arrow-"+name, comment, 1, faulty(kind, fault, values...))
	}
	ints, texts, lists, bools := []value{integer(1), nil, integer(3)}, []value{text("ab"), nil, text("c")}, []value{list("a", "b"), nil, list("c")}, []value{boolean(true), nil}
	vectors := []value{vector(1, 2), nil, vector(3)}
	node := func(i int, length, nulls int64) func(*stream) {
		return func(x *stream) { x.nodes[i] = [2]int64{length, nulls} }
	}
	buffer := func(i int, offset, length int64) func(*stream) {
		return func(x *stream) { x.buffers[i] = [2]int64{offset, length} }
	}
	at := func(i, at int, v uint32) func(*stream) {
		return func(x *stream) { le.PutUint32(x.body[int(x.buffers[i][0])+4*at:], v) }
	}
	bad("batch-length", "A record batch of another length.", "int", ints, func(x *stream) { x.length = 4 })
	bad("array-length", "An array of another length.", "int", ints, node(0, 4, 1))
	bad("array-negative", "An array of length -1.", "int", ints, node(0, -1, 0))
	bad("array-huge", "An array of length 2^62.", "int", ints, node(0, 1<<62, 1))
	bad("nulls-fewer", "Fewer nulls than the bitmap has.", "int", []value{nil, nil, integer(1)}, node(0, 3, 1))
	bad("nulls-more", "More nulls than the bitmap has.", "int", ints, node(0, 3, 2))
	bad("nulls-negative", "A null count of -1, which Arrow uses for unknown.", "int", ints, node(0, 3, -1))
	bad("nulls-no-bitmap", "Nulls without a bitmap.", "int", ints, buffer(0, 0, 0))
	bad("node-missing", "No node.", "int", ints, func(x *stream) { x.nodes = nil })
	bad("node-more", "A node too many.", "int", ints, func(x *stream) { x.nodes = append(x.nodes, x.nodes[0]) })
	bad("buffer-missing", "A buffer is missing.", "int", ints, func(x *stream) { x.buffers = x.buffers[:1] })
	bad("buffer-more", "A buffer too many.", "int", ints, func(x *stream) { x.buffers = append(x.buffers, [2]int64{0, 0}) })
	bad("buffer-outside", "A buffer that ends behind the body.", "int", ints, buffer(1, 8, 32))
	bad("buffer-far", "A buffer at 2^62.", "int", ints, buffer(1, 1<<62, 24))
	bad("buffer-overflow", "A buffer whose end overflows 64 bits.", "int", ints, buffer(1, math.MaxInt64-7, 24))
	bad("buffer-negative", "A buffer at -8.", "int", ints, buffer(1, -8, 24))
	bad("buffer-length-negative", "A buffer of length -1.", "int", ints, buffer(1, 8, -1))
	bad("buffer-short", "A buffer that is too short for the array.", "int", ints, buffer(1, 8, 23))
	bad("buffer-odd", "A buffer at an offset that is no multiple of 8.", "int", ints, func(x *stream) { x.buffers[1][0], x.body = 12, append(x.body, make([]byte, 8)...) })
	bad("buffer-overlap", "Two buffers overlap.", "text", []value{text("ab")}, func(x *stream) { x.buffers[2] = x.buffers[1] })
	bad("buffer-order", "Two buffers in another order than their columns.", "text", []value{text("ab")}, func(x *stream) {
		x.body = cat(x.body[8:], x.body[:8])
		x.buffers[1][0], x.buffers[2][0] = 8, 0
	})
	bad("body-odd", "A body length that is no multiple of 8.", "int", ints, func(x *stream) { x.body = append(x.body, 0, 0, 0, 0) })
	bad("body-short", "A body that is shorter than said.", "int", ints, func(x *stream) {
		x.join = func(schema, batch, end []byte) []byte { return cat(schema, batch[:len(batch)-8], end) }
	})
	bad("bools-short", "A buffer that is too short for the bools.", "bool", bools, buffer(1, 8, 0))
	bad("offsets-start", "Offsets that do not start at 0.", "text", texts, at(1, 0, 1))
	bad("offsets-descend", "Offsets that descend.", "text", []value{text("ab"), text("c")}, at(1, 1, 4))
	bad("offsets-negative", "A negative offset.", "text", []value{text("ab"), text("c")}, at(1, 1, 1<<31))
	bad("offsets-end", "Offsets that end behind the data.", "text", texts, at(1, 3, 4))
	bad("offsets-short", "Too few offsets.", "text", texts, buffer(1, 8, 12))
	bad("offsets-none", "No offsets.", "text", texts, buffer(1, 8, 0))
	bad("null-spans", "A null that spans bytes.", "text", texts, at(1, 1, 1))
	bad("null-spans-items", "A null that spans items.", "list", lists, at(1, 1, 1))
	bad("items-more", "A list's child that is longer than the last offset.", "list", lists, at(1, 3, 2))
	bad("items-fewer", "A list's child that is shorter than the last offset.", "list", lists, at(1, 3, 4))
	bad("items-null", "A list's child with a null.", "list", []value{list("", "b")}, func(x *stream) {
		x.nodes[1][1], x.buffers = 1, [][2]int64{{0, 0}, {8, 8}, {16, 1}, {24, 12}, {40, 1}}
		x.body = cat(make([]byte, 8), x.body[:8], []byte{2, 0, 0, 0, 0, 0, 0, 0}, x.body[8:])
	})
	bad("items-offsets", "The offsets of a list's child end behind the data.", "list", lists, func(x *stream) { x.buffers[4][1] = 2 })
	bad("plane-nulls", "The columns of a vector are null in different rows.", "vector", []value{vector(), nil, vector(3)}, func(x *stream) { x.body[x.buffers[9][0]] = 0b110 })
	bad("plane-length", "The columns of a vector have different lengths in a row.", "vector", []value{vector(1, 2), vector(3)}, at(10, 1, 1))
	bad("plane-order", "The columns of a vector are in another order.", "vector", vectors, func(x *stream) { x.columns[0], x.columns[1] = x.columns[1], x.columns[0] })
	bad("plane-missing", "A vector of three columns.", "vector", vectors, func(x *stream) {
		x.columns, x.nodes, x.buffers = x.columns[:3], x.nodes[:3], x.buffers[:9]
	})
	bad("plane-whole", "A vector in one column, not split.", "vector", vectors, func(x *stream) {
		x.columns, x.nodes, x.buffers = []ref{arrowField("x", "bytes")}, x.nodes[:1], x.buffers[:3]
	})
}

func badValues(s *set) {
	bad := func(kind, name, comment string, held value) {
		a := one("arrow", kind, nil)
		cell := held
		if kind == "text" || kind == "json" {
			cell = sized(4, []byte(held))
		}
		if kind == "list" {
			cell = list(string(held))
		}
		a.chunks[1].data = arrow(a.sections[1].fields, []row{{cell}}, nil)
		s.bad("record", "value-"+kind+"-"+name, comment, 1, a)
	}
	bad("text", "utf8", "A text that is not valid UTF-8.", value("\xff"))
	bad("text", "surrogate", "A text with a surrogate in UTF-8.", value("\xed\xa0\x80"))
	bad("text", "overlong", "A text with an overlong NUL.", value("\xc0\x80"))
	bad("json", "cut", "A json value that is cut short.", value("{"))
	bad("json", "empty", "A json value of no bytes.", value(""))
	bad("json", "two", "Two json values.", value("1 2"))
	bad("json", "nan", "A json value that JSON does not know.", value("NaN"))
	bad("json", "utf8", "A json value that is not UTF-8.", value("\"\xff\""))
	bad("json", "bom", "A json value with a byte order mark.", value("\ufeff1"))
	bad("json", "deep", "A json value that is nested 10 001 deep.", value(deepArray(10001)))
	bad("list", "utf8", "An item of a list that is not valid UTF-8.", value("\xff"))
	bad("any", "empty", "No value.", value{})
	bad("any", "null", "null, which must be absent.", value{0})
	bad("any", "tag", "An unknown tag.", value{0x0B})
	bad("any", "map", "A map.", mapping(entry{"a", integer(1)}))
	bad("any", "bool", "A bool of 2.", value{1, 2})
	bad("any", "int-cut", "An int that is cut short.", integer(1)[:8])
	bad("any", "text-cut", "A text that is longer than the value.", value("\x04\x05\x00\x00\x00a"))
	bad("any", "text-huge", "A text of 4 GiB - 1.", value("\x04\xff\xff\xff\xff"))
	bad("any", "json", "A json value that is none.", jsonText("]"))
	bad("any", "list-huge", "A list of 2^32 - 1 items.", value("\x08\xff\xff\xff\xff"))
	bad("any", "list-utf8", "An item of a list that is not UTF-8.", list("\xff"))
	bad("any", "vector-huge", "A vector of 2^31 - 1 elements.", value("\x09\xff\xff\xff\x7f"))
	bad("any", "two", "Two values.", cat(integer(1), integer(2)))
	bad("map", "empty", "An empty map, which must be absent.", mapping())
	bad("map", "not", "A value that is no map.", integer(1))
	bad("map", "cut", "A map that is cut short.", mapping(entry{"a", integer(1)})[:10])
	bad("map", "huge", "A map of 2^32 - 1 members.", value("\x0a\xff\xff\xff\xff"))
	bad("map", "inside", "A map in a map.", mapping(entry{"a", mapping(entry{"b", nil})}))
	bad("map", "unsorted", "Names that descend.", cat(value{10}, u32(2), []byte("\x01\x00b\x00\x01\x00a\x00")))
	bad("map", "twice", "A name that stands twice.", cat(value{10}, u32(2), []byte("\x01\x00a\x00\x01\x00a\x00")))
	bad("map", "name-empty", "An empty name.", mapping(entry{"", nil}))
	bad("map", "name-nul", "A name with NUL.", mapping(entry{"a\x00", nil}))
	bad("map", "name-utf8", "A name that is not UTF-8.", mapping(entry{"\xff", nil}))
	bad("map", "name-long", "A name of 1025 bytes.", mapping(entry{string(make1025()), nil}))
	bad("map", "byte-behind", "A byte behind the map.", cat(mapping(entry{"a", nil}), []byte{0}))
}

func deepArray(depth int) string {
	out := make([]byte, 2*depth)
	for i := range depth {
		out[i], out[depth+i] = '[', ']'
	}
	return string(out)
}

func make1025() []byte {
	out := make([]byte, 1025)
	for i := range out {
		out[i] = 'n'
	}
	return out
}
