package declared

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/mapping"
	"github.com/memarc/memarc/internal/store"
)

// draftName is the layout's name in a draft, to be replaced by the user.
const draftName = "my-store"

// sampleRows is how many rows of a table Draft looks at, at most.
const sampleRows = 2000

// Draft writes a layout file for a database, for a user to edit. As it stands it
// carries everything.
func Draft(ctx context.Context, c *store.Catalog, db store.Tables) ([]byte, error) {
	if !slices.Contains(engines, c.Engine) {
		return nil, fmt.Errorf("%w: a layout can be drafted of a database of %s, not of %s; without a layout its store is carried as it is", store.ErrUsage, strings.Join(engines, " and "), c.Engine)
	}
	var all []*table
	for i := range c.Tables {
		t := &c.Tables[i]
		if t.Kind != store.Ordinary || mapping.IsSidecar(t.Name) {
			continue
		}
		looked, err := look(ctx, t, db)
		if err != nil {
			return nil, err
		}
		all = append(all, looked)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: the database has no tables to draft a layout of", store.ErrUsage)
	}
	settle(all)
	w := &bytes.Buffer{}
	fmt.Fprintf(w, `# Which tables and columns of a database are which sections and fields of an
# archive. What has no section or no field is carried as it is, under this
# layout's name, and comes back as it was. Guesses are marked; change them freely.
# Sections and fields: FORMAT.md section 8. Lenses: how a column's values are
# written; where a value has another form, it is kept beside the field.

# A name of your own: a-z, 0-9, - and _, a letter first.
layout: %s
# The version of this kind of file.
version: %d
%s
# By these tables and columns a store of this layout is recognised.
tables:
`, draftName, version, engineLine(c.Engine))
	for _, t := range all {
		t.write(w)
	}
	writeSkip(w, c)
	return w.Bytes(), nil
}

// engineLine names the engine, if it is not the one that is meant without a word.
func engineLine(engine string) string {
	if engine == engines[0] {
		return ""
	}
	return "# What its databases are.\nengine: " + engine + "\n"
}

// look takes the first rows of a table and judges its columns.
func look(ctx context.Context, t *store.CatalogTable, db store.Tables) (*table, error) {
	out := &table{CatalogTable: t}
	var names []string
	for i := range t.Columns {
		c := &column{name: t.Columns[i].Name, typ: t.Columns[i].Type, class: t.Classes[i]}
		c.sample.Reset()
		out.columns = append(out.columns, c)
		names = append(names, c.name)
	}
	for _, name := range append(slices.Clone(names), t.Name) {
		if !utf8.ValidString(name) {
			return nil, fmt.Errorf("%w: table %q: the name %q is not UTF-8, which no layout file can hold", store.ErrUsage, t.Name, name)
		}
	}
	for rows, err := range db.Scan(ctx, store.Query{Table: t.Name, Columns: names}) {
		if err != nil {
			return nil, err
		}
		out.rows = min(rows.N, sampleRows)
		for i, c := range out.columns {
			for row := range out.rows {
				c.sample.AppendRow(&rows.Columns[i], row)
			}
		}
		break
	}
	for _, c := range out.columns {
		c.look()
		c.sample = store.Cells{}
	}
	return out, nil
}

func (t *table) write(w *bytes.Buffer) {
	looked := fmt.Sprintf("%d rows looked at", t.rows)
	switch {
	case t.section != "":
		fmt.Fprintf(w, "  # Guess: %s, by %s; %s.\n", t.section, t.evidence(), looked)
	case t.second != "":
		fmt.Fprintf(w, "  # Carried as it is. It looks like %s too, but a section has one table; %s.\n", t.second, looked)
	default:
		fmt.Fprintf(w, "  # Carried as it is: its columns speak for no section; %s.\n", looked)
	}
	fmt.Fprintf(w, "  - table: %s\n", scalar(t.Name))
	if t.section != "" {
		fmt.Fprintf(w, "    section: %s\n", t.section)
		if c := t.fields["updated_at"]; c != nil {
			fmt.Fprintf(w, "    updated: %s\n", scalar(c.name))
		}
		if free := t.free(); free != "" {
			fmt.Fprintf(w, "    # Fields without a column: %s.\n", free)
		}
	}
	if len(t.columns) == 0 {
		return
	}
	fmt.Fprintf(w, "    columns:\n")
	for _, c := range t.columns {
		field := ""
		if c.field != "" {
			field = ", field: " + c.field
		}
		fmt.Fprintf(w, "      - {column: %s%s, lens: %s}%s\n", scalar(c.name), field, c.lens, c.note())
	}
}

// evidence names the columns that decided for the section.
func (t *table) evidence() string {
	i := slices.IndexFunc(guesses, func(g guess) bool { return g.section == t.section })
	var parts []string
	for _, f := range guesses[i].need {
		if c := t.fields[f]; c != nil {
			parts = append(parts, fmt.Sprintf("column %s as %s", quote(c.name), f))
		}
	}
	return strings.Join(parts, ", ")
}

// free lists the fields of the section that no column has.
func (t *table) free() string {
	var out []string
	for _, f := range format.Standard(t.section).Fields {
		if t.fields[f.Name] == nil && f.Name != format.Leftovers {
			out = append(out, fmt.Sprintf("%s (%s)", f.Name, f.Type))
		}
	}
	return strings.Join(out, ", ")
}

// note explains the guess about a column.
func (c *column) note() string {
	var parts []string
	switch {
	case c.values == 0:
		parts = append(parts, "no values to look at")
	case c.lens == "any" && c.class != store.Null:
		parts = append(parts, "values of several types")
	}
	if others := c.others(); len(others) > 0 && c.lens != "any" {
		parts = append(parts, "also fits: "+strings.Join(others, ", "))
	}
	if c.field == "" && c.values > 0 && c.lens != c.unit && c.unit != "" {
		parts = append(parts, "as a time: "+c.unit)
	}
	if c.field == "" && c.lens == "text" && c.values > 0 {
		var as []string
		for _, t := range []format.Type{format.Time, format.List, format.JSON} {
			if l := c.lensFor(t, false); l != "" {
				as = append(as, fmt.Sprintf("%s (%s)", l, t))
			}
		}
		if len(as) > 0 {
			parts = append(parts, "would fit: "+strings.Join(as, ", "))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " # " + strings.Join(parts, "; ")
}

func writeSkip(w *bytes.Buffer, c *store.Catalog) {
	fmt.Fprintf(w, "\n# Tables that are derived and that the product builds anew: not carried.\nskip: []\n")
	for i := range c.Tables {
		if t := &c.Tables[i]; t.Kind == store.Virtual {
			fmt.Fprintf(w, "# Virtual table %s (module %s) cannot be carried; list it above if the product\n# builds it anew, else an export counts it as a loss.\n", quote(t.Name), quote(t.Module))
		}
	}
	for _, o := range c.Objects {
		if !o.Plain {
			fmt.Fprintf(w, "# Not carried, because its definition is code: %s %s.\n", o.Type, quote(o.Name))
		}
	}
}

var plainScalar = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// words are the plain scalars that YAML 1.1 or 1.2 takes for no text.
var words = []string{"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"}

// scalar writes a text as YAML reads it.
func scalar(s string) string {
	if plainScalar.MatchString(s) && !slices.Contains(words, strings.ToLower(s)) {
		return s
	}
	b := []byte{'"'}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == ' ' || unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r < 0x100:
			b = fmt.Appendf(b, `\x%02x`, r)
		case r < 0x10000:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = fmt.Appendf(b, `\U%08x`, r)
		}
	}
	return string(append(b, '"'))
}

// quote shows a name in a comment: one line, whatever the name holds.
func quote(s string) string { return strconv.Quote(s) }
