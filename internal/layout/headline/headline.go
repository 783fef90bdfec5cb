// Package headline makes titles of texts, for records that have none.
package headline

import (
	"strings"
	"unicode"
)

// First is the first line of a text that is not blank, without the blanks around it; "" if
// there is none.
func First(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimFunc(line, Blank); line != "" {
			return line
		}
	}
	return ""
}

// Blank tells what does not make a text: what Python strips, and control characters.
func Blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// Shorten cuts a text after so many characters, and the blanks around the rest.
func Shorten(text string, characters int) string {
	if runes := []rune(text); len(runes) > characters {
		return strings.TrimSpace(string(runes[:characters]))
	}
	return text
}
