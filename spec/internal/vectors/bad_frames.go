package vectors

import (
	"fmt"
	"strings"
)

// badFrames are faults of the guide, the block headers, the chain and the limits
// of headers. FORMAT.md sections 1 to 3 and 9.
func badFrames(s *set) {
	badGuide(s)
	badHeader(s)
	badControl(s)
	badChain(s)
	badFile(s)
}

func badGuide(s *set) {
	bad := func(class, name, comment string, change func(*guide)) {
		a := three("ndjson")
		a.guide = change
		s.bad(class, "guide-"+name, comment, 0, a)
	}
	bad("guide", "magic", "The magic of the guide has another last byte.", func(g *guide) { g.magic = "\x89marc\r\n\x1b" })
	bad("guide", "check", "The check of the guide is wrong.", func(g *guide) { g.check = make([]byte, 32) })
	bad("guide", "check-before-version", "The check is verified before the version is believed.", func(g *guide) { g.version, g.check = 2, make([]byte, 32) })
	bad("guide", "reserved", "The u16 behind the version is not 0.", func(g *guide) { g.reserved = 1 })
	bad("guide", "zero", "A reserved byte is not 0.", func(g *guide) { g.zero[15] = 1 })
	bad("guide", "utf8", "The text is not valid UTF-8.", func(g *guide) { g.text = "\xff" })
	bad("version", "version-2", "Format version 2.", func(g *guide) { g.version = 2 })
	bad("version", "version-0", "Format version 0.", func(g *guide) { g.version = 0 })
	bad("version", "version-before-reserved", "The version is looked at before the reserved bytes, which it may have given a meaning.", func(g *guide) { g.version, g.zero[0] = 2, 1 })
	bad("feature", "flag-incompatible", "An unknown incompatible flag.", func(g *guide) { g.incompatible = 2 })
	bad("feature", "flag-before-reserved", "The flags are looked at before the reserved bytes.", func(g *guide) { g.incompatible, g.reserved = 1<<31, 7 })
	a := three("ndjson")
	a.file = func(b *built) []byte { return b.out[b.starts[1]:] }
	s.bad("guide", "guide-missing", "The archive begins with the manifest.", 0, a)
	a.file = func(b *built) []byte { return cat(skippable(make([]byte, 71)), b.out[b.starts[1]:]) }
	s.bad("guide", "guide-short", "The first frame has 71 bytes of content.", 0, a)
	a.file = func(b *built) []byte { return cat(b.out[:4], u32(65537), b.out[8:]) }
	s.bad("guide", "guide-long", "The guide says that it has 65 537 bytes of content.", 0, a)
	a.file = func(b *built) []byte { return cat([]byte{0}, b.out) }
	s.bad("guide", "guide-second", "A byte stands before the guide.", 0, a)
	a.file = func(b *built) []byte { return []byte("00714cam a2200205 a 4500001001300000003000600013") }
	s.bad("guide", "guide-marc21", "A MARC 21 library record.", 0, a)
}

func badHeader(s *set) {
	bad := func(class, name, comment string, change func(*header)) {
		a := three("ndjson")
		a.chunks[1].head = change
		s.bad(class, name, comment, 1, a)
	}
	bad("header", "header-magic", "The block header is a skippable frame with another magic number.", func(h *header) { h.magic++ })
	bad("header", "header-check", "The check of a block header is wrong.", func(h *header) { h.check = make([]byte, 32) })
	bad("header", "header-kind", "An unknown kind.", func(h *header) { h.kind = 0x44 })
	bad("header", "header-second-manifest", "A second manifest.", func(h *header) { h.kind, h.encoding, h.records, h.sequence, h.name, h.nameLength = 'M', 0, 0, 0, "", 0 })
	bad("header", "header-encoding-0", "A chunk with the encoding of control blocks.", func(h *header) { h.encoding = 0 })
	bad("header", "header-encoding-other", "A chunk with another encoding than the manifest says.", func(h *header) { h.encoding = 1 })
	bad("header", "header-encoding-3", "An unknown encoding.", func(h *header) { h.encoding = 3 })
	bad("header", "header-name-length", "The name length is not that of the name.", func(h *header) { h.nameLength = 2 })
	bad("header", "header-section", "A section that the manifest does not name.", func(h *header) { h.name = "t" })
	bad("header", "header-section-nul", "A section name with NUL.", func(h *header) { h.name, h.nameLength = "s\x00", 2 })
	bad("header", "header-section-utf8", "A section name that is not UTF-8.", func(h *header) { h.name = "\xff" })
	bad("header", "header-section-empty", "A chunk without section.", func(h *header) { h.name, h.nameLength = "", 0 })
	bad("limit", "header-section-long", "A section name of 1025 bytes.", func(h *header) { h.name, h.nameLength = strings.Repeat("s", 1025), 1025 })
	bad("header", "header-records-0", "A chunk without records.", func(h *header) { h.records = 0 })
	bad("header", "header-zero", "A reserved byte that is not 0.", func(h *header) { h.zero[7] = 1 })
	bad("chain", "header-block", "A block number that is not the next.", func(h *header) { h.block++ })
	bad("chain", "header-sequence", "A section sequence that is not the next.", func(h *header) { h.sequence++ })
	bad("chain", "header-previous", "The hash of the block before is another.", func(h *header) { h.previous[31] ^= 1 })
	bad("payload", "header-hash", "The payload hash is wrong.", func(h *header) { h.hash[0] ^= 1 })
	bad("payload", "header-payload-length", "The payload length is one too small.", func(h *header) { h.payloadSize-- })
	bad("zstd", "header-data-length", "The data length is not that of the frame.", func(h *header) { h.dataSize++ })
	bad("ndjson", "header-records-more", "More records than lines.", func(h *header) { h.records++ })
	bad("ndjson", "header-records-fewer", "Fewer records than lines.", func(h *header) { h.records-- })
	bad("limit", "limit-records", "1 048 577 records.", func(h *header) { h.records = 1<<20 + 1 })
	bad("limit", "limit-data", "A data length of 64 MiB + 1.", func(h *header) { h.dataSize, h.payloadSize = 64<<20+1, 60<<20 })
	bad("limit", "limit-data-4g", "A data length of 4 GiB - 1.", func(h *header) { h.dataSize = 1<<32 - 1 })
	bad("limit", "limit-payload", "A payload length of 65 MiB + 1.", func(h *header) { h.payloadSize = 65<<20 + 1 })
	bad("limit", "limit-payload-4g", "A payload length of 4 GiB - 1.", func(h *header) { h.payloadSize = 1<<32 - 1 })
	bad("limit", "limit-ratio", "A data length of 1 MiB + 1000 × payload length + 1.", func(h *header) { h.dataSize = 1<<20 + 1000*h.payloadSize + 1 })

	a := three("ndjson")
	zeros := make([]byte, 64<<20)
	a.chunks[1] = chunk{section: "s", rows: []row{pair("c", 3)}, data: zeros, frame: zstdFrame{}.bytes(zeros)}
	s.bad("limit", "bomb", "2 KiB of run-length blocks that would give 64 MiB, honestly announced.", 1, a)
	data := lines(&small, a.chunks[1].rows)
	a.chunks[1].data, a.chunks[1].frame = data, zstdFrame{size: len(data)}.bytes(zeros)
	s.bad("zstd", "bomb-hidden", "The same, announced as the length of one line.", 1, a)
	wide := section{name: "wide"}
	for i := range 17 {
		wide.fields = append(wide.fields, field{fmt.Sprint(i), "int"})
	}
	a = archive{encoding: "arrow", sections: []section{small, wide}, chunks: []chunk{three("arrow").chunks[0], {section: "wide", rows: []row{make(row, 17)}}}}
	a.chunks[1].head = func(h *header) { h.records = 1 << 20 }
	s.bad("limit", "limit-cells", "1 048 576 records of 17 fields.", 1, a)
}

func badControl(s *set) {
	for _, one := range []struct {
		name string
		set  func(*archive, func(*header))
		all  int
	}{
		{"manifest", func(a *archive, f func(*header)) { a.manifestHead = f }, 0},
		{"end", func(a *archive, f func(*header)) { a.endHead = f }, 3},
	} {
		bad := func(class, name, comment string, change func(*header)) {
			a := three("arrow")
			one.set(&a, change)
			s.bad(class, one.name+"-header-"+name, comment, one.all, a)
		}
		bad("header", "encoding", "A control block with an encoding.", func(h *header) { h.encoding = 1 })
		bad("header", "sequence", "A control block with a section sequence.", func(h *header) { h.sequence = 1 })
		bad("header", "records", "A control block with records.", func(h *header) { h.records = 1 })
		bad("header", "section-name", "A control block with a section name.", func(h *header) { h.name, h.nameLength = "s", 1 })
		bad("payload", "data-length", "A control block whose payload length is not its data length + 8.", func(h *header) { h.dataSize-- })
		bad("payload", "hash", "A payload hash that is wrong.", func(h *header) { h.hash[0] ^= 1 })
		bad("limit", "large", "A control block of more than 64 MiB.", func(h *header) { h.dataSize, h.payloadSize = 64<<20+1, 64<<20+9 })
	}
	a := three("ndjson")
	a.manifestHead = func(h *header) { h.kind = 'E' }
	s.bad("header", "manifest-kind", "Block 0 is an end block.", 0, a)
	a.manifestHead = func(h *header) { h.block = 1 }
	s.bad("chain", "manifest-block", "The manifest has block number 1.", 0, a)
	a.manifestHead = func(h *header) { h.previous = make([]byte, 32) }
	s.bad("chain", "manifest-previous", "The manifest does not follow the guide.", 0, a)
	a = three("ndjson")
	a.noManifest = true
	s.bad("header", "manifest-missing", "A chunk stands where the manifest must.", 0, a)
	a = three("ndjson")
	a.manifestFrame = func(frame []byte) []byte { return cat(u32(skippableMagic+1), frame[4:]) }
	s.bad("payload", "manifest-frame-magic", "The manifest is in a skippable frame with another magic number.", 0, a)
	a.manifestFrame = func(frame []byte) []byte { return cat(frame[:4], u32(len(frame)-9), frame[8:]) }
	s.bad("payload", "manifest-frame-length", "The frame of the manifest is shorter than its header says.", 0, a)
	a.manifestFrame = nil
	a.endFrame = func(frame []byte) []byte { return cat(u32(skippableMagic-1), frame[4:]) }
	s.bad("payload", "end-frame-magic", "The end block is in a skippable frame with another magic number.", 3, a)
}

func badChain(s *set) {
	bad := func(class, name, comment string, chunks int, change func(b *built, blocks [][]byte) []byte) {
		a := three("ndjson")
		a.file = func(b *built) []byte {
			var blocks [][]byte // guide, manifest, three chunks, end, trailer
			for i, start := range b.starts {
				stop := len(b.out)
				if i+1 < len(b.starts) {
					stop = b.starts[i+1]
				}
				if i > 0 && i%2 == 0 && i < len(b.starts)-1 {
					blocks[len(blocks)-1] = cat(blocks[len(blocks)-1], b.out[start:stop])
					continue
				}
				blocks = append(blocks, b.out[start:stop])
			}
			return change(b, blocks)
		}
		s.bad(class, name, comment, chunks, a)
	}
	bad("chain", "chain-swapped", "Two chunks are swapped.", 1, func(b *built, x [][]byte) []byte { return cat(x[0], x[1], x[2], x[4], x[3], x[5], x[6]) })
	bad("chain", "chain-repeated", "A chunk stands twice.", 1, func(b *built, x [][]byte) []byte { return cat(x[0], x[1], x[2], x[2], x[3], x[4], x[5], x[6]) })
	bad("chain", "chain-missing", "A chunk is missing.", 1, func(b *built, x [][]byte) []byte { return cat(x[0], x[1], x[2], x[4], x[5], x[6]) })
	bad("chain", "chain-last-missing", "The last chunk is missing.", 2, func(b *built, x [][]byte) []byte { return cat(x[0], x[1], x[2], x[3], x[5], x[6]) })
	bad("chain", "chain-all-missing", "All chunks are missing.", 0, func(b *built, x [][]byte) []byte { return cat(x[0], x[1], x[5], x[6]) })
	bad("chain", "chain-guide", "The guide is that of another archive.", 0, func(b *built, x [][]byte) []byte {
		a := three("ndjson")
		a.guide = func(g *guide) { g.text = "another" }
		other := a.build()
		return cat(other.out[:other.starts[1]], cat(x[1:]...))
	})
	bad("header", "frame-between", "A foreign skippable frame stands between two blocks.", 1, func(b *built, x [][]byte) []byte {
		return cat(x[0], x[1], x[2], skippable([]byte("x")), x[3], x[4], x[5], x[6])
	})
	bad("header", "chunks-only", "A payload stands where a header must.", 1, func(b *built, x [][]byte) []byte {
		return cat(x[0], x[1], x[2], b.out[b.starts[6]:])
	})
}

func badFile(s *set) {
	names := []string{"guide", "manifest header", "manifest", "header of chunk 1", "chunk 1", "header of chunk 2", "chunk 2", "header of chunk 3", "chunk 3",
		"end header", "end block"}
	chunks := []int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 3}
	for i, name := range names {
		a := three("arrow")
		a.file = func(b *built) []byte { return b.out[:b.starts[i+1]] }
		s.bad("truncated", "cut-"+strings.ReplaceAll(name, " ", "-"), "The file ends behind the "+name+".", chunks[i], a)
	}
	cut := func(name, comment string, chunks int, at func(b *built) int) {
		a := three("ndjson")
		a.file = func(b *built) []byte { return b.out[:at(b)] }
		s.bad("truncated", "cut-"+name, comment, chunks, a)
	}
	cut("nothing", "An empty file.", 0, func(b *built) int { return 0 })
	cut("in-guide", "The file ends within the guide.", 0, func(b *built) int { return 60 })
	cut("in-header", "The file ends within a block header.", 1, func(b *built) int { return b.starts[5] + 100 })
	cut("in-header-size", "The file ends within the size of a frame.", 1, func(b *built) int { return b.starts[5] + 6 })
	cut("in-chunk", "The file ends within a chunk.", 1, func(b *built) int { return b.starts[7] - 1 })
	cut("in-end", "The file ends within the end block.", 3, func(b *built) int { return b.starts[11] - 1 })
	cut("in-trailer", "The file lacks its last byte.", 3, func(b *built) int { return len(b.out) - 1 })
	for name, more := range map[string][]byte{"byte": {0}, "frame": skippable(nil), "newline": []byte("\n")} {
		a := three("ndjson")
		a.file = func(b *built) []byte { return cat(b.out, more) }
		s.bad("trailing", "trailing-"+name, "Bytes follow the trailer: a "+name+".", 3, a)
	}
	a := three("ndjson")
	a.file = func(b *built) []byte { return cat(b.out, b.out) }
	s.bad("trailing", "trailing-archive", "A whole archive follows the trailer.", 3, a)
	a = three("ndjson")
	a.noEnd = true
	a.file = func(b *built) []byte { return cat(b.out, skippable(cat(u64(0), b.previous[:], []byte("marc-end")))) }
	s.bad("header", "end-missing", "The trailer stands behind the last chunk.", 3, a)
	for at, name := range map[int]string{5: "header", 300: "data"} {
		a := three("arrow")
		a.chunks[1].payload = func(frame []byte) []byte {
			frame = cat(frame)
			frame[at] ^= 1
			return frame
		}
		s.bad("payload", "payload-flip-"+name, "One bit of a payload has flipped.", 1, a)
	}
}
