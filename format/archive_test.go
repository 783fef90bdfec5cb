package format

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// wild is a section with two fields of every type: encoders that share memory between
// columns must not mix them up.
func wild() *Section {
	s := &Section{Name: "wild", Key: []string{"text"}}
	for _, t := range []Type{Text, JSON, Bytes, Int, Float, Bool, Time, List, Vector, Any, Map} {
		s.Fields = append(s.Fields, Field{Name: t.String(), Type: t}, Field{Name: "another " + t.String(), Type: t})
	}
	return s
}

func randomText(r *rand.Rand) string {
	pieces := []string{"a", "é", "日本", "\x00", "\n", `"`, `\`, "</script>", "\u2028", "😀", " "}
	var b strings.Builder
	for range r.IntN(8) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

var hardInts = []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1 << 53, 1<<53 + 1}

func randomCell(r *rand.Rand, t Type) uint64 {
	switch {
	case t == Bool:
		return uint64(r.IntN(2))
	case t == Float && r.IntN(3) == 0:
		return []uint64{math.Float64bits(math.NaN()), 0x7ff8000000000001, 0xfff0000000000000, 1 << 63, 0, 1, math.Float64bits(1e300)}[r.IntN(7)]
	case r.IntN(3) == 0:
		return uint64(hardInts[r.IntN(len(hardInts))])
	}
	return r.Uint64()
}

func randomValue(r *rand.Rand) Value {
	switch t := []Type{Bool, Int, Float, Text, JSON, Bytes, Time, List, Vector}[r.IntN(9)]; t {
	case Text:
		if r.IntN(2) == 0 {
			return Value{Type: t, Bytes: randomBytes(r, r.IntN(9))}
		}
		return TextValue(randomText(r))
	case JSON:
		return Value{Type: t, Bytes: []byte(`{"a": [1.0, null]}`)}
	case Bytes:
		return BytesValue(randomBytes(r, r.IntN(9)))
	case List:
		return Value{Type: t, List: [][]byte{[]byte(randomText(r)), []byte("x")}[:r.IntN(3)]}
	case Vector:
		return Value{Type: t, Bytes: randomBytes(r, 4*r.IntN(5))}
	default:
		return Value{Type: t, Cell: randomCell(r, t)}
	}
}

func randomBatch(r *rand.Rand, s *Section, rows int) *Batch {
	b := NewBatch(s)
	for range rows {
		for i := range b.Columns {
			c := &b.Columns[i]
			if r.IntN(4) == 0 {
				c.AppendNull()
				continue
			}
			switch c.Type {
			case Text:
				c.AppendString(randomText(r))
			case JSON:
				c.AppendString([]string{`{}`, `{"a":1,"a":2}`, ` [1, 2.50]`, `"\ud800"`, "null"}[r.IntN(5)])
			case Bytes:
				c.AppendBytes(randomBytes(r, r.IntN(9)))
			case Vector:
				c.AppendBytes(randomBytes(r, 4*r.IntN(40)))
			case List:
				for range r.IntN(4) {
					c.AppendItem([]byte(randomText(r)))
				}
				c.EndList()
			case Any:
				c.AppendBytes(randomValue(r).Append(nil))
			case Map:
				c.AppendBytes(AppendMap(nil, []Entry{{"a", randomValue(r)}, {"b.c", Value{}}, {"é", randomValue(r)}}[:1+r.IntN(3)]))
			default:
				c.AppendCell(randomCell(r, c.Type))
			}
		}
		b.Rows++
	}
	return b
}

func writeArchive(t testing.TB, enc Encoding, s *Section, batches ...*Batch) ([]byte, *End) {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, &Manifest{Writer: "test", Encoding: enc, Sections: []*Section{s}}, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	end, err := w.Close(nil)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), end
}

// readAll returns the canonical records of an archive.
func readAll(archive []byte) (records []string, end *End, err error) {
	r, err := NewReader(bytes.NewReader(archive), ReaderOptions{})
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	for b, err := range r.Batches() {
		if err != nil {
			return records, nil, err
		}
		for row := range b.Rows {
			records = append(records, string(b.AppendRecord(nil, row)))
		}
		b.Release()
	}
	return records, r.End(), nil
}

func TestRoundTripBothEncodings(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := wild()
		var want []string
		make := func() []*Batch {
			r := rand.New(rand.NewPCG(seed, 2))
			return []*Batch{randomBatch(r, s, 1+r.IntN(50)), randomBatch(r, s, 1+r.IntN(50))}
		}
		for _, b := range make() {
			for row := range b.Rows {
				want = append(want, string(b.AppendRecord(nil, row)))
			}
		}
		var content []Hash
		for _, enc := range []Encoding{Arrow, NDJSON} {
			archive, end := writeArchive(t, enc, s, make()...)
			again, _ := writeArchive(t, enc, s, make()...)
			if !bytes.Equal(archive, again) {
				t.Fatalf("seed %d: two %s archives of the same records differ", seed, enc)
			}
			got, read, err := readAll(archive)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, enc, err)
			}
			if len(got) != len(want) {
				t.Fatalf("seed %d, %s: %d records, want %d", seed, enc, len(got), len(want))
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("seed %d, %s: record %d is\n%x, want\n%x", seed, enc, i, got[i], want[i])
				}
			}
			if read.Root != end.Root || read.Content != end.Content {
				t.Fatalf("seed %d, %s: digests differ", seed, enc)
			}
			content = append(content, end.Content)
		}
		if content[0] != content[1] {
			t.Fatalf("seed %d: the encodings give different content digests", seed)
		}
		_ = r
	}
}

// TestEveryFlipAndCut damages a small archive in every way that one bit or one
// cut can, and expects an error each time.
func TestEveryFlipAndCut(t *testing.T) {
	for _, enc := range []Encoding{Arrow, NDJSON} {
		t.Run(enc.String(), func(t *testing.T) {
			s := wild()
			s.Fields = s.Fields[:9]
			archive, _ := writeArchive(t, enc, s, randomBatch(rand.New(rand.NewPCG(1, 1)), s, 3))
			t.Logf("%d bytes, %d flips", len(archive), 8*len(archive))
			damaged := bytes.Clone(archive)
			for bit := range 8 * len(archive) {
				damaged[bit/8] ^= 1 << (bit % 8)
				_, _, err := readAll(damaged)
				damaged[bit/8] ^= 1 << (bit % 8)
				if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrNotArchive) {
					t.Fatalf("flip of bit %d: %v", bit, err)
				}
			}
			for n := range archive {
				_, _, err := readAll(archive[:n])
				if !errors.Is(err, ErrTruncated) && !(n == 0 && errors.Is(err, ErrNotArchive)) {
					t.Fatalf("cut at %d: %v", n, err)
				}
			}
			if _, _, err := readAll(append(archive, 0)); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("a byte more: %v", err)
			}
		})
	}
}

func TestDigestDoesNotDependOnOrderOrSpill(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	leaves := make([]Leaf, 700_000)
	for i := range leaves {
		copy(leaves[i].Place[:], randomBytes(r, 16))
		copy(leaves[i].Sum[:], randomBytes(r, 32))
	}
	leaves[5].Place = leaves[6].Place
	sum := func(chunk int) string {
		d := NewDigester(t.TempDir())
		defer d.Close()
		for at := 0; at < len(leaves); at += chunk {
			name := []string{"a", "b"}[at/chunk%2]
			if chunk == len(leaves) {
				name = "a"
			}
			_ = name
			if err := d.Add("a", leaves[at:min(at+chunk, len(leaves))]); err != nil {
				t.Fatal(err)
			}
		}
		sections, content, err := d.Sum()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(sections, content)
	}
	want := sum(10_000)
	r.Shuffle(len(leaves), func(i, j int) { leaves[i], leaves[j] = leaves[j], leaves[i] })
	if got := sum(777); got != want {
		t.Fatalf("digest is %s, want %s", got, want)
	}
	// Against the definition, without streams and runs.
	if got := sum(len(leaves)); got != want {
		t.Fatalf("digest is %s, want %s", got, want)
	}
}
