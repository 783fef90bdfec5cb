package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// The rules of this terminal interface: the answer goes to stdout, progress and
// problems go to stderr, and text from a store or an archive never reaches either
// with its control characters.

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// printable escapes what a terminal could take for a command.
func printable(s string) string {
	clean := func(r rune) bool {
		return r == '\n' || r == '\t' || unicode.IsPrint(r)
	}
	if strings.IndexFunc(s, func(r rune) bool { return !clean(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if clean(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// progress shows how far long work is: a bar on a terminal, now and then a line
// elsewhere.
type progress struct {
	out   io.Writer
	bars  *mpb.Progress
	bar   *mpb.Bar
	stage string
	start time.Time
	line  time.Time
	quiet bool
}

// every is how often work that is not watched on a terminal says that it lives.
const every = 10 * time.Second

func (t *tool) newProgress(quiet bool) *progress {
	p := &progress{out: t.stderr, quiet: quiet, start: time.Now(), line: time.Now()}
	if !quiet && isTerminal(t.stderr) {
		p.bars = mpb.New(mpb.WithOutput(t.stderr), mpb.WithWidth(40), mpb.WithRefreshRate(150*time.Millisecond))
	}
	return p
}

// update says that so many of total are done; total may be 0 if unknown.
func (p *progress) update(stage string, done, total int64, unit string) {
	if p.quiet {
		return
	}
	if p.bars == nil {
		if now := time.Now(); now.Sub(p.line) >= every {
			p.line = now
			rate := float64(done) / now.Sub(p.start).Seconds()
			fmt.Fprintf(p.out, "memarc: %s: %s %s, %s a second\n", stage, amount(done, unit), unit, amount(int64(rate), unit))
		}
		return
	}
	if p.bar == nil || p.stage != stage {
		p.finish()
		p.stage = stage
		p.bar = p.bars.AddBar(max(total, 1), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(stage+" ")),
			mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string {
				return fmt.Sprintf("%s %s ", amount(s.Current, unit), unit)
			}), decor.AverageETA(decor.ET_STYLE_GO)))
	}
	if total > 0 {
		p.bar.SetTotal(max(total, done+1), false)
	}
	p.bar.SetCurrent(done)
}

func (p *progress) finish() {
	if p.bar != nil {
		p.bar.SetTotal(-1, true)
		p.bar.Abort(true)
		p.bar.Wait()
		p.bar = nil
	}
}

// stop removes the bar.
func (p *progress) stop() {
	p.finish()
	if p.bars != nil {
		p.bars.Wait()
		p.bars = nil
		p.quiet = true
	}
}

// amount shows a number of records with thin groups, or bytes with a unit.
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
