package mapping

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// A part is how the rows of a native table are records of one section.
type part struct {
	table   string
	section *format.Section
	columns []bound
	key     []string // native columns that identify a row
	updates bool     // fills columns of rows that another part creates
	// optional says that a row whose columns are all NULL, but for the key, is none of
	// its records.
	optional bool
	// demands are the columns that make up a document which the table wants of each row.
	demands [][]string
	consts  []constant
	shown   []derivation
	updated int    // index in columns of the time of last change, or -1
	left    int    // field of the leftovers, or -1
	unheld  bool   // put has come across leftovers for which the rows have no place
	rest    string // column of what the others cannot hold, see rest.go; "" for none
	restAt  int    // column of the scanned rows
}

// A constant is a field that the table has no column for: all rows have the value
// that the store's model has.
type constant struct {
	field int
	value format.Value
}

// A bound is a native column with its lens and field.
type bound struct {
	column string
	at     int // column of the scanned rows
	field  int
	lens   *lens.Lens
	name   string // of its leftover
	els    []int  // fields to take when the field is null
	def    *format.Value
	make   func(func(string) format.Value) format.Value
	apart  *store.Apart
	leave  func(format.Value) format.Value
	agree  func(format.Value, func(string) format.Value) format.Value
	mint   *store.Mint
	refers string // the section whose minted identifiers the column holds
	secret *secret
	damage *damage // of a column whose lens knows what damage is
	// demanded says that the table refuses NULL, optional that it declares that it takes it,
	// as no graph does.
	demanded, optional bool
}

// take takes from a map what concerns records of other products.
func (b *bound) take(c *store.ColumnMap) {
	b.def, b.make, b.apart, b.mint, b.refers = c.Default, c.Make, c.Apart, c.Mint, c.Refers
	b.leave, b.agree = c.Leave, c.Agree
}

// noField stands for the field of a column that the records at hand do not have.
const noField = -1

// natural is the lens of a column that no map names.
func natural(k store.Kind) string {
	switch k {
	case store.Text:
		return "text"
	case store.Integer:
		return "int"
	case store.Real:
		return "real"
	case store.Blob:
		return "blob"
	case store.Boolean:
		return "int-bool"
	case store.Moment:
		return "unix-micros"
	case store.Document, store.Array:
		return "json"
	case store.Vector:
		return "f32"
	case store.Typed:
		return "value"
	}
	return "any"
}

// leftover is a native value that a lens does not give back.
type leftover struct {
	row, column int
}

// get turns native rows into a batch. shared tells which scanned columns are
// still needed afterwards, so that their memory must not be taken.
func (p *part) get(rows *store.Rows, shared func(at int) bool) *format.Batch {
	if which := p.present(rows); which != nil {
		rows, shared = p.only(rows, which), func(int) bool { return true }
	}
	b := format.NewBatch(p.section)
	var over []leftover
	for i := range p.columns {
		c := &p.columns[i]
		cells := &rows.Columns[c.at]
		if shared(c.at) {
			cells = clone(cells)
		}
		if c.secret != nil {
			cells = c.secret.get(cells)
		}
		if c.damage != nil {
			c.damage.look(c.lens, cells)
		}
		c.lens.Get(cells, &b.Columns[c.field], func(row int) { over = append(over, leftover{row, i}) })
	}
	b.Rows = rows.N
	for _, c := range p.consts {
		for range rows.N {
			b.Columns[c.field].AppendTyped(c.value)
		}
	}
	p.appendLeftovers(b, rows, over)
	p.show(b)
	for i := range b.Columns {
		for c := &b.Columns[i]; c.Len() < rows.N; {
			c.AppendNull()
		}
	}
	return b
}

// present returns the rows that hold a record of an optional part; nil for all.
func (p *part) present(rows *store.Rows) []int {
	if !p.optional {
		return nil
	}
	which := make([]int, 0, rows.N)
	for row := range rows.N {
		for i := range p.columns {
			c := &p.columns[i]
			if rows.Columns[c.at].Kinds[row] != store.Null && !slices.Contains(p.key, c.column) {
				which = append(which, row)
				break
			}
		}
	}
	if len(which) == rows.N {
		return nil
	}
	return which
}

// only copies some rows, and of them the part's columns.
func (p *part) only(rows *store.Rows, which []int) *store.Rows {
	out := store.NewRows(len(rows.Columns))
	for i := range p.columns {
		at := p.columns[i].at
		for _, row := range which {
			out.Columns[at].AppendRow(&rows.Columns[at], row)
		}
	}
	out.N = len(which)
	return out
}

func clone(c *store.Cells) *store.Cells {
	return &store.Cells{Kinds: c.Kinds, Words: c.Words, Offsets: slices.Clone(c.Offsets), Data: slices.Clone(c.Data)}
}

func (p *part) appendLeftovers(b *format.Batch, rows *store.Rows, over []leftover) {
	if p.left < 0 || len(over) == 0 {
		return
	}
	slices.SortFunc(over, func(x, y leftover) int {
		return cmp.Or(x.row-y.row, cmp.Compare(p.columns[x.column].name, p.columns[y.column].name))
	})
	col := &b.Columns[p.left]
	var stored *format.Column // memarc's own layout keeps leftovers in a column
	if col.Len() > 0 {
		stored = &format.Column{}
		*stored = *col
		*col = format.Column{}
		col.Reset(format.Map)
	}
	var buf []byte
	var entries []format.Entry
	for row, next := 0, 0; row < rows.N; row++ {
		entries = entries[:0]
		for ; next < len(over) && over[next].row == row; next++ {
			c := &p.columns[over[next].column]
			entries = append(entries, format.Entry{Name: c.name, Value: rows.Columns[c.at].Value(row)})
		}
		if stored != nil && !stored.Null(row) {
			entries = mergeEntries(entries, stored.Bytes(row))
		}
		if len(entries) == 0 {
			col.AppendNull()
			continue
		}
		buf = format.AppendMap(buf[:0], entries)
		col.AppendBytes(buf)
	}
}

// mergeEntries adds the entries of a stored map that are not there yet.
func mergeEntries(entries []format.Entry, stored []byte) []format.Entry {
	more, err := format.ParseMap(stored)
	if err != nil {
		return entries // the lens of the column has refused it already
	}
	for _, e := range more {
		if !slices.ContainsFunc(entries, func(have format.Entry) bool { return have.Name == e.Name }) {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b format.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries
}

// A provenance says where records come from, as their target sees it.
type provenance uint8

// The provenances.
const (
	own     provenance = iota // the same product in the same engine
	kin                       // the same product in another engine
	foreign                   // another product
)

// put turns a batch into native rows, one column for each of p.columns.
func (p *part) put(b *format.Batch, rows *store.Rows, from provenance) error {
	rows.Reset()
	left := b.Column(format.Leftovers)
	if left != nil && left.AllNull() {
		left = nil
	}
	var taken []int // leftovers of each row that have gone into the rows
	if left != nil {
		taken = make([]int, b.Rows)
	}
	for i := range p.columns {
		c, cells := &p.columns[i], &rows.Columns[i]
		if c.field == noField {
			for row := range b.Rows {
				c.instead(b, row, cells)
			}
			continue
		}
		field := &b.Columns[c.field]
		made := from == foreign && c.make != nil
		if left == nil && !made && !(from != own && (c.def != nil || c.make != nil || len(c.els) > 0)) {
			c.lens.PutAll(field, cells)
			continue
		}
		for row := range b.Rows {
			over, err := c.override(b, left, row)
			switch {
			case err != nil:
				return fmt.Errorf("leftovers of record %d of section %q: %w", row, b.Section.Name, err)
			case over.Type != format.Null:
				cells.AppendValue(over)
				taken[row]++
			case made:
				c.instead(b, row, cells)
			case !field.Null(row):
				c.lens.Put(field, row, cells)
			case from == foreign || from == kin && !c.optional:
				c.instead(b, row, cells)
			default:
				cells.AppendNull()
			}
		}
	}
	for i := range p.columns {
		if c := &p.columns[i]; c.secret != nil {
			c.secret.put(&rows.Columns[i])
		}
	}
	p.agree(b, rows)
	if p.rest != "" {
		p.appendRests(b, &rows.Columns[len(p.columns)])
	}
	rows.N = b.Rows
	p.unheld = false
	for row, n := range taken {
		if left.Null(row) {
			continue
		}
		entries, err := format.ParseMap(left.Bytes(row))
		if err != nil {
			return fmt.Errorf("leftovers of record %d of section %q: %w", row, b.Section.Name, err)
		}
		p.unheld = p.unheld || n < len(entries)
	}
	return nil
}

// override returns the leftover of the column if the field still says the same.
func (c *bound) override(b *format.Batch, left *format.Column, row int) (format.Value, error) {
	if left == nil || left.Null(row) {
		return format.Value{}, nil
	}
	entries, err := format.ParseMap(left.Bytes(row))
	if err != nil {
		return format.Value{}, err
	}
	at, ok := slices.BinarySearchFunc(entries, c.name, func(e format.Entry, name string) int { return cmp.Compare(e.Name, name) })
	if !ok {
		return format.Value{}, nil
	}
	v := entries[at].Value
	var cells store.Cells
	var says format.Column
	cells.Reset()
	cells.AppendValue(v)
	says.Reset(c.lens.Type)
	c.lens.Get(&cells, &says, func(int) {})
	if c.leave != nil && !says.Null(0) {
		left := c.leave(says.Value(0))
		says = format.Column{}
		says.Reset(c.lens.Type)
		says.AppendTyped(left)
	}
	if !bytes.Equal(says.AppendValue(nil, 0), b.Columns[c.field].AppendValue(nil, row)) {
		return format.Value{}, nil
	}
	return v, nil
}

// instead writes what a target demands where a record of another product has
// nothing.
func (c *bound) instead(b *format.Batch, row int, cells *store.Cells) {
	if c.make != nil {
		cells.AppendValue(c.make(fieldsOf(b, row)))
		return
	}
	for _, field := range c.els {
		if f := &b.Columns[field]; f.Type == c.lens.Type && !f.Null(row) {
			c.lens.Put(f, row, cells)
			return
		}
	}
	if c.def != nil {
		cells.AppendValue(*c.def)
		return
	}
	cells.AppendNull()
}

// names returns the native columns.
func (p *part) names() []string {
	out := make([]string, len(p.columns), p.width())
	for i := range p.columns {
		out[i] = p.columns[i].column
	}
	if p.rest != "" {
		out = append(out, p.rest)
	}
	return out
}

// width is how many native columns put writes.
func (p *part) width() int {
	if p.rest != "" {
		return len(p.columns) + 1
	}
	return len(p.columns)
}
