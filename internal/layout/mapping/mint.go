package mapping

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A mint makes the native identifiers of one section's records that come from another
// product, and knows them again: about 40 bytes for each record, and its text if it is
// one.
type mint struct {
	by      *store.Mint
	numbers map[[16]byte]int64 // by the place of the record's own identifier
	texts   map[[16]byte]string
	used    map[uint64]struct{} // texts that some record has, in short
	last    int64               // number
}

// idPlace is the place of a record whose key is one identifier.
func idPlace(id []byte) [16]byte {
	return format.Place(format.Value{Type: format.Text, Bytes: id}.Append(nil))
}

func short(text string) uint64 {
	place := idPlace([]byte(text))
	return binary.LittleEndian.Uint64(place[:])
}

// beginMints prepares the mints of the layout, with what the target has.
func (s *sink) beginMints(ctx context.Context) error {
	s.mints = map[string]*mint{}
	for i := range s.shape.tables {
		t := &s.shape.tables[i]
		for _, p := range t.parts {
			at := slices.IndexFunc(p.columns, func(c bound) bool { return c.mint != nil })
			if at < 0 {
				continue
			}
			m := &mint{by: p.columns[at].mint, numbers: map[[16]byte]int64{}, texts: map[[16]byte]string{}, used: map[uint64]struct{}{}}
			s.mints[p.section.Name] = m
			if m.by.Of != nil {
				continue
			}
			if err := s.recallMinted(ctx, m, t, p, &p.columns[at]); err != nil {
				return err
			}
		}
	}
	return nil
}

// recallMinted reads which identifiers the target's rows have.
func (s *sink) recallMinted(ctx context.Context, m *mint, t *tableShape, p *part, c *bound) error {
	for rows, err := range s.db.Scan(ctx, store.Query{Table: t.table.Name, Columns: t.columns, Shared: true}) {
		if err != nil {
			return err
		}
		gives := p.get(rows, func(int) bool { return true })
		ids := gives.Columns[c.field]
		var own map[[16]byte][]byte
		if s.sidecar != nil && s.sidecar.before != nil {
			if own, err = s.sidecar.before.identifiers(ctx, p.section.Name, &ids, all(gives.Rows)); err != nil {
				return err
			}
		}
		for row := range rows.N {
			if ids.Null(row) {
				continue
			}
			place := idPlace(ids.Bytes(row))
			if id := own[place]; id != nil {
				place = idPlace(id)
			}
			m.learn(place, rows.Columns[c.at].Value(row))
		}
		gives.Release()
	}
	return nil
}

// learn notes that a record has a native identifier.
func (m *mint) learn(place [16]byte, v format.Value) {
	switch v.Type {
	case format.Int:
		m.numbers[place] = int64(v.Cell)
		m.last = max(m.last, int64(v.Cell))
	case format.Text:
		m.texts[place] = string(v.Bytes)
		m.used[short(string(v.Bytes))] = struct{}{}
	}
}

// known returns the native identifier of a record that has one already.
func (m *mint) known(id []byte) (format.Value, bool) {
	if m.by.Of != nil {
		return m.by.Of(string(id)), true
	}
	place := idPlace(id)
	if n, ok := m.numbers[place]; ok {
		return format.IntValue(n), true
	}
	text, ok := m.texts[place]
	return format.TextValue(text), ok
}

// make returns the native identifier of a record.
func (m *mint) make(b *format.Batch, row int, id []byte) format.Value {
	if v, ok := m.known(id); ok {
		return v
	}
	v := format.IntValue(m.last + 1)
	if m.by.Propose != nil {
		text := m.by.Propose(fieldsOf(b, row))
		v = format.TextValue(text)
		for n := 2; m.by.Mark != nil; n++ {
			if _, met := m.used[short(string(v.Bytes))]; !met {
				break
			}
			v = format.TextValue(m.by.Mark(text, string(id), n))
		}
	}
	m.learn(idPlace(id), v)
	return v
}

// put turns a batch into native rows.
func (s *sink) put(w *writer, b *format.Batch) error {
	if err := w.part.put(b, w.rows, s.provenance()); err != nil || len(s.mints) == 0 {
		return err
	}
	for i := range w.part.columns {
		c := &w.part.columns[i]
		m, make := s.mintOf(w, c)
		if m == nil {
			continue
		}
		field := &b.Columns[c.field]
		var cells store.Cells
		cells.Reset()
		for row := range b.Rows {
			if field.Null(row) {
				cells.AppendRow(&w.rows.Columns[i], row)
				continue
			}
			v, ok := m.known(field.Bytes(row))
			if !ok && make {
				v = m.make(b, row, field.Bytes(row))
			}
			cells.AppendValue(v)
		}
		w.rows.Columns[i] = cells
	}
	return nil
}

// mintOf returns the mint that a column's identifiers come from, if any, and whether the
// column is where they are made.
func (s *sink) mintOf(w *writer, c *bound) (m *mint, make bool) {
	switch {
	case c.field == noField || c.lens.Type != format.Text:
		return nil, false
	case c.mint != nil:
		return s.mints[w.part.section.Name], true
	}
	return s.mints[c.refers], false
}

// unmint forgets the identifier of a record that its table has refused.
func (s *sink) unmint(w *writer, b *format.Batch, row int) {
	for i := range w.part.columns {
		c := &w.part.columns[i]
		if m := s.mints[w.part.section.Name]; m != nil && c.mint != nil && !b.Columns[c.field].Null(row) {
			delete(m.numbers, idPlace(b.Columns[c.field].Bytes(row)))
			delete(m.texts, idPlace(b.Columns[c.field].Bytes(row)))
		}
	}
}

// lostReferences returns the batch without the records that refer to one which has no
// native row, or none yet: these wait for the end, and go to the sidecar then.
func (s *sink) lostReferences(ctx context.Context, w *writer, b *format.Batch, res *store.Result) (*format.Batch, error) {
	var lost []int
	for row := range b.Rows {
		if slices.ContainsFunc(w.part.columns, func(c bound) bool {
			m, made := s.mintOf(w, &c)
			if m == nil || made || b.Columns[c.field].Null(row) {
				return false
			}
			_, ok := m.known(b.Columns[c.field].Bytes(row))
			return !ok
		}) {
			lost = append(lost, row)
		}
	}
	if len(lost) == 0 {
		return b, nil
	}
	rest := some(b, lost)
	if !s.last {
		s.early = append(s.early, early{rest, s.visitors, s.orphans})
		res.Written += uint64(rest.Rows)
	} else {
		defer rest.Release()
		whole, err := s.sidecar.whole(ctx, rest)
		if err != nil {
			return nil, err
		}
		res.Written += whole.Written
		res.Unchanged += whole.Unchanged
		res.Skipped += whole.Skipped
		res.Rejects = append(res.Rejects, whole.Rejects...)
	}
	b = some(b, except(b.Rows, lost))
	return b, s.put(w, b)
}

// refers tells whether records of the part refer to others by minted identifiers.
func (p *part) refers() bool {
	return slices.ContainsFunc(p.columns, func(c bound) bool { return c.refers != "" })
}

// translate puts into records which the product has made or changed since an import, in
// the place of the native identifiers to which they refer, what the records there call
// themselves.
func (r *sidecarReader) translate(ctx context.Context, p *part, f *restoration) error {
	for i := range p.columns {
		c := &p.columns[i]
		if c.refers == "" || r.total[c.refers] == 0 || c.lens.Type != format.Text {
			continue
		}
		field := &f.b.Columns[c.field]
		rows := slices.DeleteFunc(all(f.b.Rows), func(row int) bool { return field.Null(row) || f.same(row) })
		names, err := r.identifiers(ctx, c.refers, field, rows)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			continue
		}
		var out format.Column
		out.Reset(format.Text)
		for row := range f.b.Rows {
			id := []byte(nil)
			if !field.Null(row) && !f.same(row) {
				id = names[idPlace(field.Bytes(row))]
			}
			if id == nil {
				out.AppendRow(field, row)
			} else {
				out.AppendBytes(id)
			}
		}
		*field = out
	}
	return nil
}

// identifiers returns what the records call themselves whose native identifiers stand in
// rows of a field, by the places of these.
func (r *sidecarReader) identifiers(ctx context.Context, section string, field *format.Column, rows []int) (map[[16]byte][]byte, error) {
	var leaves []format.Leaf
	asked := map[[16]byte]bool{}
	for _, row := range rows {
		if field.Null(row) {
			continue
		}
		if place := idPlace(field.Bytes(row)); !asked[place] {
			asked[place] = true
			leaves = append(leaves, format.Leaf{Place: place})
		}
	}
	at := slices.IndexFunc(r.schemas.Sections, func(s *format.Section) bool { return s.Name == section })
	if len(leaves) == 0 || at < 0 {
		return nil, nil
	}
	entries, found, err := r.lookUp(ctx, section, leaves)
	if err != nil {
		return nil, err
	}
	record := format.NewBatch(r.schemas.Sections[at])
	defer record.Release()
	stored := newStored(record.Section)
	id := record.Section.Field(record.Section.Key[0])
	out := map[[16]byte][]byte{}
	for i, at := range found {
		if at < 0 || entries.Columns[2].Kinds[at] == store.Null {
			continue
		}
		if err := stored.appendTo(record, entries.Columns[2].Bytes(at)); err != nil {
			return nil, err
		}
		if c := &record.Columns[id]; !c.Null(record.Rows - 1) {
			out[leaves[i].Place] = slices.Clone(c.Bytes(record.Rows - 1))
		}
	}
	return out, nil
}
