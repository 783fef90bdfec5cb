package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A found is a store on this computer.
type found struct {
	path     string
	layout   string // with its version
	memories int64
	problem  string
}

func (t *tool) discoverCommand() *cli.Command {
	return &cli.Command{
		Name:        "discover",
		Usage:       "list the stores on this computer",
		Description: "Looks where the products keep their stores, and where their own variables point.\n\n   memarc discover",
		Flags:       manners(),
		Action: t.command(0, 0, func(c *cli.Context, _ *report) error {
			all := t.discover(c.Context)
			if len(all) == 0 {
				t.note(c, "no store was found; name one: memarc export PATH > backup.marc")
				return nil
			}
			w := tabwriter.NewWriter(t.answer, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "LAYOUT\tMEMORIES\tSTORE\n")
			for _, f := range all {
				layout, memories := f.layout, amount(f.memories, "records")
				if f.problem != "" {
					layout, memories = "-", "-"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", layout, memories, printable(store.Redact(f.path)))
				if f.problem != "" {
					fmt.Fprintf(w, "\t\t  %s\n", f.problem)
				}
			}
			return w.Flush()
		}),
	}
}

// discover looks at the places that the layouts name.
func (t *tool) discover(ctx context.Context) []found {
	var out []found
	seen := map[string]bool{}
	for _, l := range t.registry.Layouts {
		if l.Locations == nil {
			continue
		}
		for _, path := range l.Locations(t.getenv) {
			key := path
			if !strings.Contains(path, "://") { // else a server has to say whether there is something
				file := path
				if at, err := store.ParseLocation(path); err == nil {
					file = at.Path
				}
				abs, err := filepath.Abs(file)
				if err != nil {
					continue
				}
				if _, err := os.Stat(file); err != nil {
					continue
				}
				key = abs
			}
			if !seen[key] {
				seen[key] = true
				out = append(out, t.look(ctx, path))
			}
		}
	}
	return out
}

func (t *tool) look(ctx context.Context, path string) found {
	f := found{path: path}
	src, err := t.registry.OpenSource(ctx, path, "")
	if err != nil {
		f.problem = message(err)
		return f
	}
	defer src.Close()
	d, err := src.Describe(ctx)
	if err != nil {
		f.problem = message(err)
		return f
	}
	f.layout = layoutText(d.ID)
	for _, item := range d.Items {
		for _, s := range item.Sections {
			if s == format.Memories && item.Fate == store.Carried {
				f.memories += item.Rows
			}
		}
	}
	return f
}

// sourceOf returns the store to export: the argument, MEMARC_STORE, or the only
// one that is found.
func (t *tool) sourceOf(c *cli.Context) (string, error) {
	if c.NArg() > 0 {
		return c.Args().First(), nil
	}
	if where := t.getenv("MEMARC_STORE"); where != "" {
		return where, nil
	}
	all := t.discover(c.Context)
	switch len(all) {
	case 1:
		t.note(c, "found %s", store.Redact(all[0].path))
		return all[0].path, nil
	case 0:
		return "", &outcome{code: exitUsage, msg: "no store was named and none was found",
			hint: "name one: memarc export PATH > backup.marc, or set MEMARC_STORE"}
	}
	var paths []string
	for _, f := range all {
		paths = append(paths, store.Redact(f.path))
	}
	return "", &outcome{code: exitUsage, msg: "there is more than one store:", list: paths,
		hint: "name the one you mean: memarc export PATH > backup.marc"}
}
