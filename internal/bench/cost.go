package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A cost is what a run of one or more processes took.
type cost struct {
	wall, cpu time.Duration
	rss       int64 // peak resident memory in bytes, summed over the processes
}

// A stage is a process of a pipeline.
type stage struct {
	args []string
	env  []string
	in   string // file for the standard input of the first stage
	out  string // file for the standard output of the last stage
}

// spend runs the stages as one pipeline and returns what they took and what the
// last one printed, if it has no file for that.
func spend(ctx context.Context, stages ...stage) (c cost, printed string, err error) {
	var cmds []*exec.Cmd
	var files []*os.File
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	var errs = make([]bytes.Buffer, len(stages))
	var last bytes.Buffer
	var between *os.File
	for i, s := range stages {
		cmd := exec.CommandContext(ctx, s.args[0], s.args[1:]...)
		cmd.Stderr = &errs[i]
		cmd.Env = append(plainEnv(), s.env...)
		if between != nil {
			cmd.Stdin = between
		}
		if s.in != "" {
			f, err := os.Open(s.in)
			if err != nil {
				return c, "", err
			}
			files = append(files, f)
			cmd.Stdin = f
		}
		switch {
		case i < len(stages)-1:
			r, w, err := os.Pipe()
			if err != nil {
				return c, "", err
			}
			files = append(files, r, w)
			cmd.Stdout, between = w, r
		case s.out != "":
			f, err := os.Create(s.out)
			if err != nil {
				return c, "", err
			}
			files = append(files, f)
			cmd.Stdout = f
		default:
			cmd.Stdout = &last
		}
		cmds = append(cmds, cmd)
	}
	start := time.Now()
	for _, cmd := range cmds {
		if err := cmd.Start(); err != nil {
			return c, "", err
		}
	}
	for _, f := range files {
		f.Close() // the processes have their own
	}
	for i, cmd := range cmds {
		if e := cmd.Wait(); e != nil && err == nil {
			err = fmt.Errorf("%s: %w: %s", strings.Join(stages[i].args, " "), e, strings.TrimSpace(errs[i].String()))
		}
	}
	c.wall = time.Since(start)
	for _, cmd := range cmds {
		c.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		c.rss += peak(cmd.ProcessState)
	}
	return c, last.String(), err
}

// plainEnv is the environment without what changes how Go programs use memory.
func plainEnv() (out []string) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != "GOGC" && name != "GOMEMLIMIT" && name != "GOMAXPROCS" && name != "GODEBUG" {
			out = append(out, v)
		}
	}
	return out
}

// best keeps the fastest of several runs, and the highest memory of all.
func best(runs []cost) cost {
	out := runs[0]
	for _, c := range runs {
		rss := max(out.rss, c.rss)
		if c.wall < out.wall {
			out = c
		}
		out.rss = rss
	}
	return out
}
