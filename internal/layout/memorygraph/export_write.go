package memorygraph

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// JSON returns the format of the product's JSON exports. Its importer reads the members
// that it knows and no others, so that a sidecar may stand beside them, and an edge
// keeps its identifier.
func JSON() *store.FileFormat {
	return &store.FileFormat{
		Name: "memorygraph-json", Engine: "file", Layout: Name, Endings: []string{".json"}, Sidecar: true,
		Schema: exportSchema, Version: exportVersion,
		Is: isExport, Read: readExport, Write: writeExport, Normal: normalExport,
	}
}

// ended is why a relation is not written: the product would take it for one that holds.
const ended = "the relation no longer holds, which the product's export cannot say"

// exportWriter writes one export.
type exportWriter struct {
	w  *bufio.Writer
	db store.Tables
}

func writeExport(ctx context.Context, db store.Tables, create func(string) (io.Writer, error)) error {
	out, err := create("")
	if err != nil {
		return err
	}
	x := &exportWriter{bufio.NewWriterSize(out, 64<<10), db}
	x.w.WriteString("{\n")
	if err := x.header(ctx); err != nil {
		return err
	}
	if err := x.records(ctx, memoriesMember, "nodes", memoryForm); err != nil {
		return err
	}
	x.w.WriteString(",\n")
	if err := x.records(ctx, edgesMember, "relationships", edgeForm); err != nil {
		return err
	}
	c, err := db.Catalog(ctx)
	if err != nil {
		return err
	}
	if t := c.Table(textfile.Sidecar); t != nil {
		fmt.Fprintf(x.w, ",\n  %q: ", textfile.Sidecar)
		if err := textfile.WriteTable(ctx, db, &t.Table, x.w); err != nil {
			return err
		}
	}
	x.w.WriteString("\n}\n")
	return x.w.Flush()
}

// header writes what stands before the records: as it was read, or as the product
// would write it. The date of a new export is that of the newest memory in it, so that
// the same memories give the same file.
func (x *exportWriter) header(ctx context.Context) error {
	members := map[string][]byte{}
	var others []string
	for rows, err := range x.db.Scan(ctx, store.Query{Table: header, Columns: []string{"member", "value"}}) {
		if err != nil {
			return err
		}
		for row := range rows.N {
			name := string(rows.Columns[0].Bytes(row))
			members[name] = bytes.Clone(rows.Columns[1].Bytes(row))
			others = append(others, name)
		}
	}
	put := func(name string, value []byte) {
		fmt.Fprintf(x.w, "  %s: %s,\n", textfile.AppendText(nil, []byte(name)), value)
	}
	known := []string{"export_version", "export_date", "backend_type"}
	first := text1(members["export_version"]) == "1.0" // of that version, which has no counts
	if !first {
		put("format_version", []byte(`"2.0"`))
	}
	if members["backend_type"] == nil && !first {
		members["backend_type"] = []byte(`"memarc"`)
		date, err := x.newest(ctx)
		if err != nil {
			return err
		}
		members["export_date"] = textfile.AppendText(nil, []byte(date))
	}
	if members["export_version"] == nil {
		members["export_version"] = []byte(`"1.0"`)
	}
	for _, name := range known {
		if v := members[name]; v != nil {
			put(name, v)
		}
	}
	if !first {
		for _, c := range [][2]string{{"memory_count", "nodes"}, {"relationship_count", "relationships"}} {
			n, err := x.db.Count(ctx, c[1])
			if err != nil {
				return err
			}
			put(c[0], strconv.AppendInt(nil, n, 10))
		}
	}
	for _, name := range others {
		if !slices.Contains(known, name) {
			put(name, members[name])
		}
	}
	return nil
}

// newest is the latest time of a memory.
func (x *exportWriter) newest(ctx context.Context) (string, error) {
	latest := "1970-01-01T00:00:00+00:00"
	for rows, err := range x.db.Scan(ctx, store.Query{Table: "nodes", Columns: []string{"properties.created_at", "properties.updated_at"}}) {
		if err != nil {
			return "", err
		}
		for i := range rows.Columns {
			for row := range rows.N {
				if c := &rows.Columns[i]; c.Kinds[row] == store.Text && string(c.Bytes(row)) > latest {
					latest = string(c.Bytes(row))
				}
			}
		}
	}
	return latest, nil
}

func (x *exportWriter) records(ctx context.Context, member, table string, f *form) error {
	fmt.Fprintf(x.w, "  %q: [", member)
	fields := f.all()
	comma := ""
	var line []byte
	for rows, err := range x.db.Scan(ctx, store.Query{Table: table, Columns: f.columns()}) {
		if err != nil {
			return err
		}
		for row := range rows.N {
			if line, err = appendRecord(append(append(line[:0], comma...), "\n    {"...), f, fields, rows, row); err != nil {
				return err
			}
			comma = ","
			if _, err := x.w.Write(append(line, "\n    }"...)); err != nil {
				return err
			}
		}
	}
	_, err := x.w.WriteString("\n  ]")
	return err
}

// appendRecord appends the members of a record, with what no column says behind them.
func appendRecord(dst []byte, f *form, fields []field, rows *store.Rows, row int) ([]byte, error) {
	var extra, deep map[string]json.RawMessage
	if c := &rows.Columns[len(fields)]; c.Kinds[row] == store.Text {
		if err := json.Unmarshal(c.Bytes(row), &extra); err != nil {
			return dst, fmt.Errorf("%s %q: column %q is no JSON object", f.what, rows.Columns[0].Bytes(row), other)
		}
		if raw := extra[f.nested]; len(raw) > 0 && raw[0] == '{' {
			if err := json.Unmarshal(raw, &deep); err != nil {
				return dst, err
			}
			delete(extra, f.nested)
			if deep == nil {
				deep = map[string]json.RawMessage{}
			}
		}
	}
	start := len(dst)
	put := func(indent, name string, value []byte) {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(append(dst, '\n'), indent...)
		dst = append(textfile.AppendText(dst, []byte(name)), ": "...)
		dst = append(dst, value...)
	}
	var value []byte
	list := func(indent string, from int, fields []field, more map[string]json.RawMessage) {
		for i, m := range fields {
			c := &rows.Columns[from+i]
			if c.Kinds[row] == store.Null {
				if raw, ok := more[m.member]; ok {
					put(indent, m.member, raw)
				} else if m.null {
					put(indent, m.member, []byte("null"))
				}
			} else {
				value = appendCell(value[:0], c, row, m.kind)
				put(indent, m.member, value)
			}
		}
		for _, name := range slices.Sorted(names(more)) {
			if !slices.ContainsFunc(fields, func(m field) bool { return m.member == name }) {
				put(indent, name, more[name])
			}
		}
	}
	inner := deep != nil
	for i := range f.inner {
		inner = inner || rows.Columns[len(f.fields)+i].Kinds[row] != store.Null
	}
	if inner {
		delete(extra, f.nested) // what was there instead
	}
	list("      ", 0, f.fields, extra)
	if inner {
		put("      ", f.nested, []byte("{"))
		start = len(dst)
		list("        ", len(f.fields), f.inner, deep)
		dst = append(dst, "\n      }"...)
	}
	return dst, nil
}

func names(m map[string]json.RawMessage) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range m {
			if !yield(name) {
				return
			}
		}
	}
}

func appendCell(dst []byte, c *store.Cells, row int, k kind) []byte {
	switch c.Kinds[row] {
	case store.Integer:
		return strconv.AppendInt(dst, c.Int(row), 10)
	case store.Real:
		return textfile.AppendFloat(dst, c.Float(row))
	}
	if k == aText {
		return textfile.AppendText(dst, c.Bytes(row))
	}
	return append(dst, c.Bytes(row)...) // normal JSON
}

// normalExport makes of cells what a file gives of them. What a member cannot be is left
// out of it.
func normalExport(table string, columns []string, rows *store.Rows, refuse func(int, string)) {
	f := map[string]*form{"nodes": memoryForm, "relationships": edgeForm}[table]
	if f == nil {
		return
	}
	fields := f.all()
	for i, name := range columns {
		c := &rows.Columns[i]
		if name == "valid_until" {
			for row, k := range c.Kinds {
				if k != store.Null {
					refuse(row, ended)
				}
			}
			continue
		}
		at := slices.IndexFunc(fields, func(m field) bool { return m.column == name })
		if at < 0 && name != other {
			continue
		}
		var out store.Cells
		out.Reset()
		for row := range c.Kinds {
			if at < 0 {
				if v, ok := normalOther(f, c.Bytes(row)); ok {
					out.AppendText(v)
				} else {
					out.AppendNull()
				}
				continue
			}
			appendNormal(&out, c, row, fields[at].kind)
			if fields[at].needed && out.Kinds[row] == store.Null {
				refuse(row, fmt.Sprintf("it has no %s that is a text", fields[at].member))
			}
		}
		rows.Columns[i] = out
	}
}

func appendNormal(out, c *store.Cells, row int, k kind) {
	kind := c.Kinds[row]
	switch {
	case k == aNumber && kind == store.Integer:
		out.AppendInt(c.Int(row))
	case k == aNumber && kind == store.Real && !math.IsNaN(c.Float(row)) && !math.IsInf(c.Float(row), 0):
		out.AppendFloat(c.Float(row))
	case kind != store.Text || k == aNumber:
		out.AppendNull()
	case k == aText:
		if v := c.Bytes(row); utf8.Valid(v) {
			out.AppendText(v)
		} else {
			out.AppendText(bytes.ToValidUTF8(v, []byte("\uFFFD")))
		}
	case k == aList:
		if v, ok := textfile.AppendList(nil, c.Bytes(row)); ok {
			out.AppendText(v)
		} else {
			out.AppendNull()
		}
	default:
		v := bytes.TrimSpace(c.Bytes(row))
		if len(v) == 0 || v[0] != '{' || !strictJSON(v) {
			out.AppendNull()
			return
		}
		out.AppendText(textfile.AppendJSON(nil, v))
	}
}
