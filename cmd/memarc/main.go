// Command memarc backs up, restores and moves the memories of AI agents between
// stores, through one verified archive.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
)

// version is set by the linker for releases.
var version = "devel"

// tool is what the verbs share: the outside world and the registry.
type tool struct {
	stdin    io.Reader
	stdout   io.Writer
	stderr   io.Writer
	getenv   func(string) string
	registry *store.Registry
}

func main() {
	// A closed pipe is an error to be reported, not a silent death.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Memory stays flat: collect before the heap has doubled.
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(72 << 20)
	}
	t := &tool{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, registry: all.Registry()}
	os.Exit(t.run(ctx, os.Args))
}

// run runs one command and returns the exit code.
func (t *tool) run(ctx context.Context, args []string) int {
	app := t.app()
	args, err := flagsFirst(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	return t.exit(ctx, err)
}

func (t *tool) app() *cli.App {
	app := &cli.App{
		Name:                   "memarc",
		Usage:                  "back up, restore and move the memories of AI agents",
		Version:                buildVersion(),
		Writer:                 t.stdout,
		ErrWriter:              t.stderr,
		HideHelpCommand:        true,
		EnableBashCompletion:   true,
		UseShortOptionHandling: false,
		CustomAppHelpTemplate:  "",
		ExitErrHandler:         func(*cli.Context, error) {}, // codes are mapped in exit.go
		OnUsageError:           usageError,
		CommandNotFound:        func(*cli.Context, string) {},
		Description: "STORE is a path or a URL: memories.db, sqlite:PATH. What product it belongs to is recognised.\n" +
			"FILE is a .marc archive; - is the standard input.\n\n" + exitStatus,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("there is no command %q; \"memarc --help\" lists them", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
		Commands: []*cli.Command{
			t.exportCommand(), t.importCommand(), t.migrateCommand(), t.verifyCommand(), t.digestCommand(),
			t.inspectCommand(), t.catCommand(), t.diffCommand(), t.discoverCommand(), t.layoutsCommand(),
		},
	}
	for _, c := range app.Commands {
		finish(c)
	}
	return app
}

// finish gives every command the same manners.
func finish(c *cli.Command) {
	c.OnUsageError = usageError
	c.HideHelpCommand = true
	for _, sub := range c.Subcommands {
		finish(sub)
	}
}

func usageError(_ *cli.Context, err error, _ bool) error { return usagef("%s", err) }

func buildVersion() string {
	if version != "devel" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return version
}

func (t *tool) printf(format string, args ...any) {
	fmt.Fprintf(t.stdout, format, args...)
}
