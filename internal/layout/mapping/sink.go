package mapping

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// sink writes a database through a layout.
type sink struct {
	db       store.Target
	layout   *store.Layout
	version  int
	opts     store.SinkOptions
	manifest *format.Manifest
	catalog  *store.Catalog // of the target before the import
	foreign  bool           // the records come from another product's store, or another engine
	from     provenance
	shape    *shape // of the target after Begin
	writers  map[string]*writer
	sidecar  *sidecarWriter
	spaces   []*format.Batch // of a layout that derives its spaces
	had      []format.Space  // that the target showed before the import
	own      *ownManifest
	losses   []format.Loss
	held     *held          // rows that wait for their other parts
	late     []store.Reject // records that were refused after Write had counted them
	progress *progress      // of an import that commits in steps
	notes    []store.Reject // records that were taken, but for a value that only the sidecar holds
	written  int64          // memories
	left     []store.Step   // what is left to be done after the import
	dropped  uint64         // records of embeddings that were left out on request
}

var _ store.Sink = (*sink)(nil)

// A writer writes the records of one section.
type writer struct {
	part    *part // bound to the fields of the manifest's section
	reading *part // of the target's own shape
	others  []*part
	rows    *store.Rows
	merge   bool              // the table held rows before
	seeded  bool              // the table has rows with which the product's store starts
	total   bool              // no record can need the sidecar
	unique  bool              // no two rows of the table have the same key
	fixed   bool              // an existing target keeps its own rows
	fresh   map[[16]byte]bool // places that this import has inserted
	taken   map[[16]byte]bool // places at which it has replaced the target's record
	bag     map[[16]byte]int  // rows that the table held, where it has no key to find them by
	columns []string          // of the table, in the order in which they are scanned
	told    bool              // the target says beforehand what it gives
}

// NewSink returns a Sink of the target as the layout's given version; version 0
// takes that of the manifest's origin, or the layout's latest. It owns the target.
func NewSink(db store.Target, l *store.Layout, version int, opts store.SinkOptions) store.Sink {
	if opts.Policy == "" {
		opts.Policy = store.Fail
	}
	return &sink{db: db, layout: l, version: version, opts: opts, writers: map[string]*writer{}}
}

// Plan says what would be done, and writes nothing.
func (s *sink) Plan(ctx context.Context, m *format.Manifest) (*store.Plan, error) {
	s.manifest = m
	var err error
	if s.catalog, err = s.db.Catalog(ctx); err != nil {
		return nil, err
	}
	s.foreign = s.layout.Own == nil && (m.Origin == nil || m.Origin.Layout != s.layout.Name || m.Origin.Engine != s.catalog.Engine)
	if s.foreign {
		if s.from = foreign; m.Origin != nil && m.Origin.Layout == s.layout.Name {
			s.from = kin
		}
	}
	if s.foreign && s.layout.Schema == nil && s.fresh() {
		return nil, fmt.Errorf("%w: layout %q cannot create a store for records of %s; leave --layout out or choose memarc", store.ErrUsage, s.layout.Name, originName(m))
	}
	if s.version == 0 && !s.foreign && s.layout.Own == nil && m.Origin != nil {
		if _, err := fmt.Sscan(m.Origin.Version, &s.version); err != nil && m.Origin.Version != "" {
			return nil, fmt.Errorf("%w: the archive's origin has version %q, which layout %q does not know", store.ErrUsage, m.Origin.Version, s.layout.Name)
		}
	}
	if s.version == 0 && m.Origin != nil && m.Origin.Layout == s.layout.Name && s.layout.Twin != nil {
		s.version = s.layout.Twin(m.Origin.StoreID)
	}
	if s.version == 0 {
		s.version = s.layout.Latest
	}
	if err := s.openProgress(ctx); err != nil {
		return nil, err
	}
	if !s.fresh() && s.opts.Embeddings == store.RefuseEmbeddings && !s.opts.Reembed {
		if err := s.takesSpaces(ctx, m.Spaces); err != nil {
			return nil, err
		}
	}
	plan := &store.Plan{ID: format.StoreID{Engine: s.catalog.Engine, Layout: s.layout.Name, Version: versionText(s.version)}, Fresh: s.fresh()}
	if plan.Fresh {
		for _, name := range s.tablesToCreate() {
			plan.Steps = append(plan.Steps, store.Step{What: "create", Where: name})
		}
	}
	for _, section := range m.Sections {
		what := "insert"
		if !plan.Fresh {
			what = "merge"
		}
		plan.Steps = append(plan.Steps, store.Step{What: what, Where: s.tableOf(section.Name), Section: section.Name})
	}
	return plan, nil
}

// fresh tells that the target held nothing before the import, or before the one that
// this one goes on with.
func (s *sink) fresh() bool {
	if s.progress != nil && s.progress.resumed {
		return s.progress.state.Fresh
	}
	return s.db.Fresh()
}

func originName(m *format.Manifest) string {
	if m.Origin != nil {
		return fmt.Sprintf("layout %q", m.Origin.Layout)
	}
	return fmt.Sprintf("layout %q", m.Source.Layout)
}

func (s *sink) tablesToCreate() []string {
	var names []string
	switch {
	case s.layout.Own != nil:
		for _, section := range s.manifest.Sections {
			names = append(names, section.Name)
		}
	case s.foreign:
		for _, t := range s.layout.Schema.At(s.version).Tables {
			names = append(names, t.Name)
		}
	case s.manifest.Origin != nil:
		for _, t := range s.manifest.Origin.Tables {
			names = append(names, t.Name)
		}
	}
	return names
}

func (s *sink) tableOf(section string) string {
	if s.layout.Own != nil {
		return section
	}
	for _, m := range s.layout.Maps {
		if m.Section == section {
			return m.Table
		}
	}
	if prefix := s.layout.Name + "."; len(section) > len(prefix) && section[:len(prefix)] == prefix {
		return section[len(prefix):]
	}
	if s.layout.Spaces != nil && section == format.Spaces {
		return "(derived)"
	}
	return sidecarTable
}

// Begin creates what is missing in the target and binds the manifest's sections.
func (s *sink) Begin(ctx context.Context) error {
	if s.opts.CommitEvery > 0 {
		if err := s.db.Checkpoint(ctx); err != nil { // fails early where it cannot be
			return err
		}
	}
	if s.layout.Own != nil {
		return s.beginOwn(ctx)
	}
	if s.progress == nil || !s.progress.resumed {
		if err := s.createTables(ctx); err != nil {
			return err
		}
		if err := s.register(ctx); err != nil {
			return err
		}
		if err := s.replaceModel(ctx); err != nil {
			return err
		}
	}
	catalog, err := s.db.Catalog(ctx)
	if err != nil {
		return err
	}
	if s.shape, err = newShape(ctx, s.db, s.layout, s.version, catalog); err != nil {
		return err
	}
	if s.layout.Spaces != nil && !s.fresh() {
		before := &source{db: s.db, shape: s.shape}
		if s.had, err = before.labels(ctx); err != nil {
			return err
		}
	}
	for i := range s.shape.tables {
		t := &s.shape.tables[i]
		for _, p := range t.parts {
			section := s.manifest.Section(p.section.Name)
			if section == nil {
				continue
			}
			w := &writer{part: rebind(p, section, s.from), reading: p, columns: t.columns}
			w.total = !s.foreign && holdsAll(p, section)
			for _, o := range t.parts {
				if o != p && o.updates && !p.updates {
					w.others = append(w.others, o)
				}
			}
			if err := s.prepare(ctx, w, t.table.Name); err != nil {
				return err
			}
		}
	}
	if s.foreign || !s.complete() {
		s.sidecar = newSidecarWriter(s)
		if err := s.sidecar.begin(ctx); err != nil {
			return err
		}
	}
	return s.beginProgress(ctx)
}

// holdsAll tells whether the part has a place for every field of the section. A
// key field for which the product has no column is null in its records.
func holdsAll(p *part, section *format.Section) bool {
	for _, f := range section.Fields {
		if at := p.section.Field(f.Name); at < 0 || p.section.Fields[at].Type != f.Type {
			return false
		}
	}
	return true
}

// complete tells whether every section has a writer that holds all its fields.
func (s *sink) complete() bool {
	for _, section := range s.manifest.Sections {
		if section.Name == format.Spaces && s.layout.Spaces != nil {
			continue
		}
		if w := s.writers[section.Name]; w == nil || !w.total {
			return false
		}
	}
	return true
}

func (s *sink) prepare(ctx context.Context, w *writer, table string) error {
	w.rows = store.NewRows(w.part.width())
	w.fresh, w.taken = map[[16]byte]bool{}, map[[16]byte]bool{}
	if t := s.catalog.Table(table); t != nil && !s.fresh() {
		n, err := s.db.Count(ctx, table)
		if err != nil {
			return err
		}
		w.fixed = slices.Contains(s.layout.Fixed, table)
		w.merge = n > 0 || w.fixed
		w.unique = isUnique(t, w.part.key)
	} else if s.foreign && !slices.Contains(s.layout.Fixed, table) && (s.layout.Model == nil || s.layout.Model.Table != table) {
		n, err := s.db.Count(ctx, table)
		if err != nil {
			return err
		}
		w.seeded = n > 0
	}
	s.writers[w.part.section.Name] = w
	return nil
}

// isUnique tells whether no two rows of the table can have the same key.
func isUnique(t *store.CatalogTable, key []string) bool {
	for _, name := range key {
		i := slices.IndexFunc(t.Columns, func(c format.TableColumn) bool { return c.Name == name })
		if i < 0 || !t.Columns[i].NotNull {
			return false
		}
	}
	return slices.Equal(t.Primary, key) || slices.ContainsFunc(t.Unique, func(u []string) bool { return slices.Equal(u, key) })
}

// rebind takes a part's columns for which a section of the manifest has fields of
// the same type, and those that the product demands of a record that has no such field.
func rebind(p *part, section *format.Section, from provenance) *part {
	q := &part{table: p.table, section: section, key: p.key, updates: p.updates, optional: p.optional, updated: -1, left: section.Field(format.Leftovers)}
	for i, c := range p.columns {
		field := p.section.Fields[c.field]
		at := section.Field(field.Name)
		if at < 0 || section.Fields[at].Type != field.Type {
			if at = noField; from == own || c.make == nil && c.def == nil && len(c.els) == 0 {
				continue
			}
		}
		if i == p.updated && at >= 0 {
			q.updated = len(q.columns)
		}
		els := c.els
		c.els = nil
		for _, e := range els {
			if f := section.Field(p.section.Fields[e].Name); f >= 0 {
				c.els = append(c.els, f)
			}
		}
		c.at, c.field = len(q.columns), at
		q.columns = append(q.columns, c)
	}
	return q
}

// Write writes a batch.
func (s *sink) Write(ctx context.Context, b *format.Batch) (store.Result, error) {
	if res, done, err := s.passed(b); done || err != nil {
		return res, err
	}
	if err := s.step(ctx, b); err != nil {
		return store.Result{}, err
	}
	res, err := s.take(ctx, b)
	if err == nil {
		s.advance(b, &res)
	}
	return res, err
}

func (s *sink) take(ctx context.Context, b *format.Batch) (res store.Result, err error) {
	w := s.writers[b.Section.Name]
	if s.held != nil && !s.mayWait(w) {
		if err := s.flush(ctx); err != nil {
			return res, err
		}
	}
	switch {
	case w == nil && b.Section.Name == format.Spaces && s.layout.Spaces != nil:
		kept := format.NewBatch(b.Section)
		for row := range b.Rows {
			kept.AppendRow(b, row)
		}
		s.spaces = append(s.spaces, kept)
		return s.countSpaces(kept), nil
	case w == nil:
		return s.sidecar.whole(ctx, b)
	}
	s.note(w, b)
	replace := func(native *format.Batch, err error) error {
		if err == nil && native != b {
			b = native
		}
		return err
	}
	if err := replace(s.screen(ctx, b, &res)); err != nil {
		return res, err
	}
	if s.foreign && !w.total && !s.opts.NoSidecar {
		if err := replace(s.sidecar.divert(ctx, w, b, &res)); err != nil {
			return res, err
		}
	}
	if b.Rows == 0 {
		return res, nil
	}
	if err := w.part.put(b, w.rows, s.from); err != nil {
		return store.Result{}, err
	}
	if s.sidecar != nil && !w.total && len(w.part.key) == 0 {
		if err := replace(s.sidecar.divertKeyless(ctx, w, b, &res)); err != nil || b.Rows == 0 {
			return res, err
		}
		if err := w.part.put(b, w.rows, s.from); err != nil {
			return store.Result{}, err
		}
	}
	var native store.Result
	switch {
	case s.held != nil && s.held.waitsFor(w):
		native, err = s.fill(ctx, w, b)
	case s.holds(w):
		s.held = hold(w, b)
		native.Written = uint64(b.Rows)
	default:
		native, err = s.write(ctx, w, b)
	}
	res.Written += native.Written
	res.Unchanged += native.Unchanged
	res.Updated += native.Updated
	res.Skipped += native.Skipped
	res.Rejects = append(res.Rejects, native.Rejects...)
	if b.Section.Name == format.Memories {
		s.written += int64(native.Written)
	}
	return res, err
}

// screen takes out of a batch of embeddings what a target that takes one space alone
// does not take.
func (s *sink) screen(ctx context.Context, b *format.Batch, res *store.Result) (*format.Batch, error) {
	if b.Section.Name != format.Embeddings || s.shape == nil || s.shape.model == nil {
		return b, nil
	}
	m := s.shape.model
	var fit, other []int
	for row := range b.Rows {
		if m.fits(b, row) {
			fit = append(fit, row)
		} else {
			other = append(other, row)
		}
	}
	if len(other) == 0 {
		return b, nil
	}
	if s.opts.Embeddings == store.DropEmbeddings {
		res.Skipped += uint64(len(other))
		s.dropped += uint64(len(other))
		return some(b, fit), nil
	}
	rest := some(b, other)
	defer rest.Release()
	known, err := s.sidecar.holdsAll(ctx, rest)
	if err != nil {
		return b, err
	}
	if s.opts.Embeddings == store.RefuseEmbeddings && !s.fresh() && !known {
		name, dim := "", int64(0)
		if c := b.Column("space"); c != nil && !c.Null(other[0]) {
			name = c.String(other[0])
		}
		if c := b.Column("vector"); c != nil && !c.Null(other[0]) {
			dim = int64(len(c.Bytes(other[0])) / 4)
		}
		return b, spaceError(signature(name, dim, ""), signature(m.name, m.dimension, m.hash))
	}
	if s.sidecar == nil {
		return b, nil // a store of the same product: what it refuses is reported
	}
	whole, err := s.sidecar.whole(ctx, rest)
	res.Written += whole.Written
	res.Unchanged += whole.Unchanged
	res.Rejects = append(res.Rejects, whole.Rejects...)
	return some(b, fit), err
}

// some copies some records of a batch.
func some(b *format.Batch, rows []int) *format.Batch {
	out := format.NewBatch(b.Section)
	for _, row := range rows {
		out.AppendRow(b, row)
	}
	return out
}

// countSpaces counts the spaces that the target had already as unchanged.
func (s *sink) countSpaces(b *format.Batch) (res store.Result) {
	for _, sp := range format.SpacesOf(b) {
		if slices.ContainsFunc(s.had, func(have format.Space) bool { return have.ID == sp.ID && have.Dimension == sp.Dimension }) {
			res.Unchanged++
		} else {
			res.Written++
		}
	}
	return res
}

// write inserts, merges or updates the rows that put has made of the batch.
func (s *sink) write(ctx context.Context, w *writer, b *format.Batch) (res store.Result, err error) {
	var taken []int   // rows of the batch that are in the target now
	var refused []int // rows that go to the sidecar instead
	var asides []aside
	done := false
	beside := s.sidecar != nil && !w.total && len(w.part.key) > 0
	refuse := func(rows []int) func(int, error) {
		return func(i int, err error) {
			row := i
			if rows != nil {
				row = rows[i]
			}
			if s.foreign && s.sidecar != nil && !s.opts.NoSidecar {
				refused = append(refused, row)
			} else {
				res.Rejects = append(res.Rejects, reject(b, row, err))
			}
			taken = slices.DeleteFunc(taken, func(r int) bool { return r == row })
		}
	}
	switch {
	case w.part.updates:
		err = s.writePart(ctx, w, b, &res, &taken, refuse)
	case !w.merge:
		taken = all(b.Rows)
		if w.seeded { // the archive's record is worth more
			keys, _, _ := w.part.split()
			if err = s.db.Delete(ctx, w.part.table, w.part.key, pick(w.rows, keys, taken)); err != nil {
				return res, err
			}
		}
		var found func(now *given) ([]aside, error)
		if beside {
			found = func(now *given) ([]aside, error) { return s.asides(w, b, all(b.Rows), now) }
		}
		var bad map[int]error
		if bad, asides, done, err = s.insert(ctx, w, w.part.names(), w.rows, found); err == nil {
			for _, row := range slices.Sorted(maps.Keys(bad)) {
				refuse(nil)(row, bad[row])
			}
		}
	default:
		err = s.merge(ctx, w, b, &res, &taken, refuse)
	}
	if err != nil {
		return res, err
	}
	if beside && len(taken) > 0 {
		if !done {
			now, err := s.native(ctx, w, w.part.names(), w.rows, taken)
			if err != nil {
				return res, err
			}
			if asides, err = s.asides(w, b, taken, now); err != nil {
				return res, err
			}
		}
		if err := s.sidecar.keep(ctx, asides); err != nil {
			return res, err
		}
	}
	if len(refused) > 0 {
		rest := format.NewBatch(b.Section)
		defer rest.Release()
		for _, row := range refused {
			rest.AppendRow(b, row)
		}
		whole, err := s.sidecar.whole(ctx, rest)
		if err != nil {
			return res, err
		}
		res.Unchanged += whole.Unchanged
	}
	res.Written = uint64(b.Rows-len(res.Rejects)) - res.Unchanged - res.Updated - res.Skipped
	return res, nil
}

// asides finds what the native rows of records that the target has taken do not give.
func (s *sink) asides(w *writer, b *format.Batch, taken []int, now *given) ([]aside, error) {
	out, err := s.sidecar.asides(w, b, taken, now)
	for _, other := range w.others {
		if err != nil {
			break
		}
		var more []aside
		more, err = s.sidecar.absent(w, other, now, all(len(taken)))
		out = append(out, more...)
	}
	return out, err
}

// reject describes a record that the target does not take.
func reject(b *format.Batch, row int, err error) store.Reject {
	line, jsonErr := b.AppendNDJSON(nil, row)
	if jsonErr != nil {
		line = nil
	}
	return store.Reject{Section: b.Section.Name, ID: b.ID(row), Reason: err.Error(), Record: line}
}

// pick copies rows, and of them some columns.
func pick(rows *store.Rows, columns, which []int) *store.Rows {
	out := store.NewRows(len(columns))
	for _, row := range which {
		for i, c := range columns {
			out.Columns[i].AppendRow(&rows.Columns[c], row)
		}
		out.N++
	}
	return out
}

// split returns the positions of the key columns and of the others.
func (p *part) split() (keys, others []int, names []string) {
	for _, k := range p.key {
		if i := slices.IndexFunc(p.columns, func(c bound) bool { return c.column == k }); i >= 0 {
			keys = append(keys, i)
		}
	}
	for i, c := range p.columns {
		if !slices.Contains(keys, i) {
			others = append(others, i)
			names = append(names, c.column)
		}
	}
	if p.rest != "" {
		others, names = append(others, len(p.columns)), append(names, p.rest)
	}
	return keys, others, names
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// Finish builds what is derived.
func (s *sink) Finish(ctx context.Context) error {
	if err := s.flush(ctx); err != nil {
		return err
	}
	if s.layout.Own != nil {
		if err := s.finishOwn(ctx); err != nil {
			return err
		}
		return s.settle(ctx)
	}
	if s.sidecar != nil {
		if err := s.sidecar.finish(ctx); err != nil {
			return err
		}
	}
	if s.manifest.Origin != nil && !s.foreign {
		for i := range s.manifest.Origin.Tables {
			t := &s.manifest.Origin.Tables[i]
			if !t.Autoincrement || s.catalog.Table(t.Name) != nil {
				continue
			}
			if err := s.db.SetSequence(ctx, t.Name, t.Sequence); err != nil {
				return err
			}
		}
	}
	if err := s.refer(ctx); err != nil {
		return err
	}
	created, err := s.db.Catalog(ctx)
	if err != nil {
		return err
	}
	s.compareShapes(created) // now that references are there too
	if err := s.createObjects(ctx); err != nil {
		return err
	}
	if s.opts.Reembed && s.layout.Model != nil && len(s.manifest.Spaces) > 0 {
		if err := s.runModel(ctx, s.layout.Model.Remark); err != nil {
			return err
		}
	}
	if !s.foreign && s.manifest.Origin != nil && s.fresh() {
		for _, name := range slices.Sorted(maps.Keys(s.manifest.Origin.Settings)) {
			if err := s.db.SetSetting(ctx, name, s.manifest.Origin.Settings[name]); err != nil {
				return err
			}
		}
	}
	return s.settle(ctx)
}

// settle ends the load.
func (s *sink) settle(ctx context.Context) error {
	if err := s.db.Settle(ctx); err != nil {
		return err
	}
	return s.endProgress(ctx)
}

// Late returns records that were refused after Write had counted them, once.
func (s *sink) Late() []store.Reject {
	late := s.late
	s.late = nil
	return late
}

// note tells of records of the same product, from another engine, with a value that
// was none of its column's: it is kept as a leftover, but the product will not see it.
func (s *sink) note(w *writer, b *format.Batch) {
	o := s.manifest.Origin
	left := b.Column(format.Leftovers)
	if left == nil || left.AllNull() || !s.foreign || o == nil || o.Layout != s.layout.Name || len(s.notes) >= maxNotes {
		return
	}
	for i := range w.part.columns {
		c := &w.part.columns[i]
		if c.field == noField {
			continue
		}
		name, field := leftoverName(o.Layout, o.Engine, c.column), &b.Columns[c.field]
		for row := range b.Rows {
			if left.Null(row) || !field.Null(row) || len(s.notes) >= maxNotes {
				continue
			}
			entries, err := format.ParseMap(left.Bytes(row))
			if err != nil {
				continue // put reports it
			}
			if slices.ContainsFunc(entries, func(e format.Entry) bool { return e.Name == name }) {
				s.notes = append(s.notes, reject(b, row, fmt.Errorf("column %q holds no %s; the value is kept as a leftover", c.column, field.Type)))
			}
		}
	}
}

// maxNotes is how many notes are kept.
const maxNotes = 1000

// Notes returns what people should know of records that were taken.
func (s *sink) Notes() []store.Reject { return s.notes }

// ReadBack returns a source of what the target now holds.
func (s *sink) ReadBack(ctx context.Context) (store.Source, error) {
	return newSource(ctx, s.db, s.layout, s.version)
}

// Losses returns what the target could not hold.
func (s *sink) Losses() []format.Loss {
	losses := slices.Clone(s.losses)
	if s.dropped > 0 {
		losses = append(losses, format.Loss{Code: "embeddings-dropped", Where: format.Embeddings, Count: s.dropped, Accepted: true,
			Reason: "the target takes vectors of another space and --embeddings drop was given"})
	}
	if s.sidecar != nil {
		losses = append(losses, s.sidecar.losses()...)
	}
	return losses
}

// Commit makes everything visible.
func (s *sink) Commit(ctx context.Context) error { return s.db.Commit(ctx) }

// Close without Commit leaves the store as it was.
func (s *sink) Close() error {
	for _, b := range s.spaces {
		b.Release()
	}
	s.spaces = nil
	return s.db.Close()
}

var errNoSidecar = errors.New("the target has no place for the record and --no-sidecar was given")
