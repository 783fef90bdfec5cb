package format

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"
)

// Most of a chunk of vectors is byte planes. In them nothing repeats, so that a
// search for matches costs time and finds none; what is to be had is that some
// planes have few values. entropyEncoder makes a zstd frame (RFC 8878) that searches
// in what stands before the planes and only counts bytes in the rest.
type entropyEncoder struct {
	search  *zstd.Encoder // of one segment, without a checksum
	scratch huff0.Scratch
	front   []byte
}

// maxBlock is the Block_Maximum_Size of RFC 8878 section 3.1.1.2.4, in bytes.
const maxBlock = 128 << 10

func newEntropyEncoder() (*entropyEncoder, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(encodeWindow), zstd.WithSingleSegment(true))
	return &entropyEncoder{search: enc}, err
}

// encode appends the frame of data to dst. cuts ascend: the search ends at the
// first of them, and a block starts at each. Data is at most maxWindow bytes.
func (e *entropyEncoder) encode(dst, data []byte, cuts []int) ([]byte, error) {
	dst = appendFrameHeader(dst, len(data))
	at := 0
	if len(cuts) > 0 && cuts[0] > 0 {
		var err error
		if dst, err = e.appendSearched(dst, data[:cuts[0]]); err != nil {
			return nil, err
		}
		at = cuts[0]
	}
	for i := range cuts {
		end := len(data)
		if i+1 < len(cuts) {
			end = cuts[i+1]
		}
		for ; at < end; at += min(maxBlock, end-at) {
			dst = e.appendBlock(dst, data[at:min(at+maxBlock, end)])
		}
	}
	// An empty raw block says that it is the last.
	dst = append(dst, 1, 0, 0)
	return binary.LittleEndian.AppendUint32(dst, uint32(xxhash.Sum64(data))), nil
}

// appendFrameHeader appends the header of a frame of one segment, with content
// size in 4 bytes and checksum. RFC 8878 section 3.1.1.1.
func appendFrameHeader(dst []byte, size int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, zstdMagic)
	return binary.LittleEndian.AppendUint32(append(dst, 2<<6|1<<5|1<<2), uint32(size))
}

// appendSearched appends the blocks of a frame of its own, none of them the last.
// They may stand at the start of any frame: they refer to nothing before them.
func (e *entropyEncoder) appendSearched(dst, data []byte) ([]byte, error) {
	e.front = e.search.EncodeAll(data, e.front[:0])
	var h zstd.Header
	if err := h.Decode(e.front); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	for at := h.HeaderSize; ; {
		block := uint32(e.front[at]) | uint32(e.front[at+1])<<8 | uint32(e.front[at+2])<<16
		size := int(block >> 3)
		if block>>1&3 == blockRLE {
			size = 1
		}
		dst = append(dst, e.front[at]&^1)
		dst = append(dst, e.front[at+1:at+3+size]...)
		if at += 3 + size; block&1 == 1 {
			return dst, nil
		}
	}
}

// Block types of RFC 8878 section 3.1.1.2.2.
const (
	blockRaw        = 0
	blockRLE        = 1
	blockCompressed = 2
)

// appendBlock appends one block of literals: Huffman-coded where that is shorter.
func (e *entropyEncoder) appendBlock(dst, data []byte) []byte {
	e.scratch.Reuse = huff0.ReusePolicyNone
	const least = 1 << 10 // below, it is not worth a table
	if len(data) >= least {
		coded, _, err := huff0.Compress4X(data, &e.scratch)
		if err == huff0.ErrUseRLE {
			dst = appendBlockHeader(dst, blockRLE, len(data))
			return append(dst, data[0])
		}
		// Section 3.1.1.3.1.1: type 2 with four streams and sizes of 18 bits, then
		// no sequences.
		if err == nil && 5+len(coded)+1 < len(data) {
			dst = appendBlockHeader(dst, blockCompressed, 5+len(coded)+1)
			head := 2 | 3<<2 | uint64(len(data))<<4 | uint64(len(coded))<<22
			dst = append(dst, byte(head), byte(head>>8), byte(head>>16), byte(head>>24), byte(head>>32))
			return append(append(dst, coded...), 0)
		}
	}
	dst = appendBlockHeader(dst, blockRaw, len(data))
	return append(dst, data...)
}

func appendBlockHeader(dst []byte, kind, size int) []byte {
	h := uint32(size)<<3 | uint32(kind)<<1
	return append(dst, byte(h), byte(h>>8), byte(h>>16))
}

// planeCuts returns where in an Arrow stream that this package has written the
// planes of the section's first vector field start, and where the last one ends.
// It returns nil if there are none.
func planeCuts(stream []byte, s *Section, records int) []int {
	_, _, rest, err := nextMessage(stream)
	if err != nil {
		return nil
	}
	meta, body, rest, err := nextMessage(rest)
	if err != nil {
		return nil
	}
	start := len(stream) - len(rest) - len(body)
	d, err := newBatchDecoder(meta, body, records)
	if err != nil {
		return nil
	}
	skip := 0
	for _, f := range s.Fields {
		switch {
		case f.Type == Vector:
			return d.planeCuts(start, skip)
		case f.Type.fixed():
			skip += 2
		case f.Type == List:
			skip += 5
		default:
			skip += 3
		}
	}
	return nil
}

func (d *batchDecoder) planeCuts(start, skip int) []int {
	var cuts []int
	end := 0
	for range planes {
		for range skip + 2 { // and the plane's validity and offsets
			if _, err := d.nextBuffer(); err != nil {
				return nil
			}
		}
		skip = 0
		plane, err := d.nextBuffer()
		if err != nil || len(plane) == 0 {
			return nil
		}
		end = start + int(d.used)
		cuts = append(cuts, end-len(plane))
	}
	return append(cuts, end)
}
