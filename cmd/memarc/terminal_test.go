package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü ☃ \"x\"":     "plain ü ☃ \"x\"",
		"a\x1b[2Jb":           `a\u001b[2Jb`,
		"a\nb\tc\r":           `a\nb\tc\u000d`,
		"\x9b0m":              `\x9b0m`,
		"\u009b0m":            `\u009b0m`,
		"x\u202ey\u200bz\x7f": `x\u202ey\u200bz\u007f`,
		"\U000e0041":          `\U000e0041`,
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[2J\x9b\u202e\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := printable(s)
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q became %q", s, got)
			}
		}
		if !utf8.ValidString(got) || printable(got) != got {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

// Escaped JSON means the same and holds nothing that a terminal obeys.
func FuzzJSONEscaper(f *testing.F) {
	f.Add("a\x1b[2J\u009b\u202e\n ü ☃ \U0001f9a6 \x7f")
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "")
		var raw bytes.Buffer
		e := json.NewEncoder(&raw)
		e.SetEscapeHTML(false)
		if err := e.Encode(s); err != nil {
			t.Fatal(err)
		}
		got := escapedJSON(raw.Bytes())
		var back string
		if err := json.Unmarshal(got, &back); err != nil || back != s {
			t.Fatalf("%q became %s, %q (%v)", s, got, back, err)
		}
		for _, r := range strings.TrimSuffix(string(got), "\n") {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q became %q", s, got)
			}
		}
	})
}

func TestProgressLine(t *testing.T) {
	now := time.Now()
	p := &progress{stage: "export", unit: "records", done: 112_897, total: 500_000, start: now.Add(-2 * time.Second)}
	for width, want := range map[int]string{
		120: "export  [######........................]   22 %  112 897 of 500 000 records  56 448/s  7 s left",
		79:  "export  [###...........]   22 %  112 897 of 500 000 records  56 448/s  7 s left",
		66:  "export   22 %  112 897 of 500 000 records  56 448/s  7 s left",
		20:  "export   22 %  112 8",
		0:   "",
	} {
		if got := p.fit(now, width); got != want {
			t.Errorf("width %d:\n got %q\nwant %q", width, got, want)
		}
	}
	p.total = 0
	if got, want := p.fit(now, 79), "export  112 897 records  56 448/s  2 s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.unit, p.total, p.done = "", 1<<30, 1<<20
	if got, want := p.fit(now, 66), "export    0 %  1.0 MiB of 1.0 GiB  512.0 KiB/s  34 min 7 s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.total, p.done, p.stage = 0, 0, "build indexes"
	if got, want := p.fit(now, 79), "build indexes  2 s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Without a terminal, long work says now and then that it lives.
func TestProgressLines(t *testing.T) {
	var out bytes.Buffer
	p := &progress{out: &out, line: time.Now().Add(-every)}
	p.update("export", 5, 10, "records")
	p.update("export", 6, 10, "records")
	p.stop()
	p.update("export", 7, 10, "records")
	if got, want := out.String(), "memarc: export:  50 %, 5 of 10 records\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWrapped(t *testing.T) {
	for _, test := range []struct {
		in    string
		width int
		want  string
	}{
		{"one two three", 0, "one two three"},
		{"one two three", 80, "one two three"},
		{"one two three", 9, "one two\n    three"},
		{"  indented averylongword", 8, "  indented\n    averylongword"},
		{"", 5, ""},
	} {
		if got := wrapped(test.in, test.width); got != test.want {
			t.Errorf("%q at %d: %q, want %q", test.in, test.width, got, test.want)
		}
	}
}

func TestThings(t *testing.T) {
	for want, got := range map[string]string{
		"1 memory": things(1, "memories"), "2 memories": things(2, "memories"), "1 space": things(1, "spaces"),
		"12 345 records": things(12345, "records"), "1 other record": things(1, "other records"), "0 rows": things(0, "rows"),
		"1 ms": durationText(0), "1.5 s": durationText(1500 * time.Millisecond), "2 min 5 s": durationText(125 * time.Second), "3 h 1 min": durationText(181 * time.Minute),
		"1.5 KiB": bytesText(1536), "1023 B": bytesText(1023),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A panic becomes one sentence with the place, unless it is asked for.
func TestPanic(t *testing.T) {
	var stderr bytes.Buffer
	tl := newTool()
	tl.stderr, tl.answer.out = &stderr, &bytes.Buffer{}
	err := tl.caught(func() error {
		return []error{nil}[len(tl.answer.out.(*bytes.Buffer).String())+1]
	})
	if c := tl.exit(context.Background(), err); c != exitIO {
		t.Errorf("exit code %d", c)
	}
	got := stderr.String()
	if !strings.HasPrefix(got, "memarc: internal error at terminal_test.go:") || strings.Count(got, "\n") != 2 || strings.Contains(got, "goroutine") {
		t.Errorf("got %s", got)
	}
	tl.getenv = func(string) string { return "1" }
	defer func() {
		if recover() == nil {
			t.Error("MEMARC_DEBUG does not keep the panic")
		}
	}()
	err = tl.caught(func() error { panic(errors.New("kept")) })
	t.Error(err)
}
