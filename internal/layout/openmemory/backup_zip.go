package openmemory

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Limits of a ZIP file, which may come from an enemy.
const (
	maxMembers = 64
	// maxRatio and slack bound what all members hold together: so many bytes for each of the
	// file's. A table of the product's own shrinks to a tenth or so, and what shrinks to less
	// than a thousandth is a bomb.
	maxRatio = 200
	slack    = 16 << 20
)

// isBackup tells a ZIP file by the name of its first member.
func isBackup(head []byte) bool {
	const nameAt = 30 // of a local file header
	if len(head) < nameAt || !bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return false
	}
	size := int(head[26]) | int(head[27])<<8
	name := head[nameAt:min(nameAt+size, len(head))]
	base := path.Base(string(name))
	return base == rowsMember || base == logicalMember || base == sidecarMember
}

// A backupFile is an open ZIP file.
type backupFile struct {
	members map[string]*zip.File // by the names that the product looks for, in any folder
	limit   int64                // of bytes that a member may have
}

func openBackup(f fs.File) (*backupFile, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	at, ok := f.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("read %q: it cannot be read from any place", info.Name())
	}
	z, err := zip.NewReader(at, info.Size())
	if err != nil {
		return nil, fmt.Errorf("it is no whole ZIP file: %w", err)
	}
	if len(z.File) > maxMembers {
		return nil, fmt.Errorf("it has %d members, and no backup has more than %d", len(z.File), maxMembers)
	}
	b := &backupFile{map[string]*zip.File{}, info.Size()*maxRatio + slack}
	var sum uint64
	for _, m := range z.File {
		if err := b.add(m); err != nil {
			return nil, err
		}
		if sum += m.UncompressedSize64; sum > uint64(b.limit) || m.UncompressedSize64 > uint64(b.limit) {
			return nil, fmt.Errorf("its members would be more than %d times as big as it is", maxRatio)
		}
	}
	if b.members[rowsMember] == nil {
		return nil, fmt.Errorf("it has no member %q", rowsMember)
	}
	return b, nil
}

func (b *backupFile) add(m *zip.File) error {
	const encrypted = 1
	switch name := m.Name; {
	case strings.HasSuffix(name, "/") && m.UncompressedSize64 == 0:
		return nil
	case !fs.ValidPath(name) || strings.Contains(name, `\`):
		return fmt.Errorf("the name of its member %q leads out of it", name)
	case m.Flags&encrypted != 0:
		return fmt.Errorf("its member %q is encrypted", name)
	case b.members[path.Base(name)] != nil:
		return fmt.Errorf("it has two members %q", path.Base(name))
	default:
		b.members[path.Base(name)] = m
		return nil
	}
}

// open opens a member for so many bytes as it says that it has.
func (b *backupFile) open(name string) (io.ReadCloser, error) {
	m := b.members[name]
	f, err := m.Open()
	if err != nil {
		return nil, fmt.Errorf("member %q: %w", name, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{&limited{f, int64(m.UncompressedSize64)}, f}, nil
}

// limited fails, and does not end, where more comes than there should be.
type limited struct {
	in   io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.in.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("it holds more than the ZIP file says")
	}
	return n, err
}
