package openmemory

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// writeBackup writes a backup as the product does, with the same bytes for the same rows.
func writeBackup(ctx context.Context, db store.Tables, create func(string) (io.Writer, error)) error {
	out, err := create("")
	if err != nil {
		return err
	}
	z := zip.NewWriter(out)
	member := func(name string, method uint16) (io.Writer, error) {
		// The least time that a ZIP file can say: when it was written is no part of what it holds.
		return z.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
	}
	rows, err := member(rowsMember, zip.Deflate)
	if err != nil {
		return err
	}
	w := &backupWriter{ctx: ctx, db: db, Writer: bufio.NewWriterSize(rows, 64<<10)}
	if err := w.file(); err != nil {
		return err
	}
	logical, err := member(logicalMember, zip.Store)
	if err != nil {
		return err
	}
	if err := writeLogical(ctx, db, logical); err != nil {
		return err
	}
	if err := textfile.WriteBeside(ctx, db, func() (io.Writer, error) { return member(sidecarMember, zip.Deflate) }); err != nil {
		return err
	}
	return z.Close()
}

func writeLogical(ctx context.Context, db store.Tables, out io.Writer) error {
	z := gzip.NewWriter(out)
	for line, err := range logicalLines(ctx, db) {
		if err != nil {
			return err
		}
		if _, err := z.Write(line); err != nil {
			return err
		}
	}
	return z.Close()
}

// backupWriter writes memories.json.
type backupWriter struct {
	ctx context.Context
	db  store.Tables
	*bufio.Writer
	hex bool
}

func (w *backupWriter) file() error {
	members, order, err := w.members()
	if err != nil {
		return err
	}
	w.hex = members[backupIDs] == hexIDs
	w.WriteString("{")
	for i, m := range backupMembers {
		if i > 0 {
			w.WriteString(",")
		}
		fmt.Fprintf(w, "\n  %q: ", m.member)
		if err := w.records(backups[m.table], i > 0); err != nil {
			return err
		}
	}
	for _, name := range order {
		if name == backupIDs {
			continue
		}
		v := jsontext.Value(members[name])
		if err := v.Indent(jsontext.WithIndentPrefix("  "), jsontext.WithIndent("  ")); err != nil {
			return fmt.Errorf("table %q: %q is no JSON", backupTable, name)
		}
		fmt.Fprintf(w, ",\n  %s: %s", textfile.AppendText(nil, []byte(name)), v)
	}
	w.WriteString("\n}")
	return w.Flush()
}

func (w *backupWriter) members() (values map[string]string, order []string, err error) {
	values = map[string]string{}
	for rows, err := range w.db.Scan(w.ctx, store.Query{Table: backupTable, Columns: backupColumns}) {
		if err != nil {
			return nil, nil, err
		}
		for row := range rows.N {
			name := string(rows.Columns[0].Bytes(row))
			values[name] = string(rows.Columns[1].Bytes(row))
			order = append(order, name)
		}
	}
	return values, order, nil
}

// records writes rows: a list of objects, or one.
func (w *backupWriter) records(b *backupRows, list bool) error {
	n, indent := 0, "    "
	if !list {
		indent = "  "
	}
	fields := b.form.All()
	for rows, err := range w.db.Scan(w.ctx, store.Query{Table: b.name, Columns: b.columnNames(), Shared: true}) {
		if err != nil {
			return err
		}
		b.asJSON(b.columnNames(), rows)
		var categories [][]string
		if b.name == "memories" {
			if categories, err = categoriesOf(w.ctx, w.db, rows, "category_id"); err != nil {
				return err
			}
		}
		w.identifiers(b, rows)
		for row := range rows.N {
			record, err := b.form.AppendRecord([]byte("{"), fields, rows, row)
			if err != nil {
				return err
			}
			if categories != nil {
				record = w.appendCategories(record, categories[row])
			}
			v := jsontext.Value(append(record, '}'))
			if err := v.Indent(jsontext.WithIndentPrefix(indent), jsontext.WithIndent("  ")); err != nil {
				return err
			}
			switch {
			case list && n == 0:
				w.WriteString("[\n    ")
			case list:
				w.WriteString(",\n    ")
			}
			n++
			if _, err := w.Write(v); err != nil {
				return err
			}
		}
	}
	switch {
	case list && n == 0:
		w.WriteString("[]")
	case list:
		w.WriteString("\n  ]")
	case n == 0:
		w.WriteString("null")
	}
	return nil
}

// appendCategories appends the member of a memory that repeats its categories.
func (w *backupWriter) appendCategories(record []byte, ids []string) []byte {
	if w.hex {
		ids = slices.Clone(ids)
		for i := range ids {
			ids[i] = digits(ids[i])
		}
	}
	list, _ := json.Marshal(append([]string{}, ids...)) // of texts: cannot fail
	return append(append(record, `, "`+categoryIDs+`": `...), list...)
}

// identifiers gives them the script's form where the backup has it.
func (w *backupWriter) identifiers(b *backupRows, rows *store.Rows) {
	if !w.hex {
		return
	}
	for i, c := range b.columns {
		if c.kind != uuid {
			continue
		}
		var out store.Cells
		out.Reset()
		for row := range rows.N {
			if cell := &rows.Columns[i]; cell.Kinds[row] == store.Text && isUUID.Match(cell.Bytes(row)) {
				out.AppendString(digits(string(cell.Bytes(row))))
			} else {
				out.AppendRow(cell, row)
			}
		}
		rows.Columns[i] = out
	}
}

// categoriesOf are the identifiers of the categories of memories, which have their own in
// the first column.
func categoriesOf(ctx context.Context, db store.Tables, memories *store.Rows, column string) ([][]string, error) {
	out := make([][]string, memories.N)
	for row := range memories.N {
		id := string(memories.Columns[0].Bytes(row))
		q := store.Query{Table: "memory_categories", Columns: []string{column}, Shared: true, Filters: []store.Filter{{Column: "memory_id", Is: store.Equal, Text: id}}}
		for links, err := range db.Scan(ctx, q) {
			if err != nil {
				return nil, err
			}
			for link := range links.N {
				out[row] = append(out[row], string(links.Columns[0].Bytes(link)))
			}
		}
	}
	return out, nil
}

// logicalLines are the lines of the second member.
func logicalLines(ctx context.Context, db store.Tables) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		apps, err := namesOf(ctx, db, "apps")
		if err != nil {
			yield(nil, err)
			return
		}
		categories, err := namesOf(ctx, db, "categories")
		if err != nil {
			yield(nil, err)
			return
		}
		hex, err := (&backupWriter{ctx: ctx, db: db}).hexed()
		if err != nil {
			yield(nil, err)
			return
		}
		columns := []string{"id", "content", "metadata", "created_at", "updated_at", "state", "app_id"}
		for rows, err := range db.Scan(ctx, store.Query{Table: "memories", Columns: columns, Shared: true}) {
			if err != nil {
				yield(nil, err)
				return
			}
			links, err := categoriesOf(ctx, db, rows, "category_id")
			if err != nil {
				yield(nil, err)
				return
			}
			for row := range rows.N {
				if !yield(logicalLine(rows, row, apps, categories, links[row], hex), nil) {
					return
				}
			}
		}
	}
}

func (w *backupWriter) hexed() (bool, error) {
	members, _, err := w.members()
	return members[backupIDs] == hexIDs, err
}

func logicalLine(rows *store.Rows, row int, apps, categories map[string]string, links []string, hex bool) []byte {
	line := []byte("{")
	put := func(name string, value []byte) {
		if len(line) > 1 {
			line = append(line, ", "...)
		}
		line = append(fmt.Appendf(line, "%q: ", name), value...)
	}
	for i, name := range []string{"id", "content", "metadata", "created_at", "updated_at", "state"} {
		c := &rows.Columns[i]
		switch value := c.Bytes(row); {
		case name == "metadata" && (c.Kinds[row] != store.Text || falsy(value)):
			put(name, []byte("{}")) // what Python's "or {}" makes of it
		case name == "metadata":
			v := jsontext.Value(bytes.Clone(value))
			_ = v.Format(jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true)) // of a valid value
			put(name, textfile.AppendJSON(nil, v))
		case c.Kinds[row] != store.Text:
			put(name, []byte("null"))
		case name == "id" && hex:
			put(name, textfile.AppendText(nil, []byte(digits(string(value)))))
		default:
			put(name, textfile.AppendText(nil, value))
		}
	}
	app := []byte("null")
	if name, ok := apps[string(rows.Columns[6].Bytes(row))]; ok {
		app = textfile.AppendText(nil, []byte(name))
	}
	put("app", app)
	var list []string
	for _, id := range links {
		if name, ok := categories[id]; ok {
			list = append(list, string(textfile.AppendText(nil, []byte(name))))
		}
	}
	put("categories", []byte("["+strings.Join(list, ", ")+"]"))
	return append(line, "}\n"...)
}

// falsy tells the values that Python takes for no.
func falsy(v []byte) bool {
	return slices.Contains([]string{"", "null", "false", "0", "0.0", `""`, "[]", "{}"}, string(v))
}

// namesOf are the names of rows by their identifiers.
func namesOf(ctx context.Context, db store.Tables, table string) (map[string]string, error) {
	out := map[string]string{}
	for rows, err := range db.Scan(ctx, store.Query{Table: table, Columns: []string{"id", "name"}}) {
		if err != nil {
			return nil, err
		}
		for row := range rows.N {
			out[string(rows.Columns[0].Bytes(row))] = string(rows.Columns[1].Bytes(row))
		}
	}
	return out, nil
}

// withoutMember is a JSON object, in one line, without a member.
func withoutMember(object []byte, name string) []byte {
	var m map[string]json.RawMessage
	if json.Unmarshal(object, &m) != nil {
		return object
	}
	delete(m, name)
	var out []byte
	for i, key := range slices.Sorted(keys(m)) {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = append(append(textfile.AppendText(out, []byte(key)), ": "...), m[key]...)
	}
	return append(append([]byte{'{'}, out...), '}')
}

func keys[V any](m map[string]V) iter.Seq[string] {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}
