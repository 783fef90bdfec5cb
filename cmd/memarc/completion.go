package main

import (
	"embed"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/format"
)

// completions are the scripts that make shells ask memarc, each named as its shell.
//
//go:embed completion
var completions embed.FS

var shells = []string{"bash", "fish", "zsh"}

func (t *tool) completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the script by which a shell completes the words of memarc's commands",
		ArgsUsage: "bash|zsh|fish",
		Description: "The script says in its first lines where it belongs.\n\n" +
			"   source <(memarc completion bash)\n   memarc completion fish > ~/.config/fish/completions/memarc.fish",
		Flags: manners(),
		Action: t.command(1, 1, func(c *cli.Context, _ *report) error {
			shell := c.Args().First()
			if !slices.Contains(shells, shell) {
				return usagef("memarc completes words in bash, fish and zsh, not in %q", shell)
			}
			script, err := completions.ReadFile("completion/" + shell)
			if err != nil {
				return fmt.Errorf("read script: %w", err)
			}
			t.printf("%s", script)
			return t.answer.err
		}),
	}
}

// completionFlag is what the shells' completion scripts put last; cli's own
// scripts work too.
const completionFlag = "--generate-bash-completion"

// complete prints what may follow the words of an unfinished command line: the
// values of a flag, flags, or commands. Nothing leaves it to the shell, which
// completes file names.
func (t *tool) complete(app *cli.App, words []string) {
	commands, flags := app.Commands, app.Flags
	var command *cli.Command
	last, before := "", ""
	for _, word := range words {
		if word == "--" {
			return
		}
		before = last
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
	case command != nil && command.Name == "show" && last == "":
		out = t.values("layout")
	case command != nil && command.Name == "completion" && last == "":
		out = shells
	case command != nil && command.Name == "cat" && last != "" && before == "":
		out = sections(last)
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
			if !slices.Contains(out, l.Name) {
				out = append(out, l.Name)
			}
		}
	case "on-conflict":
		out = []string{"fail", "skip", "overwrite", "newer"}
	case "embeddings":
		out = []string{"keep", "drop"}
	case "api":
		out = []string{"openai", "ollama"}
	case "encoding":
		out = []string{"arrow", "ndjson"}
	case "level":
		out = []string{"default", "better", "best"}
	}
	return out
}

// sections lists the sections of an archive, by what stands at its beginning.
func sections(path string) (out []string) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	r, err := format.NewReader(f, format.ReaderOptions{Workers: 1})
	if err != nil {
		return nil
	}
	defer r.Close()
	for _, s := range r.Manifest().Sections {
		out = append(out, s.Name)
	}
	return out
}
