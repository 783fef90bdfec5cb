package memorygraph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// isExport tells an export by its first members: the records may come far behind them.
func isExport(head []byte) bool {
	dec := jsontext.NewDecoder(bytes.NewReader(head))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return false
	}
	for {
		tok, err := dec.ReadToken()
		if err != nil || tok.Kind() != '"' {
			return false
		}
		switch name := tok.String(); name {
		case "memories", "relationships":
			return dec.PeekKind() == '['
		case "format_version", "export_version":
			return dec.PeekKind() == '"'
		}
		if err := dec.SkipValue(); err != nil {
			return false
		}
	}
}

// exportReader reads one export, member by member and record by record.
type exportReader struct {
	dec    *jsontext.Decoder
	into   store.Target
	losses []store.SchemaLoss
	counts map[string]int64 // that the file says
	found  map[string]int64
	values map[string][]byte // of the header
	order  []string
}

func readExport(ctx context.Context, files fs.FS, names []string, into store.Target) ([]store.SchemaLoss, error) {
	f, err := files.Open(names[0])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &exportReader{dec: jsontext.NewDecoder(f), into: into, counts: map[string]int64{}, found: map[string]int64{}, values: map[string][]byte{}}
	if err := r.file(ctx); err != nil {
		return nil, textfile.FileError(r.dec, err)
	}
	return r.losses, nil
}

// The members of an export.
const (
	memoriesMember = "memories"
	edgesMember    = "relationships"
)

func (r *exportReader) file(ctx context.Context) error {
	if err := textfile.Open(r.dec, '{', "the file"); err != nil {
		return err
	}
	for r.dec.PeekKind() == '"' {
		tok, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		switch name := tok.String(); name {
		case memoriesMember:
			err = r.records(ctx, name, "nodes", memoryForm)
		case edgesMember:
			err = r.records(ctx, name, "relationships", edgeForm)
		case textfile.Sidecar:
			err = textfile.ReadTable(ctx, r.dec, r.into, name)
		default:
			err = r.header(name)
		}
		if err != nil {
			return err
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
	for _, name := range []string{memoriesMember, edgesMember} {
		if _, ok := r.found[name]; !ok {
			return fmt.Errorf("it has no member %q", name)
		}
	}
	return r.settle(ctx)
}

// header takes a member beside the records.
func (r *exportReader) header(name string) error {
	v, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	switch name {
	case "memory_count", "relationship_count":
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			r.counts[name] = n
			return nil
		}
	}
	r.values[name] = textfile.AppendJSON(nil, v)
	r.order = append(r.order, name)
	return nil
}

// settle checks the header, and keeps what of it a writer does not make anyway.
func (r *exportReader) settle(ctx context.Context) error {
	version := text1(r.values["format_version"])
	if version == "" {
		version = text1(r.values["export_version"])
	}
	if version != "1.0" && version != "2.0" {
		return fmt.Errorf("its format_version is %q, and memarc knows 1.0 and 2.0", version)
	}
	for name, n := range r.counts {
		member := map[string]string{"memory_count": memoriesMember, "relationship_count": edgesMember}[name]
		if got := r.found[member]; got != n {
			r.losses = append(r.losses, store.SchemaLoss{Code: "count-differs", Where: name, Count: int(max(n-got, got-n)),
				Reason: fmt.Sprintf("the file says that it has %d %s, and it has %d", n, member, got)})
		}
	}
	ours := text1(r.values["backend_type"]) == "memarc"
	load := textfile.NewLoad(r.into, header, []string{"member", "value"})
	for _, name := range r.order {
		switch {
		case name == "format_version", ours && (name == "backend_type" || name == "export_date"):
			continue
		case name == "export_version" && r.values["format_version"] != nil && text1(r.values[name]) == "1.0":
			continue
		}
		load.Rows.Columns[0].AppendString(name)
		load.Rows.Columns[1].AppendText(r.values[name])
		if err := load.Next(ctx); err != nil {
			return err
		}
	}
	return load.Flush(ctx)
}

// text1 is a JSON string as a text; "" for other values.
func text1(raw []byte) string {
	v, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return ""
	}
	return string(v)
}

// records reads an array of records.
func (r *exportReader) records(ctx context.Context, name, table string, f *textfile.Form) error {
	if err := textfile.Open(r.dec, '[', fmt.Sprintf("the member %q", name)); err != nil {
		return err
	}
	r.found[name] = 0
	p := textfile.NewFormReader(f)
	load := textfile.NewLoad(r.into, table, f.Columns())
	load.Refused = func(rows *store.Rows, row int, _ error) error {
		if f == edgeForm {
			return fmt.Errorf("the relationship %q stands in it twice", rows.Columns[0].Bytes(row))
		}
		return fmt.Errorf("the %s with id %q stands in it twice", f.What, rows.Columns[0].Bytes(row))
	}
	for r.dec.PeekKind() != ']' {
		r.found[name]++
		if err := p.Record(r.dec, load.Rows); err != nil {
			var bad *textfile.RecordError
			if errors.As(err, &bad) {
				return fmt.Errorf("%s %d %w", f.What, r.found[name], err)
			}
			return err
		}
		if err := load.Next(ctx); err != nil {
			return err
		}
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	return load.Flush(ctx)
}
