package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// These aliases let a package outside of memarc implement a Sink.
type (
	// Sink writes one store.
	Sink = store.Sink
	// Source reads the target back.
	Source = store.Source
	// Plan is what an import would do.
	Plan = store.Plan
	// Step is one thing that an import would do.
	Step = store.Step
	// Result counts what became of a batch's records.
	Result = store.Result
	// Reject is a record that the target does not take.
	Reject = store.Reject
	// Policy is what to do with a record whose key the target already has.
	Policy = store.Policy
	// Description is what a source holds.
	Description = store.Description
	// Selection narrows what is read.
	Selection = store.Selection
)

// Options are the choices of an import; the zero value is recommended.
type Options struct {
	Strict   bool      // one refused record undoes everything
	Rejects  io.Writer // takes refused records as NDJSON
	NoVerify bool      // do not read the target back
	DryRun   bool      // plan only; the archive is verified, the target not touched
	// Planned, if not nil, is told the plan before anything is written.
	Planned func(*Plan)
	// Progress, if not nil, is called after each batch.
	Progress func(Progress)
}

// Progress says how far an import is.
type Progress struct {
	Stage   string // check, import, derive or verify
	Records int64
	Bytes   int64 // of the archive, read so far
}

// Count says what became of a section's records.
type Count struct {
	Read, Written, Unchanged, Updated, Skipped, Rejected uint64
	Deleted                                              uint64 // records of an incremental archive's base
}

// A Report is what an import did.
type Report struct {
	Plan     *Plan
	Sections map[string]Count
	Rejects  []Reject // the first maxRejects
	Losses   []format.Loss
	Notes    []Reject // of records that were taken
	Left     []Step   // to be done after the import
	End      *format.End
	Target   format.Hash // content digest of the target, if the target was fresh
	Verified bool
}

// Rejected returns how many records the target refused.
func (r *Report) Rejected() (n uint64) {
	for _, c := range r.Sections {
		n += c.Rejected
	}
	return n
}

const maxRejects = 1000

// Errors that callers branch on.
var (
	// ErrDifference means that the target, read back, does not hold what the
	// archive holds. The import was undone.
	ErrDifference = errors.New("verification found a difference")
	// ErrRejected means that a record was refused under Strict. The import was
	// undone.
	ErrRejected = errors.New("a record was refused")
	// ErrBase means that the target does not hold what an incremental archive stands
	// on. Nothing was written.
	ErrBase = errors.New("the target does not hold the archive's base")
)

// Import writes the archive's records to the sink. The sink stays the caller's
// to close.
func Import(ctx context.Context, r *format.Reader, dst Sink, o Options) (*Report, error) {
	report := &Report{Sections: map[string]Count{}}
	if r.Manifest().Base != nil {
		return report, report.importIncrement(ctx, r, dst, o)
	}
	var err error
	if report.Plan, err = dst.Plan(ctx, r.Manifest()); err != nil {
		return report, err
	}
	if o.Planned != nil {
		o.Planned(report.Plan)
	}
	if !o.DryRun {
		if err := dst.Begin(ctx); err != nil {
			return report, err
		}
	}
	for b, err := range r.Batches() {
		if err != nil {
			return report, err
		}
		err := report.write(ctx, b, dst, o)
		b.Release()
		if err == nil {
			err = report.late(dst, o)
		}
		if err != nil {
			return report, err
		}
		if err := ctx.Err(); err != nil {
			return report, fmt.Errorf("import: %w", context.Cause(ctx))
		}
		if o.Progress != nil {
			o.Progress(Progress{"import", int64(r.Records()), r.Offset()})
		}
	}
	report.End = r.End()
	if o.DryRun {
		return report, nil
	}
	if o.Progress != nil {
		o.Progress(Progress{"derive", int64(r.Records()), r.Offset()})
	}
	if err := dst.Finish(ctx); err != nil {
		return report, err
	}
	if err := report.late(dst, o); err != nil {
		return report, err
	}
	report.Losses, report.Notes, report.Left = dst.Losses(), dst.Notes(), dst.Left()
	if !o.NoVerify {
		if err := report.verify(ctx, r, dst, o); err != nil {
			return report, err
		}
	}
	return report, dst.Commit(ctx)
}

func (report *Report) write(ctx context.Context, b *format.Batch, dst Sink, o Options) error {
	name := b.Section.Name
	c := report.Sections[name]
	c.Read += uint64(b.Rows)
	if !o.DryRun {
		res, err := dst.Write(ctx, b)
		if err != nil {
			return err
		}
		c.Written += res.Written
		c.Unchanged += res.Unchanged
		c.Updated += res.Updated
		c.Skipped += res.Skipped
		c.Rejected += uint64(len(res.Rejects))
		report.Sections[name] = c
		return report.reject(res.Rejects, o)
	}
	report.Sections[name] = c
	return nil
}

// late counts records that had been counted as written before it was known what would
// become of them.
func (report *Report) late(dst Sink, o Options) error {
	for section, res := range dst.Recounted() {
		c := report.Sections[section]
		c.Written -= min(c.Written, res.Unchanged+res.Updated+res.Skipped)
		c.Unchanged += res.Unchanged
		c.Updated += res.Updated
		c.Skipped += res.Skipped
		report.Sections[section] = c
	}
	late := dst.Late()
	for _, r := range late {
		c := report.Sections[r.Section]
		if c.Written > 0 {
			c.Written--
		} else if c.Unchanged > 0 {
			c.Unchanged--
		}
		c.Rejected++
		report.Sections[r.Section] = c
	}
	return report.reject(late, o)
}

func (report *Report) reject(rejects []Reject, o Options) error {
	for _, reject := range rejects {
		if len(report.Rejects) < maxRejects {
			report.Rejects = append(report.Rejects, reject)
		}
		if o.Strict {
			return fmt.Errorf("section %q, record %q: %w: %s", reject.Section, reject.ID, ErrRejected, reject.Reason)
		}
		if o.Rejects != nil {
			if _, err := o.Rejects.Write(reject.Record); err != nil {
				return fmt.Errorf("write rejects: %w", err)
			}
		}
	}
	return nil
}

// verify reads the target back and proves that it holds every record of the
// archive, but for those that were refused or skipped.
func (report *Report) verify(ctx context.Context, r *format.Reader, dst Sink, o Options) error {
	src, err := dst.ReadBack(ctx)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	defer src.Close()
	var sel store.Selection
	if !report.Plan.Fresh {
		sel.Sections = map[string]bool{}
		for _, s := range r.Manifest().Sections {
			sel.Sections[s.Name] = true
		}
	}
	seen := int64(0)
	d, err := store.Digest(ctx, src, sel, func(_ string, n int) {
		if seen += int64(n); o.Progress != nil {
			o.Progress(Progress{"verify", seen, r.Offset()})
		}
	})
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	defer d.Close()
	if report.Plan.Fresh {
		if _, report.Target, err = d.Sum(); err != nil {
			return err
		}
		if report.Target == report.End.Content {
			report.Verified = true
			return nil
		}
	}
	excused := slices.ContainsFunc(report.Losses, func(l format.Loss) bool { return l.Code == "no-sidecar" })
	for _, section := range r.Digester().Sections() {
		c := report.Sections[section]
		missing, err := missing(r.Digester(), d, section)
		if err != nil {
			return err
		}
		if e := report.Sections[format.Embeddings]; section == format.Spaces && e.Skipped+e.Rejected > 0 && missing > c.Skipped {
			// A space shows in vectors alone in some stores, and goes with them.
			n := min(missing-c.Skipped, c.Written)
			c.Skipped, c.Written = c.Skipped+n, c.Written-n
			report.Sections[section] = c
		}
		// Under the policy skip the target's own record stands in the place of ours.
		if missing != c.Rejected+c.Skipped && !excused {
			return fmt.Errorf("section %q: %w: %d of %d records are not in the target as the archive holds them, %d were refused or skipped", section, ErrDifference, missing, c.Read, c.Rejected+c.Skipped)
		}
	}
	if report.Plan.Fresh && report.Rejected() == 0 && !excused {
		return fmt.Errorf("%w: the target gives content digest %s, the archive %s: the target shows records that the archive does not hold", ErrDifference, report.Target, report.End.Content)
	}
	report.Verified = !excused
	return nil
}

// missing counts the archive's leaves of a section that the target lacks.
func missing(archive, target *format.Digester, section string) (n uint64, err error) {
	next, stop := iter.Pull2(target.Leaves(section))
	defer stop()
	have, herr, ok := next()
	for want, err := range archive.Leaves(section) {
		if err != nil {
			return 0, err
		}
		for ok && herr == nil && format.CompareLeaves(have, want) < 0 {
			have, herr, ok = next()
		}
		if herr != nil {
			return 0, herr
		}
		if ok && have == want {
			have, herr, ok = next()
			continue
		}
		n++
	}
	return n, nil
}
