package format

import (
	"crypto/sha256"
	"math/bits"
)

// merkle computes the root of RFC 9162 section 2.1.1 over leaves as they come,
// in memory that grows with the logarithm of their number.
type merkle struct {
	n     uint64
	stack []Hash // roots of complete subtrees, the largest first
}

func node(left, right Hash) Hash {
	var buf [65]byte
	buf[0] = hashNode
	copy(buf[1:], left[:])
	copy(buf[33:], right[:])
	return sha256.Sum256(buf[:])
}

func (m *merkle) add(leaf Hash) {
	m.stack = append(m.stack, leaf)
	m.n++
	for range bits.TrailingZeros64(m.n) {
		last := len(m.stack) - 1
		m.stack[last-1] = node(m.stack[last-1], m.stack[last])
		m.stack = m.stack[:last]
	}
}

// root is defined for at least one leaf.
func (m *merkle) root() Hash {
	last := len(m.stack) - 1
	root := m.stack[last]
	for i := last - 1; i >= 0; i-- {
		root = node(m.stack[i], root)
	}
	return root
}
