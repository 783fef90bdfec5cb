package sqlite

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// writeBehindVFS opens a database that is being built and that nobody else knows:
// it needs no locks, and its pages may go to the file while the next ones are made.
const writeBehindVFS = "memarc-write-behind"

// registerWriteBehind makes the VFS known.
var registerWriteBehind = sync.OnceFunc(func() { vfs.Register(writeBehindVFS, behindVFS{vfs.Find("")}) })

// behindVFS opens main databases as behindFiles and leaves the rest, such as
// temporary files of sorting, to the default VFS.
type behindVFS struct{ vfs.VFS }

// Open implements vfs.VFS.
func (v behindVFS) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if flags&vfs.OPEN_MAIN_DB == 0 {
		return v.VFS.Open(name, flags)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, flags, vfs.SystemError(err, sqlite3.CANTOPEN)
	}
	return newBehindFile(f), flags, nil
}

// pieceSize is how many bytes of neighbouring pages are written at once, and
// piecesBehind how many such pieces may wait.
const (
	pieceSize    = 1 << 20
	piecesBehind = 3
)

// A piece is a run of bytes that is not in the file yet.
type piece struct {
	off  int64
	data []byte
}

func (p *piece) end() int64 { return p.off + int64(len(p.data)) }

// A behindFile gathers neighbouring writes and writes them in another goroutine.
// Reads see what was written.
type behindFile struct {
	file *os.File
	open piece // gathers writes

	mu      sync.Mutex
	idle    sync.Cond
	waiting []*piece // the first is being written
	free    [][]byte
	err     error // sticky
	size    int64
	work    chan *piece
	done    chan struct{}
}

func newBehindFile(f *os.File) *behindFile {
	b := &behindFile{file: f, work: make(chan *piece, piecesBehind), done: make(chan struct{})}
	b.idle.L = &b.mu
	if info, err := f.Stat(); err == nil {
		b.size = info.Size()
	}
	go func() {
		defer close(b.done)
		for p := range b.work {
			_, err := f.WriteAt(p.data, p.off)
			b.mu.Lock()
			if b.err == nil && err != nil {
				b.err = err
			}
			b.waiting = b.waiting[1:]
			b.free = append(b.free, p.data[:0])
			b.idle.Broadcast()
			b.mu.Unlock()
		}
	}()
	return b
}

// hand gives the open piece to the writing goroutine.
func (b *behindFile) hand() {
	if len(b.open.data) == 0 {
		return
	}
	p := b.open
	b.mu.Lock()
	for len(b.waiting) >= piecesBehind {
		b.idle.Wait()
	}
	b.waiting = append(b.waiting, &p)
	b.open = piece{}
	if n := len(b.free); n > 0 {
		b.open.data, b.free = b.free[n-1], b.free[:n-1]
	}
	b.mu.Unlock()
	b.work <- &p
}

// flush waits until everything is in the file and returns the first error.
func (b *behindFile) flush() error {
	b.hand()
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.waiting) > 0 {
		b.idle.Wait()
	}
	return b.err
}

func (b *behindFile) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// refusedWrite gives an error of writing the code that SQLite knows it by.
func refusedWrite(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return vfs.SystemError(err, sqlite3.FULL)
	}
	return vfs.SystemError(err, sqlite3.IOERR_WRITE)
}

// WriteAt implements io.WriterAt.
func (b *behindFile) WriteAt(p []byte, off int64) (int, error) {
	if err := b.failed(); err != nil {
		return 0, refusedWrite(err)
	}
	if len(b.open.data) > 0 && (off != b.open.end() || len(b.open.data)+len(p) > pieceSize) {
		b.hand()
	}
	if len(b.open.data) == 0 {
		b.open.off = off
		if cap(b.open.data) < pieceSize {
			b.open.data = make([]byte, 0, pieceSize)
		}
	}
	b.open.data = append(b.open.data, p...)
	b.size = max(b.size, off+int64(len(p)))
	return len(p), nil
}

// ReadAt implements io.ReaderAt. What waits to be written is written first if it
// concerns the bytes asked for.
func (b *behindFile) ReadAt(p []byte, off int64) (int, error) {
	touches := func(q *piece) bool {
		return len(q.data) > 0 && off < q.end() && off+int64(len(p)) > q.off
	}
	b.mu.Lock()
	wait := touches(&b.open)
	for _, q := range b.waiting {
		wait = wait || touches(q)
	}
	b.mu.Unlock()
	if wait {
		if err := b.flush(); err != nil {
			return 0, refusedWrite(err)
		}
	}
	return b.file.ReadAt(p, off)
}

// Truncate implements vfs.File.
func (b *behindFile) Truncate(size int64) error {
	if err := b.flush(); err != nil {
		return refusedWrite(err)
	}
	b.size = size
	return b.file.Truncate(size)
}

// Sync implements vfs.File.
func (b *behindFile) Sync(vfs.SyncFlag) error {
	if err := b.flush(); err != nil {
		return refusedWrite(err)
	}
	return b.file.Sync()
}

// Size implements vfs.File.
func (b *behindFile) Size() (int64, error) { return b.size, nil }

// Close implements io.Closer. SQLite does not look at its error: call flush first.
func (b *behindFile) Close() error {
	err := b.flush()
	close(b.work)
	<-b.done
	return errors.Join(err, b.file.Close())
}

// Lock implements vfs.File: nobody else knows the file.
func (b *behindFile) Lock(vfs.LockLevel) error { return nil }

// Unlock implements vfs.File.
func (b *behindFile) Unlock(vfs.LockLevel) error { return nil }

// CheckReservedLock implements vfs.File.
func (b *behindFile) CheckReservedLock() (bool, error) { return false, nil }

// SectorSize implements vfs.File.
func (b *behindFile) SectorSize() int { return 4096 }

// DeviceCharacteristics implements vfs.File.
func (b *behindFile) DeviceCharacteristics() vfs.DeviceCharacteristic { return 0 }
