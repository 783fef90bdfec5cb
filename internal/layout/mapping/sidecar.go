package mapping

import (
	"cmp"
	"context"
	"slices"
	"unicode/utf8"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// sidecarTable stands beside a product's own tables and holds what they have no
// place for. Each row concerns one record:
//
//	section  its section; empty for the one row that holds the schemas
//	place    the place (FORMAT.md 5.2) of the record as the native row gives it;
//	         of a record that has no native row, the first 16 bytes of its leaf
//	native   SHA-256 of the record as the native row gave it when it was written;
//	         NULL for a record that has no native row
//	record   the fields that differ, or the whole record, as NDJSON (FORMAT.md
//	         6.2) with its members in the order of their names; NULL where the
//	         native row stands for no record at all
//	gone     the fields that the native row has and the record has not, as a
//	         JSON array
//
// While the native row gives the same hash, the record comes back exactly as it
// was archived. Once the product has changed the row, its values win for the
// fields that it holds, and the sidecar keeps the rest.
const sidecarTable = "memarc_sidecar"

// isOurs tells the tables that stand beside a product's own.
func isOurs(table string) bool { return table == sidecarTable || table == progressTable }

var sidecarColumns = []string{"section", "place", "native", "record", "gone"}

// wholeEntries asks for entries that stand for no native row: whole records, and the one
// that holds the schemas.
func wholeEntries(columns ...string) store.Query {
	return store.Query{Table: sidecarTable, Columns: columns, Filters: []store.Filter{{Column: "native", Is: store.IsNull}}}
}

func validText(b []byte) bool { return utf8.Valid(b) }

// union adds the fields of other that section lacks, before its leftovers.
func union(section, other *format.Section) *format.Section {
	out := &format.Section{Name: section.Name, Key: section.Key, Fields: slices.Clone(section.Fields)}
	for _, f := range other.Fields {
		if out.Field(f.Name) < 0 {
			out.Fields = append(out.Fields, f)
		}
	}
	return out
}

// nameOrder is the section with its fields in the order of their names, in which
// the sidecar keeps them whatever archives come, and where each field stands.
func nameOrder(section *format.Section) (*format.Section, []int) {
	at := all(len(section.Fields))
	slices.SortFunc(at, func(i, j int) int { return cmp.Compare(section.Fields[i].Name, section.Fields[j].Name) })
	out := &format.Section{Name: section.Name, Key: section.Key}
	for _, i := range at {
		out.Fields = append(out.Fields, section.Fields[i])
	}
	return out, at
}

// lines is the batch with its fields in that order. It shares the columns.
func lines(b *format.Batch) *format.Batch {
	section, at := nameOrder(b.Section)
	out := &format.Batch{Section: section, Rows: b.Rows}
	for _, i := range at {
		out.Columns = append(out.Columns, b.Columns[i])
	}
	return out
}

// stored reads records of one section that the sidecar holds.
type stored struct {
	section *format.Section
	at      []int // the field of the section that each field of the lines is
	lines   *format.LineDecoder
}

func newStored(section *format.Section) *stored {
	sorted, at := nameOrder(section)
	return &stored{section, at, format.NewLineDecoder(sorted)}
}

// each reads a record. column is asked, for each field of the section that the record
// has, for the column that takes its value.
func (s *stored) each(line []byte, column func(field int) *format.Column) error {
	return s.lines.Decode(line, func(i int) *format.Column { return column(s.at[i]) })
}

// appendTo appends the record to a batch of the section.
func (s *stored) appendTo(b *format.Batch, line []byte) error {
	if err := s.each(line, func(field int) *format.Column { return &b.Columns[field] }); err != nil {
		return err
	}
	b.EndRow()
	return nil
}

// inOrder is the part over rows that hold just its columns.
func (p *part) inOrder() *part {
	q := *p
	q.columns = slices.Clone(p.columns)
	for i := range q.columns {
		q.columns[i].at = i
	}
	return &q
}

// readSchemas reads the sidecar's one row that concerns no record.
func readSchemas(ctx context.Context, db store.Tables) (*ownManifest, error) {
	schemas := &ownManifest{}
	for rows, err := range db.Scan(ctx, store.Query{Table: sidecarTable, Columns: []string{"record"}, Filters: []store.Filter{{Column: "section", Is: store.Equal}}}) {
		if err != nil {
			return nil, err
		}
		if rows.N > 0 {
			if schemas, err = decodeOwn(slices.Clone(rows.Columns[0].Bytes(0))); err != nil {
				return nil, err
			}
		}
	}
	return schemas, nil
}
