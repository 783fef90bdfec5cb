package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// completionFlag is what the shells' completion scripts put last; cli's own
// scripts work too.
const completionFlag = "--generate-bash-completion"

// complete prints what may follow the words of an unfinished command line: the
// values of a flag, flags, or commands. Nothing leaves it to the shell, which
// completes file names.
func (t *tool) complete(app *cli.App, words []string) {
	commands, flags := app.Commands, app.Flags
	var command *cli.Command
	last := ""
	for _, word := range words {
		if word == "--" {
			return
		}
		last = word
		if i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(word) }); i >= 0 {
			command = commands[i]
			commands, flags, last = command.Subcommands, command.Flags, ""
		}
	}
	var out []string
	switch {
	case strings.HasPrefix(last, "-"):
		for _, f := range flags {
			if v, ok := f.(cli.VisibleFlag); !ok || !v.IsVisible() {
				continue
			}
			for _, name := range f.Names() {
				if written := flagName(name); written == last {
					if f.(cli.DocGenerationFlag).TakesValue() {
						t.printf("%s", list(t.values(name)))
						return
					}
				} else if strings.HasPrefix(written, last) {
					out = append(out, written)
				}
			}
		}
	case command != nil && command.Name == "show":
		out = t.values("layout")
	case last == "":
		for _, c := range commands {
			if !c.Hidden {
				out = append(out, c.Name)
			}
		}
	}
	t.printf("%s", list(out))
}

func list(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, "\n") + "\n"
}

// values lists what a flag takes, if that is a list.
func (t *tool) values(flag string) (out []string) {
	switch flag {
	case "layout", "to-layout":
		for _, l := range t.registry.Layouts {
			out = append(out, l.Name)
		}
	case "on-conflict":
		out = []string{"fail", "skip", "overwrite", "newer"}
	case "encoding":
		out = []string{"arrow", "ndjson"}
	case "level":
		out = []string{"default", "better", "best"}
	}
	return out
}
