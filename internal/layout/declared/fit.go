package declared

import (
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// A column of a table that Draft looks at.
type column struct {
	name   string
	typ    string // declared
	class  store.Kind
	sample store.Cells
	values int             // in the sample, without NULLs
	fits   map[string]bool // lenses that give back every value, by name
	unit   string          // lens of that unit
	field  string
	lens   string
}

// look judges the sample.
func (c *column) look() {
	c.fits = map[string]bool{}
	for _, k := range c.sample.Kinds {
		if k != store.Null {
			c.values++
		}
	}
	for _, name := range lens.Names() {
		if l, err := lens.ByName(name); err == nil && givesBack(l, &c.sample) {
			c.fits[name] = true
		}
	}
	if c.unit = unit(&c.sample); c.class == store.Moment {
		c.unit = plain[store.Moment]
	}
}

// givesBack tells whether a lens writes every cell again bit for bit.
func givesBack(l *lens.Lens, cells *store.Cells) bool {
	var taken, written store.Cells
	taken.Reset()
	written.Reset()
	for row := range cells.Kinds {
		taken.AppendRow(cells, row)
	}
	var field format.Column
	field.Reset(l.Type)
	whole := true
	l.Get(&taken, &field, func(int) { whole = false })
	if !whole {
		return false
	}
	l.PutAll(&field, &written)
	for row := range cells.Kinds {
		if !cells.Equal(row, &written, row) {
			return false
		}
	}
	return true
}

// Seconds of 1990-01-01 and 2100-01-01: where the times of memories lie.
const year1990, year2100 = 631152000, 4102444800

// unit returns the lens by which all integers of the cells are times of our age.
func unit(cells *store.Cells) string {
	for _, u := range []struct {
		lens string
		per  int64
	}{{"unix", 1}, {"unix-millis", 1e3}, {"unix-micros", 1e6}, {"unix-nanos", 1e9}} {
		all, any := true, false
		for row, k := range cells.Kinds {
			if k == store.Integer {
				v := cells.Int(row) / u.per
				any, all = true, all && v >= year1990 && v < year2100
			}
		}
		if all && any {
			return u.lens
		}
	}
	return ""
}

// choices lists, by type, the lenses to try for a field, the most likely first.
// Of the forms of times, a form that writes more digits stands before one that
// writes fewer.
var choices = map[format.Type][]string{
	format.Text:   {"text"},
	format.List:   {"json-list", "json-list-python"},
	format.Float:  {"real"},
	format.Int:    {"int"},
	format.Bool:   {"int-bool"},
	format.JSON:   {"json"},
	format.Vector: {"f32", "f32-header"},
	format.Bytes:  {"blob"},
	format.Time: {"time-micros-z", "time-millis-z", "time-rfc3339-z", "time-python", "time-rfc3339", "time-python-naive", "time-sqlite",
		"unix", "unix-millis", "unix-micros", "unix-nanos"},
}

// identifiers are the lenses for fields that name a record.
var identifiers = []string{"text", "int-text", "uuid-blob"}

// plain is the lens of a class of columns.
var plain = map[store.Kind]string{store.Text: "text", store.Integer: "int", store.Real: "real", store.Blob: "blob", store.Null: "any",
	store.Boolean: "int-bool", store.Moment: "unix-micros", store.Document: "json", store.Array: "json", store.Vector: "f32"}

// lensFor returns the lens by which the column can be a field of the type. Where
// there are no values to look at, only the declared type speaks.
func (c *column) lensFor(t format.Type, identifier bool) string {
	names := choices[t]
	if identifier {
		names = identifiers
	}
	for _, name := range names {
		switch {
		case !c.fits[name]:
		case c.values == 0 && name != plain[c.class] && !(name == "int-text" && c.class == store.Integer):
		case strings.HasPrefix(name, "unix") && name != c.unit:
		default:
			return name
		}
	}
	return ""
}

// own returns the lens of a column that is no field of a section.
func (c *column) own(t *table) string {
	upper := strings.ToUpper(c.typ)
	name := plain[c.class]
	switch {
	case c.values > 0 && c.class == store.Blob && slices.Contains(vectorNames, normal(c.name)) && t.roomForVector(c.name):
		name = c.lensFor(format.Vector, false)
	case c.class > store.Blob:
	case strings.HasPrefix(upper, "BOOL"):
		name = "int-bool"
	case strings.HasPrefix(upper, "JSON") && upper != "JSONB":
		name = "json"
	}
	for _, name := range []string{name, plain[c.class]} {
		if name != "" && c.fits[name] {
			return name
		}
	}
	return "any"
}

// others lists the further lenses that give back all values as the same type.
func (c *column) others() []string {
	l, err := lens.ByName(c.lens)
	if err != nil || c.values == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(choices[l.Type]), func(name string) bool {
		return name == c.lens || !c.fits[name] || strings.HasPrefix(name, "unix") && name != c.unit
	})
}
