package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves flags before arguments, because the flag package that cli
// stands on takes everything behind the first argument for arguments, and would
// ignore a --dry-run that stands last. It stops at "--" and leaves "-" alone.
func flagsFirst(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	out, rest := []string{args[0]}, args[1:]
	flags, commands := app.Flags, app.Commands
	for {
		// The command's name is the first word that is no flag.
		at, err := firstWord(flags, rest)
		if err != nil {
			return nil, err
		}
		if at == len(rest) {
			return append(out, rest...), nil
		}
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(rest[at]) })
		if i < 0 {
			break
		}
		c := commands[i]
		// Flags that stood before the command belong behind it.
		out = append(out, rest[at])
		rest = append(slices.Clone(rest[:at]), rest[at+1:]...)
		flags, commands = c.Flags, c.Subcommands
	}
	var front, back []string
	for i := 0; i < len(rest); i++ {
		arg := rest[i]
		if arg == "--" {
			back = append(back, rest[i:]...)
			break
		}
		if !isFlag(arg) {
			back = append(back, arg)
			continue
		}
		front = append(front, arg)
		takes, known := takesValue(flags, arg)
		if known && takes && !strings.Contains(arg, "=") {
			if i+1 == len(rest) {
				return nil, usagef("flag %s needs a value", arg)
			}
			i++
			front = append(front, rest[i])
		}
	}
	return append(append(out, front...), back...), nil
}

func isFlag(arg string) bool { return len(arg) > 1 && arg[0] == '-' }

func firstWord(flags []cli.Flag, args []string) (int, error) {
	for i := 0; i < len(args); i++ {
		if args[i] == "--" || !isFlag(args[i]) {
			return i, nil
		}
		if takes, known := takesValue(flags, args[i]); known && takes && !strings.Contains(args[i], "=") {
			i++
		}
	}
	return len(args), nil
}

func takesValue(flags []cli.Flag, arg string) (takes, known bool) {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			d, ok := f.(cli.DocGenerationFlag)
			return ok && d.TakesValue(), true
		}
	}
	return false, false
}

// arguments checks the number of arguments of a command.
func arguments(c *cli.Context, least, most int) error {
	n := c.NArg()
	if n < least || n > most {
		what := fmt.Sprint(least)
		if most > least {
			what = fmt.Sprintf("%d to %d", least, most)
		}
		return usagef("%s takes %s arguments, not %d: memarc %s %s", c.Command.Name, what, n, c.Command.Name, c.Command.ArgsUsage)
	}
	for i := range n {
		if c.Args().Get(i) == "" {
			return usagef("argument %d of %s is empty", i+1, c.Command.Name)
		}
	}
	return nil
}
