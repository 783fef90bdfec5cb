// Package textfile holds what the text formats of several products have in common: how
// Python spells JSON, and a table of memarc's own as a member of a JSON file or in a file
// beside the product's.
package textfile

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// AppendText appends a string as Python's json.dumps writes it: in ASCII, so that no
// program needs to know the encoding of the file. What is not UTF-8 becomes U+FFFD.
func AppendText(dst, v []byte) []byte {
	dst = append(dst, '"')
	for len(v) > 0 {
		c := v[0]
		if c < utf8.RuneSelf {
			v = v[1:]
			switch {
			case c == '"' || c == '\\':
				dst = append(dst, '\\', c)
			case c >= ' ' && c <= '~':
				dst = append(dst, c)
			default:
				if at := bytes.IndexByte([]byte("\n\r\t\b\f"), c); at >= 0 {
					dst = append(dst, '\\', "nrtbf"[at])
				} else {
					dst = fmt.Appendf(dst, `\u%04x`, c)
				}
			}
			continue
		}
		r, size := utf8.DecodeRune(v)
		v = v[size:]
		dst = appendEscaped(dst, r)
	}
	return append(dst, '"')
}

func appendEscaped(dst []byte, r rune) []byte {
	if r > 0xFFFF {
		r -= 0x10000
		return fmt.Appendf(dst, `\u%04x\u%04x`, 0xD800+(r>>10), 0xDC00+(r&0x3FF))
	}
	return fmt.Appendf(dst, `\u%04x`, r)
}

// AppendFloat appends a float as Python's repr writes it. It must be finite.
func AppendFloat(dst []byte, v float64) []byte {
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	at := len(dst)
	dst = strconv.AppendFloat(dst, v, 'f', -1, 64)
	if bytes.IndexByte(dst[at:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// AppendJSON appends a JSON value in one line of ASCII. What stands in several lines gets
// the blanks of Python's json.dumps; what stands in one keeps its own.
func AppendJSON(dst, raw []byte) []byte {
	broken := bytes.ContainsAny(raw, "\n\r") // never within a string
	quoted := false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c >= utf8.RuneSelf || c == 0x7F:
			r, size := utf8.DecodeRune(raw[i:])
			dst = appendEscaped(dst, r)
			i += size - 1
		case quoted:
			dst = append(dst, c)
			if c == '\\' && i+1 < len(raw) {
				i++
				dst = append(dst, raw[i])
			} else if c == '"' {
				quoted = false
			}
		case broken && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
		case broken && (c == ',' || c == ':'):
			dst = append(dst, c, ' ')
		default:
			quoted = c == '"'
			dst = append(dst, c)
		}
	}
	return dst
}

// AppendList appends a JSON array of strings as json.dumps writes it, and tells whether
// raw is one.
func AppendList(dst, raw []byte) ([]byte, bool) {
	at := len(dst)
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '[' {
		return dst, false
	}
	dst = append(dst, '[')
	var buf []byte
	for n := 0; dec.PeekKind() == '"'; n++ {
		v, err := dec.ReadValue()
		if err != nil {
			return dst[:at], false
		}
		if buf, err = jsontext.AppendUnquote(buf[:0], v); err != nil {
			return dst[:at], false
		}
		if n > 0 {
			dst = append(dst, ", "...)
		}
		dst = AppendText(dst, buf)
	}
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != ']' || len(bytes.TrimSpace(raw[dec.InputOffset():])) > 0 {
		return dst[:at], false
	}
	return append(dst, ']'), true
}
