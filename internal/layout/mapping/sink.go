package mapping

import (
	"bytes"
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
	foreign  bool           // the records come from another product's store
	shape    *shape         // of the target after Begin
	writers  map[string]*writer
	sidecar  *sidecarWriter
	spaces   []*format.Batch // of a layout that derives its spaces
	had      []format.Space  // that the target showed before the import
	own      *ownManifest
	losses   []format.Loss
}

var _ store.Sink = (*sink)(nil)

// A writer writes the records of one section.
type writer struct {
	part    *part // bound to the fields of the manifest's section
	reading *part // of the target's own shape
	others  []*part
	rows    *store.Rows
	merge   bool              // the table held rows before
	total   bool              // no record can need the sidecar
	fixed   bool              // an existing target keeps its own rows
	fresh   map[[16]byte]bool // places that this import has inserted
	taken   map[[16]byte]bool // places at which it has replaced the target's record
	bag     map[[16]byte]int  // rows that the table held, where it has no key to find them by
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
	s.foreign = s.layout.Own == nil && (m.Origin == nil || m.Origin.Layout != s.layout.Name)
	if s.foreign && s.layout.Schema == nil && s.db.Fresh() {
		return nil, fmt.Errorf("%w: layout %q cannot create a store for records of %s; leave --layout out or choose memarc", store.ErrUsage, s.layout.Name, originName(m))
	}
	if s.version == 0 && !s.foreign && s.layout.Own == nil && m.Origin != nil {
		if _, err := fmt.Sscan(m.Origin.Version, &s.version); err != nil && m.Origin.Version != "" {
			return nil, fmt.Errorf("%w: the archive's origin has version %q, which layout %q does not know", store.ErrUsage, m.Origin.Version, s.layout.Name)
		}
	}
	if s.version == 0 {
		s.version = s.layout.Latest
	}
	var err error
	if s.catalog, err = s.db.Catalog(ctx); err != nil {
		return nil, err
	}
	plan := &store.Plan{ID: format.StoreID{Engine: s.catalog.Engine, Layout: s.layout.Name, Version: versionText(s.version)}, Fresh: s.db.Fresh()}
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
	if s.layout.Own != nil {
		return s.beginOwn(ctx)
	}
	if err := s.createTables(ctx); err != nil {
		return err
	}
	catalog, err := s.db.Catalog(ctx)
	if err != nil {
		return err
	}
	if s.shape, err = newShape(s.layout, s.version, catalog); err != nil {
		return err
	}
	s.compareShapes(catalog)
	if s.layout.Spaces != nil && !s.db.Fresh() {
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
			w := &writer{part: rebind(p, section), reading: p}
			w.total = !s.foreign && holdsAll(p, section)
			for _, o := range t.parts {
				if o != p && o.updates {
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
		return s.sidecar.begin(ctx)
	}
	return nil
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
	w.rows = store.NewRows(len(w.part.columns))
	w.fresh, w.taken = map[[16]byte]bool{}, map[[16]byte]bool{}
	if t := s.catalog.Table(table); t != nil && !s.db.Fresh() {
		n, err := s.db.Count(ctx, table)
		if err != nil {
			return err
		}
		w.fixed = slices.Contains(s.layout.Fixed, table)
		w.merge = n > 0 || w.fixed
	}
	s.writers[w.part.section.Name] = w
	return nil
}

// rebind takes a part's columns for which a section of the manifest has fields of
// the same type.
func rebind(p *part, section *format.Section) *part {
	q := &part{table: p.table, section: section, key: p.key, updates: p.updates, updated: -1, left: section.Field(format.Leftovers)}
	for i, c := range p.columns {
		field := p.section.Fields[c.field]
		at := section.Field(field.Name)
		if at < 0 || section.Fields[at].Type != field.Type {
			continue
		}
		if i == p.updated {
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
	w := s.writers[b.Section.Name]
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
	var res store.Result
	if s.foreign && !w.total && !s.opts.NoSidecar {
		native, err := s.sidecar.divert(ctx, w, b, &res)
		if err != nil {
			return res, err
		}
		if native != b {
			b = native
			defer b.Release()
		}
	}
	if err := w.part.put(b, w.rows, s.foreign); err != nil {
		return store.Result{}, err
	}
	native, err := s.write(ctx, w, b)
	if err != nil {
		return native, err
	}
	res.Written += native.Written
	res.Unchanged += native.Unchanged
	res.Updated += native.Updated
	res.Skipped += native.Skipped
	res.Rejects = append(res.Rejects, native.Rejects...)
	return res, nil
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
		err = s.db.Insert(ctx, w.part.table, w.part.names(), w.rows, refuse(nil))
	default:
		err = s.merge(ctx, w, b, &res, &taken, refuse)
	}
	if err != nil {
		return res, err
	}
	if s.sidecar != nil && !w.total {
		if err := s.sidecar.keep(ctx, w, b, taken); err != nil {
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
	if s.layout.Own != nil {
		return s.finishOwn(ctx)
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
	if err := s.createObjects(ctx); err != nil {
		return err
	}
	if s.foreign || s.manifest.Origin == nil || !s.db.Fresh() {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.manifest.Origin.Settings)) {
		if err := s.db.SetSetting(ctx, name, s.manifest.Origin.Settings[name]); err != nil {
			return err
		}
	}
	return nil
}

// ReadBack returns a source of what the target now holds.
func (s *sink) ReadBack(ctx context.Context) (store.Source, error) {
	return newSource(ctx, s.db, s.layout, s.version)
}

// Losses returns what the target could not hold.
func (s *sink) Losses() []format.Loss {
	if s.sidecar != nil {
		return append(slices.Clone(s.losses), s.sidecar.losses()...)
	}
	return s.losses
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

// sameField tells whether two rows of two batches hold the same in a field.
func sameField(a *format.Column, row int, b *format.Column, at int) bool {
	return bytes.Equal(a.AppendValue(nil, row), b.AppendValue(nil, at))
}
