package pam

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// The schemas of the files.
const (
	storeSchema  = "portable-ai-memory"
	vectorSchema = "portable-ai-memory-embeddings"
)

// maxRecord is how many bytes a record may have: one of an archive can have no more.
const maxRecord = 64 << 20

// isBundle tells one of the files by its first members, or by its first memory.
func isBundle(head []byte) bool { return fileOf(head) != "" }

// fileOf is the name of the file that begins like this; "" for none.
func fileOf(head []byte) string {
	if bytes.HasPrefix(head, []byte(`{"memarc_sidecar":`)) {
		return sidecarFile
	}
	dec := jsontext.NewDecoder(bytes.NewReader(head))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return ""
	}
	for {
		tok, err := dec.ReadToken()
		if err != nil || tok.Kind() != '"' {
			return ""
		}
		name := tok.String()
		if name == memories && isMemory(dec) {
			return storeFile
		}
		v, err := dec.ReadValue()
		if err != nil {
			return ""
		}
		if name == "schema" {
			return map[string]string{storeSchema: storeFile, vectorSchema: vectorFile}[unquoted(v)]
		}
	}
}

// isMemory tells the first memory of a list by members that only the format's have, and
// leaves the list where it is no such.
func isMemory(dec *jsontext.Decoder) bool {
	if dec.PeekKind() != '[' {
		return false
	}
	rest := jsontext.NewDecoder(bytes.NewReader(dec.UnreadBuffer()[1:]))
	v, err := rest.ReadValue()
	var m struct {
		Hash     *string `json:"content_hash"`
		Temporal *struct{}
	}
	return err == nil && v.Kind() == '{' && json.Unmarshal(v, &m) == nil && m.Hash != nil && m.Temporal != nil
}

func unquoted(v jsontext.Value) string {
	s, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return ""
	}
	return string(s)
}

// read reads the files of a bundle.
func read(ctx context.Context, files fs.FS, names []string, into store.Target) ([]store.SchemaLoss, error) {
	found := map[string]string{}
	for _, name := range names {
		what, err := whatIs(files, name)
		if err != nil {
			return nil, err
		}
		if other := found[what]; other != "" {
			return nil, fmt.Errorf("%q and %q are both a %s; a bundle has one", other, name, what)
		}
		found[what] = name
	}
	if found[storeFile] == "" {
		return nil, fmt.Errorf("there is no %s beside it", storeFile)
	}
	for _, what := range []string{storeFile, vectorFile} {
		if name := found[what]; name != "" {
			if err := readFile(ctx, files, name, what, into); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	losses, err := conversations(files)
	if name := found[sidecarFile]; name != "" && err == nil {
		var f fs.File
		if f, err = files.Open(name); err == nil {
			err = errors.Join(textfile.ReadBeside(ctx, f, name, into), f.Close())
		}
	}
	return losses, err
}

func whatIs(files fs.FS, name string) (string, error) {
	f, err := files.Open(name)
	if err != nil {
		return "", err
	}
	head, err := io.ReadAll(io.LimitReader(f, 64<<10))
	return fileOf(head), errors.Join(err, f.Close())
}

// conversations tells of the files that a bundle may have and memarc does not carry.
func conversations(files fs.FS) ([]store.SchemaLoss, error) {
	const folder = "conversations"
	entries, err := fs.ReadDir(files, folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, nil // it is no folder
	}
	n := 0
	for _, e := range entries {
		if e.Type().IsRegular() && path.Ext(e.Name()) == ".json" {
			n++
		}
	}
	if n == 0 {
		return nil, nil
	}
	return []store.SchemaLoss{{Code: "conversations", Where: folder, Count: n, Reason: "memarc carries memories, and not the conversations they come from"}}, nil
}

// A tape keeps what a decoder reads until it is dropped.
type tape struct {
	in    io.Reader
	kept  []byte
	start int64 // of what is kept
}

func (t *tape) Read(p []byte) (int, error) {
	n, err := t.in.Read(p)
	t.kept = append(t.kept, p[:n]...)
	return n, err
}

// take returns what stands up to an offset, and drops it.
func (t *tape) take(to int64) []byte {
	n := to - t.start
	out := bytes.Clone(t.kept[:n])
	t.kept = t.kept[n:]
	t.start = to
	return out
}

// reader reads one file.
type reader struct {
	dec    *jsontext.Decoder
	tape   *tape
	into   store.Target
	what   string
	parts  parts
	found  map[string]bool
	schema string
	stated map[int]string // what stood in places of parts that it may be computed for
}

func readFile(ctx context.Context, files fs.FS, name, what string, into store.Target) error {
	f, err := files.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r := &reader{tape: &tape{in: f}, into: into, what: what, found: map[string]bool{}, stated: map[int]string{}}
	r.dec = jsontext.NewDecoder(r.tape)
	if err := r.file(ctx); err != nil {
		return textfile.FileError(r.dec, err)
	}
	return r.settle(ctx)
}

func (r *reader) file(ctx context.Context) error {
	if err := textfile.Open(r.dec, '{', "the file"); err != nil {
		return err
	}
	for r.dec.PeekKind() == '"' {
		tok, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		name := tok.String()
		switch t := tables[name]; {
		case t != nil && (name == embeddings) == (r.what == vectorFile):
			err = r.records(ctx, t)
		case name == "integrity" && r.what == storeFile && r.dec.PeekKind() == '{':
			err = r.integrity()
		default:
			var v jsontext.Value
			if v, err = r.dec.ReadValue(); name == "schema_version" {
				r.schema = unquoted(v)
			}
		}
		if err != nil {
			return err
		}
		if r.dec.InputOffset()-r.tape.start > maxParts {
			return fmt.Errorf("its member %q has more than %d MiB", name, maxParts>>20)
		}
	}
	if _, err := r.dec.ReadToken(); err != nil { // the end of the object
		return err
	}
	if _, err := r.dec.ReadToken(); err == nil {
		return errors.New("something follows behind its end")
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	r.parts.text(string(r.tape.take(r.tape.start + int64(len(r.tape.kept)))))
	return nil
}

// cut ends a text at an offset and begins the next behind the name of what is there.
func (r *reader) cut(offset int64, slot string) {
	r.parts.text(string(r.tape.take(offset)))
	r.parts.slot(slot)
}

// integrity reads the object that has the checksum and the number of memories.
func (r *reader) integrity() error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	for r.dec.PeekKind() == '"' {
		tok, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		name := tok.String()
		v, err := r.dec.ReadValue()
		if err != nil {
			return err
		}
		end := r.dec.InputOffset()
		switch {
		case name == "checksum" && len(v) == len(hashPrefix)+64+2:
			r.place(end-int64(len(v))+1, end-1, standingSum, string(v[1:len(v)-1]))
		case name == "total_memories":
			r.place(end-int64(len(v)), end, total, string(v))
		}
	}
	_, err := r.dec.ReadToken()
	return err
}

func (r *reader) place(from, to int64, slot, stated string) {
	r.cut(from, slot)
	r.stated[len(r.parts)-2] = stated
	r.tape.take(to)
}

// records reads an array of records.
func (r *reader) records(ctx context.Context, t *table) error {
	if err := textfile.Open(r.dec, '[', fmt.Sprintf("the member %q", t.name)); err != nil {
		return err
	}
	r.found[t.name] = true
	r.cut(r.dec.InputOffset(), t.name)
	p := textfile.NewFormReader(t.form)
	load := textfile.NewLoad(r.into, t.name, t.columns)
	load.Refused = func(rows *store.Rows, row int, _ error) error {
		return fmt.Errorf("the %s %q stands in it twice", t.form.What, rows.Columns[0].Bytes(row))
	}
	for n := 1; r.dec.PeekKind() != ']'; n++ {
		v, err := r.dec.ReadValue()
		if err != nil {
			return err
		}
		if len(v) > maxRecord {
			return fmt.Errorf("%s %d has more than %d MiB", t.form.What, n, maxRecord>>20)
		}
		piece := r.tape.take(r.dec.InputOffset())
		if n == 1 {
			piece = append([]byte{','}, piece...)
		}
		if err := t.parse(p, piece, load.Rows); err != nil {
			return fmt.Errorf("%s %d %w", t.form.What, n, err)
		}
		load.Rows.N-- // Next counts it
		if err := load.Next(ctx); err != nil {
			return err
		}
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	return load.Flush(ctx)
}

// settle keeps what stands around the records, if it is not as in a new file.
func (r *reader) settle(ctx context.Context) error {
	if !strings.HasPrefix(r.schema, "1.") {
		return fmt.Errorf("its schema_version is %q, and memarc knows 1.0", r.schema)
	}
	first := map[string]string{storeFile: memories, vectorFile: embeddings}[r.what]
	if !r.found[first] {
		return fmt.Errorf("it has no member %q", first)
	}
	n, err := counts(ctx, r.into)
	if err != nil {
		return err
	}
	if err := r.compute(ctx, n[memories]); err != nil {
		return err
	}
	owner, err := ownerOf(ctx, r.into)
	if err != nil {
		return err
	}
	if r.what == storeFile && n[relations] > 0 {
		r.parts = r.parts.withoutRelations()
	}
	fresh := newParts(r.what, owner, n)
	if r.what == storeFile && n[relations] > 0 {
		fresh = fresh.withoutRelations()
	}
	if slices.Equal(r.parts, fresh) && (r.what == storeFile || n[embeddings] > 0) {
		return nil
	}
	raw, err := json.Marshal([]string(r.parts))
	if err != nil {
		return err
	}
	load := textfile.NewLoad(r.into, documents, documentColumns)
	load.Rows.Columns[0].AppendString(r.what)
	load.Rows.Columns[1].AppendText(raw)
	load.Rows.N++
	return load.Flush(ctx)
}

// compute decides of what the file states about its memories whether it is computed, and
// makes text of the rest.
func (r *reader) compute(ctx context.Context, n int64) error {
	if len(r.stated) == 0 {
		return nil
	}
	sums, err := checksumsOf(ctx, r.into)
	if err != nil {
		return err
	}
	var out parts
	for i, s := range r.parts {
		stated, ok := r.stated[i]
		switch {
		case i%2 == 0:
			out.text(s)
		case ok && s == total && stated != fmt.Sprint(n), ok && s == standingSum && stated != sums.standing && stated != sums.dumped:
			out.text(stated)
		case ok && s == standingSum && stated == sums.dumped:
			out.slot(dumpedSum)
		default:
			out.slot(s)
		}
	}
	r.parts = out
	return nil
}
