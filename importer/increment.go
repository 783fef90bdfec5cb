package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/memarc/memarc/chain"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// increment imports an incremental archive: into a target that holds its base, and
// nothing else. What comes out is proven to be its result.
func (report *Report) importIncrement(ctx context.Context, r *format.Reader, dst Sink, o Options) (err error) {
	m := r.Manifest()
	remover, ok := dst.(store.Remover)
	if !ok {
		return fmt.Errorf("%w: the target takes no incremental archive", store.ErrUsage)
	}
	if report.Plan, err = dst.Plan(ctx, m.Whole()); err != nil {
		return err
	}
	x := &increment{Report: report, r: r, dst: dst, remover: remover, o: o, replaced: map[string]uint64{},
		gone: &store.Removal{Deleted: format.NewLeafSet(), Replaced: format.NewLeafSet()}, buried: format.NewDigester("")}
	defer x.buried.Close()
	if x.before, err = x.leaves(ctx, "check"); err != nil {
		return err
	}
	defer x.before.Close()
	before, err := format.NewState(x.before)
	if err != nil {
		return err
	}
	x.done = before.Content == m.Result.Content // twice is as once
	if !x.done && before.Content != m.Base.Content {
		return fmt.Errorf("%w: the target has the content digest %s, and the archive stands on %s", ErrBase, before.Content, m.Base.Content)
	}
	if o.Planned != nil {
		o.Planned(report.Plan)
	}
	if x.apply = !x.done && !o.DryRun; x.apply {
		if err := dst.Begin(ctx); err != nil {
			return err
		}
	}
	if err := x.changes(ctx); err != nil {
		return err
	}
	report.End = r.End()
	if x.done {
		report.Target, report.Verified = before.Content, !o.DryRun
	}
	if !x.apply {
		return nil
	}
	if err := x.finish(ctx); err != nil {
		return err
	}
	return dst.Commit(ctx)
}

// An increment is one incremental archive on its way into a target.
type increment struct {
	*Report
	r           *format.Reader
	dst         Sink
	remover     store.Remover
	o           Options
	apply, done bool
	before      *format.Digester // of the target
	gone        *store.Removal
	buried      *format.Digester // the same
	replaced    map[string]uint64
}

// changes reads the archive: tombstones, which stand first, and records.
func (x *increment) changes(ctx context.Context) error {
	removed := !x.apply || x.Plan.Fresh // nothing is to be removed from nothing
	remove := func() error {
		if removed {
			return nil
		}
		removed = true
		return x.remover.Remove(ctx, x.gone)
	}
	for b, err := range x.r.Batches() {
		if err != nil {
			return err
		}
		if b.Section.Buries() != "" {
			err = x.bury(b)
		} else if err = remove(); err == nil {
			err = x.write(ctx, b, x.dst, Options{DryRun: !x.apply, Strict: x.o.Strict, Rejects: x.o.Rejects})
		}
		b.Release()
		if err == nil && x.apply {
			err = x.late(x.dst, x.o)
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("import: %w", context.Cause(ctx))
		}
		x.tell("import", int64(x.r.Records()))
	}
	if err := remove(); err != nil {
		return err
	}
	for name, c := range x.Sections {
		if x.done {
			c.Unchanged = c.Read
		} else if x.apply { // however a target replaces its records
			c.Updated = min(x.replaced[name], c.Read-c.Rejected)
			c.Written, c.Unchanged = c.Read-c.Rejected-c.Updated-c.Skipped, 0
		}
		x.Sections[name] = c
	}
	return nil
}

func (x *increment) tell(stage string, records int64) {
	if x.o.Progress != nil {
		x.o.Progress(Progress{stage, records, x.r.Offset()})
	}
}

// bury notes and counts what a batch of tombstones buries.
func (x *increment) bury(b *format.Batch) error {
	of, set := b.Section.Buries(), x.gone.Deleted
	if b.Section.Replaces != "" {
		set = x.gone.Replaced
		x.replaced[of] += uint64(b.Rows)
	} else if !x.done {
		c := x.Sections[of]
		c.Deleted += uint64(b.Rows)
		x.Sections[of] = c
	}
	leaves := b.AppendBuried(nil)
	for _, leaf := range leaves {
		set.Add(of, leaf)
	}
	return x.buried.Add(of, leaves)
}

// leaves reads the target.
func (x *increment) leaves(ctx context.Context, stage string) (*format.Digester, error) {
	if stage == "check" && x.Plan.Fresh {
		return format.NewDigester(""), nil
	}
	src, err := x.dst.ReadBack(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the target: %w", err)
	}
	defer src.Close()
	seen := int64(0)
	d, err := store.Digest(ctx, src, store.Selection{}, func(_ string, n int) {
		seen += int64(n)
		x.tell(stage, seen)
	})
	if err != nil {
		return nil, fmt.Errorf("read the target: %w", err)
	}
	return d, nil
}

// finish builds what is derived, and proves that the target holds the result.
func (x *increment) finish(ctx context.Context) error {
	x.tell("derive", int64(x.r.Records()))
	if err := x.dst.Finish(ctx); err != nil {
		return err
	}
	if err := x.late(x.dst, x.o); err != nil {
		return err
	}
	x.Losses, x.Notes, x.Left = x.dst.Losses(), x.dst.Notes(), x.dst.Left()
	if x.o.NoVerify {
		return nil
	}
	after, err := x.prove(ctx)
	if err != nil || x.Verified {
		return err
	}
	defer after.Close()
	tidied, err := x.tidy(ctx, after)
	if err != nil {
		return err
	}
	if tidied {
		again, err := x.prove(ctx)
		if err != nil || x.Verified {
			return err
		}
		again.Close()
	}
	return x.difference(after)
}

// prove reads the target back. It returns the leaves if they are not the result's.
func (x *increment) prove(ctx context.Context) (*format.Digester, error) {
	after, err := x.leaves(ctx, "verify")
	if err != nil {
		return nil, err
	}
	if _, x.Target, err = after.Sum(); err == nil && x.Target != x.r.Manifest().Result.Content {
		return after, nil
	}
	x.Verified = err == nil
	return nil, errors.Join(err, after.Close())
}

// tidy removes records that nobody has written: a product's own triggers add some to
// its tables when others come and go.
func (x *increment) tidy(ctx context.Context, after *format.Digester) (bool, error) {
	want, err := chain.Next(x.before, x.buried, x.r, "")
	if err != nil {
		return false, err
	}
	defer want.Close()
	surplus := &store.Removal{Deleted: format.NewLeafSet(), Replaced: format.NewLeafSet()}
	missing, more := 0, 0
	for _, name := range after.Sections() {
		err := chain.Differing(want.Leaves(name), after.Leaves(name), func(leaf format.Leaf, old bool) {
			if old {
				missing++
				return
			}
			more++
			surplus.Deleted.Add(name, leaf)
		})
		if err != nil {
			return false, err
		}
	}
	if missing > 0 || more == 0 {
		return false, nil
	}
	return true, x.remover.Remove(ctx, surplus)
}

// difference names the first section that is not what the archive leads to.
func (x *increment) difference(after *format.Digester) error {
	sections, _, err := after.Sum()
	if err != nil {
		return err
	}
	want, where := x.r.Manifest().Result, ""
	for _, s := range slices.Concat(want.Sections, sections) {
		if !slices.Contains(want.Sections, s) || !slices.Contains(sections, s) {
			where = fmt.Sprintf("section %q: ", s.Name)
			break
		}
	}
	return fmt.Errorf("%s%w: the target gives content digest %s, the archive leads to %s", where, ErrDifference, x.Target, want.Content)
}
