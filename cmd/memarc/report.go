package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
)

// A report is what --report writes: a contract, so every field is always there.
// It never holds a password.
type report struct {
	Command  string                  `json:"command"`
	Status   string                  `json:"status"` // done or failed
	Exit     int                     `json:"exit"`
	Source   *reportStore            `json:"source"`
	Target   *reportStore            `json:"target"`
	Archive  *reportArchive          `json:"archive"`
	Digest   reportDigest            `json:"digest"`
	Sections map[string]*reportCount `json:"sections"`
	Losses   []format.Loss           `json:"losses"`
	Errors   []store.Reject          `json:"errors"`         // refused records; what failed, without section and id
	Left     []store.Step            `json:"left,omitempty"` // to be done after the import
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
	Source  string `json:"source"`
	Archive string `json:"archive"`
	Target  string `json:"target"`
}

type reportCount struct {
	Read      uint64 `json:"read"`
	Written   uint64 `json:"written"`
	Unchanged uint64 `json:"unchanged"`
	Updated   uint64 `json:"updated"`
	Skipped   uint64 `json:"skipped"`
	Rejected  uint64 `json:"rejected"`
	Deleted   uint64 `json:"deleted,omitempty"` // by an incremental archive
}

func newReport(command string) *report {
	return &report{Command: command, Sections: map[string]*reportCount{}, Losses: []format.Loss{}, Errors: []store.Reject{}}
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
		helpFlag(),
	)
}

// command makes an action of a command's work: it checks the number of arguments
// and the files to write, and writes the report, whatever comes of the work.
func (t *tool) command(least, most int, work func(c *cli.Context, r *report) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if c.Bool("help") {
			t.printf("%s", commandHelp(c.Command, c.Command.HelpName))
			return t.answer.err
		}
		if err := outputs(c); err != nil {
			return err
		}
		r := newReport(c.Command.Name)
		var file *newFile
		if path := c.String("report"); path != "" {
			var err error
			if file, err = t.createFile(path); err != nil {
				return err
			}
			defer file.discard()
		}
		start := time.Now()
		err := arguments(c, least, most)
		if err == nil {
			err = t.caught(func() error { return work(c, r) })
		}
		switch {
		case t.answer.err == nil, c.Context.Err() != nil:
		case t.answer.gone() && c.Command.Name != "export":
			err = errGone
		default:
			err = t.answer.err
		}
		r.finish(c.Context, err, time.Since(start))
		if t.reported != nil {
			t.reported(r)
		}
		if file == nil {
			return err
		}
		return errors.Join(err, r.write(file))
	}
}

// finish makes the report that of a command that has ended with err.
func (r *report) finish(ctx context.Context, err error, took time.Duration) {
	r.Seconds = took.Round(time.Millisecond).Seconds()
	r.Exit = code(ctx, err)
	r.Status = "done"
	if err != nil {
		if r.Exit != exitRejected && r.Exit != exitLoss {
			r.Status = "failed"
		}
		r.Errors = append(r.Errors, store.Reject{Reason: err.Error()})
	}
}

// write writes the report to a file.
func (r *report) write(file *newFile) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if _, err := file.Write(append(escapedJSON(raw), '\n')); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return file.publish()
}

// outputs refuses to write a file over another one of the same command.
func outputs(c *cli.Context) error {
	others := c.Args().Slice()
	for _, flag := range []string{"from", "to", "against"} {
		if where := c.String(flag); where != "" {
			others = append(others, where)
		}
	}
	if where := c.String("layout"); where != "" {
		others = append(others, where)
	}
	var taken []string
	for _, flag := range []string{"output", "report", "rejects"} {
		path := c.String(flag)
		switch {
		case path == "" && c.IsSet(flag):
			return usagef("--%s needs the name of a file", flag)
		case path == "":
			continue
		case path == "-" && flag != "output":
			return usagef("--%s takes a file; the standard output is for the answer", flag)
		}
		for _, other := range others {
			if sameFile(path, other) {
				return usagef("--%s %q would overwrite %q, which the command reads or writes", flag, path, store.Redact(other))
			}
		}
		if slices.Contains(taken, path) {
			return usagef("--%s %q is the file of another flag", flag, path)
		}
		taken = append(taken, path)
	}
	return nil
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
	for name, n := range e.Deleted {
		r.section(name).Deleted = n
	}
	r.Losses = append(r.Losses, e.Losses...)
	if e.End != nil {
		r.ended(e.End)
		r.Digest.Source = e.End.Content.String()
		if e.Result != nil {
			r.Digest.Source = e.Result.Content.String()
		}
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
		*r.section(name) = reportCount{c.Read, c.Written, c.Unchanged, c.Updated, c.Skipped, c.Rejected, c.Deleted}
	}
	r.Losses = append(r.Losses, i.Losses...)
	r.Errors = append(append(r.Errors, i.Rejects...), i.Notes...)
	r.Left = append(r.Left, i.Left...)
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

// counts lists the standard sections with their numbers, memories first, and the
// number of all other records.
func counts(sections map[string]uint64) string {
	var parts []string
	var others, tables uint64
	standard := slices.Clone(format.StandardNames())
	slices.SortStableFunc(standard, func(a, b string) int {
		if a == format.Memories {
			return -1
		}
		if b == format.Memories {
			return 1
		}
		return 0
	})
	for _, name := range standard {
		if n := sections[name]; n > 0 {
			parts = append(parts, things(n, strings.ReplaceAll(name, "_", " ")))
		}
	}
	for name, n := range sections {
		if n > 0 && !slices.Contains(standard, name) {
			others, tables = others+n, tables+1
		}
	}
	switch {
	case others > 0 && len(parts) > 0:
		parts = append(parts, things(others, "other records"))
	case others > 0:
		parts = append(parts, things(others, "records")+" of "+things(tables, "tables"))
	case len(parts) == 0:
		return "no records"
	}
	return strings.Join(parts, ", ")
}

// note prints a line for people on stderr.
func (t *tool) note(c *cli.Context, format string, args ...any) {
	if !c.Bool("quiet") {
		fmt.Fprintln(t.stderr, wrapped(printable(fmt.Sprintf(format, args...)), terminalWidth(t.stderr)))
	}
}

// ledger prints the losses and returns the outcome they ask for.
func (t *tool) ledger(c *cli.Context, losses []format.Loss, done string) error {
	const most = 20
	for i, l := range losses {
		if i == most && !c.Bool("verbose") {
			t.note(c, "  ... and %d more entries; --verbose or --report FILE has them all", len(losses)-most)
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
	return &outcome{code: exitLoss, msg: fmt.Sprintf("%s, but not everything could be carried: %s", done, strings.Join(codes, ", ")),
		hint: "if that may stay behind, say so: --accept-loss " + strings.Join(codes, ",")}
}

// accepted are the codes that --accept-loss names.
func accepted(c *cli.Context) (codes []string) {
	for _, list := range c.StringSlice("accept-loss") {
		for code := range strings.SplitSeq(list, ",") {
			codes = append(codes, strings.TrimSpace(code))
		}
	}
	return codes
}
