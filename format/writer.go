package format

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// guideText is the plain-English text of the first frame. FORMAT.md section 2.
//
//go:embed guide.txt
var guide string

// incrementGuide is what the text of an incremental archive says besides.
const incrementGuide = `
This archive is incremental: it holds only what has changed since another archive, whose file root the manifest names as "base". Sections with
"deletes" or "replaces" in the manifest list records of the base that are gone, or have come again in a new version.
`

// Level is how hard a Writer compresses. The zero value is the default.
type Level uint8

// The levels, from the fastest to the smallest.
const (
	LevelDefault Level = iota // about zstd -1
	LevelBetter               // about zstd -3
	LevelBest                 // about zstd -7
	LevelNone                 // not compressed, for a pipe between two programs of one machine
)

// ParseLevel takes the name of a level: default, better or best.
func ParseLevel(name string) (Level, error) {
	switch name {
	case "", "default":
		return LevelDefault, nil
	case "better":
		return LevelBetter, nil
	case "best":
		return LevelBest, nil
	}
	return 0, fmt.Errorf("compression level %q is unknown, want default, better or best", name)
}

func (l Level) zstd() zstd.EncoderLevel {
	switch l {
	case LevelBetter:
		return zstd.SpeedDefault
	case LevelBest:
		return zstd.SpeedBetterCompression
	}
	return zstd.SpeedFastest
}

// trusted tells whether the writer counts a chunk as written without decoding
// it again. Stronger levels of zstd encoders have produced corrupt output.
func (l Level) trusted() bool { return l != LevelBest }

// WriterOptions are the choices of a Writer; the zero value is recommended.
type WriterOptions struct {
	Level   Level
	Workers int    // goroutines that encode and compress; default: one a core
	TempDir string // for leaves that do not fit in memory; default: the system's
	Flags   Flags  // compatible flags carried over from an archive that is rewritten
	// Guide, if not nil, says that WriteGuide has written the guide already.
	Guide *GuideFrame
}

// A GuideFrame is a guide that WriteGuide has written.
type GuideFrame struct {
	size  int64
	check Hash
	flags Flags
}

// WriteGuide writes the first frame of an archive ahead of NewWriter, so that a
// stream starts before its manifest is known.
func WriteGuide(out io.Writer, flags Flags) (*GuideFrame, error) {
	text := guide
	if flags.Incompatible&Incremental != 0 {
		text += incrementGuide
	}
	frame, check := encodeGuide(flags, text)
	if _, err := out.Write(frame); err != nil {
		return nil, fmt.Errorf("write archive: %w", err)
	}
	return &GuideFrame{int64(len(frame)), check, flags}, nil
}

// A Writer writes one archive as a stream. It never seeks. Close must be the
// last call; an archive without it is truncated.
type Writer struct {
	out      io.Writer
	offset   int64
	manifest *Manifest
	opts     WriterOptions

	jobs   chan *writeJob // to the workers
	order  chan *writeJob // to the goroutine that writes
	done   chan struct{}
	closed bool
	living bool // a record has come that is no tombstone

	mu  sync.Mutex
	err error

	// Of the goroutine that writes, until done is closed.
	previous Hash
	block    uint32
	sequence map[string]uint32
	index    []IndexEntry
	digester *Digester
	records  uint64
}

type writeJob struct {
	batch   *Batch
	section string
	records int
	payload []byte
	data    int
	leaves  []Leaf
	err     error
	done    chan struct{}
}

// NewWriter writes the guide and the manifest at once and returns a Writer for
// the chunks. The manifest must not be changed afterwards.
func NewWriter(out io.Writer, m *Manifest, opts WriterOptions) (*Writer, error) {
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("write archive: %w", err)
	}
	if m.Base != nil {
		opts.Flags.Incompatible |= Incremental
	}
	if g := opts.Guide; g != nil && (g.flags.Incompatible&Incremental != 0) != (m.Base != nil) {
		return nil, errors.New("write archive: the guide and the manifest do not agree whether it is incremental")
	}
	if opts.Workers <= 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	w := &Writer{
		out: out, manifest: m, opts: opts,
		jobs:  make(chan *writeJob, opts.Workers),
		order: make(chan *writeJob, opts.Workers),
		done:  make(chan struct{}), sequence: map[string]uint32{},
		digester: NewDigester(opts.TempDir),
	}
	if opts.Guide == nil {
		var err error
		if opts.Guide, err = WriteGuide(out, opts.Flags); err != nil {
			return nil, err
		}
	}
	w.previous, w.offset = opts.Guide.check, opts.Guide.size
	raw, err := m.encode()
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	if err := w.control(kindManifest, raw); err != nil {
		return nil, err
	}
	for range opts.Workers {
		go w.work()
	}
	go w.drain()
	return w, nil
}

func (w *Writer) emit(b []byte) error {
	n, err := w.out.Write(b)
	w.offset += int64(n)
	if err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

func (w *Writer) control(kind byte, content []byte) error {
	if len(content) > MaxControl {
		return &LimitError{What: "control block", Got: uint64(len(content)), Max: MaxControl}
	}
	payload := append(skippable(len(content)), content...)
	h := header{kind: kind, payload: uint32(len(payload)), data: uint32(len(content))}
	_, err := w.emitBlock(&h, payload)
	return err
}

func (w *Writer) emitBlock(h *header, payload []byte) (start int64, err error) {
	h.block, h.previous, h.hash = w.block, w.previous, sha256.Sum256(payload)
	frame := h.encode()
	start = w.offset
	w.block++
	w.previous = h.check
	if err := w.emit(frame); err != nil {
		return start, err
	}
	return start, w.emit(payload)
}

func (w *Writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

func (w *Writer) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// ErrRecordTooLarge means a record that no chunk can hold. FORMAT.md section 9.
var ErrRecordTooLarge = errors.New("record is larger than a chunk may be")

// chunkRoom is what a batch may hold to stay below MaxChunk in either encoding,
// where text may need six bytes for one.
const chunkRoom = MaxChunk / 8

// Write writes the batch as one or more chunks and releases it. The batch's
// section must be one of the manifest's. An error may belong to an earlier batch;
// after an error the archive cannot be completed.
func (w *Writer) Write(b *Batch) error {
	if err := w.failed(); err != nil {
		return err
	}
	if s := w.manifest.Section(b.Section.Name); s != b.Section {
		return fmt.Errorf("write batch: the manifest has no such section %q", b.Section.Name)
	}
	if b.Rows == 0 {
		b.Release()
		return nil
	}
	if b.Rows > MaxRecords || b.Rows > 1 && (b.Size() > chunkRoom || b.Rows*len(b.Section.Fields) > MaxCells) {
		return w.halve(b)
	}
	if err := w.orderly(b); err != nil {
		return err
	}
	j := &writeJob{batch: b, section: b.Section.Name, records: b.Rows, done: make(chan struct{})}
	w.order <- j
	w.jobs <- j
	return nil
}

// orderly makes sure that all tombstones, which name leaves, come before the records.
func (w *Writer) orderly(b *Batch) error {
	if b.Section.Buries() == "" {
		w.living = true
		return nil
	}
	if w.living {
		return errors.New("write batch: tombstones stand before the records")
	}
	return b.checkLeaves()
}

// halve writes a batch that is too large as two.
func (w *Writer) halve(b *Batch) error {
	defer b.Release()
	for _, part := range [2][2]int{{0, b.Rows / 2}, {b.Rows / 2, b.Rows}} {
		half := NewBatch(b.Section)
		for row := part[0]; row < part[1]; row++ {
			half.AppendRow(b, row)
		}
		if err := w.Write(half); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) work() {
	var enc encoders
	var err error
	if enc.text, err = w.encoder(w.opts.Level.zstd(), true); err == nil {
		enc.vectors, err = newEntropyEncoder()
	}
	if err != nil {
		w.fail(fmt.Errorf("start zstd encoder: %w", err))
	}
	var dec *zstd.Decoder
	if err == nil && !w.opts.Level.trusted() {
		if dec, err = newDecoder(MaxChunk); err != nil {
			w.fail(fmt.Errorf("start zstd decoder: %w", err))
		} else {
			defer dec.Close()
		}
	}
	var plain bytes.Buffer
	arrows := map[*Section]*arrowEncoder{}
	for j := range w.jobs {
		if err == nil && w.failed() == nil {
			j.err = w.encode(j, &enc, dec, &plain, arrows)
		}
		j.batch.Release()
		j.batch = nil
		close(j.done)
	}
}

// encoders are the encoders of one worker.
type encoders struct {
	text    *zstd.Encoder
	vectors *entropyEncoder
}

// encodeWindow is how far back an encoder looks for matches, in bytes: about a
// chunk.
const encodeWindow = 2 << 20

// encoder returns an encoder for EncodeAll. Only frames of a single segment
// declare the size of a small content; only others keep a window below it.
func (w *Writer) encoder(level zstd.EncoderLevel, single bool) (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(true), zstd.WithWindowSize(encodeWindow), zstd.WithSingleSegment(single))
}

// mostlyVectors tells whether the bytes of vectors are most of a batch.
func mostlyVectors(b *Batch) bool {
	n := 0
	for i := range b.Columns {
		if b.Columns[i].Type == Vector {
			n += len(b.Columns[i].Data)
		}
	}
	return 2*n > b.Size()
}

func (w *Writer) encode(j *writeJob, encs *encoders, dec *zstd.Decoder, plain *bytes.Buffer, arrows map[*Section]*arrowEncoder) error {
	j.leaves = j.batch.AppendLeaves(leafBuffers.get())
	plain.Reset()
	if w.manifest.Encoding == NDJSON {
		lines, err := j.batch.encodeNDJSON(plain.AvailableBuffer())
		if err != nil {
			return err
		}
		plain.Write(lines)
	} else {
		a := arrows[j.batch.Section]
		if a == nil {
			a = &arrowEncoder{schema: arrowSchema(j.batch.Section)}
			arrows[j.batch.Section] = a
		}
		if err := a.encode(plain, j.batch); err != nil {
			return err
		}
	}
	if j.data = plain.Len(); j.data > MaxChunk {
		return fmt.Errorf("encode chunk of section %q: %w (%d bytes, the limit is %d)", j.section, ErrRecordTooLarge, j.data, MaxChunk)
	}
	var err error
	if j.payload, err = w.compress(j, plain.Bytes(), encs); err != nil {
		return err
	}
	if dec != nil {
		back, err := dec.DecodeAll(j.payload, make([]byte, 0, j.data))
		if err != nil || !bytes.Equal(back, plain.Bytes()) {
			return fmt.Errorf("compress chunk of section %q: the compressed chunk does not decompress to itself (%v); use --level default", j.section, err)
		}
	}
	h := header{payload: uint32(len(j.payload)), data: uint32(j.data)}
	if err := h.checkSize(MaxChunk); err != nil {
		// Records that repeat too well for the ratio limit: store them raw.
		j.payload = storeRaw(nil, plain.Bytes())
	}
	return nil
}

// compress makes the payload of a chunk.
func (w *Writer) compress(j *writeJob, data []byte, encs *encoders) (payload []byte, err error) {
	if w.opts.Level == LevelNone {
		return storeRaw(buffers.get(len(data)+len(data)/maxBlock*3+32), data), nil
	}
	payload = buffers.get(len(data)/2 + 1024)
	if len(data) > maxWindow {
		enc, err := w.encoder(w.opts.Level.zstd(), false)
		if err != nil {
			return nil, fmt.Errorf("start zstd encoder: %w", err)
		}
		return enc.EncodeAll(data, payload), nil
	}
	if w.manifest.Encoding == Arrow && mostlyVectors(j.batch) {
		if cuts := planeCuts(data, j.batch.Section, j.records); cuts != nil {
			return encs.vectors.encode(payload, data, cuts)
		}
	}
	return encs.text.EncodeAll(data, payload), nil
}

// drain writes finished chunks in the order of Write.
func (w *Writer) drain() {
	defer close(w.done)
	for j := range w.order {
		<-j.done
		if w.failed() != nil {
			continue
		}
		if j.err == nil {
			j.err = w.emitChunk(j)
		}
		if j.err != nil {
			w.fail(j.err)
		}
	}
}

func (w *Writer) emitChunk(j *writeJob) error {
	if w.block == math.MaxUint32 {
		return fmt.Errorf("write archive: more than %d blocks", uint32(math.MaxUint32))
	}
	h := header{
		kind: kindChunk, encoding: w.manifest.Encoding, section: j.section, sequence: w.sequence[j.section],
		records: uint32(j.records), payload: uint32(len(j.payload)), data: uint32(j.data),
	}
	start, err := w.emitBlock(&h, j.payload)
	if err != nil {
		return err
	}
	buffers.put(j.payload)
	w.sequence[j.section]++
	w.records += uint64(j.records)
	w.index = append(w.index, IndexEntry{j.section, h.sequence, h.records, start, w.offset - start, h.check})
	err = w.digester.Add(j.section, j.leaves)
	leafBuffers.put(j.leaves)
	return err
}

// Close writes the end block with the loss ledger and the trailer, and returns
// the end block. It does not close the io.Writer below.
func (w *Writer) Close(losses []Loss) (*End, error) {
	if w.closed {
		return nil, errors.New("close archive: already closed")
	}
	w.stop()
	defer w.digester.Close()
	if err := w.failed(); err != nil {
		return nil, err
	}
	end := &End{Complete: true, Records: w.records, Losses: losses, Index: w.index}
	if end.Losses == nil {
		end.Losses = []Loss{}
	}
	if end.Index == nil {
		end.Index = []IndexEntry{}
	}
	var err error
	if end.Sections, end.Content, err = w.digester.Sum(); err != nil {
		return nil, err
	}
	if end.Sections == nil {
		end.Sections = []SectionDigest{}
	}
	if err := w.manifest.checkCounts(w.digester); err != nil {
		return nil, fmt.Errorf("write archive: %w", err)
	}
	raw, err := json.Marshal(end)
	if err != nil {
		return nil, fmt.Errorf("encode end block: %w", err)
	}
	start := w.offset
	if err := w.control(kindEnd, raw); err != nil {
		return nil, err
	}
	end.Root = w.previous
	if err := w.emit(encodeTrailer(uint64(start), end.Root)); err != nil {
		return nil, err
	}
	end.Bytes = w.offset
	return end, nil
}

// Abort stops the Writer's goroutines without completing the archive. It does
// nothing after Close.
func (w *Writer) Abort() {
	if w.closed {
		return
	}
	w.fail(errors.New("write archive: aborted"))
	w.stop()
	w.digester.Close()
}

func (w *Writer) stop() {
	w.closed = true
	close(w.jobs)
	close(w.order)
	<-w.done
}
