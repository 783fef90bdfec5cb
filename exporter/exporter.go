package exporter

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/memarc/memarc/chain"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// These aliases let a package outside of memarc implement a Source.
type (
	// Source reads one store under one snapshot.
	Source = store.Source
	// Description is what a source holds.
	Description = store.Description
	// Selection narrows what is read.
	Selection = store.Selection
	// Item is one part of what a store holds.
	Item = store.Item
	// Fate is what becomes of an item.
	Fate = store.Fate
	// Chain is what an incremental export stands on.
	Chain = chain.Chain
)

// Options are the choices of an export; the zero value is recommended.
type Options struct {
	Encoding format.Encoding // default Arrow
	Level    format.Level
	Workers  int    // goroutines that compress; default one a core
	TempDir  string // for leaves that do not fit in memory
	Writer   string // name and version of the program
	Created  string // RFC 3339; empty for none, which keeps archives reproducible
	Filter   Filter
	// IncludeSecrets carries also passwords, keys and tokens, which otherwise stay behind;
	// the ledger counts them under the code "withheld".
	IncludeSecrets bool
	AcceptLoss     []string // codes of losses that are accepted; "all" for every one
	// Since, if not nil, makes the archive an incremental one: what has changed since
	// the state of this chain. It goes with no filter.
	Since *Chain
	// Progress, if not nil, is called after each batch.
	Progress func(Progress)
}

// Progress says how far an export is. Total is an estimate in records; Bytes are
// bytes of the archive.
type Progress struct {
	Records, Total int64
}

// Count says how many records of a section were read and written.
type Count struct{ Read, Written uint64 }

// A Report is what an export did.
type Report struct {
	Source   format.StoreID
	Sections map[string]Count
	Losses   []format.Loss
	End      *format.End
	// Of an incremental archive: where it leads, and how many records of the base it
	// deletes, by section.
	Result  *format.State
	Deleted map[string]uint64
}

// Unaccepted returns the losses that were not accepted.
func Unaccepted(losses []format.Loss) []format.Loss {
	return slices.DeleteFunc(slices.Clone(losses), func(l format.Loss) bool { return l.Accepted })
}

// Accept marks losses whose code is among codes as accepted; "all" accepts every
// one.
func Accept(losses []format.Loss, codes []string) {
	for i := range losses {
		if slices.Contains(codes, losses[i].Code) || slices.Contains(codes, "all") {
			losses[i].Accepted = true
		}
	}
}

// Export writes everything that the source holds, or what the filter selects, or what
// has changed since an earlier export, as one archive.
func Export(ctx context.Context, src Source, out io.Writer, o Options) (*Report, error) {
	if o.Encoding == 0 {
		o.Encoding = format.Arrow
	}
	if o.Since != nil {
		return exportSince(ctx, src, out, o)
	}
	opts := format.WriterOptions{Level: o.Level, Workers: o.Workers, TempDir: o.TempDir}
	// The guide leaves before the store is counted, so that a pipe starts at once.
	guide, err := format.WriteGuide(out, opts.Flags)
	if err != nil {
		return nil, err
	}
	opts.Guide = guide
	if s, ok := src.(store.Secretive); ok && !o.IncludeSecrets {
		s.Withhold()
	}
	d, err := src.Describe(ctx)
	if err != nil {
		return nil, err
	}
	f := newFilter(o.Filter)
	m := &format.Manifest{
		Writer: o.Writer, Created: o.Created, Encoding: o.Encoding, Source: d.ID, Origin: d.Origin,
		Sections: f.sections(d.Sections), Spaces: d.Spaces, Options: secrets(o.Filter.options(), d),
	}
	w, err := format.NewWriter(out, m, opts)
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	report := &Report{Source: d.ID, Sections: map[string]Count{}}
	done := Progress{Total: d.Records()}
	for b, err := range src.Read(ctx, f.selection(m.Sections)) {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			b.Release()
			return nil, fmt.Errorf("export: %w", context.Cause(ctx))
		}
		name, read := b.Section.Name, b.Rows
		b = f.apply(b)
		count := report.Sections[name]
		count.Read += uint64(read)
		count.Written += uint64(b.Rows)
		report.Sections[name] = count
		if err := w.Write(b); err != nil {
			return nil, err
		}
		if done.Records += int64(read); o.Progress != nil {
			o.Progress(done)
		}
	}
	report.Losses = slices.Concat(d.Losses, src.Losses(), f.losses(d, report.Sections[format.Memories].Read))
	Accept(report.Losses, o.AcceptLoss)
	report.End, err = w.Close(report.Losses)
	return report, err
}

// secrets adds to the options of a manifest what becomes of secrets.
func secrets(options map[string]string, d *Description) map[string]string {
	if d.Secrets == "" {
		return options
	}
	if options == nil {
		options = map[string]string{}
	}
	options[store.Secrets] = string(d.Secrets)
	return options
}
