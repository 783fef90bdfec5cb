package format

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"testing"
)

// TestEntropyFrames reads frames of every shape with two other decoders.
func TestEntropyFrames(t *testing.T) {
	enc, err := newEntropyEncoder()
	if err != nil {
		t.Fatal(err)
	}
	dec, err := newDecoder(MaxChunk)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	program, programErr := exec.LookPath("zstd")
	if programErr != nil {
		t.Log("the zstd program is not installed: unproven that it reads these frames")
	}
	r := rand.New(rand.NewPCG(5, 5))
	for trial := range 300 {
		size := []int{0, 1, 5, 1023, 1024, 1025, maxBlock - 1, maxBlock, maxBlock + 1, 3*maxBlock + 7, 1 << 20}[r.IntN(11)]
		data := randomBytes(r, size)
		values := []int{1, 2, 7, 60, 256}[r.IntN(5)] // how many different bytes
		for i := range data {
			if data[i] = byte(int(data[i]) % values); r.IntN(50) == 0 && i > 100 {
				copy(data[i:], data[i-100:i-50])
			}
		}
		var cuts []int
		for at := 0; r.IntN(5) > 0; {
			if at += r.IntN(size/3 + 1); at > size {
				break
			}
			cuts = append(cuts, at)
		}
		if len(cuts) == 0 {
			cuts = []int{size}
		}
		frame, err := enc.encode(nil, data, cuts)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkFrame(frame, size); err != nil {
			t.Fatalf("trial %d: %v", trial, err)
		}
		got, err := dec.DecodeAll(frame, nil)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("trial %d: %d bytes with cuts %v do not come back: %v", trial, size, cuts, err)
		}
		if programErr == nil && trial%10 == 0 {
			c := exec.Command(program, "-dc", "--no-progress")
			c.Stdin = bytes.NewReader(frame)
			if out, err := c.Output(); err != nil || !bytes.Equal(out, data) {
				t.Fatalf("trial %d: zstd program: %d bytes with cuts %v do not come back: %v", trial, size, cuts, err)
			}
		}
	}
}

// TestPlaneCuts finds the planes where they are: cutting there, all bytes of one
// plane are in one piece.
func TestPlaneCuts(t *testing.T) {
	s := &Section{Name: "s", Key: []string{"id"}, Fields: []Field{{Name: "id", Type: Text}, {Name: "n", Type: Int}, {Name: "l", Type: List}, {Name: "v", Type: Vector}, {Name: "z", Type: Time}}}
	b := NewBatch(s)
	for i := range 9 {
		b.Columns[0].AppendString("x")
		b.Columns[1].AppendInt(int64(i))
		b.Columns[2].EndList()
		b.Columns[3].AppendBytes(bytes.Repeat([]byte{0xA0, 0xA1, 0xA2, 0xA3}, 5))
		b.Columns[4].AppendNull()
		b.Rows++
	}
	var out bytes.Buffer
	if err := (&arrowEncoder{schema: arrowSchema(s)}).encode(&out, b); err != nil {
		t.Fatal(err)
	}
	cuts := planeCuts(out.Bytes(), s, 9)
	if len(cuts) != planes+1 {
		t.Fatalf("cuts are %v", cuts)
	}
	for k := range planes {
		want := bytes.Repeat([]byte{0xA0 + byte(k)}, 45)
		if got := out.Bytes()[cuts[k] : cuts[k]+45]; !bytes.Equal(got, want) {
			t.Errorf("plane %d starts with %x", k, got)
		}
	}
	if cuts[planes] != cuts[planes-1]+45 {
		t.Errorf("planes end at %d, want %d", cuts[planes], cuts[planes-1]+45)
	}
}
