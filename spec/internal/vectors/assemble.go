package vectors

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// An archive is a model of an archive and at most one fault. The functions are
// faults: each changes what is right before the hashes over it are computed.
type archive struct {
	encoding string
	sections []section
	chunks   []chunk

	guide         func(*guide)
	manifest      func(map[string]any)
	manifestText  func(string) string
	manifestFrame func([]byte) []byte
	manifestHead  func(*header)
	end           func(map[string]any)
	endText       func(string) string
	endFrame      func([]byte) []byte
	endHead       func(*header)
	trailer       func([]byte) []byte // the whole frame
	file          func(*built) []byte // the whole file
	noManifest    bool
	noEnd         bool
}

// A chunk holds rows of one section.
type chunk struct {
	section string
	rows    []row
	data    []byte              // what the rows give when nil
	frame   []byte              // the zstd frame; raw blocks of data when nil
	head    func(*header)       // a fault in the block header
	payload func([]byte) []byte // a fault behind the payload hash
}

// guide is FORMAT.md section 2, header section 3. A fault may replace the check.
type guide struct {
	magic                                    string
	version, reserved                        int
	incompatible, readCompatible, compatible int
	zero                                     []byte
	text                                     string
	check                                    []byte
}

type header struct {
	magic, kind, encoding, nameLength               int
	block, sequence, records, payloadSize, dataSize int
	zero                                            []byte
	hash, previous                                  []byte
	name                                            string
	check                                           []byte
}

// built is an archive in the making.
type built struct {
	archive
	out      []byte
	starts   []int // where the frames start
	previous [32]byte
	blocks   int
	rows     map[string][]row
	index    []any
	content  [32]byte
}

const skippableMagic = 0x184D2A5D

func skippable(content []byte) []byte { return cat(u32(skippableMagic), u32(len(content)), content) }

func (b *built) frame(frame []byte) {
	b.starts = append(b.starts, len(b.out))
	b.out = append(b.out, frame...)
}

// sealed writes a frame whose last bytes are its check.
func (b *built) sealed(magic int, content, check []byte) {
	frame := cat(u32(magic), u32(len(content)+32), content)
	b.previous = sha256.Sum256(frame)
	if check != nil {
		b.previous = [32]byte(check)
	}
	b.frame(append(frame, b.previous[:]...))
}

func (b *built) block(h header, payload []byte, fault func(*header)) {
	sum := sha(payload)
	h.magic, h.nameLength, h.payloadSize = skippableMagic, len(h.name), len(payload)
	h.block, h.zero, h.hash, h.previous = b.blocks, make([]byte, 8), sum[:], slices.Clone(b.previous[:])
	if fault != nil {
		fault(&h)
	}
	b.sealed(h.magic, cat([]byte{byte(h.kind), byte(h.encoding)}, u16(h.nameLength), u32(h.block), u32(h.sequence), u32(h.records),
		u32(h.payloadSize), u32(h.dataSize), h.zero, h.hash, h.previous, []byte(h.name)), h.check)
	b.blocks++
}

func (b *built) control(kind int, object map[string]any, change func(map[string]any), rewrite func(string) string,
	reframe func([]byte) []byte, fault func(*header)) {
	if change != nil {
		change(object)
	}
	content, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	if rewrite != nil {
		content = []byte(rewrite(string(content)))
	}
	payload := skippable(content)
	if reframe != nil {
		payload = reframe(payload)
	}
	b.block(header{kind: kind, dataSize: len(content)}, payload, fault)
	b.frame(payload)
}

func (a *archive) section(name string) *section {
	for i := range a.sections {
		if a.sections[i].name == name {
			return &a.sections[i]
		}
	}
	return &section{name: name}
}

// build writes the archive.
func (a archive) build() *built {
	b := &built{archive: a, rows: map[string][]row{}}
	g := guide{magic: "\x89marc\r\n\x1a", version: 1, zero: make([]byte, 16), text: "A test vector of the memarc format.\n"}
	if a.guide != nil {
		a.guide(&g)
	}
	b.sealed(skippableMagic, cat([]byte(g.magic), u16(g.version), u16(g.reserved), u32(g.incompatible), u32(g.readCompatible),
		u32(g.compatible), g.zero, []byte(g.text)), g.check)
	sections := []any{}
	for _, s := range a.sections {
		listed := []any{}
		for _, f := range s.fields {
			listed = append(listed, map[string]any{"name": f.name, "type": f.kind})
		}
		sections = append(sections, map[string]any{"name": s.name, "key": append([]string{}, s.key...), "fields": listed})
	}
	if !a.noManifest {
		b.control('M', map[string]any{"writer": "vectors 1", "encoding": a.encoding, "sections": sections,
			"source": map[string]any{"engine": "none", "layout": "none"}}, a.manifest, a.manifestText, a.manifestFrame, a.manifestHead)
	}
	for _, c := range a.chunks {
		b.chunk(c)
	}
	if !a.noEnd {
		b.finish()
	}
	if a.file != nil {
		b.out = a.file(b)
	}
	return b
}

func (b *built) chunk(c chunk) {
	s := b.section(c.section)
	h := header{kind: 'C', encoding: 2, records: len(c.rows), name: c.section}
	if b.encoding == "arrow" {
		h.encoding = 1
	}
	for _, entry := range b.index {
		if entry.([]any)[0] == c.section {
			h.sequence++
		}
	}
	data, frame := c.data, c.frame
	if data == nil && h.encoding == 1 {
		data = arrow(s.fields, c.rows, nil)
	} else if data == nil {
		data = lines(s, c.rows)
	}
	if frame == nil {
		frame = zstdFrame{}.bytes(data)
	}
	h.dataSize = len(data)
	start, sequence := len(b.out), h.sequence
	b.block(h, frame, c.head)
	if c.payload != nil {
		frame = c.payload(frame)
	}
	b.frame(frame)
	b.rows[c.section] = append(b.rows[c.section], c.rows...)
	b.index = append(b.index, []any{c.section, sequence, len(c.rows), start, len(b.out) - start, hex.EncodeToString(b.previous[:])})
}

// finish writes the end block and the trailer. FORMAT.md section 7.
func (b *built) finish() {
	records, listed, digests := 0, []any{}, []byte{3}
	names := []string{}
	for name := range b.rows {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		digest := b.section(name).digest(b.rows[name])
		records += len(b.rows[name])
		digests = append(digests, digest[:]...)
		listed = append(listed, map[string]any{"name": name, "records": len(b.rows[name]), "digest": hex.EncodeToString(digest[:])})
	}
	b.content = sha(digests)
	start := len(b.out)
	b.control('E', map[string]any{"complete": true, "records": records, "sections": listed, "content": hex.EncodeToString(b.content[:]),
		"losses": []any{}, "index": append([]any{}, b.index...)}, b.end, b.endText, b.endFrame, b.endHead)
	trailer := skippable(cat(u64(uint64(start)), b.previous[:], []byte("marc-end")))
	if b.trailer != nil {
		trailer = b.trailer(trailer)
	}
	b.frame(trailer)
}

// released is what a reader has given out after so many chunks.
func (b *built) released(chunks int) (sum string, records int) {
	var all []byte
	for _, c := range b.chunks[:chunks] {
		for _, r := range c.rows {
			record := b.section(c.section).record(r)
			all = append(all, cat(u16(len(c.section)), []byte(c.section), u32(len(record)), record)...)
			records++
		}
	}
	hash := sha(all)
	return hex.EncodeToString(hash[:]), records
}
