package mapping

import (
	"context"
	"fmt"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// remove removes what was found in one table.
func (r *remover) remove(ctx context.Context, d *doomed) error {
	db, table := r.sink.db, d.table.Name
	if d.byKey.N > 0 {
		if err := db.Delete(ctx, table, d.main.key, d.byKey); err != nil {
			return err
		}
	}
	if err := r.removeRows(ctx, d); err != nil {
		return err
	}
	refused := error(nil)
	refuse := func(_ int, err error) { refused = err }
	if d.again.N > 0 {
		if err := db.Insert(ctx, table, d.columns, d.again, refuse); err != nil {
			return err
		}
	}
	for _, p := range d.parts {
		if rows := d.emptied[p]; rows != nil {
			if err := db.Update(ctx, table, d.main.key, d.emptiable(p), rows, refuse); err != nil {
				return err
			}
		}
	}
	if refused != nil {
		return fmt.Errorf("remove records from table %q: %w", table, refused)
	}
	if d.hidden.N == 0 && len(d.orphans) == 0 {
		return nil
	}
	if err := r.sink.needSidecar(ctx); err != nil {
		return err
	}
	if err := r.sink.sidecar.store(ctx, d.hidden, store.NewRows(2)); err != nil {
		return err
	}
	for _, p := range d.parts {
		if b := d.orphans[p.section.Name]; b != nil {
			err := r.sink.adoptLater(ctx, b)
			b.Release()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// adoptLater keeps records whose rows have gone until the next versions of these have
// come. Those whose rows do not come back go to the sidecar.
func (s *sink) adoptLater(ctx context.Context, b *format.Batch) error {
	if section := s.manifest.Section(b.Section.Name); section != nil && s.writers[section.Name] != nil {
		if b := recast(b, section); b != nil {
			s.early = append(s.early, early{b: b, orphans: true})
			return nil
		}
	}
	_, err := s.sidecar.whole(ctx, b)
	return err
}

// recast gives records the fields of another section; nil if they have more than these.
func recast(b *format.Batch, to *format.Section) *format.Batch {
	for i, f := range b.Section.Fields {
		if at := to.Field(f.Name); (at < 0 || to.Fields[at].Type != f.Type) && !b.Columns[i].AllNull() {
			return nil
		}
	}
	out := format.NewBatch(to)
	for i, f := range to.Fields {
		at := b.Section.Field(f.Name)
		for row := range b.Rows {
			if at >= 0 && b.Section.Fields[at].Type == f.Type {
				out.Columns[i].AppendRow(&b.Columns[at], row)
			} else {
				out.Columns[i].AppendNull()
			}
		}
	}
	out.Rows = b.Rows
	return out
}

// removeRows removes the rows that no key tells apart.
func (r *remover) removeRows(ctx context.Context, d *doomed) error {
	if d.byRow.N == 0 {
		return nil
	}
	db, columns, rows := r.sink.db, d.columns, d.byRow
	if in, ok := db.(*documentTarget); ok && in.read.of[d.table.Name].concerns(columns) {
		// The engine knows whole documents, not their members.
		var bad map[int]error
		rows, columns, bad = in.read.of[d.table.Name].fold(columns, rows)
		for _, err := range bad {
			return fmt.Errorf("remove records from table %q: %w", d.table.Name, err)
		}
		db = in.Target
	}
	return db.Delete(ctx, d.table.Name, columns, rows)
}

// needSidecar gives a store a sidecar that has none.
func (s *sink) needSidecar(ctx context.Context) error {
	if s.sidecar != nil {
		return nil
	}
	s.sidecar = newSidecarWriter(s)
	return s.sidecar.begin(ctx)
}

// removeWhole removes records that have no native row, and entries of rows that go.
func (r *remover) removeWhole(ctx context.Context) error {
	if r.src.sidecar == nil {
		return nil
	}
	db := r.sink.db
	again := store.NewRows(len(sidecarColumns))
	took := map[string]bool{}
	for rows, err := range db.Scan(ctx, wholeEntries(sidecarColumns...)) {
		if err != nil {
			return err
		}
		for row := range rows.N {
			name, place := string(rows.Columns[0].Bytes(row)), rows.Columns[1].Bytes(row)
			switch entry := name + "\x00" + string(place); {
			case name == "":
			case r.Replaced.Take(name, place) || r.Deleted.Take(name, place):
				took[entry] = true
				r.clear.Columns[0].AppendString(name)
				r.clear.Columns[1].AppendBlob(place)
				r.clear.N++
			case took[entry]:
				again.AppendRow(rows, row)
			}
		}
	}
	if r.clear.N == 0 {
		return nil
	}
	if err := db.Delete(ctx, sidecarTable, []string{"section", "place"}, r.clear); err != nil {
		return err
	}
	return r.sink.sidecarStore(ctx, again)
}

func (s *sink) sidecarStore(ctx context.Context, rows *store.Rows) error {
	if rows.N == 0 {
		return nil
	}
	return (&sidecarWriter{sink: s}).store(ctx, rows, store.NewRows(2))
}

// takeSpaces takes up the records of spaces that a layout derives from labels, so that
// they are settled once more when the vectors have changed.
func (r *remover) takeSpaces(ctx context.Context) error {
	s := r.sink
	if s.layout.Spaces == nil {
		return nil
	}
	native, err := (&source{db: r.src.db, shape: r.src.shape}).deriveSpaces(ctx)
	if err != nil {
		return err
	}
	defer native.Release()
	settled := s.foreign && r.src.sidecar != nil && !s.opts.NoSidecar
	keep := func(b *format.Batch) {
		var left []int
		for row, leaf := range b.AppendLeaves(nil) {
			if !r.Replaced.Take(format.Spaces, leaf.Sum[:]) && !r.Deleted.Take(format.Spaces, leaf.Sum[:]) {
				left = append(left, row)
			}
		}
		if settled && len(left) > 0 {
			s.spaces = append(s.spaces, some(b, left))
		}
	}
	derived, err := r.src.deriveSpaces(ctx)
	if err != nil {
		return err
	}
	defer derived.Release()
	keep(derived)
	if !settled {
		return nil
	}
	clearPlaces(r.clear, native, all(native.Rows))
	for b, err := range r.src.sidecar.batches(ctx, store.Selection{Sections: map[string]bool{format.Spaces: true}}) {
		if err != nil {
			return err
		}
		keep(b)
		for _, leaf := range b.AppendLeaves(nil) {
			r.clear.Columns[0].AppendString(format.Spaces)
			r.clear.Columns[1].AppendBlob(leaf.Sum[:16])
			r.clear.N++
		}
		b.Release()
	}
	return nil
}

// prepareWriters makes the writers take next versions.
func (r *remover) prepareWriters(ctx context.Context) error {
	s := r.sink
	for _, w := range s.writers {
		w.fixed = false
		if t := s.catalog.Table(w.part.table); t != nil && !w.part.updates && removedFirst(t, w.reading) {
			w.merge = false // what was there is gone, and what is there is another record
		}
	}
	if s.sidecar == nil || s.sidecar.before == nil {
		return nil
	}
	catalog, err := s.db.Catalog(ctx)
	if err != nil || catalog.Table(sidecarTable) == nil {
		return err
	}
	s.sidecar.before, err = openSidecar(ctx, s.db, s.shape)
	return err
}
