package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/verify"
)

func (t *tool) verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "recompute every checksum and digest of an archive; with --against, compare it with a store",
		ArgsUsage: "FILE",
		Description: "Names every damaged chunk. With --against, also every record that differs, field by field.\n\n" +
			"   memarc verify backup.marc\n   memarc verify backup.marc --against vestige.db\n   memarc export vestige.db | memarc verify -",
		Flags:  manners(&cli.StringFlag{Name: "against", Usage: "compare record by record with `STORE`"}, layoutFlag(), limitFlag(), secretsFlag()),
		Action: t.command(1, 1, t.verify),
	}
}

func limitFlag() cli.Flag {
	return &cli.IntFlag{Name: "limit", Value: 10_000, Usage: "name at most `N` differing records; all are counted"}
}

func (t *tool) verify(c *cli.Context, r *report) error {
	path, against := c.Args().First(), c.String("against")
	switch {
	case c.IsSet("against") && against == "":
		return usagef("--against needs a store")
	case against != "" && path == "-":
		return usagef("--against reads the archive twice, so it needs a file")
	case c.Int("limit") < 1:
		return usagef("--limit takes a number above 0")
	}
	in, size, err := t.openArchive(c.Context, path)
	if err != nil {
		return err
	}
	defer in.Close()
	p := t.newProgress(c.Bool("quiet"))
	defer p.stop()
	start := time.Now()
	found, err := verify.Archive(c.Context, in, verify.Options{Progress: func(bytes, _ int64) { p.update("verify", bytes, size, "") }})
	p.stop()
	if found.Manifest != nil {
		r.Source = newStore(found.Manifest.Source, "")
	}
	if err != nil {
		for _, finding := range found.Findings[:max(0, len(found.Findings)-1)] {
			fmt.Fprintf(t.stderr, "memarc: %s\n", message(finding))
			r.Errors = append(r.Errors, store.Reject{Reason: finding.Error()})
		}
		if found.Manifest == nil {
			return err
		}
		return fmt.Errorf("%w (%s verified before)", err, things(found.Records, "records"))
	}
	r.ended(found.End)
	for _, s := range found.End.Sections {
		r.section(s.Name).Read = s.Records
	}
	base := found.Manifest.Base
	if against != "" && base != nil {
		return t.leadsTo(c, r, *found.Manifest.Result, path, against)
	}
	if against != "" {
		if err := followSecrets(c, found.Manifest); err != nil {
			return err
		}
		return t.against(c, r, path, against)
	}
	if c.Bool("quiet") {
		return nil
	}
	if path == "-" {
		path = "standard input"
	}
	t.printf("%s: %s in %s, whole and unchanged (%s)\n", printable(path), things(found.Records, "records"),
		things(uint64(len(found.End.Sections)), "sections"), since(start))
	t.printf("content digest %s\nfile root      %s\n", found.End.Content, found.End.Root)
	if base != nil {
		t.printf("incremental: it stands on the archive with the file root %s\nstands on      %s\nleads to       %s\n", base.Root, base.Content, found.Manifest.Result.Content)
	}
	return nil
}

// fileSide is an archive file as one side of a comparison.
func (t *tool) fileSide(c *cli.Context, path string, p *progress) verify.Side {
	return verify.File(func() (io.ReadCloser, error) {
		f, size, err := t.openArchive(c.Context, path)
		if err != nil {
			return nil, err
		}
		return &watchedFile{ReadCloser: f, p: p, size: size}, nil
	}, format.ReaderOptions{})
}

func (t *tool) against(c *cli.Context, r *report, path, where string) error {
	p := t.newProgress(c.Bool("quiet"))
	defer p.stop()
	b, err := t.storeSide(c, where, p)
	if err != nil {
		return err
	}
	defer b.close()
	r.Target = b.id
	found, err := verify.Compare(c.Context, t.fileSide(c, path, p), b, verify.CompareOptions{Limit: c.Int("limit")})
	p.stop()
	if err != nil {
		return err
	}
	r.Digest.Target = found.B.String()
	return t.printComparison(c, found, path, where)
}

// leadsTo compares what an incremental archive leads to with a store, by the digests
// of the sections: the records that have not changed are not in the archive.
func (t *tool) leadsTo(c *cli.Context, r *report, want format.State, path, where string) error {
	p := t.newProgress(c.Bool("quiet"))
	defer p.stop()
	b, err := t.storeSide(c, where, p)
	if err != nil {
		return err
	}
	defer b.close()
	r.Target = b.id
	d, err := b.Digest(c.Context)
	if err != nil {
		return err
	}
	defer d.Close()
	have, err := format.NewState(d)
	p.stop()
	if err != nil {
		return err
	}
	r.Digest.Target = have.Content.String()
	if have.Content == want.Content {
		if !c.Bool("quiet") {
			t.printf("equal: the store holds what the archive leads to\ncontent digest %s\n", have.Content)
		}
		return nil
	}
	out := &outcome{code: exitDifference, msg: fmt.Sprintf("%s does not hold what %s leads to", store.Redact(where), store.Redact(path)),
		hint: "\"memarc merge\" makes a whole archive, whose records can be compared one by one"}
	for _, s := range slices.Concat(want.Sections, have.Sections) {
		if line := "section " + s.Name; !slices.Contains(out.list, line) && (!slices.Contains(want.Sections, s) || !slices.Contains(have.Sections, s)) {
			out.list = append(out.list, line)
		}
	}
	return out
}

// printComparison prints differences field by field.
func (t *tool) printComparison(c *cli.Context, found *verify.Comparison, a, b string) error {
	quiet := c.Bool("quiet")
	if found.Equal() {
		if !quiet {
			t.printf("equal: both hold the same %s\ncontent digest %s\n", things(found.Records, "records"), found.A)
		}
		return nil
	}
	if !quiet {
		for _, d := range found.Differences {
			t.printf("%-7s %s %s\n", d.Kind, printable(d.Section), printable(d.ID))
			for _, f := range d.Fields {
				t.printf("  %s: %s -> %s\n", printable(f.Name), shown(f.A), shown(f.B))
			}
		}
		total := found.Counts[verify.Added] + found.Counts[verify.Removed] + found.Counts[verify.Changed]
		if rest := int(total) - len(found.Differences); rest > 0 {
			t.printf("... and %s more\n", number(uint64(rest)))
		}
	}
	return &outcome{code: exitDifference, msg: fmt.Sprintf("%s and %s differ: %s added, %s removed, %s changed", store.Redact(a), store.Redact(b),
		number(found.Counts[verify.Added]), number(found.Counts[verify.Removed]), number(found.Counts[verify.Changed]))}
}

// shown shortens a value for a line.
func shown(v string) string {
	const most = 200
	if v == "" {
		return "(absent)"
	}
	if v = printable(v); len(v) > most {
		cut := most
		for cut > 0 && v[cut]&0xC0 == 0x80 {
			cut--
		}
		return fmt.Sprintf("%s... (%d bytes)", v[:cut], len(v))
	}
	return v
}
