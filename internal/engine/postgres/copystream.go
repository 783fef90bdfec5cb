package postgres

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/memarc/memarc/internal/store"
)

// copyHead begins the binary form of COPY: signature, flags, no extension. Source:
// PostgreSQL's documentation of COPY, Binary Format.
var copyHead = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")

// A copyStream gives rows in the binary form of COPY, encoded as they are read.
type copyStream struct {
	columns []*column
	rows    *store.Rows
	which   []int // rows
	next    int
	numbers bool // the first value of each row is its number, a bigint
	buf     []byte
	at      int
	done    bool
	mu      sync.Mutex
}

// streamed is how many bytes are encoded at once.
const streamed = 64 << 10

func newCopyStream(columns []*column, rows *store.Rows, which []int, numbers bool) *copyStream {
	return &copyStream{columns: columns, rows: rows, which: which, numbers: numbers, buf: append(make([]byte, 0, streamed+streamed/4), copyHead...)}
}

// Read implements io.Reader.
func (s *copyStream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.at == len(s.buf) {
		if s.done {
			return 0, io.EOF
		}
		s.buf, s.at = s.buf[:0], 0
		for s.next < len(s.which) && len(s.buf) < streamed {
			var err error
			if s.buf, err = s.appendRow(s.buf, s.which[s.next]); err != nil {
				return 0, err
			}
			s.next++
		}
		if s.next == len(s.which) {
			s.buf, s.done = append(s.buf, 0xFF, 0xFF), true
		}
	}
	n := copy(p, s.buf[s.at:])
	s.at += n
	return n, nil
}

// stop makes sure that the rows are not read any more.
func (s *copyStream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf, s.at, s.done = nil, 0, true
}

func (s *copyStream) appendRow(dst []byte, row int) ([]byte, error) {
	n := len(s.columns)
	if s.numbers {
		n++
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	if s.numbers {
		dst = binary.BigEndian.AppendUint32(dst, 8)
		dst = binary.BigEndian.AppendUint64(dst, uint64(row))
	}
	for i, c := range s.columns {
		cells := &s.rows.Columns[i]
		if cells.Kinds[row] == store.Null {
			dst = append(dst, 0xFF, 0xFF, 0xFF, 0xFF)
			continue
		}
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		var err error
		if dst, err = c.encode(dst, cells, row); err != nil {
			return dst, fmt.Errorf("column %q: %w", c.name, err)
		}
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst, nil
}

// encode appends the binary form of a cell that has passed holds, or its text for a
// column without a codec.
func (c *column) encode(dst []byte, cells *store.Cells, row int) ([]byte, error) {
	switch {
	case c.codec != nil && c.codec.put != nil:
		return c.codec.put(dst, cells, row), nil
	case c.codec != nil:
		return c.codec.encode(dst, cells, row)
	}
	if err := checkText(cells, row); err != nil {
		return dst, err
	}
	return append(dst, cells.Bytes(row)...), nil
}

// holds returns the rows whose cells the columns' types hold, and reports the others.
func holds(columns []*column, rows *store.Rows, reject func(row int, err error)) []int {
	which := make([]int, 0, rows.N)
	bad := map[int]error{}
	for i, c := range columns {
		cells := &rows.Columns[i]
		if c.fits(cells) {
			continue
		}
		for row := range rows.N {
			if cells.Kinds[row] == store.Null || bad[row] != nil {
				continue
			}
			if err := c.refuses(cells, row); err != nil {
				bad[row] = fmt.Errorf("column %q: %w", c.name, err)
			}
		}
	}
	for row := range rows.N {
		if bad[row] == nil {
			which = append(which, row)
		}
	}
	for _, row := range sortedRows(bad) {
		reject(row, bad[row])
	}
	return which
}

func sortedRows(bad map[int]error) []int {
	rows := make([]int, 0, len(bad))
	for row := range bad {
		rows = append(rows, row)
	}
	slices.Sort(rows)
	return rows
}

// fits tells at a glance that the column's type holds all cells; false says nothing.
func (c *column) fits(cells *store.Cells) bool {
	return c.codec != nil && c.codec.fits != nil && c.codec.fits(cells)
}

// refuses says why the column's type does not hold a cell; nil if it does.
func (c *column) refuses(cells *store.Cells, row int) error {
	if c.codec == nil {
		return checkText(cells, row)
	}
	if c.codec.check != nil {
		return c.codec.check(cells, row)
	}
	_, err := c.codec.encode(nil, cells, row)
	return err
}
