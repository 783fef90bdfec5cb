package postgres

import (
	"bytes"
	"slices"
	"strconv"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of jsonb: those of numeric (NUMERIC_DSCALE_MAX, and four decimal digits
// for each of NUMERIC_WEIGHT_MAX+1 places), of one element's length
// (JENTRY_OFFLENMASK), and of nesting, which the server bounds by its stack:
// a max_stack_depth of 2 MB takes 6 000 levels.
const (
	jsonbScale  = 16383
	jsonbDigits = 131072
	jsonbLength = 1<<28 - 1
	jsonbDepth  = 6000
)

// jsonbWriter reads one JSON text and writes what jsonb_out gives of it.
type jsonbWriter struct {
	src     []byte
	at      int
	out     []byte
	keys    []byte // unescaped keys of the objects that are open
	members []jsonbMember
	scratch []byte
	depth   int
}

// A jsonbMember is a member of an object: its key in keys[key:keyEnd], and
// `"key": value` in out[from:to].
type jsonbMember struct{ key, keyEnd, from, to int }

var jsonbWriters = sync.Pool{New: func() any { return new(jsonbWriter) }}

// normalizeJSONB returns the text that the server gives back for a jsonb value
// made of src: the last of equal keys, keys ordered by length and bytes, numbers
// as numeric writes them. It is src itself where that is normal already. It
// returns false for what the server does not take as jsonb: malformed JSON, bytes
// that are not UTF-8, \u0000, halves of surrogate pairs, and numbers, nesting and
// texts beyond the limits.
func normalizeJSONB(src []byte) ([]byte, bool) {
	if len(src) > jsonbLength || !utf8.Valid(src) {
		return nil, false
	}
	w := jsonbWriters.Get().(*jsonbWriter)
	defer jsonbWriters.Put(w)
	w.src, w.at, w.depth = src, 0, 0
	w.out, w.keys, w.members = w.out[:0], w.keys[:0], w.members[:0]
	ok := w.value()
	w.space()
	ok = ok && w.at == len(src) && len(w.out) <= jsonbLength
	w.src = nil
	switch {
	case !ok:
		return nil, false
	case bytes.Equal(w.out, src):
		return src, true
	}
	return bytes.Clone(w.out), true
}

func (w *jsonbWriter) space() {
	for w.at < len(w.src) {
		switch w.src[w.at] {
		case ' ', '\t', '\n', '\r':
			w.at++
		default:
			return
		}
	}
}

// next skips white space and takes the byte if it stands next.
func (w *jsonbWriter) next(c byte) bool {
	w.space()
	if w.at < len(w.src) && w.src[w.at] == c {
		w.at++
		return true
	}
	return false
}

func (w *jsonbWriter) value() bool {
	w.space()
	if w.at == len(w.src) {
		return false
	}
	switch w.src[w.at] {
	case '{', '[':
		if w.depth++; w.depth > jsonbDepth {
			return false
		}
		defer func() { w.depth-- }()
		if w.src[w.at] == '[' {
			return w.array()
		}
		return w.object()
	case '"':
		at := len(w.keys)
		defer func() { w.keys = w.keys[:at] }()
		return w.text()
	case 't':
		return w.word("true")
	case 'f':
		return w.word("false")
	case 'n':
		return w.word("null")
	}
	return w.number()
}

func (w *jsonbWriter) word(s string) bool {
	if !bytes.HasPrefix(w.src[w.at:], []byte(s)) {
		return false
	}
	w.at += len(s)
	w.out = append(w.out, s...)
	return true
}

func (w *jsonbWriter) array() bool {
	w.at++
	w.out = append(w.out, '[')
	if w.next(']') {
		w.out = append(w.out, ']')
		return true
	}
	for w.value() {
		switch {
		case w.next(','):
			w.out = append(w.out, ", "...)
		case w.next(']'):
			w.out = append(w.out, ']')
			return true
		default:
			return false
		}
	}
	return false
}

func (w *jsonbWriter) object() bool {
	w.at++
	w.out = append(w.out, '{')
	first, arena, from := len(w.members), len(w.keys), len(w.out)
	defer func() { w.members, w.keys = w.members[:first], w.keys[:arena] }()
	if w.next('}') {
		w.out = append(w.out, '}')
		return true
	}
	ascending := true
	for {
		m := jsonbMember{key: len(w.keys), from: len(w.out)}
		if w.space(); w.at == len(w.src) || w.src[w.at] != '"' || !w.text() || !w.next(':') {
			return false
		}
		m.keyEnd = len(w.keys)
		w.out = append(w.out, ": "...)
		if !w.value() {
			return false
		}
		m.to = len(w.out)
		if n := len(w.members); n > first {
			ascending = ascending && w.compare(w.members[n-1], m) < 0
		}
		w.members = append(w.members, m)
		if w.next(',') {
			w.out = append(w.out, ", "...)
			continue
		}
		break
	}
	if !w.next('}') {
		return false
	}
	if !ascending {
		w.order(w.members[first:], from)
	}
	w.out = append(w.out, '}')
	return true
}

// compare orders keys as lengthCompareJsonbStringValue does.
func (w *jsonbWriter) compare(a, b jsonbMember) int {
	if d := (a.keyEnd - a.key) - (b.keyEnd - b.key); d != 0 {
		return d
	}
	return bytes.Compare(w.keys[a.key:a.keyEnd], w.keys[b.key:b.keyEnd])
}

// order writes the members of an object, which stand in out from a place on, in the
// order of their keys, and of equal keys the last.
func (w *jsonbWriter) order(members []jsonbMember, from int) {
	slices.SortStableFunc(members, w.compare)
	w.scratch = w.scratch[:0]
	for i, m := range members {
		if i+1 < len(members) && w.compare(m, members[i+1]) == 0 {
			continue
		}
		if len(w.scratch) > 0 {
			w.scratch = append(w.scratch, ", "...)
		}
		w.scratch = append(w.scratch, w.out[m.from:m.to]...)
	}
	w.out = append(w.out[:from], w.scratch...)
}

// text copies a string, escaped as escape_json does, and appends it unescaped to
// keys.
func (w *jsonbWriter) text() bool {
	w.at++
	w.out = append(w.out, '"')
	for start := w.at; w.at < len(w.src); {
		c := w.src[w.at]
		if c >= ' ' && c != '"' && c != '\\' {
			w.at++
			continue
		}
		w.out, w.keys = append(w.out, w.src[start:w.at]...), append(w.keys, w.src[start:w.at]...)
		w.at++
		switch {
		case c == '"':
			w.out = append(w.out, '"')
			return true
		case c != '\\' || !w.escape():
			return false
		}
		start = w.at
	}
	return false
}

// escape reads what stands behind a backslash.
func (w *jsonbWriter) escape() bool {
	if w.at == len(w.src) {
		return false
	}
	c := w.src[w.at]
	w.at++
	r := rune(0)
	switch c {
	case '"', '\\', '/':
		r = rune(c)
	case 'b':
		r = '\b'
	case 'f':
		r = '\f'
	case 'n':
		r = '\n'
	case 'r':
		r = '\r'
	case 't':
		r = '\t'
	case 'u':
		ok := false
		if r, ok = w.unit(); !ok || r == 0 {
			return false
		}
		if utf16.IsSurrogate(r) {
			if !bytes.HasPrefix(w.src[w.at:], []byte(`\u`)) {
				return false
			}
			w.at += 2
			low, ok := w.unit()
			if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
				return false
			}
		}
	default:
		return false
	}
	w.keys = utf8.AppendRune(w.keys, r)
	w.out = appendEscaped(w.out, r)
	return true
}

// unit reads four hexadecimal digits.
func (w *jsonbWriter) unit() (rune, bool) {
	if len(w.src)-w.at < 4 {
		return 0, false
	}
	r := rune(0)
	for _, c := range w.src[w.at : w.at+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	w.at += 4
	return r, true
}

func appendEscaped(out []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(out, '\\', byte(r))
	case '\b':
		return append(out, `\b`...)
	case '\f':
		return append(out, `\f`...)
	case '\n':
		return append(out, `\n`...)
	case '\r':
		return append(out, `\r`...)
	case '\t':
		return append(out, `\t`...)
	}
	if r < ' ' {
		const hex = "0123456789abcdef"
		return append(out, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
	}
	return utf8.AppendRune(out, r)
}

// digits takes decimal digits and returns how many.
func (w *jsonbWriter) digits() int {
	from := w.at
	for w.at < len(w.src) && w.src[w.at]-'0' <= 9 {
		w.at++
	}
	return w.at - from
}

// number reads a number and writes it as numeric_out does: without an exponent, with
// as many decimals as were given, and without the sign of zero.
func (w *jsonbWriter) number() bool {
	negative := w.src[w.at] == '-'
	if negative {
		w.at++
	}
	from := w.at
	if n := w.digits(); n == 0 || n > 1 && w.src[from] == '0' {
		return false
	}
	whole, decimals := w.src[from:w.at], []byte(nil)
	if w.at < len(w.src) && w.src[w.at] == '.' {
		w.at++
		at := w.at
		if w.digits() == 0 {
			return false
		}
		decimals = w.src[at:w.at]
	}
	exponent, ok := 0, true
	if w.at < len(w.src) && w.src[w.at]|0x20 == 'e' {
		if exponent, ok = w.exponent(); !ok {
			return false
		}
	}
	return w.numeric(negative, whole, decimals, exponent)
}

func (w *jsonbWriter) exponent() (int, bool) {
	w.at++
	from := w.at
	if w.at < len(w.src) && (w.src[w.at] == '+' || w.src[w.at] == '-') {
		w.at++
	}
	if w.digits() == 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(w.src[from:w.at]), 10, 32)
	return int(n), err == nil && n < 1<<30-1 && n > -(1<<30-1)
}

func (w *jsonbWriter) numeric(negative bool, whole, decimals []byte, exponent int) bool {
	scale := max(0, len(decimals)-exponent)
	if scale > jsonbScale {
		return false
	}
	point := len(whole) + exponent // in the digits of both parts
	digit := func(i int) byte {
		switch {
		case i < 0 || i >= len(whole)+len(decimals):
			return '0'
		case i < len(whole):
			return whole[i]
		}
		return decimals[i-len(whole)]
	}
	first := 0
	for first < len(whole)+len(decimals) && digit(first) == '0' {
		first++
	}
	zero := first == len(whole)+len(decimals)
	if zero {
		point = 0
	} else if point-first > jsonbDigits {
		return false
	}
	if negative && !zero {
		w.out = append(w.out, '-')
	}
	if zero || point <= first {
		w.out = append(w.out, '0')
	}
	for i := first; i < point && !zero; i++ {
		w.out = append(w.out, digit(i))
	}
	if scale > 0 {
		w.out = append(w.out, '.')
		for i := range scale {
			if zero {
				w.out = append(w.out, '0')
			} else {
				w.out = append(w.out, digit(point+i))
			}
		}
	}
	return true
}
