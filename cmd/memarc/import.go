package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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
		Description: "Without FILE the archive is read from the standard input. A new store gets the layout of\n" +
			"the product that the records came from; it appears when it is whole and proven. An\nexisting one changes in one transaction.\n\n" +
			"An incremental archive is imported on top of what it stands on, and nothing else.\n\n" +
			"   memarc import restored.db < backup.marc\n   memarc import --on-conflict newer vestige.db backup.marc",
		Flags: manners(append(importFlags(), acceptFlag(),
			&cli.StringFlag{Name: "layout", Usage: "give a new store the layout `NAME`, or the one that a file describes"})...),
		Action: t.command(1, 2, t.importArchive),
	}
}

func importFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "dry-run", Usage: "say what would be done, and do nothing"},
		&cli.StringFlag{Name: "on-conflict", Value: "fail", Usage: "where the target has another record with the same key, follow `POLICY`: fail (default), skip, overwrite, or newer"},
		&cli.BoolFlag{Name: "skip-duplicates", Usage: "the same as --on-conflict skip"},
		&cli.BoolFlag{Name: "strict", Usage: "undo everything if one record is refused"},
		&cli.StringFlag{Name: "rejects", Usage: "write refused records to `FILE` as JSON lines"},
		&cli.BoolFlag{Name: "no-verify", Usage: "do not read the target back"},
		&cli.Int64Flag{Name: "commit-every", Usage: "commit whenever `N` records more are written, instead of all or nothing; run again, an interrupted import goes on"},
		&cli.StringFlag{Name: "embeddings", Usage: "where the target takes vectors of another model alone: `keep` stores them beside the product's own, drop leaves them out"},
		&cli.BoolFlag{Name: "all-indexes", Usage: "build also the slow indexes of a large new store, over vectors and full text, which takes minutes"},
		&cli.BoolFlag{Name: "no-sidecar", Usage: "write nothing beside the product's own tables; what they have no place for is left out"},
		&cli.IntFlag{Name: "batch", Hidden: true, Usage: "taken for other tools' sake; memarc sizes its batches itself"},
	}
}

func sinkOptions(c *cli.Context) (store.SinkOptions, error) {
	o := store.SinkOptions{Policy: store.Policy(c.String("on-conflict")), NoSidecar: c.Bool("no-sidecar"),
		CommitEvery: c.Int64("commit-every"), Embeddings: store.EmbeddingPolicy(c.String("embeddings")), AllIndexes: c.Bool("all-indexes")}
	if c.IsSet("commit-every") && o.CommitEvery <= 0 {
		return o, usagef("--commit-every takes a number of records above 0, not %d", o.CommitEvery)
	}
	if c.IsSet("embeddings") && o.Embeddings != store.KeepEmbeddings && o.Embeddings != store.DropEmbeddings {
		return o, usagef("--embeddings takes keep or drop, not %q", o.Embeddings)
	}
	if c.Bool("skip-duplicates") {
		if c.IsSet("on-conflict") && o.Policy != store.Skip {
			return o, usagef("--skip-duplicates and --on-conflict %s contradict each other", o.Policy)
		}
		o.Policy = store.Skip
	}
	if !slices.Contains([]store.Policy{store.Fail, store.Skip, store.Overwrite, store.Newer}, o.Policy) {
		return o, usagef("--on-conflict takes fail, skip, overwrite or newer, not %q", o.Policy)
	}
	return o, nil
}

func (t *tool) importArchive(c *cli.Context, r *report) error {
	where := c.Args().First()
	if path := c.Args().Get(1); path != "" && sameFile(path, where) {
		return usagef("%q is both the archive and the store", path)
	}
	in, size, err := t.openArchive(c.Context, c.Args().Get(1))
	if err != nil {
		return err
	}
	defer in.Close()
	return t.load(c, r, loading{in: in, total: size, target: where, layout: c.String("layout")})
}

// loading is one archive on its way into a store.
type loading struct {
	workers int // goroutines that unpack; 0 for one a core
	in      io.Reader
	total   int64  // bytes, or what unit says; 0 if unknown
	unit    string // of total
	target  string
	layout  string
}

// load imports one archive, from wherever it streams.
func (t *tool) load(c *cli.Context, r *report, l loading) error {
	opts, err := sinkOptions(c)
	if err != nil {
		return err
	}
	registry, name, err := t.layout(l.layout)
	if err != nil {
		return err
	}
	opts.Layout = name
	if l.target == "-" || isArchive(place(l.target)) {
		return usagef("%q is no place for a store; memarc import STORE [FILE] names the store first", l.target)
	}
	archive, err := format.NewReader(l.in, format.ReaderOptions{Workers: l.workers})
	if err != nil {
		return err
	}
	defer archive.Close()
	if r.Source == nil {
		r.Source = newStore(archive.Manifest().Source, "")
	}
	incremental := archive.Manifest().Base != nil
	if incremental && opts.CommitEvery > 0 {
		return usagef("an incremental archive is imported in one transaction; leave --commit-every out")
	}
	sink, err := registry.OpenSink(c.Context, l.target, archive.Manifest(), opts)
	if err != nil {
		return err
	}
	defer sink.Close()
	o := importer.Options{Strict: c.Bool("strict"), NoVerify: c.Bool("no-verify"), DryRun: c.Bool("dry-run")}
	var rejects *newFile
	if path := c.String("rejects"); path != "" && !o.DryRun {
		if rejects, err = t.createFile(path); err != nil {
			return err
		}
		defer rejects.discard()
		o.Rejects = rejects
	}
	p := t.newProgress(c.Bool("quiet"))
	defer p.stop()
	o.Progress = func(at importer.Progress) {
		switch {
		case at.Stage == "derive":
			p.update("build indexes", 0, 0, "")
		case at.Stage != "import":
			p.update(at.Stage, at.Records, int64(archive.Records()), "records")
		case l.unit == "":
			p.update("import", at.Bytes, l.total, "")
		default:
			p.update("import", at.Records, l.total, l.unit)
		}
	}
	if o.DryRun {
		o.Planned = func(plan *importer.Plan) { t.printPlan(plan, l.target) }
	}
	start := time.Now()
	done, err := importer.Import(c.Context, archive, sink, o)
	p.stop()
	r.imported(done, l.target)
	exporter.Accept(r.Losses, accepted(c))
	if errors.Is(err, importer.ErrDifference) && opts.CommitEvery > 0 {
		return &hinted{err, "what was committed stays; run the same import again, or report this with the output of \"memarc inspect\" on the archive"}
	}
	if errors.Is(err, importer.ErrBase) {
		return &hinted{err, fmt.Sprintf("nothing was written; import the archive with the file root %s first. If the target was changed since, \"memarc merge\" makes a whole archive, which can be imported with --on-conflict", archive.Manifest().Base.Root)}
	}
	if err != nil {
		return err
	}
	if rejects != nil {
		if err := rejects.publish(); err != nil {
			return err
		}
	}
	read := map[string]uint64{}
	var total importer.Count
	for name, n := range done.Sections {
		read[name] = n.Read
		total.Written += n.Written
		total.Unchanged += n.Unchanged
		total.Updated += n.Updated
		total.Skipped += n.Skipped
		total.Deleted += n.Deleted
	}
	if o.DryRun {
		t.note(c, "the archive is whole: %s; nothing was written", counts(read))
		if incremental {
			t.note(c, "it would delete %s", things(total.Deleted, "records"))
		}
		return nil
	}
	t.note(c, "imported %s (%s)", counts(read), since(start))
	if !done.Plan.Fresh {
		t.note(c, "written %s, unchanged %s, updated %s, skipped %s, rejected %s", number(total.Written), number(total.Unchanged),
			number(total.Updated), number(total.Skipped), number(done.Rejected()))
	}
	if incremental {
		t.note(c, "deleted %s", number(total.Deleted))
	}
	switch {
	case done.Verified:
		t.note(c, "verified: the target was read back and holds the archive's records")
	case o.NoVerify:
		t.note(c, "not verified, as --no-verify asked")
	}
	t.note(c, "content digest %s", archive.Manifest().Outcome(done.End).Content)
	if n := len(done.End.Losses); n > 0 && l.unit == "" {
		t.note(c, "the archive's own ledger has %s; \"memarc inspect\" shows what was left out", things(uint64(n), "entries"))
	}
	for i, n := range done.Notes {
		if i == 10 && !c.Bool("verbose") {
			t.note(c, "  ... and %s more", number(uint64(len(done.Notes)-i)))
			break
		}
		t.note(c, "  note %s %q: %s", n.Section, n.ID, n.Reason)
	}
	for _, step := range done.Left {
		t.note(c, "not built yet: index %s; --all-indexes builds it", step.Where)
		if c.Bool("verbose") {
			t.note(c, "  %s;", oneLine(step.Detail))
		}
	}
	ledger := t.ledger(c, r.Losses, "the import is done")
	if n := done.Rejected(); n > 0 && !opts.NoSidecar {
		for i, reject := range done.Rejects {
			if i == 10 && !c.Bool("verbose") {
				t.note(c, "  ... and %s more", number(n-10))
				break
			}
			t.note(c, "  rejected %s %q: %s", reject.Section, reject.ID, reject.Reason)
		}
		out := &outcome{code: exitRejected, msg: "done, but " + things(n, "records") + " were rejected"}
		if n == 1 {
			out.msg = "done, but 1 record was rejected"
		}
		if rejects != nil {
			out.hint = fmt.Sprintf("%q has what was rejected", rejects.path)
		} else {
			out.hint = "--rejects FILE keeps what is rejected; --strict undoes all instead"
		}
		return out
	}
	return ledger
}

// oneLine is a statement without its line breaks.
func oneLine(sql string) string { return strings.Join(strings.Fields(sql), " ") }

func number(n uint64) string { return amount(int64(n), "records") }

func (t *tool) printPlan(plan *importer.Plan, where string) {
	kind := "an existing"
	if plan.Fresh {
		kind = "a new"
	}
	t.printf("plan for %s store of layout %s: %s\n", kind, layoutText(plan.ID), printable(store.Redact(where)))
	for _, s := range plan.Steps {
		section := ""
		if s.Section != "" {
			section = " <- " + s.Section
		}
		t.printf("  %-8s %s\n", s.What, printable(s.Where+section))
	}
}

// layoutText is a layout and its version.
func layoutText(id format.StoreID) string {
	if id.Version == "" {
		return printable(id.Layout)
	}
	return printable(id.Layout + " " + id.Version)
}
