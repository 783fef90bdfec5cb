package declared

import (
	"bytes"
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// example is the file of the package's documentation.
func example(t testing.TB) []byte {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for line := range strings.SplitSeq(string(doc), "\n") {
		if rest, ok := strings.CutPrefix(line, "//\t"); ok {
			out = append(out, rest+"\n"...)
		}
	}
	return out
}

func TestParse(t *testing.T) {
	l, err := Parse("notebook.yaml", example(t))
	if err != nil {
		t.Fatal(err)
	}
	if l.Name != "notebook" || len(l.Engines) != 1 || l.Engines[0] != "sqlite" || len(l.Maps) != 2 || len(l.Skip) != 1 || l.Skip[0] != "notes_search" {
		t.Errorf("%+v", l)
	}
	m := l.Maps[0]
	if m.Table != "notes" || m.Section != format.Memories || m.Updated != "changed" || len(m.Columns) != 5 ||
		!reflect.DeepEqual(m.Columns[0], store.ColumnMap{Column: "id", Field: "id", Lens: "int-text"}) || !reflect.DeepEqual(m.Columns[4], store.ColumnMap{Column: "vector", Lens: "f32"}) {
		t.Errorf("%+v", m)
	}
	table := func(name string, columns ...string) store.CatalogTable {
		out := store.CatalogTable{Table: format.Table{Name: name}}
		for _, c := range columns {
			out.Columns = append(out.Columns, format.TableColumn{Name: c})
		}
		return out
	}
	notes := table("notes", "more", "id", "body", "labels", "changed", "vector", "colour")
	settings := table("settings", "options")
	for _, c := range []struct {
		tables []store.CatalogTable
		want   bool
	}{
		{[]store.CatalogTable{notes, settings}, true},
		{[]store.CatalogTable{settings, table("other"), notes}, true},
		{[]store.CatalogTable{notes}, false},
		{[]store.CatalogTable{notes, table("settings")}, false},
		{[]store.CatalogTable{settings, table("notes", "id", "body", "labels", "changed", "vector")}, false},
		{nil, false},
	} {
		if _, ok := l.Detect(context.Background(), &store.Catalog{Tables: c.tables}, nil); ok != c.want {
			t.Errorf("%+v: recognised: %v", c.tables, ok)
		}
	}
}

func TestParseForms(t *testing.T) {
	for _, text := range []string{
		"\ufefflayout: a\r\nversion: 1\r\ntables:\r\n  - table: t\r\n",
		"# comment\n---\n{layout: a, version: 1, tables: [{table: t}]}\n...\n",
		"tables:\n- table: t\n  columns: []\nversion: 0x1\nlayout: 'a'\nskip: []\n",
		"layout: a\nversion: 1\ntables:\n- {table: t}\nskip:\n- u\n- \"v # w\"\n",
	} {
		if _, err := Parse("a.yaml", []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

const (
	head   = "layout: a\nversion: 1\n"
	memory = head + "tables:\n  - table: t\n    section: memories\n    columns:\n      - {column: id, field: id, lens: text}\n"
)

func TestParseRefuses(t *testing.T) {
	lenses, sections := strings.Join(lens.Names(), ", "), strings.Join(format.StandardNames(), ", ")
	fields := strings.Join(fieldsOf(format.Standard(format.Memories)), ", ")
	times := strings.Join(lensesOf(format.Time), ", ")
	for _, c := range []struct{ text, want string }{
		{"", "1: the file is empty"},
		{"# nothing\n\n", "1: the file is empty"},
		{"---\n...\n", "1: the file is empty"},
		{"null\n", "1: the file is empty"},
		{"layout: a\n\xff\n", "2: the line is not UTF-8 text"},
		{"layout: a\nversion: \x00\n", "2: the line is not UTF-8 text"},
		{"text\n", "1: the file must be an object with the keys layout, version, engine, tables, skip"},
		{"\n- a\n", "2: the file must be an object with the keys layout, version, engine, tables, skip"},
		{"layout: a\nversion: 1\ntables: [\n", "3: the file is not YAML: sequence end token ']' not found"},
		{"layout: a\nversion: \"1\n", "2: the file is not YAML: could not find end character of double-quoted text"},
		{"layout: a\n\tversion: 1\n", "2: the file is not YAML: found character '\t' that cannot start any token"},
		{head + "tables: [{table: t}]\n---\nlayout: b\n", "5: a second document begins; a file holds one layout"},
		{"layout: &a a\n", "1: \"&\": anchors, aliases, tags, directives, complex keys and block texts have no place in a layout; a text with such a sign in front goes in double quotes"},
		{"\nlayout: *a\n", "2: \"*\": anchors, aliases, tags, directives, complex keys and block texts have no place in a layout; a text with such a sign in front goes in double quotes"},
		{"layout: !!binary a\n", "1: \"!!binary\": anchors, aliases, tags, directives, complex keys and block texts have no place in a layout; a text with such a sign in front goes in double quotes"},
		{"layout: |\n  a\n", "1: \"|\": anchors, aliases, tags, directives, complex keys and block texts have no place in a layout; a text with such a sign in front goes in double quotes"},
		{"a: " + strings.Repeat("[", 9), "1: lists and objects are nested too deep"},
		{strings.Repeat("- ", 9), "1: lists and objects are nested too deep"},
		{strings.Repeat("a: b\n", 65), "65: an object has more keys than any of a layout"},

		{"version: 1\ntables: [{table: t}]\n", "1: the key \"layout\" is missing"},
		{"\n\nlayout: a\ntables: [{table: t}]\n", "3: the key \"version\" is missing"},
		{head, "1: the key \"tables\" is missing"},
		{head + "sql: DROP\ntables: [{table: t}]\n", "3: unknown key \"sql\" in the file; the keys are layout, version, engine, tables, skip"},
		{head + "1: x\n", "3: unknown key \"1\" in the file; the keys are layout, version, engine, tables, skip"},
		{head + "layout: b\n", "3: key \"layout\" stands twice in the file, first on line 1"},
		{"layout: a\nversion: 2\ntables: []\n", "2: version 2 of layout files is unknown; this memarc reads version 1"},
		{"layout: a\nversion: -1\ntables: []\n", "2: version -1 of layout files is unknown; this memarc reads version 1"},
		{"layout: a\nversion: \"1\"\ntables: []\n", "2: version must be the number 1"},
		{"layout: a\nversion:\ntables: []\n", "2: version must be the number 1"},
		{"layout:\nversion: 1\ntables: []\n", "1: layout has no value"},
		{"layout: \"\"\nversion: 1\ntables: []\n", "1: layout name \"\": want up to 32 of a-z, 0-9, - and _, a letter first"},
		{"layout: My.Store\nversion: 1\ntables: []\n", "1: layout name \"My.Store\": want up to 32 of a-z, 0-9, - and _, a letter first"},
		{"layout: a23456789012345678901234567890123\nversion: 1\ntables: []\n", "1: layout name \"a23456789012345678901234567890123\": want up to 32 of a-z, 0-9, - and _, a letter first"},
		{"layout: true\nversion: 1\ntables: []\n", "1: layout must be a text; write \"true\" in double quotes"},
		{"layout: [a]\nversion: 1\ntables: []\n", "1: layout must be a text"},
		{"layout: memories\nversion: 1\ntables: []\n", "1: layout name \"memories\" is the name of a section or of a vector field"},
		{"layout: vector\nversion: 1\ntables: []\n", "1: layout name \"vector\" is the name of a section or of a vector field"},

		{head + "tables: t\n", "3: tables must be a list"},
		{head + "tables:\n", "3: tables must be a list"},
		{head + "tables: []\n", "3: tables is empty; by its tables a store is recognised"},
		{head + "tables:\n  - t\n", "4: a table must be an object with the keys table, section, updated, columns"},
		{head + "tables:\n  - section: memories\n", "4: the key \"table\" is missing: the table's name"},
		{head + "tables:\n  - table: 12\n", "4: table must be a text; write \"12\" in double quotes"},
		{head + "tables:\n  - table: t\n    where: x\n", "5: unknown key \"where\" in a table; the keys are table, section, updated, columns"},
		{head + "tables:\n  - table: t\n  - table: u\n  - table: t\n", "6: table \"t\" is listed twice, first on line 4"},
		{head + "tables:\n  - table: t\n    section: memory\n", "5: there is no section \"memory\"; the sections are " + sections},
		{head + "tables:\n  - table: t\n    section: memories\n", "4: table \"t\": section \"memories\" needs a column with the field \"id\""},
		{head + "tables:\n  - table: t\n    section: relations\n    columns: [{column: a, field: source_id, lens: text}]\n", "4: table \"t\": section \"relations\" needs a column with the field \"target_id\""},
		{memory + "  - table: u\n    section: memories\n", "9: section \"memories\" belongs to table \"t\" on line 5 already"},
		{memory + "    updated: id\n", "8: updated names \"id\", which is no listed column of table \"t\" with a field that is a time"},
		{head + "tables:\n  - table: t\n    updated: x\n", "5: updated names \"x\", which is no listed column of table \"t\" with a field that is a time"},
		{head + "tables:\n  - table: t\n    columns: {column: x}\n", "5: columns must be a list"},
		{head + "tables:\n  - table: t\n    columns:\n      - x\n", "6: a column must be an object with the keys column, field, lens"},
		{head + "tables:\n  - table: t\n    columns:\n      - {lens: text}\n", "6: the key \"column\" is missing: the column's name"},
		{head + "tables:\n  - table: t\n    columns:\n      - {column: x, type: text}\n", "6: unknown key \"type\" in a column; the keys are column, field, lens"},
		{head + "tables:\n  - table: t\n    columns:\n      - {column: null}\n", "6: column has no value"},
		{head + "tables:\n  - table: t\n    columns:\n      - {column: x, lens: base64}\n", "6: there is no lens \"base64\", the lenses are " + lenses},
		{head + "tables:\n  - table: t\n    columns:\n      - {column: x, lens: 1.5}\n", "6: lens must be a text; write \"1.5\" in double quotes"},
		{head + "tables:\n  - table: t\n    columns:\n      - {column: x, field: id, lens: text}\n", "6: column \"x\" has a field, but table \"t\" has no section"},
		{memory + "      - {column: x, field: text, lens: text}\n", "8: section \"memories\" has no field \"text\"; its fields are " + fields},
		{memory + "      - {column: x, field: leftovers, lens: map}\n", "8: section \"memories\" has no field \"leftovers\"; its fields are " + fields},
		{memory + "      - {column: x, field: id, lens: text}\n", "8: field \"id\" belongs to column \"id\" on line 7 already"},
		{memory + "      - {column: id, lens: text}\n", "8: column \"id\" of table \"t\" is listed twice, first on line 7"},
		{memory + "      - column: x\n        field: created_at\n        lens: text\n", "10: column \"x\": lens \"text\" gives text, but field \"created_at\" is time; lenses of that type: " + times},
		{memory + "      - {column: x, field: tags}\n", "8: column \"x\": field \"tags\" needs a lens of type list: comma-list, json-list, json-list-python, string-array, value-list, value-list-text"},

		{memory + "skip: u\n", "8: skip must be a list"},
		{memory + "skip: [u, 7]\n", "8: a table in skip must be a text; write \"7\" in double quotes"},
		{memory + "skip:\n  - u\n  - u\n", "10: table \"u\" stands twice in skip"},
		{memory + "skip: [t]\n", "8: table \"t\" stands in skip, and among the tables on line 4"},
	} {
		l, err := Parse("my.yaml", []byte(c.text))
		if l != nil || err == nil {
			t.Errorf("%q is accepted", c.text)
			continue
		}
		if got, want := err.Error(), "my.yaml:"+c.want; got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", c.text, got, want)
		}
		if located := new(Error); !errors.As(err, &located) {
			t.Errorf("%q: %T", c.text, err)
		}
	}
}

func TestParseRefusesBulk(t *testing.T) {
	start := time.Now()
	for name, text := range map[string]string{
		"too big":     strings.Repeat(" ", maxFile+1),
		"brackets":    strings.Repeat("[", 1<<18),
		"braces":      strings.Repeat("{a: ", 1<<18),
		"entries":     strings.Repeat("- ", 1<<18),
		"keys":        strings.Repeat("? ", 1<<18),
		"tags":        strings.Repeat("!a ", 1<<18),
		"pairs":       strings.Repeat("a: b\n", 1<<18),
		"indentation": strings.Join(steps(1000), "\n"),
	} {
		if _, err := Parse("a", []byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %s", d)
	}
}

func steps(n int) []string {
	var out []string
	for i := range n {
		out = append(out, strings.Repeat(" ", i)+"a:")
	}
	return out
}

// TestScalar: every text that a name can be is read as it was written.
func TestScalar(t *testing.T) {
	for _, s := range []string{"", " ", "a", "null", "Yes", "a b", "a: b", "#", "'", `"`, `\`, `\n`, "\n", "\r\n", "\t", "\u0085", "\u2028\u2029", "\ufeff", "\u00a0", "é", "😀", "\x01\x1f\x7f",
		"- a", "? a", "*a", "&a", "!a", "%a", "@a", "`a", "[a]", "{a}", "a,b", "1", "0x1", "1e3", ".5", "~", "---", "...", "<<", "=", "|", ">", "\U0010ffff", " a ", "a\n  b\n\nc", strings.Repeat("x ", 300)} {
		checkScalar(t, s)
	}
}

func checkScalar(t *testing.T, s string) {
	t.Helper()
	text := head + "tables:\n  - table: " + scalar(s) + "\n    columns:\n      - {column: " + scalar(s) + ", lens: text}\n"
	l, err := Parse("a", []byte(text))
	if err != nil {
		t.Errorf("%q: %v", s, err)
	} else if m := l.Maps[0]; m.Table != s || m.Columns[0].Column != s {
		t.Errorf("%q is read as %q and %q", s, m.Table, m.Columns[0].Column)
	}
}

func FuzzScalar(f *testing.F) {
	f.Add("é \\ \n\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		if s = strings.ToValidUTF8(s, ""); !strings.Contains(s, "\x00") {
			checkScalar(t, s)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(example(f))
	f.Add([]byte(memory + "skip: [x]\n"))
	f.Add([]byte("{layout: a, version: 1, tables: [{table: \"t\\u2028\", columns: [{column: 'x'}]}]}"))
	for _, s := range []string{"a: &b [*b]", "? a\n: b", "a: |\n  b", "- - -", "!!a b", "%YAML 1.2\n---\n", "a: \"\\", "{", "'", "a:\n\tb", "<<: a"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := Parse("my.yaml", raw)
		if err != nil {
			if located := new(Error); !errors.As(err, &located) || located.Line < 1 || located.Line > bytes.Count(raw, []byte{'\n'})+bytes.Count(raw, []byte{'\r'})+1 {
				t.Errorf("%T %v", err, err)
			}
			if l != nil || strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("%q", err)
			}
			return
		}
		if !layoutName.MatchString(l.Name) || l.Detect == nil {
			t.Errorf("%+v", l)
		}
		for _, m := range l.Maps {
			standard := format.Standard(m.Section)
			for _, c := range m.Columns {
				by, err := lens.ByName(c.Lens)
				if err != nil || c.Field != "" && standard.Fields[standard.Field(c.Field)].Type != by.Type {
					t.Errorf("%+v", c)
				}
			}
		}
	})
}
