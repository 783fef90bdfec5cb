package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/chain"
	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
)

// sinceOf tells the two meanings of --since apart: a time, or the archives of a chain. A
// file that exists is an archive, also if its name is a time.
func sinceOf(c *cli.Context) (at time.Time, archives []string, err error) {
	values := c.StringSlice("since")
	for _, v := range values {
		if _, err := os.Stat(v); err == nil || v == "-" || len(values) > 1 || isArchiveName(v) {
			archives = append(archives, v)
		}
	}
	if len(archives) == 0 && len(values) == 1 {
		at, err = parseTime(values[0])
	}
	if slices.Contains(archives, "-") {
		return at, nil, usagef("--since reads an archive more than once, so it needs a file, not the standard input")
	}
	return at, archives, err
}

// isArchiveName tells whether a name that is no file was meant for one.
func isArchiveName(name string) bool { return strings.HasSuffix(name, ".marc") }

// archiveFile is an opened archive.
type archiveFile struct {
	*os.File
	size int64
}

func (f archiveFile) Size() int64 { return f.size }

// openChain reads and verifies archives as one chain.
func (t *tool) openChain(ctx context.Context, paths []string) (*chain.Chain, error) {
	var files []chain.File
	for _, path := range paths {
		files = append(files, chain.File{Name: path, Open: func() (chain.Input, error) {
			f, err := os.Open(path)
			if err != nil {
				return nil, errors.Unwrap(fileErr("open", path, err))
			}
			info, err := f.Stat()
			if err == nil && !info.Mode().IsRegular() {
				err = &fs.PathError{Op: "open", Path: path, Err: errors.New("it is no regular file, and is read more than once")}
			}
			if err != nil {
				f.Close()
				return nil, errors.Unwrap(fileErr("open", path, err))
			}
			return archiveFile{f, info.Size()}, nil
		}})
	}
	return chain.Open(ctx, files, format.ReaderOptions{})
}

func (t *tool) mergeCommand() *cli.Command {
	return &cli.Command{
		Name:      "merge",
		Usage:     "make one whole archive of a whole one and the incremental ones on top of it",
		ArgsUsage: "FILE FILE...",
		Description: "The archives may stand in any order; each is verified, and that each stands on the one\n" +
			"before. The result has the content digest of a whole export made with the last of them.\n\n" +
			"   memarc merge full.marc monday.marc tuesday.marc -o new.marc",
		Flags: manners(&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the archive to `FILE`"},
			&cli.StringFlag{Name: "encoding", Usage: "the `FORM` of the records: arrow or ndjson; default that of the last archive"},
			&cli.StringFlag{Name: "level", Value: "default", Usage: "compress at `LEVEL` default, better or best"}),
		Action: t.command(1, 1000, t.merge),
	}
}

func (t *tool) merge(c *cli.Context, r *report) (err error) {
	o := chain.WriteOptions{Writer: "memarc " + buildVersion()}
	if name := c.String("encoding"); name != "" {
		if o.Encoding, err = format.ParseEncoding(name); err != nil {
			return usagef("--encoding: %s", err)
		}
	}
	if o.Level, err = format.ParseLevel(c.String("level")); err != nil {
		return usagef("--level: %s", err)
	}
	target := c.String("output")
	if target == "" || target == "-" {
		if isTerminal(t.stdout) {
			return usagef("an archive is not for the eyes: name a file with -o FILE, or redirect the output: > backup.marc")
		}
		target = ""
	}
	if slices.Contains(c.Args().Slice(), "-") {
		return usagef("merge reads archives more than once, so it needs files, not the standard input")
	}
	all, err := t.openChain(c.Context, c.Args().Slice())
	if err != nil {
		return err
	}
	defer all.Close()
	p := t.newProgress(c.Bool("quiet"))
	defer p.stop()
	var total int64
	for _, s := range all.Base().Sections {
		total += int64(s.Records)
	}
	o.Progress = func(records int64) { p.update("merge", records, total, "records") }
	start := time.Now()
	var end *format.End
	_, err = t.writeArchive(target, func(out io.Writer) (*exporter.Report, error) {
		var err error
		end, err = all.Write(c.Context, out, o)
		return nil, err
	})
	p.stop()
	if err != nil {
		return err
	}
	r.ended(end)
	written := map[string]uint64{}
	for _, s := range end.Sections {
		written[s.Name] = s.Records
		r.section(s.Name).Written = s.Records
	}
	r.Losses = append(r.Losses, end.Losses...)
	t.note(c, "merged %s into one (%s, %s, %s)", things(uint64(c.NArg()), "archives"), counts(written), bytesText(end.Bytes), since(start))
	t.note(c, "content digest %s", end.Content)
	t.note(c, "file root      %s", end.Root)
	return nil
}

// whole refuses an incremental archive where a whole one is needed.
func whole(path string, m *format.Manifest) error {
	if m.Base == nil {
		return nil
	}
	return usagef("%q is incremental, it holds only what has changed; \"memarc merge\" makes a whole archive of it and those it stands on", path)
}
