package mapping

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
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
	one *format.Batch
	at  []int // the field of the section that each column is
	pos []int // the column of each field
}

func newStored(section *format.Section) *stored {
	sorted, at := nameOrder(section)
	pos := make([]int, len(at))
	for i, field := range at {
		pos[field] = i
	}
	return &stored{format.NewBatch(sorted), at, pos}
}

// parse reads a record; column then gives its fields.
func (s *stored) parse(line []byte) error {
	for i := range s.one.Columns {
		s.one.Columns[i].Reset(s.one.Section.Fields[i].Type)
	}
	s.one.Rows = 0
	return s.one.AppendLine(line)
}

func (s *stored) column(field int) *format.Column { return &s.one.Columns[s.pos[field]] }

// appendTo appends the record to a batch of the section.
func (s *stored) appendTo(b *format.Batch, line []byte) error {
	if err := s.parse(line); err != nil {
		return err
	}
	for i, at := range s.at {
		b.Columns[at].AppendRow(&s.one.Columns[i], 0)
	}
	b.Rows++
	return nil
}

// sidecarWriter fills the sidecar during an import.
type sidecarWriter struct {
	sink     *sink
	schemas  *ownManifest
	before   *sidecarReader    // of the target before the import
	withheld map[string]uint64 // records by section, under --no-sidecar
	indexed  bool              // by place
	absented map[string]bool   // sections of which it holds places without a record
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
	} else if s.progress == nil || !s.progress.resumed {
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
			w.schemas.Sections = append(w.schemas.Sections, section)
		} else {
			w.schemas.Sections[i] = union(w.schemas.Sections[i], section)
		}
	}
	if w.schemas.Origin == nil {
		w.schemas.Origin = s.manifest.Origin
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
	return w.sink.db.CreateIndex(ctx, sidecarTable, &format.Index{Name: sidecarTable + "_place", Columns: []string{"section", "place"}})
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
		clearPlaces(clear, gives)
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
	rows := store.NewRows(len(sidecarColumns))
	for _, t := range w.sink.shape.tables {
		for native, err := range w.sink.db.Scan(ctx, store.Query{Table: t.table.Name, Columns: t.columns}) {
			if err != nil {
				return err
			}
			for _, p := range t.parts {
				b := p.get(native, func(int) bool { return true })
				for _, leaf := range b.AppendLeaves(nil) {
					if err := w.add(rows, p.section.Name, leaf.Place, &leaf.Sum, nil, nil); err != nil {
						return err
					}
				}
				w.absented[p.section.Name] = true
				b.Release()
			}
		}
	}
	return w.store(ctx, rows, store.NewRows(2))
}

// entry is one row of the sidecar.
func (w *sidecarWriter) add(rows *store.Rows, section string, place [16]byte, native *format.Hash, record, gone []byte) error {
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
	return nil
}

// store replaces what the sidecar holds of the rows' places.
func (w *sidecarWriter) store(ctx context.Context, rows, clear *store.Rows) error {
	db := w.sink.db
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
	if w.sink.catalog.Table(sidecarTable) != nil { // converge on a second run
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
		if err := w.add(rows, b.Section.Name, [16]byte(leaf.Sum[:16]), nil, line[:len(line)-1], nil); err != nil {
			return nil, err
		}
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
// and without those that no native key can tell apart, which it puts there.
func (w *sidecarWriter) divert(ctx context.Context, wr *writer, b *format.Batch, res *store.Result) (*format.Batch, error) {
	keys, _, _ := wr.part.split()
	nameless := func(row int) bool {
		return slices.ContainsFunc(keys, func(i int) bool { return b.Columns[wr.part.columns[i].field].Null(row) })
	}
	var known []int
	if w.sink.catalog.Table(sidecarTable) != nil {
		rows, err := w.wholeRows(b)
		if err != nil {
			return nil, err
		}
		if _, known, err = w.sink.db.Lookup(ctx, sidecarTable, sidecarColumns, sidecarColumns, rows); err != nil {
			return nil, err
		}
	}
	is := func(row int) bool { return known != nil && known[row] >= 0 }
	if !slices.ContainsFunc(all(b.Rows), func(row int) bool { return is(row) || nameless(row) }) {
		return b, nil
	}
	native, rest := format.NewBatch(b.Section), format.NewBatch(b.Section)
	defer rest.Release()
	for row := range b.Rows {
		switch {
		case is(row):
			res.Unchanged++
		case nameless(row):
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
	d.values.Release()
	rest := some(b, d.rows)
	defer rest.Release()
	whole, err := w.whole(ctx, rest)
	res.Written += whole.Written
	res.Unchanged += whole.Unchanged
	res.Rejects = append(res.Rejects, whole.Rejects...)
	return some(b, slices.DeleteFunc(all(b.Rows), func(row int) bool { return slices.Contains(d.rows, row) })), err
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
		if n == 0 {
			return s.db.Exec(ctx, "DROP TABLE "+sidecarTable) // everything has its place
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
	if err := w.add(rows, "", [16]byte{}, nil, raw, nil); err != nil {
		return err
	}
	return w.store(ctx, rows, pick(rows, []int{0, 1}, []int{0}))
}

func (w *sidecarWriter) settleSpaces(ctx context.Context) error {
	s := w.sink
	src, err := newSource(ctx, s.db, s.layout, s.version)
	if err != nil {
		return err
	}
	src.sidecar = nil
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
		if !matched[at] && s.fresh() {
			if err := w.add(entries, format.Spaces, leaf.Place, &leaf.Sum, nil, nil); err != nil {
				return err
			}
		}
	}
	return w.store(ctx, entries, clear)
}

func (w *sidecarWriter) losses() []format.Loss {
	var out []format.Loss
	for _, section := range w.sink.manifest.Sections {
		if n := w.withheld[section.Name]; n > 0 {
			out = append(out, format.Loss{Code: "no-sidecar", Where: section.Name, Count: n, Reason: "the target's layout has no place for all of these records and --no-sidecar was given"})
		}
	}
	return out
}

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

// readSchemas reads the sidecar's one row that concerns no record.
func readSchemas(ctx context.Context, db store.Tables) (*ownManifest, error) {
	schemas := &ownManifest{}
	for rows, err := range db.Scan(ctx, store.Query{Table: sidecarTable, Columns: []string{"record"}, Where: "section = ''"}) {
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

func openSidecar(ctx context.Context, db store.Tables, s *shape) (*sidecarReader, error) {
	r := &sidecarReader{db: db, unions: map[string]*format.Section{}, found: map[string]uint64{}, total: map[string]uint64{}, absent: map[string]uint64{}}
	var err error
	if r.schemas, err = readSchemas(ctx, db); err != nil {
		return nil, err
	}
	for where, counts := range map[string]map[string]uint64{
		"native IS NOT NULL AND record IS NULL": r.absent, "native IS NOT NULL AND record IS NOT NULL": r.total,
	} {
		for rows, err := range db.Scan(ctx, store.Query{Table: sidecarTable, Columns: []string{"section"}, Where: where}) {
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

// prepare finds the entries of records.
func (r *sidecarReader) prepare(ctx context.Context, p *part, b *format.Batch) (*restoration, error) {
	f := &restoration{section: r.section(p.section), b: b}
	if r.total[p.section.Name]+r.absent[p.section.Name] == 0 && len(f.section.Fields) == len(p.section.Fields) {
		return f, nil
	}
	f.leaves = b.AppendLeaves(nil)
	var err error
	f.rows, f.found, err = r.find(ctx, p.section.Name, f.leaves)
	return f, err
}

// finish puts records and entries together, and says how many entries were met.
func (f *restoration) finish() (_ *format.Batch, met uint64, err error) {
	b, rows := f.b, f.rows
	if rows == nil {
		b.Section = f.section
		return b, 0, nil
	}
	out := format.NewBatch(f.section)
	defer b.Release()
	record := newStored(out.Section)
	defer record.one.Release()
	native := make([]int, len(out.Columns)) // the field of the native record, or -1
	for i, f := range out.Section.Fields {
		native[i] = b.Section.Field(f.Name)
		if n := native[i]; n >= 0 && b.Section.Fields[n].Type != f.Type {
			native[i] = -1
		}
	}
	left := out.Section.Field(format.Leftovers)
	lists := map[string][]bool{} // which fields are gone, by the list that says so
	for row := range b.Rows {
		at := f.found[row]
		if at < 0 || rows.Columns[1].Kinds[at] == store.Null {
			plain(out, b, row, native)
			continue
		}
		same := format.Hash(rows.Columns[1].Bytes(at)) == f.leaves[row].Sum
		if rows.Columns[2].Kinds[at] == store.Null {
			if !same { // the product has given the record life
				plain(out, b, row, native)
			}
			continue
		}
		met++
		gone := lists[string(rows.Columns[3].Bytes(at))]
		if gone == nil {
			if gone, err = goneFields(out.Section, rows.Columns[3].Bytes(at)); err != nil {
				return nil, met, err
			}
			lists[string(rows.Columns[3].Bytes(at))] = gone
		}
		if err := record.parse(rows.Columns[2].Bytes(at)); err != nil {
			return nil, met, fmt.Errorf("%s: %w", sidecarTable, err)
		}
		for i := range out.Columns {
			kept, n := record.column(i), native[i]
			switch {
			case !kept.Null(0) && (same || n < 0 || i == left && b.Columns[n].Null(row)):
				out.Columns[i].AppendRow(kept, 0)
			case n < 0 || same && gone[i]:
				out.Columns[i].AppendNull()
			default:
				out.Columns[i].AppendRow(&b.Columns[n], row)
			}
		}
		out.Rows++
	}
	return out, met, nil
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

// plain appends a record as its native row gives it.
func plain(out, b *format.Batch, row int, native []int) {
	for i, n := range native {
		if n >= 0 {
			out.Columns[i].AppendRow(&b.Columns[n], row)
		} else {
			out.Columns[i].AppendNull()
		}
	}
	out.Rows++
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
		for rows, err := range r.db.Scan(ctx, store.Query{Table: sidecarTable, Columns: sidecarColumns[:4]}) {
			if err != nil {
				yield(nil, err)
				return
			}
			for row := range rows.N {
				name := string(rows.Columns[0].Bytes(row))
				if name == "" || rows.Columns[2].Kinds[row] != store.Null || !sel.Wants(name) {
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
					if record == nil || record.one.Section.Name != name {
						record = newStored(section)
					}
				}
				if err := record.appendTo(open, rows.Columns[3].Bytes(row)); err != nil {
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
