package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A Value is one typed value: what an Any field or a Map entry holds.
// FORMAT.md section 5.1.
type Value struct {
	Type  Type     // Null, Bool, Int, Float, Text, JSON, Bytes, Time, List or Vector
	Cell  uint64   // of Bool, Int, Float (IEEE 754 bits) and Time
	Bytes []byte   // of Text (any bytes), JSON, Bytes and Vector
	List  [][]byte // of List
}

// IntValue, FloatValue, TextValue and BytesValue make values of their types.
func IntValue(v int64) Value { return Value{Type: Int, Cell: uint64(v)} }

// FloatValue makes a Float value.
func FloatValue(v float64) Value { return Value{Type: Float, Cell: math.Float64bits(v)} }

// TextValue makes a Text value.
func TextValue(v string) Value { return Value{Type: Text, Bytes: []byte(v)} }

// BytesValue makes a Bytes value.
func BytesValue(v []byte) Value { return Value{Type: Bytes, Bytes: v} }

// Equal tells whether two values have the same canonical encoding.
func (v Value) Equal(w Value) bool {
	return bytes.Equal(v.Append(nil), w.Append(nil))
}

// Append appends the canonical encoding.
func (v Value) Append(dst []byte) []byte {
	dst = append(dst, byte(v.Type))
	switch v.Type {
	case Bool:
		return append(dst, byte(v.Cell))
	case Int, Float, Time:
		return binary.LittleEndian.AppendUint64(dst, v.Cell)
	case Text, JSON, Bytes:
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v.Bytes)))
		return append(dst, v.Bytes...)
	case Vector:
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v.Bytes)/4))
		return append(dst, v.Bytes...)
	case List:
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v.List)))
		for _, item := range v.List {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(item)))
			dst = append(dst, item...)
		}
	}
	return dst
}

// ParseValue reads one canonical value, which aliases data, and returns what
// follows it. It accepts every type but Any and Map.
func ParseValue(data []byte) (Value, []byte, error) {
	if len(data) == 0 {
		return Value{}, nil, fmt.Errorf("value is cut short")
	}
	v, rest := Value{Type: Type(data[0])}, data[1:]
	switch v.Type {
	case Null:
		return v, rest, nil
	case Bool:
		if len(rest) < 1 {
			return v, nil, fmt.Errorf("bool is cut short")
		}
		if rest[0] > 1 {
			return v, nil, fmt.Errorf("bool holds %d", rest[0])
		}
		v.Cell = uint64(rest[0])
		return v, rest[1:], nil
	case Int, Float, Time:
		if len(rest) < 8 {
			return v, nil, fmt.Errorf("%s is cut short", v.Type)
		}
		v.Cell = binary.LittleEndian.Uint64(rest)
		return v, rest[8:], nil
	case Text, JSON, Bytes, Vector:
		width := 1
		if v.Type == Vector {
			width = 4
		}
		var err error
		if v.Bytes, rest, err = take(rest, width); err != nil {
			return v, nil, fmt.Errorf("%s: %w", v.Type, err)
		}
		if v.Type == JSON && (!utf8.Valid(v.Bytes) || !ValidJSON(v.Bytes)) {
			return v, nil, fmt.Errorf("json: not a JSON value")
		}
		return v, rest, nil
	case List:
		if len(rest) < 4 {
			return v, nil, fmt.Errorf("list is cut short")
		}
		n := binary.LittleEndian.Uint32(rest)
		if n > maxItems {
			return v, nil, &LimitError{What: "list in a value", Got: uint64(n), Max: maxItems}
		}
		if rest = rest[4:]; uint64(n)*4 > uint64(len(rest)) {
			return v, nil, fmt.Errorf("list of %d items is cut short", n)
		}
		v.List = make([][]byte, n)
		for i := range v.List {
			var err error
			if v.List[i], rest, err = take(rest, 1); err != nil {
				return v, nil, fmt.Errorf("list item %d: %w", i, err)
			}
			if !utf8.Valid(v.List[i]) {
				return v, nil, fmt.Errorf("list item %d is not valid UTF-8", i)
			}
		}
		return v, rest, nil
	}
	return v, nil, fmt.Errorf("unknown value tag %#02x", data[0])
}

func take(data []byte, width int) (got, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, fmt.Errorf("length is cut short")
	}
	n := uint64(binary.LittleEndian.Uint32(data)) * uint64(width)
	if data = data[4:]; n > uint64(len(data)) {
		return nil, nil, fmt.Errorf("%d bytes are cut short", n)
	}
	return data[:n:n], data[n:], nil
}

// An Entry is one named value of a Map.
type Entry struct {
	Name  string
	Value Value
}

// AppendMap appends the canonical encoding of a Map. The entries must ascend
// bytewise by name.
func AppendMap(dst []byte, entries []Entry) []byte {
	dst = binary.LittleEndian.AppendUint32(append(dst, byte(Map)), uint32(len(entries)))
	for _, e := range entries {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(e.Name)))
		dst = append(dst, e.Name...)
		dst = e.Value.Append(dst)
	}
	return dst
}

// ParseMap reads a canonical Map that takes all of data. The values alias it.
func ParseMap(data []byte) ([]Entry, error) {
	if len(data) < 5 || Type(data[0]) != Map {
		return nil, fmt.Errorf("not a map")
	}
	n, rest := binary.LittleEndian.Uint32(data[1:]), data[5:]
	if n > MaxFields {
		return nil, &LimitError{What: "map", Got: uint64(n), Max: MaxFields}
	}
	if n == 0 {
		return nil, fmt.Errorf("empty map is not absent")
	}
	if uint64(n)*3 > uint64(len(rest)) {
		return nil, fmt.Errorf("map of %d entries is cut short", n)
	}
	entries := make([]Entry, n)
	for i := range entries {
		if len(rest) < 2 {
			return nil, fmt.Errorf("map entry %d is cut short", i)
		}
		size := int(binary.LittleEndian.Uint16(rest))
		if rest = rest[2:]; size > len(rest) {
			return nil, fmt.Errorf("map entry %d is cut short", i)
		}
		entries[i].Name = string(rest[:size])
		if err := checkName(entries[i].Name); err != nil {
			return nil, fmt.Errorf("map entry %d: name %w", i, err)
		}
		if i > 0 && entries[i].Name <= entries[i-1].Name {
			return nil, fmt.Errorf("map entry %q is out of order", entries[i].Name)
		}
		var err error
		if entries[i].Value, rest, err = ParseValue(rest[size:]); err != nil {
			return nil, fmt.Errorf("map entry %q: %w", entries[i].Name, err)
		}
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%d bytes follow the map", len(rest))
	}
	return entries, nil
}

// checkValue verifies a row of an Any or Map column.
func checkValue(t Type, data []byte) error {
	if t == Map {
		_, err := ParseMap(data)
		return err
	}
	v, rest, err := ParseValue(data)
	switch {
	case err != nil:
		return err
	case v.Type == Null:
		return fmt.Errorf("any holds a null that is not absent")
	case len(rest) != 0:
		return fmt.Errorf("%d bytes follow the value", len(rest))
	}
	return nil
}

// ValidJSON tells whether data is one JSON value by the grammar of RFC 8259.
// Duplicate names and lone surrogates are not its concern.
func ValidJSON(data []byte) bool {
	return jsontext.Value(data).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}
