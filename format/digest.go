package format

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"slices"
	"sync"
	"unsafe"
)

// String returns the hash as 64 lower-case hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it takes 64 lower-case
// hex digits.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != 64 || bytes.ContainsFunc(text, func(r rune) bool { return r >= 'A' && r <= 'F' }) {
		return fmt.Errorf("hash %q is not 64 lower-case hex digits", text)
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// A SectionDigest is what a section holds, in one hash. FORMAT.md section 5.3.
type SectionDigest struct {
	Name    string `json:"name"`
	Records uint64 `json:"records"`
	Digest  Hash   `json:"digest"`
}

// ContentDigest is the content digest over section digests that ascend by name.
func ContentDigest(sections []SectionDigest) Hash {
	buf := []byte{hashContent}
	for _, s := range sections {
		buf = append(buf, s.Digest[:]...)
	}
	return sha256.Sum256(buf)
}

const leafSize = int(unsafe.Sizeof(Leaf{}))

// DigestMemory is how many bytes of leaves a Digester keeps before it spills.
const DigestMemory = 4 << 20

// A Digester collects the leaves of records in any order and computes section
// digests and the content digest. Leaves beyond DigestMemory go as sorted runs
// to a private temporary file, so memory stays flat.
type Digester struct {
	sections map[string]*leafSet
	held     int
	file     *os.File
	size     int64
	dir      string
}

type leafSet struct {
	name   string
	total  uint64
	held   []Leaf
	sorted bool
	runs   []run
}

type run struct {
	off    int64
	leaves int
}

// NewDigester returns an empty Digester that spills to the folder dir, or to the
// system's folder for temporary files when dir is empty. Call Close at the end.
func NewDigester(dir string) *Digester {
	return &Digester{sections: map[string]*leafSet{}, dir: dir}
}

// Add adds leaves of a section. It copies them.
func (d *Digester) Add(section string, leaves []Leaf) error {
	s := d.sections[section]
	if s == nil {
		s = &leafSet{name: section}
		d.sections[section] = s
	}
	if d.held+len(leaves)*leafSize > DigestMemory {
		if err := d.spill(); err != nil {
			return err
		}
	}
	s.held, s.sorted = append(s.held, leaves...), false
	s.total += uint64(len(leaves))
	d.held += len(leaves) * leafSize
	return nil
}

// spill writes every section's held leaves as a sorted run.
func (d *Digester) spill() error {
	if d.file == nil {
		f, err := os.CreateTemp(d.dir, "memarc-leaves-*")
		if err != nil {
			return fmt.Errorf("create temporary file for leaves: %w", err)
		}
		// Without a name the file cannot be left behind. Where an open file
		// cannot be removed, Close removes it.
		_ = os.Remove(f.Name())
		d.file = f
	}
	for _, s := range d.sorted() {
		if len(s.held) == 0 {
			continue
		}
		d.sort(s)
		raw := unsafe.Slice((*byte)(unsafe.Pointer(&s.held[0])), len(s.held)*leafSize)
		if _, err := d.file.WriteAt(raw, d.size); err != nil {
			return fmt.Errorf("write temporary file for leaves: %w", err)
		}
		s.runs = append(s.runs, run{d.size, len(s.held)})
		d.size += int64(len(raw))
		s.held = s.held[:0]
		if cap(s.held)*leafSize > DigestMemory/4 && len(d.sections) > 1 {
			s.held = nil
		}
	}
	d.held = 0
	return nil
}

func (d *Digester) sorted() []*leafSet {
	out := make([]*leafSet, 0, len(d.sections))
	for _, s := range d.sections {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *leafSet) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return out
}

// CompareLeaves orders leaves by place and sum, as the leaves of a section are
// sorted.
func CompareLeaves(a, b Leaf) int {
	x, y := binary.BigEndian.Uint64(a.Place[:]), binary.BigEndian.Uint64(b.Place[:])
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	if c := bytes.Compare(a.Place[8:], b.Place[8:]); c != 0 {
		return c
	}
	return bytes.Compare(a.Sum[:], b.Sum[:])
}

// sort sorts held leaves. Places are hashes, so their first 12 bits spread the
// leaves evenly over buckets, which are then small.
func (d *Digester) sort(s *leafSet) {
	if s.sorted {
		return
	}
	s.sorted = true
	const bucketBits = 12
	if len(s.held) < 4<<bucketBits {
		slices.SortFunc(s.held, CompareLeaves)
		return
	}
	bucket := func(l *Leaf) int { return int(binary.BigEndian.Uint16(l.Place[:])) >> (16 - bucketBits) }
	var next, end [1 << bucketBits]int
	for i := range s.held {
		end[bucket(&s.held[i])]++
	}
	for b, at := 0, 0; b < len(end); b++ {
		next[b] = at
		at += end[b]
		end[b] = at
	}
	// Each leaf is swapped to its bucket until the one at hand belongs here.
	for b := range end {
		for next[b] < end[b] {
			i := next[b]
			for at := bucket(&s.held[i]); at != b; at = bucket(&s.held[i]) {
				s.held[i], s.held[next[at]] = s.held[next[at]], s.held[i]
				next[at]++
			}
			next[b]++
		}
	}
	start := 0
	for b := range end {
		slices.SortFunc(s.held[start:end[b]], CompareLeaves)
		start = end[b]
	}
}

// Sum returns the digests of all sections that hold a record, names ascending,
// and the content digest. Leaves may be added afterwards.
func (d *Digester) Sum() ([]SectionDigest, Hash, error) {
	sets := slices.DeleteFunc(d.sorted(), func(s *leafSet) bool { return s.total == 0 })
	out, errs := make([]SectionDigest, len(sets)), make([]error, len(sets))
	var workers sync.WaitGroup
	next := make(chan int)
	for range min(len(sets), runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := range next {
				out[i], errs[i] = d.sum(sets[i])
			}
		})
	}
	for i := range sets {
		next <- i
	}
	close(next)
	workers.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, Hash{}, err
	}
	if len(out) == 0 {
		out = nil
	}
	return out, ContentDigest(out), nil
}

// sum computes one section's digest.
func (d *Digester) sum(s *leafSet) (SectionDigest, error) {
	var m merkle
	for leaf, err := range d.leaves(s) {
		if err != nil {
			return SectionDigest{}, err
		}
		m.add(leaf.Sum)
	}
	root := m.root()
	buf := binary.LittleEndian.AppendUint16([]byte{hashSection}, uint16(len(s.name)))
	buf = append(buf, s.name...)
	buf = binary.LittleEndian.AppendUint64(buf, s.total)
	buf = append(buf, root[:]...)
	return SectionDigest{Name: s.name, Records: s.total, Digest: sha256.Sum256(buf)}, nil
}

// Records returns the number of leaves of a section.
func (d *Digester) Records(section string) uint64 {
	if s := d.sections[section]; s != nil {
		return s.total
	}
	return 0
}

// Sections returns the names of the sections that have leaves, ascending.
func (d *Digester) Sections() []string {
	var names []string
	for _, s := range d.sorted() {
		if s.total > 0 {
			names = append(names, s.name)
		}
	}
	return names
}

// Leaves yields a section's leaves, sorted by place and sum.
func (d *Digester) Leaves(section string) iter.Seq2[Leaf, error] {
	s := d.sections[section]
	if s == nil {
		return func(func(Leaf, error) bool) {}
	}
	return d.leaves(s)
}

// leaves merges the held leaves and the runs.
func (d *Digester) leaves(s *leafSet) iter.Seq2[Leaf, error] {
	return func(yield func(Leaf, error) bool) {
		d.sort(s)
		if len(s.runs) == 0 {
			for _, leaf := range s.held {
				if !yield(leaf, nil) {
					return
				}
			}
			return
		}
		heads := make([]*head, 0, len(s.runs)+1)
		for _, r := range s.runs {
			section := io.NewSectionReader(d.file, r.off, int64(r.leaves)*int64(leafSize))
			heads = append(heads, &head{in: bufio.NewReaderSize(section, 32<<10), left: r.leaves})
		}
		heads = append(heads, &head{held: s.held, left: len(s.held)})
		live := heads[:0]
		for _, h := range heads {
			ok, err := h.next()
			if err != nil {
				yield(Leaf{}, err)
				return
			}
			if ok {
				live = append(live, h)
			}
		}
		heapify(live)
		for len(live) > 0 {
			if !yield(live[0].leaf, nil) {
				return
			}
			ok, err := live[0].next()
			if err != nil {
				yield(Leaf{}, err)
				return
			}
			if !ok {
				live[0] = live[len(live)-1]
				live = live[:len(live)-1]
			}
			sink(live, 0)
		}
	}
}

// head is the front of one sorted run.
type head struct {
	leaf Leaf
	in   *bufio.Reader
	held []Leaf
	left int
}

func (h *head) next() (bool, error) {
	if h.left == 0 {
		return false, nil
	}
	h.left--
	if h.in == nil {
		h.leaf, h.held = h.held[0], h.held[1:]
		return true, nil
	}
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&h.leaf)), leafSize)
	if _, err := io.ReadFull(h.in, raw); err != nil {
		return false, fmt.Errorf("read temporary file of leaves: %w", err)
	}
	return true, nil
}

func heapify(h []*head) {
	for i := len(h)/2 - 1; i >= 0; i-- {
		sink(h, i)
	}
}

func sink(h []*head, i int) {
	for {
		least := i
		for _, c := range [2]int{2*i + 1, 2*i + 2} {
			if c < len(h) && CompareLeaves(h[c].leaf, h[least].leaf) < 0 {
				least = c
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// Close releases the temporary file.
func (d *Digester) Close() error {
	if d.file == nil {
		return nil
	}
	name, err := d.file.Name(), d.file.Close()
	d.file = nil
	if rmErr := os.Remove(name); rmErr != nil && !errors.Is(rmErr, os.ErrNotExist) {
		return fmt.Errorf("remove temporary file for leaves: %w", rmErr)
	}
	return err
}
