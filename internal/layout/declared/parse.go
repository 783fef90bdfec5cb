package declared

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// version of the kind of file that Parse reads.
const version = 1

var layoutName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// Parse reads a layout file. name stands in errors, all of which are of type
// *Error. The caller checks the layout's name against those it knows.
func Parse(name string, raw []byte) (*store.Layout, error) {
	f := &file{name}
	body, err := f.body(raw)
	if err != nil {
		return nil, err
	}
	top, err := f.object(body, "the file", "layout", "version", "engine", "tables", "skip")
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"layout", "version", "tables"} {
		if _, ok := top[key]; !ok {
			return nil, f.failed(lineOf(body), "the key %q is missing", key)
		}
	}
	if err := f.version(top["version"]); err != nil {
		return nil, err
	}
	l := &store.Layout{Engines: engines[:1]}
	if m, ok := top["engine"]; ok {
		if l.Engines, err = f.engine(m); err != nil {
			return nil, err
		}
	}
	if l.Name, err = f.layoutName(top["layout"]); err != nil {
		return nil, err
	}
	t := &tables{file: f, layout: l, places: map[string]int{}, sections: map[string]place{}}
	if err := t.read(top["tables"]); err != nil {
		return nil, err
	}
	if skip, ok := top["skip"]; ok {
		if err := t.readSkip(skip); err != nil {
			return nil, err
		}
	}
	l.Detect = t.detect
	return l, nil
}

// engines of which a layout file may be; the first is meant where it names none.
var engines = []string{"sqlite", "postgres"}

func (f *file) engine(m member) ([]string, error) {
	name, err := f.text(m.value, m.line, "engine")
	if err != nil {
		return nil, err
	}
	if !slices.Contains(engines, name) {
		return nil, f.failed(m.line, "engine %q: want %s", name, strings.Join(engines, " or "))
	}
	return []string{name}, nil
}

func (f *file) version(m member) error {
	n, ok := m.value.(*ast.IntegerNode)
	if !ok {
		return f.failed(m.line, "version must be the number %d", version)
	}
	if v, ok := n.Value.(uint64); !ok || v != version {
		return f.failed(m.line, "version %s of layout files is unknown; this memarc reads version %d", n.GetToken().Value, version)
	}
	return nil
}

func (f *file) layoutName(m member) (string, error) {
	name, err := f.text(m.value, m.line, "layout")
	switch {
	case err != nil:
		return "", err
	case !layoutName.MatchString(name):
		return "", f.failed(m.line, "layout name %q: want up to 32 of a-z, 0-9, - and _, a letter first", name)
	case reserved(name):
		return "", f.failed(m.line, "layout name %q is the name of a section or of a vector field", name)
	}
	return name, nil
}

// reserved tells the names whose PREFIX.NAME would read as something else: the
// sections, and the vectors, which take NAME.0 to NAME.3 (FORMAT.md 4.1).
func reserved(name string) bool {
	for _, s := range format.StandardNames() {
		if s == name || slices.ContainsFunc(format.Standard(s).Fields, func(f format.Field) bool { return f.Type == format.Vector && f.Name == name }) {
			return true
		}
	}
	return false
}

// A place is the table of a section, or the column of a field, and its line.
type place struct {
	name string
	line int
}

// tables reads the tables of a layout.
type tables struct {
	*file
	layout   *store.Layout
	listed   []listed
	places   map[string]int // lines by table
	sections map[string]place
}

// listed is a table that a store must have, with the columns that it must have.
type listed struct {
	table   string
	columns []string
}

// detect recognises a database that has all listed tables and columns.
func (t *tables) detect(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
	for _, l := range t.listed {
		if !c.Has(l.table, l.columns...) {
			return 0, false
		}
	}
	return 0, true
}

func (t *tables) read(m member) error {
	items, err := t.list(m, "tables")
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return t.failed(m.line, "tables is empty; by its tables a store is recognised")
	}
	for _, item := range items {
		if err := t.readTable(item); err != nil {
			return err
		}
	}
	return nil
}

func (t *tables) readTable(item ast.Node) error {
	at := lineOf(item)
	keys, err := t.object(item, "a table", "table", "section", "updated", "columns")
	if err != nil {
		return err
	}
	if _, ok := keys["table"]; !ok {
		return t.failed(at, "the key \"table\" is missing: the table's name")
	}
	m := store.TableMap{}
	if m.Table, err = t.text(keys["table"].value, keys["table"].line, "table"); err != nil {
		return err
	}
	at = keys["table"].line
	if first, twice := t.places[m.Table]; twice {
		return t.failed(at, "table %q is listed twice, first on line %d", m.Table, first)
	}
	t.places[m.Table] = at
	var standard *format.Section
	if section, ok := keys["section"]; ok {
		if standard, err = t.section(section, m.Table); err != nil {
			return err
		}
		m.Section = standard.Name
	}
	columns := &columns{tables: t, standard: standard, table: &m, places: map[string]int{}, fields: map[string]place{}}
	if list, ok := keys["columns"]; ok {
		if err := columns.read(list); err != nil {
			return err
		}
	}
	if updated, ok := keys["updated"]; ok {
		if err := columns.updated(updated); err != nil {
			return err
		}
	}
	if standard != nil {
		for _, k := range required(standard) {
			if _, ok := columns.fields[k]; !ok {
				return t.failed(at, "table %q: section %q needs a column with the field %q", m.Table, standard.Name, k)
			}
		}
	}
	t.listed = append(t.listed, listed{m.Table, columns.names})
	if m.Section != "" || len(m.Columns) > 0 {
		t.layout.Maps = append(t.layout.Maps, m)
	}
	return nil
}

func (t *tables) section(m member, table string) (*format.Section, error) {
	name, err := t.text(m.value, m.line, "section")
	if err != nil {
		return nil, err
	}
	standard := format.Standard(name)
	if standard == nil {
		return nil, t.failed(m.line, "there is no section %q; the sections are %s", name, strings.Join(format.StandardNames(), ", "))
	}
	if have, taken := t.sections[name]; taken {
		return nil, t.failed(m.line, "section %q belongs to table %q on line %d already", name, have.name, have.line)
	}
	t.sections[name] = place{table, m.line}
	return standard, nil
}

// required returns the fields without which records of a section are none. Of a
// key of several fields, products lack those that say which of several records
// it is.
func required(s *format.Section) []string {
	optional := map[string][]string{format.Relations: {"id", "type"}, format.Embeddings: {"space"}, format.Spaces: {"dimension"}}[s.Name]
	return slices.DeleteFunc(slices.Clone(s.Key), func(k string) bool { return slices.Contains(optional, k) })
}

func (t *tables) readSkip(m member) error {
	items, err := t.list(m, "skip")
	if err != nil {
		return err
	}
	for _, item := range items {
		at := lineOf(item)
		name, err := t.text(item, at, "a table in skip")
		if err != nil {
			return err
		}
		if slices.Contains(t.layout.Skip, name) {
			return t.failed(at, "table %q stands twice in skip", name)
		}
		if first, ok := t.places[name]; ok {
			return t.failed(at, "table %q stands in skip, and among the tables on line %d", name, first)
		}
		t.layout.Skip = append(t.layout.Skip, name)
	}
	return nil
}

// columns reads the columns of one table.
type columns struct {
	*tables
	standard *format.Section
	table    *store.TableMap
	names    []string
	places   map[string]int
	fields   map[string]place
	times    []string // columns whose field is a time
}

func (c *columns) read(m member) error {
	items, err := c.list(m, "columns")
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := c.readColumn(item); err != nil {
			return err
		}
	}
	return nil
}

func (c *columns) readColumn(item ast.Node) error {
	at := lineOf(item)
	keys, err := c.object(item, "a column", "column", "field", "lens")
	if err != nil {
		return err
	}
	if _, ok := keys["column"]; !ok {
		return c.failed(at, "the key \"column\" is missing: the column's name")
	}
	var m store.ColumnMap
	if m.Column, err = c.text(keys["column"].value, keys["column"].line, "column"); err != nil {
		return err
	}
	at = keys["column"].line
	if first, twice := c.places[m.Column]; twice {
		return c.failed(at, "column %q of table %q is listed twice, first on line %d", m.Column, c.table.Table, first)
	}
	c.places[m.Column] = at
	c.names = append(c.names, m.Column)
	var typ format.Type
	if field, ok := keys["field"]; ok {
		if m.Field, err = c.text(field.value, field.line, "field"); err != nil {
			return err
		}
		if typ, err = c.field(m, field.line); err != nil {
			return err
		}
		if _, ok := keys["lens"]; !ok {
			return c.failed(at, "column %q: field %q needs a lens of type %s: %s", m.Column, m.Field, typ, strings.Join(lensesOf(typ), ", "))
		}
	}
	if l, ok := keys["lens"]; ok {
		if m.Lens, err = c.text(l.value, l.line, "lens"); err != nil {
			return err
		}
		by, err := lens.ByName(m.Lens)
		if err != nil {
			return c.failed(l.line, "%v", err)
		}
		if typ != format.Null && by.Type != typ {
			return c.failed(l.line, "column %q: lens %q gives %s, but field %q is %s; lenses of that type: %s",
				m.Column, m.Lens, by.Type, m.Field, typ, strings.Join(lensesOf(typ), ", "))
		}
		c.table.Columns = append(c.table.Columns, m)
	}
	return nil
}

// field checks the field of a column and returns its type.
func (c *columns) field(m store.ColumnMap, at int) (format.Type, error) {
	if c.standard == nil {
		return 0, c.failed(at, "column %q has a field, but table %q has no section", m.Column, c.table.Table)
	}
	i := c.standard.Field(m.Field)
	if i < 0 || m.Field == format.Leftovers {
		return 0, c.failed(at, "section %q has no field %q; its fields are %s", c.standard.Name, m.Field, strings.Join(fieldsOf(c.standard), ", "))
	}
	if have, taken := c.fields[m.Field]; taken {
		return 0, c.failed(at, "field %q belongs to column %q on line %d already", m.Field, have.name, have.line)
	}
	c.fields[m.Field] = place{m.Column, at}
	typ := c.standard.Fields[i].Type
	if typ == format.Time {
		c.times = append(c.times, m.Column)
	}
	return typ, nil
}

func (c *columns) updated(m member) (err error) {
	if c.table.Updated, err = c.text(m.value, m.line, "updated"); err != nil {
		return err
	}
	if !slices.Contains(c.times, c.table.Updated) {
		return c.failed(m.line, "updated names %q, which is no listed column of table %q with a field that is a time", c.table.Updated, c.table.Table)
	}
	return nil
}

func fieldsOf(s *format.Section) []string {
	var names []string
	for _, f := range s.Fields {
		if f.Name != format.Leftovers {
			names = append(names, f.Name)
		}
	}
	return names
}

// lensesOf returns the lenses that give a type.
func lensesOf(t format.Type) []string {
	return slices.DeleteFunc(lens.Names(), func(name string) bool {
		l, err := lens.ByName(name)
		return err != nil || l.Type != t
	})
}
