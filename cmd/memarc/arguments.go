package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves flags before arguments, because the flag package that cli
// stands on takes everything behind the first argument for arguments, and would
// ignore a --dry-run that stands last. What stands behind "--" is left alone, and
// "-" is an argument.
func flagsFirst(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	takes := map[string]bool{}
	flagsTaking(takes, app.Flags, app.Commands)
	var flags, words, tail []string
	for i := 1; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			tail = args[i:]
			i = len(args)
		case len(arg) < 2 || arg[0] != '-':
			words = append(words, arg)
		default:
			flags = append(flags, arg)
			name, _, has := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			if takes[name] && !has {
				if i++; i == len(args) {
					return nil, usagef("the flag %s needs a value", printable(arg))
				}
				flags = append(flags, args[i])
			}
		}
	}
	out := []string{args[0]}
	// The command stands before its flags.
	commands := app.Commands
	for len(words) > 0 {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(words[0]) })
		if i < 0 {
			break
		}
		out, words, commands = append(out, words[0]), words[1:], commands[i].Subcommands
	}
	out = append(out, flags...)
	if tail != nil {
		out, tail = append(out, "--"), tail[1:]
	}
	return slices.Concat(out, words, tail), nil
}

// flagsTaking collects the names of all flags that take a value. No name is one
// of a flag with and of a flag without a value.
func flagsTaking(takes map[string]bool, flags []cli.Flag, commands []*cli.Command) {
	for _, f := range flags {
		if d, ok := f.(cli.DocGenerationFlag); ok && d.TakesValue() {
			for _, name := range f.Names() {
				takes[name] = true
			}
		}
	}
	for _, c := range commands {
		flagsTaking(takes, c.Flags, c.Subcommands)
	}
}

// arguments checks the number of arguments of a command.
func arguments(c *cli.Context, least, most int) error {
	n := c.NArg()
	usage := strings.TrimSpace("memarc " + c.Command.Name + " " + c.Command.ArgsUsage)
	if n < least || n > most {
		what := fmt.Sprint(least)
		if most > least {
			what = fmt.Sprintf("%d to %d", least, most)
		}
		switch what {
		case "0":
			what = "no arguments"
		case "1":
			what = "1 argument"
		default:
			what += " arguments"
		}
		return usagef("%s takes %s, not %d: %s", c.Command.Name, what, n, usage)
	}
	for i, arg := range c.Args().Slice() {
		if arg == "" {
			return usagef("argument %d of %s is empty: %s", i+1, c.Command.Name, usage)
		}
	}
	return nil
}
