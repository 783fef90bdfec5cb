package ninaivalaigal

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// ownData is what was recorded, but for the message.
const ownData = Name + ".data"

// maps says which columns are which fields. Whose a memory is, says no record of another
// product in the product's own numbers: nobody is made up.
func maps(in forms) []store.TableMap {
	none := func(fields) format.Value { return format.Value{} }
	out := []store.TableMap{
		{Table: "memories", Section: format.Memories, Updated: "updated_at", Columns: []store.ColumnMap{
			{Field: "content", Shown: showContent},
			{Column: "id", Field: "id", Lens: "int-text", Mint: &store.Mint{}},
			{Column: "user_id", Field: "owner", Lens: "int-text", Make: none},
			{Column: "context", Field: "namespace", Lens: in.text, Else: []string{"project"}, Default: textDefault("default")},
			{Column: "type", Field: "kind", Lens: in.text, Default: textDefault("memory")},
			{Column: "source", Field: "source", Lens: in.text, Default: textDefault("import")},
			{Column: "data", Field: ownData, Lens: in.document, Make: in.makeData, Leave: leaveData, Agree: in.agreeData},
			{Column: "created_at", Field: "created_at", Lens: in.time, Else: []string{"updated_at"}},
			{Column: "updated_at", Field: "updated_at", Lens: in.time, Else: []string{"created_at"}},
		}},
	}
	for _, t := range tables { // so that one engine's rows are the other's
		if t.name == "memories" {
			continue
		}
		m := store.TableMap{Table: t.name}
		for _, c := range t.columns {
			c, _, _ = strings.Cut(c, " > ")
			switch name, decl, typed := strings.Cut(c, " "); {
			case !typed:
				m.Columns = append(m.Columns, store.ColumnMap{Column: name, Lens: in.time})
			case strings.HasPrefix(decl, "BOOLEAN"):
				m.Columns = append(m.Columns, store.ColumnMap{Column: name, Lens: "int-bool"})
			case !strings.HasPrefix(decl, "INTEGER"):
				m.Columns = append(m.Columns, store.ColumnMap{Column: name, Lens: in.text})
			}
		}
		out = append(out, m)
	}
	return slices.Clip(out)
}

// fields gives the fields of a record.
type fields = func(name string) format.Value

func withoutNUL(s string) string { return strings.ReplaceAll(s, "\x00", "") }

// contentOf is the text of what was recorded: a message, or a command and what it said.
func contentOf(data []byte) (string, bool) {
	if s, ok := lens.TextAt(data, "message"); ok {
		return s, true
	}
	command, ok := lens.TextAt(data, "command")
	if output, said := lens.TextAt(data, "output"); said && output != "" {
		return strings.TrimSuffix(command, "\n") + "\n" + output, true
	}
	return command, ok
}

func showContent(field fields) format.Value {
	if v := field(ownData); v.Type == format.JSON {
		if s, ok := contentOf(v.Bytes); ok {
			return format.TextValue(s)
		}
	}
	return format.Value{}
}

// leaveData leaves of what was recorded all but the message, which is empty there.
func leaveData(v format.Value) format.Value {
	if s, ok := lens.TextAt(v.Bytes, "message"); ok {
		if less := lens.WithTextAt(v.Bytes, "", "message"); string(lens.WithTextAt(less, s, "message")) == string(v.Bytes) {
			v.Bytes = less
		}
	}
	return v
}

// makeData records a memory of another product as a message.
func (in forms) makeData(field fields) format.Value {
	if v := field(ownData); v.Type == format.JSON {
		return format.TextValue(string(v.Bytes))
	}
	data := []byte(`{"message": ""}`)
	for _, name := range []string{"content", "summary", "title"} {
		if v := field(name); v.Type == format.Text && len(v.Bytes) > 0 {
			data = lens.WithTextAt(data, in.holds(string(v.Bytes)), "message")
			break
		}
	}
	return format.TextValue(string(data))
}

// agreeData puts the text of a memory into what was recorded.
func (in forms) agreeData(native format.Value, field fields) format.Value {
	want := field("content")
	if want.Type != format.Text || jsontext.Value(native.Bytes).Kind() != '{' {
		return native
	}
	text := in.holds(string(want.Bytes))
	if have, ok := contentOf(native.Bytes); !ok || have != text {
		native.Bytes = lens.WithTextAt(native.Bytes, text, "message")
	}
	return native
}
