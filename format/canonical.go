package format

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
)

// Domain separation of the hashes of FORMAT.md sections 5.2 and 5.3.
const (
	hashLeaf    = 0x00
	hashNode    = 0x01
	hashSection = 0x02
	hashContent = 0x03
	hashPlace   = 0x04
)

// A Hash is a SHA-256.
type Hash [32]byte

// A Leaf stands for one record: Place says where it is sorted (the same for all
// versions of a record with one key), Sum what it holds. FORMAT.md section 5.2.
type Leaf struct {
	Place [16]byte
	Sum   Hash
}

// plan is how to encode a section's records: fields by ascending name, each
// with the bytes that stand before its value.
type plan struct {
	order  []int
	prefix [][]byte
	key    []int
}

var planMu sync.RWMutex

func (s *Section) plan() *plan {
	planMu.RLock()
	p := s.planned
	planMu.RUnlock()
	if p != nil {
		return p
	}
	p = &plan{order: make([]int, len(s.Fields)), prefix: make([][]byte, len(s.Fields))}
	for i, f := range s.Fields {
		p.order[i] = i
		p.prefix[i] = append(binary.LittleEndian.AppendUint16(nil, uint16(len(f.Name))), f.Name...)
	}
	slices.SortFunc(p.order, func(a, b int) int { return strings.Compare(s.Fields[a].Name, s.Fields[b].Name) })
	for _, k := range s.Key {
		p.key = append(p.key, s.Field(k))
	}
	planMu.Lock()
	s.planned = p
	planMu.Unlock()
	return p
}

// AppendRecord appends the canonical encoding of a row. FORMAT.md section 5.2.
func (b *Batch) AppendRecord(dst []byte, row int) []byte {
	return b.appendRecord(b.Section.plan(), dst, row)
}

func (b *Batch) appendRecord(p *plan, dst []byte, row int) []byte {
	for _, i := range p.order {
		c := &b.Columns[i]
		if c.Null(row) {
			continue
		}
		dst = append(dst, p.prefix[i]...)
		dst = c.AppendValue(dst, row)
	}
	return dst
}

// AppendKey appends the canonical encoding of a row's key. FORMAT.md section 5.2.
func (b *Batch) AppendKey(dst []byte, row int) []byte {
	return b.appendKey(b.Section.plan(), dst, row)
}

func (b *Batch) appendKey(p *plan, dst []byte, row int) []byte {
	for _, i := range p.key {
		dst = b.Columns[i].AppendValue(dst, row)
	}
	return dst
}

// Place returns where a row's record is sorted: a hash of its key.
func (b *Batch) Place(row int) (place [16]byte) {
	return Place(b.AppendKey(nil, row))
}

// Place returns where a record with this key, canonically encoded, is sorted.
func Place(key []byte) [16]byte {
	sum := sha256.Sum256(append([]byte{hashPlace}, key...))
	return [16]byte(sum[:16])
}

// AppendLeaves appends the leaf of each row. FORMAT.md section 5.2.
func (b *Batch) AppendLeaves(dst []Leaf) []Leaf {
	p := b.Section.plan()
	buf := make([]byte, 0, 4096)
	for row := 0; row < b.Rows; row++ {
		var leaf Leaf
		buf = b.appendKey(p, append(buf[:0], hashPlace), row)
		sum := sha256.Sum256(buf)
		copy(leaf.Place[:], sum[:])
		buf = b.appendRecord(p, append(buf[:0], hashLeaf), row)
		leaf.Sum = sha256.Sum256(buf)
		dst = append(dst, leaf)
	}
	return dst
}
