package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// helpWidth is the width of help texts in columns.
const helpWidth = 88

// The help of cli would take an argument for the name of a topic.
func init() { cli.HelpFlag = nil }

func helpFlag() cli.Flag {
	return &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show this text"}
}

func appHelp(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s - %s\n\n   %s COMMAND [FLAGS] [ARGUMENTS]\n\n%s\n\nCOMMANDS\n", app.Name, app.Usage, app.Name, app.Description)
	for _, c := range app.Commands {
		if !c.Hidden {
			paragraph(&b, "   "+pad(c.Name, 12), c.Usage)
		}
	}
	paragraph(&b, "   "+pad("help", 12), "show this text, or that of a command: memarc help export")
	fmt.Fprintf(&b, "\n%s\n", exitStatus)
	return b.String()
}

// commandHelp is what a command does, an example, its flags and the exit codes.
func commandHelp(c *cli.Command, name string) string {
	var b strings.Builder
	usage := name
	for _, sub := range c.Subcommands {
		usage += "\n   " + name + " " + sub.Name + " " + sub.ArgsUsage
	}
	if len(c.Subcommands) == 0 {
		usage = strings.TrimSpace(name + " [FLAGS] " + c.ArgsUsage)
	}
	paragraph(&b, name+" - ", c.Usage)
	fmt.Fprintf(&b, "\n   %s\n\n", usage)
	if c.Description != "" {
		fmt.Fprintf(&b, "%s\n\n", c.Description)
	}
	b.WriteString("FLAGS\n")
	for _, f := range flagTexts(c) {
		paragraph(&b, "   "+pad(f.name, 23), f.usage)
	}
	fmt.Fprintf(&b, "\n%s\n", exitStatus)
	return b.String()
}

type flagText struct{ name, usage string }

// flagTexts lists the visible flags of a command, "-o, --output FILE" and usage.
func flagTexts(c *cli.Command) []flagText {
	var out []flagText
	for _, f := range c.Flags {
		if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() {
			continue
		}
		d, ok := f.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		usage := d.GetUsage()
		short, long, value := "", "", ""
		for _, name := range f.Names() {
			if len(name) == 1 {
				short = "-" + name + ", "
			} else {
				long = "--" + name
			}
		}
		if before, rest, ok := strings.Cut(usage, "`"); ok {
			if word, after, ok := strings.Cut(rest, "`"); ok {
				value, usage = " "+word, before+word+after
			}
		}
		out = append(out, flagText{short + long + value, usage})
	}
	return out
}

func pad(s string, width int) string { return s + strings.Repeat(" ", max(2, width-len(s))) }

// paragraph writes a head and words beside it, wrapped.
func paragraph(b *strings.Builder, head, words string) {
	line, indent, start := head, len(head), true
	for _, word := range strings.Fields(words) {
		if !start && len(line)+1+len(word) > helpWidth {
			b.WriteString(line + "\n")
			line, start = strings.Repeat(" ", indent), true
		}
		if !start {
			line += " "
		}
		line += word
		start = false
	}
	b.WriteString(line + "\n")
}

func (t *tool) helpCommand() *cli.Command {
	return &cli.Command{
		Name: "help", Usage: "show help", ArgsUsage: "[COMMAND]", Hidden: true,
		Action: func(c *cli.Context) error {
			commands, text := c.App.Commands, appHelp(c.App)
			path := c.App.Name
			for _, name := range c.Args().Slice() {
				var found *cli.Command
				for _, command := range commands {
					if command.HasName(name) {
						found = command
					}
				}
				if found == nil {
					return t.unknownCommand(c, name)
				}
				path += " " + name
				commands, text = found.Subcommands, commandHelp(found, path)
			}
			t.printf("%s", text)
			return t.answer.err
		},
	}
}

// unknownCommand names the command that was perhaps meant.
func (t *tool) unknownCommand(c *cli.Context, name string) error {
	var names []string
	for _, command := range c.App.Commands {
		if !command.Hidden {
			names = append(names, command.Name)
		}
	}
	if guess := nearest(name, names); guess != "" {
		return usagef("there is no command %q; did you mean \"memarc %s\"?", name, guess)
	}
	return usagef("there is no command %q; \"memarc --help\" lists them", name)
}

// usageError is an error of the flag package in words of ours.
func (t *tool) usageError(c *cli.Context, err error, _ bool) error {
	command := c.Command.HelpName // "memarc export"
	msg := err.Error()
	if name, ok := strings.CutPrefix(msg, "flag provided but not defined: -"); ok {
		names := flagNames(c.Command)
		way := fmt.Sprintf("\"%s --help\" lists them", command)
		if guess := nearest(strings.TrimLeft(name, "-"), names); len(guess) > 1 {
			way = "did you mean --" + guess + "?"
		}
		if c.Command.Name == c.App.Name {
			return usagef("there is no flag %s; %s", flagName(name), way)
		}
		return usagef("there is no flag %s of %q; %s", flagName(name), command, way)
	}
	msg = strings.TrimSuffix(strings.ReplaceAll(msg, "flag -", "flag --"), ": parse error")
	return usagef("%s; see \"%s --help\"", msg, command)
}

// flagNames lists the visible flags of a command and of those below it.
func flagNames(c *cli.Command) (names []string) {
	for _, f := range c.Flags {
		if v, ok := f.(cli.VisibleFlag); ok && v.IsVisible() {
			names = append(names, f.Names()...)
		}
	}
	for _, sub := range c.Subcommands {
		names = append(names, flagNames(sub)...)
	}
	return names
}

// flagName is a flag as it is written.
func flagName(name string) string {
	if name = strings.TrimLeft(name, "-"); len(name) > 1 {
		return "--" + name
	}
	return "-" + name
}

// nearest returns the name that a mistyped word most likely stands for, or "".
func nearest(word string, names []string) string {
	best, guess := 3, ""
	for _, name := range names {
		if len(word) >= 3 && strings.HasPrefix(name, word) {
			return name
		}
		if d := distance(word, name); d < best && d < len(name)/2+1 {
			best, guess = d, name
		}
	}
	return guess
}

// distance counts the letters to insert, drop, change or swap between two words.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row := rows[0], rows[1], rows[2]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j], row[j-1]) + 1
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j], last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		rows = [3][]int{last, row, before}
	}
	return rows[1][len(b)]
}
