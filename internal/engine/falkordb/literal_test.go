package falkordb_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/memarc/memarc/internal/engine/falkordb"
	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store/storetest/falkorserver"
)

// same compares values, and doubles by their bits.
func same(a, b graph.Value) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && math.Float64bits(a) == math.Float64bits(b)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if v, ok := b[k]; !ok || !same(a[k], v) {
				return false
			}
		}
		return true
	}
	return a == b
}

// A reader reads literals, and nothing that is not one, by rules of its own.
type reader struct {
	text string
}

func read(text string) (v graph.Value, err error) {
	r := &reader{text}
	if v, err = r.value(); err == nil && r.text != "" {
		err = fmt.Errorf("%q is left over", r.text)
	}
	return v, err
}

func (r *reader) take(prefix string) bool {
	rest, ok := strings.CutPrefix(r.text, prefix)
	r.text = rest
	return ok
}

func (r *reader) value() (graph.Value, error) {
	switch {
	case r.take("null"):
		return nil, nil
	case r.take("true"):
		return true, nil
	case r.take("false"):
		return false, nil
	case r.take(`"`):
		var out strings.Builder
		for !r.take(`"`) {
			escaped := r.take(`\`)
			if r.text == "" || r.text[0] == 0 || escaped && r.text[0] != '\\' && r.text[0] != '"' {
				return nil, errors.New("a text does not end")
			}
			out.WriteByte(r.text[0])
			r.text = r.text[1:]
		}
		return out.String(), nil
	case r.take("["):
		out := []any{}
		for more := !r.take("]"); more; more = !r.take("]") {
			if len(out) > 0 && !r.take(",") {
				return nil, errors.New("a comma is missing")
			}
			v, err := r.value()
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	case r.take("{"):
		out := map[string]any{}
		for more := !r.take("}"); more; more = !r.take("}") {
			if len(out) > 0 && !r.take(",") || !r.take("`") {
				return nil, errors.New("a key is missing")
			}
			key, rest, ok := strings.Cut(r.text, "`")
			if r.text = rest; !ok || !r.take(":") {
				return nil, errors.New("a key does not end")
			}
			v, err := r.value()
			if err != nil {
				return nil, err
			}
			out[key] = v
		}
		return out, nil
	}
	end := strings.IndexFunc(r.text, func(c rune) bool { return !strings.ContainsRune("+-.e0123456789", c) })
	if end < 0 {
		end = len(r.text)
	}
	number := r.text[:end]
	r.text = r.text[end:]
	if !strings.ContainsAny(number, ".e") {
		return strconv.ParseInt(number, 10, 64)
	}
	v, err := strconv.ParseFloat(number, 64)
	if math.IsInf(v, 0) {
		err = nil
	}
	return v, err
}

// A maker makes values of the bytes that the fuzzer gives.
type maker struct {
	data []byte
}

func (m *maker) bytes(n int) []byte {
	out := make([]byte, n)
	m.data = m.data[copy(out, m.data):]
	return out
}

func (m *maker) text() string { return string(m.bytes(min(int(m.bytes(1)[0]), len(m.data)))) }

func (m *maker) value(depth int) graph.Value {
	switch m.bytes(1)[0] % 9 {
	case 1:
		return m.bytes(1)[0]%2 == 0
	case 2:
		return int64(binary.BigEndian.Uint64(m.bytes(8)))
	case 3:
		return math.Float64frombits(binary.BigEndian.Uint64(m.bytes(8)))
	case 4, 5:
		return m.text()
	case 6:
		out := []any{}
		for n := m.bytes(1)[0] % 8; n > 0 && depth < 3; n-- {
			out = append(out, m.value(depth+1))
		}
		return out
	case 7:
		out := map[string]any{}
		for n := m.bytes(1)[0] % 8; n > 0 && depth < 3; n-- {
			out[m.text()] = m.value(depth + 1)
		}
		return out
	}
	return nil
}

// sayable tells whether a value has a literal.
func sayable(v graph.Value) bool {
	clean := func(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
	switch v := v.(type) {
	case float64:
		return !math.IsNaN(v)
	case string:
		return clean(v)
	case []any:
		for _, e := range v {
			if !sayable(e) {
				return false
			}
		}
	case map[string]any:
		for k, e := range v {
			if !clean(k) || strings.Contains(k, "`") || !sayable(e) {
				return false
			}
		}
	}
	return true
}

func hasMap(v graph.Value) bool {
	switch v := v.(type) {
	case map[string]any:
		return true
	case []any:
		for _, e := range v {
			if hasMap(e) {
				return true
			}
		}
	}
	return false
}

var literals = []graph.Value{
	nil, true, false, int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64),
	0.0, math.Copysign(0, -1), 1.0, -1.0, 0.1, 1.0 / 3, 1e15, 1e16, 1e17, 123456789012345678.0, 5e-324, -5e-324, 2.2250738585072014e-308,
	math.Nextafter(2.2250738585072014e-308, 0), 1e308, math.MaxFloat64, -math.MaxFloat64, math.Inf(1), math.Inf(-1),
	math.Nextafter(math.MaxFloat64, 0), 1e290, math.Nextafter(1e290, 1e300), 1.7976931348623e308, math.Pi, -math.E, 9007199254740993.0,
	"", "a", `\`, `"`, `\"`, `'`, "`", "a\nb\r\tc", "é😀\u2028\ufeff", `\n\u0041`, "// /* */ ;", "$p", "\x01\x7f", strings.Repeat("long ", 1000),
	[]any{}, []any{int64(1), 0.1, "x", nil, true, []any{[]any{0.2, "y"}, 0.3}, []any{}},
	map[string]any{}, map[string]any{"": int64(1), "a b": "c", `q"'\`: nil, "\n;//": []any{1.5}, "é": map[string]any{"x": false}},
}

func encoded(t testing.TB, v graph.Value) string {
	t.Helper()
	out, err := falkordb.AppendLiteral(nil, v)
	if err != nil {
		t.Fatalf("%#v: %v", v, err)
	}
	return string(out)
}

func TestLiteral(t *testing.T) {
	c, g := open(t)
	for _, v := range literals {
		text := encoded(t, v)
		if back, err := read(text); err != nil || !same(v, back) {
			t.Errorf("%#v is written as %q, which is %#v, %v", v, text, back, err)
		}
		returned(t, c, g, v)
	}
}

// returned has the server return a value.
func returned(t *testing.T, c *falkordb.Client, g string, v graph.Value) {
	t.Helper()
	r, err := c.Query(t.Context(), g, "RETURN $p, "+falkordb.Split("$p"), map[string]any{"p": v})
	if err != nil {
		t.Fatalf("%#v: %v", v, err)
	}
	row, err := r.Row(0)
	if err != nil {
		t.Fatalf("%#v: %v", v, err)
	}
	back, exact, err := falkordb.Join(row[0], row[1])
	if err != nil {
		t.Fatalf("%#v: %v", v, err)
	}
	if exact != same(v, back) && !hasMap(v) || !exact && !hasMap(v) {
		t.Fatalf("%#v comes back as %#v, exact: %v", v, back, exact)
	}
	if exact && !same(v, back) {
		t.Fatalf("%#v comes back as %#v", v, back)
	}
}

func TestLiteralRefuses(t *testing.T) {
	deep := any(nil)
	for range 100 {
		deep = []any{deep}
	}
	for _, v := range []graph.Value{
		"a\x00b", "\xff", "a\xc3", math.NaN(), map[string]any{"a`b": nil}, map[string]any{"\x00": nil}, map[string]any{"\xff": nil}, []any{"\x00"},
		deep, 1, []byte("x"), graph.Date(1), graph.Node{}, graph.Vector32{float32(math.NaN())},
	} {
		var why *falkordb.RefusedError
		if out, err := falkordb.AppendLiteral(nil, v); !errors.Is(err, falkordb.ErrRefused) || !errors.As(err, &why) {
			t.Errorf("%#v is written as %q, %v", v, out, err)
		}
	}
	for _, name := range []string{"", "1a", "a b", "a=1 RETURN 1 //", "é"} {
		if text, err := falkordb.Compose("RETURN 1", map[string]any{name: nil}); !errors.Is(err, falkordb.ErrRefused) {
			t.Errorf("parameter %q: %q", name, text)
		}
	}
	if text, err := falkordb.Compose("RETURN 1\x00", nil); !errors.Is(err, falkordb.ErrRefused) {
		t.Errorf("%q", text)
	}
}

func FuzzLiteral(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x04\x05a\\\"`\n"))
	f.Add([]byte("\x06\x03\x03\x7f\xef\xff\xff\xff\xff\xff\xff\x03\x80\x00\x00\x00\x00\x00\x00\x00\x02\x80"))
	f.Add([]byte("\x07\x02\x03a`b\x01\x01\x02x\\\x04\x02\"\\"))
	f.Add([]byte("\x03\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		v := (&maker{data}).value(0)
		out, err := falkordb.AppendLiteral(nil, v)
		if (err == nil) != sayable(v) {
			t.Fatalf("%#v: %v", v, err)
		}
		if err != nil {
			return
		}
		if back, err := read(string(out)); err != nil || !same(v, back) {
			t.Fatalf("%#v is written as %q, which is %#v, %v", v, out, back, err)
		}
		if falkorserver.Available() {
			c, g := fuzzed(t)
			returned(t, c, g, v)
		}
	})
}

func TestQuoteName(t *testing.T) {
	c, g := open(t)
	for _, name := range []string{"", " ", "a b", `a\`, `\`, `a\n`, "a\nb", `"`, "'", ";", "//", "/*", "é😀", "$p", ") DETACH DELETE (n", strings.Repeat("n", 5000)} {
		created(t, c, g, name)
	}
	for _, name := range []string{"`", "a``b", "a\\`b", "\x00", "\xff", "x`) DETACH DELETE (n) //"} {
		if text, err := falkordb.QuoteName(name); !errors.Is(err, falkordb.ErrRefused) {
			t.Errorf("%q is quoted as %q", name, text)
		}
	}
}

// created has the server make a label, a type and a key of a name.
func created(t *testing.T, c *falkordb.Client, g, name string) {
	t.Helper()
	q, err := falkordb.QuoteName(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Query(t.Context(), g, "CREATE (n:"+q+" {"+q+":1})-[r:"+q+" {"+q+":2}]->() RETURN n, r, n."+q, nil)
	if err != nil {
		t.Fatalf("%q: %v", name, err)
	}
	row, err := r.Row(0)
	if err != nil {
		t.Fatalf("%q: %v", name, err)
	}
	n, e := row[0].(graph.Node), row[1].(graph.Relationship)
	if len(n.Labels) != 1 || n.Labels[0] != name || n.Properties[name] != int64(1) || e.Type != name || e.Properties[name] != int64(2) || row[2] != int64(1) {
		t.Fatalf("%q comes back as %#v, %#v", name, n, e)
	}
}

func FuzzQuoteName(f *testing.F) {
	for _, name := range []string{"", "a", "`", "a``b", `a\`, "\x00", "\xff", "n:`x` {a:1}"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		text, err := falkordb.QuoteName(name)
		if (err == nil) != (utf8.ValidString(name) && !strings.ContainsAny(name, "`\x00")) {
			t.Fatalf("%q: %v", name, err)
		}
		if err != nil {
			return
		}
		if inner := text[1 : len(text)-1]; text[0] != '`' || text[len(text)-1] != '`' || inner != name || strings.Contains(inner, "`") {
			t.Fatalf("%q is quoted as %q", name, text)
		}
		if falkorserver.Available() && len(name) < 100 {
			c, g := fuzzed(t)
			created(t, c, g+"_names", name)
			if err := c.DeleteGraph(t.Context(), g+"_names"); err != nil {
				t.Fatal(err)
			}
		}
	})
}
