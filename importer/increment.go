package importer

import (
	"context"
	"fmt"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// increment imports an incremental archive: into a target that holds its base, and
// nothing else. What comes out is proven to be its result.
func (report *Report) increment(ctx context.Context, r *format.Reader, dst Sink, o Options) (err error) {
	m := r.Manifest()
	remover, ok := dst.(store.Remover)
	if !ok {
		return fmt.Errorf("%w: the target takes no incremental archive", store.ErrUsage)
	}
	if report.Plan, err = dst.Plan(ctx, m.Whole()); err != nil {
		return err
	}
	before, err := report.state(ctx, dst, "check", r, o)
	if err != nil {
		return err
	}
	done := before.Content == m.Result.Content // twice is as once
	if !done && before.Content != m.Base.Content {
		return fmt.Errorf("%w: the target has the content digest %s, and the archive stands on %s", ErrBase, before.Content, m.Base.Content)
	}
	if o.Planned != nil {
		o.Planned(report.Plan)
	}
	apply := !done && !o.DryRun
	if apply {
		if err := dst.Begin(ctx); err != nil {
			return err
		}
	}
	if err := report.changes(ctx, r, dst, remover, apply, done, o); err != nil {
		return err
	}
	report.End = r.End()
	if done {
		report.Target, report.Verified = before.Content, !o.DryRun
	}
	if !apply {
		return nil
	}
	if err := report.finish(ctx, r, dst, o); err != nil {
		return err
	}
	return dst.Commit(ctx)
}

// changes reads the archive: tombstones, which stand first, and records.
func (report *Report) changes(ctx context.Context, r *format.Reader, dst Sink, remover store.Remover, apply, done bool, o Options) error {
	gone := &store.Removal{Deleted: format.NewLeafSet(), Replaced: format.NewLeafSet()}
	replaced := map[string]uint64{}
	removed := !apply || report.Plan.Fresh // nothing is to be removed from nothing
	remove := func() error {
		if removed {
			return nil
		}
		removed = true
		return remover.Remove(ctx, gone)
	}
	for b, err := range r.Batches() {
		if err != nil {
			return err
		}
		if of := b.Section.Buries(); of != "" {
			report.bury(b, gone, replaced, done)
		} else if err = remove(); err == nil {
			err = report.write(ctx, b, dst, Options{DryRun: !apply, Strict: o.Strict, Rejects: o.Rejects})
		}
		b.Release()
		if err == nil && apply {
			err = report.late(dst, o)
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("import: %w", context.Cause(ctx))
		}
		if o.Progress != nil {
			o.Progress(Progress{"import", int64(r.Records()), r.Offset()})
		}
	}
	if err := remove(); err != nil {
		return err
	}
	for name, c := range report.Sections {
		if done {
			c.Unchanged = c.Read
		} else if apply { // however a target replaces its records
			c.Updated = min(replaced[name], c.Read-c.Rejected)
			c.Written, c.Unchanged = c.Read-c.Rejected-c.Updated-c.Skipped, 0
		}
		report.Sections[name] = c
	}
	return nil
}

// bury notes and counts what a batch of tombstones buries.
func (report *Report) bury(b *format.Batch, gone *store.Removal, replaced map[string]uint64, done bool) {
	of, set := b.Section.Buries(), gone.Deleted
	if b.Section.Replaces != "" {
		set = gone.Replaced
		replaced[of] += uint64(b.Rows)
	} else if !done {
		c := report.Sections[of]
		c.Deleted += uint64(b.Rows)
		report.Sections[of] = c
	}
	for _, leaf := range b.AppendBuried(nil) {
		set.Add(of, leaf)
	}
}

// state reads a target and says what it holds.
func (report *Report) state(ctx context.Context, dst Sink, stage string, r *format.Reader, o Options) (format.State, error) {
	if stage == "check" && report.Plan.Fresh {
		return format.State{Content: format.ContentDigest(nil)}, nil
	}
	src, err := dst.ReadBack(ctx)
	if err != nil {
		return format.State{}, fmt.Errorf("read the target: %w", err)
	}
	defer src.Close()
	seen := int64(0)
	d, err := store.Digest(ctx, src, store.Selection{}, func(_ string, n int) {
		if seen += int64(n); o.Progress != nil {
			o.Progress(Progress{stage, seen, r.Offset()})
		}
	})
	if err != nil {
		return format.State{}, fmt.Errorf("read the target: %w", err)
	}
	defer d.Close()
	return format.NewState(d)
}

// finish builds what is derived, and proves that the target holds the result.
func (report *Report) finish(ctx context.Context, r *format.Reader, dst Sink, o Options) error {
	if o.Progress != nil {
		o.Progress(Progress{"derive", int64(r.Records()), r.Offset()})
	}
	if err := dst.Finish(ctx); err != nil {
		return err
	}
	if err := report.late(dst, o); err != nil {
		return err
	}
	report.Losses, report.Notes, report.Left = dst.Losses(), dst.Notes(), dst.Left()
	if o.NoVerify {
		return nil
	}
	after, err := report.state(ctx, dst, "verify", r, o)
	if err != nil {
		return err
	}
	report.Target = after.Content
	want := r.Manifest().Result
	if after.Content == want.Content {
		report.Verified = true
		return nil
	}
	where := ""
	for _, s := range slices.Concat(want.Sections, after.Sections) {
		if !slices.Contains(want.Sections, s) || !slices.Contains(after.Sections, s) {
			where = fmt.Sprintf("section %q: ", s.Name)
			break
		}
	}
	return fmt.Errorf("%s%w: the target gives content digest %s, the archive leads to %s", where, ErrDifference, after.Content, want.Content)
}
