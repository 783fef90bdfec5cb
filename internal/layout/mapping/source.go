package mapping

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// source reads a database through a layout.
type source struct {
	db      store.Tables
	shape   *shape
	sidecar *sidecarReader
	losses  []format.Loss
	owned   bool // Close closes db
	// What was looked up once.
	description *store.Description
	seen        []format.Space // labels of the vectors that this Read has passed
	companions  map[string]*companion
	withhold    bool
}

var (
	_ store.Source    = (*source)(nil)
	_ store.Secretive = (*source)(nil)
)

// NewSource returns a Source of the database as the layout's given version. It
// owns the database.
func NewSource(ctx context.Context, db store.Tables, l *store.Layout, version int) (store.Source, error) {
	if l.Adapt != nil {
		c, err := db.Catalog(ctx)
		if err != nil {
			return nil, err
		}
		l = adapted(l, c, nil)
	}
	s, err := newSource(ctx, withSurrogates(withDocuments(db, l), l), l, version)
	if err != nil {
		return nil, err
	}
	s.owned = true
	return s, nil
}

func newSource(ctx context.Context, db store.Tables, l *store.Layout, version int) (*source, error) {
	s, err := nativeSource(ctx, db, l, version)
	if err != nil {
		return nil, err
	}
	if l.Own != nil {
		return s, s.readOwn(ctx)
	}
	if s.shape.beside {
		if s.sidecar, err = openSidecar(ctx, db, s.shape); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// nativeSource reads what the product's own tables hold.
func nativeSource(ctx context.Context, db store.Tables, l *store.Layout, version int) (*source, error) {
	prefer(db, l)
	catalog, err := db.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	shape, err := newShape(ctx, db, l, version, catalog)
	if err != nil {
		return nil, err
	}
	return &source{db: db, shape: shape}, nil
}

// prefer tells an engine that has labels which of them the layout is about.
func prefer(db store.Tables, l *store.Layout) {
	if labeled, ok := db.(store.Labeled); ok && l.Label != "" {
		labeled.Prefer(l.Label, l.Key)
	}
}

// readOwn completes the shape of memarc's own layout by its stored manifest.
func (s *source) readOwn(ctx context.Context) error {
	meta, err := readMeta(ctx, s.db, s.shape.layout.Own.MetaTable)
	if err != nil {
		return err
	}
	own, err := decodeOwn(meta)
	if err != nil {
		return err
	}
	var tables []tableShape
	for _, section := range own.Sections {
		if err := section.Check(); err != nil {
			return fmt.Errorf("memarc's own table of contents: %w", err)
		}
		i := slices.IndexFunc(s.shape.tables, func(t tableShape) bool { return t.table.Name == section.Name })
		if i < 0 {
			return fmt.Errorf("memarc's own layout: the table of section %q is missing", section.Name)
		}
		t := s.shape.tables[i]
		s.shape.tables = slices.Delete(s.shape.tables, i, i+1)
		section = withLeftovers(section)
		p, err := ownPart(s.shape.layout.Name, s.shape.engine, s.shape.layout.Own, section)
		if err != nil {
			return err
		}
		p.columns = slices.DeleteFunc(p.columns, func(c bound) bool {
			return c.column == format.Leftovers && !t.table.HasColumn(c.column)
		})
		for i, c := range p.columns {
			p.columns[i].at = i
			if !t.table.HasColumn(c.column) {
				return fmt.Errorf("memarc's own layout: table %q lacks the column %q", section.Name, c.column)
			}
			t.columns = append(t.columns, c.column)
		}
		if p.rest != "" && t.table.HasColumn(p.rest) {
			p.restAt = len(t.columns)
			t.columns = append(t.columns, p.rest)
		} else {
			p.rest = ""
		}
		for i := range t.table.Columns {
			if name := t.table.Columns[i].Name; section.Field(name) < 0 && name != p.rest {
				s.shape.lose("unknown-column", t.table.Name+"."+name, "memarc's own layout has no such field")
			}
		}
		t.parts = []*part{p}
		tables = append(tables, t)
	}
	for _, t := range s.shape.tables {
		n, err := s.db.Count(ctx, t.table.Name)
		if err != nil {
			return err
		}
		s.shape.items = append(s.shape.items, store.Item{Name: t.table.Name, Fate: store.Lost, Rows: n})
		s.shape.losses = append(s.shape.losses, format.Loss{Code: "unknown-table", Where: t.table.Name, Count: uint64(n), Reason: "memarc's own layout does not know the table"})
	}
	slices.SortStableFunc(tables, func(a, b tableShape) int { return rank(a) - rank(b) })
	s.shape.tables, s.shape.spaces = tables, own.Spaces
	if own.Origin != nil {
		s.shape.origin = own.Origin
	}
	return nil
}

// Describe lists everything the store holds.
func (s *source) Describe(ctx context.Context) (*store.Description, error) {
	if s.description != nil {
		return s.description, nil
	}
	d := &store.Description{
		ID:     format.StoreID{Engine: s.shape.engine, Layout: s.shape.layout.Name, Version: versionText(s.shape.version)},
		Origin: s.shape.origin, Items: slices.Clone(s.shape.items), Losses: slices.Clone(s.shape.losses), Spaces: s.shape.spaces,
	}
	switch {
	case !s.shape.hasSecrets():
	case s.withhold:
		d.Secrets = store.Withheld
	default:
		d.Secrets = store.Included
	}
	for _, t := range s.shape.tables {
		n, err := s.db.Count(ctx, t.table.Name)
		if err != nil {
			return nil, err
		}
		item := store.Item{Name: t.table.Name, Fate: store.Carried, Rows: n}
		if s.withholds(t) {
			if n > 0 {
				item.Fate = store.Lost
				d.Losses = append(d.Losses, withheld(t.table.Name, uint64(n)))
			}
			d.Items = append(d.Items, item)
			continue
		}
		for _, p := range t.parts {
			item.Sections = append(item.Sections, p.section.Name)
			section := p.section
			if s.sidecar != nil {
				section = s.sidecar.section(section)
			}
			d.Sections = append(d.Sections, section)
		}
		d.Items = append(d.Items, item)
	}
	if s.shape.layout.Spaces != nil {
		first, err := s.firstLabels(ctx)
		if err != nil {
			return nil, err
		}
		spaces, err := s.spaceRecords(ctx, first)
		if err != nil {
			return nil, err
		}
		d.Spaces = withSpaces(format.SpacesOf(spaces), first)
		d.Sections = append(d.Sections, spaces.Section)
		spaces.Release()
	} else if m := s.shape.model; m != nil && m.registered {
		d.Spaces = []format.Space{{ID: m.name, Dimension: m.dimension, Hash: m.hash}}
	}
	unnamed, err := s.unnamed(ctx)
	if err != nil {
		return nil, err
	}
	if s.sidecar != nil {
		beside, err := s.sidecar.spaces(ctx)
		if err != nil {
			return nil, err
		}
		d.Spaces = withSpaces(d.Spaces, beside)
		// What the product does not label is of a space that the sidecar knows.
		unnamed = slices.DeleteFunc(unnamed, func(sp format.Space) bool {
			return slices.ContainsFunc(beside, func(have format.Space) bool { return have.Dimension == sp.Dimension })
		})
	}
	d.Spaces = withSpaces(d.Spaces, unnamed)
	if s.sidecar != nil {
		d.Sections = append(d.Sections, s.sidecar.whole...)
		if s.sidecar.origin != nil {
			d.Origin = s.sidecar.origin
		}
	}
	slices.SortStableFunc(d.Sections, func(a, b *format.Section) int { return sectionRank(a.Name) - sectionRank(b.Name) })
	s.description = d
	return d, nil
}

func sectionRank(name string) int {
	names := format.StandardNames()
	if i := slices.Index(names, name); i >= 0 {
		return i
	}
	return len(names)
}

// Read yields the batches of all selected sections.
func (s *source) Read(ctx context.Context, sel store.Selection) iter.Seq2[*format.Batch, error] {
	return func(yield func(*format.Batch, error) bool) {
		if sel.Where != "" && !slices.ContainsFunc(s.shape.tables, memoriesTable) {
			yield(nil, fmt.Errorf("%w: the store has no table of memories that --where could narrow", store.ErrUsage))
			return
		}
		if s.sidecar != nil {
			defer s.sidecar.end()
			s.sidecar.start(func(section string) bool {
				return sel.Wants(section) && (sel.Where == "" || !s.besideMemories(section))
			})
		}
		s.seen = nil
		s.shape.resetSecrets()
		s.shape.resetDamage()
		s.companions = map[string]*companion{}
		defer s.dismiss()
		for _, t := range s.shape.tables {
			if !s.readTable(ctx, t, sel, yield) {
				return
			}
		}
		if s.shape.layout.Spaces != nil && !s.yieldSpaces(ctx, sel, yield) {
			return
		}
		if s.sidecar != nil && !s.sidecar.yieldWhole(ctx, sel, yield) {
			return
		}
		if err := s.db.Unchanged(); err != nil {
			yield(nil, err)
		}
	}
}

// besideMemories tells whether a section comes from the rows of the memories.
func (s *source) besideMemories(section string) bool {
	return slices.ContainsFunc(s.shape.tables, func(t tableShape) bool {
		return memoriesTable(t) && slices.ContainsFunc(t.parts, func(p *part) bool { return p.section.Name == section })
	})
}

func memoriesTable(t tableShape) bool { return t.parts[0].section.Name == format.Memories }

func (s *source) readTable(ctx context.Context, t tableShape, sel store.Selection, yield func(*format.Batch, error) bool) bool {
	r := s.reading(t, sel, yield)
	if len(r.wanted) == 0 || s.withholds(t) {
		return true
	}
	if c := s.companions[t.table.Name]; c != nil { // the rows that have not come yet
		return r.rest(ctx, c) && r.ahead.flush()
	}
	query := store.Query{Table: t.table.Name, Columns: t.columns, Shared: s.sidecar != nil}
	if memoriesTable(t) {
		query.Where = sel.Where
	}
	c, err := s.accompany(ctx, t, sel)
	if err != nil {
		yield(nil, err)
		return false
	}
	var beside *reading
	if c != nil {
		beside = s.reading(c.table, sel, yield)
		beside.ahead = r.ahead // one order for both
	}
	for rows, err := range s.db.Scan(ctx, query) {
		var with *store.Rows
		if err == nil && c != nil {
			with, err = c.take(rows)
		}
		if err != nil {
			r.ahead.drop()
			yield(nil, err)
			return false
		}
		if !r.take(ctx, rows) || with != nil && with.N > 0 && !beside.take(ctx, with) {
			return false
		}
	}
	return r.ahead.flush()
}

// A reading turns the rows of one table into batches.
type reading struct {
	source     *source
	table      tableShape
	wanted     []*part
	uses, left []int
	ahead      *restorer
	yield      func(*format.Batch, error) bool
}

func (s *source) reading(t tableShape, sel store.Selection, yield func(*format.Batch, error) bool) *reading {
	r := &reading{source: s, table: t, uses: make([]int, len(t.columns)), left: make([]int, len(t.columns)), yield: yield, ahead: &restorer{source: s, yield: yield}}
	for _, p := range t.parts {
		if sel.Wants(p.section.Name) {
			r.wanted = append(r.wanted, p)
			for _, c := range p.columns {
				r.uses[c.at]++
			}
		}
	}
	return r
}

// take yields the batches of a run of rows, and may take the rows' memory.
func (r *reading) take(ctx context.Context, rows *store.Rows) bool {
	copy(r.left, r.uses)
	r.source.watch(r.table, rows)
	for _, p := range r.wanted {
		b := p.get(rows, func(at int) bool { r.left[at]--; return r.left[at] > 0 })
		var err error
		if b.Rows > 0 && p.rest != "" {
			b, err = p.putRest(b, &rows.Columns[p.restAt])
		}
		switch {
		case err != nil:
			r.ahead.drop()
			r.yield(nil, err)
			return false
		case r.source.sidecar != nil:
			if !r.ahead.restore(ctx, p, b) {
				return false
			}
		case b.Rows == 0:
			b.Release()
		case !r.yield(b, nil):
			return false
		}
	}
	return true
}

// A restorer puts records together with their entries of the sidecar while the rows
// behind them are read.
type restorer struct {
	source  *source
	yield   func(*format.Batch, error) bool
	pending chan restored
}

type restored struct {
	b       *format.Batch
	section string
	met     uint64
	err     error
}

// restore takes a batch, and yields the one before.
func (r *restorer) restore(ctx context.Context, p *part, b *format.Batch) bool {
	f, err := r.source.sidecar.prepare(ctx, p, b)
	if err != nil {
		r.drop()
		r.yield(nil, err)
		return false
	}
	next := make(chan restored, 1)
	go func() {
		b, met, err := f.finish()
		next <- restored{b, p.section.Name, met, err}
	}()
	before := r.pending
	r.pending = next
	if before == nil {
		return true
	}
	if !r.give(<-before) {
		r.drop()
		return false
	}
	return true
}

func (r *restorer) give(one restored) bool {
	r.source.sidecar.found[one.section] += one.met
	if one.err != nil {
		r.yield(nil, one.err)
		return false
	}
	if one.b.Rows == 0 {
		one.b.Release()
		return true
	}
	return r.yield(one.b, nil)
}

// flush yields the last batch.
func (r *restorer) flush() bool {
	if r.pending == nil {
		return true
	}
	last := <-r.pending
	r.pending = nil
	return r.give(last)
}

// drop waits for the last batch and gives it up.
func (r *restorer) drop() {
	if r.pending != nil {
		<-r.pending
		r.pending = nil
	}
}

// labelled returns the positions of the columns that label vectors, if the table
// is one of those that the layout names.
func (s *source) labelled(t tableShape) (space, dimension int, ok bool) {
	from := s.shape.layout.Spaces
	if from == nil || !slices.Contains(from.Tables, t.table.Name) {
		return 0, 0, false
	}
	space, dimension = slices.Index(t.columns, from.Space), slices.Index(t.columns, from.Dimension)
	return space, dimension, space >= 0 && dimension >= 0
}

// watch notes the labels of the vectors that pass by, so that no other scan is
// needed for them.
func (s *source) watch(t tableShape, rows *store.Rows) {
	if space, dimension, ok := s.labelled(t); ok {
		s.seen = addLabels(s.seen, &rows.Columns[space], &rows.Columns[dimension])
		if s.seen == nil {
			s.seen = []format.Space{}
		}
	}
}

// addLabels adds the labels that are not there yet. Neighbours are mostly alike.
func addLabels(spaces []format.Space, id, dim *store.Cells) []format.Space {
	at := -1
	for row := range id.Len() {
		if id.Kinds[row] != store.Text || dim.Kinds[row] != store.Integer || !validText(id.Bytes(row)) {
			continue // the embeddings' leftovers hold it
		}
		if at >= 0 && spaces[at].ID == string(id.Bytes(row)) && spaces[at].Dimension == dim.Int(row) {
			continue
		}
		sp := format.Space{ID: string(id.Bytes(row)), Dimension: dim.Int(row)}
		if at = slices.Index(spaces, sp); at < 0 {
			at = len(spaces)
			spaces = append(spaces, sp)
		}
	}
	return spaces
}

// firstLabels returns the labels of the first run of vectors: what a manifest can
// say before all were read.
func (s *source) firstLabels(ctx context.Context) (spaces []format.Space, err error) {
	for _, t := range s.shape.tables {
		if _, _, ok := s.labelled(t); !ok {
			continue
		}
		from := s.shape.layout.Spaces
		for rows, err := range s.db.Scan(ctx, store.Query{Table: t.table.Name, Columns: []string{from.Space, from.Dimension}}) {
			if err != nil {
				return nil, err
			}
			spaces = addLabels(spaces, &rows.Columns[0], &rows.Columns[1])
			break
		}
	}
	return spaces, nil
}

// unnamed returns, for a manifest alone, the dimensions of vectors of the first run
// whose space the store does not name.
func (s *source) unnamed(ctx context.Context) ([]format.Space, error) {
	var spaces []format.Space
	from := s.shape.layout.Spaces
	if from == nil {
		return nil, nil
	}
	for _, t := range s.shape.tables {
		if !slices.Contains(from.Tables, t.table.Name) {
			continue
		}
		if from.Vector != "" {
			first, err := s.firstVector(ctx, t.table.Name)
			if err != nil {
				return nil, err
			}
			spaces = withSpaces(spaces, first)
		}
		if !t.table.HasColumn(from.Dimension) {
			continue
		}
		columns := []string{from.Dimension}
		if t.table.HasColumn(from.Space) {
			columns = append(columns, from.Space)
		}
		for rows, err := range s.db.Scan(ctx, store.Query{Table: t.table.Name, Columns: columns}) {
			if err != nil {
				return nil, err
			}
			dim := &rows.Columns[0]
			for row := range rows.N {
				if dim.Kinds[row] == store.Integer && dim.Int(row) > 0 && (len(columns) == 1 || rows.Columns[1].Kinds[row] == store.Null) {
					spaces = withSpaces(spaces, []format.Space{{Dimension: dim.Int(row)}})
				}
			}
			break
		}
	}
	return spaces, nil
}

// firstVector returns, for a manifest alone, the dimension of the first vector of a table.
func (s *source) firstVector(ctx context.Context, table string) ([]format.Space, error) {
	from := s.shape.layout.Spaces
	query := store.Query{Table: table, Columns: []string{from.Vector}, Filters: []store.Filter{{Column: from.Vector, Is: store.NotNull}}}
	for rows, err := range s.db.Scan(ctx, query) {
		if err != nil {
			return nil, err
		}
		for row := range rows.N { // an empty one may stand for none
			if c := &rows.Columns[0]; c.Kinds[row] == store.Blob && len(c.Bytes(row)) >= 4 {
				return []format.Space{{Dimension: int64(len(c.Bytes(row)) / 4)}}, nil
			}
		}
	}
	return nil, nil
}

// labels returns the labels of all vectors.
func (s *source) labels(ctx context.Context) ([]format.Space, error) {
	if s.seen != nil {
		return s.seen, nil
	}
	const most = 4096
	spaces := []format.Space{}
	for _, t := range s.shape.tables {
		if _, _, ok := s.labelled(t); !ok {
			continue
		}
		from := s.shape.layout.Spaces
		rows, err := s.db.Distinct(ctx, t.table.Name, []string{from.Space, from.Dimension}, most)
		if err != nil {
			return nil, err
		}
		spaces = addLabels(spaces, &rows.Columns[0], &rows.Columns[1])
	}
	return spaces, nil
}

// deriveSpaces makes the records of the spaces section from the vectors' labels.
func (s *source) deriveSpaces(ctx context.Context) (*format.Batch, error) {
	spaces, err := s.labels(ctx)
	if err != nil {
		return nil, err
	}
	return s.spaceRecords(ctx, spaces)
}

func (s *source) spaceRecords(ctx context.Context, spaces []format.Space) (*format.Batch, error) {
	section := format.Standard(format.Spaces)
	b := format.NewBatch(section)
	for _, sp := range spaces {
		for i, f := range section.Fields {
			c := &b.Columns[i]
			switch f.Name {
			case "id", "model":
				c.AppendString(sp.ID)
			case "dimension":
				c.AppendInt(sp.Dimension)
			case "element":
				c.AppendString("f32")
			default:
				c.AppendNull()
			}
		}
		b.Rows++
	}
	if s.sidecar != nil {
		return s.sidecar.restore(ctx, &part{section: section, left: -1}, b)
	}
	return b, nil
}

func (s *source) yieldSpaces(ctx context.Context, sel store.Selection, yield func(*format.Batch, error) bool) bool {
	if !sel.Wants(format.Spaces) {
		return true
	}
	b, err := s.deriveSpaces(ctx)
	if err != nil {
		yield(nil, err)
		return false
	}
	if d := s.description; d != nil { // one section for one archive
		for _, section := range d.Sections {
			if section.Name == format.Spaces {
				b.Section = section
			}
		}
	}
	if b.Rows == 0 {
		b.Release()
		return true
	}
	return yield(b, nil)
}

// Losses returns what reading has found that cannot be carried.
func (s *source) Losses() []format.Loss {
	losses := slices.Concat(s.losses, s.shape.secretLosses(), s.shape.damages())
	if db, ok := s.db.(store.Lossy); ok {
		losses = append(losses, db.Losses()...)
	}
	if s.sidecar != nil {
		losses = append(losses, s.sidecar.losses()...)
	}
	return losses
}

// Close closes the database if the source owns it.
func (s *source) Close() error {
	if s.owned {
		return s.db.Close()
	}
	return nil
}
