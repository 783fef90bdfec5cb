package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"
)

// The rules of this terminal interface: the answer goes to stdout, progress and
// problems go to stderr, and text from a store or an archive never reaches either
// with its control characters.

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalWidth returns the columns of a terminal, or 0.
func terminalWidth(w any) int {
	if !isTerminal(w) {
		return 0
	}
	width, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil {
		return 0
	}
	return width
}

// wrapped breaks a line between words; width 0 leaves it whole.
func wrapped(s string, width int) string {
	line := 0
	words := strings.SplitAfter(s, " ")
	for i, word := range words {
		n := utf8.RuneCountInString(word)
		if width > 0 && line > 0 && line+n > width && strings.TrimSpace(strings.Join(words[:i], "")) != "" {
			words[i-1] = strings.TrimSuffix(words[i-1], " ") + "\n    "
			line = 4
		}
		line += n
	}
	return strings.Join(words, "")
}

// printable escapes what a terminal could take for a command or a line of ours:
// controls, line ends, invisible and direction marks, bytes that are not UTF-8.
func printable(s string) string {
	clean := true
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
	}
	return b.String()
}

// jsonEscaper writes JSON on, with what a terminal could take for a command in
// the form \uXXXX. In JSON such characters stand in strings alone, where that form
// means the same. Every Write must end with a whole character.
type jsonEscaper struct{ out io.Writer }

func (e jsonEscaper) Write(p []byte) (int, error) {
	from := 0
	var escaped []byte
	for i := 0; i < len(p); i++ {
		if p[i] < 0x7F {
			continue
		}
		r, size := utf8.DecodeRune(p[i:])
		if size > 1 && unicode.IsPrint(r) {
			i += size - 1
			continue
		}
		escaped = append(escaped, p[from:i]...)
		for _, unit := range utf16.Encode([]rune{r}) {
			escaped = fmt.Appendf(escaped, `\u%04x`, unit)
		}
		i += size - 1
		from = i + 1
	}
	if escaped != nil {
		_, err := e.out.Write(append(escaped, p[from:]...))
		return len(p), err
	}
	return e.out.Write(p)
}

// escapedJSON returns JSON in the form of a jsonEscaper.
func escapedJSON(raw []byte) []byte {
	var b bytes.Buffer
	jsonEscaper{&b}.Write(raw) // a buffer takes everything
	return b.Bytes()
}

// amount shows a number with thin groups, or, without a unit, bytes.
func amount(n int64, unit string) string {
	if unit == "" {
		return bytesText(n)
	}
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// things shows a number of things in their plural or, if there is one, singular.
func things(n uint64, plural string) string {
	if n == 1 {
		if head, ok := strings.CutSuffix(plural, "ies"); ok {
			plural = head + "y"
		} else {
			plural = strings.TrimSuffix(plural, "s")
		}
	}
	return amount(int64(n), plural) + " " + plural
}

func bytesText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, i := float64(n), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

func since(start time.Time) string { return durationText(time.Since(start)) }

// wholeSeconds is a time that changes while one looks at it.
func wholeSeconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return durationText(d)
}

func durationText(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}
