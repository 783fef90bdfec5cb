package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// beside lists the files that SQLite may open for the database at path: its log, the
// log's index, its journal, and what the journal names.
func beside(path string) ([]string, error) {
	journal := path + "-journal"
	super, err := superJournal(journal)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %q: %w", journal, err)
	}
	out := []string{path + "-wal", path + "-shm", journal}
	if super != "" {
		out = append(out, super)
	}
	return out, nil
}

// journalMagic ends a journal that names a super-journal.
// https://sqlite.org/src/file/src/pager.c, writeSuperJournal
var journalMagic = []byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}

// superJournal returns the file that a journal left behind by a transaction over several
// databases names, "" if there is none. SQLite looks at that file when it undoes the
// transaction, and removes it if it is of no more use. Checksums are not checked.
func superJournal(journal string) (string, error) {
	const tail, longest = 16, 4096
	info, err := os.Stat(journal)
	if err != nil || !info.Mode().IsRegular() || info.Size() < tail { // a pipe would wait
		return "", err
	}
	f, err := os.Open(journal)
	if err != nil {
		return "", err
	}
	defer f.Close()
	end := make([]byte, min(info.Size(), tail+longest))
	if _, err := f.ReadAt(end, info.Size()-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	at := len(end) - tail
	length := int64(binary.BigEndian.Uint32(end[at:]))
	if !bytes.Equal(end[at+8:], journalMagic) || length > int64(at) {
		return "", nil
	}
	return string(bytes.TrimRight(end[at-int(length):at], "\x00")), nil
}
