package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/store"
)

func (t *tool) migrateCommand() *cli.Command {
	return &cli.Command{
		Name:      "migrate",
		Usage:     "move a store's records to another store, proven on both sides",
		ArgsUsage: "SOURCE TARGET",
		Description: "An export piped into an import; no archive is kept.\n\n" +
			"   memarc migrate vestige.db memories.db --to-layout memarc\n   memarc migrate --dry-run vestige.db copy.db\n\n" + exitStatus,
		Flags: manners(append(append(filterFlags(), importFlags()...), layoutFlag(),
			&cli.StringFlag{Name: "to-layout", Usage: "give a new target the layout `NAME`"},
			&cli.StringFlag{Name: "from", Usage: "the source `STORE`"}, &cli.StringFlag{Name: "to", Usage: "the target `STORE`"})...),
		Action: func(c *cli.Context) error {
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
			return t.reported(c, func(r *report) error { return t.migrate(c, r, source, target) })
		},
	}
}

func (t *tool) migrate(c *cli.Context, r *report, source, target string) error {
	o, err := t.exportOptions(c)
	if err != nil {
		return err
	}
	src, err := t.openSource(c, source)
	if err != nil {
		return err
	}
	defer src.Close()
	if c.Bool("dry-run") {
		if err := t.printSource(c, src, source); err != nil {
			return err
		}
	}
	out, in := io.Pipe()
	type result struct {
		done *exporter.Report
		err  error
	}
	exported := make(chan result, 1)
	go func() {
		done, err := exporter.Export(c.Context, src, in, o)
		in.CloseWithError(err) // nil closes with EOF
		exported <- result{done, err}
	}()
	inner := &report{Sections: r.Sections}
	loadErr := t.load(c, inner, out, 0, target)
	out.CloseWithError(errStopped)
	e := <-exported
	r.exported(e.done, source)
	r.Target, r.Sections, r.Digest.Target, r.Errors = inner.Target, inner.Sections, inner.Digest.Target, append(r.Errors, inner.Errors...)
	r.Losses = append(r.Losses, inner.Losses...)
	switch {
	case e.err != nil && !errors.Is(e.err, errStopped):
		return e.err
	case loadErr != nil:
		return loadErr
	case c.Bool("dry-run"):
		return nil
	}
	return t.ledger(c, e.done.Losses, fmt.Sprintf("%s holds the records", target))
}

// errStopped ends an export whose import has ended.
var errStopped = errors.New("the import has ended")

// printSource prints what would be read.
func (t *tool) printSource(c *cli.Context, src store.Source, where string) error {
	d, err := src.Describe(c.Context)
	if err != nil {
		return err
	}
	t.printf("source of layout %s %s: %s\n", d.ID.Layout, d.ID.Version, printable(store.Redact(where)))
	for _, item := range d.Items {
		if item.Fate == store.Carried && item.Rows > 0 {
			t.printf("  %-8s %s (%s rows)\n", "read", printable(item.Name), amount(item.Rows, "rows"))
		}
	}
	return nil
}
