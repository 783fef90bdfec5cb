// Command testrun runs go test and prints what a person must know: a line a
// package, all output of what fails, and every proof that was skipped.
//
//	go run ./internal/bench/testrun [-summary FILE] -- ARGUMENTS OF GO TEST
//
// MEMARC_TEST_REQUIRE lists what must be there, separated by blanks: a test that
// was skipped for the want of it fails the run. The tests share one PostgreSQL
// server, if one can be had.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// An event is a line of go test -json.
type event struct {
	Action, Package, Test, Output string
}

// unproven marks a line in the output of a test that says what it did not prove.
const unproven = "NOT PROVEN"

// A run sums up the events.
type run struct {
	out                     io.Writer
	passed, failed, skipped int
	packages                int
	open                    map[[2]string][]string // output of tests that have not ended
	order                   [][2]string
	notes                   []string // skipped proofs
	required                []string // words that no skipped test may name
}

func newRun(out io.Writer, required string) *run {
	return &run{out: out, open: map[[2]string][]string{}, required: strings.Fields(required)}
}

func (r *run) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(r.out, lines.Text()) // the go command itself speaks
			continue
		}
		r.take(e)
	}
	return lines.Err()
}

func (r *run) take(e event) {
	id := [2]string{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "run":
		r.open[id], r.order = []string{}, append(r.order, id)
	case "output":
		if e.Test != "" {
			r.open[id] = append(r.open[id], e.Output)
		} else if line := strings.TrimSpace(e.Output); line != "PASS" && !strings.HasSuffix(line, "[no test files]") && !strings.HasSuffix(line, "no tests to run") && !strings.HasSuffix(line, "[no tests to run]") {
			fmt.Fprint(r.out, e.Output)
		}
	case "pass", "skip", "fail":
		if e.Test == "" {
			r.ended(e)
			return
		}
		wanted := r.note(id, e.Action == "skip")
		switch {
		case e.Action == "pass":
			r.passed++
		case e.Action == "skip" && !wanted:
			r.skipped++
		default:
			r.failed++
			fmt.Fprint(r.out, strings.Join(r.open[id], ""))
		}
		delete(r.open, id)
	}
}

// ended ends a package. Where a test of it has not ended, it tells why.
func (r *run) ended(e event) {
	if e.Action != "skip" {
		r.packages++
	}
	var rest [][2]string
	for _, id := range r.order {
		lines, open := r.open[id]
		switch {
		case !open:
		case id[0] != e.Package:
			rest = append(rest, id)
		default:
			if e.Action == "fail" {
				r.failed++
				fmt.Fprint(r.out, strings.Join(lines, ""))
			}
			delete(r.open, id)
		}
	}
	r.order = rest
}

// note keeps why a test was skipped, and what another says it has not proven. It
// tells whether something was missing that is required.
func (r *run) note(id [2]string, skipped bool) (wanted bool) {
	var reason []string
	for _, line := range r.open[id] {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "> ") || !skipped && !strings.Contains(line, unproven) { // > is a script's command
			continue
		}
		if at := strings.Index(line, ".go:"); at >= 0 { // file and line
			if _, text, ok := strings.Cut(line[at+4:], ": "); ok {
				line = text
			}
		}
		reason = append(reason, line)
	}
	if len(reason) == 0 && !skipped {
		return false
	}
	why := strings.Join(reason, " ")
	for _, word := range r.required {
		wanted = wanted || skipped && strings.Contains(why, word)
	}
	if wanted {
		why += " (MEMARC_TEST_REQUIRE asks for it)"
	}
	r.notes = append(r.notes, fmt.Sprintf("%s %s: %s", id[0][strings.LastIndex(id[0], "/")+1:], id[1], why))
	return wanted
}

// summary is what stands at the end.
func (r *run) summary(took time.Duration) string {
	var b strings.Builder
	if len(r.notes) > 0 {
		fmt.Fprintf(&b, "\nskipped, or not proven in this run (%d):\n", len(r.notes))
		for _, n := range r.notes {
			fmt.Fprintf(&b, "  %s\n", n)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%d passed, %d failed, %d skipped in %d packages, %.1fs\n", r.passed, r.failed, r.skipped, r.packages, took.Seconds())
	return b.String()
}

func main() {
	if err := test(); err != nil {
		fmt.Println("FAIL:", err)
		os.Exit(1)
	}
}

// test runs the tests and prints the summary, unless it goes to a file.
func test() error {
	file := flag.String("summary", "", "write the summary of a run that passes to this file, to be shown at the very end")
	flag.Parse()
	cmd := exec.Command("go", append([]string{"test", "-json"}, flag.Args()...)...)
	cmd.Stderr = os.Stderr
	// Without a server, the tests that need one say why.
	if url, stop, err := pgserver.Share(context.Background(), pgserver.Options{}); err == nil {
		cmd.Env = append(os.Environ(), pgserver.Variable+"="+url)
		defer func() {
			if err := stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
	}
	events, err := cmd.StdoutPipe()
	r, start := newRun(os.Stdout, os.Getenv("MEMARC_TEST_REQUIRE")), time.Now()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		err = r.read(events)
	}
	if waitErr := cmd.Wait(); err == nil {
		err = waitErr
	}
	if err == nil && r.failed > 0 {
		err = errors.New("a proof that is required was skipped")
	}
	text := r.summary(time.Since(start))
	if err == nil && *file != "" {
		return os.WriteFile(*file, []byte(text), 0o600)
	}
	fmt.Print(text)
	return err
}
