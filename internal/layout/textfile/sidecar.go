package textfile

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Sidecar is memarc's own table beside the product's records, and the member of a JSON
// file that holds it.
const Sidecar = "memarc_sidecar"

// WriteTable writes a table as one JSON object: its shape and its rows, a line each. A
// blob is an object of its base64.
func WriteTable(ctx context.Context, db store.Tables, t *format.Table, w *bufio.Writer) error {
	shape, err := json.Marshal(t)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "{\"table\": %s, \"rows\": [", AppendJSON(nil, shape))
	if err := writeRows(ctx, db, t, w, "\n", ",\n"); err != nil {
		return err
	}
	_, err = w.WriteString("]}")
	return err
}

// writeRows writes the rows of a table, each an array of its cells, with first before the
// first and between before each other.
func writeRows(ctx context.Context, db store.Tables, t *format.Table, w *bufio.Writer, first, between string) error {
	var columns []string
	for _, c := range t.Columns {
		columns = append(columns, c.Name)
	}
	var line []byte
	before := first
	for rows, err := range db.Scan(ctx, store.Query{Table: t.Name, Columns: columns}) {
		if err != nil {
			return err
		}
		for row := range rows.N {
			line = append(append(line[:0], before...), '[')
			before = between
			for i := range rows.Columns {
				if i > 0 {
					line = append(line, ", "...)
				}
				line = appendCell(line, &rows.Columns[i], row)
			}
			if _, err := w.Write(append(line, ']')); err != nil {
				return err
			}
		}
	}
	return nil
}

func appendCell(dst []byte, c *store.Cells, row int) []byte {
	switch c.Kinds[row] {
	case store.Integer:
		return strconv.AppendInt(dst, c.Int(row), 10)
	case store.Real:
		return AppendFloat(dst, c.Float(row))
	case store.Text:
		return AppendText(dst, c.Bytes(row))
	case store.Blob:
		dst = append(dst, `{"b": "`...)
		dst = base64.StdEncoding.AppendEncode(dst, c.Bytes(row))
		return append(dst, `"}`...)
	}
	return append(dst, "null"...)
}

var errTable = errors.New("memarc's own table in it is malformed")

// ReadTable reads the named table as WriteTable has written it.
func ReadTable(ctx context.Context, dec *jsontext.Decoder, into store.Target, table string) error {
	if err := expect(dec, '{'); err != nil {
		return err
	}
	if err := member(dec, "table"); err != nil {
		return err
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	var t format.Table
	if err := json.Unmarshal(raw, &t); err != nil || t.Name != table || len(t.Columns) == 0 {
		return errTable
	}
	if err := into.CreateTable(ctx, &t); err != nil {
		return fmt.Errorf("%w: %w", errTable, err)
	}
	if err := member(dec, "rows"); err != nil {
		return err
	}
	if err := expect(dec, '['); err != nil {
		return err
	}
	if err := readRows(ctx, dec, into, &t); err != nil {
		return err
	}
	if err := expect(dec, ']'); err != nil {
		return err
	}
	if err := expect(dec, '}'); err != nil {
		return err
	}
	return createIndexes(ctx, into, &t)
}

// readRows reads rows as long as there is one.
func readRows(ctx context.Context, dec *jsontext.Decoder, into store.Target, t *format.Table) error {
	var columns []string
	for _, c := range t.Columns {
		columns = append(columns, c.Name)
	}
	load := NewLoad(into, t.Name, columns)
	var buf []byte
	for dec.PeekKind() == '[' {
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		for i := range columns {
			v, err := dec.ReadValue()
			if err != nil {
				return err
			}
			if buf, err = readCell(v, &load.Rows.Columns[i], buf); err != nil {
				return err
			}
		}
		if err := expect(dec, ']'); err != nil {
			return err
		}
		if err := load.Next(ctx); err != nil {
			return err
		}
	}
	return load.Flush(ctx)
}

func readCell(v jsontext.Value, c *store.Cells, buf []byte) ([]byte, error) {
	var err error
	switch v.Kind() {
	case 'n':
		c.AppendNull()
	case '"':
		if buf, err = jsontext.AppendUnquote(buf[:0], v); err == nil {
			c.AppendText(buf)
		}
	case '0':
		if n, bad := strconv.ParseInt(string(v), 10, 64); bad == nil {
			c.AppendInt(n)
		} else {
			var f float64
			f, err = strconv.ParseFloat(string(v), 64)
			c.AppendFloat(f)
		}
	case '{':
		var blob struct {
			B *[]byte `json:"b"`
		}
		if json.Unmarshal(v, &blob) != nil || blob.B == nil {
			return buf, errTable
		}
		c.AppendBlob(*blob.B)
	default:
		err = errTable
	}
	return buf, err
}

// expect reads a token of a kind.
func expect(dec *jsontext.Decoder, kind jsontext.Kind) error {
	if k := dec.PeekKind(); k != kind && k != 0 {
		return errTable
	}
	_, err := dec.ReadToken()
	return err
}

func member(dec *jsontext.Decoder, want string) error {
	if k := dec.PeekKind(); k != '"' && k != 0 {
		return errTable
	}
	tok, err := dec.ReadToken()
	if err == nil && tok.String() != want {
		return errTable
	}
	return err
}
