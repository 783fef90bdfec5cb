package sqlite

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3/util/ioutil"
	"github.com/ncruces/go-sqlite3/vfs/readervfs"
)

// readAhead serves the pages of a file from blocks, where they are asked for in
// order: a scan then needs one system call for many pages.
type readAhead struct {
	file *os.File
	mu   sync.Mutex
	buf  []byte
	off  int64
	n    int
	next int64 // where a read in order would start
}

var _ ioutil.SizeReaderAt = (*readAhead)(nil)

// block is how many bytes are read at once.
const block = 256 << 10

// Size returns the size of the file in bytes.
func (r *readAhead) Size() (int64, error) {
	info, err := r.file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// ReadAt implements io.ReaderAt.
func (r *readAhead) ReadAt(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if off >= r.off && off+int64(len(p)) <= r.off+int64(r.n) {
		r.next = off + int64(len(p))
		return copy(p, r.buf[off-r.off:]), nil
	}
	inOrder := off >= r.next && off < r.next+block
	r.next = off + int64(len(p))
	if !inOrder || len(p) > block/2 {
		return r.file.ReadAt(p, off)
	}
	if r.buf == nil {
		r.buf = make([]byte, block)
	}
	n, err := r.file.ReadAt(r.buf, off)
	r.off, r.n = off, n
	if n < len(p) {
		return copy(p, r.buf[:n]), err
	}
	return copy(p, r.buf), nil
}

var readers atomic.Uint64

// register makes the file known to SQLite as a database that nobody changes, and
// returns its name there and what undoes it.
func (r *readAhead) register() (uri string, undo func() error) {
	name := fmt.Sprintf("memarc-%d.db", readers.Add(1))
	readervfs.Create(name, r)
	return "file:" + name + "?vfs=reader&immutable=1", func() error {
		readervfs.Delete(name)
		return r.file.Close()
	}
}
