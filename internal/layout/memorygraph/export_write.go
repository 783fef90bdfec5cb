package memorygraph

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

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

func (x *exportWriter) records(ctx context.Context, member, table string, f *textfile.Form) error {
	fmt.Fprintf(x.w, "  %q: [", member)
	fields := f.All()
	comma := ""
	var line []byte
	for rows, err := range x.db.Scan(ctx, store.Query{Table: table, Columns: f.Columns()}) {
		if err != nil {
			return err
		}
		for row := range rows.N {
			if line, err = f.AppendRecord(append(append(line[:0], comma...), "\n    {"...), fields, rows, row); err != nil {
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

// normalExport makes of cells what a file gives of them.
func normalExport(table string, columns []string, rows *store.Rows, refuse func(int, string)) {
	f := map[string]*textfile.Form{"nodes": memoryForm, "relationships": edgeForm}[table]
	if f == nil {
		return
	}
	if at := slices.Index(columns, "valid_until"); at >= 0 {
		for row, k := range rows.Columns[at].Kinds {
			if k != store.Null {
				refuse(row, ended)
			}
		}
	}
	f.Normal(columns, rows, refuse)
}
