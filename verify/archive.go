package verify

import (
	"context"
	"fmt"
	"io"

	"github.com/memarc/memarc/format"
)

// Options are the choices of Archive; the zero value is recommended.
type Options struct {
	Reader format.ReaderOptions
	// Progress, if not nil, is told the bytes read and the records verified.
	Progress func(bytes, records int64)
}

// An ArchiveReport is what Archive found.
type ArchiveReport struct {
	Manifest *format.Manifest // nil if it could not be read
	End      *format.End      // nil unless the archive is whole
	Records  uint64           // verified
	// Findings lists every damaged chunk, and what ended the reading, if
	// something did.
	Findings []error
}

// Archive verifies an archive: every checksum, every value, every digest. A
// damaged chunk does not end it. The error is the last finding, or nil.
func Archive(ctx context.Context, in io.Reader, o Options) (*ArchiveReport, error) {
	report := &ArchiveReport{}
	o.Reader.BadChunk = func(err error) { report.Findings = append(report.Findings, err) }
	r, err := format.NewReader(in, o.Reader)
	if err != nil {
		report.Findings = append(report.Findings, err)
		return report, err
	}
	defer r.Close()
	report.Manifest = r.Manifest()
	for b, err := range r.Batches() {
		if err == nil && ctx.Err() != nil {
			err = fmt.Errorf("verify: %w", context.Cause(ctx))
		}
		if err != nil {
			report.Findings = append(report.Findings, err)
			report.Records = r.Records()
			return report, err
		}
		b.Release()
		if o.Progress != nil {
			o.Progress(r.Offset(), int64(r.Records()))
		}
	}
	report.Records, report.End = r.Records(), r.End()
	return report, nil
}
