package main

import (
	"encoding/json"
	"fmt"
	"math"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// An overview is what inspect shows of an archive or a store.
type overview struct {
	What     string            `json:"what"` // archive or store
	Writer   string            `json:"writer,omitempty"`
	Created  string            `json:"created,omitempty"`
	Encoding string            `json:"encoding,omitempty"`
	Source   format.StoreID    `json:"source"`
	Origin   *format.StoreID   `json:"origin,omitempty"`
	Options  map[string]string `json:"options,omitempty"`
	Sections []sectionView     `json:"sections"`
	Spaces   []format.Space    `json:"spaces"`
	Oldest   string            `json:"oldest,omitempty"` // memory, by created_at
	Newest   string            `json:"newest,omitempty"`
	Losses   []format.Loss     `json:"losses"`
	Items    []itemView        `json:"items,omitempty"`
	Content  string            `json:"content,omitempty"`
	Base     *format.Base      `json:"base,omitempty"`   // of an incremental archive
	Result   *format.State     `json:"result,omitempty"` // likewise
	Root     string            `json:"root,omitempty"`
	Bytes    int64             `json:"bytes,omitempty"`
}

// An itemView is a part of a store and what becomes of it.
type itemView struct {
	Name     string     `json:"name"`
	Fate     store.Fate `json:"fate"`
	Sections []string   `json:"sections,omitempty"`
	Rows     int64      `json:"rows"`
}

type sectionView struct {
	Name    string `json:"name"`
	Records uint64 `json:"records"`
	Fields  int    `json:"fields"`
}

func (t *tool) inspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show what an archive or a store holds: sections, counts, spaces, time range, losses",
		ArgsUsage: "FILE|STORE",
		Description: "Of an archive, inspect reads the index; \"memarc verify\" proves the rest.\n\n" +
			"   memarc inspect backup.marc\n   memarc inspect --json vestige.db",
		Flags:  manners(&cli.BoolFlag{Name: "json", Usage: "print JSON"}, layoutFlag()),
		Action: t.command(1, 1, t.inspect),
	}
}

func (t *tool) inspect(c *cli.Context, r *report) (err error) {
	where := c.Args().First()
	var o *overview
	if isArchive(place(where)) {
		o, err = t.inspectArchive(where)
	} else {
		o, err = t.inspectStore(c, where)
	}
	if err != nil {
		return err
	}
	r.Source = newStore(o.Source, "")
	if o.What == "store" {
		r.Source.URL = store.Redact(where)
	} else {
		r.Archive = &reportArchive{o.Root, o.Content, o.Bytes}
		r.Digest.Archive = o.Content
	}
	for _, s := range o.Sections {
		r.section(s.Name).Read = s.Records
	}
	r.Losses = append(r.Losses, o.Losses...)
	return t.printOverview(c, o)
}

// summary keeps what only the records say: the extremes of the memories' times,
// and all the spaces.
type summary struct {
	oldest, newest int64
	spaces         []format.Space
}

func newSummary() *summary { return &summary{oldest: math.MaxInt64, newest: math.MinInt64} }

func (r *summary) add(b *format.Batch) {
	if b.Section.Name == format.Spaces {
		r.spaces = append(r.spaces, format.SpacesOf(b)...)
	}
	if b.Section.Name != format.Memories {
		return
	}
	c := b.Typed("created_at", format.Time)
	if c == nil {
		return
	}
	for row := range b.Rows {
		if !c.Null(row) {
			r.oldest, r.newest = min(r.oldest, c.Int(row)), max(r.newest, c.Int(row))
		}
	}
}

func (r *summary) into(o *overview) {
	if len(r.spaces) > 0 {
		o.Spaces = r.spaces
	}
	if r.oldest <= r.newest {
		o.Oldest = time.Unix(0, r.oldest).UTC().Format(time.RFC3339)
		o.Newest = time.Unix(0, r.newest).UTC().Format(time.RFC3339)
	}
}

func (t *tool) inspectArchive(path string) (*overview, error) {
	if path == "-" {
		return nil, usagef("inspect needs a file; \"memarc verify -\" reads the standard input")
	}
	f, err := t.open(path)
	if err != nil {
		return nil, fileErr("open archive", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fileErr("open archive", path, err)
	case info.IsDir():
		return nil, fmt.Errorf("open archive %q: it is a directory", path)
	case !info.Mode().IsRegular():
		return nil, usagef("inspect reads from the end, so it needs a file; \"memarc verify\" reads a pipe")
	}
	a, err := format.OpenArchive(f, info.Size(), format.ReaderOptions{})
	if err != nil {
		return nil, err
	}
	m, end := a.Manifest(), a.End()
	o := &overview{What: "archive", Writer: m.Writer, Created: m.Created, Encoding: m.Encoding.String(), Source: m.Source, Options: m.Options,
		Spaces: m.Spaces, Losses: end.Losses, Content: end.Content.String(), Root: end.Root.String(), Bytes: end.Bytes, Base: m.Base, Result: m.Result}
	if m.Origin != nil {
		o.Origin = &m.Origin.StoreID
	}
	records := map[string]uint64{}
	for _, s := range end.Sections {
		records[s.Name] = s.Records
	}
	for _, s := range m.Sections {
		o.Sections = append(o.Sections, sectionView{s.Name, records[s.Name], len(s.Fields)})
	}
	span := newSummary()
	for b, err := range a.Batches(func(section string) bool { return section == format.Memories || section == format.Spaces }) {
		if err != nil {
			return nil, err
		}
		span.add(b)
		b.Release()
	}
	span.into(o)
	return o, nil
}

func (t *tool) inspectStore(c *cli.Context, where string) (*overview, error) {
	src, err := t.openSource(c, where)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	d, err := src.Describe(c.Context)
	if err != nil {
		return nil, err
	}
	o := &overview{What: "store", Source: d.ID, Spaces: d.Spaces, Losses: d.Losses}
	for _, item := range d.Items {
		o.Items = append(o.Items, itemView(item))
	}
	if d.Origin != nil {
		o.Origin = &d.Origin.StoreID
	}
	records := map[string]uint64{}
	span := newSummary()
	p := t.newProgress(c.Bool("quiet"))
	defer p.stop()
	for b, err := range (watched{src, p, d.Records()}).Read(c.Context, store.Selection{}) {
		if err != nil {
			return nil, err
		}
		records[b.Section.Name] += uint64(b.Rows)
		span.add(b)
		b.Release()
	}
	o.Losses = append(o.Losses, src.Losses()...)
	for _, s := range d.Sections {
		o.Sections = append(o.Sections, sectionView{s.Name, records[s.Name], len(s.Fields)})
	}
	span.into(o)
	return o, nil
}

func (t *tool) printOverview(c *cli.Context, o *overview) error {
	if o.Spaces == nil {
		o.Spaces = []format.Space{}
	}
	if o.Losses == nil {
		o.Losses = []format.Loss{}
	}
	if c.Bool("json") {
		raw, err := json.MarshalIndent(o, "", "  ")
		if err != nil {
			return err
		}
		t.printf("%s\n", escapedJSON(raw))
		return nil
	}
	w := tabwriter.NewWriter(t.answer, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, printable(value))
		}
	}
	id := func(s format.StoreID) string { return layoutText(s) + " on " + s.Engine }
	row("what", o.What)
	row("source", id(o.Source))
	if o.Origin != nil && *o.Origin != o.Source {
		row("origin", id(*o.Origin))
	}
	row("writer", o.Writer)
	row("created", o.Created)
	row("encoding", o.Encoding)
	if o.Bytes > 0 {
		row("size", bytesText(o.Bytes))
	}
	if o.Oldest != "" {
		row("memories", o.Oldest+" to "+o.Newest)
	}
	row("content digest", o.Content)
	row("file root", o.Root)
	if o.Base != nil {
		row("stands on", "file root "+o.Base.Root.String())
		row("base", o.Base.Content.String())
		row("leads to", o.Result.Content.String())
	}
	w.Flush()
	t.printf("\n")
	fmt.Fprintf(w, "SECTION\tRECORDS\tFIELDS\n")
	empty := 0
	for _, s := range o.Sections {
		if s.Records == 0 && !c.Bool("verbose") {
			empty++
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%d\n", printable(s.Name), amount(int64(s.Records), "records"), s.Fields)
	}
	w.Flush()
	if empty > 0 {
		t.printf("and %s (--verbose lists them)\n", things(uint64(empty), "empty sections"))
	}
	for i, s := range o.Spaces {
		if i == 0 {
			t.printf("\n")
			fmt.Fprintf(w, "SPACE\tDIMENSION\tELEMENT\n")
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", printable(s.ID), s.Dimension, printable(s.Element))
	}
	w.Flush()
	for i, l := range o.Losses {
		if i == 0 {
			t.printf("\n")
			fmt.Fprintf(w, "LOSS\tWHERE\tCOUNT\tREASON\n")
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", printable(l.Code), printable(l.Where), l.Count, printable(l.Reason))
	}
	return w.Flush()
}
