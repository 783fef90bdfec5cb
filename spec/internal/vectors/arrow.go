package vectors

import "strconv"

// A ref writes a part of a flatbuffer behind what points to it and returns where
// the part stands. https://flatbuffers.dev/internals/
type ref func(*flat) int

// flat is a flatbuffer written front to back; every field of a table takes 8 bytes.
type flat struct{ out []byte }

func (f *flat) align(rest int) int {
	for len(f.out)%8 != rest {
		f.out = append(f.out, 0)
	}
	return len(f.out)
}

func (f *flat) point(at int, to ref) {
	target := to(f)
	le.PutUint32(f.out[at:], uint32(target-at))
}

// table writes slots that are nil, a number of Go's type for it, or a ref.
func table(slots ...any) ref {
	return func(f *flat) int {
		vtable := f.align(0)
		f.out = cat(f.out, u16(4+2*len(slots)), u16(4+8*len(slots)))
		for i, slot := range slots {
			at := 4 + 8*i
			if slot == nil {
				at = 0
			}
			f.out = append(f.out, u16(at)...)
		}
		pos := f.align(4)
		f.out = cat(f.out, u32(pos-vtable), make([]byte, 8*len(slots)))
		for i, slot := range slots {
			at := pos + 4 + 8*i
			switch v := slot.(type) {
			case byte:
				f.out[at] = v
			case int16:
				le.PutUint16(f.out[at:], uint16(v))
			case int32:
				le.PutUint32(f.out[at:], uint32(v))
			case int64:
				le.PutUint64(f.out[at:], uint64(v))
			case ref:
				f.point(at, v)
			}
		}
		return pos
	}
}

// refs is a vector of tables, items a vector of count elements in data.
func refs(all ...ref) ref {
	return func(f *flat) int {
		pos := f.align(4)
		f.out = cat(f.out, u32(len(all)), make([]byte, 4*len(all)))
		for i, one := range all {
			f.point(pos+4+4*i, one)
		}
		return pos
	}
}

func items(count int, data []byte) ref {
	return func(f *flat) int {
		pos := f.align(4)
		f.out = cat(f.out, u32(count), data)
		return pos
	}
}

func str(v string) ref { return items(len(v), append([]byte(v), 0)) }

func pairs(all [][2]int64) ref {
	var data []byte
	for _, p := range all {
		data = cat(data, u64(uint64(p[0])), u64(uint64(p[1])))
	}
	return items(len(all), data)
}

// note is a vector of one key and value: custom metadata.
func note() ref { return refs(table(str("k"), str("v"))) }

// message is an encapsulated IPC message.
func message(root ref, body []byte) []byte {
	f := &flat{out: make([]byte, 8)}
	f.point(0, root)
	f.align(0)
	return cat(u32(0xFFFFFFFF), u32(len(f.out)), f.out, body)
}

// Numbers of Arrow's Schema.fbs: the Type union.
var arrowKinds = map[string]byte{"text": 5, "json": 5, "bytes": 4, "any": 4, "map": 4, "int": 2, "float": 3, "bool": 6, "time": 10, "list": 12}

func arrowType(kind string) ref {
	switch kind {
	case "int":
		return table(int32(64), byte(1))
	case "float":
		return table(int16(2))
	case "time":
		return table(int16(3), str("UTC"))
	}
	return table()
}

// arrowField is a column of the schema: name, nullable, type, dictionary, children.
func arrowField(name, kind string) ref {
	var children []ref
	if kind == "list" {
		children = append(children, arrowField("item", "text"))
	}
	return table(str(name), byte(1), arrowKinds[kind], arrowType(kind), nil, refs(children...))
}

// stream is an Arrow IPC stream before it is written; a fault changes it. The
// slots are nil where they must be absent.
type stream struct {
	columns        []ref
	endian         any
	schemaMetadata any
	features       any
	schemaBody     []byte
	version        int16
	metadata       any // of both messages
	schemaKind     byte
	batchKind      byte

	length      int64
	nodes       [][2]int64 // length and nulls
	buffers     [][2]int64 // offset and length in body
	body        []byte
	compression any
	variadic    any
	join        func(schema, batch, end []byte) []byte
}

func arrow(fields []field, rows []row, fault func(*stream)) []byte {
	s := &stream{version: 4, schemaKind: 1, batchKind: 3, length: int64(len(rows))}
	for i, f := range fields {
		var column []value
		for _, r := range rows {
			column = append(column, r[i])
		}
		s.column(f, column)
	}
	if fault != nil {
		fault(s)
	}
	schema := message(table(s.version, s.schemaKind, table(s.endian, refs(s.columns...), s.schemaMetadata, s.features),
		int64(len(s.schemaBody)), s.metadata), s.schemaBody)
	batch := message(table(s.version, s.batchKind, table(s.length, pairs(s.nodes), pairs(s.buffers), s.compression, s.variadic),
		int64(len(s.body)), s.metadata), s.body)
	end := cat(u32(0xFFFFFFFF), u32(0))
	if s.join != nil {
		return s.join(schema, batch, end)
	}
	return cat(schema, batch, end)
}

// buffer appends a buffer of the body, padded to 8 bytes.
func (s *stream) buffer(data []byte) {
	s.buffers = append(s.buffers, [2]int64{int64(len(s.body)), int64(len(data))})
	s.body = cat(s.body, data, make([]byte, (8-len(data)%8)%8))
}

func bitmap(n int, set func(int) bool) []byte {
	out := make([]byte, (n+7)/8)
	for i := range n {
		if set(i) {
			out[i/8] |= 1 << (i % 8)
		}
	}
	return out
}

// node appends an array's length, nulls and validity.
func (s *stream) node(column []value) {
	nulls := 0
	for _, v := range column {
		if v == nil {
			nulls++
		}
	}
	s.nodes = append(s.nodes, [2]int64{int64(len(column)), int64(nulls)})
	if nulls == 0 {
		s.buffer(nil)
		return
	}
	s.buffer(bitmap(len(column), func(i int) bool { return column[i] != nil }))
}

// binary appends a Utf8 or Binary array; nil is null.
func (s *stream) binary(column []value) {
	s.node(column)
	offsets, data := u32(0), []byte{}
	for _, v := range column {
		data = append(data, v...)
		offsets = append(offsets, u32(len(data))...)
	}
	s.buffer(offsets)
	s.buffer(data)
}

// column appends a field: its columns in the schema and its arrays.
func (s *stream) column(f field, column []value) {
	if f.kind == "vector" {
		for k := range 4 {
			s.columns = append(s.columns, arrowField(f.name+"."+strconv.Itoa(k), "bytes"))
			plane := make([]value, len(column))
			for i, v := range column {
				if v != nil {
					plane[i] = value{}
					for at := 5 + k; at < len(v); at += 4 {
						plane[i] = append(plane[i], v[at])
					}
				}
			}
			s.binary(plane)
		}
		return
	}
	s.columns = append(s.columns, arrowField(f.name, f.kind))
	bare := make([]value, len(column))
	switch f.kind {
	case "any", "map":
		s.binary(column)
	case "text", "json", "bytes":
		for i, v := range column {
			if v != nil {
				bare[i] = append(value{}, v[5:]...)
			}
		}
		s.binary(bare)
	case "list":
		s.node(column)
		offsets, all := u32(0), []value{}
		for _, v := range column {
			if v != nil {
				for _, item := range listItems(v) {
					all = append(all, value(item))
				}
			}
			offsets = append(offsets, u32(len(all))...)
		}
		s.buffer(offsets)
		s.binary(all)
	case "bool":
		s.node(column)
		s.buffer(bitmap(len(column), func(i int) bool { return column[i] != nil && column[i][1] == 1 }))
	default:
		s.node(column)
		var cells []byte
		for _, v := range column {
			if v == nil {
				v = make(value, 9)
			}
			cells = append(cells, v[1:]...)
		}
		s.buffer(cells)
	}
}
