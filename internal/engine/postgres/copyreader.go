package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/memarc/memarc/internal/store"
)

// copySignature begins the binary format of COPY. Source: PostgreSQL's manual,
// COPY, Binary Format.
const copySignature = "PGCOPY\n\xff\r\n\x00"

// copyHeader is the signature, 32 bits of flags and the length of an extension.
const copyHeader = len(copySignature) + 8

// A copyReader takes the stream of a binary COPY and makes runs of rows of it. Its
// Write never fails, as that would close the connection: what comes after an
// error, or after the consumer has gone, is dropped.
type copyReader struct {
	columns []*column
	full    chan *store.Rows // closed at the end
	free    chan *store.Rows
	stop    chan struct{} // closed when the consumer has gone

	rows    *store.Rows
	size    int // of rows, about
	pending []byte
	headed  bool // the header was read
	ended   bool // the trailer was read
	dropped bool
	err     error
}

func newCopyReader(columns []*column) *copyReader {
	r := &copyReader{
		columns: columns,
		full:    make(chan *store.Rows, 1), free: make(chan *store.Rows, buffers), stop: make(chan struct{}),
		rows: store.NewRows(len(columns)),
	}
	for range buffers - 1 {
		r.free <- store.NewRows(len(columns))
	}
	return r
}

// Write implements io.Writer.
func (r *copyReader) Write(p []byte) (int, error) {
	n := len(p)
	if len(r.pending) > 0 { // the server sends whole rows, so this is rare
		r.pending = append(r.pending, p...)
		p = r.pending
	}
	for r.err == nil && !r.dropped {
		used, err := r.take(p)
		if err != nil {
			r.err = err
		}
		if used == 0 {
			break
		}
		p = p[used:]
	}
	r.pending = append(r.pending[:0], p...)
	return n, nil
}

// take reads a header, a row or the trailer. It returns 0 where there is not
// enough of it yet.
func (r *copyReader) take(p []byte) (int, error) {
	if !r.headed {
		return r.takeHeader(p)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if r.ended {
		return 0, errors.New("bytes follow the end of the COPY")
	}
	if len(p) < 2 {
		return 0, nil
	}
	switch n := int(int16(binary.BigEndian.Uint16(p))); {
	case n == -1:
		r.ended = true
		return 2, nil
	case n != len(r.columns):
		return 0, fmt.Errorf("a row of the COPY has %d columns instead of %d", n, len(r.columns))
	}
	end := 2
	for range r.columns {
		if len(p) < end+4 {
			return 0, nil
		}
		length := int(int32(binary.BigEndian.Uint32(p[end:])))
		if length < -1 {
			return 0, errors.New("a value of the COPY has a negative length")
		}
		end += 4 + max(length, 0)
		if len(p) < end {
			return 0, nil
		}
	}
	at := 2
	for i, c := range r.columns {
		length := int(int32(binary.BigEndian.Uint32(p[at:])))
		at += 4
		if length < 0 {
			r.rows.Columns[i].AppendNull()
			continue
		}
		if err := c.decode(p[at:at+length], &r.rows.Columns[i]); err != nil {
			return 0, err
		}
		at += length
	}
	r.rows.N++
	if r.size += end + 16*len(r.columns); r.rows.N >= runRows || r.size >= runBytes {
		r.hand()
	}
	return end, nil
}

func (r *copyReader) takeHeader(p []byte) (int, error) {
	if !bytes.HasPrefix([]byte(copySignature), p[:min(len(p), len(copySignature))]) {
		return 0, errors.New("the COPY is not of the binary format")
	}
	if len(p) < copyHeader {
		return 0, nil
	}
	if flags := binary.BigEndian.Uint32(p[len(copySignature):]); flags != 0 {
		return 0, fmt.Errorf("the COPY has unknown flags %#x", flags)
	}
	extension := int(binary.BigEndian.Uint32(p[len(copySignature)+4:]))
	if len(p)-copyHeader < extension {
		return 0, nil
	}
	r.headed = true
	return copyHeader + extension, nil
}

// hand gives the rows to the consumer and takes others.
func (r *copyReader) hand() {
	select {
	case r.full <- r.rows:
	case <-r.stop:
		r.dropped = true
		return
	}
	select {
	case r.rows = <-r.free:
	case <-r.stop:
		r.dropped = true
	}
	r.size = 0
}

// end hands over the last rows and returns what was wrong with the stream.
func (r *copyReader) end(complete bool) error {
	defer close(r.full)
	switch {
	case r.err != nil || r.dropped || !complete:
		return r.err
	case !r.ended || len(r.pending) > 0:
		return errors.New("the COPY ended early")
	}
	if r.rows.N > 0 {
		r.hand()
	}
	return nil
}

// decode appends a value that is not NULL; of a column without a codec it is text.
func (c *column) decode(src []byte, out *store.Cells) error {
	if c.codec == nil {
		out.AppendText(src)
		return nil
	}
	if err := c.codec.decode(src, out); err != nil {
		return fmt.Errorf("column %q: %w", c.name, err)
	}
	return nil
}
