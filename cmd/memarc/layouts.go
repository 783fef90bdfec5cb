package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/internal/layout/declared"
)

func (t *tool) layoutsCommand() *cli.Command {
	return &cli.Command{
		Name:  "layouts",
		Usage: "list the products that memarc knows, show one, or draft one from a database",
		Description: "A layout says which column of a product is which field. A drafted one is edited, and then\n" +
			"taken with --layout.\n\n" +
			"   memarc layouts\n   memarc layouts show vestige\n   memarc layouts draft my.db > my.yaml\n" +
			"   memarc export --layout my.yaml my.db > my.marc",
		Flags: manners(),
		Action: t.command(0, 1, func(c *cli.Context, _ *report) error {
			if c.NArg() > 0 {
				return usagef("layouts has the commands show and draft, not %q", c.Args().First())
			}
			w := tabwriter.NewWriter(t.answer, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "LAYOUT\tENGINES\tLATEST VERSION\n")
			for _, l := range t.registry.Layouts {
				latest := "-"
				if l.Latest > 0 {
					latest = fmt.Sprint(l.Latest)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", l.Name, strings.Join(l.Engines, ", "), latest)
			}
			return w.Flush()
		}),
		Subcommands: []*cli.Command{
			{
				Name: "show", Usage: "show which column of a product is which field", ArgsUsage: "NAME|FILE", Flags: manners(),
				Description: "   memarc layouts show vestige\n   memarc layouts show my.yaml",
				Action:      t.command(1, 1, func(c *cli.Context, _ *report) error { return t.showLayout(c.Args().First()) }),
			},
			{
				Name: "draft", Usage: "write a layout for a database, to be edited", ArgsUsage: "STORE", Flags: manners(),
				Description: "   memarc layouts draft my.db > my.yaml",
				Action:      t.command(1, 1, func(c *cli.Context, _ *report) error { return t.draftLayout(c) }),
			},
		},
	}
}

func (t *tool) showLayout(name string) error {
	registry, name, err := t.layout(name)
	if err != nil {
		return err
	}
	l, err := registry.Layout(name, "")
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(t.answer, 0, 0, 2, ' ', 0)
	if len(l.Maps) == 0 {
		t.printf("layout %s: every table or section as it is\n", l.Name)
		return nil
	}
	fmt.Fprintf(w, "TABLE\tCOLUMN\tSECTION\tFIELD\tLENS\n")
	for _, m := range l.Maps {
		for _, c := range m.Columns {
			section := m.Section
			if section == "" {
				section = l.Name + "." + m.Table
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", printable(m.Table), printable(c.Column), printable(section), printable(c.Field), c.Lens)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	t.printf("other columns and tables are carried as they are, as %s.NAME\n", l.Name)
	return nil
}

func (t *tool) draftLayout(c *cli.Context) error {
	db, err := t.registry.OpenTables(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	defer db.Close()
	catalog, err := db.Catalog(c.Context)
	if err != nil {
		return err
	}
	raw, err := declared.Draft(c.Context, catalog, db)
	if err != nil {
		return err
	}
	if _, err := t.answer.Write(raw); err != nil {
		return fmt.Errorf("write layout: %w", err)
	}
	return nil
}
