package vectors

import "bytes"

// badZstd are faults of the zstd frames. FORMAT.md section 6.
func badZstd(s *set) {
	raw := func(class, name, comment string, frame func(data []byte) []byte) {
		a := three("ndjson")
		a.chunks[1].data = lines(&small, a.chunks[1].rows)
		a.chunks[1].frame = frame(a.chunks[1].data)
		s.bad(class, "zstd-"+name, comment, 1, a)
	}
	bad := func(name, comment string, f zstdFrame) { raw("zstd", name, comment, f.bytes) }
	bad("no-checksum", "No content checksum.", zstdFrame{noChecksum: true})
	bad("checksum", "The content checksum is wrong.", zstdFrame{checksum: 1})
	bad("no-size", "No content size.", zstdFrame{sizeBytes: -1, window: 7 << 3})
	bad("size-less", "The content size is one too small.", zstdFrame{size: len(lines(&small, three("ndjson").chunks[1].rows)) - 1})
	bad("size-more", "The content size is one too large.", zstdFrame{size: len(lines(&small, three("ndjson").chunks[1].rows)) + 1})
	bad("size-huge", "The content size is 2^63.", zstdFrame{sizeBytes: 8, size: -1 << 63})
	bad("window", "A window of 9 MiB.", zstdFrame{window: 13<<3 | 1})
	bad("window-huge", "A window of 2 TiB.", zstdFrame{window: 31 << 3})
	bad("dictionary", "A dictionary.", zstdFrame{descriptor: 1, dictionary: []byte{7}})
	bad("dictionary-0", "A Dictionary_ID flag with the dictionary 0, which means none.", zstdFrame{descriptor: 2, dictionary: []byte{0, 0}})
	bad("reserved-bit", "The reserved bit of the frame header is set.", zstdFrame{descriptor: 1 << 3})
	plain := func(data []byte) []byte { return zstdFrame{}.bytes(data) }
	raw("zstd", "two-frames", "Two frames.", func(data []byte) []byte { return cat(plain(data[:10]), plain(data[10:])) })
	raw("zstd", "two-equal-frames", "The frame stands twice.", func(data []byte) []byte { return cat(plain(data), plain(data)) })
	raw("zstd", "empty-frame-behind", "An empty frame behind the frame.", func(data []byte) []byte { return cat(plain(data), plain(nil)) })
	raw("zstd", "skippable-behind", "A skippable frame behind the frame.", func(data []byte) []byte { return cat(plain(data), skippable(nil)) })
	raw("zstd", "skippable-before", "A skippable frame before the frame.", func(data []byte) []byte { return cat(skippable(nil), plain(data)) })
	raw("zstd", "skippable", "A skippable frame in place of the frame.", skippable)
	raw("zstd", "plain", "Records that are not compressed.", func(data []byte) []byte { return data })
	raw("zstd", "empty", "A payload of no bytes.", func([]byte) []byte { return []byte{} })
	raw("zstd", "cut", "A frame that is cut short.", func(data []byte) []byte { return plain(data)[:30] })
	raw("zstd", "cut-checksum", "A frame without the last byte of its checksum.", func(data []byte) []byte { return plain(data)[:len(plain(data))-1] })
	raw("zstd", "byte-behind", "A byte behind the frame.", func(data []byte) []byte { return cat(plain(data), []byte{0}) })
	raw("zstd", "magic", "Another magic number.", func(data []byte) []byte { return cat([]byte{0x27}, plain(data)[1:]) })
	raw("zstd", "header-cut", "A frame that ends within its header.", func(data []byte) []byte { return plain(data)[:6] })
	blocks := func(name, comment string, f func(data []byte) []byte) {
		raw("zstd", name, comment, func(data []byte) []byte { return zstdFrame{blocks: f(data)}.bytes(data) })
	}
	blocks("reserved-block", "A block of the reserved type.", func(data []byte) []byte { return zstdBlock(3, len(data), data, true) })
	blocks("corrupt-block", "A compressed block that does not decompress.", func(data []byte) []byte { return zstdBlock(2, len(data), data, true) })
	blocks("block-long", "A block that is longer than the frame.", func(data []byte) []byte { return zstdBlock(0, len(data)+100, data, true) })
	blocks("no-last-block", "No last block.", func(data []byte) []byte { return zstdBlock(0, len(data), data, false) })
	blocks("less", "Less content than said.", func(data []byte) []byte { return zstdBlock(0, len(data)-1, data[1:], true) })
	blocks("more", "More content than said.", func(data []byte) []byte {
		return cat(zstdBlock(0, len(data), data, false), zstdBlock(1, 100_000, []byte{0}, true))
	})

	a := three("ndjson")
	data := cat([]byte(`{"$section":"s","k":"c","n":3`), bytes.Repeat([]byte(" "), 8<<20), []byte("}\n"))
	frame := zstdFrame{blocks: cat(zstdBlock(0, 7600, data[:7600], false), zstdFrame{}.split(data[7600:]))}.bytes(data)
	a.chunks[1] = chunk{section: "s", rows: []row{pair("c", 3)}, data: data, frame: frame}
	s.bad("zstd", "zstd-single-segment", "A single segment of more than 8 MiB: its content size is its window.", 1, a)

	a = three("ndjson")
	a.chunks[1] = chunk{section: "s", rows: repeated(), data: lines(&small, repeated()), frame: cat(repeatedFrame)}
	a.chunks[1].frame[len(repeatedFrame)/2] ^= 0x10
	s.bad("zstd", "zstd-corrupt", "A bit of a compressed block is another, under a payload hash that says so.", 1, a)
}
