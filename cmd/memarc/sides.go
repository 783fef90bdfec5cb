package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/verify"
)

// side is an archive or a store in a comparison.
type side struct {
	verify.Side
	id    *reportStore
	close func() error
}

// side opens an archive or a store for a comparison.
func (t *tool) side(c *cli.Context, where string, p *progress) (*side, error) {
	if !isArchive(place(where)) {
		return t.storeSide(c, where, p)
	}
	if where == "-" {
		return nil, usagef("a comparison reads an archive twice, so it needs a file, not the standard input")
	}
	return &side{t.fileSide(c, where, p), nil, func() error { return nil }}, nil
}

// followSecrets compares with the secrets of a store if an archive has them.
func followSecrets(c *cli.Context, m *format.Manifest) error {
	if m.Options[store.Secrets] != string(store.Included) {
		return nil
	}
	return c.Set(includeSecrets, "true")
}

// peek does so for an archive's file, and tells early what is wrong with it.
func (t *tool) peek(c *cli.Context, where string) error {
	if !isArchive(place(where)) || where == "-" {
		return nil
	}
	in, _, err := t.openArchive(c.Context, where)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := format.NewReader(in, format.ReaderOptions{})
	if err != nil {
		return err
	}
	defer r.Close()
	if err := whole(where, r.Manifest()); err != nil {
		return err
	}
	return followSecrets(c, r.Manifest())
}

func (t *tool) storeSide(c *cli.Context, where string, p *progress) (*side, error) {
	src, err := t.openSource(c, where)
	if err != nil {
		return nil, err
	}
	d, err := src.Describe(c.Context)
	if err != nil {
		src.Close()
		return nil, err
	}
	return &side{verify.Store(watched{src, p, d.Records()}), newStore(d.ID, where), src.Close}, nil
}

func (t *tool) digestCommand() *cli.Command {
	return &cli.Command{
		Name:        "digest",
		Usage:       "print the content digest of an archive or a store",
		ArgsUsage:   "FILE|STORE",
		Description: "The digest is the same for the same memories, whatever holds them.\n\n   memarc digest vestige.db\n   memarc digest backup.marc",
		Flags:       manners(&cli.BoolFlag{Name: "sections", Usage: "print the digest of each section too"}, layoutFlag(), secretsFlag()),
		Action:      t.command(1, 1, t.digest),
	}
}

func (t *tool) digest(c *cli.Context, r *report) error {
	where := c.Args().First()
	p := t.newProgress(c.Bool("quiet"))
	defer p.stop()
	var sections []format.SectionDigest
	var content format.Hash
	archive := isArchive(place(where))
	if archive {
		in, size, err := t.openArchive(c.Context, where)
		if err != nil {
			return err
		}
		defer in.Close()
		found, err := verify.Archive(c.Context, in, verify.Options{Progress: func(bytes, _ int64) { p.update("read", bytes, size, "") }})
		if err != nil {
			return err
		}
		outcome := found.Manifest.Outcome(found.End) // of an incremental archive, where it leads
		sections, content = outcome.Sections, outcome.Content
		r.ended(found.End)
		r.Source = newStore(found.Manifest.Source, "")
	} else {
		side, err := t.storeSide(c, where, p)
		if err != nil {
			return err
		}
		defer side.close()
		r.Source = side.id
		d, err := side.Digest(c.Context)
		if err != nil {
			return err
		}
		defer d.Close()
		if sections, content, err = d.Sum(); err != nil {
			return err
		}
		r.Digest.Source = content.String()
	}
	p.stop()
	for _, s := range sections {
		r.section(s.Name).Read = s.Records
		if c.Bool("sections") {
			t.printf("%s  %s (%s)\n", s.Digest, printable(s.Name), number(s.Records))
		}
	}
	// The form of sha256sum, for one who compares by eye or with cut.
	t.printf("%s  %s\n", content, printable(store.Redact(where)))
	return nil
}

func (t *tool) diffCommand() *cli.Command {
	return &cli.Command{
		Name:        "diff",
		Usage:       "show what differs between two archives or stores, field by field",
		ArgsUsage:   "A B",
		Description: "A and B are each an archive or a store. With --quiet the exit code alone is the answer.\n\n   memarc diff monday.marc friday.marc\n   memarc diff backup.marc vestige.db",
		Flags:       manners(layoutFlag(), limitFlag(), secretsFlag()),
		Action:      t.command(2, 2, t.diff),
	}
}

func (t *tool) diff(c *cli.Context, r *report) error {
	if c.Int("limit") < 1 {
		return usagef("--limit takes a number above 0")
	}
	for _, where := range c.Args().Slice() {
		if err := t.peek(c, where); err != nil {
			return err
		}
	}
	p := t.newProgress(c.Bool("quiet"))
	defer p.stop()
	a, err := t.side(c, c.Args().Get(0), p)
	if err != nil {
		return err
	}
	defer a.close()
	b, err := t.side(c, c.Args().Get(1), p)
	if err != nil {
		return err
	}
	defer b.close()
	r.Source, r.Target = a.id, b.id
	found, err := verify.Compare(c.Context, a, b, verify.CompareOptions{Limit: c.Int("limit")})
	p.stop()
	if err != nil {
		return err
	}
	r.Digest.Source, r.Digest.Target = found.A.String(), found.B.String()
	return t.printComparison(c, found, c.Args().Get(0), c.Args().Get(1))
}

func (t *tool) catCommand() *cli.Command {
	return &cli.Command{
		Name:        "cat",
		Usage:       "print an archive's records as JSON lines",
		ArgsUsage:   "FILE [SECTION]",
		Description: "Each line is one record; \"$section\" says of which section.\n\n   memarc cat backup.marc memories | jq .content",
		Flags:       manners(),
		Action:      t.command(1, 2, t.cat),
	}
}

func (t *tool) cat(c *cli.Context, report *report) error {
	in, _, err := t.openArchive(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	defer in.Close()
	section := c.Args().Get(1)
	wanted := func(name string) bool { return section == "" || name == section }
	r, err := format.NewReader(in, format.ReaderOptions{Wanted: wanted})
	if err != nil {
		return err
	}
	defer r.Close()
	report.Source = newStore(r.Manifest().Source, "")
	if section != "" && r.Manifest().Section(section) == nil {
		return usagef("the archive has no section %q; \"memarc inspect\" lists them", section)
	}
	for b, err := range r.Batches() {
		if err != nil {
			return err
		}
		report.section(b.Section.Name).Read += uint64(b.Rows)
		err := b.WriteNDJSON(jsonEscaper{t.answer})
		b.Release()
		if err != nil {
			return fmt.Errorf("write records: %w", err)
		}
	}
	report.ended(r.End())
	return nil
}
