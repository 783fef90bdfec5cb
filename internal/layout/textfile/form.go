package textfile

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/internal/store"
)

// Other is a column for what of a record the columns do not say, as a JSON object.
const Other = "other"

// A Kind is what the value of a member is.
type Kind uint8

// The kinds. Numbers have columns of no type: a file may say 1 or 1.0.
const (
	Text Kind = iota
	Number
	List   // of strings; its cell is the JSON text of the list, as Python writes it
	Object // its cell is the JSON text
	Value  // any but null; likewise
)

// A Field is a member of a record and the column that it is.
type Field struct {
	Member, Column string
	Kind           Kind
	Needed         bool
	// Null says that the product writes null where there is no value.
	Null bool
	// Inner, if set, are the members of a member that is an object and has no column.
	Inner []Field
}

// A Form says of which members a record of a JSON file is made, in the order in which they
// are written.
type Form struct {
	What   string // for messages
	Fields []Field
	// UTF8 says that texts are written as they are, else in ASCII.
	UTF8 bool
}

// All are the fields that have columns, in the order of these.
func (f *Form) All() (out []Field) {
	for _, m := range f.Fields {
		if m.Inner == nil {
			out = append(out, m)
		} else {
			out = append(out, m.Inner...)
		}
	}
	return out
}

// Columns are the columns of the table, the last of which is Other.
func (f *Form) Columns() (names []string) {
	for _, m := range f.All() {
		names = append(names, m.Column)
	}
	return append(names, Other)
}

// Definitions are the columns of the table. A column "id" that is needed is its key.
func (f *Form) Definitions() (out []store.ColumnDef) {
	for _, m := range f.All() {
		decl := "TEXT"
		switch {
		case m.Kind == Number:
			decl = ""
		case m.Column == "id" && m.Needed:
			decl = "TEXT PRIMARY KEY NOT NULL"
		case m.Needed:
			decl = "TEXT NOT NULL"
		}
		out = append(out, store.ColumnDef{Name: m.Column, Decl: decl})
	}
	return append(out, store.ColumnDef{Name: Other, Decl: "TEXT"})
}

func (f *Form) appendText(dst, v []byte) []byte {
	if f.UTF8 {
		dst, _ = jsontext.AppendQuote(dst, v) // an error means U+FFFD for what is not UTF-8
		return dst
	}
	return AppendText(dst, v)
}

// appendJSON appends a valid value in one line.
func (f *Form) appendJSON(dst, raw []byte) []byte {
	if !f.UTF8 {
		return AppendJSON(dst, raw)
	}
	v := jsontext.Value(append([]byte{}, raw...))
	_ = v.Compact() // fails for nothing that is valid
	return append(dst, v...)
}
