package textfile

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// BesideVersion is the version of the files that WriteBeside writes.
const BesideVersion = 1

// besideHead is the first line of such a file.
type besideHead struct {
	Version int           `json:"memarc_sidecar"`
	Table   *format.Table `json:"table"`
}

// besideTail is its last one.
type besideTail struct {
	Rows *int64 `json:"rows"`
}

// WriteBeside writes memarc's own table, if there is one, to a file of its own: JSON, a
// value a line. The first is an object of the version, as "memarc_sidecar", and the shape of
// the table, as "table" (FORMAT.md section 4.2); then follow its rows, each an array of its
// cells, and an object of their number, as "rows". A blob is an object of its base64:
// {"b": "..."}.
func WriteBeside(ctx context.Context, db store.Tables, create func() (io.Writer, error)) error {
	c, err := db.Catalog(ctx)
	if err != nil {
		return err
	}
	t := c.Table(Sidecar)
	if t == nil {
		return nil
	}
	out, err := create()
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 64<<10)
	head, err := json.Marshal(besideHead{BesideVersion, &t.Table})
	if err != nil {
		return err
	}
	w.Write(head)
	if err := writeRows(ctx, db, &t.Table, w, "\n", "\n"); err != nil {
		return err
	}
	n, err := db.Count(ctx, t.Name)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n{\"rows\":%d}\n", n)
	return w.Flush()
}

// ReadBeside reads what WriteBeside has written. name is that of the file, for messages.
func ReadBeside(ctx context.Context, in io.Reader, name string, into store.Target) error {
	dec := jsontext.NewDecoder(in)
	if err := readBeside(ctx, dec, into); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("it is cut short")
		}
		return fmt.Errorf("memarc's own file %q beside it: %w; move it away to read the store without what it holds", name, err)
	}
	return nil
}

func readBeside(ctx context.Context, dec *jsontext.Decoder, into store.Target) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	var head besideHead
	if err := json.Unmarshal(raw, &head); err != nil || head.Version < 1 {
		return errTable
	}
	if head.Version > BesideVersion {
		return fmt.Errorf("its version is %d, and this program knows none above %d", head.Version, BesideVersion)
	}
	t := head.Table
	if t == nil || t.Name != Sidecar || len(t.Columns) == 0 {
		return errTable
	}
	if err := into.CreateTable(ctx, t); err != nil {
		return fmt.Errorf("%w: %w", errTable, err)
	}
	if err := readRows(ctx, dec, into, t); err != nil {
		return err
	}
	if raw, err = dec.ReadValue(); err != nil {
		return err
	}
	n, err := into.Count(ctx, t.Name)
	if err != nil {
		return err
	}
	var tail besideTail
	if json.Unmarshal(raw, &tail) != nil || tail.Rows == nil || *tail.Rows != n {
		return errTable
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errTable
	}
	return createIndexes(ctx, into, t)
}

func createIndexes(ctx context.Context, into store.Target, t *format.Table) error {
	for i := range t.Indexes {
		if err := into.CreateIndex(ctx, t.Name, &t.Indexes[i]); err != nil {
			return fmt.Errorf("%w: %w", errTable, err)
		}
	}
	return nil
}
