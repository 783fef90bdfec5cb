package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// sampleMemories is a chunk of memories like those of a product.
func sampleMemories(rows int) *Batch {
	r := rand.New(rand.NewPCG(1, 1))
	b := NewBatch(Standard(Memories))
	for i := range rows {
		for f := range b.Columns {
			c := &b.Columns[f]
			switch name := b.Section.Fields[f].Name; {
			case name == "id":
				c.AppendString(fmt.Sprintf("%016x-%016x", r.Uint64(), r.Uint64()))
			case name == "content":
				c.AppendString(strings.Repeat(fmt.Sprintf("memory %d tells of word %d. ", i, r.IntN(1000)), 20+r.IntN(20)))
			case name == "tags":
				c.AppendItem([]byte("tag"))
				c.AppendItem(fmt.Appendf(nil, "tag-%d", r.IntN(50)))
				c.EndList()
			case name == "kind":
				c.AppendString("fact")
			case c.Type == Float:
				c.AppendFloat(r.Float64())
			case c.Type == Int:
				c.AppendInt(int64(r.IntN(100)))
			case c.Type == Time:
				c.AppendInt(1_767_600_000_000_000_000 + r.Int64N(1e16))
			default:
				c.AppendNull()
			}
		}
		b.Rows++
	}
	return b
}

// sampleVectors is a chunk of embeddings of 384 dimensions.
func sampleVectors(rows int) *Batch {
	r := rand.New(rand.NewPCG(2, 2))
	b := NewBatch(Standard(Embeddings))
	for range rows {
		for f := range b.Columns {
			c := &b.Columns[f]
			switch name := b.Section.Fields[f].Name; {
			case name == "memory_id":
				c.AppendString(fmt.Sprintf("%016x-%016x", r.Uint64(), r.Uint64()))
			case name == "space":
				c.AppendString("all-MiniLM-L6-v2")
			case c.Type == Vector:
				var v []byte
				for range 384 {
					v = binary.LittleEndian.AppendUint32(v, math.Float32bits(float32(r.NormFloat64()/20)))
				}
				c.AppendBytes(v)
			default:
				c.AppendNull()
			}
		}
		b.Rows++
	}
	return b
}

const benchRows = 2000

func eachSample(b *testing.B, f func(b *testing.B, batch *Batch)) {
	for _, batch := range []*Batch{sampleMemories(benchRows), sampleVectors(benchRows)} {
		b.Run(batch.Section.Name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(batch.Size()))
			f(b, batch)
		})
	}
}

func BenchmarkAppendLeaves(b *testing.B) {
	eachSample(b, func(b *testing.B, batch *Batch) {
		leaves := make([]Leaf, 0, batch.Rows)
		for b.Loop() {
			leaves = batch.AppendLeaves(leaves[:0])
		}
	})
}

func BenchmarkArrowEncode(b *testing.B) {
	eachSample(b, func(b *testing.B, batch *Batch) {
		e := &arrowEncoder{schema: arrowSchema(batch.Section)}
		var out bytes.Buffer
		for b.Loop() {
			out.Reset()
			if err := e.encode(&out, batch); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkArrowDecode(b *testing.B) {
	eachSample(b, func(b *testing.B, batch *Batch) {
		var stream bytes.Buffer
		if err := (&arrowEncoder{schema: arrowSchema(batch.Section)}).encode(&stream, batch); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			got := NewBatch(batch.Section)
			got.backing = append(buffers.get(stream.Len()), stream.Bytes()...)
			if err := arrowDecode(got, got.backing, batch.Rows); err != nil {
				b.Fatal(err)
			}
			got.Release()
		}
	})
}

func BenchmarkNDJSONEncode(b *testing.B) {
	eachSample(b, func(b *testing.B, batch *Batch) {
		var out []byte
		for b.Loop() {
			var err error
			if out, err = batch.encodeNDJSON(out[:0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNDJSONDecode(b *testing.B) {
	eachSample(b, func(b *testing.B, batch *Batch) {
		lines, err := batch.encodeNDJSON(nil)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			got := NewBatch(batch.Section)
			if err := ndjsonDecode(got, lines, batch.Rows); err != nil {
				b.Fatal(err)
			}
			got.Release()
		}
	})
}

func BenchmarkSplitPlanes(b *testing.B) {
	data := sampleVectors(benchRows).Column("vector").Data
	dst := make([]byte, len(data))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		split(dst, data)
	}
}

func BenchmarkMergePlanes(b *testing.B) {
	data := sampleVectors(benchRows).Column("vector").Data
	all, n := make([]byte, len(data)), len(data)/planes
	split(all, data)
	dst := make([]byte, len(data))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		merge(dst, all[:n], all[n:2*n], all[2*n:3*n], all[3*n:])
	}
}

// BenchmarkDigester adds leaves in chunks and sums them: 100 000 stay in memory,
// 400 000 spill.
func BenchmarkDigester(b *testing.B) {
	for _, n := range []int{100_000, 400_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(3, 3))
			leaves := make([]Leaf, n)
			for i := range leaves {
				for at := 0; at < 16; at += 8 {
					binary.LittleEndian.PutUint64(leaves[i].Place[at:], r.Uint64())
				}
				binary.LittleEndian.PutUint64(leaves[i].Sum[:], r.Uint64())
			}
			b.SetBytes(int64(n * leafSize))
			b.ReportAllocs()
			for b.Loop() {
				d := NewDigester(b.TempDir())
				for at := 0; at < n; at += 5000 {
					if err := d.Add("memories", leaves[at:at+5000]); err != nil {
						b.Fatal(err)
					}
				}
				if _, _, err := d.Sum(); err != nil {
					b.Fatal(err)
				}
				d.Close()
			}
		})
	}
}

// eachEncoding runs f with an archive of memories and vectors in each encoding.
func eachEncoding(b *testing.B, f func(b *testing.B, encoding Encoding)) {
	for _, encoding := range []Encoding{Arrow, NDJSON} {
		b.Run(encoding.String(), func(b *testing.B) {
			b.ReportAllocs()
			f(b, encoding)
		})
	}
}

func writeSamples(b *testing.B, out io.Writer, encoding Encoding, samples []*Batch) {
	b.Helper()
	m := &Manifest{Writer: "bench", Encoding: encoding, Source: StoreID{Engine: "e", Layout: "l"}}
	for _, s := range samples {
		m.Sections = append(m.Sections, s.Section)
	}
	w, err := NewWriter(out, m, WriterOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range samples {
		c := NewBatch(s.Section) // the writer keeps what it is given
		for row := range s.Rows {
			c.AppendRow(s, row)
		}
		if err := w.Write(c); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := w.Close(nil); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkWriter(b *testing.B) {
	samples := []*Batch{sampleMemories(benchRows), sampleVectors(benchRows)}
	eachEncoding(b, func(b *testing.B, encoding Encoding) {
		b.SetBytes(int64(samples[0].Size() + samples[1].Size()))
		for b.Loop() {
			writeSamples(b, io.Discard, encoding, samples)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	samples := []*Batch{sampleMemories(benchRows), sampleVectors(benchRows)}
	eachEncoding(b, func(b *testing.B, encoding Encoding) {
		var archive bytes.Buffer
		writeSamples(b, &archive, encoding, samples)
		b.SetBytes(int64(samples[0].Size() + samples[1].Size()))
		for b.Loop() {
			r, err := NewReader(bytes.NewReader(archive.Bytes()), ReaderOptions{})
			if err != nil {
				b.Fatal(err)
			}
			for batch, err := range r.Batches() {
				if err != nil {
					b.Fatal(err)
				}
				batch.Release()
			}
			r.Close()
		}
	})
}
