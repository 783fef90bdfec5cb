package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/internal/store/all"
)

func newTool() *tool {
	t := &tool{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }, registry: all.Registry()}
	t.answer = &answer{ctx: context.Background(), out: t.stdout}
	return t
}

func TestFlagsFirst(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"export", "export"},
		{"export a.db", "export a.db"},
		{"export a.db -o b.marc", "export -o b.marc a.db"},
		{"-o b.marc export a.db", "export -o b.marc a.db"},
		{"export a.db --output=b.marc -q", "export --output=b.marc -q a.db"},
		{"--report r.json --quiet import a.db b.marc --dry-run", "import --report r.json --quiet --dry-run a.db b.marc"},
		{"import a.db -", "import a.db -"},
		{"import a.db - --dry-run", "import --dry-run a.db -"},
		{"verify -- --odd.marc", "verify -- --odd.marc"},
		{"verify a.marc -- -q", "verify -- a.marc -q"},
		{"verify -q a.marc --against -- -- b", "verify -q --against -- -- a.marc b"},
		{"layouts show vestige -q", "layouts show -q vestige"},
		{"-q layouts show vestige", "layouts show -q vestige"},
		{"layouts -q show vestige", "layouts show -q vestige"},
		{"export export", "export export"},
		{"export a.db --bogus", "export --bogus a.db"},
		{"export a.db --tag x --tag y", "export --tag x --tag y a.db"},
		{"nonsense a --report r", "--report r nonsense a"},
		{"--help", "--help"},
		{"export --help", "export --help"},
		{"--help export", "export --help"},
	} {
		args := append([]string{"memarc"}, strings.Fields(test.in)...)
		got, err := flagsFirst(newTool().app(), args)
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
			continue
		}
		if want := append([]string{"memarc"}, strings.Fields(test.want)...); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", test.in, got, want)
		}
	}
	for _, in := range []string{"export a.db -o", "verify a.marc --report"} {
		if _, err := flagsFirst(newTool().app(), append([]string{"memarc"}, strings.Fields(in)...)); code(context.Background(), err) != exitUsage {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// A name is that of flags that take a value or of flags that take none, or
// flagsFirst could not tell flags that stand before the command.
func TestFlagNamesAgree(t *testing.T) {
	takes := map[string]bool{}
	var walk func(commands []*cli.Command)
	walk = func(commands []*cli.Command) {
		for _, c := range commands {
			for _, f := range c.Flags {
				for _, name := range f.Names() {
					value := f.(cli.DocGenerationFlag).TakesValue()
					if before, ok := takes[name]; ok && before != value {
						t.Errorf("flag %s of %s takes a value or not", name, c.Name)
					}
					takes[name] = value
				}
			}
			walk(c.Subcommands)
		}
	}
	walk(newTool().app().Commands)
}

func FuzzFlagsFirst(f *testing.F) {
	for _, seed := range []string{"export a.db -o b", "-q layouts show x -- -y --", "--report - verify -- a", "--from a --to= b migrate -- -", "layouts show -- draft -q"} {
		f.Add(strings.ReplaceAll(seed, " ", "\n"))
	}
	app := newTool().app()
	f.Fuzz(func(t *testing.T, in string) {
		args := append([]string{"memarc"}, strings.Split(in, "\n")...)
		once, err := flagsFirst(app, slices.Clone(args))
		if err != nil {
			return
		}
		if a, b := slices.Sorted(slices.Values(args)), slices.Sorted(slices.Values(once)); !slices.Equal(a, b) {
			t.Fatalf("%q became %q", args, once)
		}
		twice, err := flagsFirst(app, slices.Clone(once))
		if err != nil || !slices.Equal(once, twice) {
			t.Fatalf("%q became %q, then %q (%v)", args, once, twice, err)
		}
		// What stands behind the first "--" that is no flag's value keeps its order and stands last.
		if at := slices.Index(args, "--"); at >= 0 && !slices.ContainsFunc(args[:at], func(s string) bool { return len(s) > 1 && s[0] == '-' }) {
			tail := args[at+1:]
			if got := once[len(once)-len(tail):]; !slices.Equal(got, tail) {
				t.Fatalf("%q became %q", args, once)
			}
		}
	})
}
