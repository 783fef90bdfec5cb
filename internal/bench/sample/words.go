package sample

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// words is the vocabulary of the generated memories; Zipf's law picks them.
var words = func() []string {
	const consonants, vowels = "bcdfghklmnprstvz", "aeiou"
	r := rand.New(rand.NewPCG(7, 7))
	out := make([]string, 6000)
	for i := range out {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			b.WriteByte(consonants[r.IntN(len(consonants))])
			b.WriteByte(vowels[r.IntN(len(vowels))])
			if r.IntN(3) == 0 {
				b.WriteByte(consonants[r.IntN(len(consonants))])
			}
		}
		out[i] = b.String()
	}
	return out
}()

// sentences appends text of at least size bytes.
func sentences(b *strings.Builder, r *rand.Rand, zipf *rand.Zipf, size int) {
	for start := b.Len(); b.Len()-start < size; {
		b.WriteString(words[zipf.Uint64()])
		switch r.IntN(12) {
		case 0:
			b.WriteString(". ")
		case 1:
			b.WriteString(", ")
		case 2:
			fmt.Fprintf(b, " %d ", r.IntN(100000))
		default:
			b.WriteByte(' ')
		}
	}
}

func uuid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xFFFF, a&0xFFF, b>>48&0x3FFF|0x8000, b&0xFFFFFFFFFFFF)
}

// start is when the stores begin.
var start = time.Date(2026, 1, 5, 8, 30, 0, 0, time.UTC)

// stamp writes a time as the product does, with 0, 3, 6 or 9 fraction digits.
func stamp(t time.Time) string {
	out := t.UTC().Format("2006-01-02T15:04:05")
	switch n := t.Nanosecond(); {
	case n == 0:
	case n%1e6 == 0:
		out += fmt.Sprintf(".%03d", n/1e6)
	case n%1e3 == 0:
		out += fmt.Sprintf(".%06d", n/1e3)
	default:
		out += fmt.Sprintf(".%09d", n)
	}
	return out + "+00:00"
}

// moment is a random time in the year after start.
func moment(r *rand.Rand) string {
	return stamp(start.Add(time.Duration(r.Int64N(int64(365 * 24 * time.Hour)))))
}
