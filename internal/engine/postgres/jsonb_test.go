package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// serverJSONB is a function that gives the text of a jsonb, or NULL where the
// server refuses it.
const serverJSONB = `CREATE FUNCTION pg_temp.normal(t text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN RETURN t::jsonb::text; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$`

// compareJSONB checks normalizeJSONB against a real server, in one query. The
// texts have no NUL and are UTF-8.
func compareJSONB(t *testing.T, texts []string) (taken int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgserver.New(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), serverJSONB); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), "SELECT pg_temp.normal(t) FROM unnest($1::text[]) WITH ORDINALITY u (t, n) ORDER BY n", texts)
	if err != nil {
		t.Fatal(err)
	}
	want, err := pgx.CollectRows(rows, pgx.RowTo[*string])
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != len(texts) {
		t.Fatalf("%d answers for %d texts", len(want), len(texts))
	}
	for i, text := range texts {
		got, ok := normalizeJSONB([]byte(text))
		switch {
		case ok != (want[i] != nil):
			t.Errorf("%.200q: taken %v, by the server %v", text, ok, want[i] != nil)
		case ok && string(got) != *want[i]:
			t.Errorf("%.200q gives %.200q, want %.200q", text, got, *want[i])
		case ok:
			taken++
			if again, ok := normalizeJSONB(got); !ok || string(again) != string(got) {
				t.Errorf("%.200q is normal and gives %.200q", got, again)
			}
		}
	}
	return taken
}

func TestNormalizeJSONB(t *testing.T) {
	zeros, ones := strings.Repeat("0", 16384), strings.Repeat("1", 20000)
	texts := []string{
		"", " ", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1", "NaN", "Infinity", "tru", "truex", "nulll", "1 2", "1a", "--1",
		"-0", "-0.0", "0e5", "-0e-3", "0.00e1", "1e2", "1E+2", "1.0", "1.5e-3", "1.50e1", "1.50e3", "123.456e1", "123.456e-2", "0.000120e2", "100e-2", "-12.50e-1",
		"1e131071", "1e131072", "10e131071", "0.001e131074", "0.001e131075", "1e-16383", "1e-16384", "0e-16383", "0e-17000", "0e200000", "1e-400000", "1e99999999999", "0e99999999999",
		"0e1073741822", "0e1073741823", "0e-1073741823", "1." + ones + "e10000", "1." + zeros, "1." + zeros[1:], "0." + zeros[1:] + "1", "0." + zeros[2:] + "1", "1" + strings.Repeat("0", 131071), "1" + strings.Repeat("0", 131072),
		`""`, `"a`, `"\`, `"\u12`, `"\x"`, `"\u00zz"`, "\"\n\"", "\"\x7f\"", "\"\x01\"", `"\u007f\u0001\b\f\n\r\t\/\\\" é < 😀 \ud83d\ude00"`, `"\u0000"`, `{"\u0000":1}`,
		`"\ud83d"`, `"\ude00"`, `"\ude00\ud83d"`, `"\ud83dx\ude00"`, `"\ud83d\n"`, `"\ud83d\u0041"`, `"\ud83d\ud83d"`, `"\uD83D\uDE00"`, `"\ufffd"`, `"\uffff\ufffe"`, `"\ud83d\ufffd"`, `"\udbff\udfff"`,
		"[]", "[ ]", "{ }", "[1,]", "[,1]", "[1 2]", "{1:2}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, "[", "{", "]", "[}", "\ufeff1", "\u00a01", "\v1", "\t\r\n [1 ,\n2 ] \n",
		`{"a":1,"b":2,"a":3,"":4,"ab":{"x":[],"x":{}},"B":{}}`, `{"b":1,"aa":2,"a":{"d":1,"c":[{"z":1,"y":2}]},"b":[3]}`, `{"\u0061":1,"a":2}`, `{"é":1,"ab":2,"z":3}`, `{"a\"b":1,"ab":2,"a\nb":3}`,
		strings.Repeat("[", jsonbDepth) + strings.Repeat("]", jsonbDepth), strings.Repeat(`{"a":`, jsonbDepth-1) + "{}" + strings.Repeat("}", jsonbDepth-1),
	}
	if taken := compareJSONB(t, texts); taken < 40 {
		t.Errorf("only %d texts were taken", taken)
	}
	for _, text := range []string{"\"\x00\"", "\"\xff\"", "\"\xed\xa0\x80\"", "\x00"} { // which no text of the server holds
		if _, ok := normalizeJSONB([]byte(text)); ok {
			t.Errorf("%q was taken", text)
		}
	}
	if _, ok := normalizeJSONB([]byte(strings.Repeat("[", jsonbDepth+1) + strings.Repeat("]", jsonbDepth+1))); ok {
		t.Error("nesting beyond the limit was taken")
	}
}

// Thousands of documents made at random, and as many with a byte changed, are
// judged and written as the server does it.
func TestNormalizeJSONBRandom(t *testing.T) {
	const seed = 20250611
	r := rand.New(rand.NewPCG(seed, 1))
	var texts []string
	for range 4000 {
		var b strings.Builder
		randomJSON(r, &b, 0)
		text := b.String()
		texts = append(texts, text)
		raw := []byte(text)
		raw[r.IntN(len(raw))] = `{}[]",:\u0e-+. 19ad`[r.IntN(19)]
		if mutated := string(raw); strings.ToValidUTF8(mutated, "") == mutated {
			texts = append(texts, mutated)
		}
	}
	if taken := compareJSONB(t, texts); taken < 4000 {
		t.Errorf("seed %d: only %d of %d texts were taken", seed, taken, len(texts))
	}
}

func randomJSON(r *rand.Rand, b *strings.Builder, depth int) {
	pause := func() { b.WriteString([]string{"", "", "", " ", "\n\t", "\r "}[r.IntN(6)]) }
	pause()
	defer pause()
	kind := r.IntN(10)
	if depth > 4 {
		kind %= 6
	}
	switch kind {
	case 0:
		b.WriteString([]string{"true", "false", "null"}[r.IntN(3)])
	case 1, 2, 3:
		fmt.Fprintf(b, "%s%d", []string{"", "-"}[r.IntN(2)], r.Uint64N(1<<uint(r.IntN(64))+1))
		if r.IntN(2) == 0 {
			fmt.Fprintf(b, ".%0*d", 1+r.IntN(5), r.IntN(1000))
		}
		if r.IntN(2) == 0 {
			fmt.Fprintf(b, "%s%s%d", []string{"e", "E"}[r.IntN(2)], []string{"", "+", "-"}[r.IntN(3)], r.IntN(30))
		}
	case 4, 5:
		randomString(r, b)
	case 6, 7:
		b.WriteByte('[')
		for i := range r.IntN(5) {
			if i > 0 {
				b.WriteByte(',')
			}
			randomJSON(r, b, depth+1)
		}
		b.WriteByte(']')
	default:
		b.WriteByte('{')
		for i := range r.IntN(6) {
			if i > 0 {
				b.WriteByte(',')
			}
			pause()
			randomString(r, b)
			pause()
			b.WriteByte(':')
			randomJSON(r, b, depth+1)
		}
		b.WriteByte('}')
	}
}

func randomString(r *rand.Rand, b *strings.Builder) {
	b.WriteByte('"')
	for range r.IntN(4) {
		b.WriteString([]string{
			"a", "b", "A", "z", "é", "😀", " ", "/", "\x7f", `\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`,
			`\u0061`, `\u001F`, `\u00e9`, `\ud83d\ude00`, `\u2028`, "\u2028", `\uFFFF`,
		}[r.IntN(24)])
	}
	b.WriteByte('"')
}

// A text that is normal already costs no memory.
func TestNormalizeJSONBNormal(t *testing.T) {
	text := []byte(`{"a": [1, 2.50, "x\ny"], "bb": {"c": null}}`)
	if got, ok := normalizeJSONB(text); !ok || &got[0] != &text[0] {
		t.Errorf("%q is not the text itself", got)
	}
	if n := testing.AllocsPerRun(100, func() { normalizeJSONB(text) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzNormalizeJSONB(f *testing.F) {
	for _, text := range []string{`{"b":1,"a":2,"b":3}`, `"\ud83d\ude00\u0000"`, "-0.0e-5", "[[1e5,{}]]", "1e131072"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := normalizeJSONB(text)
		if !ok {
			return
		}
		if again, ok := normalizeJSONB(got); !ok || string(again) != string(got) {
			t.Errorf("%q gives %q, and that %q", text, got, again)
		}
	})
}
