package memgraphsyntax

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	end     kind = iota
	word         // UnescapedSymbolicName, or a keyword
	quoted       // EscapedSymbolicName
	text         // StringLiteral
	integer      // DecimalLiteral, OctalLiteral, HexadecimalLiteral
	float        // FloatingLiteral
	symbol
)

type token struct {
	kind kind
	text string // a word in upper case, the content of a name in back-quotes
	at   int
	raw  string
}

// symbols by length, as the longest match wins.
var symbols = []string{"..", "<=", ">=", "<>", "!=", "=~", "+=", "(", ")", "[", "]", "{", "}", ",", ".", ":", ";", "$", "|", "=", "<", ">", "+", "-", "*", "/", "%", "^", "&"}

// lex takes a statement apart by the rules of CypherLexer.g4.
func lex(s string) ([]token, error) {
	var out []token
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("the statement is not UTF-8")
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case isSpace(r): // Whitespace
			i += size
		case strings.HasPrefix(s[i:], "/*"): // Comment
			n := strings.Index(s[i+2:], "*/")
			if n < 0 {
				return nil, fmt.Errorf("at %d: a comment without an end", i)
			}
			i += n + 4
		case strings.HasPrefix(s[i:], "//"):
			if n := strings.IndexAny(s[i:], "\r\n"); n < 0 {
				i = len(s)
			} else {
				i += n
			}
		case r == '`':
			n, name, err := lexQuoted(s[i:])
			if err != nil {
				return nil, fmt.Errorf("at %d: %w", i, err)
			}
			out = append(out, token{quoted, name, i, s[i : i+n]})
			i += n
		case r == '\'' || r == '"':
			n, err := lexString(s[i:])
			if err != nil {
				return nil, fmt.Errorf("at %d: %w", i, err)
			}
			out = append(out, token{text, s[i : i+n], i, s[i : i+n]})
			i += n
		case isDigit(s[i]) || r == '.' && i+1 < len(s) && isDigit(s[i+1]):
			n, k := lexNumber(s[i:])
			out = append(out, token{k, s[i : i+n], i, s[i : i+n]})
			i += n
		case unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) || unicode.Is(unicode.Pc, r): // IdentifierStart
			n := size
			for i+n < len(s) {
				r, size := utf8.DecodeRuneInString(s[i+n:])
				if !unicode.IsLetter(r) && !unicode.In(r, unicode.Nl, unicode.Pc, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Sc) {
					break
				}
				n += size
			}
			out = append(out, token{word, strings.ToUpper(s[i : i+n]), i, s[i : i+n]})
			i += n
		default:
			found := ""
			for _, sym := range symbols {
				if strings.HasPrefix(s[i:], sym) {
					found = sym
					break
				}
			}
			if found == "" {
				return nil, fmt.Errorf("at %d: %q is nothing", i, r)
			}
			out = append(out, token{symbol, found, i, found})
			i += len(found)
		}
	}
	return append(out, token{kind: end, at: len(s)}), nil
}

// isSpace is the rule Whitespace, which has neither NUL nor U+0085.
func isSpace(r rune) bool {
	return r == ' ' || r >= 9 && r <= 13 || r >= 0x1c && r <= 0x1f || r == 0x1680 || r == 0x180e || r >= 0x2000 && r <= 0x200a ||
		r == 0x2028 || r == 0x2029 || r == 0x205f || r == 0x3000 || r == 0xa0 || r == 0x202f
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// lexQuoted is EscapedSymbolicName: a back-quote in it is doubled, and nothing else has
// a meaning.
func lexQuoted(s string) (int, string, error) {
	var name strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '`' {
			name.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != '`' {
			return i + 1, name.String(), nil
		}
		name.WriteByte('`')
		i++
	}
	return 0, "", fmt.Errorf("a back-quote without another")
}

// lexString is StringLiteral with its EscapeSequences.
func lexString(s string) (int, error) {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return i + 1, nil
		case s[i] != '\\':
		case i+1 < len(s) && strings.IndexByte(`bfnrtBFNRT\'"`, s[i+1]) >= 0:
			i++
		default:
			digits := 0
			if i+1 < len(s) {
				digits = map[byte]int{'u': 4, 'U': 8}[s[i+1]]
			}
			if digits == 0 || i+2+digits > len(s) || strings.Trim(s[i+2:i+2+digits], "0123456789abcdefABCDEF") != "" {
				return 0, fmt.Errorf("an unknown escape in a text")
			}
			i += 1 + digits
		}
	}
	return 0, fmt.Errorf("a text without an end")
}

// lexNumber is DecimalLiteral, OctalLiteral, HexadecimalLiteral and FloatingLiteral.
func lexNumber(s string) (int, kind) {
	digits := func(i int) int {
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i
	}
	exponent := func(i int) int {
		if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
			at := i + 1
			if at < len(s) && s[at] == '-' {
				at++
			}
			if to := digits(at); to > at {
				return to
			}
		}
		return i
	}
	if strings.HasPrefix(s, "0x") {
		n := 2
		for n < len(s) && strings.IndexByte("0123456789abcdefABCDEF", s[n]) >= 0 {
			n++
		}
		if n > 2 {
			return n, integer
		}
	}
	whole := digits(0)
	if whole < len(s) && s[whole] == '.' {
		if fraction := digits(whole + 1); fraction > whole+1 {
			return exponent(fraction), float
		}
		if to := exponent(whole + 1); whole > 0 && to > whole+1 {
			return to, float
		}
	}
	if to := exponent(whole); to > whole {
		return to, float
	}
	if s[0] == '0' && strings.Trim(s[:whole], "01234567") != "" {
		return 1, integer // 09 is 0 and 9
	}
	return whole, integer
}
