package format

import "encoding/binary"

// flat reads a flatbuffer that may be hostile: every access is checked, nothing
// is allocated by a length that it holds, and bad stays set once an access went
// outside. https://flatbuffers.dev/internals/
type flat struct {
	buf []byte
	bad bool
}

func (f *flat) in(pos, size int) bool {
	if f.bad || pos < 0 || size < 0 || pos > len(f.buf)-size {
		f.bad = true
		return false
	}
	return true
}

func (f *flat) u8(pos int) byte {
	if !f.in(pos, 1) {
		return 0
	}
	return f.buf[pos]
}

func (f *flat) u16(pos int) int {
	if !f.in(pos, 2) {
		return 0
	}
	return int(binary.LittleEndian.Uint16(f.buf[pos:]))
}

func (f *flat) i32(pos int) int {
	if !f.in(pos, 4) {
		return 0
	}
	return int(int32(binary.LittleEndian.Uint32(f.buf[pos:])))
}

func (f *flat) u32(pos int) int {
	if !f.in(pos, 4) {
		return 0
	}
	return int(binary.LittleEndian.Uint32(f.buf[pos:]))
}

func (f *flat) i64(pos int) int64 {
	if !f.in(pos, 8) {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(f.buf[pos:]))
}

// follow returns the position that the offset at pos points to.
func (f *flat) follow(pos int) int { return pos + f.u32(pos) }

// field returns the position of field i of the table at pos, or 0 if the table
// does not have it.
func (f *flat) field(table, i int) int {
	vtable := table - f.i32(table)
	if 4+2*i >= f.u16(vtable) {
		return 0
	}
	if off := f.u16(vtable + 4 + 2*i); off != 0 {
		return table + off
	}
	return 0
}

// table returns the position of the table in field i, or 0.
func (f *flat) table(table, i int) int {
	if pos := f.field(table, i); pos != 0 {
		return f.follow(pos)
	}
	return 0
}

// vector returns the position of the first element of the vector in field i and
// the number of elements, each of which has size bytes.
func (f *flat) vector(table, i, size int) (pos, n int) {
	if pos = f.table(table, i); pos == 0 {
		return 0, 0
	}
	n = f.u32(pos)
	if n > len(f.buf) || !f.in(pos+4, n*size) {
		f.bad = true
		return 0, 0
	}
	return pos + 4, n
}

// text returns the string in field i.
func (f *flat) text(table, i int) string {
	pos, n := f.vector(table, i, 1)
	if f.bad {
		return ""
	}
	return string(f.buf[pos : pos+n])
}
