package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// progress shows how far long work is: one line that changes on a terminal, now
// and then a new line elsewhere.
type progress struct {
	out      io.Writer
	terminal *os.File // nil if there is none
	quiet    bool
	watch    watch

	mu          sync.Mutex
	stage, unit string
	done, total int64
	start, line time.Time
	end         chan struct{} // ends the drawing
	ended       chan struct{}
}

// watch is told that so many of total are done, as update is.
type watch = func(stage string, done, total int64, unit string)

const (
	// every is how often work that is not watched on a terminal says that it lives.
	every = 10 * time.Second
	// redraw is how often the line on a terminal changes; shorter work shows none.
	redraw = 150 * time.Millisecond
)

func (t *tool) newProgress(quiet bool) *progress {
	p := &progress{out: t.stderr, quiet: quiet, watch: t.watch, line: time.Now()}
	if isTerminal(t.stderr) && t.getenv("TERM") != "dumb" {
		p.terminal = t.stderr.(*os.File)
	}
	return p
}

// update says that so many of total are done; total is 0 if unknown, and both
// are if nothing is counted. The unit is the name of what is counted, "" for
// bytes.
func (p *progress) update(stage string, done, total int64, unit string) {
	if p.watch != nil {
		p.watch(stage, done, total, unit)
		return
	}
	if p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if stage != p.stage || done < p.done {
		p.stage, p.start = stage, now
	}
	p.done, p.total, p.unit = done, total, unit
	switch {
	case p.terminal != nil && p.end == nil:
		p.end, p.ended = make(chan struct{}), make(chan struct{})
		go p.draw(p.end, p.ended)
	case p.terminal == nil && now.Sub(p.line) >= every:
		p.line = now
		fmt.Fprintf(p.out, "memarc: %s: %s\n", p.stage, strings.Join(p.facts(now), ", "))
	}
}

// facts says how much is done, how fast, and how long the rest takes.
func (p *progress) facts(now time.Time) []string {
	what := " " + p.unit
	if p.unit == "" {
		what = ""
	}
	took := now.Sub(p.start)
	var out []string
	if p.total > 0 {
		done := min(p.done, p.total)
		out = append(out, fmt.Sprintf("%3d %%", done*100/p.total), amount(done, p.unit)+" of "+amount(p.total, p.unit)+what)
	} else if p.done > 0 {
		out = append(out, amount(p.done, p.unit)+what)
	} else {
		return append(out, wholeSeconds(took))
	}
	rate := float64(p.done) / max(took.Seconds(), 0.001)
	if took < redraw || p.done == 0 {
		return out
	}
	out = append(out, amount(int64(rate), p.unit)+"/s")
	if p.total > 0 {
		left := time.Duration(float64(max(p.total-p.done, 0)) / rate * float64(time.Second))
		return append(out, wholeSeconds(left+time.Second)+" left")
	}
	return append(out, wholeSeconds(took))
}

func (p *progress) draw(end, ended chan struct{}) {
	defer close(ended)
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	drawn := false
	for {
		select {
		case <-end:
			if drawn {
				fmt.Fprint(p.terminal, "\r\x1b[K")
			}
			return
		case now := <-tick.C:
			fmt.Fprint(p.terminal, "\r"+p.text(now)+"\x1b[K")
			drawn = true
		}
	}
}

// text is the line, short enough for the terminal.
func (p *progress) text(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	width := terminalWidth(p.terminal)
	if width == 0 {
		width = 80
	}
	return p.fit(now, width-3) // room for the ^C of an interrupt
}

func (p *progress) fit(now time.Time, width int) string {
	facts := p.facts(now)
	if p.total > 0 {
		const most, least = 30, 5
		room := min(most, width-len(p.stage)-len(strings.Join(facts, "  "))-6)
		if room >= least {
			full := int(min(p.done, p.total) * int64(room) / p.total)
			facts = append([]string{"[" + strings.Repeat("#", full) + strings.Repeat(".", room-full) + "]"}, facts...)
		}
	}
	line := p.stage + "  " + strings.Join(facts, "  ")
	return line[:min(len(line), max(width, 0))] // all of it is ASCII
}

// stop ends the showing and removes the line.
func (p *progress) stop() {
	p.mu.Lock()
	end, ended := p.end, p.ended
	p.end, p.quiet = nil, true
	p.mu.Unlock()
	if end != nil {
		close(end)
		<-ended
	}
}

// watched is a source whose reading shows.
type watched struct {
	store.Source
	p     *progress
	total int64
}

func (w watched) Read(ctx context.Context, sel store.Selection) iter.Seq2[*format.Batch, error] {
	return func(yield func(*format.Batch, error) bool) {
		var done int64
		for b, err := range w.Source.Read(ctx, sel) {
			if err == nil {
				done += int64(b.Rows)
				w.p.update("read", done, w.total, "records")
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

// watchedFile is a file whose reading shows.
type watchedFile struct {
	io.ReadCloser
	p          *progress
	done, size int64
}

func (w *watchedFile) Read(b []byte) (int, error) {
	n, err := w.ReadCloser.Read(b)
	w.done += int64(n)
	w.p.update("read", w.done, w.size, "")
	return n, err
}
