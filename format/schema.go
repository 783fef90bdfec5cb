package format

import (
	"fmt"
	"unicode/utf8"
)

// Type is the type of a field. FORMAT.md section 4.1.
type Type uint8

// The field types. The numbers are the canonical tags of FORMAT.md section 5.1,
// but for Any, which has no tag of its own.
const (
	Null   Type = 0x00 // no value; only inside Any and Map
	Bool   Type = 0x01 // one cell of 0 or 1
	Int    Type = 0x02 // int64
	Float  Type = 0x03 // float64, every bit pattern
	Text   Type = 0x04 // UTF-8 text, NUL allowed
	JSON   Type = 0x05 // UTF-8 text that is one JSON value, kept byte for byte
	Bytes  Type = 0x06 // any bytes
	Time   Type = 0x07 // int64 nanoseconds since 1970-01-01T00:00:00Z
	List   Type = 0x08 // list of texts
	Vector Type = 0x09 // float32 elements, little-endian, every bit pattern
	Map    Type = 0x0A // names to values that carry their own type
	Any    Type = 0xFF // one value that carries its own type
)

var typeNames = map[Type]string{
	Bool: "bool", Int: "int", Float: "float", Text: "text", JSON: "json", Bytes: "bytes",
	Time: "time", List: "list", Vector: "vector", Map: "map", Any: "any",
}

var typesByName = func() map[string]Type {
	out := make(map[string]Type, len(typeNames))
	for t, name := range typeNames {
		out[name] = t
	}
	return out
}()

// String returns the name of the type as it stands in a manifest.
func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("type(%#02x)", uint8(t))
}

// MarshalText implements encoding.TextMarshaler.
func (t Type) MarshalText() ([]byte, error) {
	if name, ok := typeNames[t]; ok {
		return []byte(name), nil
	}
	return nil, fmt.Errorf("encode field type %#02x: not a field type", uint8(t))
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Type) UnmarshalText(text []byte) error {
	got, ok := typesByName[string(text)]
	if !ok {
		return fmt.Errorf("field type %q is unknown", text)
	}
	*t = got
	return nil
}

// fixed tells whether values of the type are one 8-byte cell.
func (t Type) fixed() bool { return t == Bool || t == Int || t == Float || t == Time }

// A Field is one typed field of a section. FORMAT.md section 4.1.
type Field struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
	// Note is the meaning and unit, for people.
	Note string `json:"note,omitempty"`
}

// A Section is the schema of one typed table of an archive. It must not be
// changed once a Writer, Digester or Batch uses it.
type Section struct {
	Name   string   `json:"name"`
	Key    []string `json:"key"`
	Fields []Field  `json:"fields"`
	// Deletes or Replaces, in an incremental archive, names the section of whose
	// records these are tombstones. FORMAT.md section 12.
	Deletes  string `json:"deletes,omitempty"`
	Replaces string `json:"replaces,omitempty"`

	planned *plan // guarded by planMu

}

// Leftovers is the name of the Map field that holds, in every section, the
// native values that the other fields do not reproduce. FORMAT.md section 8.
const Leftovers = "leftovers"

// Field returns the position of the named field, or -1.
func (s *Section) Field(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// Check reports the first violation of FORMAT.md sections 4.1 and 9.
func (s *Section) Check() error {
	if err := checkName(s.Name); err != nil {
		return fmt.Errorf("section name: %w", err)
	}
	if len(s.Fields) > MaxFields {
		return fmt.Errorf("section %q has %d fields, more than %d", s.Name, len(s.Fields), MaxFields)
	}
	seen := make(map[string]bool, len(s.Fields))
	for _, f := range s.Fields {
		if err := checkName(f.Name); err != nil {
			return fmt.Errorf("field name in section %q: %w", s.Name, err)
		}
		if seen[f.Name] {
			return fmt.Errorf("section %q has the field %q twice", s.Name, f.Name)
		}
		if _, ok := typeNames[f.Type]; !ok {
			return fmt.Errorf("field %q of section %q has no valid type", f.Name, s.Name)
		}
		if f.Name == sectionMember {
			return fmt.Errorf("section %q has a field %q", s.Name, f.Name)
		}
		seen[f.Name] = true
	}
	for _, f := range s.Fields {
		for k := 0; f.Type == Vector && k < planes; k++ {
			name := fmt.Sprintf("%s.%d", f.Name, k)
			if i := s.Field(name); seen[name] && s.Fields[i].Type != Vector {
				return fmt.Errorf("section %q has a field %q beside the vector %q", s.Name, name, f.Name)
			}
		}
	}
	inKey := make(map[string]bool, len(s.Key))
	for _, k := range s.Key {
		if !seen[k] {
			return fmt.Errorf("section %q has no field %q, which its key names", s.Name, k)
		}
		if inKey[k] {
			return fmt.Errorf("the key of section %q names %q twice", s.Name, k)
		}
		inKey[k] = true
	}
	return nil
}

// checkName checks a name by FORMAT.md section 1.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("is empty")
	case len(name) > MaxName:
		return fmt.Errorf("has %d bytes, more than %d", len(name), MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%q is not valid UTF-8", name)
	}
	for i := 0; i < len(name); i++ {
		if name[i] == 0 {
			return fmt.Errorf("%q holds a NUL", name)
		}
	}
	return nil
}

// The hard limits of FORMAT.md section 9.
const (
	MaxGuide      = 64 << 10 // bytes of guide content
	MaxControl    = 64 << 20 // bytes of a manifest or end block
	MaxChunk      = 64 << 20 // decompressed bytes of a chunk
	MaxRecords    = 1 << 20  // records in a chunk
	MaxCells      = 16 << 20 // records in a chunk by fields of its section
	MaxSections   = 4096     // sections of an archive
	MaxFields     = 4096     // fields of a section, entries of a map
	MaxName       = 1 << 10  // bytes of a name
	maxItems      = 1 << 16  // items of a list inside Any and Map
	MaxNesting    = 64       // nesting of JSON
	payloadRoom   = 1 << 20  // bytes that a chunk's payload may have beyond MaxChunk
	maxWindow     = 8 << 20  // zstd window in bytes
	ratioFree     = 1 << 20  // bytes any chunk may expand to
	ratioPerBytes = 1000     // and so many more per payload byte
)
