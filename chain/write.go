package chain

import (
	"context"
	"fmt"
	"io"

	"github.com/memarc/memarc/format"
)

// WriteOptions are the choices of Write; the zero value is recommended.
type WriteOptions struct {
	Writer   string          // name and version of the program
	Encoding format.Encoding // default: that of the last archive
	Level    format.Level
	// Progress, if not nil, is called after each batch with the records written.
	Progress func(records int64)
}

// Write writes the state of the chain as one whole archive. What else an archive
// says, its source and its loss ledger, is what the last one of the chain says.
func (c *Chain) Write(ctx context.Context, out io.Writer, o WriteOptions) (*format.End, error) {
	flags := format.Flags{}
	for _, l := range c.links {
		if l.flags.ReadCompatible != 0 {
			return nil, fmt.Errorf("%w: archive %q has features that this program may not rewrite", format.ErrVersion, l.Name)
		}
		flags.Compatible |= l.flags.Compatible
	}
	m := c.last().manifest.Whole()
	if o.Writer != "" {
		m.Writer = o.Writer
	}
	if o.Encoding != 0 {
		m.Encoding = o.Encoding
	}
	w, err := format.NewWriter(out, m, format.WriterOptions{Level: o.Level, TempDir: c.opts.TempDir, Flags: flags})
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	written := int64(0)
	for _, s := range m.Sections { // what is referred to stands before what refers to it
		if c.sum.Records(s.Name) == 0 {
			continue
		}
		for b, err := range c.Records(ctx, func(name string) bool { return name == s.Name }) {
			if err != nil {
				return nil, err
			}
			if b, err = as(s, b); err == nil {
				written += int64(b.Rows)
				err = w.Write(b)
			}
			if err != nil {
				return nil, err
			}
			if o.Progress != nil {
				o.Progress(written)
			}
		}
	}
	end, err := w.Close(c.last().end.Losses)
	if err == nil && end.Content != c.sum.Content {
		err = fmt.Errorf("%w: an archive has changed while it was read", format.ErrCorrupt)
	}
	return end, err
}

// as gives the records of a batch the schema of the last archive's section. Fields
// that it does not have hold nothing in records that have stayed.
func as(s *format.Section, b *format.Batch) (*format.Batch, error) {
	if b.Section == s {
		return b, nil
	}
	out := format.NewBatch(s)
	defer b.Release()
	for i, f := range b.Section.Fields {
		at := s.Field(f.Name)
		if at < 0 || s.Fields[at].Type != f.Type {
			if !b.Columns[i].AllNull() {
				return nil, fmt.Errorf("%w: section %q: a record has the field %q, which the last archive does not know", format.ErrCorrupt, s.Name, f.Name)
			}
			continue
		}
		for row := range b.Rows {
			out.Columns[at].AppendRow(&b.Columns[i], row)
		}
	}
	for i := range out.Columns {
		for c := &out.Columns[i]; c.Len() < b.Rows; {
			c.AppendNull()
		}
	}
	out.Rows = b.Rows
	return out, nil
}
