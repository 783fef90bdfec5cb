package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

func (t *tool) migrateCommand() *cli.Command {
	return &cli.Command{
		Name:      "migrate",
		Usage:     "copy a store's records to another store, proven on both sides",
		ArgsUsage: "SOURCE TARGET",
		Description: "An export piped into an import; no archive is kept, and the source stays as it is.\n\n" +
			"   memarc migrate vestige.db memories.db --to-layout memarc\n   memarc migrate --dry-run --from vestige.db --to copy.db",
		Flags: manners(append(append(importFlags(), acceptFlag(), layoutFlag(), secretsFlag(),
			&cli.StringFlag{Name: "to-layout", Usage: "give a new target the layout `NAME`, or the one that a file describes"},
			&cli.StringFlag{Name: "from", Usage: "the source `STORE`, instead of the argument"},
			&cli.StringFlag{Name: "to", Usage: "the target `STORE`, instead of the argument"}), filterFlags("`TIME`: 2026-11-21 or 2026-11-21T10:00:00Z")...)...),
		Action: t.command(0, 2, func(c *cli.Context, r *report) error {
			source, target := c.String("from"), c.String("to")
			args := c.Args().Slice()
			for _, where := range []*string{&source, &target} {
				if *where == "" && len(args) > 0 {
					*where, args = args[0], args[1:]
				}
			}
			if source == "" || target == "" || len(args) > 0 {
				return usagef("migrate takes a source and a target: memarc migrate SOURCE TARGET")
			}
			if sameFile(source, target) || place(source) == place(target) {
				return usagef("source and target are the same store: %q", store.Redact(source))
			}
			return t.migrate(c, r, source, target)
		}),
	}
}

func (t *tool) migrate(c *cli.Context, r *report, source, target string) error {
	o, err := t.exportOptions(c)
	if err != nil {
		return err
	}
	if _, archives, _ := sinceOf(c); len(archives) > 0 {
		return usagef("migrate takes a time for --since; export --since ARCHIVE and import do what has changed since an archive")
	}
	src, err := t.openSource(c, source)
	if err != nil {
		return err
	}
	defer src.Close()
	d, err := src.Describe(c.Context)
	if err != nil {
		return err
	}
	if c.Bool("dry-run") {
		t.printSource(d, source)
	}
	// Both ends work at once: one goroutine each to pack and to unpack is enough.
	o.Workers = 1
	o.Level = format.LevelNone // nobody keeps the archive
	out, in := io.Pipe()
	type result struct {
		done *exporter.Report
		err  error
	}
	exported := make(chan result, 1)
	go func() {
		var e result
		e.err = t.caught(func() (err error) {
			e.done, err = exporter.Export(c.Context, src, in, o)
			return err
		})
		in.CloseWithError(e.err) // nil closes with EOF
		exported <- e
	}()
	inner := newReport("")
	loadErr := t.load(c, inner, loading{in: out, workers: 1, total: d.Records(), unit: "records", target: target, layout: c.String("to-layout")})
	out.CloseWithError(errStopped)
	e := <-exported
	r.exported(e.done, source)
	if r.Source == nil {
		r.Source = newStore(d.ID, source)
	}
	r.Target, r.Sections, r.Digest.Target = inner.Target, inner.Sections, inner.Digest.Target
	r.Errors, r.Losses, r.Left = append(r.Errors, inner.Errors...), append(r.Losses, inner.Losses...), inner.Left
	if e.err != nil && !errors.Is(e.err, errStopped) {
		return e.err
	}
	var finished *outcome
	if loadErr != nil && !errors.As(loadErr, &finished) {
		return loadErr
	}
	if c.Bool("dry-run") {
		return nil
	}
	ledger := t.ledger(c, e.done.Losses, fmt.Sprintf("%s holds the records", store.Redact(target)))
	if loadErr != nil {
		return loadErr
	}
	return ledger
}

// errStopped ends an export whose import has ended.
var errStopped = errors.New("the import has ended")

// printSource prints what would be read.
func (t *tool) printSource(d *store.Description, where string) {
	t.printf("source of layout %s: %s\n", layoutText(d.ID), printable(store.Redact(where)))
	for _, item := range d.Items {
		if item.Fate == store.Carried && item.Rows > 0 {
			t.printf("  %-8s %s (%s)\n", "read", printable(item.Name), things(uint64(item.Rows), "rows"))
		}
	}
}
