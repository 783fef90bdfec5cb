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
	bare     bool // the target can have no sidecar
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
	held     *held   // rows that wait for their other parts
	flying   *flight // rows that are on their way into the target
	early    []early // records that wait for the end
	last     bool    // nothing comes any more
	visitors bool    // the records at hand were added by another product
	orphans  bool    // the rows of the records at hand have been removed

	recounted map[string]store.Result // of records that have waited
	late      []store.Reject          // records that were refused after Write had counted them
	progress  *progress               // of an import that commits in steps
	notes     []store.Reject          // records that were taken, but for a value that only the sidecar holds
	written   int64                   // memories
	mints     map[string]*mint        // of sections whose records get native identifiers
	left      []store.Step            // what is left to be done after the import
	exact     bool                    // the target holds just an incremental archive's base; see remove.go
	replaced  *format.LeafSet         // places of native rows' records of which a next version comes
	dropped   uint64                  // records of embeddings that were left out on request
}

var _ store.Sink = (*sink)(nil)

// A writer writes the records of one section.
type writer struct {
	part    *part // bound to the fields of the manifest's section
	reading *part // of the target's own shape
	others  []*part
	rows    *store.Rows
	spare   *store.Rows         // that have been given away, and have come back
	merge   bool                // the table held rows before
	seeded  bool                // the table has rows with which the product's store starts
	total   bool                // no record can need the sidecar
	unique  bool                // no two rows of the table have the same key
	lax     bool                // the target would take two records with the same key
	places  map[uint64]struct{} // of records of another product in a lax target, in short
	guests  bool                // it takes records of another product
	fixed   bool                // an existing target keeps its own rows
	fresh   map[[16]byte]bool   // places that this import has inserted
	taken   map[[16]byte]bool   // places at which it has replaced the target's record
	bag     map[[16]byte]int    // rows that the table held, where it has no key to find them by
	columns []string            // of the table, in the order in which they are scanned
	told    bool                // the target says beforehand what it gives
	met     map[uint64]struct{} // values that must not come twice, in short
	// first has for fields of the key that rows are not told by what the first record has;
	// severally, that another record has something else there.
	first     map[string]*format.Column
	severally bool
}

// NewSink returns a Sink of the target as the layout's given version; version 0
// takes that of the manifest's origin, or the layout's latest. It owns the target.
func NewSink(db store.Target, l *store.Layout, version int, opts store.SinkOptions) store.Sink {
	if opts.Policy == "" {
		opts.Policy = store.Fail
	}
	s := &sink{db: db, layout: l, version: version, opts: opts, writers: map[string]*writer{}}
	if b, ok := db.(store.Sidecarless); ok && b.Sidecarless() {
		s.bare, s.opts.NoSidecar = true, true
	}
	return s
}

// Plan says what would be done, and writes nothing.
func (s *sink) Plan(ctx context.Context, m *format.Manifest) (*store.Plan, error) {
	s.manifest = m
	prefer(s.db, s.layout)
	err := s.checkTypes()
	if err != nil {
		return nil, err
	}
	if s.catalog, err = s.db.Catalog(ctx); err != nil {
		return nil, err
	}
	renamed := false
	if s.layout.Adapt != nil {
		s.layout = adapted(s.layout, s.catalog, m.Origin)
		renamed = m.Origin != nil && m.Origin.Layout == s.layout.Name && adapted(s.layout, nil, m.Origin).Instance != s.layout.Instance
	}
	if s.db = surrogatesIn(documentsIn(s.db, s.layout), s.layout); len(s.layout.Documents)+len(s.layout.Surrogates) > 0 {
		if s.catalog, err = s.db.Catalog(ctx); err != nil {
			return nil, err
		}
	}
	s.foreign = s.layout.Own == nil && (renamed || !s.layout.Takes(m.Origin, s.catalog.Engine))
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

// otherEngine tells that the records come from a store of the layout, but in an engine
// that may hold what the target's does not.
func (s *sink) otherEngine() bool {
	return !s.foreign && s.layout.Own == nil && s.manifest.Origin.Engine != s.catalog.Engine
}

// keepsRefused tells whether the sidecar takes records that the target's tables do not.
func (s *sink) keepsRefused() bool {
	return (s.foreign || s.visitors || s.orphans || s.otherEngine()) && s.sidecar != nil && !s.opts.NoSidecar
}

// fresh tells that the target held nothing before the import, or before the one that
// this one goes on with.
func (s *sink) fresh() bool {
	if s.resumed() {
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
			if s.makes(&t) {
				names = append(names, t.Name)
			}
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
		if m.Section == section || m.As != "" && passthrough(s.layout.Name, m.As) == section {
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
	if !s.resumed() {
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
	if !s.foreign && s.fresh() {
		s.expectModel()
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
			w.total = !s.foreign && !s.otherEngine() && holdsAll(p, section)
			for _, o := range t.parts {
				if o != p && o.updates && !p.updates {
					w.others = append(w.others, o)
				}
			}
			w.lax = !enforces(catalog.Table(t.table.Name), p.key)
			if err := s.prepare(ctx, w, t.table.Name); err != nil {
				return err
			}
		}
	}
	if s.rekeyed() && (s.opts.NoSidecar || s.bare) {
		return fmt.Errorf("%w: the archive's sections have other keys than the layout %q gives, which nothing would remember without a sidecar; import into a new store with --layout memarc", store.ErrUsage, s.layout.Name)
	}
	if s.foreign || s.otherEngine() || !s.complete() {
		s.sidecar = newSidecarWriter(s)
		if err := s.sidecar.begin(ctx); err != nil {
			return err
		}
	}
	if s.from == foreign {
		if err := s.beginMints(ctx); err != nil {
			return err
		}
		if err := s.adopt(ctx); err != nil { // what the target's references demand at once
			return err
		}
	}
	return s.beginProgress(ctx)
}

// holdsAll tells whether the part has a place for every field of the section. A
// key field for which the product has no column is null in its records. Another key than
// the part's is what the sidecar remembers.
func holdsAll(p *part, section *format.Section) bool {
	if !slices.Equal(p.section.Key, section.Key) {
		return false
	}
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

// enforces tells whether the engine refuses a second row with a key.
func enforces(t *store.CatalogTable, key []string) bool {
	return slices.Equal(t.Primary, key) || slices.ContainsFunc(t.Unique, func(u []string) bool { return slices.Equal(u, key) })
}

// isUnique tells whether no two rows of the table can have the same key.
func isUnique(t *store.CatalogTable, key []string) bool {
	for _, name := range key {
		i := slices.IndexFunc(t.Columns, func(c format.TableColumn) bool { return c.Name == name })
		if i < 0 || !t.Columns[i].NotNull {
			return false
		}
	}
	return enforces(t, key)
}

// rebind takes a part's columns for which a section of the manifest has fields of
// the same type, and those that the product demands of a record that has no such field.
func rebind(p *part, section *format.Section, from provenance) *part {
	q := &part{table: p.table, section: section, key: p.key, updates: p.updates, optional: p.optional, demands: p.demands, updated: -1, left: section.Field(format.Leftovers)}
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

// Finish builds what is derived.
func (s *sink) Finish(ctx context.Context) error {
	if err := s.flush(ctx); err != nil {
		return err
	}
	if err := s.land(); err != nil {
		return err
	}
	if err := s.writeEarly(ctx); err != nil {
		return err
	}
	if s.layout.Own != nil {
		if err := s.finishOwn(ctx); err != nil {
			return err
		}
		return s.settle(ctx)
	}
	if err := s.adopt(ctx); err != nil {
		return err
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
	if err := s.goOn(ctx, created); err != nil {
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
	if err := s.sidecar.stored(); err != nil {
		return err
	}
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

// Recounted returns what became of records that have waited for others.
func (s *sink) Recounted() map[string]store.Result {
	counts := s.recounted
	s.recounted = nil
	return counts
}

// Notes returns what people should know of records that were taken.
func (s *sink) Notes() []store.Reject { return s.notes }

// ReadBack returns a source of what the target now holds.
func (s *sink) ReadBack(ctx context.Context) (store.Source, error) {
	src, err := newSource(ctx, s.db, s.layout, s.version)
	if err == nil && s.withheld() {
		src.Withhold()
	}
	return src, err
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
	if f := s.flying; f != nil { // the import has failed
		s.flying = nil
		_ = f.end()
		f.drop()
	}
	for _, b := range s.spaces {
		b.Release()
	}
	for _, e := range s.early {
		e.b.Release()
	}
	s.spaces, s.early = nil, nil
	return s.db.Close()
}

var errNoSidecar = errors.New("the target has no place for the record and --no-sidecar was given")
