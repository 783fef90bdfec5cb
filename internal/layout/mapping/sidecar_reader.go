package mapping

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// sidecarReader puts records back together.
type sidecarReader struct {
	db      store.Tables
	schemas *ownManifest
	origin  *format.Origin
	whole   []*format.Section // sections that have no native part
	unions  map[string]*format.Section
	found   map[string]uint64 // entries with a record that reading has met
	total   map[string]uint64 // entries with a record and a native row
	absent  map[string]uint64 // entries without a record
	read    func(section string) bool
	walks   map[string]*entries // of a reading under way; nil to look everything up
}

func openSidecar(ctx context.Context, db store.Tables, s *shape) (*sidecarReader, error) {
	r := &sidecarReader{db: db, unions: map[string]*format.Section{}, found: map[string]uint64{}, total: map[string]uint64{}, absent: map[string]uint64{}}
	var err error
	if r.schemas, err = readSchemas(ctx, db); err != nil {
		return nil, err
	}
	for is, counts := range map[store.Test]map[string]uint64{store.IsNull: r.absent, store.NotNull: r.total} {
		filters := []store.Filter{{Column: "native", Is: store.NotNull}, {Column: "record", Is: is}}
		for rows, err := range db.Scan(ctx, store.Query{Table: sidecarTable, Columns: []string{"section"}, Filters: filters}) {
			if err != nil {
				return nil, err
			}
			for row := range rows.N {
				counts[string(rows.Columns[0].Bytes(row))]++
			}
		}
	}
	r.origin = r.schemas.Origin
	native := map[string]bool{}
	for _, t := range s.tables {
		for _, p := range t.parts {
			native[p.section.Name] = true
		}
	}
	for _, section := range r.schemas.Sections {
		if err := section.Check(); err != nil {
			return nil, fmt.Errorf("%s: %w", sidecarTable, err)
		}
		if !native[section.Name] && !(s.layout.Spaces != nil && section.Name == format.Spaces) {
			r.whole = append(r.whole, section)
		}
	}
	return r, nil
}

// spaces are those of the archives whose embeddings stand in the sidecar.
func (r *sidecarReader) spaces(ctx context.Context) ([]format.Space, error) {
	query := store.Query{Table: sidecarTable, Columns: []string{"section"}, Filters: []store.Filter{{Column: "section", Is: store.Equal, Text: format.Embeddings}}}
	for rows, err := range r.db.Scan(ctx, query) {
		if err != nil {
			return nil, err
		}
		if rows.N > 0 {
			return r.schemas.Spaces, nil
		}
	}
	return nil, nil
}

// section returns the schema of the records that a native section and the sidecar
// make together.
func (r *sidecarReader) section(native *format.Section) *format.Section {
	if u := r.unions[native.Name]; u != nil {
		return u
	}
	u := native
	for _, s := range r.schemas.Sections {
		if s.Name == native.Name {
			u = union(native, s)
			u.Key = s.Key // the archive's: its order is part of the digest
		}
	}
	r.unions[native.Name] = u
	return u
}

// restore turns the records that native rows give into what was archived.
func (r *sidecarReader) restore(ctx context.Context, p *part, b *format.Batch) (*format.Batch, error) {
	f, err := r.prepare(ctx, p, b)
	if err != nil {
		return nil, err
	}
	out, met, err := f.finish()
	r.found[p.section.Name] += met
	return out, err
}

// A restoration has all that it needs of the database.
type restoration struct {
	section *format.Section
	b       *format.Batch
	leaves  []format.Leaf
	rows    *store.Rows // entries
	found   []int       // the entry of each record, or -1
}

// same tells whether the native row of a record is still the one that was written.
func (f *restoration) same(row int) bool {
	return f.found[row] >= 0 && bytes.Equal(f.rows.Columns[1].Bytes(f.found[row]), f.leaves[row].Sum[:])
}

// prepare finds the entries of records.
func (r *sidecarReader) prepare(ctx context.Context, p *part, b *format.Batch) (*restoration, error) {
	f := &restoration{section: r.section(p.section), b: b}
	if r.total[p.section.Name]+r.absent[p.section.Name] == 0 && len(f.section.Fields) == len(p.section.Fields) && !p.refers() {
		return f, nil
	}
	f.leaves = b.AppendLeaves(nil)
	var err error
	if f.rows, f.found, err = r.find(ctx, p.section.Name, f.leaves); err != nil {
		return nil, err
	}
	return f, r.translate(ctx, p, f)
}

// finish puts records and entries together, and says how many entries were met.
func (f *restoration) finish() (_ *format.Batch, met uint64, err error) {
	b, rows := f.b, f.rows
	if rows == nil {
		b.Section = f.section
		return b, 0, nil
	}
	defer b.Release()
	c, err := f.changes()
	if err != nil {
		return nil, 0, err
	}
	out := format.NewBatch(f.section)
	out.Rows = b.Rows - len(c.dropped)
	for i := range out.Columns {
		c.build(&out.Columns[i], b, i)
	}
	return out, c.met, nil
}

// changes are what entries make of the records of native rows.
type changes struct {
	native  []int           // for each field of the section that of the native record, or -1
	values  []format.Column // of fields that come from entries,
	of      [][]int         // and the record of each; ascending, as all of these are
	gone    [][]int         // records that have no such field
	dropped []int           // records that are none
	met     uint64          // entries
}

func (f *restoration) changes() (*changes, error) {
	b, rows, fields := f.b, f.rows, f.section.Fields
	c := &changes{native: make([]int, len(fields)), values: make([]format.Column, len(fields)), of: make([][]int, len(fields)), gone: make([][]int, len(fields))}
	key, ignored := make([]bool, len(fields)), make([]format.Column, len(fields))
	for i, field := range fields {
		c.native[i] = b.Section.Field(field.Name)
		if n := c.native[i]; n >= 0 && b.Section.Fields[n].Type != field.Type {
			c.native[i] = -1
		}
		key[i] = slices.Contains(f.section.Key, field.Name)
		c.values[i].Reset(field.Type)
	}
	left := f.section.Field(format.Leftovers)
	record := newStored(f.section)
	lists := map[string][]bool{} // which fields are gone, by the list that says so
	for row := range b.Rows {
		at := f.found[row]
		if at < 0 || rows.Columns[1].Kinds[at] == store.Null {
			continue
		}
		same := f.same(row)
		if rows.Columns[2].Kinds[at] == store.Null {
			if same { // else the product has given the record life
				c.dropped = append(c.dropped, row)
			}
			continue
		}
		c.met++
		gone := lists[string(rows.Columns[3].Bytes(at))]
		if gone == nil {
			var err error
			if gone, err = goneFields(f.section, rows.Columns[3].Bytes(at)); err != nil {
				return nil, err
			}
			lists[string(rows.Columns[3].Bytes(at))] = gone
		}
		err := record.each(rows.Columns[2].Bytes(at), func(i int) *format.Column {
			// An entry is found by the native key, so that its key is as it was.
			if n := c.native[i]; same || n < 0 || key[i] || i == left && b.Columns[n].Null(row) {
				c.of[i] = append(c.of[i], row)
				return &c.values[i]
			}
			ignored[i].Reset(fields[i].Type)
			return &ignored[i]
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", sidecarTable, err)
		}
		for i, is := range gone {
			if is && c.native[i] >= 0 && (same || key[i]) {
				c.gone[i] = append(c.gone[i], row)
			}
		}
	}
	return c, nil
}

// build makes a field's column of what the native rows and the entries hold. It may take
// the native column, and leave its own for it.
func (c *changes) build(out *format.Column, b *format.Batch, field int) {
	var native *format.Column
	if n := c.native[field]; n >= 0 {
		native = &b.Columns[n]
	}
	of, gone, dropped := c.of[field], c.gone[field], c.dropped
	if native != nil && len(of)+len(gone)+len(dropped) == 0 {
		*out, *native = *native, *out
		return
	}
	next := 0
	comes := func(list *[]int, row int) bool {
		if len(*list) == 0 || (*list)[0] != row {
			return false
		}
		*list = (*list)[1:]
		return true
	}
	for row := range b.Rows {
		drop, entry, none := comes(&dropped, row), comes(&of, row), comes(&gone, row)
		if entry {
			next++
		}
		switch {
		case drop:
		case entry:
			out.AppendRow(&c.values[field], next-1)
		case none || native == nil:
			out.AppendNull()
		default:
			out.AppendRow(native, row)
		}
	}
}

// goneFields reads a list of fields that the native row has and the record has not.
func goneFields(section *format.Section, list []byte) ([]bool, error) {
	gone := make([]bool, len(section.Fields))
	if len(list) == 0 {
		return gone, nil
	}
	var names []string
	if err := json.Unmarshal(list, &names); err != nil {
		return nil, fmt.Errorf("%s: %w", sidecarTable, err)
	}
	for i, f := range section.Fields {
		gone[i] = slices.Contains(names, f.Name)
	}
	return gone, nil
}

// batches yields the records that have no native row.
func (r *sidecarReader) batches(ctx context.Context, sel store.Selection) iter.Seq2[*format.Batch, error] {
	return func(yield func(*format.Batch, error) bool) {
		schemas := map[string]*format.Section{}
		for _, s := range r.schemas.Sections {
			schemas[s.Name] = s
			if u := r.unions[s.Name]; u != nil {
				schemas[s.Name] = u
			}
		}
		var open *format.Batch
		var record *stored
		for rows, err := range r.db.Scan(ctx, wholeEntries("section", "record")) {
			if err != nil {
				yield(nil, err)
				return
			}
			for row := range rows.N {
				name := string(rows.Columns[0].Bytes(row))
				if name == "" || !sel.Wants(name) {
					continue
				}
				section := schemas[name]
				if section == nil {
					yield(nil, fmt.Errorf("%s: section %q has no schema", sidecarTable, name))
					return
				}
				if open != nil && (open.Section != section || open.Rows >= 4096 || open.Size() > 4<<20) {
					if !yield(open, nil) {
						return
					}
					open = nil
				}
				if open == nil {
					open = format.NewBatch(section)
					if record == nil || record.section != section {
						record = newStored(section)
					}
				}
				if err := record.appendTo(open, rows.Columns[1].Bytes(row)); err != nil {
					yield(nil, fmt.Errorf("%s: section %q: %w", sidecarTable, name, err))
					return
				}
			}
		}
		if open != nil {
			yield(open, nil)
		}
	}
}

func (r *sidecarReader) yieldWhole(ctx context.Context, sel store.Selection, yield func(*format.Batch, error) bool) bool {
	for b, err := range r.batches(ctx, sel) {
		if !yield(b, err) || err != nil {
			return false
		}
	}
	return true
}

// start begins a reading of the sections that whole names.
func (r *sidecarReader) start(whole func(section string) bool) {
	clear(r.found)
	r.read, r.walks = whole, map[string]*entries{}
}

// losses counts the records that the product has deleted since they came.
func (r *sidecarReader) losses() []format.Loss {
	var out []format.Loss
	for _, section := range r.schemas.Sections {
		if n := r.total[section.Name]; n > r.found[section.Name] && r.read != nil && r.read(section.Name) {
			out = append(out, format.Loss{Code: "deleted", Where: section.Name, Count: n - r.found[section.Name], Accepted: true,
				Reason: "the product has deleted these records since they were imported; they stay deleted"})
		}
	}
	return out
}
