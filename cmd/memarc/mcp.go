package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/internal/confine"
	"github.com/memarc/memarc/internal/mcp"
)

func (t *tool) mcpCommand() *cli.Command {
	return &cli.Command{
		Name:  "mcp",
		Usage: "offer migrations, exports, imports and checks to a model, over the Model Context Protocol",
		Description: "The server speaks on the standard input and output. It opens nothing outside of the folders\n" +
			"that --allow names, and no server but those that --allow-url names. It changes and\n" +
			"replaces nothing that exists until a call says confirm. A client is configured like this:\n\n" +
			"   {\"mcpServers\": {\"memarc\": {\"command\": \"memarc\",\n" +
			"     \"args\": [\"mcp\", \"--allow\", \"/home/me/.memorygraph\", \"--allow\", \"/home/me/backups\"]}}}",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "allow", Usage: "let calls read and write in `FOLDER` and below; may be given several times"},
			&cli.StringSliceFlag{Name: "allow-url", Usage: "let calls use the server's database at `URL`, or, without a database in it, all of the server's; its login and parameters are used; may be given several times"},
			helpFlag(),
		},
		Action: t.command(0, 0, t.serve),
	}
}

func (t *tool) serve(c *cli.Context, _ *report) error {
	folders, servers := c.StringSlice("allow"), c.StringSlice("allow-url")
	if len(folders) == 0 {
		return usagef("mcp needs the folders that calls may read and write: memarc mcp --allow FOLDER")
	}
	for _, folder := range folders {
		if folder == "" {
			return usagef("--allow needs the name of a folder")
		}
	}
	limits, err := confine.New(t.registry, folders, servers)
	if err != nil {
		return err
	}
	return mcp.Serve(c.Context, mcp.Options{Limits: limits, Run: t.confined(limits), Sources: t.sources, Version: buildVersion()}, t.stdin, t.stdout)
}

// sources lists where a store may be by the environment: what MEMARC_STORE names, or
// else what the variables of products and their defaults do.
func (t *tool) sources() []string {
	if where := t.getenv("MEMARC_STORE"); where != "" {
		return []string{where}
	}
	var out []string
	for _, l := range t.registry.Layouts {
		if l.Locations != nil && l.Name == mcp.Product {
			out = append(out, l.Locations(t.getenv)...)
		}
	}
	return out
}

// Sizes in bytes of what a model is told of a command, and how many records, losses and
// steps a report then lists.
const (
	mostAnswer = 64 << 10
	mostNotes  = 8 << 10
	mostListed = 100
)

// confined runs commands whose archives are within limits.
func (t *tool) confined(limits *confine.Limits) func(context.Context, []string, mcp.Watch) mcp.Outcome {
	return func(ctx context.Context, args []string, watch mcp.Watch) mcp.Outcome {
		return t.call(ctx, limits, args, watch)
	}
}

// call runs a command apart from the terminal and from the environment.
func (t *tool) call(ctx context.Context, limits *confine.Limits, args []string, watch mcp.Watch) mcp.Outcome {
	answer, notes := &excerpt{most: mostAnswer}, &excerpt{most: mostNotes}
	done := newReport(args[0])
	done.Status = "failed"
	inner := &tool{stdin: strings.NewReader(""), stdout: answer, stderr: notes, getenv: func(string) string { return "" },
		registry: t.registry, within: limits.Folder, watch: watch, reported: func(r *report) { done = r }}
	start := time.Now()
	exit := inner.guarded(ctx, append([]string{"memarc"}, args...))
	if done.Seconds == 0 {
		done.Seconds = time.Since(start).Round(time.Millisecond).Seconds()
	}
	done.Exit = exit
	done.shorten(mostListed)
	raw, err := json.Marshal(done)
	if err != nil { // nothing in a report has a form that JSON does not know
		panic(err)
	}
	return mcp.Outcome{Report: escapedJSON(raw), Exit: exit, Failed: done.Status != "done", Answer: answer.String(), Notes: notes.String()}
}

// shorten keeps the first entries of the lists of a report, and the last error, which
// is what failed.
func (r *report) shorten(most int) {
	if n := len(r.Errors); n > most {
		r.Errors = append(r.Errors[:most-1:most-1], r.Errors[n-1])
	}
	r.Losses = r.Losses[:min(len(r.Losses), most)]
	r.Left = r.Left[:min(len(r.Left), most)]
}

// An excerpt keeps the beginning of what is written to it, in whole lines.
type excerpt struct {
	strings.Builder
	most int
	more int // bytes that were left out
}

func (e *excerpt) Write(p []byte) (int, error) {
	if e.more > 0 || e.Len()+len(p) > e.most {
		e.more += len(p)
		return len(p), nil
	}
	return e.Builder.Write(p)
}

func (e *excerpt) String() string {
	if e.more == 0 {
		return e.Builder.String()
	}
	return fmt.Sprintf("%s... and %d bytes more\n", e.Builder.String(), e.more)
}
