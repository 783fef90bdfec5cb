package format

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// ReaderOptions are the choices of a Reader; the zero value is recommended.
type ReaderOptions struct {
	MaxChunk int    // decompressed bytes of a chunk; default and minimum: MaxChunk
	Workers  int    // goroutines that verify and decode; default: one a core
	TempDir  string // for leaves that do not fit in memory; default: the system's
	// Wanted says which sections' batches are yielded; nil wants all. The
	// others are verified all the same.
	Wanted func(section string) bool
	// BadChunk, if not nil, is told of a chunk whose payload is damaged, and the
	// reading goes on behind it. The last error of Batches then says that chunks
	// were damaged.
	BadChunk func(err error)
}

// A Reader reads one archive as a stream and verifies everything it reads.
type Reader struct {
	in       *bufio.Reader
	offset   int64 // of the goroutine that fetches
	progress atomic.Int64
	opts     ReaderOptions
	manifest *Manifest
	flags    Flags
	guide    string
	previous Hash
	block    uint32
	digester *Digester
	end      *End
	records  uint64
	started  bool
}

// NewReader reads the guide and the manifest.
func NewReader(in io.Reader, opts ReaderOptions) (*Reader, error) {
	opts.MaxChunk = max(opts.MaxChunk, MaxChunk)
	if opts.Workers <= 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	r := &Reader{opts: opts, digester: NewDigester(opts.TempDir)}
	r.reset(in)
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Reader) reset(in io.Reader) { r.in = bufio.NewReaderSize(in, 256<<10) }

func (r *Reader) open() error {
	frame, err := r.readGuide()
	if err != nil {
		return r.wrap(0, -1, "", err)
	}
	if r.flags, r.guide, r.previous, err = decodeGuide(frame); err != nil {
		return r.wrap(0, -1, "", err)
	}
	start := r.offset
	h, err := r.header()
	if err == nil && h.kind != kindManifest {
		err = fmt.Errorf("%w: no manifest behind the guide", ErrCorrupt)
	}
	if err != nil {
		return r.wrap(start, 0, "", err)
	}
	raw, err := r.control(h)
	if err != nil {
		return r.wrap(start, 0, "", err)
	}
	if r.manifest, err = decodeManifest(raw); err == nil && (r.manifest.Base != nil) != (r.flags.Incompatible&Incremental != 0) {
		err = fmt.Errorf("manifest: %w: it has a base without the flag of an incremental archive, or the flag and no base", ErrCorrupt)
	}
	if err != nil {
		return r.wrap(start, 0, "", err)
	}
	return nil
}

func (r *Reader) wrap(offset int64, block int, section string, err error) error {
	return &Error{Offset: offset, Block: block, Section: section, Err: err}
}

// readGuide reads the first frame and tells foreign files from damaged ones.
func (r *Reader) readGuide() ([]byte, error) {
	start := frameHeader + len(guideMagic)
	peek, err := r.in.Peek(start)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(peek) == 0 {
		return nil, fmt.Errorf("%w: the input is empty", ErrNotArchive)
	}
	want := append(binary.LittleEndian.AppendUint32(nil, skippableMagic), 0, 0, 0, 0)
	want = append(want, guideMagic...)
	for i, b := range peek {
		if b != want[i] && (i < 4 || i >= 8) {
			return nil, fmt.Errorf("%w: the input does not start like one", ErrNotArchive)
		}
	}
	if len(peek) < start {
		return nil, truncated(io.ErrUnexpectedEOF)
	}
	size := binary.LittleEndian.Uint32(peek[4:])
	if size > MaxGuide || size < uint32(guideMin) {
		return nil, fmt.Errorf("guide: %w: content of %d bytes", ErrCorrupt, size)
	}
	return r.take(nil, frameHeader+int(size))
}

// take reads n bytes into buf. Memory grows with what arrives, not with what is
// announced.
func (r *Reader) take(buf []byte, n int) ([]byte, error) {
	const step = 1 << 20
	buf = buf[:0]
	for len(buf) < n {
		part := min(n-len(buf), max(step, len(buf)))
		buf = slices.Grow(buf, part)
		got, err := io.ReadFull(r.in, buf[len(buf):len(buf)+part])
		buf = buf[:len(buf)+got]
		r.offset += int64(got)
		r.progress.Store(r.offset)
		if err != nil {
			return nil, truncated(err)
		}
	}
	return buf, nil
}

// truncated turns the end of the input into ErrTruncated.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return fmt.Errorf("read archive: %w", err)
}

// frame reads a whole skippable frame of at most most bytes of content.
func (r *Reader) frame(most int) ([]byte, error) {
	head, err := r.in.Peek(frameHeader)
	if err != nil {
		if len(head) > 0 || errors.Is(err, io.EOF) {
			return nil, truncated(io.ErrUnexpectedEOF)
		}
		return nil, truncated(err)
	}
	size := binary.LittleEndian.Uint32(head[4:])
	if binary.LittleEndian.Uint32(head) != skippableMagic || int64(size) > int64(most) {
		return nil, fmt.Errorf("%w: no block header where one must stand", ErrCorrupt)
	}
	return r.take(nil, frameHeader+int(size))
}

// nextHeader reads the next block header and verifies it by itself.
func (r *Reader) nextHeader() (header, error) {
	frame, err := r.frame(headFixed + MaxName)
	if err != nil {
		return header{}, err
	}
	return decodeHeader(frame)
}

// header reads the next block header and verifies it and its place in the chain.
func (r *Reader) header() (header, error) {
	h, err := r.nextHeader()
	if err != nil {
		return h, err
	}
	if h.previous != r.previous || h.block != r.block {
		return h, fmt.Errorf("%w: block %d does not follow the block before", ErrCorrupt, h.block)
	}
	r.previous = h.check
	r.block++
	return h, nil
}

func (r *Reader) control(h header) ([]byte, error) {
	frame, err := r.take(nil, int(h.payload))
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(frame); sum != h.hash {
		return nil, mismatch(h.hash, sum)
	}
	return controlContent(frame)
}

// Manifest returns the manifest. It must not be changed.
func (r *Reader) Manifest() *Manifest { return r.manifest }

// Flags returns the feature flags.
func (r *Reader) Flags() Flags { return r.flags }

// Guide returns the text of the first frame.
func (r *Reader) Guide() string { return r.guide }

// End returns the end block once Batches has run to its end without an error,
// and nil before.
func (r *Reader) End() *End { return r.end }

// Records returns the number of records in the chunks verified so far.
func (r *Reader) Records() uint64 { return r.records }

// Offset returns how many bytes of the archive have been read.
func (r *Reader) Offset() int64 { return r.progress.Load() }

// Digester returns the leaves of all records verified so far. It belongs to the
// Reader and is released by Close.
func (r *Reader) Digester() *Digester { return r.digester }

// Close releases what the Reader holds. It does not close the io.Reader below.
func (r *Reader) Close() error { return r.digester.Close() }

type readJob struct {
	h       header
	offset  int64
	section *Section
	payload []byte
	wanted  bool
	batch   *Batch
	leaves  []Leaf
	err     error
	done    chan struct{}
}

// Batches yields the batches of all chunks in the archive's order, each after it
// was verified, and at most one error, as its last pair. The caller owns the
// batches and should release them. It can be called once.
func (r *Reader) Batches() iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if r.started {
			yield(nil, errors.New("read archive: Batches was called twice"))
			return
		}
		r.started = true
		jobs := make(chan *readJob, r.opts.Workers)
		order := make(chan *readJob, r.opts.Workers)
		quit := make(chan struct{})
		var workers sync.WaitGroup
		for range r.opts.Workers {
			workers.Go(func() { r.work(jobs) })
		}
		var index []IndexEntry
		var end *End
		var fetched error
		bad := 0
		go func() {
			defer close(order)
			defer close(jobs)
			end, fetched = r.fetch(&index, func(j *readJob) bool {
				select {
				case order <- j:
					jobs <- j
					return true
				case <-quit:
					return false
				}
			})
		}()
		defer func() {
			close(quit)
			for j := range order {
				<-j.done
			}
			workers.Wait()
		}()
		for j := range order {
			<-j.done
			if j.err != nil {
				err := r.wrap(j.offset, int(j.h.block), j.h.section, j.err)
				if r.opts.BadChunk == nil {
					yield(nil, err)
					return
				}
				r.opts.BadChunk(err)
				bad++
				continue
			}
			r.records += uint64(j.h.records)
			if err := r.digester.Add(j.section.Name, j.leaves); err != nil {
				yield(nil, err)
				return
			}
			leafBuffers.put(j.leaves)
			if !j.wanted {
				j.batch.Release()
				continue
			}
			if !yield(j.batch, nil) {
				return
			}
		}
		switch {
		case fetched == nil && bad == 0:
			fetched = r.checkEnd(end, index)
		case fetched == nil:
			fetched = fmt.Errorf("%w: %d damaged chunks", ErrCorrupt, bad)
		}
		if fetched != nil {
			yield(nil, fetched)
			return
		}
		r.end = end
	}
}

// fetch reads block after block up to the trailer and hands out the chunks. It
// returns the end block, which nobody has compared with the chunks.
func (r *Reader) fetch(index *[]IndexEntry, hand func(*readJob) bool) (*End, error) {
	sequence := map[string]uint32{}
	living := false // a chunk has come that holds no tombstones
	for {
		start := r.offset
		h, err := r.header()
		if err != nil {
			return nil, r.wrap(start, int(r.block), "", err)
		}
		switch h.kind {
		case kindEnd:
			end, err := r.readEnd(h, start)
			if err != nil {
				return nil, r.wrap(start, int(h.block), "", err)
			}
			return end, nil
		case kindChunk:
		default:
			return nil, r.wrap(start, int(h.block), "", fmt.Errorf("%w: unknown block kind %q", ErrCorrupt, h.kind))
		}
		j := &readJob{h: h, offset: start, section: r.manifest.Section(h.section), done: make(chan struct{})}
		switch {
		case j.section == nil:
			err = fmt.Errorf("%w: the manifest has no such section", ErrCorrupt)
		case h.encoding != r.manifest.Encoding:
			err = fmt.Errorf("%w: chunk has encoding %d, the manifest says %s", ErrCorrupt, h.encoding, r.manifest.Encoding)
		case living && j.section.Buries() != "":
			err = fmt.Errorf("%w: tombstones stand behind records", ErrCorrupt)
		case h.sequence != sequence[h.section]:
			err = fmt.Errorf("%w: chunk %d of the section stands where %d is expected", ErrCorrupt, h.sequence, sequence[h.section])
		default:
			err = h.checkSize(r.opts.MaxChunk)
		}
		if err != nil {
			return nil, r.wrap(start, int(h.block), h.section, err)
		}
		sequence[h.section]++
		living = living || j.section.Buries() == ""
		j.wanted = r.opts.Wanted == nil || r.opts.Wanted(h.section)
		if j.payload, err = r.take(buffers.get(min(int(h.payload), 1<<20)), int(h.payload)); err != nil {
			return nil, r.wrap(start, int(h.block), h.section, err)
		}
		*index = append(*index, IndexEntry{h.section, h.sequence, h.records, start, r.offset - start, h.check})
		if !hand(j) {
			return nil, errors.New("read archive: stopped early")
		}
	}
}

func (r *Reader) work(jobs chan *readJob) {
	dec, err := newDecoder(r.opts.MaxChunk)
	if err == nil {
		defer dec.Close()
	}
	for j := range jobs {
		if err != nil {
			j.err = fmt.Errorf("start zstd decoder: %w", err)
		} else if j.batch, j.err = tryDecode(&j.h, j.section, j.payload, dec); j.err == nil {
			j.leaves = j.batch.AppendLeaves(leafBuffers.get())
		}
		buffers.put(j.payload)
		j.payload = nil
		close(j.done)
	}
}

// tryDecode is decodeChunk behind a net: what the checks of a hostile chunk miss
// is still the chunk's fault and not the end of the program.
func tryDecode(h *header, s *Section, payload []byte, dec *zstd.Decoder) (b *Batch, err error) {
	defer func() {
		if p := recover(); p != nil {
			b, err = nil, fmt.Errorf("%w: decoder stopped: %v", ErrCorrupt, p)
		}
	}()
	return decodeChunk(h, s, payload, dec)
}

// decodeChunk verifies a payload and turns it into a batch.
func decodeChunk(h *header, s *Section, payload []byte, dec *zstd.Decoder) (*Batch, error) {
	if cells := uint64(h.records) * uint64(len(s.Fields)); cells > MaxCells {
		return nil, &LimitError{What: "cells of a chunk", Got: cells, Max: MaxCells}
	}
	if sum := sha256.Sum256(payload); sum != h.hash {
		return nil, mismatch(h.hash, sum)
	}
	if err := checkFrame(payload, int(h.data)); err != nil {
		return nil, err
	}
	data, err := dec.DecodeAll(payload, buffers.get(int(h.data)))
	if err != nil {
		return nil, fmt.Errorf("%w: decompress: %w", ErrCorrupt, err)
	}
	if len(data) != int(h.data) {
		return nil, fmt.Errorf("%w: chunk decompresses to %d bytes, its header says %d", ErrCorrupt, len(data), h.data)
	}
	b := NewBatch(s)
	if h.encoding == NDJSON {
		err = ndjsonDecode(b, data, int(h.records))
		buffers.put(data)
	} else {
		b.backing = data
		err = arrowDecode(b, data, int(h.records))
	}
	if err == nil {
		err = b.checkLeaves()
	}
	if err != nil {
		b.Release()
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return b, nil
}

// readEnd reads the end block's payload and the trailer, and makes sure that
// nothing follows.
func (r *Reader) readEnd(h header, start int64) (*End, error) {
	raw, err := r.control(h)
	if err != nil {
		return nil, err
	}
	end := &End{Records: math.MaxUint64} // refused when it is absent
	if err := decodeObject(raw, end); err != nil {
		return nil, fmt.Errorf("end block: %w: %w", ErrCorrupt, err)
	}
	if end.Sections == nil || end.Losses == nil || end.Index == nil {
		return nil, fmt.Errorf("end block: %w: a member is missing", ErrCorrupt)
	}
	if !end.Complete {
		return nil, fmt.Errorf("end block: %w: it does not say complete", ErrCorrupt)
	}
	end.Root = h.check
	want := encodeTrailer(uint64(start), end.Root)
	got, err := r.take(nil, len(want))
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(got, want) {
		return nil, fmt.Errorf("trailer: %w: it does not say what the archive is", ErrCorrupt)
	}
	if _, err := r.in.ReadByte(); err == nil {
		return nil, fmt.Errorf("%w: bytes follow the trailer", ErrCorrupt)
	} else if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	end.Bytes = r.offset
	return end, nil
}

// checkEnd compares the end block with what was read.
func (r *Reader) checkEnd(end *End, index []IndexEntry) error {
	sections, content, err := r.digester.Sum()
	if err != nil {
		return err
	}
	var what string
	switch {
	case end.Records != r.records:
		what = fmt.Sprintf("it counts %d records, the chunks hold %d", end.Records, r.records)
	case !slices.Equal(end.Index, index):
		what = "its index is not that of the chunks"
	case !slices.Equal(end.Sections, sections):
		what = "its section digests are not those of the records"
		for i := range min(len(sections), len(end.Sections)) {
			if sections[i] != end.Sections[i] {
				what = fmt.Sprintf("section %q: it says %s, the records give %s", sections[i].Name, end.Sections[i].Digest, sections[i].Digest)
				break
			}
		}
	case end.Content != content:
		what = fmt.Sprintf("content digest: it says %s, the records give %s", end.Content, content)
	default:
		err := r.manifest.checkCounts(r.digester)
		if err == nil {
			return nil
		}
		what = err.Error()
	}
	return &Error{Offset: r.offset, Block: int(r.block) - 1, Err: fmt.Errorf("end block: %w: %s", ErrCorrupt, what)}
}
