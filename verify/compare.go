package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Source is a store that can be compared.
type Source = store.Source

// A Side is one of two things that are compared. Both methods may be called more
// than once.
type Side interface {
	// Digest returns the leaves of all records. The caller closes it.
	Digest(ctx context.Context) (*format.Digester, error)
	// Batches yields all records.
	Batches(ctx context.Context) iter.Seq2[*format.Batch, error]
}

// storeSide is a store.
type storeSide struct{ src store.Source }

// Store makes a Side of a store.
func Store(src Source) Side { return storeSide{src} }

func (s storeSide) Digest(ctx context.Context) (*format.Digester, error) {
	return store.Digest(ctx, s.src, store.Selection{}, nil)
}

func (s storeSide) Batches(ctx context.Context) iter.Seq2[*format.Batch, error] {
	return s.src.Read(ctx, store.Selection{})
}

// fileSide is an archive that can be opened more than once.
type fileSide struct {
	open func() (io.ReadCloser, error)
	opts format.ReaderOptions
}

// File makes a Side of an archive; open opens it from its start.
func File(open func() (io.ReadCloser, error), opts format.ReaderOptions) Side {
	return fileSide{open, opts}
}

func (f fileSide) Digest(ctx context.Context) (*format.Digester, error) {
	in, err := f.open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	r, err := format.NewReader(in, f.opts)
	if err != nil {
		return nil, err
	}
	for b, err := range r.Batches() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			r.Close()
			return nil, err
		}
		b.Release()
	}
	return r.Digester(), nil
}

func (f fileSide) Batches(ctx context.Context) iter.Seq2[*format.Batch, error] {
	return func(yield func(*format.Batch, error) bool) {
		in, err := f.open()
		if err != nil {
			yield(nil, err)
			return
		}
		defer in.Close()
		r, err := format.NewReader(in, f.opts)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.Close()
		for b, err := range r.Batches() {
			if !yield(b, err) {
				return
			}
		}
	}
}

// Kind says what kind of difference a record shows.
type Kind string

// The kinds of difference, seen from the first side.
const (
	Added   Kind = "added"   // only the second side has it
	Removed Kind = "removed" // only the first side has it
	Changed Kind = "changed" // both have it, with another content
)

// A FieldDiff is a field in which two versions of a record differ, as JSON by
// FORMAT.md section 6.2; empty where the field is absent.
type FieldDiff struct {
	Name string `json:"name"`
	A    string `json:"a,omitempty"`
	B    string `json:"b,omitempty"`
}

// A Difference is one record that the two sides do not share.
type Difference struct {
	Section string      `json:"section"`
	ID      string      `json:"id"`
	Kind    Kind        `json:"kind"`
	Fields  []FieldDiff `json:"fields,omitempty"` // of a changed record
}

// A Comparison is what Compare found.
type Comparison struct {
	A, B        format.Hash // content digests
	Records     uint64      // of the first side
	Counts      map[Kind]uint64
	Differences []Difference // by section and id, the first Limit
}

// Equal tells whether the two sides hold the same records.
func (c *Comparison) Equal() bool { return c.A == c.B }

// CompareOptions are the choices of Compare; the zero value is recommended.
type CompareOptions struct {
	// Limit is how many differences are named; all are counted. Default 10 000.
	Limit int
}

type placeKey struct {
	section string
	place   [16]byte
}

// versions holds the records of one place on both sides that the other lacks.
type versions struct {
	a, b map[format.Hash]int // leaves, with how often
	ra   []record
	rb   []record
}

type record struct {
	id     string
	fields map[string]string
}

// Compare compares the records of two sides. Memory is bounded by
// CompareOptions.Limit.
func Compare(ctx context.Context, a, b Side, o CompareOptions) (*Comparison, error) {
	if o.Limit <= 0 {
		o.Limit = 10_000
	}
	da, err := a.Digest(ctx)
	if err != nil {
		return nil, err
	}
	defer da.Close()
	db, err := b.Digest(ctx)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	c := &Comparison{Counts: map[Kind]uint64{}}
	if _, c.A, err = da.Sum(); err != nil {
		return nil, err
	}
	if _, c.B, err = db.Sum(); err != nil {
		return nil, err
	}
	for _, s := range da.Sections() {
		c.Records += da.Records(s)
	}
	if c.Equal() {
		return c, nil
	}
	wanted := map[placeKey]*versions{}
	sections := append(da.Sections(), db.Sections()...)
	slices.Sort(sections)
	for _, s := range slices.Compact(sections) {
		if err := c.differing(da, db, s, wanted, o.Limit); err != nil {
			return nil, err
		}
	}
	if err := collect(ctx, a, wanted, func(v *versions) (map[format.Hash]int, *[]record) { return v.a, &v.ra }); err != nil {
		return nil, err
	}
	if err := collect(ctx, b, wanted, func(v *versions) (map[format.Hash]int, *[]record) { return v.b, &v.rb }); err != nil {
		return nil, err
	}
	for key, v := range wanted {
		c.Differences = append(c.Differences, v.differences(key.section)...)
	}
	slices.SortFunc(c.Differences, func(x, y Difference) int {
		return strings.Compare(x.Section+"\x00"+x.ID+"\x00"+string(x.Kind), y.Section+"\x00"+y.ID+"\x00"+string(y.Kind))
	})
	return c, nil
}

// differing merges the sorted leaves of a section and notes the places where the
// sides differ.
func (c *Comparison) differing(da, db *format.Digester, section string, wanted map[placeKey]*versions, limit int) error {
	nextA, stopA := iter.Pull2(da.Leaves(section))
	defer stopA()
	nextB, stopB := iter.Pull2(db.Leaves(section))
	defer stopB()
	la, ea, oka := nextA()
	lb, eb, okb := nextB()
	var place [16]byte
	var onlyA, onlyB []format.Hash
	flush := func() {
		pairs := min(len(onlyA), len(onlyB))
		c.Counts[Changed] += uint64(pairs)
		c.Counts[Removed] += uint64(len(onlyA) - pairs)
		c.Counts[Added] += uint64(len(onlyB) - pairs)
		if len(onlyA)+len(onlyB) > 0 && len(wanted) < limit {
			v := &versions{a: map[format.Hash]int{}, b: map[format.Hash]int{}}
			for _, h := range onlyA {
				v.a[h]++
			}
			for _, h := range onlyB {
				v.b[h]++
			}
			wanted[placeKey{section, place}] = v
		}
		onlyA, onlyB = onlyA[:0], onlyB[:0]
	}
	for oka || okb {
		if err := errors.Join(ea, eb); err != nil {
			return err
		}
		order := 0
		switch {
		case !okb:
			order = -1
		case !oka:
			order = 1
		default:
			order = format.CompareLeaves(la, lb)
		}
		at := la.Place
		if order > 0 {
			at = lb.Place
		}
		if at != place {
			flush()
			place = at
		}
		if order < 0 {
			onlyA = append(onlyA, la.Sum)
		}
		if order > 0 {
			onlyB = append(onlyB, lb.Sum)
		}
		if order <= 0 {
			la, ea, oka = nextA()
		}
		if order >= 0 {
			lb, eb, okb = nextB()
		}
	}
	flush()
	return errors.Join(ea, eb)
}

// collect reads a side again and keeps the records that differ.
func collect(ctx context.Context, side Side, wanted map[placeKey]*versions, of func(*versions) (map[format.Hash]int, *[]record)) error {
	for b, err := range side.Batches(ctx) {
		if err != nil {
			return err
		}
		for row, leaf := range b.AppendLeaves(nil) {
			v := wanted[placeKey{b.Section.Name, leaf.Place}]
			if v == nil {
				continue
			}
			leaves, records := of(v)
			if leaves[leaf.Sum] == 0 {
				continue
			}
			leaves[leaf.Sum]--
			r, err := newRecord(b, row)
			if err != nil {
				b.Release()
				return err
			}
			*records = append(*records, r)
		}
		b.Release()
	}
	return nil
}

func newRecord(b *format.Batch, row int) (record, error) {
	r := record{id: b.ID(row), fields: map[string]string{}}
	for i, f := range b.Section.Fields {
		if b.Columns[i].Null(row) {
			continue
		}
		text, err := b.Columns[i].AppendJSON(nil, row)
		if err != nil {
			return r, fmt.Errorf("section %q, field %q: %w", b.Section.Name, f.Name, err)
		}
		r.fields[f.Name] = string(text)
	}
	return r, nil
}

// differences pairs the records of one place: what is on both sides has changed.
func (v *versions) differences(section string) []Difference {
	var out []Difference
	pairs := min(len(v.ra), len(v.rb))
	for i := range pairs {
		d := Difference{Section: section, ID: v.ra[i].id, Kind: Changed}
		for _, name := range fieldNames(v.ra[i].fields, v.rb[i].fields) {
			if x, y := v.ra[i].fields[name], v.rb[i].fields[name]; x != y {
				d.Fields = append(d.Fields, FieldDiff{name, x, y})
			}
		}
		out = append(out, d)
	}
	for _, r := range v.ra[pairs:] {
		out = append(out, Difference{Section: section, ID: r.id, Kind: Removed})
	}
	for _, r := range v.rb[pairs:] {
		out = append(out, Difference{Section: section, ID: r.id, Kind: Added})
	}
	return out
}

func fieldNames(a, b map[string]string) []string {
	var names []string
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
