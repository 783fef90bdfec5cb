package openmemory

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

func readBackup(ctx context.Context, files fs.FS, names []string, into store.Target) ([]store.SchemaLoss, error) {
	f, err := files.Open(names[0])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := openBackup(f)
	if err != nil {
		return nil, err
	}
	r := &backupReader{into: into}
	if err := r.member(b, rowsMember, func(in io.Reader) error { return r.rows(ctx, in) }); err != nil {
		return nil, err
	}
	if b.members[logicalMember] != nil {
		if err := r.member(b, logicalMember, func(in io.Reader) error { return r.compare(ctx, in, b.limit) }); err != nil {
			return nil, err
		}
	}
	if b.members[sidecarMember] != nil {
		err = r.member(b, sidecarMember, func(in io.Reader) error { return textfile.ReadBeside(ctx, in, sidecarMember, into) })
	}
	return r.losses, err
}

// A backupReader reads the members of one backup.
type backupReader struct {
	into   store.Target
	dec    *jsontext.Decoder
	load   *textfile.Load // of what memories.json says beside rows
	losses []store.SchemaLoss
	hex    int // identifiers of the script's form
	dashed int // and of the server's
}

func (r *backupReader) member(b *backupFile, name string, read func(io.Reader) error) error {
	in, err := b.open(name)
	if err != nil {
		return err
	}
	if err := errors.Join(read(in), in.Close()); err != nil {
		return fmt.Errorf("member %q: %w", name, err)
	}
	return nil
}

// rows reads memories.json.
func (r *backupReader) rows(ctx context.Context, in io.Reader) error {
	r.dec = jsontext.NewDecoder(in)
	r.load = textfile.NewLoad(r.into, backupTable, backupColumns)
	if err := r.file(ctx); err != nil {
		return textfile.FileError(r.dec, err)
	}
	if r.hex > r.dashed {
		if err := r.keep(ctx, backupIDs, []byte(hexIDs)); err != nil {
			return err
		}
	}
	if n := min(r.hex, r.dashed); n > 0 {
		r.losses = append(r.losses, store.SchemaLoss{Code: "mixed-identifiers", Where: rowsMember, Count: n,
			Reason: "identifiers stand in two forms; they come back in the one that most have"})
	}
	return r.load.Flush(ctx)
}

func (r *backupReader) keep(ctx context.Context, name string, value []byte) error {
	r.load.Rows.Columns[0].AppendString(name)
	r.load.Rows.Columns[1].AppendText(value)
	return r.load.Next(ctx)
}

func (r *backupReader) file(ctx context.Context) error {
	if err := textfile.Open(r.dec, '{', "the file"); err != nil {
		return err
	}
	met := false
	for r.dec.PeekKind() == '"' {
		tok, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		name := tok.String()
		at := slices.IndexFunc(backupMembers, func(m struct{ member, table string }) bool { return m.member == name })
		switch {
		case at < 0:
			var v jsontext.Value
			if v, err = r.dec.ReadValue(); err == nil {
				err = r.keep(ctx, name, textfile.AppendJSON(nil, v))
			}
		case at == 0 && r.dec.PeekKind() == 'n':
			_, err = r.dec.ReadToken()
		default:
			met = met || name == "memories"
			err = r.records(ctx, name, backups[backupMembers[at].table], at > 0)
		}
		if err != nil {
			return err
		}
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	if _, err := r.dec.ReadToken(); err == nil {
		return errors.New("something follows behind its end")
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	if !met {
		return errors.New(`it has no member "memories"`)
	}
	return nil
}

// records reads rows: a list of objects, or one.
func (r *backupReader) records(ctx context.Context, name string, b *backupRows, list bool) error {
	if list {
		if err := textfile.Open(r.dec, '[', fmt.Sprintf("the member %q", name)); err != nil {
			return err
		}
	}
	p := textfile.NewFormReader(b.form)
	load := textfile.NewLoad(r.into, b.name, b.columnNames())
	load.Refused = func(rows *store.Rows, row int, _ error) error {
		return fmt.Errorf("a row of %q with %q stands in it twice", name, rows.Columns[0].Bytes(row))
	}
	one := store.NewRows(len(b.columnNames()))
	for n := 1; r.dec.PeekKind() != ']'; n++ {
		one.Reset()
		if err := p.Record(r.dec, one); err != nil {
			return fmt.Errorf("row %d of %q %w", n, name, err)
		}
		one.N = 1
		b.asNumbers(b.columnNames(), one)
		r.identifiers(b, one)
		b.dropDerived(one)
		load.Rows.AppendRow(one, 0)
		load.Rows.N--
		if err := load.Next(ctx); err != nil {
			return err
		}
		if !list {
			return load.Flush(ctx)
		}
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	return load.Flush(ctx)
}

var isHex = regexp.MustCompile(`^[0-9a-f]{32}$`)

// identifiers gives those of the script's form the server's.
func (r *backupReader) identifiers(b *backupRows, one *store.Rows) {
	for i, c := range b.columns {
		if c.kind != uuid {
			continue
		}
		cell := &one.Columns[i]
		switch id := string(cell.Bytes(0)); {
		case isHex.MatchString(id):
			r.hex++
			cell.Reset()
			cell.AppendString(dashes(id))
		case isUUID.MatchString(id):
			r.dashed++
		}
	}
}

// dashes is a UUID of digits alone with its hyphens.
func dashes(id string) string {
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}

// dropDerived takes out of what a memory's columns do not say what another table does.
func (b *backupRows) dropDerived(one *store.Rows) {
	cell := &one.Columns[len(one.Columns)-1]
	if b.name != "memories" || cell.Kinds[0] == store.Null {
		return
	}
	rest := withoutMember(cell.Bytes(0), categoryIDs)
	cell.Reset()
	if string(rest) == "{}" {
		cell.AppendNull()
	} else {
		cell.AppendText(rest)
	}
}

// compare tells of memories of which the second member says other than the first.
func (r *backupReader) compare(ctx context.Context, in io.Reader, limit int64) error {
	z, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	lines := bufio.NewReaderSize(io.LimitReader(z, limit+1), 64<<10)
	size, differs := int64(0), 0
	for want, err := range logicalLines(ctx, r.into) {
		if err != nil {
			return err
		}
		got, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		size += int64(len(got))
		if !sameLogical(want, got) {
			differs++
		}
	}
	rest, err := io.Copy(io.Discard, lines)
	if err != nil {
		return err
	}
	if size+rest > limit {
		return fmt.Errorf("it would be more than %d times as big as the file", maxRatio)
	}
	if rest > 0 {
		differs++
	}
	if differs > 0 {
		r.losses = append(r.losses, store.SchemaLoss{Code: "copy-differs", Where: logicalMember, Count: differs,
			Reason: "it says of memories other than " + rowsMember + ", which counts"})
	}
	return nil
}

// sameLogical compares two lines by what they say, with identifiers of either form.
func sameLogical(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, y := jsontext.Value(bytes.TrimSpace(a)), jsontext.Value(bytes.TrimSpace(bytes.Clone(b)))
	if x.Canonicalize() != nil || y.Canonicalize() != nil {
		return false
	}
	return bytes.Equal(x, y)
}
