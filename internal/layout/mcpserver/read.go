package mcpserver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// maxLine is how many bytes a line may have: a record of an archive can have no more.
const maxLine = 64 << 20

// isGraph tells a file by its first lines, up to one that is an entity or a relation. That
// may be longer than what is seen of it.
func isGraph(head []byte) bool {
	for more := true; more; {
		var line []byte
		line, head, more = bytes.Cut(head, []byte("\n"))
		if blank(line) {
			continue
		}
		if isMarker(line) || isRecord(line) {
			return true
		}
		if _, err := parseLine(line); err != nil {
			return false
		}
	}
	return false
}

// isRecord tells an entity or a relation by the members that are seen of it.
func isRecord(line []byte) bool {
	dec := jsontext.NewDecoder(bytes.NewReader(line), lax...)
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return false
	}
	kind, known := "", 0
	for dec.PeekKind() == '"' {
		tok, err := dec.ReadToken()
		if err != nil {
			break
		}
		name := tok.String()
		if slices.Contains([]string{"name", "entityType", "observations", "from", "to", "relationType"}, name) {
			known++
		}
		value, err := dec.ReadValue()
		if err != nil {
			break
		}
		if name == "type" {
			kind = string(unquoted(value))
		}
	}
	return (kind == "entity" || kind == "relation") && known > 0
}

// reader reads one file, a batch of lines at a time.
type reader struct {
	into   store.Target
	loads  map[string]*textfile.Load
	batch  []numbered
	size   int
	runs   []run
	before map[string]int64 // how often the text of a line of the table others has come
	begun  bool             // a line that is not blank has come
	losses []store.SchemaLoss
}

// A numbered record knows its line.
type numbered struct {
	*record
	raw []byte
}

// A batch of lines is looked up at once.
const (
	batchLines = 256
	batchBytes = 1 << 20
)

func read(ctx context.Context, files fs.FS, names []string, into store.Target) ([]store.SchemaLoss, error) {
	r := &reader{into: into, before: map[string]int64{}, loads: map[string]*textfile.Load{
		entities: textfile.NewLoad(into, entities, entityColumns), relations: textfile.NewLoad(into, relations, relationColumns), others: textfile.NewLoad(into, others, otherColumns),
	}}
	if err := reading(files, names[0], func(f fs.File) error { return r.file(ctx, f) }); err != nil || len(names) == 1 {
		return r.losses, err
	}
	return r.losses, reading(files, names[1], func(f fs.File) error { return textfile.ReadBeside(ctx, f, names[1], into) })
}

func reading(files fs.FS, name string, read func(fs.File) error) error {
	f, err := files.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(read(f), f.Close())
}

func (r *reader) file(ctx context.Context, f io.Reader) error {
	in := bufio.NewReaderSize(f, 64<<10)
	if head, _ := in.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		in.Discard(3)
		r.runs = append(r.runs, run{what: mark})
	}
	for number, more := 1, true; more; number++ {
		var raw []byte
		var err error
		if raw, more, err = readLine(in); err == nil {
			err = r.line(ctx, raw)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	for _, name := range rowTables {
		if err := r.loads[name].Flush(ctx); err != nil {
			return err
		}
	}
	return r.arrange(ctx)
}

// readLine reads up to the next newline, which more tells of.
func readLine(in *bufio.Reader) (line []byte, more bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, false, fmt.Errorf("it has more than %d MiB, which no record can", maxLine>>20)
		case err == nil:
			return line[:len(line)-1], true, nil
		case errors.Is(err, io.EOF):
			return line, false, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, false, err
		}
	}
}

func (r *reader) line(ctx context.Context, raw []byte) error {
	if blank(raw) {
		return r.add(ctx, numbered{&record{kind: blanks}, raw})
	}
	first := !r.begun
	r.begun = true
	if first && isMarker(raw) {
		return r.add(ctx, numbered{&record{kind: marker}, raw})
	}
	rec, err := parseLine(raw)
	if err != nil {
		return fmt.Errorf("%w; the server cannot load a file with such a line either: mend or remove it", err)
	}
	return r.add(ctx, numbered{rec, raw})
}

func (r *reader) add(ctx context.Context, n numbered) error {
	r.batch = append(r.batch, n)
	if r.size += len(n.raw); len(r.batch) < batchLines && r.size < batchBytes {
		return nil
	}
	return r.flush(ctx)
}

// flush puts the batch into the tables.
func (r *reader) flush(ctx context.Context) error {
	if err := r.setApart(ctx); err != nil {
		return err
	}
	for _, n := range r.batch {
		r.runs = appendRun(r.runs, run{what: n.kind, n: 1, text: n.text()})
		load := r.loads[n.kind]
		if load == nil {
			continue
		}
		r.appendTo(load.Rows.Columns, n)
		if err := load.Next(ctx); err != nil {
			return err
		}
	}
	r.batch, r.size = r.batch[:0], 0
	return nil
}

// text is that of a line whose run has one.
func (n numbered) text() string {
	if n.kind == blanks || n.kind == marker {
		return string(n.raw)
	}
	return ""
}

// setApart finds the lines of the batch that say again what an earlier one has said.
func (r *reader) setApart(ctx context.Context) error {
	for _, table := range rowTables[:2] {
		key, _ := (&record{kind: table}).key()
		keys, at, met := store.NewRows(len(key)), []int{}, map[string]bool{}
		for i, n := range r.batch {
			if n.kind != table {
				continue
			}
			_, cells := n.key()
			id := fmt.Sprintf("%q", cells)
			if met[id] {
				n.kind = others
				continue
			}
			met[id] = true
			for k, cell := range cells {
				keys.Columns[k].AppendText(cell)
			}
			keys.N++
			at = append(at, i)
		}
		if keys.N == 0 {
			continue
		}
		if err := r.loads[table].Flush(ctx); err != nil {
			return err
		}
		_, found, err := r.into.Lookup(ctx, table, key, key, keys)
		if err != nil {
			return err
		}
		for i, row := range found {
			if row >= 0 {
				r.batch[at[i]].kind = others
			}
		}
	}
	return nil
}

// appendTo appends the cells of a line's row.
func (r *reader) appendTo(cells []store.Cells, n numbered) {
	text := func(i int, v []byte) {
		if v == nil {
			cells[i].AppendNull()
		} else {
			cells[i].AppendText(v)
		}
	}
	last := len(cells) - 1
	switch n.kind {
	case entities:
		text(0, n.name)
		text(1, n.title)
		text(2, n.entityType)
		text(3, n.observations)
	case relations:
		text(0, n.from)
		text(1, n.to)
		text(2, n.relationType)
	default:
		cells[0].AppendText(n.raw)
		key := string(n.raw)
		cells[1].AppendInt(r.before[key])
		r.before[key]++
		return
	}
	if n.plain() && bytes.Equal(n.raw, n.appendLine(nil)) {
		cells[last].AppendNull()
	} else {
		cells[last].AppendText(n.raw)
	}
}

// arrange keeps how the lines stand, if it is not as the server would write them.
func (r *reader) arrange(ctx context.Context) error {
	if len(r.runs) == 1 && r.runs[0] == (run{what: blanks, n: 1}) {
		r.runs = nil // an empty file
	}
	runs := arranged(r.runs)
	if runs == nil {
		return nil
	}
	raw, err := json.Marshal(runs)
	if err != nil {
		return err
	}
	if len(raw) > maxArrangement || !standing(runs) {
		r.losses = append(r.losses, store.SchemaLoss{Code: "line-order", Where: arrangement, Count: 1,
			Reason: "the file has too many blank lines, or entities and relations in turn, to keep where each stands"})
		return nil
	}
	load := textfile.NewLoad(r.into, arrangement, arrangementColumns)
	load.Rows.Columns[0].AppendInt(1)
	load.Rows.Columns[1].AppendText(raw)
	load.Rows.N++
	return load.Flush(ctx)
}
