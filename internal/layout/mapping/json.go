package mapping

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/memarc/memarc/internal/store"
)

// A spelling is how a program writes JSON. A lone surrogate, which strings of Python and
// JavaScript may hold, is three bytes of what would be its UTF-8.
type spelling struct {
	blank bool // behind commas and colons
	ascii bool // \u escapes for all but printable ASCII
	words bool // NaN and Infinity
	float func(dst []byte, v float64) []byte
	// order says that the order of members tells something.
	order bool
}

var spellings = [...]*spelling{
	store.Python:     {blank: true, ascii: true, words: true, float: appendPyFloat, order: true},
	store.JavaScript: {float: appendJSFloat, order: true},
	store.JSONB:      {blank: true, float: appendNumeric},
}

// A jsonScanner reads one JSON text and finds out on the way whether a program would
// have written just these bytes.
type jsonScanner struct {
	*spelling
	src  []byte
	at   int
	same bool // so far it would have
	buf  []byte
}

// maxDepth is how deep values may nest.
const maxDepth = 500

// space skips what no program writes.
func (s *jsonScanner) space() {
	for s.at < len(s.src) {
		switch s.src[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
			s.same = false
		default:
			return
		}
	}
}

// gap skips the one blank that may stand behind a separator.
func (s *jsonScanner) gap() {
	if s.blank {
		if s.at < len(s.src) && s.src[s.at] == ' ' {
			s.at++
		} else {
			s.same = false
		}
	}
	s.space()
}

// is tells whether the next byte is c, and steps over it.
func (s *jsonScanner) is(c byte) bool {
	if s.at < len(s.src) && s.src[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *jsonScanner) peek() byte {
	if s.at < len(s.src) {
		return s.src[s.at]
	}
	return 0
}

// key reads the name of a member and the colon behind it.
func (s *jsonScanner) key() ([]byte, bool) {
	var ok bool
	if s.buf, ok = s.text(s.buf[:0]); !ok {
		return nil, false
	}
	s.space()
	if !s.is(':') {
		return nil, false
	}
	s.gap()
	return s.buf, true
}

// plainByte tells what stands in a string as it is.
var plainByte = func() (t [256]bool) {
	for c := ' '; c <= '~'; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// text appends a string's characters to dst.
func (s *jsonScanner) text(dst []byte) ([]byte, bool) {
	if !s.is('"') {
		return dst, false
	}
	for {
		from := s.at
		for s.at < len(s.src) && plainByte[s.src[s.at]] {
			s.at++
		}
		dst = append(dst, s.src[from:s.at]...)
		if s.at == len(s.src) {
			return dst, false
		}
		switch c := s.src[s.at]; {
		case c == '"':
			s.at++
			return dst, true
		case c == '\\':
			var ok bool
			if dst, ok = s.escape(dst); !ok {
				return dst, false
			}
		case c < ' ':
			return dst, false
		default:
			s.same = s.same && !s.ascii
			r, size := utf8.DecodeRune(s.src[s.at:])
			if r == utf8.RuneError && size == 1 {
				return dst, false
			}
			dst = append(dst, s.src[s.at:s.at+size]...)
			s.at += size
		}
	}
}

// escapes are those of one letter.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (s *jsonScanner) escape(dst []byte) ([]byte, bool) {
	if s.at+1 >= len(s.src) {
		return dst, false
	}
	c := s.src[s.at+1]
	if c != 'u' {
		v := escapes[c]
		if v == 0 {
			return dst, false
		}
		s.same = s.same && c != '/'
		s.at += 2
		return append(dst, v), true
	}
	r, ok := s.unit()
	switch {
	case !ok:
		return dst, false
	case r >= ' ' && (r <= '~' || !s.ascii && !isSurrogate(r)) || r == '\n' || r == '\r' || r == '\t' || r == '\b' || r == '\f':
		s.same = false // it has a shorter form
	case r >= 0xD800 && r < 0xDC00 && s.at+1 < len(s.src) && s.src[s.at] == '\\' && s.src[s.at+1] == 'u':
		at, same := s.at, s.same
		low, ok := s.unit()
		if ok && low >= 0xDC00 && low < 0xE000 {
			r = 0x10000 + (r-0xD800)<<10 + (low - 0xDC00)
			s.same = s.same && s.ascii
		} else {
			s.at, s.same = at, same
		}
	}
	return appendRune(dst, r), true
}

// appendRune also takes a surrogate.
func appendRune(dst []byte, r rune) []byte {
	if isSurrogate(r) {
		return append(dst, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
	}
	return utf8.AppendRune(dst, r)
}

func isSurrogate(r rune) bool { return r >= 0xD800 && r < 0xE000 }

// unit reads \uXXXX.
func (s *jsonScanner) unit() (rune, bool) {
	if s.at+6 > len(s.src) {
		return 0, false
	}
	r := rune(0)
	for _, c := range s.src[s.at+2 : s.at+6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
			s.same = false
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	s.at += 6
	return r, true
}

// number reads a number, or one of Python's words for floats that are none, as an
// Integer or a Real. Where no cell holds it the kind is Null.
func (s *jsonScanner) number() (kind store.Kind, word uint64, ok bool) {
	for _, w := range floatWords {
		if c := s.peek(); c >= '0' && c <= '9' {
			break
		}
		if bytes.HasPrefix(s.src[s.at:], []byte(w.text)) {
			s.at += len(w.text)
			s.same = s.same && s.words
			return store.Real, w.word, true
		}
	}
	from := s.at
	digits := func() int {
		n := s.at
		for s.at < len(s.src) && s.src[s.at] >= '0' && s.src[s.at] <= '9' {
			s.at++
		}
		return s.at - n
	}
	s.is('-')
	whole := s.at
	if n := digits(); n == 0 || n > 1 && s.src[whole] == '0' {
		return 0, 0, false
	}
	integer := true
	if s.is('.') {
		if integer = false; digits() == 0 {
			return 0, 0, false
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		integer = false
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if digits() == 0 {
			return 0, 0, false
		}
	}
	raw := s.src[from:s.at]
	if integer {
		if v, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			s.same = s.same && (v != 0 || len(raw) == 1)
			return store.Integer, uint64(v), true
		}
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, 0, false
	}
	var form [32]byte
	same := (s.same || integer) && bytes.Equal(s.float(form[:0], v), raw)
	s.same = s.same && same
	if integer && !same { // no cell holds all of its digits
		return store.Null, 0, true
	}
	return store.Real, math.Float64bits(v), true
}

// pyNaN is the one NaN that Python reads.
const pyNaN = 0x7FF8000000000000

var floatWords = []struct {
	text string
	word uint64
}{{"NaN", pyNaN}, {"Infinity", math.Float64bits(math.Inf(1))}, {"-Infinity", math.Float64bits(math.Inf(-1))}}

// skip reads any value. Its form does not matter: it is kept as it stands.
func (s *jsonScanner) skip(depth int) bool {
	same := s.same
	ok := s.value(depth)
	s.same = same
	return ok
}

func (s *jsonScanner) value(depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch c := s.peek(); c {
	case '"':
		var ok bool
		s.buf, ok = s.text(s.buf[:0])
		return ok
	case '[', '{':
		s.at++
		s.space()
		if s.is(c + 2) { // ] and } stand two behind [ and {
			return true
		}
		for {
			if c == '{' {
				if _, ok := s.key(); !ok {
					return false
				}
			}
			if !s.value(depth + 1) {
				return false
			}
			s.space()
			if s.is(c + 2) {
				return true
			}
			if !s.is(',') {
				return false
			}
			s.gap()
		}
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	_, _, ok := s.number()
	return ok
}

func (s *jsonScanner) word(w string) bool {
	if !bytes.HasPrefix(s.src[s.at:], []byte(w)) {
		return false
	}
	s.at += len(w)
	return true
}

var errNoText = errors.New("the text is not valid UTF-8, which JSON cannot hold")

// appendText appends a string.
func (p *spelling) appendText(dst, v []byte) ([]byte, error) {
	dst = append(dst, '"')
	for i := 0; i < len(v); {
		from := i
		for i < len(v) && plainByte[v[i]] {
			i++
		}
		dst = append(dst, v[from:i]...)
		if i == len(v) {
			break
		}
		c := v[i]
		if c < utf8.RuneSelf {
			i++
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, `\n`...)
			case '\r':
				dst = append(dst, `\r`...)
			case '\t':
				dst = append(dst, `\t`...)
			case '\b':
				dst = append(dst, `\b`...)
			case '\f':
				dst = append(dst, `\f`...)
			case 0x7F:
				if !p.ascii {
					dst = append(dst, c)
					break
				}
				fallthrough
			default:
				dst = appendUnit(dst, rune(c))
			}
			continue
		}
		r, size := utf8.DecodeRune(v[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			if i+2 >= len(v) || c != 0xED || v[i+1] < 0xA0 || v[i+1] > 0xBF || v[i+2]&0xC0 != 0x80 {
				return dst, errNoText
			}
			dst, size = appendUnit(dst, 0xD000|rune(v[i+1]&0x3F)<<6|rune(v[i+2]&0x3F)), 3
		case !p.ascii:
			dst = append(dst, v[i:i+size]...)
		case r > 0xFFFF:
			r -= 0x10000
			dst = appendUnit(appendUnit(dst, 0xD800+r>>10), 0xDC00+r&0x3FF)
		default:
			dst = appendUnit(dst, r)
		}
		i += size
	}
	return append(dst, '"'), nil
}

func appendUnit(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// appendPyFloat appends a float as Python's repr: the fewest digits that read back to
// it, with an exponent from 1e16 on and below 1e-4.
func appendPyFloat(dst []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	case math.IsInf(v, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(v, -1):
		return append(dst, "-Infinity"...)
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return appendPoint(dst, v)
}

// appendPoint appends a float without an exponent, and with a point.
func appendPoint(dst []byte, v float64) []byte {
	at := len(dst)
	dst = strconv.AppendFloat(dst, v, 'f', -1, 64)
	if bytes.IndexByte(dst[at:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendFloat appends a float, which not every program writes.
func (p *spelling) appendFloat(dst []byte, v float64) ([]byte, error) {
	if !p.words && (math.IsNaN(v) || math.IsInf(v, 0)) {
		return dst, errNoNumber
	}
	return p.float(dst, v), nil
}

var errNoNumber = errors.New("JSON cannot hold the number")

// appendJSFloat appends a float as JavaScript's Number::toString (ECMA-262, 6.1.6.1.20).
func appendJSFloat(dst []byte, v float64) []byte {
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		return appendExponent(dst, v)
	}
	return strconv.AppendFloat(dst, v+0, 'f', -1, 64) // -0 is 0
}

// appendNumeric appends a float as PostgreSQL's numeric, which has no exponent.
func appendNumeric(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v+0, 'f', -1, 64) }

// appendExponent appends a float with an exponent that has no needless digit.
func appendExponent(dst []byte, v float64) []byte {
	at := len(dst)
	dst = strconv.AppendFloat(dst, v, 'e', -1, 64)
	e := at + bytes.IndexByte(dst[at:], 'e') + 1
	sign, digits := dst[e], bytes.TrimLeft(dst[e+1:], "0")
	return append(append(dst[:e], sign), digits...)
}
