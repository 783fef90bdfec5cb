package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"github.com/memarc/memarc/internal/engine/sqlite/vec0"
	"github.com/memarc/memarc/internal/store"
)

// magic starts every database file. https://sqlite.org/fileformat2.html
const magic = "SQLite format 3\x00"

// Positions in the database header that tell write-ahead logging.
const (
	headerSize   = 100
	pageSizeAt   = 16
	writeVersion = 18
	changesAt    = 24
	pagesAt      = 28
	validForAt   = 92
	walVersion   = 2
)

// Layouts' triggers write to full-text tables, so every connection has FTS5, and the
// tables of sqlite-vec are read and written as if it were there.
var extensions = sync.OnceFunc(func() {
	sqlite3.AutoExtension(fts5.Register)
	sqlite3.AutoExtension(vec0.Register)
})

// A DB is a database opened for reading: one snapshot.
type DB struct {
	conn    *sqlite3.Conn
	name    string // for messages
	private string // folder of a private copy, to be removed
	guard   *fileState
	lock    *sqlite3.Conn // holds a shared lock while conn reads without one
	undo    func() error  // of openAhead
	catalog *store.Catalog

	statements map[string]*sqlite3.Stmt
}

var _ store.Tables = (*DB)(nil)

// OpenOptions are the choices of Open; the zero value is recommended.
type OpenOptions struct {
	// TouchNothing reads a private copy even where SQLite would only create its
	// shared-memory file beside the source.
	TouchNothing bool
}

// Open opens an existing database at path for reading.
func Open(ctx context.Context, path string, opts OpenOptions) (*DB, error) {
	extensions()
	wal, err := probe(path)
	if err != nil {
		return nil, err
	}
	db := &DB{name: path}
	if err := db.openHow(ctx, path, wal, opts); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// openHow chooses how to see one moment of the database without touching it.
func (db *DB) openHow(ctx context.Context, path string, wal bool, opts OpenOptions) error {
	shm, log := exists(path+"-shm"), exists(path+"-wal")
	switch {
	case !wal && !opts.TouchNothing:
		// A shared lock keeps writers out while we read.
		err := db.open(ctx, path, "mode=ro")
		if err == nil {
			db.lock, db.conn = db.conn, nil
			return db.openAhead(ctx, path)
		}
		if !errors.Is(err, sqlite3.READONLY) {
			return err
		}
		// A program died while it wrote; what it left behind is undone in a copy.
		if err := db.conn.Close(); err != nil {
			return err
		}
		db.conn = nil
	case wal && !shm && !log && !opts.TouchNothing:
		// Closed cleanly: there is no log to miss. Should a writer come while we
		// read, Unchanged says so.
		var err error
		if db.guard, err = stateOf(path); err != nil {
			return fmt.Errorf("open %q: %w", path, err)
		}
		return db.openAhead(ctx, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("open %q: %w", path, err)
	}
	if !shm || info.Size() <= copyAlways || opts.TouchNothing {
		for range copyAttempts {
			file, stable, err := db.copy(path)
			if err != nil {
				return err
			}
			if stable {
				return db.open(ctx, file, "mode=rw") // a rollback needs to write
			}
		}
		if !shm || opts.TouchNothing {
			return fmt.Errorf("open %q: the database changes all the time; stop its writer and try again", path)
		}
	}
	// A writer has it open: read beside it, in its shared memory.
	return db.open(ctx, path, "mode=ro")
}

const copyAttempts = 3

var (
	// copyAlways is the size in bytes up to which a database that another program
	// has open is copied, so that not even its shared memory is touched.
	copyAlways int64 = 64 << 20
	// patience is how many milliseconds to wait for another program's lock.
	patience = 10_000
)

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > 0
}

// fileState is what changes in a file when its database is written.
type fileState struct {
	size, modified int64
	head           [headerSize]byte
	log            bool
}

func stateOf(path string) (*fileState, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s := &fileState{size: info.Size(), modified: info.ModTime().UnixNano(), log: exists(path + "-wal")}
	_, err = io.ReadFull(f, s.head[:])
	return s, err
}

// Unchanged fails if a writer came while the database was read without a lock,
// so that the rows may not be of one moment.
func (db *DB) Unchanged() error {
	if db.guard == nil {
		return nil
	}
	now, err := stateOf(db.name)
	if err != nil {
		return fmt.Errorf("read %q: %w", db.name, err)
	}
	if *now != *db.guard {
		return fmt.Errorf("read %q: another program has started to write to the database; run the command again", db.name)
	}
	return nil
}

// probe tells whether path is a database and whether it uses a write-ahead log.
func probe(path string) (wal bool, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("open %q: %w", path, store.ErrNotFound)
	case err != nil:
		return false, fmt.Errorf("open %q: %w", path, err)
	case info.IsDir():
		return false, fmt.Errorf("open %q: %w: it is a directory", path, store.ErrNotStore)
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("open %q: %w: it is not a regular file", path, store.ErrNotStore)
	}
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("open %q: %w", path, err)
	}
	defer f.Close()
	head := make([]byte, headerSize)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, fmt.Errorf("read %q: %w", path, err)
	}
	switch {
	case n == 0:
		return false, fmt.Errorf("open %q: %w: the file is empty", path, store.ErrNotStore)
	case n < headerSize || !bytes.HasPrefix(head, []byte(magic)):
		if n == headerSize && info.Size()%512 == 0 && noise(head) {
			return false, fmt.Errorf("open %q: %w", path, store.ErrEncrypted)
		}
		return false, fmt.Errorf("open %q: %w: not a SQLite database", path, store.ErrNotStore)
	}
	wal = head[writeVersion] == walVersion
	if want := declaredSize(head); !exists(path+"-wal") && !exists(path+"-journal") && (info.Size() < want || want == 0) {
		return wal, fmt.Errorf("open %q: the database is damaged: it is cut short, it has %d bytes and says it has %d; take another copy, or try its own recovery, for example \".recover\" of the sqlite3 program", path, info.Size(), want)
	}
	return wal, nil
}

// declaredSize returns how many bytes the header says that the database has: all
// of its pages, or at least one where the count is not to be trusted; 0 if the page
// size is none. https://sqlite.org/fileformat2.html section 1.3
func declaredSize(head []byte) int64 {
	page := int64(binary.BigEndian.Uint16(head[pageSizeAt:]))
	if page == 1 {
		page = 65536
	}
	if page < 512 || page&(page-1) != 0 {
		return 0
	}
	pages := int64(1)
	if binary.BigEndian.Uint32(head[changesAt:]) == binary.BigEndian.Uint32(head[validForAt:]) {
		pages = max(1, int64(binary.BigEndian.Uint32(head[pagesAt:])))
	}
	return page * pages
}

// noise tells whether bytes look random, as an encrypted file's do: many
// different values, not text.
func noise(b []byte) bool {
	var seen [256]bool
	distinct, high := 0, 0
	for _, v := range b {
		if !seen[v] {
			seen[v] = true
			distinct++
		}
		if v >= 0x80 {
			high++
		}
	}
	return distinct > len(b)/2 && high > len(b)/4
}

// copy copies the database, its log and its journal into a private folder and
// returns the path of the copy. The copy is stable if nothing was committed or
// checkpointed meanwhile.
func (db *DB) copy(path string) (file string, stable bool, err error) {
	if db.private == "" {
		if db.private, err = os.MkdirTemp("", "memarc-snapshot-*"); err != nil {
			return "", false, fmt.Errorf("create folder for a copy of %q: %w", path, err)
		}
	}
	before, err := moment(path)
	if err != nil {
		return "", false, fmt.Errorf("read %q: %w", path, err)
	}
	target := filepath.Join(db.private, "copy.db")
	for _, suffix := range []string{"-wal", "-journal", ""} {
		if err := copyFile(path+suffix, target+suffix); err != nil {
			if suffix != "" && errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return "", false, fmt.Errorf("copy %q: %w", path+suffix, err)
		}
	}
	after, err := moment(path)
	if err != nil {
		return "", false, fmt.Errorf("read %q: %w", path, err)
	}
	return target, bytes.Equal(before, after), nil
}

// moment returns what changes with every commit and checkpoint: the sizes and
// times of the files, and of the index of the log its header and how far it was
// copied back. https://sqlite.org/walformat.html#the_wal_index_file_format
func moment(path string) ([]byte, error) {
	var out []byte
	for _, suffix := range []string{"", "-wal", "-journal"} {
		info, err := os.Stat(path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		out = fmt.Appendf(out, "%s %d %d\n", suffix, info.Size(), info.ModTime().UnixNano())
	}
	f, err := os.Open(path + "-shm")
	if err != nil {
		return out, nil // no index of the log
	}
	defer f.Close()
	index := make([]byte, 132)
	if _, err := io.ReadFull(f, index); err != nil {
		return out, nil
	}
	out = append(out, index[:100]...)       // two headers and nBackfill
	return append(out, index[128:]...), nil // nBackfillAttempted
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// uri makes a file URI with parameters.
func uri(path, params string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("open %q: %w", path, err)
	}
	params += fmt.Sprintf("&_pragma=busy_timeout(%d)", patience) // what follows opening may meet a lock
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(abs), RawQuery: params}
	return u.String(), nil
}

func (db *DB) open(ctx context.Context, file, params string) error {
	name, err := uri(file, params)
	if err != nil {
		return err
	}
	return db.openURI(ctx, name)
}

// openAhead opens a file that nobody writes to, with reading ahead.
func (db *DB) openAhead(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open %q: %w", path, err)
	}
	name, undo := (&readAhead{file: f}).register()
	db.undo = undo
	return db.openURI(ctx, name)
}

func (db *DB) openURI(ctx context.Context, name string) (err error) {
	if db.conn, err = sqlite3.OpenContext(ctx, name); err != nil {
		return db.failed("open", err)
	}
	for _, statement := range []string{
		fmt.Sprintf("PRAGMA busy_timeout=%d", patience), "PRAGMA query_only=1", "PRAGMA trusted_schema=0", "PRAGMA mmap_size=0",
		"PRAGMA cache_size=-4000", "BEGIN",
		"SELECT count(*) FROM sqlite_schema", // takes the snapshot
	} {
		if err := db.conn.Exec(statement); err != nil {
			return db.failed("open", err)
		}
	}
	return nil
}

// failed turns an error of SQLite into one that names the file and the case.
func (db *DB) failed(verb string, err error) error {
	if errors.Is(err, sqlite3.NOTADB) {
		return fmt.Errorf("%s %q: %w", verb, db.name, store.ErrEncrypted)
	}
	if errors.Is(err, sqlite3.CORRUPT) {
		return fmt.Errorf("%s %q: the database is damaged (%w); try its own recovery, for example \".recover\" of the sqlite3 program", verb, db.name, err)
	}
	if errors.Is(err, sqlite3.BUSY) {
		return fmt.Errorf("%s %q: another program holds a lock on the database; stop it and try again: %w", verb, db.name, err)
	}
	if errors.Is(err, sqlite3.INTERRUPT) && db.conn != nil && db.conn.GetInterrupt().Err() != nil {
		return fmt.Errorf("%s %q: %w", verb, db.name, context.Cause(db.conn.GetInterrupt()))
	}
	return fmt.Errorf("%s %q: %w", verb, db.name, err)
}

// Close ends the snapshot and removes a private copy.
func (db *DB) Close() error {
	err := db.finalize()
	if db.conn != nil {
		err = errors.Join(err, db.conn.Close())
		db.conn = nil
	}
	if db.lock != nil {
		err = errors.Join(err, db.lock.Close())
		db.lock = nil
	}
	if db.undo != nil {
		err = errors.Join(err, db.undo())
		db.undo = nil
	}
	if db.private != "" {
		err = errors.Join(err, os.RemoveAll(db.private))
		db.private = ""
	}
	return err
}
