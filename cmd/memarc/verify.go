package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/verify"
)

func (t *tool) verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "recompute every checksum and digest of an archive; with --against, compare it with a store",
		ArgsUsage: "FILE",
		Description: "   memarc verify backup.marc\n   memarc verify backup.marc --against vestige.db\n   memarc export vestige.db | memarc verify -\n\n" +
			exitStatus,
		Flags: manners(&cli.StringFlag{Name: "against", Usage: "compare record by record with `STORE`"}, layoutFlag(), limitFlag()),
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 1); err != nil {
				return err
			}
			return t.reported(c, func(r *report) error { return t.verify(c, r) })
		},
	}
}

func limitFlag() cli.Flag {
	return &cli.IntFlag{Name: "limit", Value: 10_000, Usage: "name at most `N` differing records; all are counted"}
}

func (t *tool) verify(c *cli.Context, r *report) error {
	path := c.Args().First()
	in, err := t.openArchive(path)
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
	p := t.newProgress(c.Bool("quiet"))
	defer p.stop()
	start := time.Now()
	found, err := verify.Archive(c.Context, in, verify.Options{Progress: func(bytes, _ int64) { p.update("verify", bytes, size, "") }})
	p.stop()
	if err != nil {
		for _, finding := range found.Findings[:max(0, len(found.Findings)-1)] {
			fmt.Fprintf(t.stderr, "memarc: %s\n", printable(finding.Error()))
		}
		return fmt.Errorf("%w (%s records are readable)", err, amount(int64(found.Records), "records"))
	}
	r.ended(found.End)
	for _, s := range found.End.Sections {
		r.section(s.Name).Read = s.Records
	}
	if against := c.String("against"); against != "" {
		if path == "-" {
			return usagef("--against reads the archive twice, so it needs a file")
		}
		return t.against(c, r, path, against)
	}
	t.printf("%s: %s records in %d sections, whole and unchanged (%s)\n", printable(path), amount(int64(found.Records), "records"), len(found.End.Sections), seconds(start))
	t.printf("content digest %s\nfile root      %s\n", found.End.Content, found.End.Root)
	return nil
}

// fileSide is an archive file as one side of a comparison.
func fileSide(path string) verify.Side {
	return verify.File(func() (io.ReadCloser, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("open archive: %w", err)
		}
		return f, nil
	}, format.ReaderOptions{})
}

func (t *tool) against(c *cli.Context, r *report, path, where string) error {
	src, err := t.openSource(c, where)
	if err != nil {
		return err
	}
	defer src.Close()
	d, err := src.Describe(c.Context)
	if err != nil {
		return err
	}
	r.Target = newStore(d.ID, where)
	found, err := verify.Compare(c.Context, fileSide(path), verify.Store(src), verify.CompareOptions{Limit: c.Int("limit")})
	if err != nil {
		return err
	}
	r.Digest.Target = found.B.String()
	return t.printComparison(found, path, where)
}

// printComparison prints differences field by field.
func (t *tool) printComparison(found *verify.Comparison, a, b string) error {
	if found.Equal() {
		t.printf("equal: both hold the same %s records\ncontent digest %s\n", amount(int64(found.Records), "records"), found.A)
		return nil
	}
	for _, d := range found.Differences {
		t.printf("%s %s %s\n", d.Kind, printable(d.Section), printable(d.ID))
		for _, f := range d.Fields {
			t.printf("  %s: %s -> %s\n", printable(f.Name), shown(f.A), shown(f.B))
		}
	}
	total := found.Counts[verify.Added] + found.Counts[verify.Removed] + found.Counts[verify.Changed]
	if rest := int(total) - len(found.Differences); rest > 0 {
		t.printf("... and %d more\n", rest)
	}
	return &outcome{exitDifference, fmt.Sprintf("%s and %s differ: %d added, %d removed, %d changed", a, b,
		found.Counts[verify.Added], found.Counts[verify.Removed], found.Counts[verify.Changed]), ""}
}

// shown shortens a value for a line.
func shown(v string) string {
	const most = 200
	if v == "" {
		return "(absent)"
	}
	v = printable(v)
	if len(v) > most {
		cut := most
		for cut > 0 && v[cut]&0xC0 == 0x80 {
			cut--
		}
		return fmt.Sprintf("%s... (%d bytes)", v[:cut], len(v))
	}
	return v
}
