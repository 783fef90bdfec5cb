package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/klauspost/compress/zstd"
)

// An Archive reads parts of an archive that can be sought: the manifest, the end
// block, and verified chunks of single sections. It trusts the end block's index
// no further than the checks of the blocks themselves; only a Reader verifies the
// whole chain and the digests.
type Archive struct {
	in       io.ReaderAt
	manifest *Manifest
	flags    Flags
	end      *End
	opts     ReaderOptions
}

// OpenArchive reads the guide, the manifest, the trailer and the end block of an
// archive of the given size in bytes.
func OpenArchive(in io.ReaderAt, size int64, opts ReaderOptions) (*Archive, error) {
	opts.MaxChunk = max(opts.MaxChunk, MaxChunk)
	r, err := NewReader(io.NewSectionReader(in, 0, size), opts)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	x := &Archive{in: in, manifest: r.manifest, flags: r.flags, opts: opts}
	trailer := make([]byte, frameHeader+trailerSize)
	at := size - int64(len(trailer))
	if at < 0 {
		return nil, &Error{Offset: size, Block: -1, Err: ErrTruncated}
	}
	if _, err := in.ReadAt(trailer, at); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	start := binary.LittleEndian.Uint64(trailer[frameHeader:])
	if string(trailer[len(trailer)-len(trailerMagic):]) != trailerMagic || start >= uint64(at) {
		return nil, &Error{Offset: at, Block: -1, Err: fmt.Errorf("%w: it has no trailer", ErrTruncated)}
	}
	end, err := x.readEnd(int64(start), size)
	if err != nil {
		return nil, &Error{Offset: int64(start), Block: -1, Err: err}
	}
	x.end = end
	return x, nil
}

func (x *Archive) readEnd(start, size int64) (*End, error) {
	// A Reader placed at the end block reads it, the trailer, and what follows.
	r := &Reader{opts: x.opts, offset: start}
	r.reset(io.NewSectionReader(x.in, start, size-start))
	h, err := r.nextHeader()
	if err != nil {
		return nil, err
	}
	if h.kind != kindEnd {
		return nil, fmt.Errorf("%w: the trailer does not point to the end block", ErrCorrupt)
	}
	return r.readEnd(h, start)
}

// Manifest returns the manifest.
func (x *Archive) Manifest() *Manifest { return x.manifest }

// Flags returns the feature flags.
func (x *Archive) Flags() Flags { return x.flags }

// End returns the end block.
func (x *Archive) End() *End { return x.end }

// Batches yields the batches of the wanted sections, each verified by itself, and
// at most one error, as its last pair.
func (x *Archive) Batches(wanted func(section string) bool) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		dec, err := newDecoder(x.opts.MaxChunk)
		if err != nil {
			yield(nil, fmt.Errorf("start zstd decoder: %w", err))
			return
		}
		defer dec.Close()
		for _, e := range x.end.Index {
			if !wanted(e.Section) {
				continue
			}
			b, err := x.chunk(e, dec)
			if err != nil {
				yield(nil, &Error{Offset: e.Offset, Block: -1, Section: e.Section, Err: err})
				return
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

func (x *Archive) chunk(e IndexEntry, dec *zstd.Decoder) (*Batch, error) {
	if e.Offset < 0 || e.Length <= 0 || e.Offset > math.MaxInt64-e.Length {
		return nil, fmt.Errorf("%w: index entry is outside the archive", ErrCorrupt)
	}
	r := &Reader{opts: x.opts}
	r.reset(io.NewSectionReader(x.in, e.Offset, e.Length))
	h, err := r.nextHeader()
	if err != nil {
		return nil, err
	}
	s := x.manifest.Section(e.Section)
	if h.kind != kindChunk || h.check != e.Check || h.section != e.Section || h.encoding != x.manifest.Encoding || s == nil {
		return nil, fmt.Errorf("%w: the chunk is not the one of the index", ErrCorrupt)
	}
	if err := h.checkSize(x.opts.MaxChunk); err != nil {
		return nil, err
	}
	payload, err := r.take(nil, int(h.payload))
	if err != nil {
		return nil, err
	}
	return decodeChunk(&h, s, payload, dec)
}
