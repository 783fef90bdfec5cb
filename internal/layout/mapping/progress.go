package mapping

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// progressTable stands in a target from the first of the steps in which an import
// commits to the last. Its one row says how far the import is, so that the same
// archive, imported again, goes on there.
const progressTable = "memarc_progress"

// progressRow is the key of that row.
const progressRow = 1

type progressState struct {
	Archive string   `json:"archive"` // SHA-256 of the manifest
	Records int64    `json:"records"` // that were taken
	Chain   string   `json:"chain"`   // SHA-256 over the leaves of these records
	Fresh   bool     `json:"fresh"`   // the target held nothing before
	Created []string `json:"created"` // tables
	// Skipped and Rejected are needed for the proof at the end.
	Skipped  map[string]uint64 `json:"skipped,omitempty"`
	Rejected []store.Reject    `json:"rejected,omitempty"`
	Dropped  uint64            `json:"dropped,omitempty"` // embeddings
	Sidecar  *sidecarState     `json:"sidecar,omitempty"`
}

// sidecarState is what a run has to know of what earlier ones did to the sidecar.
type sidecarState struct {
	Indexed  bool              `json:"indexed"`
	Absented []string          `json:"absented,omitempty"`
	Withheld map[string]uint64 `json:"withheld,omitempty"`
}

// progress is how far an import is that commits in steps.
type progress struct {
	state   progressState // as of the last commit
	resumed bool
	records int64 // seen by this run
	chain   format.Hash
	since   int64 // records since the last commit
	skipped map[string]uint64
	rejects []store.Reject
	noted   int // of the sink's late rejects, those that are among these
}

// openProgress finds out whether the target holds the beginning of this import.
func (s *sink) openProgress(ctx context.Context) error {
	key, err := manifestKey(s.manifest)
	if err != nil {
		return err
	}
	if s.catalog.Table(progressTable) == nil {
		if s.opts.CommitEvery > 0 {
			s.progress = &progress{state: progressState{Archive: key}, skipped: map[string]uint64{}}
		}
		return nil
	}
	p := &progress{resumed: true, skipped: map[string]uint64{}}
	for rows, err := range s.db.Scan(ctx, store.Query{Table: progressTable, Columns: []string{"state"}}) {
		if err != nil {
			return err
		}
		for row := range rows.N {
			if err := json.Unmarshal(rows.Columns[0].Bytes(row), &p.state); err != nil {
				return fmt.Errorf("read table %q: %w", progressTable, err)
			}
		}
	}
	if p.state.Archive != key {
		return fmt.Errorf("%w: the target holds the first %d records of another archive, whose import was interrupted; import that archive again to finish it, or give it up by dropping the table %q", store.ErrUsage, p.state.Records, progressTable)
	}
	known := *s.catalog
	known.Tables = slices.DeleteFunc(slices.Clone(s.catalog.Tables), func(t store.CatalogTable) bool { return slices.Contains(p.state.Created, t.Name) })
	s.catalog, s.progress = &known, p
	return nil
}

// manifestKey names an archive by what its manifest says. The root comes last in a
// stream, too late to go on by.
func manifestKey(m *format.Manifest) (string, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("encode manifest: %w", err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(raw)), nil
}

// beginProgress makes the table, once everything else that Begin makes is there.
func (s *sink) beginProgress(ctx context.Context) error {
	p := s.progress
	if p == nil {
		return nil
	}
	if p.resumed {
		s.restore(&p.state)
		return nil
	}
	if err := s.db.CreateTable(ctx, &format.Table{Name: progressTable, Columns: []format.TableColumn{{Name: "one", Type: "INTEGER", NotNull: true}, {Name: "state", Type: "TEXT", NotNull: true}}}); err != nil {
		return err
	}
	p.state.Fresh = s.db.Fresh()
	now, err := s.db.Catalog(ctx)
	if err != nil {
		return err
	}
	for _, t := range now.Tables {
		if s.catalog.Table(t.Name) == nil {
			p.state.Created = append(p.state.Created, t.Name)
		}
	}
	return s.commitProgress(ctx)
}

// resumed tells that the target holds the beginning of this import.
func (s *sink) resumed() bool { return s.progress != nil && s.progress.resumed }

// made tells whether an earlier run of this import has created the table.
func (s *sink) made(table string) bool {
	return s.resumed() && slices.Contains(s.progress.state.Created, table)
}

// restore takes up what earlier runs knew.
func (s *sink) restore(state *progressState) {
	s.dropped = state.Dropped
	if s.sidecar == nil || state.Sidecar == nil {
		return
	}
	s.sidecar.indexed = s.sidecar.indexed || state.Sidecar.Indexed
	for _, section := range state.Sidecar.Absented {
		s.sidecar.absented[section] = true
	}
	maps.Copy(s.sidecar.withheld, state.Sidecar.Withheld)
}

// commitProgress makes visible what was done, together with how far it is.
func (s *sink) commitProgress(ctx context.Context) error {
	p := s.progress
	p.state.Records, p.state.Chain = p.records, p.chain.String()
	p.state.Skipped, p.state.Rejected, p.state.Dropped = p.skipped, p.rejects, s.dropped
	if w := s.sidecar; w != nil {
		p.state.Sidecar = &sidecarState{w.indexed, slices.Sorted(maps.Keys(w.absented)), w.withheld}
	}
	raw, err := json.Marshal(p.state)
	if err != nil {
		return fmt.Errorf("encode the progress of the import: %w", err)
	}
	rows := store.NewRows(2)
	rows.Columns[0].AppendInt(progressRow)
	rows.Columns[1].AppendText(raw)
	rows.N = 1
	if err := s.db.Delete(ctx, progressTable, []string{"one"}, pick(rows, []int{0}, []int{0})); err != nil {
		return err
	}
	var refused error
	if err := s.db.Insert(ctx, progressTable, []string{"one", "state"}, rows, func(_ int, err error) { refused = err }); err != nil || refused != nil {
		return fmt.Errorf("write table %q: %w", progressTable, firstError(err, refused))
	}
	p.since = 0
	for _, w := range s.writers {
		w.told = false // a checkpoint makes the target forget what it knew of its tables
	}
	return s.db.Checkpoint(ctx)
}

// endProgress removes the table.
func (s *sink) endProgress(ctx context.Context) error {
	p := s.progress
	if p == nil {
		return nil
	}
	if p.resumed && p.records < p.state.Records {
		return p.another()
	}
	return s.db.Drop(ctx, progressTable)
}

// another is the error of an archive that is not the one whose import was interrupted,
// though its manifest says so: one of the same store, from another day.
func (p *progress) another() error {
	return fmt.Errorf("%w: the target holds the first %d records of another archive, or of this one in other batches; import that archive again to finish it, or give it up by dropping the table %q", store.ErrUsage, p.state.Records, progressTable)
}

func (p *progress) count(b *format.Batch) {
	p.records += int64(b.Rows)
	sum := sha256.New()
	sum.Write(p.chain[:])
	for _, leaf := range b.AppendLeaves(nil) {
		sum.Write(leaf.Sum[:])
	}
	sum.Sum(p.chain[:0])
}

// passed skips a batch that an earlier run has committed.
func (s *sink) passed(b *format.Batch) (res store.Result, done bool, err error) {
	p := s.progress
	if !s.resumed() || p.records >= p.state.Records {
		return res, false, nil
	}
	p.count(b)
	if p.records > p.state.Records || p.records == p.state.Records && p.chain.String() != p.state.Chain {
		return res, true, p.another()
	}
	p.recall(b)
	name := b.Section.Name
	if w := s.writers[name]; w != nil && s.from == foreign && w.part.apart() {
		if err := s.put(w, b); err != nil {
			return res, true, err
		}
		w.tellApart(b)
	}
	if s.writers[name] == nil && name == format.Spaces && s.layout.Spaces != nil {
		s.spaces = append(s.spaces, b.Clone())
	}
	if name == format.Memories {
		s.written += int64(b.Rows)
	}
	res.Skipped = min(uint64(b.Rows), p.state.Skipped[name]-p.skipped[name])
	p.skipped[name] += res.Skipped
	res.Unchanged = uint64(b.Rows) - res.Skipped
	if p.records == p.state.Records {
		s.late = append(s.late, p.state.Rejected...)
		for _, r := range p.state.Rejected {
			r.Record = nil
			p.rejects = append(p.rejects, r)
		}
		p.skipped = maps.Clone(p.state.Skipped)
		if p.skipped == nil {
			p.skipped = map[string]uint64{}
		}
	}
	return res, true, nil
}

// recall gives the records that earlier runs refused, which the table does not keep,
// their content again.
func (p *progress) recall(b *format.Batch) {
	missing := map[string][]int{}
	for i, r := range p.state.Rejected {
		if r.Section == b.Section.Name && r.Record == nil {
			missing[r.ID] = append(missing[r.ID], i)
		}
	}
	for row := 0; row < b.Rows && len(missing) > 0; row++ {
		id := b.ID(row)
		if list := missing[id]; len(list) > 0 {
			p.state.Rejected[list[0]].Record = reject(b, row, errRecalled).Record
			missing[id] = list[1:]
		}
	}
}

var errRecalled = errors.New("an earlier run has refused the record")

// step commits, if enough records came since it last did.
func (s *sink) step(ctx context.Context, next *format.Batch) error {
	p := s.progress
	if p != nil {
		p.noted = len(s.late) // whoever called has taken the others
	}
	if p == nil || s.opts.CommitEvery <= 0 || p.since < s.opts.CommitEvery {
		return nil
	}
	if w := s.writers[next.Section.Name]; s.held != nil && w != nil && s.held.waitsFor(w) {
		return nil // the batch belongs to rows that are held
	}
	if err := s.flush(ctx); err != nil {
		return err
	}
	p.noteLate(s.late)
	return s.commitProgress(ctx)
}

// noteLate keeps records that were refused after they had been counted.
func (p *progress) noteLate(late []store.Reject) {
	for _, r := range late[min(p.noted, len(late)):] {
		r.Record = nil
		p.rejects = append(p.rejects, r)
	}
	p.noted = len(late)
}

// advance notes what became of a batch.
func (s *sink) advance(b *format.Batch, res *store.Result) {
	p := s.progress
	if p == nil {
		return
	}
	p.count(b)
	p.since += int64(b.Rows)
	p.skipped[b.Section.Name] += res.Skipped
	p.noteLate(s.late)
	for _, r := range res.Rejects {
		r.Record = nil
		p.rejects = append(p.rejects, r)
	}
}
