package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
			"The archive goes to the standard output, or to the file that -o names, which appears when it is whole.\n\n" +
			"   memarc export ~/.local/share/core/vestige.db > backup.marc\n   memarc export -o backup.marc\n\n" + exitStatus,
		Flags: manners(append(append(archiveFlags(), filterFlags()...),
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the archive to `FILE`"},
			layoutFlag())...),
		Action: func(c *cli.Context) error {
			if err := arguments(c, 0, 1); err != nil {
				return err
			}
			return t.reported(c, func(r *report) error { return t.export(c, r) })
		},
	}
}

func layoutFlag() cli.Flag {
	return &cli.StringFlag{Name: "layout", Usage: "take the store for one of the layout `NAME`, or of the layout that a file describes"}
}

func archiveFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "encoding", Value: "arrow", Usage: "`arrow` or ndjson"},
		&cli.StringFlag{Name: "level", Value: "default", Usage: "compress: `default` (fast), better, best"},
		&cli.StringSliceFlag{Name: "accept-loss", Usage: "accept that what has this `CODE` in the loss ledger stays behind"},
		&cli.BoolFlag{Name: "timestamp", Usage: "write the time of the export into the archive (SOURCE_DATE_EPOCH, if set); two exports then differ"},
	}
}

func filterFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "since", Usage: "only memories changed at or after `TIME` (RFC 3339 or a date)"},
		&cli.StringSliceFlag{Name: "type", Usage: "only memories of this `KIND`"},
		&cli.StringSliceFlag{Name: "tag", Usage: "only memories with this `TAG`"},
		&cli.StringSliceFlag{Name: "namespace", Usage: "only memories of this `NAMESPACE`"},
		&cli.StringSliceFlag{Name: "owner", Usage: "only memories of this `OWNER`"},
		&cli.StringFlag{Name: "where", Usage: "only memories for which the `CONDITION`, in the store's own language, holds"},
	}
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usagef("%q is no time; write 2026-11-21 or 2026-11-21T10:00:00Z", s)
}

func (t *tool) exportOptions(c *cli.Context) (o exporter.Options, err error) {
	if name := c.String("encoding"); name != "" {
		if o.Encoding, err = format.ParseEncoding(name); err != nil {
			return o, usagef("%s", err)
		}
	}
	if o.Level, err = format.ParseLevel(c.String("level")); err != nil {
		return o, usagef("%s", err)
	}
	if s := c.String("since"); s != "" {
		if o.Filter.Since, err = parseTime(s); err != nil {
			return o, err
		}
	}
	o.Filter.Kinds, o.Filter.Tags = c.StringSlice("type"), c.StringSlice("tag")
	o.Filter.Namespaces, o.Filter.Owners = c.StringSlice("namespace"), c.StringSlice("owner")
	o.Filter.Where = c.String("where")
	o.AcceptLoss = c.StringSlice("accept-loss")
	o.Writer = "memarc " + buildVersion()
	epoch := t.getenv("SOURCE_DATE_EPOCH")
	if c.Bool("timestamp") || epoch != "" {
		at := time.Now()
		if epoch != "" {
			var seconds int64
			if _, err := fmt.Sscan(epoch, &seconds); err != nil {
				return o, usagef("SOURCE_DATE_EPOCH is %q, which is no number of seconds", epoch)
			}
			at = time.Unix(seconds, 0)
		}
		o.Created = at.UTC().Format(time.RFC3339)
	}
	return o, nil
}

// layout resolves --layout: a name, or a file that describes a layout.
func (t *tool) layout(name string) (*store.Registry, string, error) {
	if !strings.ContainsAny(name, `./\`) {
		return t.registry, name, nil
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, "", fmt.Errorf("read layout: %w", err)
	}
	l, err := declared.Parse(name, raw)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", store.ErrUsage, err)
	}
	if _, err := t.registry.Layout(l.Name); err == nil {
		return nil, "", usagef("%s: layout %q is one of memarc's own; choose another name", name, l.Name)
	}
	return t.registry.With(l), l.Name, nil
}

// openSource opens the store of a command.
func (t *tool) openSource(c *cli.Context, where string) (store.Source, error) {
	registry, name, err := t.layout(c.String("layout"))
	if err != nil {
		return nil, err
	}
	return registry.OpenSource(c.Context, where, name)
}

func (t *tool) export(c *cli.Context, r *report) error {
	o, err := t.exportOptions(c)
	if err != nil {
		return err
	}
	where, err := t.sourceOf(c)
	if err != nil {
		return err
	}
	target := c.String("output")
	if target == "" || target == "-" {
		if isTerminal(t.stdout) {
			return usagef("an archive is not for the eyes: name a file with -o FILE, or redirect the output: memarc export %s > backup.marc", where)
		}
		target = ""
	}
	src, err := t.openSource(c, where)
	if err != nil {
		return err
	}
	defer src.Close()
	p := t.newProgress(c.Bool("quiet"))
	defer p.stop()
	o.Progress = func(at exporter.Progress) { p.update("export", at.Records, at.Total, "records") }
	start := time.Now()
	done, err := t.writeArchive(c.Context, target, func(out io.Writer) (*exporter.Report, error) {
		return exporter.Export(c.Context, src, out, o)
	})
	p.stop()
	r.exported(done, where)
	if err != nil {
		return err
	}
	written := map[string]uint64{}
	for name, n := range done.Sections {
		written[name] = n.Written
	}
	t.note(c, "exported %s (%s, %s)", counts(written), bytesText(done.End.Bytes), seconds(start))
	t.note(c, "content digest %s", done.End.Content)
	t.note(c, "file root      %s", done.End.Root)
	return t.ledger(c, done.Losses, "the archive is written")
}

func seconds(start time.Time) string { return fmt.Sprintf("%.2f s", time.Since(start).Seconds()) }

// writeArchive writes to stdout, or to a file that appears when it is whole.
func (t *tool) writeArchive(ctx context.Context, target string, write func(io.Writer) (*exporter.Report, error)) (*exporter.Report, error) {
	if target == "" {
		return write(t.stdout)
	}
	if info, err := os.Stat(target); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return nil, fmt.Errorf("write %q: it is a directory", target)
		}
		out, err := os.OpenFile(target, os.O_WRONLY, 0) // a device or a named pipe
		if err != nil {
			return nil, fmt.Errorf("write archive: %w", err)
		}
		defer out.Close()
		return write(out)
	}
	dir, base := filepath.Split(target)
	f, err := os.CreateTemp(filepath.Join(dir, "."), "."+base+".memarc-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("write %q: %w", target, err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	done, err := write(f)
	if err != nil {
		return done, err
	}
	if err := f.Sync(); err != nil {
		return done, fmt.Errorf("write %q: %w", target, err)
	}
	if err := f.Close(); err != nil {
		return done, fmt.Errorf("write %q: %w", target, err)
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return done, fmt.Errorf("write %q: %w", target, err)
	}
	folder, err := os.Open(filepath.Dir(target))
	if err != nil {
		return done, fmt.Errorf("write %q: %w", target, err)
	}
	defer folder.Close()
	return done, folder.Sync()
}
