package format

import (
	"bytes"
	"iter"
	"slices"
)

// A LeafSet holds leaves of records, each as often as it was added, in 20 bytes of
// memory each: the first 16 of its sum and a count. Records with equal leaves are
// equal, so it does not matter which of them is taken.
type LeafSet struct {
	sections map[string]*sums
}

type sums struct {
	sums   [][16]byte
	left   []uint32 // of each of sums, once they are sorted
	sorted bool
}

// NewLeafSet returns an empty set.
func NewLeafSet() *LeafSet { return &LeafSet{map[string]*sums{}} }

// Add adds a leaf. All leaves are added before the first is taken.
func (s *LeafSet) Add(section string, leaf Leaf) {
	x := s.sections[section]
	if x == nil {
		x = &sums{}
		s.sections[section] = x
	}
	x.sums = append(x.sums, [16]byte(leaf.Sum[:16]))
}

// Has tells whether a leaf of the section was ever added.
func (s *LeafSet) Has(section string) bool { return s.sections[section] != nil }

// Take takes the leaf with this sum out of the set, and tells whether it was there.
// The first 16 bytes of the sum suffice.
func (s *LeafSet) Take(section string, sum []byte) bool {
	x := s.sections[section]
	if x == nil {
		return false
	}
	x.sort()
	at, ok := slices.BinarySearchFunc(x.sums, sum[:16], func(have [16]byte, want []byte) int { return bytes.Compare(have[:], want) })
	if !ok || x.left[at] == 0 {
		return false
	}
	x.left[at]--
	return true
}

// sort sorts the sums and counts those that are alike.
func (x *sums) sort() {
	if x.sorted {
		return
	}
	x.sorted = true
	slices.SortFunc(x.sums, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	distinct := x.sums[:0]
	for _, sum := range x.sums {
		if n := len(distinct); n > 0 && distinct[n-1] == sum {
			x.left[n-1]++
			continue
		}
		distinct, x.left = append(distinct, sum), append(x.left, 1)
	}
	x.sums = distinct
}

// Left yields the sections of which a leaf was not taken, and how many.
func (s *LeafSet) Left() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for name, x := range s.sections {
			x.sort()
			n := uint64(0)
			for _, left := range x.left {
				n += uint64(left)
			}
			if n > 0 && !yield(name, n) {
				return
			}
		}
	}
}

// Clone returns a set with the same leaves, which shares the memory of their sums.
func (s *LeafSet) Clone() *LeafSet {
	out := NewLeafSet()
	for name, x := range s.sections {
		x.sort()
		out.sections[name] = &sums{sums: x.sums, left: slices.Clone(x.left), sorted: true}
	}
	return out
}
