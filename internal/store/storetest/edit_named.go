package storetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/verify"
)

// A Named is a record in which a comparison has found two sides to differ. Fields are
// those of a record that both sides have, with what each side has there as JSON.
type Named struct {
	Section, ID string
	Fields      map[string][2]string
}

// has tells whether the fields name a field, or a native value of its column among
// the leftovers.
func (n Named) has(field, column string) bool {
	if _, ok := n.Fields[field]; ok || len(n.Fields) == 0 {
		return true
	}
	var left [2]map[string]json.RawMessage
	for i, text := range n.Fields[format.Leftovers] {
		if text != "" && json.Unmarshal([]byte(text), &left[i]) != nil {
			return false
		}
	}
	for name := range maps.Keys(left[0]) {
		if strings.HasSuffix(name, "."+column) && !bytes.Equal(left[0][name], left[1][name]) {
			return true
		}
	}
	for name := range maps.Keys(left[1]) {
		if strings.HasSuffix(name, "."+column) && left[0][name] == nil {
			return true
		}
	}
	return false
}

var typed = regexp.MustCompile(`\{"b":("[^"]*")\}`)

// An Oracle knows as which field of which record a cell is carried.
type Oracle struct {
	Layout   *store.Layout
	Sections []*format.Section // of the store that was edited
	// Constants are key fields that have one value in the whole store.
	Constants map[string]string
	// Loose says of a record's field that it may differ though another was edited: the
	// row did not give it exactly, and once a product has changed a row its values count.
	Loose func(section, id, field string) bool
}

// Check fails the test for every edit that is not named, for every record that is
// named without an edit, and for every field.
func (o *Oracle) Check(t testing.TB, edits []Edit, named []Named) {
	t.Helper()
	found, edited := map[[2]string]Named{}, map[[2]string][]string{}
	for _, n := range named {
		// Bytes show as such, or as a value that carries its type, by the side.
		found[[2]string{n.Section, typed.ReplaceAllString(n.ID, "$1")}] = n
	}
	// Where keys need not be unique, a row may take the key that another row has left.
	// What the two have become is then not to be told from what they were.
	at := map[[2]string]int{}
	for _, e := range edits {
		for _, p := range o.places(e) {
			at[p]++
		}
	}
	spaces, missed, met := false, 0, 0
	for _, e := range edits {
		is := false
		for _, m := range o.maps(e.Table) {
			section := o.section(m)
			if section == nil {
				continue
			}
			fields := o.fields(m, section, e.Columns)
			before, after := [2]string{section.Name, o.id(m, section, e.Before)}, [2]string{section.Name, o.id(m, section, e.After)}
			for _, at := range [][2]string{before, after} {
				if len(fields) == 0 {
					continue
				}
				edited[at] = append(edited[at], fields...)
				n, ok := found[at]
				is = is || ok && slices.ContainsFunc(fields, func(f string) bool { return n.has(f, o.column(m, f)) })
			}
		}
		meets := slices.ContainsFunc(o.places(e), func(p [2]string) bool { return at[p] > 1 })
		if !is && meets {
			met++
		} else if !is {
			if missed++; missed <= 12 {
				t.Errorf("not named: %s", e)
			}
		}
		if from := o.Layout.Spaces; from != nil {
			spaces = spaces || slices.Contains(e.Columns, from.Space) || slices.Contains(e.Columns, from.Dimension)
		}
	}
	extra := 0
	for at, n := range found {
		fields, ok := edited[at]
		if !ok && at[0] == format.Spaces && spaces {
			continue // they show in what was edited
		}
		more := slices.DeleteFunc(slices.Sorted(maps.Keys(n.Fields)), func(f string) bool {
			return f == format.Leftovers || slices.Contains(fields, f) || o.Loose(at[0], at[1], f)
		})
		if !ok || len(more) > 0 {
			if extra++; extra <= 12 {
				t.Errorf("named without an edit: %s %q, fields %q, edited %q", at[0], at[1], more, fields)
			}
		}
	}
	if met > len(edits)/50 {
		t.Errorf("%d edits meet others at the same key", met)
	}
	if missed+extra > 0 {
		t.Errorf("of %d edits %d were not named; of %d records named %d were not edited so", len(edits), missed, len(named), extra)
	}
}

// places are the records that an edit concerns.
func (o *Oracle) places(e Edit) (out [][2]string) {
	for _, m := range o.maps(e.Table) {
		if section := o.section(m); section != nil && len(o.fields(m, section, e.Columns)) > 0 {
			for _, cells := range []map[string]string{e.Before, e.After} {
				out = append(out, [2]string{section.Name, o.id(m, section, cells)})
			}
		}
	}
	slices.SortFunc(out, func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	return slices.Compact(out)
}

// maps are the maps of a table that give records. A table that none names is carried
// as it is.
func (o *Oracle) maps(table string) (out []store.TableMap) {
	for _, m := range o.Layout.Maps {
		if m.Table == table && m.Section != "" {
			out = append(out, m)
		}
	}
	if len(out) == 0 {
		name := o.Layout.Name + "." + table
		if o.Layout.Own != nil {
			name = table
		}
		out = append(out, store.TableMap{Table: table, Section: name})
	}
	return out
}

func (o *Oracle) section(m store.TableMap) *format.Section {
	i := slices.IndexFunc(o.Sections, func(s *format.Section) bool { return s.Name == m.Section })
	if i < 0 {
		return nil
	}
	return o.Sections[i]
}

// column is the column of a field.
func (o *Oracle) column(m store.TableMap, field string) string {
	for _, c := range m.Columns {
		if c.Field == field && c.Const == "" {
			return c.Column
		}
	}
	if len(m.Columns) > 0 {
		return strings.TrimPrefix(field, o.Layout.Name+".")
	}
	return field
}

// fields are the fields of a section that the columns are.
func (o *Oracle) fields(m store.TableMap, section *format.Section, columns []string) (out []string) {
	for _, f := range section.Fields {
		if slices.Contains(columns, o.column(m, f.Name)) {
			out = append(out, f.Name)
		}
	}
	return out
}

// id is how a report names the record of a row.
func (o *Oracle) id(m store.TableMap, section *format.Section, cells map[string]string) string {
	var parts []string
	for _, k := range section.Key {
		v, ok := cells[o.column(m, k)]
		if !ok {
			if v, ok = o.Constants[k]; !ok {
				v = "-"
			}
		}
		if raw, err := hex.DecodeString(v); err == nil && cells[classOf+o.column(m, k)] == "blob" {
			v = `"` + base64.StdEncoding.EncodeToString(raw) + `"`
		}
		parts = append(parts, v)
	}
	return strings.Join(parts, " ")
}

// Compare names the records in which the store at a location differs from an archive,
// and returns the sections that the store has.
func Compare(t testing.TB, archive []byte, location string) ([]Named, []*format.Section) {
	t.Helper()
	src, err := all.Registry().OpenSource(context.Background(), location, "")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	file := verify.File(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }, format.ReaderOptions{})
	diff, err := verify.Compare(context.Background(), file, verify.Store(src), verify.CompareOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var named []Named
	for _, d := range diff.Differences {
		n := Named{Section: d.Section, ID: d.ID, Fields: map[string][2]string{}}
		for _, f := range d.Fields {
			n.Fields[f.Name] = [2]string{f.A, f.B}
		}
		named = append(named, n)
	}
	about, err := src.Describe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return named, about.Sections
}
