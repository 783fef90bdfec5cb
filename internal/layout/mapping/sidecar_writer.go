package mapping

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// sidecarWriter fills the sidecar during an import.
type sidecarWriter struct {
	sink     *sink
	schemas  *ownManifest
	before   *sidecarReader    // of the target before the import
	withheld map[string]uint64 // under --no-sidecar; see withheld.go
	indexed  bool              // by place
	absented map[string]bool   // sections of which it holds places without a record
	storing  func() error      // what store may still be about
}

func newSidecarWriter(s *sink) *sidecarWriter {
	return &sidecarWriter{sink: s, schemas: &ownManifest{}, withheld: map[string]uint64{}, absented: map[string]bool{}}
}

func (w *sidecarWriter) begin(ctx context.Context) error {
	s := w.sink
	if s.opts.NoSidecar {
		return nil
	}
	if s.catalog.Table(sidecarTable) != nil {
		r, err := openSidecar(ctx, s.db, s.shape)
		if err != nil {
			return err
		}
		w.indexed = true
		w.before, w.schemas = r, &ownManifest{Sections: slices.Clone(r.schemas.Sections), Origin: r.schemas.Origin, Spaces: r.schemas.Spaces}
	} else if !s.resumed() {
		err := s.db.CreateTable(ctx, &format.Table{Name: sidecarTable, Columns: []format.TableColumn{
			{Name: "section", Type: "TEXT", NotNull: true}, {Name: "place", Type: "BLOB", NotNull: true}, {Name: "native", Type: "BLOB"},
			{Name: "record", Type: "TEXT"}, {Name: "gone", Type: "TEXT"},
		}})
		if err != nil {
			return err
		}
		// Places without a record are replaced soon; else the index can wait.
		for _, t := range s.shape.tables {
			if slices.ContainsFunc(t.parts[1:], func(p *part) bool { return !p.optional }) && !w.indexed {
				if err := w.index(ctx); err != nil {
					return err
				}
			}
		}
	}
	for _, section := range s.manifest.Sections {
		i := slices.IndexFunc(w.schemas.Sections, func(have *format.Section) bool { return have.Name == section.Name })
		if i < 0 {
			if native := s.writers[section.Name]; native != nil && !s.fresh() && !slices.Equal(native.reading.section.Key, section.Key) {
				return otherKey(section.Name)
			}
			w.schemas.Sections = append(w.schemas.Sections, section)
		} else if !slices.Equal(w.schemas.Sections[i].Key, section.Key) {
			return otherKey(section.Name)
		} else {
			w.schemas.Sections[i] = union(w.schemas.Sections[i], section)
		}
	}
	if w.schemas.Origin == nil {
		w.schemas.Origin = originOf(s.manifest, s.layout)
	}
	if s.opts.Embeddings != store.DropEmbeddings {
		w.schemas.Spaces = withSpaces(w.schemas.Spaces, s.manifest.Spaces)
	}
	if s.foreign && s.fresh() && !s.resumed() {
		return w.hideSeeds(ctx)
	}
	return nil
}

func (w *sidecarWriter) index(ctx context.Context) error {
	if w.indexed {
		return nil
	}
	w.indexed = true
	// The place first: places differ, and are fast to sort, where sections are mostly alike.
	return w.sink.db.CreateIndex(ctx, sidecarTable, &format.Index{Name: sidecarTable + "_place", Columns: []string{"place", "section"}})
}

// evict moves the records of native rows, given by their key, into the sidecar.
func (w *sidecarWriter) evict(ctx context.Context, t *tableShape, key []string, keys *store.Rows) error {
	db := w.sink.db
	if err := w.index(ctx); err != nil {
		return err
	}
	reader, err := openSidecar(ctx, db, w.sink.shape)
	if err != nil {
		return err
	}
	rows, _, err := db.Lookup(ctx, t.table.Name, key, t.columns, keys)
	if err != nil {
		return err
	}
	clear := store.NewRows(2)
	for _, p := range t.parts {
		gives := p.get(rows, func(int) bool { return true })
		clearPlaces(clear, gives, all(gives.Rows))
		if gives, err = reader.restore(ctx, p, gives); err != nil {
			return err
		}
		_, err = w.whole(ctx, gives)
		gives.Release()
		if err != nil {
			return err
		}
	}
	if err := db.Delete(ctx, sidecarTable, []string{"section", "place"}, clear); err != nil {
		return err
	}
	return db.Delete(ctx, t.table.Name, key, keys)
}

// hideSeeds notes the rows with which the product's store starts: as long as they
// stay what they are, they are no records.
func (w *sidecarWriter) hideSeeds(ctx context.Context) error {
	for i := range w.sink.shape.tables {
		if err := w.hide(ctx, &w.sink.shape.tables[i], nil); err != nil {
			return err
		}
	}
	return nil
}

// hide notes the rows of a table, other than those at the places given.
func (w *sidecarWriter) hide(ctx context.Context, t *tableShape, except map[[16]byte]bool) error {
	rows := store.NewRows(len(sidecarColumns))
	for native, err := range w.sink.db.Scan(ctx, store.Query{Table: t.table.Name, Columns: t.columns}) {
		if err != nil {
			return err
		}
		for _, p := range t.parts {
			b := p.get(native, func(int) bool { return true })
			for _, leaf := range b.AppendLeaves(nil) {
				if !except[leaf.Place] {
					w.add(rows, p.section.Name, leaf.Place, &leaf.Sum, nil, nil)
				}
			}
			w.absented[p.section.Name] = true
			b.Release()
		}
	}
	return w.store(ctx, rows, store.NewRows(2))
}

// add appends one row of the sidecar.
func (w *sidecarWriter) add(rows *store.Rows, section string, place [16]byte, native *format.Hash, record, gone []byte) {
	rows.Columns[0].AppendString(section)
	rows.Columns[1].AppendBlob(place[:])
	if native == nil {
		rows.Columns[2].AppendNull()
	} else {
		rows.Columns[2].AppendBlob(native[:])
	}
	if record == nil {
		rows.Columns[3].AppendNull()
	} else {
		rows.Columns[3].AppendText(record)
	}
	if gone == nil {
		rows.Columns[4].AppendNull()
	} else {
		rows.Columns[4].AppendText(gone)
	}
	rows.N++
}

// store replaces what the sidecar holds of the rows' places. It may still be about it
// when it returns.
func (w *sidecarWriter) store(ctx context.Context, rows, clear *store.Rows) error {
	behind, ok := w.sink.db.(store.Behind)
	if !ok {
		return storeEntries(ctx, w.sink.db, rows, clear)
	}
	err := w.stored()
	if err == nil {
		w.storing = behind.Behind(func(db store.Target) error { return storeEntries(ctx, db, rows, clear) })
	}
	return err
}

// stored waits for what store may still be about.
func (w *sidecarWriter) stored() error {
	if w == nil || w.storing == nil {
		return nil
	}
	end := w.storing
	w.storing = nil
	return end()
}

func storeEntries(ctx context.Context, db store.Target, rows, clear *store.Rows) error {
	if clear.N > 0 {
		if err := db.Delete(ctx, sidecarTable, []string{"section", "place"}, clear); err != nil {
			return err
		}
	}
	var refused error
	if err := db.Insert(ctx, sidecarTable, sidecarColumns, rows, func(_ int, err error) { refused = err }); err != nil {
		return err
	}
	if refused != nil {
		return fmt.Errorf("write %s: %w", sidecarTable, refused)
	}
	return nil
}

// whole keeps records that have no native place at all.
func (w *sidecarWriter) whole(ctx context.Context, b *format.Batch) (store.Result, error) {
	if w.sink.opts.NoSidecar {
		w.withheld[b.Section.Name] += uint64(b.Rows)
		res := store.Result{}
		if w.sink.bare {
			res.Skipped = uint64(b.Rows)
			return res, nil
		}
		for row := range b.Rows {
			res.Rejects = append(res.Rejects, reject(b, row, errNoSidecar))
		}
		return res, nil
	}
	rows, err := w.wholeRows(b)
	if err != nil {
		return store.Result{}, err
	}
	var res store.Result
	if w.sink.catalog.Table(sidecarTable) != nil && !w.sink.exact { // converge on a second run
		_, found, err := w.sink.db.Lookup(ctx, sidecarTable, sidecarColumns, sidecarColumns, rows)
		if err != nil {
			return res, err
		}
		var missing []int
		for row, at := range found {
			if at < 0 {
				missing = append(missing, row)
			}
		}
		res.Unchanged = uint64(b.Rows - len(missing))
		rows = pick(rows, all(len(sidecarColumns)), missing)
	}
	res.Written = uint64(rows.N)
	return res, w.store(ctx, rows, store.NewRows(2))
}

// holdsAll tells whether all of the records stand in the sidecar whole. A store
// without a sidecar holds none.
func (w *sidecarWriter) holdsAll(ctx context.Context, b *format.Batch) (bool, error) {
	if w == nil || w.sink.catalog.Table(sidecarTable) == nil {
		return false, nil
	}
	rows, err := w.wholeRows(b)
	if err != nil {
		return false, err
	}
	_, found, err := w.sink.db.Lookup(ctx, sidecarTable, sidecarColumns, sidecarColumns, rows)
	return err == nil && !slices.Contains(found, -1), err
}

// wholeRows are the entries of records that have no native row.
func (w *sidecarWriter) wholeRows(b *format.Batch) (*store.Rows, error) {
	rows := store.NewRows(len(sidecarColumns))
	sorted := lines(b)
	for row, leaf := range b.AppendLeaves(nil) {
		line, err := sorted.AppendNDJSON(nil, row)
		if err != nil {
			return nil, err
		}
		w.add(rows, b.Section.Name, [16]byte(leaf.Sum[:16]), nil, line[:len(line)-1], nil)
	}
	return rows, nil
}

// shows returns the leaves of the records that the rows with these keys give
// together with the sidecar as it was before the import, and their places.
func (w *sidecarWriter) shows(ctx context.Context, wr *writer, keys *store.Rows) (map[format.Hash][16]byte, error) {
	native, _, err := w.sink.db.Lookup(ctx, wr.part.table, wr.part.key, wr.reading.names(), keys)
	if err != nil {
		return nil, err
	}
	gives := wr.reading.inOrder().get(native, func(int) bool { return true })
	if w.before != nil {
		if gives, err = w.before.restore(ctx, wr.reading, gives); err != nil {
			return nil, err
		}
	}
	defer gives.Release()
	shown := make(map[format.Hash][16]byte, gives.Rows)
	for _, leaf := range gives.AppendLeaves(nil) {
		shown[leaf.Sum] = leaf.Place
	}
	return shown, nil
}

// divert returns the batch without the records that are in the sidecar already,
// and without those that no native key can tell apart, which it puts there: those without
// one, and the second with the same.
func (w *sidecarWriter) divert(ctx context.Context, wr *writer, b *format.Batch, res *store.Result) (*format.Batch, error) {
	keys, _, _ := wr.part.split()
	nameless := func(row int) bool {
		return slices.ContainsFunc(keys, func(i int) bool {
			c := &wr.part.columns[i]
			return c.field != noField && c.make == nil && b.Columns[c.field].Null(row)
		})
	}
	var known []int
	if w.sink.catalog.Table(sidecarTable) != nil && !w.sink.exact {
		rows, err := w.wholeRows(b)
		if err != nil {
			return nil, err
		}
		if _, known, err = w.sink.db.Lookup(ctx, sidecarTable, sidecarColumns, sidecarColumns, rows); err != nil {
			return nil, err
		}
	}
	is := func(row int) bool { return known != nil && known[row] >= 0 }
	var second map[int]bool
	if !w.sink.last || w.sink.visitors { // what has waited has been looked at
		second = wr.seconds(b, is)
	}
	if second == nil && !slices.ContainsFunc(all(b.Rows), func(row int) bool { return is(row) || nameless(row) }) {
		return b, nil
	}
	native, rest := format.NewBatch(b.Section), format.NewBatch(b.Section)
	defer rest.Release()
	for row := range b.Rows {
		switch {
		case is(row):
			res.Unchanged++
		case nameless(row) || second[row]:
			rest.AppendRow(b, row)
		default:
			native.AppendRow(b, row)
		}
	}
	if rest.Rows == 0 {
		return native, nil
	}
	whole, err := w.whole(ctx, rest)
	res.Written += whole.Written
	res.Unchanged += whole.Unchanged
	return native, err
}

// seconds are the records whose key an earlier one of this import has had, where the
// target would take both and neither could be found again; nil if there are none. Those
// that the sidecar has already do not count.
func (w *writer) seconds(b *format.Batch, known func(row int) bool) (second map[int]bool) {
	if !w.lax || len(w.part.key) == 0 {
		return nil
	}
	if w.places == nil {
		w.places = map[uint64]struct{}{}
	}
	for row := range b.Rows {
		if known(row) {
			continue
		}
		place := b.Place(row)
		short := binary.LittleEndian.Uint64(place[:])
		if _, met := w.places[short]; met {
			if second == nil {
				second = map[int]bool{}
			}
			second[row] = true
		}
		w.places[short] = struct{}{}
	}
	return second
}

// divertKeyless returns the batch without the records that the table cannot hold
// whole, which it puts into the sidecar: by no key could their native rows be found.
func (w *sidecarWriter) divertKeyless(ctx context.Context, wr *writer, b *format.Batch, res *store.Result) (*format.Batch, error) {
	native := store.NewRows(len(wr.columns))
	for at, name := range wr.columns {
		from := slices.IndexFunc(wr.part.columns, func(c bound) bool { return c.column == name })
		for row := range b.Rows {
			if from < 0 {
				native.Columns[at].AppendNull()
			} else {
				native.Columns[at].AppendRow(&wr.rows.Columns[from], row)
			}
		}
	}
	native.N = b.Rows
	gives, at := wr.reading.read(&given{rows: native, at: all(b.Rows)})
	defer gives.Release()
	d := newDifference(b, gives)
	for row := range b.Rows {
		if at[row] >= 0 {
			d.add(row, at[row])
		}
	}
	if len(d.rows) == 0 {
		return b, nil
	}
	rest := some(b, d.rows)
	defer rest.Release()
	whole, err := w.whole(ctx, rest)
	res.Written += whole.Written
	res.Unchanged += whole.Unchanged
	res.Rejects = append(res.Rejects, whole.Rejects...)
	return some(b, except(b.Rows, d.rows)), err
}

// finish settles the spaces of a layout that derives them, and writes the
// schemas.
func (w *sidecarWriter) finish(ctx context.Context) error {
	s := w.sink
	if s.opts.NoSidecar {
		return nil
	}
	if !s.foreign && s.catalog.Table(sidecarTable) == nil {
		n, err := s.db.Count(ctx, sidecarTable)
		if err != nil {
			return err
		}
		if n == 0 && !s.rekeyed() {
			return s.db.Drop(ctx, sidecarTable) // everything has its place
		}
	}
	if err := w.index(ctx); err != nil {
		return err
	}
	if s.layout.Spaces != nil && s.foreign {
		if err := w.settleSpaces(ctx); err != nil {
			return err
		}
	}
	raw, err := json.Marshal(w.schemas)
	if err != nil {
		return err
	}
	rows := store.NewRows(len(sidecarColumns))
	w.add(rows, "", [16]byte{}, nil, raw, nil)
	return w.store(ctx, rows, pick(rows, []int{0, 1}, []int{0}))
}

func (w *sidecarWriter) settleSpaces(ctx context.Context) error {
	s := w.sink
	src, err := nativeSource(ctx, s.db, s.layout, s.version)
	if err != nil {
		return err
	}
	derived, err := src.deriveSpaces(ctx)
	if err != nil {
		return err
	}
	defer derived.Release()
	leaves := derived.AppendLeaves(nil)
	entries, clear := store.NewRows(len(sidecarColumns)), store.NewRows(2)
	matched := make([]bool, len(leaves))
	for _, b := range s.spaces {
		rest := format.NewBatch(b.Section)
		for row := range b.Rows {
			place := b.Place(row)
			at := slices.IndexFunc(leaves, func(l format.Leaf) bool { return l.Place == place })
			if at < 0 || matched[at] {
				rest.AppendRow(b, row)
				continue
			}
			matched[at] = true
			clear.Columns[0].AppendString(format.Spaces)
			clear.Columns[1].AppendBlob(place[:])
			clear.N++
			if err := w.compare(entries, b, []int{row}, derived, []int{at}); err != nil {
				return err
			}
		}
		if _, err := w.whole(ctx, rest); err != nil {
			return err
		}
		rest.Release()
	}
	for at, leaf := range leaves {
		if !matched[at] && (s.fresh() || s.exact) {
			w.add(entries, format.Spaces, leaf.Place, &leaf.Sum, nil, nil)
		}
	}
	return w.store(ctx, entries, clear)
}

// originOf is where the records of an archive first came from. One that does not say so
// is of its source, but not of the target's own product, or they would come back as
// records of that.
func originOf(m *format.Manifest, target *store.Layout) *format.Origin {
	if m.Origin != nil {
		return m.Origin
	}
	from := m.Source
	if from.Layout == target.Name {
		from = format.StoreID{Engine: from.Engine, Layout: "unknown"}
	}
	return &format.Origin{StoreID: from}
}
