package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// A rival is a line of the table of PostgreSQL.
type rival struct {
	name    string
	program string // must be there, or the line says that it is not
	// stages prepares a run with an empty database, and returns what is measured.
	stages func(database string) ([]stage, error)
	// result is the file or folder whose size counts as the archive's.
	result string
	// check tells in a few words whether all has arrived; nil if nothing can be
	// asked.
	check func(database string) (string, error)
}

// postgres prints the table of PostgreSQL. It returns what could not be measured;
// the failure of one program is no reason not to measure the others.
func (b *bench) postgres() (skipped []string) {
	server, stop, err := pgserver.Share(b.ctx, pgserver.Options{Durable: true})
	if err != nil {
		return []string{fmt.Sprintf("skipped: all of PostgreSQL: no server: %v", err)}
	}
	defer func() {
		if err := stop(); err != nil {
			skipped = append(skipped, err.Error())
		}
	}()
	p := &rivals{bench: b, server: server}
	if err := p.prepare(); err != nil {
		return []string{fmt.Sprintf("skipped: all of PostgreSQL: %v", err)}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%-*s\twall\trows/s\tpeak RSS\tsize\tproven to be there\t\n", nameWidth, "what")
	for _, r := range p.list() {
		if !strings.Contains(r.name, b.only) {
			continue
		}
		if _, err := exec.LookPath(r.program); r.program != "" && err != nil {
			fmt.Fprintf(w, "%-*s\tnot installed\t\t\t\t\t\n", nameWidth, r.name)
			continue
		}
		if err := p.measure(w, r); err != nil {
			fmt.Fprintf(w, "%-*s\tfailed\t\t\t\t\t\n", nameWidth, r.name)
			skipped = append(skipped, fmt.Sprintf("failed: %s: %s", r.name, p.hidden(err)))
		}
	}
	if err := w.Flush(); err != nil {
		skipped = append(skipped, err.Error())
	}
	return append(skipped, p.close()...)
}

// mostTime is what a run may take: a program that fails may wait for an answer.
const mostTime = 30 * time.Minute

// hidden is an error's text without the server's password.
func (p *rivals) hidden(err error) string {
	text := err.Error()
	if u, e := url.Parse(p.server); e == nil {
		if secret, ok := u.User.Password(); ok && secret != "" {
			text = strings.ReplaceAll(text, secret, "xxxxx")
		}
	}
	return text[:min(len(text), 1000)]
}

// measure runs one rival and prints its line.
func (p *rivals) measure(w *tabwriter.Writer, r rival) error {
	fmt.Fprintf(os.Stderr, "bench: %s\n", r.name)
	var runs []cost
	proven := "-"
	for i := range p.runs {
		c, text, err := p.once(r, i == p.runs-1)
		if err != nil {
			return err
		}
		runs = append(runs, c)
		if text != "" {
			proven = text
		}
	}
	size := "-"
	if r.result != "" {
		n, err := sizeOf(r.result)
		if err != nil {
			return err
		}
		size = mib(n)
	}
	c := best(runs)
	_, err := fmt.Fprintf(w, "%-*s\t%.2f s\t%.0f\t%s\t%s\t%s\t\n", nameWidth, r.name, c.wall.Seconds(), float64(p.rows)/c.wall.Seconds(), mib(c.rss), size, proven)
	return err
}

// once runs a rival in a database of its own.
func (p *rivals) once(r rival, check bool) (c cost, proven string, err error) {
	database, drop, err := pgserver.CreateDatabase(p.ctx, p.server)
	if err != nil {
		return c, "", err
	}
	defer func() {
		if e := drop(context.Background()); err == nil {
			err = e
		}
	}()
	stages, err := r.stages(database)
	if err != nil {
		return c, "", err
	}
	ctx, cancel := context.WithTimeout(p.ctx, mostTime)
	defer cancel()
	if c, _, err = spend(ctx, stages...); err != nil || !check || r.check == nil {
		return c, "", err
	}
	proven, err = r.check(database)
	return c, proven, err
}
