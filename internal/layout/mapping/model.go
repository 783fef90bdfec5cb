package mapping

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// A model is the one embedding space that a store takes.
type model struct {
	registered bool // the store names it
	values     map[string]format.Value
	name, hash string
	dimension  int64 // 0 where the store does not say
}

// readModel reads which space the store takes, if its layout knows of one.
func readModel(ctx context.Context, db store.Tables, l *store.Layout, c *store.Catalog) (*model, error) {
	from := l.Model
	if from == nil {
		return nil, nil
	}
	m := &model{values: map[string]format.Value{}}
	for _, at := range from.Vectors {
		if t := c.Table(at[0]); t != nil {
			for _, col := range t.Columns {
				if col.Name == at[1] && m.dimension == 0 {
					m.dimension = declaredDimension(col.Type)
				}
			}
		}
	}
	t := c.Table(from.Table)
	if t == nil {
		return m, nil
	}
	var columns []string
	for _, name := range []string{from.Name, from.Dimension, from.Hash} {
		if name != "" && t.HasColumn(name) {
			columns = append(columns, name)
		}
	}
	for rows, err := range db.Scan(ctx, store.Query{Table: t.Name, Columns: columns}) {
		if err != nil {
			return nil, err
		}
		for i, name := range columns {
			cells := &rows.Columns[i]
			v := cells.Value(0)
			v.Bytes = append([]byte(nil), v.Bytes...)
			m.values[name] = v
			switch {
			case name == from.Dimension && v.Type == format.Int:
				m.dimension = int64(v.Cell)
			case name == from.Name && v.Type == format.Text:
				m.name, m.registered = string(v.Bytes), true
			case name == from.Hash && v.Type == format.Text:
				m.hash = string(v.Bytes)
			case name == from.Hash && v.Type == format.Bytes:
				m.hash = hex.EncodeToString(v.Bytes)
			}
		}
		break
	}
	return m, nil
}

// declaredDimension reads the 384 of vector(384) or FLOAT[384]; 0 if the type fixes none.
func declaredDimension(decl string) int64 {
	var n int64
	if at := strings.IndexAny(decl, "(["); at >= 0 {
		if _, err := fmt.Sscanf(decl[at+1:], "%d", &n); err != nil {
			return 0
		}
	}
	return n
}

// addConst adds a field that has the same value in all rows.
func (s *shape) addConst(p *part, f format.Field, c store.ColumnMap) error {
	l, err := lens.ByName(c.Lens)
	if err != nil {
		return fmt.Errorf("layout %q, constant %q: %w", s.layout.Name, c.Const, err)
	}
	at := len(p.section.Fields)
	p.section.Fields = append(p.section.Fields, format.Field{Name: f.Name, Type: l.Type})
	var cells store.Cells
	var says format.Column
	cells.Reset()
	says.Reset(l.Type)
	if s.model != nil {
		cells.AppendValue(s.model.values[c.Const])
	} else {
		cells.AppendNull()
	}
	l.Get(&cells, &says, func(int) {})
	p.consts = append(p.consts, constant{at, says.Value(0)})
	return nil
}

// expectModel takes for the constants of a new store of the product's own what its model
// will be: the row that says so may come behind the vectors.
func (s *sink) expectModel() {
	if len(s.manifest.Spaces) == 0 {
		return
	}
	will := map[string]format.Value{"space": format.TextValue(s.manifest.Spaces[0].ID), "dimension": format.IntValue(s.manifest.Spaces[0].Dimension)}
	for i := range s.shape.tables {
		for _, p := range s.shape.tables[i].parts {
			for j := range p.consts {
				c := &p.consts[j]
				if v := will[p.section.Fields[c.field].Name]; c.value.Type == format.Null && v.Type == p.section.Fields[c.field].Type {
					c.value = v
				}
			}
		}
	}
}

// fits tells whether the store takes the vector of a record.
func (m *model) fits(b *format.Batch, row int) bool {
	if m.registered {
		if c := b.Typed("space", format.Text); c == nil || c.Null(row) || string(c.Bytes(row)) != m.name {
			return false
		}
	}
	if c := b.Typed("vector", format.Vector); m.dimension > 0 && c != nil && !c.Null(row) {
		return int64(len(c.Bytes(row))/4) == m.dimension
	}
	return true
}

// signature shows a space to a person.
func signature(name string, dimension int64, hash string) string {
	if name == "" {
		name = "any model"
	} else {
		name = fmt.Sprintf("model %q", name)
	}
	if dimension > 0 {
		name += fmt.Sprintf(", %d dimensions", dimension)
	}
	if hash != "" {
		name += fmt.Sprintf(", hash %.16q", hash)
	}
	return name
}

// withSpaces adds the spaces that are not there yet.
func withSpaces(spaces, more []format.Space) []format.Space {
	spaces = slices.Clone(spaces)
	for _, sp := range more {
		if !hasSpace(spaces, sp) {
			spaces = append(spaces, sp)
		}
	}
	return spaces
}

func hasSpace(spaces []format.Space, sp format.Space) bool {
	return slices.ContainsFunc(spaces, func(have format.Space) bool { return have.ID == sp.ID && have.Dimension == sp.Dimension })
}

// takesSpaces fails if the archive has vectors of a space that the target neither
// takes nor keeps already beside its own.
func (s *sink) takesSpaces(ctx context.Context, spaces []format.Space) error {
	m, err := readModel(ctx, s.db, s.layout, s.catalog)
	if err != nil || m == nil {
		return err
	}
	if s.catalog.Table(sidecarTable) != nil {
		beside, err := readSchemas(ctx, s.db)
		if err != nil {
			return err
		}
		spaces = slices.DeleteFunc(slices.Clone(spaces), func(sp format.Space) bool { return hasSpace(beside.Spaces, sp) })
	}
	return m.compareSpaces(spaces)
}

// compareSpaces fails if the target takes vectors of another space than the
// archive's.
func (m *model) compareSpaces(spaces []format.Space) error {
	for _, sp := range spaces {
		name := sp.ID
		if m.registered && name != m.name || m.dimension > 0 && sp.Dimension > 0 && sp.Dimension != m.dimension || m.hash != "" && sp.Hash != "" && sp.Hash != m.hash {
			return spaceError(signature(name, sp.Dimension, sp.Hash), signature(m.name, m.dimension, m.hash))
		}
	}
	return nil
}

func spaceError(archive, target string) error {
	return fmt.Errorf("%w: the archive has %s, the target takes %s; --embeddings keep stores the vectors beside the product's own, --embeddings drop leaves them out, and memarc reembed makes new ones", store.ErrSpace, archive, target)
}

// space is the archive's first space that a column of vectors can have; nil if there is
// none. What a space says of itself may be anything.
func (s *sink) space() *format.Space {
	for i := range s.manifest.Spaces {
		sp := &s.manifest.Spaces[i]
		if most := s.catalog.MostDimensions; sp.Dimension > 0 && (most == 0 || sp.Dimension <= most) {
			return sp
		}
	}
	return nil
}

// register tells a new store which space it is going to take: that of the archive's
// first vectors.
func (s *sink) register(ctx context.Context) error {
	from := s.layout.Model
	if from == nil || !s.db.Fresh() || !s.foreign {
		return nil
	}
	return s.runModel(ctx, from.Register)
}

// runModel runs statements about the archive's first space.
func (s *sink) runModel(ctx context.Context, statements []store.Statement) error {
	sp := s.space()
	if sp == nil {
		if slices.ContainsFunc(statements, func(st store.Statement) bool { return strings.Contains(st.SQL, "$") }) {
			return nil
		}
		sp = &format.Space{}
	}
	for _, st := range statements {
		if st.Object != "" && !holdsObject(s.catalog, st.Object) {
			continue
		}
		sql := strings.NewReplacer("$NAME", literal(sp.ID), "$HASH", literal(sp.Hash), "$DIMENSION", fmt.Sprint(sp.Dimension)).Replace(st.SQL)
		if err := s.db.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// holdsObject tells whether a database has a table, or a column given as
// table.column.
func holdsObject(c *store.Catalog, name string) bool {
	table, column, ok := strings.Cut(name, ".")
	if !ok {
		return c.Table(table) != nil
	}
	return c.Has(table, column)
}

// replaceModel lets the target take the archive's space, where it takes another.
func (s *sink) replaceModel(ctx context.Context) error {
	from := s.layout.Model
	if from == nil || !s.opts.Reembed || len(s.manifest.Spaces) == 0 {
		return nil
	}
	m, err := readModel(ctx, s.db, s.layout, s.catalog)
	if err != nil || m == nil || m.compareSpaces(s.manifest.Spaces) == nil {
		return err
	}
	return s.runModel(ctx, from.Replace)
}

// literal quotes a text that may come from an archive.
func literal(s string) string { return store.QuoteText(strings.ReplaceAll(s, "\x00", "")) }

// dimension is that of the vectors of a new store whose columns fix it.
func (s *sink) dimension() int64 {
	if sp := s.space(); sp != nil {
		return sp.Dimension
	}
	if s.layout.Model != nil {
		return s.layout.Model.Assumed
	}
	return 0
}
