package lens

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// uuidBlob is a BLOB of 16 bytes, uuidHex a TEXT of 32 lower-case hex digits;
// both show as the text form with hyphens.
var (
	uuidBlob = uuid("uuid-blob", func(native *store.Cells, row int) []byte {
		if v := native.Bytes(row); native.Kinds[row] == store.Blob && len(v) == 16 {
			return v
		}
		return nil
	}, func(id []byte, native *store.Cells) { native.AppendBlob(id) })

	uuidHex = uuid("uuid-hex", func(native *store.Cells, row int) []byte {
		if v := native.Bytes(row); native.Kinds[row] == store.Text && len(v) == 32 {
			return unhex(v)
		}
		return nil
	}, func(id []byte, native *store.Cells) { native.AppendString(hex.EncodeToString(id)) })
)

func uuid(name string, read func(*store.Cells, int) []byte, write func([]byte, *store.Cells)) *Lens {
	return &Lens{Name: name, Type: format.Text,
		Get: each(func(native *store.Cells, row int, field *format.Column) bool {
			if id := read(native, row); id != nil {
				field.AppendBytes(hyphened(id))
				return true
			}
			field.AppendNull()
			return false
		}),
		Put: func(field *format.Column, row int, native *store.Cells) {
			if id := parseUUID(field.Bytes(row)); id != nil {
				write(id, native)
				return
			}
			native.AppendText(field.Bytes(row)) // not a UUID: keep it as it is
		},
	}
}

func hyphened(id []byte) []byte {
	h := hex.AppendEncode(make([]byte, 0, 36), id)
	out := append(make([]byte, 0, 36), h[:8]...)
	for _, at := range [4]int{8, 12, 16, 20} {
		end := at + 4
		if at == 20 {
			end = 32
		}
		out = append(append(out, '-'), h[at:end]...)
	}
	return out
}

// parseUUID takes the lower-case form with hyphens only: one form per value.
func parseUUID(s []byte) []byte {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return nil
	}
	digits := make([]byte, 0, 32)
	for _, part := range [5][]byte{s[:8], s[9:13], s[14:18], s[19:23], s[24:]} {
		digits = append(digits, part...)
	}
	return unhex(digits)
}

// unhex takes lower-case digits only.
func unhex(s []byte) []byte {
	for _, b := range s {
		if b >= 'A' && b <= 'F' {
			return nil
		}
	}
	out, err := hex.AppendDecode(nil, s)
	if err != nil {
		return nil
	}
	return out
}

// UUIDOf makes a UUID of a text, always the same: version 5 in RFC 9562's name space of
// object identifiers.
func UUIDOf(text []byte) string {
	space := [16]byte{0x6b, 0xa7, 0xb8, 0x12, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	sum := sha1.Sum(append(space[:], text...))
	id := sum[:16]
	id[6], id[8] = id[6]&0x0F|0x50, id[8]&0x3F|0x80
	return string(hyphened(id))
}

// LowerUUID returns the lower-case form with hyphens of a text that is a UUID in any case.
func LowerUUID(text string) (string, bool) {
	lower := strings.ToLower(text)
	return lower, parseUUID([]byte(lower)) != nil
}
