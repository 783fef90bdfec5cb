package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"io/fs"
	"runtime"
	"slices"
	"testing"

	"github.com/memarc/memarc/spec"
)

// archives returns the archives of the test vectors.
func archives(t testing.TB) (out [][]byte) {
	t.Helper()
	names, err := fs.Glob(spec.FS, "vectors/*.marc")
	if err != nil || len(names) == 0 {
		t.Fatal("no vectors", err)
	}
	for _, name := range names {
		raw, err := fs.ReadFile(spec.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, raw)
	}
	return out
}

// eachChunk decompresses the chunks of an archive as far as its frames are sound.
func eachChunk(archive []byte, f func(h header, s *Section, data []byte)) {
	r, err := NewReader(bytes.NewReader(archive), ReaderOptions{})
	if err != nil {
		return
	}
	defer r.Close()
	dec, err := newDecoder(1 << 20)
	if err != nil {
		return
	}
	defer dec.Close()
	for {
		h, err := r.header()
		if err != nil || h.checkSize(MaxChunk) != nil {
			return
		}
		payload, err := r.take(nil, int(h.payload))
		if err != nil {
			return
		}
		data, err := dec.DecodeAll(payload, nil)
		if s := r.manifest.Section(h.section); err == nil && s != nil {
			f(h, s, data)
		}
	}
}

// reseal makes the checks, hashes and links of a damaged archive right again,
// so that what stands behind them is reached.
func reseal(archive []byte) []byte {
	out := bytes.Clone(archive)
	frame := func(at int) int { // where the skippable frame at at ends, or 0
		if at+frameHeader+headFixed > len(out) || binary.LittleEndian.Uint32(out[at:]) != skippableMagic {
			return 0
		}
		end := at + frameHeader + int(binary.LittleEndian.Uint32(out[at+4:]))
		if end < at+frameHeader+guideMin || end > len(out) {
			return 0
		}
		return end
	}
	seal := func(at, end int) Hash {
		sum := sha256.Sum256(out[at : end-32])
		copy(out[end-32:], sum[:])
		return sum
	}
	at := frame(0)
	if at == 0 {
		return out
	}
	previous := seal(0, at)
	for block := uint32(0); ; block++ {
		end := frame(at)
		if end < at+frameHeader+headFixed {
			return out
		}
		content := out[at+frameHeader : end]
		stop := uint64(end) + uint64(binary.LittleEndian.Uint32(content[headPayload:]))
		if stop > uint64(len(out)) {
			return out
		}
		binary.LittleEndian.PutUint32(content[headBlock:], block)
		sum := sha256.Sum256(out[end:stop])
		copy(content[headHash:], sum[:])
		copy(content[headPrevious:], previous[:])
		previous = seal(at, end)
		if content[headKind] == kindEnd {
			return append(out[:stop:stop], encodeTrailer(uint64(at), previous)...)
		}
		at = int(stop)
	}
}

// records returns the canonical records of a batch.
func records(b *Batch) (out [][]byte) {
	for row := range b.Rows {
		out = append(out, b.AppendRecord(nil, row))
	}
	return out
}

func sameRecords(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

func FuzzReader(f *testing.F) {
	for _, archive := range archives(f) {
		f.Add(archive)
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		if len(archive) > 16<<10 {
			return
		}
		for _, input := range [][]byte{archive, reseal(archive)} {
			fuzzArchive(t, input)
		}
	})
}

func fuzzArchive(t *testing.T, archive []byte) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := NewReader(bytes.NewReader(archive), ReaderOptions{Workers: 1})
	if err != nil {
		return
	}
	defer r.Close()
	var batches []*Batch
	for b, err := range r.Batches() {
		if err != nil {
			if r.End() != nil {
				t.Fatalf("end block in spite of %v", err)
			}
			break
		}
		batches = append(batches, b)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<30 {
		t.Fatalf("%d bytes of memory for an archive of %d", used, len(archive))
	}
	if r.End() == nil {
		return
	}
	for _, encoding := range []Encoding{Arrow, NDJSON} {
		m := *r.Manifest()
		m.Encoding = encoding
		var out bytes.Buffer
		w, err := NewWriter(&out, &m, WriterOptions{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			again := NewBatch(b.Section)
			for row := range b.Rows {
				again.AppendRow(b, row)
			}
			if err := w.Write(again); err != nil {
				t.Fatal(err)
			}
		}
		end, err := w.Close(r.End().Losses)
		if err != nil {
			t.Fatal(err)
		}
		if end.Content != r.End().Content || end.Records != r.End().Records {
			t.Fatalf("written again as %s it has content digest %s, not %s", encoding, end.Content, r.End().Content)
		}
	}
}

// decode decodes a payload into a batch of its own memory.
func decode(s *Section, encoding Encoding, payload []byte, records int) (*Batch, error) {
	data := bytes.Clone(payload)
	b := &Batch{Section: s, Columns: make([]Column, len(s.Fields))}
	for i := range b.Columns {
		b.Columns[i].Reset(s.Fields[i].Type)
	}
	if encoding == Arrow {
		return b, arrowDecode(b, data, records)
	}
	return b, ndjsonDecode(b, data, records)
}

// fuzzPayload decodes a payload; what is accepted must be the same after it was
// written in either encoding and read again.
func fuzzPayload(t *testing.T, encoding Encoding, schema, payload []byte, rows uint32) {
	s := new(Section)
	if len(payload) > 1<<20 || rows == 0 || rows > 1<<16 || json.Unmarshal(schema, s) != nil || len(s.Fields) > 64 || s.Check() != nil {
		return
	}
	b, err := decode(s, encoding, payload, int(rows))
	if err != nil {
		return
	}
	want := records(b)
	if len(want) != int(rows) {
		t.Fatalf("%d records, want %d", len(want), rows)
	}
	var stream bytes.Buffer
	e := &arrowEncoder{schema: arrowSchema(s)}
	if err := e.encode(&stream, b); err != nil {
		t.Fatal(err)
	}
	lines, err := b.encodeNDJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	for encoding, payload := range map[Encoding][]byte{Arrow: stream.Bytes(), NDJSON: lines} {
		again, err := decode(s, encoding, payload, int(rows))
		if err != nil {
			t.Fatalf("%s that was written is refused: %v", encoding, err)
		}
		if got := records(again); !sameRecords(got, want) {
			t.Fatalf("written as %s and read again:\n%x\nwant\n%x", encoding, got, want)
		}
	}
}

func addPayloads(f *testing.F, encoding Encoding) {
	for _, archive := range archives(f) {
		eachChunk(archive, func(h header, s *Section, data []byte) {
			schema, err := json.Marshal(s)
			if err != nil {
				f.Fatal(err)
			}
			if h.encoding == encoding && len(data) < 64<<10 {
				f.Add(schema, data, h.records)
			}
		})
	}
}

func FuzzArrowDecode(f *testing.F) {
	addPayloads(f, Arrow)
	f.Fuzz(func(t *testing.T, schema, payload []byte, rows uint32) { fuzzPayload(t, Arrow, schema, payload, rows) })
}

func FuzzNDJSONDecode(f *testing.F) {
	addPayloads(f, NDJSON)
	f.Fuzz(func(t *testing.T, schema, payload []byte, rows uint32) { fuzzPayload(t, NDJSON, schema, payload, rows) })
}

// addValues adds what the fields of a type hold in the vectors.
func addValues(f *testing.F, types ...Type) {
	for _, archive := range archives(f) {
		eachChunk(archive, func(h header, s *Section, data []byte) {
			b, err := decode(s, h.encoding, data, int(h.records))
			if err != nil || len(data) > 64<<10 {
				return
			}
			for i := range b.Columns {
				for row := range b.Rows {
					if c := &b.Columns[i]; slices.Contains(types, c.Type) && !c.Null(row) {
						f.Add(c.AppendValue(nil, row))
					}
				}
			}
		})
	}
}

func FuzzParseValue(f *testing.F) {
	addValues(f, Bool, Int, Float, Text, JSON, Bytes, Time, List, Vector, Any)
	f.Fuzz(func(t *testing.T, data []byte) {
		v, rest, err := ParseValue(data)
		if err != nil {
			return
		}
		if got := append(v.Append(nil), rest...); !bytes.Equal(got, data) {
			t.Fatalf("parsed and appended: %x, want %x", got, data)
		}
		written, err := v.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseValueJSON(written)
		if err != nil || !again.Equal(v) {
			t.Fatalf("%s reads as %v (%v), want %v", written, again, err, v)
		}
	})
}

func FuzzParseMap(f *testing.F) {
	addValues(f, Map)
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := ParseMap(data)
		if err != nil {
			return
		}
		if got := AppendMap(nil, entries); !bytes.Equal(got, data) {
			t.Fatalf("parsed and appended: %x, want %x", got, data)
		}
	})
}
