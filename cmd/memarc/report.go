package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
)

// A report is what --report writes: a documented contract (docs in the README).
// It never holds a password.
type report struct {
	Command  string                  `json:"command"`
	Status   string                  `json:"status"` // done or failed
	Exit     int                     `json:"exit"`
	Source   *reportStore            `json:"source,omitempty"`
	Target   *reportStore            `json:"target,omitempty"`
	Archive  *reportArchive          `json:"archive,omitempty"`
	Digest   reportDigest            `json:"digest"`
	Sections map[string]*reportCount `json:"sections"`
	Losses   []format.Loss           `json:"losses"`
	Errors   []store.Reject          `json:"errors"`
	Message  string                  `json:"message,omitempty"`
	Seconds  float64                 `json:"seconds"`
}

type reportStore struct {
	Engine  string `json:"engine"`
	Layout  string `json:"layout"`
	Version string `json:"version"`
	URL     string `json:"url"`
}

type reportArchive struct {
	Root    string `json:"root"`
	Content string `json:"content"`
	Bytes   int64  `json:"bytes"`
}

type reportDigest struct {
	Source  string `json:"source,omitempty"`
	Archive string `json:"archive,omitempty"`
	Target  string `json:"target,omitempty"`
}

type reportCount struct {
	Read      uint64 `json:"read"`
	Written   uint64 `json:"written"`
	Unchanged uint64 `json:"unchanged"`
	Updated   uint64 `json:"updated"`
	Skipped   uint64 `json:"skipped"`
	Rejected  uint64 `json:"rejected"`
}

func newStore(id format.StoreID, url string) *reportStore {
	return &reportStore{id.Engine, id.Layout, id.Version, store.Redact(url)}
}

// manners are the flags that every command has.
func manners(flags ...cli.Flag) []cli.Flag {
	return append(flags,
		&cli.StringFlag{Name: "report", Usage: "write a report as JSON to `FILE`"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "say nothing but errors"},
		&cli.BoolFlag{Name: "verbose", Usage: "say more"},
	)
}

// reported runs a command's work and writes its report, whatever comes of it.
func (t *tool) reported(c *cli.Context, work func(r *report) error) error {
	r := &report{Command: c.Command.Name, Sections: map[string]*reportCount{}, Losses: []format.Loss{}, Errors: []store.Reject{}}
	start := time.Now()
	err := work(r)
	path := c.String("report")
	if path == "" {
		return err
	}
	r.Seconds = time.Since(start).Round(time.Millisecond).Seconds()
	r.Exit = code(c.Context, err)
	r.Status = "done"
	if err != nil {
		r.Message = err.Error()
		if r.Exit != exitRejected && r.Exit != exitLoss {
			r.Status = "failed"
		}
	}
	raw, jsonErr := json.MarshalIndent(r, "", "  ")
	if jsonErr == nil {
		jsonErr = os.WriteFile(path, append(raw, '\n'), 0o600)
	}
	if jsonErr != nil && err == nil {
		return fmt.Errorf("write report %q: %w", path, jsonErr)
	}
	return err
}

func (r *report) exported(e *exporter.Report, url string) {
	if e == nil {
		return
	}
	r.Source = newStore(e.Source, url)
	for name, c := range e.Sections {
		r.section(name).Read = c.Read
		r.section(name).Written = c.Written
	}
	r.Losses = append(r.Losses, e.Losses...)
	if e.End != nil {
		r.ended(e.End)
		r.Digest.Source = e.End.Content.String()
	}
}

func (r *report) ended(end *format.End) {
	r.Archive = &reportArchive{end.Root.String(), end.Content.String(), end.Bytes}
	r.Digest.Archive = end.Content.String()
}

func (r *report) imported(i *importer.Report, url string) {
	if i.Plan != nil {
		r.Target = newStore(i.Plan.ID, url)
	}
	for name, c := range i.Sections {
		*r.section(name) = reportCount{c.Read, c.Written, c.Unchanged, c.Updated, c.Skipped, c.Rejected}
	}
	r.Losses = append(r.Losses, i.Losses...)
	r.Errors = append(r.Errors, i.Rejects...)
	if i.End != nil {
		r.ended(i.End)
	}
	if i.Target != (format.Hash{}) {
		r.Digest.Target = i.Target.String()
	}
}

func (r *report) section(name string) *reportCount {
	if r.Sections[name] == nil {
		r.Sections[name] = &reportCount{}
	}
	return r.Sections[name]
}

// counts lists sections with numbers, the standard ones first, at most so many.
func counts(sections map[string]uint64) string {
	names := make([]string, 0, len(sections))
	for name, n := range sections {
		if n > 0 {
			names = append(names, name)
		}
	}
	rank := format.StandardNames()
	slices.SortFunc(names, func(a, b string) int {
		ia, ib := slices.Index(rank, a), slices.Index(rank, b)
		switch {
		case ia >= 0 && ib >= 0:
			return ia - ib
		case ia >= 0:
			return -1
		case ib >= 0:
			return 1
		}
		return strings.Compare(a, b)
	})
	// Memories are what people look for.
	if i := slices.Index(names, format.Memories); i > 0 {
		names = append([]string{format.Memories}, slices.Delete(names, i, i+1)...)
	}
	const most = 8
	var parts []string
	for i, name := range names {
		if i == most {
			var rest uint64
			for _, other := range names[i:] {
				rest += sections[other]
			}
			parts = append(parts, fmt.Sprintf("%s records of %d more sections", amount(int64(rest), "records"), len(names)-i))
			break
		}
		parts = append(parts, amount(int64(sections[name]), "records")+" "+name)
	}
	if len(parts) == 0 {
		return "no records"
	}
	return strings.Join(parts, ", ")
}

// note prints a line for people on stderr.
func (t *tool) note(c *cli.Context, format string, args ...any) {
	if !c.Bool("quiet") {
		fmt.Fprintln(t.stderr, printable(fmt.Sprintf(format, args...)))
	}
}

// ledger prints the losses and returns the outcome they ask for.
func (t *tool) ledger(c *cli.Context, losses []format.Loss, done string) error {
	const most = 20
	for i, l := range losses {
		if i == most {
			t.note(c, "  ... and %d more entries; --report FILE has them all", len(losses)-most)
			break
		}
		mark := "left out"
		if l.Accepted {
			mark = "accepted"
		}
		t.note(c, "  %s [%s] %s (%d): %s", mark, l.Code, l.Where, l.Count, l.Reason)
	}
	var codes []string
	for _, l := range exporter.Unaccepted(losses) {
		if !slices.Contains(codes, l.Code) {
			codes = append(codes, l.Code)
		}
	}
	if len(codes) == 0 {
		return nil
	}
	return &outcome{exitLoss, fmt.Sprintf("%s, but not everything could be carried: %s", done, strings.Join(codes, ", ")),
		"if that may stay behind, say so: --accept-loss " + strings.Join(codes, ",")}
}
