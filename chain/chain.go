package chain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/memarc/memarc/format"
)

// A File is an archive that can be opened more than once.
type File struct {
	Name string // for errors
	Open func() (Input, error)
}

// An Input is an opened archive.
type Input interface {
	io.ReaderAt
	io.Closer
	Size() int64 // in bytes
}

// Errors that callers branch on.
var (
	// ErrMissing means that the archives named do not form one chain from a whole
	// archive to a last incremental one.
	ErrMissing = errors.New("the archives are no chain")
)

// link is one archive of a chain.
type link struct {
	File
	manifest *format.Manifest
	end      *format.End
	flags    format.Flags
}

// A Chain is a whole archive and the incremental ones on top of it, verified.
type Chain struct {
	opts   format.ReaderOptions
	links  []link
	state  *format.Digester
	sum    format.State
	buried *format.LeafSet // by all tombstones of the chain
}

// Open orders the archives, reads and verifies them. The caller closes the Chain.
func Open(ctx context.Context, files []File, opts format.ReaderOptions) (*Chain, error) {
	c := &Chain{opts: opts, buried: format.NewLeafSet()}
	var err error
	if c.links, err = order(files, opts); err != nil {
		return nil, err
	}
	for i := range c.links {
		if err := c.step(ctx, &c.links[i]); err != nil {
			c.Close()
			return nil, fmt.Errorf("archive %q: %w", c.links[i].Name, err)
		}
	}
	return c, nil
}

// order reads manifests and ends, and puts the archives in the order in which they
// stand on each other.
func order(files []File, opts format.ReaderOptions) ([]link, error) {
	var all, out []link
	for _, f := range files {
		l, err := head(f, opts)
		if err != nil {
			return nil, fmt.Errorf("archive %q: %w", f.Name, err)
		}
		for _, other := range all {
			if other.end.Root == l.end.Root {
				return nil, fmt.Errorf("%w: %q and %q are the same archive", ErrMissing, other.Name, l.Name)
			}
		}
		all = append(all, l)
	}
	next := slices.IndexFunc(all, func(l link) bool { return l.manifest.Base == nil })
	for next >= 0 {
		out = append(out, all[next])
		all = slices.Delete(all, next, next+1)
		last := out[len(out)-1]
		next = slices.IndexFunc(all, func(l link) bool { return l.manifest.Base != nil && l.manifest.Base.Root == last.end.Root })
	}
	if len(all) == 0 && len(out) > 0 {
		return out, nil
	}
	for _, l := range all {
		switch base := l.manifest.Base; {
		case base == nil:
			return nil, fmt.Errorf("%w: %q and %q are both whole archives", ErrMissing, out[0].Name, l.Name)
		case slices.ContainsFunc(out, func(o link) bool { return o.end.Root == base.Root }):
			return nil, fmt.Errorf("%w: %q and another one both stand on the archive with the file root %s", ErrMissing, l.Name, base.Root)
		case !slices.ContainsFunc(all, func(o link) bool { return o.end.Root == base.Root }):
			return nil, fmt.Errorf("%w: %q stands on the archive with the file root %s, which is missing", ErrMissing, l.Name, base.Root)
		}
	}
	return nil, fmt.Errorf("%w: no archive was named", ErrMissing)
}

// head reads what an archive says of itself.
func head(f File, opts format.ReaderOptions) (l link, err error) {
	in, err := f.Open()
	if err != nil {
		return l, err
	}
	defer in.Close()
	a, err := format.OpenArchive(in, in.Size(), opts)
	if err != nil {
		return l, err
	}
	return link{f, a.Manifest(), a.End(), a.Flags()}, nil
}

// step reads an archive wholly and goes on to the state behind it.
func (c *Chain) step(ctx context.Context, l *link) error {
	in, err := l.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := format.NewReader(io.NewSectionReader(in, 0, in.Size()), c.opts)
	if err != nil {
		return err
	}
	buried := format.NewDigester(c.opts.TempDir)
	defer buried.Close()
	for b, err := range r.Batches() {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && b.Section.Buries() != "" {
			err = c.bury(buried, b)
		}
		if err != nil {
			r.Close()
			return err
		}
		b.Release()
	}
	if r.End().Root != l.end.Root {
		r.Close()
		return fmt.Errorf("%w: it has changed while it was read", format.ErrCorrupt)
	}
	if l.manifest.Base == nil {
		c.state = r.Digester() // the chain closes it
		c.sum, err = format.NewState(c.state)
		return err
	}
	defer r.Close()
	if base := l.manifest.Base; !same(base.State, c.sum) {
		return fmt.Errorf("%w: its base has the content digest %s, and the archive before leads to %s", format.ErrCorrupt, base.Content, c.sum.Content)
	}
	next, err := Next(c.state, buried, r, c.opts.TempDir)
	if err != nil {
		return err
	}
	c.state.Close()
	c.state = next
	if c.sum, err = format.NewState(next); err == nil && !same(c.sum, *l.manifest.Result) {
		err = fmt.Errorf("%w: it leads to the content digest %s, and says %s", format.ErrCorrupt, c.sum.Content, l.manifest.Result.Content)
	}
	return err
}

func same(a, b format.State) bool {
	return a.Content == b.Content && slices.Equal(a.Sections, b.Sections)
}

// bury notes the leaves that a batch of tombstones buries.
func (c *Chain) bury(buried *format.Digester, b *format.Batch) error {
	leaves := b.AppendBuried(nil)
	for _, leaf := range leaves {
		c.buried.Add(b.Section.Buries(), leaf)
	}
	return buried.Add(b.Section.Buries(), leaves)
}

// Next returns the leaves of the state behind an incremental archive that has been
// read: those of the state before, without those that its tombstones bury, and those
// of its records. The caller closes the Digester, which spills to the folder dir.
func Next(before, buried *format.Digester, r *format.Reader, dir string) (*format.Digester, error) {
	next := format.NewDigester(dir)
	if err := fold(next, before, buried, r); err != nil {
		next.Close()
		return nil, err
	}
	return next, nil
}

func fold(next, before, buried *format.Digester, r *format.Reader) error {
	add := adding{to: next}
	for _, name := range before.Sections() {
		if err := survivors(&add, name, before, buried); err != nil {
			return err
		}
	}
	for _, s := range r.Manifest().Sections {
		if s.Buries() != "" {
			continue
		}
		for leaf, err := range r.Digester().Leaves(s.Name) {
			if err == nil {
				err = add.one(s.Name, leaf)
			}
			if err != nil {
				return err
			}
		}
	}
	return add.flush()
}

// survivors adds the leaves of a section that were not buried.
func survivors(add *adding, name string, before, buried *format.Digester) error {
	gone, stop := iter.Pull2(buried.Leaves(name))
	defer stop()
	bury, err, more := gone()
	for leaf, lerr := range before.Leaves(name) {
		if err = errors.Join(err, lerr); err != nil {
			return err
		}
		if more && bury == leaf {
			bury, err, more = gone()
			continue
		}
		if more && format.CompareLeaves(bury, leaf) < 0 {
			break
		}
		if err := add.one(name, leaf); err != nil {
			return err
		}
	}
	if more {
		return fmt.Errorf("%w: section %q: it buries a record that its base does not hold", format.ErrCorrupt, name)
	}
	return err
}

// adding adds leaves to a Digester in runs.
type adding struct {
	to   *format.Digester
	name string
	held []format.Leaf
}

func (a *adding) one(name string, leaf format.Leaf) error {
	if len(a.held) > 0 && (a.name != name || len(a.held) == 4096) {
		if err := a.flush(); err != nil {
			return err
		}
	}
	a.name, a.held = name, append(a.held, leaf)
	return nil
}

func (a *adding) flush() error {
	if len(a.held) == 0 {
		return nil
	}
	err := a.to.Add(a.name, a.held)
	a.held = a.held[:0]
	return err
}

// Base is the state of the chain, as the next incremental archive names it.
func (c *Chain) Base() *format.Base { return &format.Base{Root: c.last().end.Root, State: c.sum} }

// Options are those of the last archive's manifest.
func (c *Chain) Options() map[string]string { return c.last().manifest.Options }

// Leaves returns the leaves of the state's records. They are the Chain's.
func (c *Chain) Leaves() *format.Digester { return c.state }

func (c *Chain) last() *link { return &c.links[len(c.links)-1] }

// Section returns the schema of a section as the last archive that has it says; nil
// if none has.
func (c *Chain) Section(name string) *format.Section {
	for _, l := range slices.Backward(c.links) {
		if s := l.manifest.Section(name); s != nil && s.Buries() == "" {
			return s
		}
	}
	return nil
}

// Records yields the records of the state in the wanted sections, and at most one
// error, as its last pair. The consumer owns the batches.
func (c *Chain) Records(ctx context.Context, wanted func(section string) bool) iter.Seq2[*format.Batch, error] {
	return func(yield func(*format.Batch, error) bool) {
		gone := c.buried.Clone()
		for i := range c.links {
			if !c.links[i].records(ctx, c.opts, wanted, gone, yield) {
				return
			}
		}
	}
}

// records yields the records of one archive that gone does not hold.
func (l *link) records(ctx context.Context, opts format.ReaderOptions, wanted func(string) bool, gone *format.LeafSet, yield func(*format.Batch, error) bool) bool {
	in, err := l.Open()
	if err != nil {
		yield(nil, err)
		return false
	}
	defer in.Close()
	a, err := format.OpenArchive(in, in.Size(), opts)
	if err != nil {
		yield(nil, fmt.Errorf("archive %q: %w", l.Name, err))
		return false
	}
	living := func(name string) bool {
		s := a.Manifest().Section(name)
		return wanted(name) && s != nil && s.Buries() == ""
	}
	for b, err := range a.Batches(living) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			yield(nil, fmt.Errorf("archive %q: %w", l.Name, err))
			return false
		}
		if b = Without(b, gone); b.Rows == 0 {
			b.Release()
			continue
		}
		if !yield(b, nil) {
			return false
		}
	}
	return true
}

// Without takes the records of a batch whose leaves gone holds out of both.
func Without(b *format.Batch, gone *format.LeafSet) *format.Batch {
	return pick(b, func(sum []byte) bool { return !gone.Take(b.Section.Name, sum) })
}

// Only keeps the records of a batch whose leaves the set holds, and takes them out of
// the set.
func Only(b *format.Batch, set *format.LeafSet) *format.Batch {
	return pick(b, func(sum []byte) bool { return set.Take(b.Section.Name, sum) })
}

func pick(b *format.Batch, keep func(sum []byte) bool) *format.Batch {
	var kept []int
	for row, leaf := range b.AppendLeaves(nil) {
		if keep(leaf.Sum[:]) {
			kept = append(kept, row)
		}
	}
	if len(kept) == b.Rows {
		return b
	}
	out := format.NewBatch(b.Section)
	for _, row := range kept {
		out.AppendRow(b, row)
	}
	b.Release()
	return out
}

// Differing calls found for each leaf that only one of two sorted sequences has; old
// if it is the first.
func Differing(before, now iter.Seq2[format.Leaf, error], found func(leaf format.Leaf, old bool)) error {
	nextA, stopA := iter.Pull2(before)
	defer stopA()
	nextB, stopB := iter.Pull2(now)
	defer stopB()
	a, errA, okA := nextA()
	b, errB, okB := nextB()
	for okA || okB {
		if err := errors.Join(errA, errB); err != nil {
			return err
		}
		order := 0
		switch {
		case !okB:
			order = -1
		case !okA:
			order = 1
		default:
			order = format.CompareLeaves(a, b)
		}
		switch {
		case order < 0:
			found(a, true)
		case order > 0:
			found(b, false)
		}
		if order <= 0 {
			a, errA, okA = nextA()
		}
		if order >= 0 {
			b, errB, okB = nextB()
		}
	}
	return errors.Join(errA, errB)
}

// Close releases what the Chain holds.
func (c *Chain) Close() error {
	if c.state == nil {
		return nil
	}
	err := c.state.Close()
	c.state = nil
	return err
}
