package embed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
)

// A Job gives the memories of a store vectors of one space. It works in groups, each
// of which is written at once, and leaves out memories that have a vector of the space
// already: an interrupted job, run again, goes on where it was. Where a
// store does not say of which space its vectors are, all are made again.
type Job struct {
	// Source opens the store for reading, Sink for writing records of a manifest.
	Source func(ctx context.Context) (store.Source, error)
	Sink   func(ctx context.Context, m *format.Manifest) (store.Sink, error)
	Client *Client
	Space  string // the name of the space, as it will stand in the store
	Group  int    // memories; 0 stands for 1024
	Writer string // of the manifest
	// All makes vectors also for memories that have one of the space.
	All bool
	// Progress, if not nil, is called after each group.
	Progress func(done, total int64)
}

// A Result is what a Job did.
type Result struct {
	Store     format.StoreID
	Memories  int64 // that the store holds
	Made      int64 // vectors that were made and written
	Had       int64 // memories that had a vector of the space already
	Empty     int64 // memories without any text
	Dimension int   // of the vectors; 0 if none was made
	Rejects   []store.Reject
}

// ErrNotKept means that the store, read again, does not hold a vector that was
// written.
var ErrNotKept = errors.New("the store does not hold a vector that was written")

// memory is what a vector is made of.
type memory struct{ id, text string }

// Run makes the vectors.
func (j *Job) Run(ctx context.Context) (*Result, error) {
	res := &Result{}
	done := map[[16]byte]bool{} // memories that are settled
	made := map[[16]byte][16]byte{}
	if err := j.survey(ctx, res, done); err != nil {
		return res, err
	}
	for {
		group, origin, err := j.next(ctx, res, done)
		if err != nil {
			return res, err
		}
		if len(group) == 0 {
			break
		}
		if err := j.write(ctx, res, group, origin, made); err != nil {
			return res, err
		}
		for _, m := range group {
			done[format.Place([]byte(m.id))] = true
		}
		if j.Progress != nil {
			j.Progress(int64(len(done)), res.Memories)
		}
	}
	return res, j.check(ctx, made)
}

// read reads one section of the store.
func (j *Job) read(ctx context.Context, section string, take func(d *store.Description, b *format.Batch) (more bool, err error)) error {
	src, err := j.Source(ctx)
	if err != nil {
		return err
	}
	defer src.Close()
	d, err := src.Describe(ctx)
	if err != nil {
		return err
	}
	for b, err := range src.Read(ctx, store.Selection{Sections: map[string]bool{section: true}}) {
		if err != nil {
			return err
		}
		more, err := take(d, b)
		b.Release()
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// survey counts the memories and finds those that have a vector of the space.
func (j *Job) survey(ctx context.Context, res *Result, done map[[16]byte]bool) error {
	err := j.read(ctx, format.Memories, func(d *store.Description, b *format.Batch) (bool, error) {
		res.Store = d.ID
		res.Memories += int64(b.Rows)
		return true, nil
	})
	if err != nil || j.All {
		return err
	}
	return j.read(ctx, format.Embeddings, func(_ *store.Description, b *format.Batch) (bool, error) {
		id, space, vector := b.Typed("memory_id", format.Text), b.Typed("space", format.Text), b.Typed("vector", format.Vector)
		if id == nil || space == nil || vector == nil {
			return false, nil
		}
		for row := range b.Rows {
			if !id.Null(row) && !space.Null(row) && !vector.Null(row) && string(space.Bytes(row)) == j.Space {
				done[format.Place(id.Bytes(row))] = true
				res.Had++
			}
		}
		return true, nil
	})
}

// next reads the next group of memories that have no vector of the space.
func (j *Job) next(ctx context.Context, res *Result, done map[[16]byte]bool) (group []memory, d *store.Description, err error) {
	most := j.Group
	if most <= 0 {
		most = 1024
	}
	err = j.read(ctx, format.Memories, func(from *store.Description, b *format.Batch) (bool, error) {
		d = from
		id := b.Typed("id", format.Text)
		if id == nil {
			return false, fmt.Errorf("%w: the memories have no identifiers that are texts, to which vectors could refer", store.ErrUsage)
		}
		for row := range b.Rows {
			if id.Null(row) {
				continue
			}
			place := format.Place(id.Bytes(row))
			if done[place] {
				continue
			}
			text := textOf(b, row)
			if text == "" {
				done[place] = true
				res.Empty++
				continue
			}
			group = append(group, memory{id.String(row), text})
			if len(group) == most {
				return false, nil
			}
		}
		return true, nil
	})
	return group, d, err
}

// textOf is what a memory says: its title, and its content or else its summary.
func textOf(b *format.Batch, row int) string {
	field := func(name string) string {
		if c := b.Typed(name, format.Text); c != nil && !c.Null(row) {
			return c.String(row)
		}
		return ""
	}
	title, content := field("title"), field("content")
	if content == "" {
		content = field("summary")
	}
	if title != "" && content != "" {
		return title + "\n" + content
	}
	return title + content
}

// write makes the vectors of a group and imports them.
func (j *Job) write(ctx context.Context, res *Result, group []memory, d *store.Description, made map[[16]byte][16]byte) error {
	texts := make([]string, len(group))
	for i, m := range group {
		texts[i] = m.text
	}
	vectors, err := j.Client.Embed(ctx, texts)
	if err != nil {
		return err
	}
	archive, err := j.archive(group, vectors, d)
	if err != nil {
		return err
	}
	r, err := format.NewReader(bytes.NewReader(archive), format.ReaderOptions{Workers: 1})
	if err != nil {
		return err
	}
	defer r.Close()
	sink, err := j.Sink(ctx, r.Manifest())
	if err != nil {
		return err
	}
	defer sink.Close()
	// The proof comes at the end, once for all groups.
	report, err := importer.Import(ctx, r, sink, importer.Options{NoVerify: true})
	if err != nil {
		return err
	}
	res.Rejects = append(res.Rejects, report.Rejects...)
	refused := map[string]bool{}
	for _, reject := range report.Rejects {
		refused[reject.ID] = true
	}
	for i, m := range group {
		if refused[m.id+" "+j.Space] || refused[m.id] {
			continue
		}
		res.Dimension = len(vectors[i])
		res.Made++
		made[format.Place([]byte(m.id))] = format.Place(bytesOf(vectors[i]))
	}
	return nil
}

// archive holds the vectors of a group, as the store's own layout would give them.
func (j *Job) archive(group []memory, vectors [][]float32, d *store.Description) ([]byte, error) {
	section := format.Standard(format.Embeddings)
	for _, s := range d.Sections {
		if s.Name == format.Embeddings {
			section = s
		}
	}
	m := &format.Manifest{Writer: j.Writer, Encoding: format.Arrow, Source: d.ID, Sections: []*format.Section{section},
		Origin: &format.Origin{StoreID: d.ID}, Spaces: []format.Space{{ID: j.Space, Model: j.Space, Dimension: int64(len(vectors[0]))}}}
	var out bytes.Buffer
	w, err := format.NewWriter(&out, m, format.WriterOptions{Workers: 1})
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	now := time.Now().UnixMicro() * 1000
	b := format.NewBatch(section)
	for i, m := range group {
		for f, field := range section.Fields {
			c := &b.Columns[f]
			switch field.Name {
			case "memory_id":
				c.AppendString(m.id)
			case "space":
				c.AppendString(j.Space)
			case "dimension":
				c.AppendInt(int64(len(vectors[i])))
			case "vector":
				c.AppendBytes(bytesOf(vectors[i]))
			case "created_at":
				c.AppendInt(now)
			default:
				c.AppendNull()
			}
		}
		b.Rows++
	}
	if err := w.Write(b); err != nil {
		return nil, err
	}
	if _, err := w.Close(nil); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// bytesOf is a vector as little-endian float32.
func bytesOf(v []float32) []byte {
	out := make([]byte, 0, 4*len(v))
	for _, f := range v {
		word := math.Float32bits(f)
		out = append(out, byte(word), byte(word>>8), byte(word>>16), byte(word>>24))
	}
	return out
}

// check reads the store again and proves that it holds every vector that was made.
func (j *Job) check(ctx context.Context, made map[[16]byte][16]byte) error {
	if len(made) == 0 {
		return nil
	}
	err := j.read(ctx, format.Embeddings, func(_ *store.Description, b *format.Batch) (bool, error) {
		id, space, vector := b.Typed("memory_id", format.Text), b.Typed("space", format.Text), b.Typed("vector", format.Vector)
		if id == nil || space == nil || vector == nil {
			return false, nil
		}
		for row := range b.Rows {
			// A store that does not say of which model its vectors are has one a memory.
			if id.Null(row) || vector.Null(row) || !space.Null(row) && string(space.Bytes(row)) != j.Space {
				continue
			}
			place := format.Place(id.Bytes(row))
			if made[place] == format.Place(vector.Bytes(row)) {
				delete(made, place)
			}
		}
		return true, nil
	})
	if err == nil && len(made) > 0 {
		return fmt.Errorf("%w: %d of them", ErrNotKept, len(made))
	}
	return err
}
