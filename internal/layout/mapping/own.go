package mapping

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// metaName is the row of the table of metadata that holds the own manifest.
const metaName = "manifest"

func readMeta(ctx context.Context, db store.Tables, table string) ([]byte, error) {
	for rows, err := range db.Scan(ctx, store.Query{Table: table, Columns: []string{"name", "value"}}) {
		if err != nil {
			return nil, err
		}
		for row := range rows.N {
			if string(rows.Columns[0].Bytes(row)) == metaName {
				return slices.Clone(rows.Columns[1].Bytes(row)), nil
			}
		}
	}
	return nil, fmt.Errorf("table %q has no table of contents", table)
}

func metaTable(name string) *format.Table {
	return &format.Table{Name: name, Primary: []string{"name"}, Columns: []format.TableColumn{
		{Name: "name", Type: "TEXT", NotNull: true}, {Name: "value", Type: "TEXT", NotNull: true},
	}}
}

// beginOwn creates the tables of memarc's own layout, one a section, and adds the
// columns that a table of an earlier import lacks.
func (s *sink) beginOwn(ctx context.Context) error {
	own := s.layout.Own
	s.own = &ownManifest{Origin: originOf(s.manifest, s.layout), Spaces: s.manifest.Spaces}
	if s.catalog.Table(own.MetaTable) != nil {
		raw, err := readMeta(ctx, s.db, own.MetaTable)
		if err != nil {
			return err
		}
		if s.own, err = decodeOwn(raw); err != nil {
			return err
		}
		s.own.Spaces = withSpaces(s.own.Spaces, s.manifest.Spaces)
	} else if !s.made(own.MetaTable) {
		if err := s.db.CreateTable(ctx, metaTable(own.MetaTable)); err != nil {
			return err
		}
	}
	for _, section := range s.manifest.Sections {
		if isOurs(section.Name) || section.Name == own.MetaTable {
			return fmt.Errorf("section name %q is reserved", section.Name)
		}
		stored := withLeftovers(section)
		i := slices.IndexFunc(s.own.Sections, func(have *format.Section) bool { return have.Name == section.Name })
		var err error
		if i < 0 {
			if !s.made(section.Name) {
				err = s.createOwn(ctx, stored)
			}
			s.own.Sections = append(s.own.Sections, stored)
		} else {
			s.own.Sections[i], err = s.extendOwn(ctx, s.own.Sections[i], stored)
		}
		if err != nil {
			return err
		}
		p, err := ownPart(s.layout.Name, s.catalog.Engine, own, section)
		if err != nil {
			return err
		}
		if err := s.prepare(ctx, &writer{part: p, reading: p, total: true}, section.Name); err != nil {
			return err
		}
	}
	return s.beginProgress(ctx)
}

// withLeftovers is the section with a field for what somebody may write into its
// table that the other fields cannot say.
func withLeftovers(section *format.Section) *format.Section {
	if section.Field(format.Leftovers) >= 0 {
		return section
	}
	return union(section, &format.Section{Fields: []format.Field{{Name: format.Leftovers, Type: format.Map}}})
}

func (s *sink) ownColumn(f format.Field) format.TableColumn {
	return format.TableColumn{Name: f.Name, Type: s.layout.Own.Decl(f.Type)}
}

func (s *sink) createOwn(ctx context.Context, section *format.Section) error {
	t := &format.Table{Name: section.Name}
	for _, f := range section.Fields {
		t.Columns = append(t.Columns, s.ownColumn(f))
	}
	if own := s.layout.Own; own.Rest != "" {
		t.Columns = append(t.Columns, format.TableColumn{Name: own.Rest, Type: own.RestDecl})
	}
	return s.db.CreateTable(ctx, t)
}

func (s *sink) extendOwn(ctx context.Context, have, section *format.Section) (*format.Section, error) {
	union := &format.Section{Name: have.Name, Key: have.Key, Fields: slices.Clone(have.Fields)}
	for _, f := range section.Fields {
		if i := have.Field(f.Name); i < 0 {
			if t := s.catalog.Table(have.Name); t == nil || !t.HasColumn(f.Name) { // else an earlier run has added it
				c := s.ownColumn(f)
				if err := s.db.AddColumn(ctx, have.Name, &c); err != nil {
					return nil, err
				}
			}
			union.Fields = append(union.Fields, f)
		} else if have.Fields[i].Type != f.Type {
			return nil, fmt.Errorf("%w: field %q of section %q is %s in the archive and %s in the target; import into a new file", store.ErrUsage, f.Name, have.Name, f.Type, have.Fields[i].Type)
		}
	}
	if !slices.Equal(have.Key, section.Key) {
		return nil, otherKey(have.Name)
	}
	return union, nil
}

// indexed is up to how many columns a key may have to get an index.
const indexed = 4

// finishOwn builds the indexes and writes the table of contents.
func (s *sink) finishOwn(ctx context.Context) error {
	raw, err := json.Marshal(s.own)
	if err != nil {
		return fmt.Errorf("encode memarc's own table of contents: %w", err)
	}
	rows := store.NewRows(2)
	rows.Columns[0].AppendString(metaName)
	rows.Columns[1].AppendText(raw)
	rows.N = 1
	var refused error
	if err := s.db.Delete(ctx, s.layout.Own.MetaTable, []string{"name"}, pick(rows, []int{0}, []int{0})); err != nil {
		return err
	}
	if err := s.db.Insert(ctx, s.layout.Own.MetaTable, []string{"name", "value"}, rows, func(_ int, err error) { refused = err }); err != nil || refused != nil {
		return fmt.Errorf("write memarc's own table of contents: %w", firstError(err, refused))
	}
	for _, section := range s.own.Sections {
		if s.catalog.Table(section.Name) != nil {
			continue
		}
		if n := len(section.Key); n > 0 && n <= indexed {
			ix := format.Index{Name: section.Name + ".key", Columns: section.Key}
			if section.Name == format.Relations { // found by either end
				ix = format.Index{Name: section.Name + ".key", Columns: []string{"source_id", "target_id"}}
				if err := s.db.CreateIndex(ctx, section.Name, &format.Index{Name: section.Name + ".target", Columns: []string{"target_id"}}); err != nil {
					return err
				}
			}
			if err := s.db.CreateIndex(ctx, section.Name, &ix); err != nil {
				return err
			}
		}
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
