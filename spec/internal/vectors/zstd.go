package vectors

import (
	"bytes"

	"github.com/cespare/xxhash/v2"
)

// zstdFrame is the form of a frame of raw and run-length blocks, after RFC 8878
// section 3.1.1; its fields are what differs from the plain form: one segment,
// content size in 4 bytes, checksum.
type zstdFrame struct {
	descriptor byte // bits to flip in the frame header descriptor
	window     byte // the window descriptor; the frame is not a single segment then
	sizeBytes  int  // of the content size; -1: none
	size       int  // the content size said, when it is not the real one
	dictionary []byte
	noChecksum bool
	checksum   uint32 // bits to flip
	blocks     []byte // instead of those of the data
	rawOnly    bool   // no run-length blocks
	most       int    // bytes in a block, default 128 KiB
}

func (f zstdFrame) bytes(data []byte) []byte {
	if f.sizeBytes == 0 {
		f.sizeBytes = 4
	}
	if f.size == 0 {
		f.size = len(data)
	}
	descriptor := map[int]byte{-1: 0, 1: 0, 2: 1, 4: 2, 8: 3}[f.sizeBytes] << 6
	if f.window == 0 {
		descriptor |= 1 << 5
	}
	if !f.noChecksum {
		descriptor |= 1 << 2
	}
	out := append(u32(0xFD2FB528), descriptor^f.descriptor)
	if f.window != 0 {
		out = append(out, f.window)
	}
	out = append(out, f.dictionary...)
	if f.sizeBytes == 2 {
		out = append(out, u16(f.size-256)...)
	} else if f.sizeBytes > 0 {
		out = append(out, u64(uint64(f.size))[:f.sizeBytes]...)
	}
	if f.blocks != nil {
		out = append(out, f.blocks...)
	} else {
		out = append(out, f.split(data)...)
	}
	if f.noChecksum {
		return out
	}
	return append(out, u32(int(uint32(xxhash.Sum64(data))^f.checksum))...)
}

// split makes run-length blocks of runs of 64 bytes and more, raw blocks of the rest.
func (f zstdFrame) split(data []byte) (out []byte) {
	most := 128 << 10
	if f.most != 0 {
		most = f.most
	}
	if len(data) == 0 {
		return zstdBlock(0, 0, nil, true)
	}
	for at := 0; at < len(data); {
		n := run(data[at:], most)
		if n >= 64 && !f.rawOnly {
			out = append(out, zstdBlock(1, n, data[at:at+1], at+n == len(data))...)
			at += n
			continue
		}
		end := at + 1
		for end < len(data) && end-at < most && (f.rawOnly || run(data[end:], 64) < 64) {
			end++
		}
		out = append(out, zstdBlock(0, end-at, data[at:end], end == len(data))...)
		at = end
	}
	return out
}

// run is the length of the run of one byte that data starts with, at most most.
func run(data []byte, most int) int {
	data = data[:min(len(data), most)]
	return len(data) - len(bytes.TrimLeft(data, string(data[:1])))
}

// zstdBlock is a block: kind 0 raw, 1 run-length, 2 compressed, 3 reserved.
func zstdBlock(kind, size int, content []byte, last bool) []byte {
	n := size<<3 | kind<<1
	if last {
		n |= 1
	}
	return append(u32(n)[:3], content...)
}
