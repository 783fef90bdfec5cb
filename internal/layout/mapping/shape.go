package mapping

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// A shape is what a layout makes of one database: tables with their parts, in
// the order in which they are read, and what has another fate.
type shape struct {
	layout  *store.Layout
	version int
	tables  []tableShape
	items   []store.Item
	losses  []format.Loss
	origin  *format.Origin
	spaces  []format.Space // of memarc's own layout, which stores them
	engine  string
	model   *model // of a layout whose stores take vectors of one space
	// schemaless says that tables do not tell what must not be NULL.
	schemaless bool
	beside     bool // the store has a sidecar
}

type tableShape struct {
	table   *store.CatalogTable
	columns []string // that are scanned
	parts   []*part
}

// passthrough is the name of the section that carries a table as it is.
func passthrough(layout, table string) string { return layout + "." + table }

// newShape joins a layout with a catalog.
func newShape(ctx context.Context, db store.Tables, l *store.Layout, version int, c *store.Catalog) (*shape, error) {
	s := &shape{layout: l, version: version, engine: c.Engine, beside: c.Table(sidecarTable) != nil, origin: &format.Origin{
		StoreID: format.StoreID{Engine: c.Engine, Layout: l.Name, Version: versionText(version)},
	}}
	_, s.schemaless = db.(store.Schemaless)
	var err error
	if s.model, err = readModel(ctx, db, l, c); err != nil {
		return nil, err
	}
	known := map[string]bool{}
	if l.Schema != nil {
		for _, o := range l.Schema.Objects {
			known[o.Name] = true
		}
	}
	for i := range c.Tables {
		if err := s.addTable(c, &c.Tables[i], known); err != nil {
			return nil, err
		}
	}
	for _, o := range c.Objects {
		switch {
		case known[o.Name]:
			s.origin.Objects = append(s.origin.Objects, o.Name)
			s.items = append(s.items, store.Item{Name: o.Name, Fate: store.Derived, Rows: -1})
		case o.Type == "index" && (o.Plain || s.skipped(o.Table)):
			s.items = append(s.items, store.Item{Name: o.Name, Fate: store.Derived, Rows: -1})
		default:
			s.lose("schema-"+o.Type, o.Name, "its definition is code, which an archive does not carry")
		}
	}
	s.origin.Settings = c.Settings
	if l.Own == nil {
		slices.SortStableFunc(s.tables, func(a, b tableShape) int { return rank(a) - rank(b) })
	}
	return s, nil
}

func versionText(v int) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprint(v)
}

// rank orders tables by their first section: standard sections in their order,
// then the others.
func rank(t tableShape) int {
	names := format.StandardNames()
	if i := slices.Index(names, t.parts[0].section.Name); i >= 0 {
		return i
	}
	return len(names)
}

func (s *shape) lose(code, where, reason string) {
	s.items = append(s.items, store.Item{Name: where, Fate: store.Lost, Rows: -1})
	s.losses = append(s.losses, format.Loss{Code: code, Where: where, Count: 1, Reason: reason})
}

// leftover is the name under which a native value of a column is left over.
func (s *shape) leftover(column string) string { return leftoverName(s.layout.Name, s.engine, column) }

// leftoverName tells the engines of one product apart, because a native value of one
// is none of the other. The first engine that there was has no mark.
func leftoverName(layout, engine, column string) string {
	if engine == "sqlite" {
		return layout + "." + column
	}
	return layout + "/" + engine + "." + column
}

func (s *shape) skipped(table string) bool { return slices.Contains(s.layout.Skip, table) }

func (s *shape) addTable(c *store.Catalog, t *store.CatalogTable, known map[string]bool) error {
	switch {
	case t.Kind == store.Internal || t.Kind == store.Shadow || s.skipped(t.Name) || isOurs(t.Name):
		s.items = append(s.items, store.Item{Name: t.Name, Fate: store.Derived, Rows: -1})
		return nil
	case t.Kind == store.Virtual:
		if known[t.Name] {
			s.origin.Objects = append(s.origin.Objects, t.Name)
			s.items = append(s.items, store.Item{Name: t.Name, Fate: store.Derived, Rows: -1})
			return nil
		}
		s.lose("virtual-table", t.Name, fmt.Sprintf("it is a virtual table of module %q, which no layout knows how to rebuild", t.Module))
		return nil
	}
	if s.layout.Own != nil {
		return s.addOwn(t)
	}
	s.origin.Tables = append(s.origin.Tables, asDeclared(s.layout, bare(s.layout, t.Table)))
	s.loseCode(t)
	var maps []*store.TableMap
	lenses := &store.TableMap{}
	for i := range s.layout.Maps {
		switch m := &s.layout.Maps[i]; {
		case m.Table != t.Name:
		case m.Section == "":
			lenses = m
		case holdsKey(m, t) && s.first(m, c):
			maps = append(maps, m)
		}
	}
	shape := tableShape{table: t}
	for i := range t.Columns {
		shape.columns = append(shape.columns, t.Columns[i].Name)
	}
	mapped := map[string]bool{}
	for _, m := range maps {
		for _, c := range m.Columns {
			mapped[c.Column] = true
		}
	}
	for _, name := range t.Generated { // what the layout's schema computes is never written
		if s.defines(t.Name, name) {
			mapped[name] = true
		}
	}
	for i, m := range maps {
		p, err := s.mappedPart(t, m, i == 0, mapped)
		if err != nil {
			return err
		}
		shape.parts = append(shape.parts, p)
	}
	if len(maps) == 0 {
		p, err := s.passthroughPart(t, lenses)
		if err != nil {
			return err
		}
		shape.parts = []*part{p}
	}
	s.markSecrets(&shape)
	shape.markDamage()
	s.tables = append(s.tables, shape)
	return nil
}

// defines tells whether the layout's schema has the column.
func (s *shape) defines(table, column string) bool {
	if s.layout.Schema == nil {
		return false
	}
	def := s.layout.Schema.At(s.version).Table(table)
	return def != nil && def.HasColumn(column)
}

// loseCode enters in the ledger what of the table's definition is code that the
// layout's own schema does not have.
func (s *shape) loseCode(t *store.CatalogTable) {
	var def *store.TableDef
	sql := ""
	if s.layout.Schema != nil {
		if def = s.layout.Schema.At(s.version).Table(t.Name); def != nil {
			sql = def.CreateSQL()
		}
	}
	for _, c := range t.Code {
		n := c.Count
		if column, ok := strings.CutPrefix(c.Where, t.Name+"."); ok && def != nil && def.HasColumn(column) {
			continue
		} else if c.Word != "" {
			n -= strings.Count(sql, c.Word)
		}
		if n > 0 {
			s.losses = append(s.losses, format.Loss{Code: c.Code, Where: c.Where, Count: uint64(n), Reason: c.Reason})
		}
	}
}

// holdsKey tells whether the table has the columns of the section's key that the
// map names, so that it is the table that the map means.
func holdsKey(m *store.TableMap, t *store.CatalogTable) bool {
	standard := format.Standard(m.Section)
	for _, c := range m.Columns {
		if c.Shown != nil {
			continue
		}
		if m.Part && standard != nil && c.Field != standard.Key[0] {
			continue // the row is found by the first alone
		}
		if standard != nil && slices.Contains(standard.Key, c.Field) && !t.HasColumn(c.Column) {
			return false
		}
	}
	return true
}

// first tells whether no map before this one gives the records of its section from
// another table: one table holds all of them, and others are carried as they are.
func (s *shape) first(m *store.TableMap, c *store.Catalog) bool {
	for i := range s.layout.Maps {
		o := &s.layout.Maps[i]
		if o == m {
			break
		}
		if o.Section == m.Section && o.Table != m.Table {
			if t := c.Table(o.Table); t != nil && holdsKey(o, t) {
				return false
			}
		}
	}
	return true
}

// mappedPart makes the part for one map. The first map of a table also takes the
// columns that no map names.
func (s *shape) mappedPart(t *store.CatalogTable, m *store.TableMap, first bool, mapped map[string]bool) (*part, error) {
	standard := format.Standard(m.Section)
	if standard == nil {
		return nil, fmt.Errorf("layout %q maps table %q to section %q, which is no standard section", s.layout.Name, t.Name, m.Section)
	}
	p := &part{table: t.Name, section: &format.Section{Name: m.Section, Key: standard.Key}, updates: m.Part, optional: m.Optional, updated: -1, left: -1}
	add := func(column, field, lensName string, typ format.Type) error {
		l, err := lens.ByName(lensName)
		if err != nil {
			return fmt.Errorf("layout %q, table %q, column %q: %w", s.layout.Name, t.Name, column, err)
		}
		if typ != format.Null && l.Type != typ {
			return fmt.Errorf("layout %q, table %q, column %q: lens %q gives %s, field %q is %s", s.layout.Name, t.Name, column, lensName, l.Type, field, typ)
		}
		at := slices.IndexFunc(t.Columns, func(c format.TableColumn) bool { return c.Name == column })
		p.columns = append(p.columns, bound{column: column, at: at, field: len(p.section.Fields), lens: l, name: s.leftover(column),
			demanded: t.Columns[at].NotNull, optional: !s.schemaless && !t.Columns[at].NotNull && !slices.Contains(t.Primary, column)})
		p.section.Fields = append(p.section.Fields, format.Field{Name: field, Type: l.Type})
		return nil
	}
	// Fields in the standard's order, so that archives read alike.
	for _, f := range standard.Fields {
		for _, c := range m.Columns {
			if c.Field == f.Name && c.Const != "" {
				if err := s.addConst(p, f, c); err != nil {
					return nil, err
				}
				break
			}
			if c.Field == f.Name && c.Shown != nil {
				p.shown = append(p.shown, derivation{len(p.section.Fields), c.Shown})
				p.section.Fields = append(p.section.Fields, format.Field{Name: f.Name, Type: f.Type})
				break
			}
			if c.Field != f.Name || !t.HasColumn(c.Column) {
				continue
			}
			if c.Column == m.Updated {
				p.updated = len(p.columns)
			}
			if err := add(c.Column, c.Field, c.Lens, f.Type); err != nil {
				return nil, err
			}
			last := &p.columns[len(p.columns)-1]
			last.take(&c)
			break
		}
	}
	for _, c := range m.Columns { // fields of the layout's own with a lens of their own
		if c.Const == "" && c.Shown == nil && standard.Field(c.Field) < 0 && t.HasColumn(c.Column) {
			name := c.Field
			if name == "" {
				name = s.layout.Name + "." + c.Column
			}
			if err := add(c.Column, name, c.Lens, format.Null); err != nil {
				return nil, err
			}
			last := &p.columns[len(p.columns)-1]
			last.take(&c)
		}
	}
	for i := range t.Columns {
		if name := t.Columns[i].Name; first && !mapped[name] {
			if err := add(name, s.layout.Name+"."+name, natural(t.Classes[i]), format.Null); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range m.Columns {
		i := slices.IndexFunc(p.columns, func(b bound) bool { return b.column == c.Column })
		for _, name := range c.Else {
			if f := p.section.Field(name); f >= 0 && i >= 0 {
				p.columns[i].els = append(p.columns[i].els, f)
			}
		}
	}
	for _, k := range standard.Key {
		f := p.section.Field(k)
		if slices.ContainsFunc(p.consts, func(c constant) bool { return c.field == f }) || slices.ContainsFunc(p.shown, func(s derivation) bool { return s.field == f }) {
			continue
		}
		if f < 0 {
			p.section.Fields = append(p.section.Fields, format.Field{Name: k, Type: standard.Fields[standard.Field(k)].Type})
			continue
		}
		i := slices.IndexFunc(p.columns, func(b bound) bool { return b.field == f })
		p.key = append(p.key, p.columns[i].column)
	}
	// The table may allow fewer rows than the section records: one vector a memory.
	if n := len(t.Primary); n > 0 && !knownByName(s.layout, t.Name) && !slices.ContainsFunc(t.Primary, func(k string) bool {
		return !slices.ContainsFunc(p.columns, func(b bound) bool { return b.column == k })
	}) {
		p.key = t.Primary
	}
	for _, d := range s.layout.Documents {
		at := slices.IndexFunc(t.Columns, func(c format.TableColumn) bool { return c.Name == d.Column })
		if d.Table != t.Name || at < 0 || !t.Columns[at].NotNull {
			continue
		}
		var of []string
		for _, c := range p.columns {
			if c.column == d.Column || strings.HasPrefix(c.column, d.Column+".") {
				of = append(of, c.column)
			}
		}
		p.demands = append(p.demands, of)
	}
	p.addLeftovers()
	return p, p.section.Check()
}

func (p *part) addLeftovers() {
	p.left = len(p.section.Fields)
	p.section.Fields = append(p.section.Fields, format.Field{Name: format.Leftovers, Type: format.Map})
}

// fieldName keeps column names out of the way of the names that a section needs.
func fieldName(column string) string {
	if strings.EqualFold(column, format.Leftovers) || column == "" || column[0] == '$' || strings.HasPrefix(column, "column.") {
		return "column." + column
	}
	return column
}

// passthroughPart carries a table as it is.
func (s *shape) passthroughPart(t *store.CatalogTable, m *store.TableMap) (*part, error) {
	p := &part{table: t.Name, section: &format.Section{Name: passthrough(s.layout.Name, cmp.Or(m.As, t.Name))}, updated: -1}
	for i := range t.Columns {
		name := t.Columns[i].Name
		by := natural(t.Classes[i])
		var def *format.Value
		for _, c := range m.Columns {
			if c.Column == name {
				by, def = c.Lens, c.Default
			}
		}
		l, err := lens.ByName(by)
		if err != nil {
			return nil, err
		}
		p.columns = append(p.columns, bound{column: name, at: i, field: i, lens: l, name: s.leftover(name), def: def})
		p.section.Fields = append(p.section.Fields, format.Field{Name: fieldName(name), Type: l.Type})
	}
	p.key = t.Primary
	for _, k := range t.Primary {
		p.section.Key = append(p.section.Key, fieldName(k))
	}
	if len(t.Primary) == 0 {
		p.section.Key = make([]string, 0, len(p.columns))
		for i := range p.columns {
			p.section.Key = append(p.section.Key, p.section.Fields[i].Name)
		}
	}
	p.addLeftovers()
	return p, p.section.Check()
}

// ownManifest is what memarc's own layout remembers of the archives it took.
type ownManifest struct {
	Sections []*format.Section `json:"sections"`
	Origin   *format.Origin    `json:"origin,omitempty"`
	Spaces   []format.Space    `json:"spaces,omitempty"`
}

// addOwn adds a table of memarc's own layout; its section's schema comes from
// the stored manifest, see ownSections.
func (s *shape) addOwn(t *store.CatalogTable) error {
	if t.Name == s.layout.Own.MetaTable {
		s.items = append(s.items, store.Item{Name: t.Name, Fate: store.Derived, Rows: -1})
		return nil
	}
	s.tables = append(s.tables, tableShape{table: t})
	return nil
}

// ownPart makes the part for a section of memarc's own layout.
func ownPart(layout, engine string, own *store.OwnLayout, section *format.Section) (*part, error) {
	p := &part{table: section.Name, section: section, updated: -1, left: section.Field(format.Leftovers), rest: own.Rest}
	for i, f := range section.Fields {
		l, err := lens.ByName(own.Lens(f.Type))
		if err != nil {
			return nil, err
		}
		if f.Name == "updated_at" {
			p.updated = len(p.columns)
		}
		p.columns = append(p.columns, bound{column: f.Name, at: i, field: i, lens: l, name: leftoverName(layout, engine, f.Name)})
	}
	p.key = section.Key
	return p, nil
}

func decodeOwn(raw []byte) (*ownManifest, error) {
	m := new(ownManifest)
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("read memarc's own table of contents: %w", err)
	}
	return m, nil
}
