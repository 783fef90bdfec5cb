package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/verify"
)

// isArchive tells an archive from a store by its first bytes.
func isArchive(path string) (bool, error) {
	if path == "-" {
		return true, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) || err != nil {
		return false, nil // a URL, or the store's engine says what is wrong
	}
	defer f.Close()
	head := make([]byte, format.MagicSize)
	if n, err := io.ReadFull(f, head); err != nil {
		return n == 0 && hasEnding(path), nil
	}
	return format.IsArchive(head) || hasEnding(path), nil
}

func hasEnding(path string) bool { return len(path) > 5 && path[len(path)-5:] == ".marc" }

// side opens an archive or a store for a comparison.
func (t *tool) side(c *cli.Context, where string) (verify.Side, func() error, error) {
	archive, err := isArchive(where)
	if err != nil {
		return nil, nil, err
	}
	if archive {
		if where == "-" {
			return nil, nil, usagef("a comparison reads an archive twice, so it needs a file, not the standard input")
		}
		return fileSide(where), func() error { return nil }, nil
	}
	src, err := t.openSource(c, where)
	if err != nil {
		return nil, nil, err
	}
	return verify.Store(src), src.Close, nil
}

func (t *tool) digestCommand() *cli.Command {
	return &cli.Command{
		Name:        "digest",
		Usage:       "print the content digest of an archive or a store",
		ArgsUsage:   "FILE|STORE",
		Description: "The digest is the same for the same memories, whatever holds them.\n\n   memarc digest vestige.db\n\n" + exitStatus,
		Flags:       manners(layoutFlag(), &cli.BoolFlag{Name: "sections", Usage: "print the digest of each section too"}),
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 1); err != nil {
				return err
			}
			return t.reported(c, func(r *report) error { return t.digest(c, r) })
		},
	}
}

func (t *tool) digest(c *cli.Context, r *report) error {
	where := c.Args().First()
	var sections []format.SectionDigest
	var content format.Hash
	if where == "-" {
		in, err := t.openArchive(where)
		if err != nil {
			return err
		}
		found, err := verify.Archive(c.Context, in, verify.Options{})
		if err != nil {
			return err
		}
		sections, content = found.End.Sections, found.End.Content
	} else {
		side, done, err := t.side(c, where)
		if err != nil {
			return err
		}
		defer done()
		d, err := side.Digest(c.Context)
		if err != nil {
			return err
		}
		defer d.Close()
		if sections, content, err = d.Sum(); err != nil {
			return err
		}
	}
	for _, s := range sections {
		r.section(s.Name).Read = s.Records
		if c.Bool("sections") {
			t.printf("%s  %s (%d)\n", s.Digest, printable(s.Name), s.Records)
		}
	}
	r.Digest.Source = content.String()
	t.printf("%s  %s\n", content, printable(where))
	return nil
}

func (t *tool) diffCommand() *cli.Command {
	return &cli.Command{
		Name:        "diff",
		Usage:       "show what differs between two archives or stores, field by field",
		ArgsUsage:   "A B",
		Description: "   memarc diff monday.marc friday.marc\n   memarc diff backup.marc vestige.db\n\n" + exitStatus,
		Flags:       manners(layoutFlag(), limitFlag()),
		Action: func(c *cli.Context) error {
			if err := arguments(c, 2, 2); err != nil {
				return err
			}
			return t.reported(c, func(*report) error {
				a, doneA, err := t.side(c, c.Args().Get(0))
				if err != nil {
					return err
				}
				defer doneA()
				b, doneB, err := t.side(c, c.Args().Get(1))
				if err != nil {
					return err
				}
				defer doneB()
				found, err := verify.Compare(c.Context, a, b, verify.CompareOptions{Limit: c.Int("limit")})
				if err != nil {
					return err
				}
				return t.printComparison(found, c.Args().Get(0), c.Args().Get(1))
			})
		},
	}
}

func (t *tool) catCommand() *cli.Command {
	return &cli.Command{
		Name:        "cat",
		Usage:       "print an archive's records as JSON lines",
		ArgsUsage:   "FILE [SECTION]",
		Description: "   memarc cat backup.marc memories | jq .content\n\n" + exitStatus,
		Flags:       manners(),
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 2); err != nil {
				return err
			}
			return t.reported(c, func(*report) error { return t.cat(c) })
		},
	}
}

func (t *tool) cat(c *cli.Context) error {
	in, err := t.openArchive(c.Args().First())
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
	if section != "" && r.Manifest().Section(section) == nil {
		return usagef("the archive has no section %q; \"memarc inspect\" lists them", section)
	}
	for b, err := range r.Batches() {
		if err != nil {
			return err
		}
		err := b.WriteNDJSON(t.stdout)
		b.Release()
		if err != nil {
			return fmt.Errorf("write records: %w", err)
		}
	}
	return nil
}
