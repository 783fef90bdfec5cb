package format

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Version is the format version that this package writes. FORMAT.md section 2.
const Version = 1

const (
	skippableMagic = 0x184D2A5D // FORMAT.md section 1
	frameHeader    = 8          // magic and size of a skippable frame
)

// Positions in the guide's content. FORMAT.md section 2.
const (
	guideVersion  = 8
	guideReserved = 10
	guideFlags    = 12
	guideZero     = 24
	guideText     = 40
	guideMin      = guideText + len(Hash{})
)

const guideMagic = "\x89marc\r\n\x1a"

// Positions in a block header's content. FORMAT.md section 3.
const (
	headKind     = 0
	headEncoding = 1
	headName     = 2
	headBlock    = 4
	headSequence = 8
	headRecords  = 12
	headPayload  = 16
	headData     = 20
	headZero     = 24
	headHash     = 32
	headPrevious = 64
	headText     = 96
	headFixed    = headText + len(Hash{})
)

const (
	kindManifest = 'M'
	kindChunk    = 'C'
	kindEnd      = 'E'
)

// Positions in the trailer's content. FORMAT.md section 7.
const (
	trailerMagic = "marc-end"
	trailerSize  = 8 + 32 + len(trailerMagic)
)

// Flags are feature flags in three classes. FORMAT.md section 2.
type Flags struct {
	Incompatible, ReadCompatible, Compatible uint32
}

func skippable(content int) []byte {
	b := make([]byte, 0, frameHeader+content)
	b = binary.LittleEndian.AppendUint32(b, skippableMagic)
	return binary.LittleEndian.AppendUint32(b, uint32(content))
}

// seal appends the SHA-256 of the whole frame so far.
func seal(frame []byte) ([]byte, Hash) {
	sum := Hash(sha256.Sum256(frame))
	return append(frame, sum[:]...), sum
}

func encodeGuide(flags Flags, text string) ([]byte, Hash) {
	b := skippable(guideMin + len(text))
	b = append(b, guideMagic...)
	b = binary.LittleEndian.AppendUint16(b, Version)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint32(b, flags.Incompatible)
	b = binary.LittleEndian.AppendUint32(b, flags.ReadCompatible)
	b = binary.LittleEndian.AppendUint32(b, flags.Compatible)
	b = append(b, make([]byte, guideText-guideZero)...)
	return seal(append(b, text...))
}

// decodeGuide takes the whole frame.
func decodeGuide(frame []byte) (flags Flags, text string, check Hash, err error) {
	content := frame[frameHeader:]
	check = Hash(content[len(content)-len(check):])
	if sum := sha256.Sum256(frame[:len(frame)-len(check)]); sum != check {
		return flags, "", check, fmt.Errorf("guide: %w", mismatch(check, sum))
	}
	if v := binary.LittleEndian.Uint16(content[guideVersion:]); v != Version {
		return flags, "", check, fmt.Errorf("%w: the archive has format version %d, this program reads version %d", ErrVersion, v, Version)
	}
	flags.Incompatible = binary.LittleEndian.Uint32(content[guideFlags:])
	flags.ReadCompatible = binary.LittleEndian.Uint32(content[guideFlags+4:])
	flags.Compatible = binary.LittleEndian.Uint32(content[guideFlags+8:])
	if unknown := flags.Incompatible &^ knownIncompatible; unknown != 0 {
		return flags, "", check, fmt.Errorf("%w: the archive needs features %#x, which this program does not know", ErrVersion, unknown)
	}
	if binary.LittleEndian.Uint16(content[guideReserved:]) != 0 || !zero(content[guideZero:guideText]) {
		return flags, "", check, fmt.Errorf("guide: %w: reserved bytes are not zero", ErrCorrupt)
	}
	raw := content[guideText : len(content)-len(check)]
	if !utf8.Valid(raw) {
		return flags, "", check, fmt.Errorf("guide: %w: text is not valid UTF-8", ErrCorrupt)
	}
	return flags, string(raw), check, nil
}

func zero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

// header is a block header. FORMAT.md section 3.
type header struct {
	kind     byte
	encoding Encoding
	section  string
	block    uint32
	sequence uint32
	records  uint32
	payload  uint32 // bytes of the next frame
	data     uint32 // bytes of it when decompressed
	hash     Hash   // of the next frame
	previous Hash
	check    Hash
}

// encode returns the header's frame and sets its check.
func (h *header) encode() []byte {
	b := skippable(headFixed + len(h.section))
	b = append(b, h.kind, byte(h.encoding))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(h.section)))
	b = binary.LittleEndian.AppendUint32(b, h.block)
	b = binary.LittleEndian.AppendUint32(b, h.sequence)
	b = binary.LittleEndian.AppendUint32(b, h.records)
	b = binary.LittleEndian.AppendUint32(b, h.payload)
	b = binary.LittleEndian.AppendUint32(b, h.data)
	b = append(b, make([]byte, headHash-headZero)...)
	b = append(b, h.hash[:]...)
	b = append(b, h.previous[:]...)
	b, h.check = seal(append(b, h.section...))
	return b
}

// decodeHeader takes the whole frame and verifies what can be verified without
// the rest of the archive.
func decodeHeader(frame []byte) (h header, err error) {
	content := frame[frameHeader:]
	if len(content) < headFixed {
		return h, fmt.Errorf("block header: %w: %d bytes are too few", ErrCorrupt, len(content))
	}
	h.check = Hash(content[len(content)-len(h.check):])
	if sum := sha256.Sum256(frame[:len(frame)-len(h.check)]); sum != h.check {
		return h, fmt.Errorf("block header: %w", mismatch(h.check, sum))
	}
	h.kind, h.encoding = content[headKind], Encoding(content[headEncoding])
	h.block = binary.LittleEndian.Uint32(content[headBlock:])
	h.sequence = binary.LittleEndian.Uint32(content[headSequence:])
	h.records = binary.LittleEndian.Uint32(content[headRecords:])
	h.payload = binary.LittleEndian.Uint32(content[headPayload:])
	h.data = binary.LittleEndian.Uint32(content[headData:])
	h.hash = Hash(content[headHash:headPrevious])
	h.previous = Hash(content[headPrevious:headText])
	name := content[headText : len(content)-len(h.check)]
	switch {
	case int(binary.LittleEndian.Uint16(content[headName:])) != len(name):
		return h, fmt.Errorf("block header: %w: name length does not fit", ErrCorrupt)
	case !zero(content[headZero:headHash]):
		return h, fmt.Errorf("block header: %w: reserved bytes are not zero", ErrCorrupt)
	}
	h.section = string(name)
	if h.kind != kindChunk {
		if h.section != "" || h.encoding != 0 || h.sequence != 0 || h.records != 0 {
			return h, fmt.Errorf("block header: %w: control block %q has a chunk's fields", ErrCorrupt, h.kind)
		}
		if h.data > MaxControl {
			return h, &LimitError{What: "control block", Got: uint64(h.data), Max: MaxControl}
		}
		if uint64(h.payload) != uint64(h.data)+frameHeader {
			return h, fmt.Errorf("block header: %w: payload length %d does not fit data length %d", ErrCorrupt, h.payload, h.data)
		}
		return h, nil
	}
	if err := checkName(h.section); err != nil {
		return h, fmt.Errorf("block header: %w: section name %w", ErrCorrupt, err)
	}
	if h.records == 0 {
		return h, fmt.Errorf("block header: %w: chunk without records", ErrCorrupt)
	}
	if h.records > MaxRecords {
		return h, &LimitError{What: "records of a chunk", Got: uint64(h.records), Max: MaxRecords}
	}
	return h, nil
}

// checkSize enforces the limits on a chunk's lengths before anything of these
// lengths is read or allocated. FORMAT.md section 9.
func (h *header) checkSize(maxChunk int) error {
	if uint64(h.data) > uint64(maxChunk) {
		return &LimitError{What: "chunk", Got: uint64(h.data), Max: uint64(maxChunk)}
	}
	if most := ratioFree + ratioPerBytes*uint64(h.payload); uint64(h.data) > most {
		return &LimitError{What: "chunk for its compressed length", Got: uint64(h.data), Max: most}
	}
	if most := uint64(maxChunk) + payloadRoom; uint64(h.payload) > most {
		return &LimitError{What: "compressed chunk", Got: uint64(h.payload), Max: most}
	}
	return nil
}

func encodeTrailer(end uint64, root Hash) []byte {
	b := skippable(trailerSize)
	b = binary.LittleEndian.AppendUint64(b, end)
	return append(append(b, root[:]...), trailerMagic...)
}

// MagicSize is how many bytes of a file IsArchive needs.
const MagicSize = frameHeader + len(guideMagic)

// IsArchive tells whether a file that starts with these bytes is a .marc archive.
func IsArchive(head []byte) bool {
	return len(head) >= MagicSize && binary.LittleEndian.Uint32(head) == skippableMagic && string(head[frameHeader:MagicSize]) == guideMagic
}
