package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
)

func (t *tool) importCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "write an archive's records to a store",
		ArgsUsage: "STORE [FILE]",
		Description: "Without FILE the archive is read from the standard input. A new store gets the layout of the product that the\n" +
			"records came from; it appears when it is whole and proven. An existing one changes in one transaction.\n\n" +
			"   memarc import restored.db < backup.marc\n   memarc import --on-conflict newer vestige.db backup.marc\n\n" + exitStatus,
		Flags: manners(append(importFlags(), &cli.StringFlag{Name: "layout", Usage: "give a new store the layout `NAME`, or the one that a file describes"})...),
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 2); err != nil {
				return err
			}
			return t.reported(c, func(r *report) error { return t.importArchive(c, r) })
		},
	}
}

func importFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "on-conflict", Value: "fail", Usage: "where the target has another record with the same key: skip, overwrite, newer or `fail`"},
		&cli.BoolFlag{Name: "skip-duplicates", Usage: "the same as --on-conflict skip"},
		&cli.BoolFlag{Name: "strict", Usage: "undo everything if one record is refused"},
		&cli.StringFlag{Name: "rejects", Usage: "write refused records to `FILE` as JSON lines"},
		&cli.BoolFlag{Name: "no-verify", Usage: "do not read the target back"},
		&cli.BoolFlag{Name: "no-sidecar", Usage: "write nothing beside the product's own tables; what they have no place for is left out"},
		&cli.BoolFlag{Name: "dry-run", Usage: "say what would be done, and do nothing"},
		&cli.IntFlag{Name: "batch", Hidden: true, Usage: "taken for other tools' sake; memarc sizes its batches itself"},
		&cli.StringSliceFlag{Name: "accept-loss", Usage: "accept that what has this `CODE` in the loss ledger stays behind"},
	}
}

// openArchive opens a file, or the standard input.
func (t *tool) openArchive(path string) (io.ReadCloser, error) {
	if path == "" || path == "-" {
		if f, ok := t.stdin.(*os.File); ok && isTerminal(f) {
			return nil, usagef("the archive is to come from the standard input, which is a terminal; name a file, or redirect: memarc import STORE < backup.marc")
		}
		return io.NopCloser(t.stdin), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, fmt.Errorf("open archive: %q is a directory", path)
	}
	return f, nil
}

func (t *tool) sinkOptions(c *cli.Context) (store.SinkOptions, error) {
	o := store.SinkOptions{Policy: store.Policy(c.String("on-conflict")), NoSidecar: c.Bool("no-sidecar"), Layout: c.String("to-layout")}
	if c.Bool("skip-duplicates") {
		o.Policy = store.Skip
	}
	if !slices.Contains([]store.Policy{store.Fail, store.Skip, store.Overwrite, store.Newer}, o.Policy) {
		return o, usagef("--on-conflict takes skip, overwrite, newer or fail, not %q", o.Policy)
	}
	return o, nil
}

func (t *tool) importArchive(c *cli.Context, r *report) error {
	in, err := t.openArchive(c.Args().Get(1))
	if err != nil {
		return err
	}
	defer in.Close()
	var size int64
	if f, ok := in.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
	}
	return t.load(c, r, in, size, c.Args().First())
}

// load imports one archive, from wherever it streams.
func (t *tool) load(c *cli.Context, r *report, in io.Reader, size int64, where string) error {
	opts, err := t.sinkOptions(c)
	if err != nil {
		return err
	}
	archive, err := format.NewReader(in, format.ReaderOptions{})
	if err != nil {
		return err
	}
	defer archive.Close()
	registry, named, err := t.layout(c.String("layout"))
	if err != nil {
		return err
	}
	if c.Command.Name == "import" {
		opts.Layout = named
	}
	sink, err := registry.OpenSink(c.Context, where, archive.Manifest(), opts)
	if err != nil {
		return err
	}
	defer sink.Close()
	o := importer.Options{Strict: c.Bool("strict"), NoVerify: c.Bool("no-verify"), DryRun: c.Bool("dry-run")}
	if path := c.String("rejects"); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("write rejects: %w", err)
		}
		defer f.Close()
		o.Rejects = f
	}
	p := t.newProgress(c.Bool("quiet"))
	defer p.stop()
	o.Progress = func(at importer.Progress) {
		switch at.Stage {
		case "import":
			p.update("import", at.Bytes, size, "")
		default:
			p.update(at.Stage, at.Records, int64(archive.Records()), "records")
		}
	}
	if o.DryRun {
		o.Planned = func(plan *importer.Plan) { t.printPlan(plan, where) }
	}
	start := time.Now()
	done, err := importer.Import(c.Context, archive, sink, o)
	p.stop()
	r.imported(done, where)
	exporter.Accept(r.Losses, c.StringSlice("accept-loss"))
	if err != nil {
		return err
	}
	read := map[string]uint64{}
	var total importer.Count
	for name, n := range done.Sections {
		read[name] = n.Read
		total.Written += n.Written
		total.Unchanged += n.Unchanged
		total.Updated += n.Updated
		total.Skipped += n.Skipped
	}
	if o.DryRun {
		t.note(c, "the archive is whole: %s; nothing was written", counts(read))
		return nil
	}
	t.note(c, "imported %s (%s)", counts(read), seconds(start))
	if !done.Plan.Fresh {
		t.note(c, "written %d, unchanged %d, updated %d, skipped %d, rejected %d", total.Written, total.Unchanged, total.Updated, total.Skipped, done.Rejected())
	}
	switch {
	case done.Verified:
		t.note(c, "verified: the target was read back and holds the archive's records")
	case o.NoVerify:
		t.note(c, "not verified, as --no-verify asked")
	}
	t.note(c, "content digest %s", done.End.Content)
	if n := done.Rejected(); n > 0 && !opts.NoSidecar {
		for i, reject := range done.Rejects {
			if i == 10 {
				break
			}
			t.note(c, "  rejected %s %q: %s", reject.Section, reject.ID, reject.Reason)
		}
		return &outcome{exitRejected, fmt.Sprintf("done, but %d records were rejected", n), "--rejects FILE keeps them; --strict undoes all instead"}
	}
	return t.ledger(c, r.Losses, "the import is done")
}

func (t *tool) printPlan(plan *importer.Plan, where string) {
	kind := "an existing"
	if plan.Fresh {
		kind = "a new"
	}
	t.printf("plan for %s store of layout %s %s: %s\n", kind, plan.ID.Layout, plan.ID.Version, printable(store.Redact(where)))
	for _, s := range plan.Steps {
		section := ""
		if s.Section != "" {
			section = " <- " + s.Section
		}
		t.printf("  %-8s %s%s\n", s.What, printable(s.Where), printable(section))
	}
}
