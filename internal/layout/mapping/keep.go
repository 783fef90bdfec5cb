package mapping

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// given are native rows as the target gives them: all columns of a writer's table,
// in the order in which they are scanned.
type given struct {
	rows *store.Rows
	at   []int // the row of each record that was taken, or -1
	// What was written, if the target has told beforehand what it will give of it.
	names []string
	put   *store.Rows
}

// told returns what the target says beforehand that it will give of rows; nil if it
// cannot say.
func (s *sink) told(ctx context.Context, wr *writer, columns []string, rows *store.Rows, taken []int) (*given, error) {
	told, err := s.db.Stored(ctx, wr.part.table, columns, rows, wr.columns)
	if err != nil || told == nil {
		return nil, err
	}
	return &given{told, taken, columns, rows}, nil
}

// native returns what the target gives of rows that it has taken: by what it says of
// itself, or else by asking it.
func (s *sink) native(ctx context.Context, wr *writer, columns []string, rows *store.Rows, taken []int) (*given, error) {
	if !wr.merge {
		told, err := s.told(ctx, wr, columns, rows, taken)
		if wr.told = told != nil; err != nil || told != nil {
			return told, err
		}
	}
	keys, _, _ := wr.part.split()
	if len(keys) == 0 || len(keys) != len(wr.part.key) {
		return nil, fmt.Errorf("section %q has no key in table %q by which the sidecar could know its records", wr.part.section.Name, wr.part.table)
	}
	rows, found, err := s.db.Lookup(ctx, wr.part.table, wr.part.key, wr.columns, pick(rows, keys, taken))
	return &given{rows: rows, at: found}, err
}

// An aside is what the sidecar is to take for records of one section.
type aside struct {
	section        string
	entries, clear *store.Rows
}

// keep stores in the sidecar what native rows do not give.
func (w *sidecarWriter) keep(ctx context.Context, asides []aside) error {
	for _, a := range asides {
		if w.sink.opts.NoSidecar {
			w.withhold(a.section, a.entries)
			continue
		}
		if err := w.store(ctx, a.entries, a.clear); err != nil {
			return err
		}
	}
	return nil
}

// asides compares records that the target has taken with what their native rows give.
func (w *sidecarWriter) asides(wr *writer, b *format.Batch, taken []int, now *given) ([]aside, error) {
	clearing := w.before != nil || w.absented[b.Section.Name]
	if len(taken) == 0 || !clearing && wr.reading.surely(wr, b, now) {
		return nil, nil
	}
	gives, at := wr.reading.read(now)
	defer gives.Release()
	a := aside{b.Section.Name, store.NewRows(len(sidecarColumns)), store.NewRows(2)}
	if clearing {
		clearPlaces(a.clear, gives, at) // not those of rows that were refused
	}
	if err := w.compare(a.entries, b, taken, gives, at); err != nil {
		return nil, err
	}
	return []aside{a}, w.unseen(a.entries, b, taken, now.at, at)
}

// unseen adds whole the records in whose native rows nothing shows: all that the
// table holds of them is NULL. row and at are the native row and the record of each.
func (w *sidecarWriter) unseen(entries *store.Rows, b *format.Batch, taken, row, at []int) error {
	var which []int
	for i, record := range taken {
		if row[i] >= 0 && at[i] < 0 {
			which = append(which, record)
		}
	}
	if len(which) == 0 {
		return nil
	}
	rest := some(b, which)
	defer rest.Release()
	rows, err := w.wholeRows(rest)
	if err != nil {
		return err
	}
	for i := range rows.N {
		entries.AppendRow(rows, i)
	}
	return nil
}

// surely tells, without a look at each value, that all native rows give just the
// records: the target gives the very cells that were written, and no lens has lost
// anything in writing them.
func (p *part) surely(wr *writer, b *format.Batch, now *given) bool {
	if now.put == nil || len(now.at) != b.Rows || len(p.shown) > 0 {
		return false
	}
	covered := make([]bool, len(b.Columns))
	for i := range p.columns {
		rc := &p.columns[i]
		told := &now.rows.Columns[rc.at]
		j := slices.Index(now.names, rc.column)
		if j < 0 {
			if told.AllNull() {
				continue
			}
			return false
		}
		at := slices.IndexFunc(wr.part.columns, func(c bound) bool { return c.column == rc.column })
		if at < 0 || !told.Same(&now.put.Columns[j]) || !wr.part.columns[at].keeps(b) {
			return false
		}
		covered[wr.part.columns[at].field] = true
	}
	for _, c := range p.consts {
		at := b.Section.Field(p.section.Fields[c.field].Name)
		if at < 0 || b.Section.Fields[at].Type != c.value.Type || !allEqual(&b.Columns[at], c.value) {
			return false
		}
		covered[at] = true
	}
	for i := range b.Columns {
		if !covered[i] && !b.Columns[i].AllNull() {
			return false
		}
	}
	return !p.optional || p.present(now.rows) == nil
}

// keeps tells whether the native cells that were written for a batch say all that its
// field says.
func (c *bound) keeps(b *format.Batch) bool {
	if c.field == noField || c.make != nil || c.mint != nil || c.refers != "" {
		return false
	}
	field := &b.Columns[c.field]
	if (c.def != nil || len(c.els) > 0) && field.Nulls() > 0 {
		return false
	}
	return c.lens.AllExact(field)
}

func allEqual(c *format.Column, v format.Value) bool {
	var one format.Column
	one.Reset(c.Type)
	one.AppendTyped(v)
	for row := range c.Len() {
		if !c.EqualRow(row, &one, 0) {
			return false
		}
	}
	return true
}

// read turns stored rows into records and says which record each row gives: -1 for
// none.
func (p *part) read(now *given) (*format.Batch, []int) {
	at := now.at
	if which := p.present(now.rows); which != nil {
		record := make([]int, now.rows.N)
		for i := range record {
			record[i] = -1
		}
		for i, row := range which {
			record[row] = i
		}
		at = make([]int, len(now.at))
		for i, row := range now.at {
			if at[i] = -1; row >= 0 {
				at[i] = record[row]
			}
		}
	}
	return p.get(now.rows, func(int) bool { return true }), at
}

func clearPlaces(clear *store.Rows, gives *format.Batch, which []int) {
	for _, row := range which {
		if row < 0 {
			continue
		}
		place := gives.Place(row)
		clear.Columns[0].AppendString(gives.Section.Name)
		clear.Columns[1].AppendBlob(place[:])
		clear.N++
	}
}

// compare adds an entry for each record that its native row does not give: record
// taken[i] of b is given as record at[i] of gives.
func (w *sidecarWriter) compare(entries *store.Rows, b *format.Batch, taken []int, gives *format.Batch, at []int) error {
	d := newDifference(b, gives)
	for i, row := range taken {
		if at[i] >= 0 {
			d.add(row, at[i])
		}
	}
	if len(d.rows) == 0 {
		return nil
	}
	leaves := gives.AppendLeaves(nil)
	var line []byte
	var err error
	begin := 0
	for i, g := range d.given {
		if line, err = b.AppendFields(line[:0], d.rows[i], d.fields[begin:d.ends[i]]); err != nil {
			return err
		}
		begin = d.ends[i]
		leaf := leaves[g]
		w.add(entries, b.Section.Name, leaf.Place, &leaf.Sum, line, d.gone[i])
	}
	return nil
}

// A difference collects the fields of records that native rows do not give.
type difference struct {
	b, gives *format.Batch
	order    []int    // the fields of b in the order of their names
	pair     []int    // for each field of b its field in gives, or -1
	same     []bool   // fields that are the same in each row and its like
	only     []int    // fields of gives that b does not have
	rows     []int    // of b
	given    []int    // of gives
	fields   []int    // that differ, row by row
	ends     []int    // of each row in fields
	gone     [][]byte // JSON arrays of names, nil for none
	names    map[string][]byte
}

func newDifference(b, gives *format.Batch) *difference {
	d := &difference{b: b, gives: gives, names: map[string][]byte{}}
	_, d.order = nameOrder(b.Section)
	for i, f := range b.Section.Fields {
		g := gives.Section.Field(f.Name)
		if g >= 0 && gives.Section.Fields[g].Type != f.Type {
			g = -1
		}
		d.pair = append(d.pair, g)
		if c := &b.Columns[i]; g < 0 {
			d.same = append(d.same, c.AllNull())
		} else {
			d.same = append(d.same, c.Same(&gives.Columns[g]))
		}
	}
	for g, f := range gives.Section.Fields {
		if b.Section.Field(f.Name) < 0 && !gives.Columns[g].AllNull() {
			d.only = append(d.only, g)
		}
	}
	return d
}

// add compares a record with the one that is given for it.
func (d *difference) add(row, at int) {
	gone, begin := false, len(d.fields)
	for _, i := range d.order {
		if d.same[i] && row == at {
			continue
		}
		c := &d.b.Columns[i]
		switch g := d.pair[i]; {
		case g < 0 && c.Null(row):
		case g >= 0 && c.EqualRow(row, &d.gives.Columns[g], at):
		case c.Null(row):
			gone = true
		default:
			d.fields = append(d.fields, i)
		}
	}
	for _, g := range d.only {
		gone = gone || !d.gives.Columns[g].Null(at)
	}
	if len(d.fields) == begin && !gone {
		return
	}
	d.rows, d.given, d.ends = append(d.rows, row), append(d.given, at), append(d.ends, len(d.fields))
	if !gone {
		d.gone = append(d.gone, nil)
		return
	}
	d.gone = append(d.gone, d.goneNames(row, at))
}

// goneNames lists the fields that are given though the record has none, as a JSON
// array. Most records of a batch have the same.
func (d *difference) goneNames(row, at int) []byte {
	var key []byte
	names := []string{}
	for i := range d.b.Columns {
		if g := d.pair[i]; g >= 0 && d.b.Columns[i].Null(row) && !d.gives.Columns[g].Null(at) {
			key = append(key, byte(i), byte(i>>8), 0)
			names = append(names, d.b.Section.Fields[i].Name)
		}
	}
	for _, g := range d.only {
		if !d.gives.Columns[g].Null(at) {
			key = append(key, byte(g), byte(g>>8), 1)
			names = append(names, d.gives.Section.Fields[g].Name)
		}
	}
	if known := d.names[string(key)]; known != nil {
		return known
	}
	raw := nameArray(names)
	d.names[string(key)] = raw
	return raw
}

// nameArray writes names as a JSON array.
func nameArray(names []string) []byte {
	raw, err := json.Marshal(names)
	if err != nil {
		return []byte("[]") // texts always have JSON
	}
	return raw
}

// absent notes for new rows that another part of the table shows a record where the
// archive has none so far. which are positions in now.at.
func (w *sidecarWriter) absent(wr *writer, other *part, now *given, which []int) ([]aside, error) {
	var rows []int
	for _, i := range which {
		if now.at[i] >= 0 {
			rows = append(rows, now.at[i])
		}
	}
	if len(rows) == 0 || w.sink.opts.NoSidecar {
		return nil, nil
	}
	gives := other.get(other.only(now.rows, rows), func(int) bool { return true })
	defer gives.Release()
	a := aside{other.section.Name, store.NewRows(len(sidecarColumns)), store.NewRows(2)}
	for _, leaf := range gives.AppendLeaves(nil) {
		if wr.merge && !wr.fresh[leaf.Place] && w.sink.writers[other.section.Name] != nil {
			continue
		}
		if w.before != nil {
			a.clear.Columns[0].AppendString(other.section.Name)
			a.clear.Columns[1].AppendBlob(leaf.Place[:])
			a.clear.N++
		}
		w.add(a.entries, other.section.Name, leaf.Place, &leaf.Sum, nil, nil)
	}
	if a.entries.N > 0 {
		w.absented[other.section.Name] = true
	}
	return []aside{a}, nil
}

// insert inserts rows of a table that held none, and returns those that are refused.
func (s *sink) insert(ctx context.Context, wr *writer, names []string, rows *store.Rows) (map[int]error, error) {
	refused := map[int]error{}
	err := s.db.Insert(ctx, wr.part.table, names, rows, func(row int, err error) { refused[row] = err })
	return refused, err
}
