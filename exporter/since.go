package exporter

import (
	"context"
	"fmt"
	"io"

	"github.com/memarc/memarc/chain"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// exportSince writes an incremental archive. The source is read twice, under its one
// snapshot: first for the leaves alone, which say what has changed and where the
// archive leads, so that both stand before the records; then for the records. Memory
// stays flat but for 20 bytes a changed record.
func exportSince(ctx context.Context, src Source, out io.Writer, o Options) (*Report, error) {
	if !o.Filter.Empty() {
		return nil, fmt.Errorf("%w: an export since an archive takes no filter", store.ErrUsage)
	}
	opts := format.WriterOptions{Level: o.Level, Workers: o.Workers, TempDir: o.TempDir, Flags: format.Flags{Incompatible: format.Incremental}}
	var err error
	if opts.Guide, err = format.WriteGuide(out, opts.Flags); err != nil {
		return nil, err
	}
	if err := withholdSince(src, o); err != nil {
		return nil, err
	}
	d, err := src.Describe(ctx)
	if err != nil {
		return nil, err
	}
	done := Progress{Total: 2 * d.Records()}
	tell := func(n int) {
		if done.Records += int64(n); o.Progress != nil {
			o.Progress(done)
		}
	}
	now, err := store.Digest(ctx, src, store.Selection{}, func(_ string, n int) { tell(n) })
	if err != nil {
		return nil, err
	}
	defer now.Close()
	report := &Report{Source: d.ID, Sections: map[string]Count{}, Deleted: map[string]uint64{}}
	report.Losses = append(append(report.Losses, d.Losses...), src.Losses()...)
	Accept(report.Losses, o.AcceptLoss)
	result, err := format.NewState(now)
	if err != nil {
		return nil, err
	}
	report.Result = &result
	m := &format.Manifest{
		Writer: o.Writer, Created: o.Created, Encoding: o.Encoding, Source: d.ID, Origin: d.Origin,
		Sections: d.Sections, Spaces: d.Spaces, Base: o.Since.Base(), Result: &result, Options: secrets(nil, d),
	}
	delta, err := newDelta(m, o.Since, now)
	if err != nil {
		return nil, err
	}
	w, err := format.NewWriter(out, m, opts)
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	for _, s := range m.Sections {
		if s.Deletes != "" {
			report.Deleted[s.Deletes] = delta.deleted.counts[s.Deletes]
		}
	}
	if err := delta.bury(ctx, o.Since, w); err != nil {
		return nil, err
	}
	for b, err := range src.Read(ctx, store.Selection{}) {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			b.Release()
			return nil, fmt.Errorf("export: %w", context.Cause(ctx))
		}
		name, read := b.Section.Name, b.Rows
		b = chain.Only(b, delta.added.LeafSet)
		count := report.Sections[name]
		count.Read += uint64(read)
		count.Written += uint64(b.Rows)
		report.Sections[name] = count
		if err := w.Write(b); err != nil {
			return nil, err
		}
		tell(read)
	}
	for name, n := range delta.added.Left() {
		return nil, fmt.Errorf("section %q: the store has changed while it was read: %d records are not what they were", name, n)
	}
	report.End, err = w.Close(report.Losses)
	return report, err
}

// withholdSince leaves out the secrets of a source if the chain's archives have none. An
// archive that has them goes on only with those that have, else all would seem deleted.
func withholdSince(src Source, o Options) error {
	before := store.SecretsOption(o.Since.Options()[store.Secrets])
	switch {
	case before == store.Included && !o.IncludeSecrets:
		return fmt.Errorf("%w: the archive holds secrets, so what follows it must: --include-secrets, or begin with a whole archive", store.ErrUsage)
	case before == store.Withheld && o.IncludeSecrets:
		return fmt.Errorf("%w: the archive holds no secrets; begin with a whole archive that does", store.ErrUsage)
	}
	if s, ok := src.(store.Secretive); ok && !o.IncludeSecrets {
		s.Withhold()
	}
	return nil
}

// A delta is what two states do not share.
type delta struct {
	added             counted
	deleted, replaced counted
	tombstones        map[string][2]*format.Section // by section: of deleted and of replaced records
}

// counted counts the leaves of a set.
type counted struct {
	*format.LeafSet
	counts map[string]uint64
}

func newCounted() counted { return counted{format.NewLeafSet(), map[string]uint64{}} }

func (c *counted) add(section string, leaf format.Leaf) {
	c.LeafSet.Add(section, leaf)
	c.counts[section]++
}

// newDelta compares the state of a chain with that of the source, and adds the
// sections of tombstones that it takes to the manifest.
func newDelta(m *format.Manifest, base *chain.Chain, now *format.Digester) (*delta, error) {
	d := &delta{newCounted(), newCounted(), newCounted(), map[string][2]*format.Section{}}
	before := base.Leaves()
	names := map[string]bool{}
	for _, s := range m.Sections {
		names[s.Name] = true
		was := base.Section(s.Name)
		if err := d.compare(s.Name, before, now, was != nil && format.SameKey(was, s)); err != nil {
			return nil, err
		}
	}
	for _, name := range before.Sections() {
		if names[name] {
			continue
		}
		if err := d.compare(name, before, now, false); err != nil {
			return nil, err
		}
	}
	taken := func(name string) bool { return m.Section(name) != nil || m.Base.Records(name) > 0 }
	sections := m.Sections
	m.Sections = sections[:len(sections):len(sections)]
	for _, name := range before.Sections() {
		var both [2]*format.Section
		for i, c := range []counted{d.deleted, d.replaced} {
			if c.counts[name] == 0 {
				continue
			}
			both[i] = format.Tombstones(base.Section(name), i == 1, taken)
			m.Sections = append(m.Sections, both[i])
		}
		d.tombstones[name] = both
	}
	return d, nil
}

// compare merges the sorted leaves of a section. Of the records at one place that are
// gone, as many are replaced as have come there.
func (d *delta) compare(section string, before, now *format.Digester, sameKey bool) error {
	var place [16]byte
	var gone []format.Leaf
	came := 0
	settle := func() {
		if !sameKey {
			came = 0
		}
		for i, leaf := range gone {
			if i < came {
				d.replaced.add(section, leaf)
			} else {
				d.deleted.add(section, leaf)
			}
		}
		gone, came = gone[:0], 0
	}
	err := chain.Differing(before.Leaves(section), now.Leaves(section), func(leaf format.Leaf, old bool) {
		if leaf.Place != place {
			settle()
			place = leaf.Place
		}
		if old {
			gone = append(gone, leaf)
			return
		}
		came++
		d.added.add(section, leaf)
	})
	settle()
	return err
}

// bury writes the tombstones: of each record that is gone its key, which the base
// says, and its leaf.
func (d *delta) bury(ctx context.Context, base *chain.Chain, w *format.Writer) error {
	gone := func(section string) bool { return d.deleted.Has(section) || d.replaced.Has(section) }
	for b, err := range base.Records(ctx, gone) {
		if err != nil {
			return err
		}
		err := d.buryIn(b, w)
		b.Release()
		if err != nil {
			return err
		}
	}
	for _, c := range []counted{d.deleted, d.replaced} {
		for name, n := range c.Left() {
			return fmt.Errorf("section %q: %w: %d records of the base have changed while it was read", name, format.ErrCorrupt, n)
		}
	}
	return nil
}

func (d *delta) buryIn(b *format.Batch, w *format.Writer) error {
	name := b.Section.Name
	var out [2]*format.Batch
	for row, leaf := range b.AppendLeaves(nil) {
		which := -1
		switch {
		case d.replaced.Take(name, leaf.Sum[:]):
			which = 1
		case d.deleted.Take(name, leaf.Sum[:]):
			which = 0
		default:
			continue
		}
		t := d.tombstones[name][which]
		if out[which] == nil {
			if !format.SameKey(t, b.Section) {
				return fmt.Errorf("%w: section %q has had several keys along the chain; begin a new one with a whole export", store.ErrUsage, name)
			}
			out[which] = format.NewBatch(t)
		}
		o := out[which]
		for i, key := range t.Key {
			o.Columns[i].AppendRow(b.Column(key), row)
		}
		o.Columns[len(t.Key)].AppendBytes(leaf.Sum[:])
		o.Rows++
	}
	for _, o := range out {
		if o != nil {
			if err := w.Write(o); err != nil {
				return err
			}
		}
	}
	return nil
}
