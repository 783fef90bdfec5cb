package format

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"
)

// checkFrame verifies that payload is exactly one zstd frame of the form that
// FORMAT.md section 6 asks for, without decompressing it. RFC 8878 section 3.1.1.
func checkFrame(payload []byte, data int) error {
	var h zstd.Header
	if err := h.Decode(payload); err != nil {
		return fmt.Errorf("%w: zstd frame: %w", ErrCorrupt, err)
	}
	switch {
	case h.Skippable:
		return fmt.Errorf("%w: payload is a skippable frame", ErrCorrupt)
	case !h.HasCheckSum:
		return fmt.Errorf("%w: zstd frame has no checksum", ErrCorrupt)
	case !h.HasFCS || h.FrameContentSize != uint64(data):
		return fmt.Errorf("%w: zstd frame does not declare the %d bytes of its block header", ErrCorrupt, data)
	case payload[4]&3 != 0:
		return fmt.Errorf("%w: zstd frame has a dictionary", ErrCorrupt)
	case h.SingleSegment:
		h.WindowSize = h.FrameContentSize
	}
	if h.WindowSize > maxWindow {
		return &LimitError{What: "zstd window", Got: h.WindowSize, Max: maxWindow}
	}
	at := h.HeaderSize
	for {
		if at+3 > len(payload) {
			return fmt.Errorf("%w: zstd frame is cut short", ErrCorrupt)
		}
		block := uint32(payload[at]) | uint32(payload[at+1])<<8 | uint32(payload[at+2])<<16
		size := int(block >> 3)
		if block>>1&3 == 1 { // a run of one byte
			size = 1
		}
		if at += 3 + size; at > len(payload) {
			return fmt.Errorf("%w: zstd frame is cut short", ErrCorrupt)
		}
		if block&1 == 1 {
			break
		}
	}
	if at+4 != len(payload) {
		return fmt.Errorf("%w: payload is not one zstd frame", ErrCorrupt)
	}
	return nil
}

// controlContent returns the content of a manifest's or end block's payload.
func controlContent(frame []byte) ([]byte, error) {
	if len(frame) < frameHeader || binary.LittleEndian.Uint32(frame) != skippableMagic ||
		int(binary.LittleEndian.Uint32(frame[4:])) != len(frame)-frameHeader {
		return nil, fmt.Errorf("%w: payload is not one skippable frame", ErrCorrupt)
	}
	return frame[frameHeader:], nil
}

// zstdMagic starts a zstd frame. RFC 8878 section 3.1.1.
const zstdMagic = 0xFD2FB528

// storeRaw appends a zstd frame of blocks that are not compressed. RFC 8878
// section 3.1.1.2.
func storeRaw(out, data []byte) []byte {
	const most = maxBlock
	out = slices.Grow(out, len(data)+len(data)/most*3+32)
	out = binary.LittleEndian.AppendUint32(out, zstdMagic)
	// Content size in 8 bytes, checksum, and a window of 128 KiB.
	out = append(out, 3<<6|1<<2, 7<<3)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(data)))
	for rest := data; ; {
		n := min(len(rest), most)
		block := uint32(n) << 3
		if n == len(rest) {
			block |= 1
		}
		out = append(out, byte(block), byte(block>>8), byte(block>>16))
		out = append(out, rest[:n]...)
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
	}
	return binary.LittleEndian.AppendUint32(out, uint32(xxhash.Sum64(data)))
}

// newDecoder returns a decoder for DecodeAll that never gives more than max
// bytes and takes no larger window than FORMAT.md section 6 allows.
func newDecoder(max int) (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(max)), zstd.WithDecoderMaxWindow(maxWindow))
}
