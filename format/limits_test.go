package format

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestManifestLimits has the limits of FORMAT.md section 9 that no small file
// can exceed.
func TestManifestLimits(t *testing.T) {
	m := &Manifest{Writer: "test", Encoding: Arrow}
	for i := range MaxSections {
		m.Sections = append(m.Sections, &Section{Name: fmt.Sprint(i)})
	}
	for i := range MaxFields {
		m.Sections[0].Fields = append(m.Sections[0].Fields, Field{Name: fmt.Sprint(i), Type: Int})
	}
	raw, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeManifest(raw); err != nil {
		t.Fatal(err)
	}
	wide := *m
	wide.Sections = []*Section{{Name: "s", Fields: append(m.Sections[0].Fields, Field{Name: "more", Type: Int})}}
	long := *m
	long.Sections = append(m.Sections, &Section{Name: "more"})
	for _, m := range []*Manifest{&wide, &long} {
		raw, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeManifest(raw); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%d sections, the first of %d fields: %v", len(m.Sections), len(m.Sections[0].Fields), err)
		}
	}
}

// TestEndOnlyWhenVerified reads damaged archives to the point of damage.
func TestEndOnlyWhenVerified(t *testing.T) {
	s := wild()
	r := rand.New(rand.NewPCG(9, 9))
	archive, end := writeArchive(t, NDJSON, s, randomBatch(r, s, 20), randomBatch(r, s, 20))
	for _, at := range []int64{end.Index[0].Offset + end.Index[0].Length - 1, end.Index[1].Offset + end.Index[1].Length - 1} {
		damaged := bytes.Clone(archive)
		damaged[at] ^= 1
		in, err := NewReader(bytes.NewReader(damaged), ReaderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for b, err := range in.Batches() {
			if n := in.Offset(); n <= 0 || n > int64(len(archive)) {
				t.Fatalf("offset %d", n)
			}
			if err == nil {
				b.Release()
			}
		}
		if in.End() != nil {
			t.Fatal("a damaged archive has an end block")
		}
		in.Close()
	}
}
