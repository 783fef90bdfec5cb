package postgres

import (
	"fmt"
	"strings"

	"github.com/memarc/memarc/internal/store"
)

// confined tells whether a condition of the user's stays within the parentheses
// that are put around it: it closes none that it has not opened, and leaves no
// quote, comment or parenthesis open. The rules are those of PostgreSQL's manual,
// section 4.1, with standard_conforming_strings on.
func confined(where string) error {
	depth := 0
	backslash := false // a single quote here would begin or go on with an E'...'
	for i := 0; i < len(where); {
		rest, start := where[i:], i
		escaped := backslash
		switch ch := where[i]; {
		case strings.IndexByte(" \t\r\n\f\v", ch) >= 0:
			i++
			continue
		case ch == '(':
			depth++
			i++
		case ch == ')':
			if depth--; depth < 0 {
				return unconfined(where)
			}
			i++
		case ch == ';' || ch == 0:
			return unconfined(where)
		case strings.HasPrefix(rest, "--"):
			end := strings.IndexAny(rest, "\r\n")
			if end < 0 {
				end = len(rest)
			}
			i += end
			continue
		case strings.HasPrefix(rest, "/*"):
			n := commentLength(rest)
			if n < 0 {
				return unconfined(where)
			}
			i += n
		case ch == '"' || ch == '\'':
			n := quoteLength(rest, ch, ch == '\'' && escaped)
			if n < 0 {
				return unconfined(where)
			}
			i += n
		case ch == '$':
			tag := dollarTag(rest)
			if tag == "" {
				i++
				break
			}
			end := strings.Index(rest[len(tag):], tag)
			if end < 0 {
				return unconfined(where)
			}
			i += 2*len(tag) + end
		case isWord(ch):
			for i < len(where) && (isWord(where[i]) || where[i] == '$') {
				i++
			}
			// What follows a number without a space is read in several ways.
			word := where[start:i]
			if ch >= '0' && ch <= '9' && (strings.Contains(word, "$") || strings.HasPrefix(where[i:], "'")) {
				return unconfined(where)
			}
			escaped = strings.EqualFold(word, "e") && strings.HasPrefix(where[i:], "'")
			backslash = escaped
			continue
		default:
			i++
		}
		backslash = escaped && where[start] == '\''
	}
	if depth != 0 {
		return unconfined(where)
	}
	return nil
}

func unconfined(where string) error {
	return fmt.Errorf("%w: condition %q is not one condition", store.ErrUsage, where)
}

// quoteLength returns the length of a quoted piece, or -1 if it has no end.
func quoteLength(s string, quote byte, backslash bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case backslash && s[i] == '\\':
			i++
		case s[i] != quote:
		case i+1 < len(s) && s[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return -1
}

// commentLength returns the length of a comment, within which others may stand.
func commentLength(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			i++
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// dollarTag returns the opening of a dollar-quoted string, or "".
func dollarTag(s string) string {
	end := strings.IndexByte(s[1:], '$')
	if end < 0 {
		return ""
	}
	for i := range end {
		if b := s[1+i]; !isWord(b) || i == 0 && b >= '0' && b <= '9' {
			return ""
		}
	}
	return s[:end+2]
}

func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z' || b >= 0x80
}
