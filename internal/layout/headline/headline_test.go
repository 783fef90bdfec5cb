package headline_test

import (
	"testing"

	"github.com/memarc/memarc/internal/layout/headline"
)

func TestHeadline(t *testing.T) {
	for text, want := range map[string]string{"": "", " \n\t\x00\n": "", "\n  a b \nc": "a b", "a\u00a0\r\nb": "a"} {
		if got := headline.First(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	for text, want := range map[string]string{"äöü": "äöü", "äöüß": "äöü", "ab cd": "ab"} {
		if got := headline.Shorten(text, 3); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
