package exporter

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A Filter selects memories; a memory must satisfy every part that is set. What
// belongs to a memory (relations with both ends, embeddings, schedules, events)
// goes with it. Tables that memarc cannot tie to memories stay behind, because
// they might hold what the filter was to keep out; the ledger says so.
type Filter struct {
	Since      time.Time // updated, or if that is unknown created, at or after
	Kinds      []string
	Tags       []string // any of them
	Namespaces []string
	Owners     []string
	Where      string // a condition in the store's own language
}

// Empty tells whether the filter selects everything.
func (f *Filter) Empty() bool {
	return f.Since.IsZero() && len(f.Kinds)+len(f.Tags)+len(f.Namespaces)+len(f.Owners) == 0 && f.Where == ""
}

func (f *Filter) options() map[string]string {
	out := map[string]string{}
	if !f.Since.IsZero() {
		out["since"] = f.Since.UTC().Format(time.RFC3339Nano)
	}
	for name, values := range map[string][]string{"type": f.Kinds, "tag": f.Tags, "namespace": f.Namespaces, "owner": f.Owners} {
		if len(values) > 0 {
			out[name] = strings.Join(values, ",")
		}
	}
	if f.Where != "" {
		out["where"] = f.Where
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// filter applies a Filter to the batches of one export.
type filter struct {
	Filter
	all     bool
	kept    map[[16]byte]bool // memories, by the place of their key
	dropped map[string]uint64
}

func newFilter(f Filter) *filter {
	return &filter{Filter: f, all: f.Empty(), kept: map[[16]byte]bool{}, dropped: map[string]uint64{}}
}

// sections returns the sections that an archive under this filter may hold.
func (f *filter) sections(all []*format.Section) []*format.Section {
	if f.all {
		return all
	}
	standard := format.StandardNames()
	return slices.DeleteFunc(slices.Clone(all), func(s *format.Section) bool { return !slices.Contains(standard, s.Name) })
}

func (f *filter) selection(sections []*format.Section) store.Selection {
	if f.all {
		return store.Selection{}
	}
	sel := store.Selection{Where: f.Where, Sections: map[string]bool{}}
	for _, s := range sections {
		sel.Sections[s.Name] = true
	}
	return sel
}

// apply returns the batch without the records that the filter leaves out.
func (f *filter) apply(b *format.Batch) *format.Batch {
	fields := format.MemoryFields(b.Section.Name)
	if f.all || fields == nil {
		return b
	}
	keep := make([]bool, b.Rows)
	kept := 0
	for row := range keep {
		if b.Section.Name == format.Memories {
			keep[row] = f.wants(b, row)
			if keep[row] {
				if id := b.Column("id"); id != nil {
					f.kept[memoryPlace(id, row)] = true
				}
			}
		} else {
			keep[row] = true
			for _, field := range fields {
				c := b.Column(field)
				keep[row] = keep[row] && c != nil && f.kept[memoryPlace(c, row)]
			}
		}
		if keep[row] {
			kept++
		}
	}
	if kept == b.Rows {
		return b
	}
	f.dropped[b.Section.Name] += uint64(b.Rows - kept)
	out := format.NewBatch(b.Section)
	for row, k := range keep {
		if k {
			out.AppendRow(b, row)
		}
	}
	b.Release()
	return out
}

// memoryPlace is a short name for a memory's identifier.
func memoryPlace(c *format.Column, row int) [16]byte {
	return format.Place(c.AppendValue(nil, row))
}

func (f *filter) wants(b *format.Batch, row int) bool {
	text := func(field string, among []string) bool {
		if len(among) == 0 {
			return true
		}
		c := b.Typed(field, format.Text)
		return c != nil && !c.Null(row) && slices.Contains(among, c.String(row))
	}
	if !text("kind", f.Kinds) || !text("namespace", f.Namespaces) || !text("owner", f.Owners) {
		return false
	}
	if len(f.Tags) > 0 {
		c := b.Typed("tags", format.List)
		if c == nil || c.Null(row) || !hasItem(c, row, f.Tags) {
			return false
		}
	}
	if f.Since.IsZero() {
		return true
	}
	for _, field := range []string{"updated_at", "created_at"} {
		if c := b.Typed(field, format.Time); c != nil && !c.Null(row) {
			return c.Int(row) >= f.Since.UnixNano()
		}
	}
	return true // a memory without times may be new
}

func hasItem(c *format.Column, row int, among []string) bool {
	for i := range c.ListLen(row) {
		if slices.Contains(among, string(c.Item(row, i))) {
			return true
		}
	}
	return false
}

// losses enters what was left out on request. read is how many memories came.
func (f *filter) losses(d *store.Description, read uint64) []format.Loss {
	if f.all {
		return nil
	}
	var out []format.Loss
	for _, item := range d.Items {
		if n := uint64(max(item.Rows, 0)); f.Where != "" && n > read && slices.Contains(item.Sections, format.Memories) {
			f.dropped[format.Memories] += n - read // the engine has left them out
		}
	}
	for _, name := range format.StandardNames() {
		if n := f.dropped[name]; n > 0 {
			out = append(out, format.Loss{Code: "filtered", Where: name, Count: n, Reason: "left out by the export's filter", Accepted: true})
		}
	}
	for _, item := range d.Items {
		if item.Fate != store.Carried || item.Rows == 0 || slices.ContainsFunc(item.Sections, func(s string) bool { return slices.Contains(format.StandardNames(), s) }) {
			continue
		}
		out = append(out, format.Loss{Code: "filtered", Where: item.Name, Count: uint64(max(item.Rows, 0)), Accepted: true,
			Reason: fmt.Sprintf("a filtered export leaves out tables that cannot be tied to memories (%d rows)", item.Rows)})
	}
	return out
}
