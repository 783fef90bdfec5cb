package vectors

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

var le = binary.LittleEndian

// A value is a canonical value of FORMAT.md section 5.1, tag first; nil is null.
type value []byte

// A row is a record: the values of its section's fields in their order.
type row []value

// A field and a section are those of FORMAT.md section 4.1.
type field struct{ name, kind string }

type section struct {
	name   string
	key    []string
	fields []field
}

// fields takes names and types in turn.
func fields(pairs ...string) (out []field) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, field{pairs[i], pairs[i+1]})
	}
	return out
}

func u16(n int) []byte    { return le.AppendUint16(nil, uint16(n)) }
func u32(n int) []byte    { return le.AppendUint32(nil, uint32(n)) }
func u64(n uint64) []byte { return le.AppendUint64(nil, n) }

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

func sha(parts ...[]byte) [32]byte { return sha256.Sum256(cat(parts...)) }

func sized[T string | []byte](tag byte, data T) value {
	return cat([]byte{tag}, u32(len(data)), []byte(data))
}

// The values by type.
func boolean(v bool) value {
	if v {
		return value{1, 1}
	}
	return value{1, 0}
}
func integer(v int64) value     { return cat(value{2}, u64(uint64(v))) }
func bits(v uint64) value       { return cat(value{3}, u64(v)) }
func float(v float64) value     { return bits(math.Float64bits(v)) }
func text(v string) value       { return sized(4, v) }
func jsonText(v string) value   { return sized(5, v) }
func blob(v string) value       { return sized(6, v) }
func nanoseconds(v int64) value { return cat(value{7}, u64(uint64(v))) }

func list(items ...string) value {
	out := cat(value{8}, u32(len(items)))
	for _, item := range items {
		out = cat(out, u32(len(item)), []byte(item))
	}
	return out
}

// vector takes the bit patterns of its elements.
func vector(elements ...uint32) value {
	out := cat(value{9}, u32(len(elements)))
	for _, e := range elements {
		out = le.AppendUint32(out, e)
	}
	return out
}

// An entry is a member of a map; a nil value is null.
type entry struct {
	name string
	v    value
}

func mapping(entries ...entry) value {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	out := cat(value{10}, u32(len(entries)))
	for _, e := range entries {
		out = cat(out, u16(len(e.name)), []byte(e.name), orNull(e.v))
	}
	return out
}

func orNull(v value) value {
	if v == nil {
		return value{0}
	}
	return v
}

// record is the canonical record. FORMAT.md section 5.2.
func (s *section) record(r row) []byte {
	var parts []string
	for i, v := range r {
		if v != nil {
			parts = append(parts, s.fields[i].name)
		}
	}
	slices.Sort(parts)
	var out []byte
	for _, name := range parts {
		out = cat(out, u16(len(name)), []byte(name), r[s.position(name)])
	}
	return out
}

func (s *section) position(name string) int {
	return slices.IndexFunc(s.fields, func(f field) bool { return f.name == name })
}

// sortable is place ‖ leaf. FORMAT.md section 5.2.
func (s *section) sortable(r row) string {
	key := []byte{4}
	for _, name := range s.key {
		key = cat(key, orNull(r[s.position(name)]))
	}
	place, leaf := sha(key), sha([]byte{0}, s.record(r))
	return string(place[:16]) + string(leaf[:])
}

// merkle is the root as RFC 9162 section 2.1.1 defines it.
func merkle(leaves [][32]byte) [32]byte {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	left, right := merkle(leaves[:k]), merkle(leaves[k:])
	return sha([]byte{1}, left[:], right[:])
}

// digest is the section digest over at least one row. FORMAT.md section 5.3.
func (s *section) digest(rows []row) [32]byte {
	var all []string
	for _, r := range rows {
		all = append(all, s.sortable(r))
	}
	slices.Sort(all)
	var leaves [][32]byte
	for _, one := range all {
		leaves = append(leaves, [32]byte([]byte(one[16:])))
	}
	root := merkle(leaves)
	return sha([]byte{2}, u16(len(s.name)), []byte(s.name), u64(uint64(len(rows))), root[:])
}
