package mcp

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/memarc/memarc/internal/confine"
	"github.com/memarc/memarc/internal/store"
)

// A call is one call of a tool.
type call struct {
	*server
	ctx      context.Context
	progress *progress
}

// A line is a command line in the making. What is wrong with one of its parts is kept.
type line struct {
	limits *confine.Limits
	flags  []string
	words  []string
	err    error
}

func (c *call) line(verb string) *line { return &line{limits: c.Limits, flags: []string{verb}} }

// flag adds a flag with a value, unless that is empty. It is one word, so that no value
// can be taken for a flag.
func (l *line) flag(name string, values ...string) *line {
	for _, value := range values {
		if value != "" {
			l.flags = append(l.flags, "--"+name+"="+value)
		}
	}
	return l
}

// set adds a flag without a value.
func (l *line) set(name string, on bool) *line {
	if on {
		l.flags = append(l.flags, "--"+name)
	}
	return l
}

// path turns a location of the caller's into one that was checked, or keeps the error.
func (l *line) path(check func(string) (string, error), what, raw string) string {
	if raw == "" && l.err == nil {
		l.err = fmt.Errorf("%w: %s is empty", store.ErrUsage, what)
	}
	if l.err != nil {
		return ""
	}
	var out string
	out, l.err = check(raw)
	return out
}

// store adds the location of a store, or of an archive, to the words.
func (l *line) store(what, raw string) string {
	out := l.path(l.limits.Store, what, raw)
	l.words = append(l.words, out)
	return out
}

// archive adds the path of an archive to the words.
func (l *line) archive(what, raw string) string {
	out := l.path(l.limits.File, what, raw)
	l.words = append(l.words, out)
	return out
}

// layout adds a flag for a layout: its name, or the path of its description.
func (l *line) layout(flag, raw string) *line {
	if raw != "" && !confine.IsName(raw) {
		raw = l.path(l.limits.File, flag, raw)
	}
	return l.flag(flag, raw)
}

// with adds words that were checked.
func (l *line) with(words ...string) *line {
	l.words = append(l.words, words...)
	return l
}

// run runs the command.
func (c *call) run(l *line) (Outcome, error) {
	if l.err != nil {
		return Outcome{}, l.err
	}
	args := append(append(append([]string{}, l.flags...), "--"), l.words...)
	return c.Run(c.ctx, args, c.progress.watch), nil
}

// progress tells a client how far its call is.
type progress struct {
	ctx     context.Context
	session *sdk.ServerSession
	token   any

	mu          sync.Mutex
	last        time.Time
	stage       string
	before, now int64 // of the stages before, and of this one
}

// often is how long a client is told nothing after it was told something.
const often = 250 * time.Millisecond

func newProgress(ctx context.Context, req *sdk.CallToolRequest) *progress {
	return &progress{ctx: ctx, session: req.Session, token: req.Params.GetProgressToken()}
}

// watch sends a notification. Its number grows over all stages, as the protocol asks.
func (p *progress) watch(stage string, done, total int64, unit string) {
	if p.token == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if stage != p.stage {
		p.before, p.stage, p.now, p.last = p.before+p.now+1, stage, 0, time.Time{}
	}
	p.now = max(p.now, done)
	if time.Since(p.last) < often {
		return
	}
	p.last = time.Now()
	message := []string{stage}
	if total > 0 {
		message = append(message, fmt.Sprintf("%d %%", min(done, total)*100/total))
	}
	if unit != "" && done > 0 {
		message = append(message, fmt.Sprintf("%d %s", done, unit))
	}
	// A client that is gone is told nothing; the call's own context ends.
	_ = p.session.NotifyProgress(p.ctx, &sdk.ProgressNotificationParams{ProgressToken: p.token, Progress: float64(p.before + p.now), Message: strings.Join(message, ", ")})
	p.now++ // the next one is larger
}
