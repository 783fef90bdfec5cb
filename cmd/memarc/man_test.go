package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

var update = flag.Bool("update", false, "write docs/memarc.1")

// The manual page is what the help says.
func TestManualPage(t *testing.T) {
	const path = "../../docs/memarc.1"
	want := manual(newTool().app())
	if *update {
		if err := os.MkdirAll("../../docs", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the help says; write it with go test ./cmd/memarc -run Manual -update (%v)", path, err)
	}
}

func manual(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH MEMARC 1\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.B memarc\n.I COMMAND\n[FLAGS] [ARGUMENTS]\n.SH DESCRIPTION\n", app.Name, roff(app.Usage))
	prose(&b, app.Description)
	b.WriteString(".SH COMMANDS\n")
	for _, c := range app.Commands {
		if !c.Hidden {
			manualCommand(&b, c, app.Name+" "+c.Name)
		}
	}
	head, codes, _ := strings.Cut(exitStatus, "\n")
	fmt.Fprintf(&b, ".SH %s\n", head)
	for line := range strings.SplitSeq(codes, "\n") {
		code, meaning, _ := strings.Cut(strings.TrimSpace(line), "  ")
		fmt.Fprintf(&b, ".TP\n%s\n%s\n", code, roff(meaning))
	}
	return b.String()
}

func manualCommand(b *strings.Builder, c *cli.Command, name string) {
	fmt.Fprintf(b, ".SS %s\n", roff(strings.TrimSpace(name+" "+c.ArgsUsage)))
	fmt.Fprintf(b, "%s.\n", roff(strings.ToUpper(c.Usage[:1])+c.Usage[1:]))
	prose(b, c.Description)
	for _, f := range flagTexts(c) {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(f.name), roff(f.usage))
	}
	for _, sub := range c.Subcommands {
		manualCommand(b, sub, name+" "+sub.Name)
	}
}

// prose writes a description: paragraphs, and examples that are indented.
func prose(b *strings.Builder, text string) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if paragraph == "" {
			continue
		}
		example := strings.HasPrefix(paragraph, "   ")
		b.WriteString(".PP\n")
		if example {
			b.WriteString(".nf\n.RS\n")
		}
		for line := range strings.SplitSeq(paragraph, "\n") {
			b.WriteString(roff(strings.TrimSpace(line)) + "\n")
		}
		if example {
			b.WriteString(".RE\n.fi\n")
		}
	}
}

func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
