package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/declared"
	"github.com/memarc/memarc/internal/store"
)

func (t *tool) exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write everything that a store holds to an archive",
		ArgsUsage: "[STORE]",
		Description: "Without STORE, export takes MEMARC_STORE, or the one store that \"memarc discover\" finds.\n" +
			"The archive goes to the standard output, or to the file that -o names, which appears\nwhen it is whole. The store is never changed.\n\n" +
			"With an archive's name, --since writes an incremental archive: what has changed since it was\n" +
			"made, deletions too, to be imported on top of it. Where that one is incremental itself, name\n" +
			"those it stands on as well. A file that exists is an archive, also if its name is a time.\n\n" +
			"   memarc export ~/.local/share/core/vestige.db > backup.marc\n   memarc export -o backup.marc\n" +
			"   memarc export vestige.db --since full.marc --since monday.marc -o tuesday.marc",
		Flags: manners(append(append([]cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the archive to `FILE`"}, layoutFlag()},
			archiveFlags()...), filterFlags("`TIME`: 2026-11-21 or 2026-11-21T10:00:00Z; or, with the name of an archive, all that has changed since")...)...),
		Action: t.command(0, 1, t.export),
	}
}

func layoutFlag() cli.Flag {
	return &cli.StringFlag{Name: "layout", Usage: "take the store for one of the layout `NAME`, or of the layout that a file describes"}
}

func archiveFlags() []cli.Flag {
	return []cli.Flag{
		acceptFlag(),
		secretsFlag(),
		&cli.StringFlag{Name: "encoding", Value: "arrow", Usage: "the `FORM` of the records: arrow (default) or ndjson"},
		&cli.StringFlag{Name: "level", Value: "default", Usage: "compress at `LEVEL` default, better or best"},
		&cli.BoolFlag{Name: "timestamp", Usage: "write the time of the export, or SOURCE_DATE_EPOCH, into the archive; two exports of the same store then differ"},
	}
}

const includeSecrets = "include-secrets"

func secretsFlag() cli.Flag {
	return &cli.BoolFlag{Name: includeSecrets, Usage: "carry also passwords, keys and tokens, which otherwise stay behind"}
}

func acceptFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "accept-loss", Usage: "accept that what has this `CODE` in the loss ledger stays behind; several codes with commas, or all"}
}

// filterFlags are the flags that narrow an export; since says what --since takes.
func filterFlags(since string) []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "since", Usage: "only memories changed at or after " + since},
		&cli.StringSliceFlag{Name: "type", Usage: "only memories of this `KIND`; like the next three, may be given several times"},
		&cli.StringSliceFlag{Name: "tag", Usage: "only memories with this `TAG`"},
		&cli.StringSliceFlag{Name: "namespace", Usage: "only memories of this `NAMESPACE`"},
		&cli.StringSliceFlag{Name: "owner", Usage: "only memories of this `OWNER`"},
		&cli.StringFlag{Name: "where", Usage: "only memories for which `CONDITION`, in the store's own language, holds"},
	}
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usagef("--since %q is no time; write 2026-11-21 or 2026-11-21T10:00:00Z", s)
}

func (t *tool) exportOptions(c *cli.Context) (o exporter.Options, err error) {
	if name := c.String("encoding"); name != "" {
		if o.Encoding, err = format.ParseEncoding(name); err != nil {
			return o, usagef("--encoding: %s", err)
		}
	}
	if o.Level, err = format.ParseLevel(c.String("level")); err != nil {
		return o, usagef("--level: %s", err)
	}
	for _, flag := range []string{"since", "where", "type", "tag", "namespace", "owner"} {
		if c.IsSet(flag) && (c.String(flag) == "" && len(c.StringSlice(flag)) == 0 || slices.Contains(c.StringSlice(flag), "")) {
			return o, usagef("--%s needs a value", flag)
		}
	}
	at, archives, err := sinceOf(c)
	if err != nil {
		return o, err
	}
	o.Filter.Since = at
	o.Filter.Kinds, o.Filter.Tags = c.StringSlice("type"), c.StringSlice("tag")
	o.Filter.Namespaces, o.Filter.Owners = c.StringSlice("namespace"), c.StringSlice("owner")
	o.Filter.Where = c.String("where")
	if len(archives) > 0 && !o.Filter.Empty() {
		return o, usagef("--since ARCHIVE takes everything that has changed; leave the other filters out")
	}
	o.AcceptLoss, o.IncludeSecrets = accepted(c), c.Bool(includeSecrets)
	o.Writer = "memarc " + buildVersion()
	epoch := t.getenv("SOURCE_DATE_EPOCH")
	if c.Bool("timestamp") || epoch != "" {
		at := time.Now()
		if epoch != "" {
			seconds, err := strconv.ParseInt(epoch, 10, 64)
			if err != nil {
				return o, usagef("SOURCE_DATE_EPOCH is %q, which is no number of seconds", epoch)
			}
			at = time.Unix(seconds, 0)
		}
		o.Created = at.UTC().Format(time.RFC3339)
	}
	return o, nil
}

// layout resolves a layout: a name, or a file that describes one.
func (t *tool) layout(name string) (*store.Registry, string, error) {
	if !strings.ContainsAny(name, `./\`) {
		return t.registry, name, nil
	}
	f, err := t.open(name)
	if err != nil {
		return nil, "", fileErr("read layout", name, err)
	}
	defer f.Close()
	raw, err := io.ReadAll(f)
	if err != nil {
		return nil, "", fileErr("read layout", name, err)
	}
	l, err := declared.Parse(name, raw)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", store.ErrUsage, err)
	}
	if _, err := t.registry.Layout(l.Name, ""); err == nil {
		return nil, "", usagef("%s: layout %q is one of memarc's own; choose another name", name, l.Name)
	}
	return t.registry.With(l), l.Name, nil
}

// openSource opens the store of a command.
func (t *tool) openSource(c *cli.Context, where string) (store.Source, error) {
	if isArchive(place(where)) {
		if where == "-" {
			return nil, usagef("a store cannot come from the standard input; name a file or a URL")
		}
		if _, err := os.Stat(place(where)); err == nil {
			return nil, usagef("%q is an archive, not a store; \"memarc import STORE %s\" makes a store of it", where, where)
		}
	}
	registry, name, err := t.layout(c.String("layout"))
	if err != nil {
		return nil, err
	}
	src, err := registry.OpenSource(c.Context, where, name)
	if s, ok := src.(store.Secretive); ok && !c.Bool(includeSecrets) {
		s.Withhold()
	}
	return src, err
}

func (t *tool) export(c *cli.Context, r *report) error {
	o, err := t.exportOptions(c)
	if err != nil {
		return err
	}
	target := c.String("output")
	if target == "" || target == "-" {
		if isTerminal(t.stdout) {
			return usagef("an archive is not for the eyes: name a file with -o FILE, or redirect the output: > backup.marc")
		}
		target = ""
	}
	where, err := t.sourceOf(c)
	if err != nil {
		return err
	}
	if target != "" && sameFile(target, where) {
		return usagef("-o %q would overwrite the store", target)
	}
	src, err := t.openSource(c, where)
	if err != nil {
		return err
	}
	defer src.Close()
	if _, archives, _ := sinceOf(c); len(archives) > 0 {
		for _, path := range archives {
			if target != "" && sameFile(target, path) {
				return usagef("-o %q would overwrite the archive that the new one stands on", target)
			}
		}
		if o.Since, err = t.openChain(c.Context, archives); err != nil {
			return err
		}
		defer o.Since.Close()
	}
	p := t.newProgress(c.Bool("quiet"))
	defer p.stop()
	o.Progress = func(at exporter.Progress) { p.update("export", at.Records, at.Total, "records") }
	start := time.Now()
	done, err := t.writeArchive(target, func(out io.Writer) (*exporter.Report, error) {
		return exporter.Export(c.Context, src, out, o)
	})
	p.stop()
	r.exported(done, where)
	if err != nil {
		if c.Context.Err() != nil && target == "" {
			return &outcome{code: exitInterrupted, msg: "interrupted; the archive on the standard output is not whole"}
		}
		return err
	}
	written := map[string]uint64{}
	for name, n := range done.Sections {
		written[name] = n.Written
	}
	t.note(c, "exported %s (%s, %s)", counts(written), bytesText(done.End.Bytes), since(start))
	if o.Since != nil {
		deleted := uint64(0)
		for _, n := range done.Deleted {
			deleted += n
		}
		t.note(c, "incremental: what has changed, and %s", things(deleted, "deletions"))
		t.note(c, "stands on      %s", o.Since.Base().Content)
		t.note(c, "leads to       %s", done.Result.Content)
	} else {
		t.note(c, "content digest %s", done.End.Content)
	}
	t.note(c, "file root      %s", done.End.Root)
	return t.ledger(c, done.Losses, "the archive is written")
}

// writeArchive writes to stdout, or to a file that appears when it is whole.
func (t *tool) writeArchive(target string, write func(io.Writer) (*exporter.Report, error)) (*exporter.Report, error) {
	if target == "" {
		return write(t.answer)
	}
	f, err := t.createFile(target)
	if err != nil {
		return nil, err
	}
	defer f.discard()
	done, err := write(f)
	if err != nil {
		return done, err
	}
	return done, f.publish()
}
