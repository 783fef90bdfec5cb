package mcpserver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// columnsOf are the columns that a line is made of.
var columnsOf = map[string][]string{entities: entityColumns, relations: relationColumns, others: otherColumns[:1]}

// write writes the tables as lines, and memarc's own beside them.
func write(ctx context.Context, from store.Tables, create func(string) (io.Writer, error)) error {
	out, err := create("")
	if err != nil {
		return err
	}
	runs, err := readRuns(ctx, from)
	if err != nil {
		return err
	}
	w := &writer{Writer: bufio.NewWriterSize(out, 64<<10)}
	tables := map[string]*cursor{}
	for _, name := range rowTables {
		tables[name] = newCursor(ctx, from, name)
		defer tables[name].stop()
	}
	for _, r := range runs {
		switch c := tables[r.what]; {
		case c != nil:
			if err := c.write(w, r.n); err != nil {
				return err
			}
		case r.what == mark:
			w.WriteString("\uFEFF")
		default:
			for range r.n {
				w.line([]byte(r.text))
			}
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return textfile.WriteBeside(ctx, from, func() (io.Writer, error) { return create(Format().Beside) })
}

// writer writes lines with a newline between two of them.
type writer struct {
	*bufio.Writer
	begun bool
}

func (w *writer) line(text []byte) {
	if w.begun {
		w.WriteByte('\n')
	}
	w.begun = true
	w.Write(text)
}

// A cursor gives the rows of a table, one after the other.
type cursor struct {
	table string
	next  func() (*store.Rows, error, bool)
	stop  func()
	rows  *store.Rows
	row   int
}

func newCursor(ctx context.Context, from store.Tables, table string) *cursor {
	c := &cursor{table: table}
	c.next, c.stop = iter.Pull2(from.Scan(ctx, store.Query{Table: table, Columns: columnsOf[table], Shared: true}))
	return c
}

// write writes the lines of so many rows; 0 stands for all that are left.
func (c *cursor) write(w *writer, n int64) error {
	for done := int64(0); n == 0 || done < n; done++ {
		for c.rows == nil || c.row == c.rows.N {
			rows, err, ok := c.next()
			if err != nil || !ok {
				return err
			}
			c.rows, c.row = rows, 0
		}
		line := c.rows.Columns[0].Bytes(c.row)
		if c.table != others {
			r, earlier := recordAt(c.table, columnsOf[c.table], c.rows, c.row)
			line, _ = r.lineFor(earlier)
		}
		w.line(line)
		c.row++
	}
	return nil
}

// recordAt is the record of a row, and the line that it has already.
func recordAt(table string, columns []string, rows *store.Rows, row int) (r *record, earlier []byte) {
	text := func(name string) []byte {
		i := slices.Index(columns, name)
		if i < 0 || rows.Columns[i].Kinds[row] != store.Text {
			return nil
		}
		return append([]byte{}, rows.Columns[i].Bytes(row)...)
	}
	r = &record{kind: table, name: text("name"), title: text("title"), entityType: text("entityType"), observations: text("observations"),
		from: text("from"), to: text("to"), relationType: text("relationType")}
	return r, text("line")
}

// normal makes of rows what a file gives of them.
func normal(table string, columns []string, rows *store.Rows, refuse func(int, string)) {
	switch table {
	case entities, relations:
	case others:
		normalOthers(columns, rows, refuse)
		return
	case arrangement:
		normalArrangement(columns, rows)
		return
	default:
		return
	}
	out := store.NewRows(len(columns))
	for row := range rows.N {
		r, earlier := recordAt(table, columns, rows, row)
		if why := r.normalise(earlier); why != "" {
			refuse(row, why)
		}
		line, plain := r.lineFor(earlier)
		if plain || bytes.IndexByte(line, '\n') >= 0 {
			line = nil
		}
		cells := map[string][]byte{"name": r.name, "title": r.title, "entityType": r.entityType, "observations": r.observations,
			"from": r.from, "to": r.to, "relationType": r.relationType, "line": line}
		for i, name := range columns {
			if v := cells[name]; v != nil {
				out.Columns[i].AppendText(v)
			} else {
				out.Columns[i].AppendNull()
			}
		}
	}
	out.N = rows.N
	*rows = *out
}

// normalise makes of a record what its line would give, or says why there can be none.
func (r *record) normalise(earlier []byte) (why string) {
	for _, v := range []*[]byte{&r.name, &r.title, &r.entityType, &r.from, &r.to, &r.relationType} {
		if *v != nil {
			*v = bytes.ToValidUTF8(*v, []byte("\uFFFD"))
		}
	}
	if r.kind == relations {
		if r.from == nil || r.to == nil || r.relationType == nil {
			return "a relation needs two names and a type"
		}
		return ""
	}
	if r.name == nil {
		return "an entity needs a name"
	}
	if r.title == nil {
		r.title = r.name
	}
	if r.observations != nil {
		r.observations = listOf(r.observations)
	}
	was, err := parseLine(earlier)
	if err != nil || was.kind != entities {
		was = &record{entityType: []byte{}, observations: []byte{}}
	}
	if r.entityType == nil && was.entityType != nil {
		r.entityType = []byte{}
	}
	if r.observations == nil && was.observations != nil {
		r.observations = []byte("[]")
	}
	return ""
}

// normalOthers refuses lines that a file would not give as what they are.
func normalOthers(columns []string, rows *store.Rows, refuse func(int, string)) {
	at := slices.Index(columns, otherColumns[0])
	if at < 0 {
		return
	}
	for row := range rows.N {
		line := rows.Columns[at].Bytes(row)
		if bytes.IndexByte(line, '\n') >= 0 || blank(line) || len(line) > maxLine {
			refuse(row, "it is no line of a file")
		} else if _, err := parseLine(line); err != nil {
			refuse(row, fmt.Sprintf("the server could not load a file with this line: %v", err))
		}
	}
}

// normalArrangement gives an arrangement its one spelling.
func normalArrangement(columns []string, rows *store.Rows) {
	at := slices.Index(columns, arrangementColumns[1])
	if at < 0 {
		return
	}
	var out store.Cells
	out.Reset()
	for row := range rows.N {
		if runs, err := parseRuns(rows.Columns[at].Bytes(row)); err == nil {
			if raw, err := json.Marshal(runs); err == nil {
				out.AppendText(raw)
				continue
			}
		}
		out.AppendRow(&rows.Columns[at], row)
	}
	rows.Columns[at] = out
}
