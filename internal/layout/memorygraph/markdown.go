package memorygraph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// The product's Markdown export is for people: a file for each memory, which nothing
// reads again. Its front matter looks like YAML, but no value is quoted, so it is read
// line by line; relations say neither what they are like nor where they lead.

// Notes returns the layout of the product's Markdown exports for the registry.
func Notes() *store.Layout {
	return &store.Layout{
		Name: Name, Engines: []string{"folder"}, Latest: notesVersion,
		Schema: notesSchema, Maps: notesMaps(),
		Detect: func(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
			return notesVersion, c.Has("nodes", "id", "properties.title", textfile.Other) && c.Has("relationships", "from_id")
		},
	}
}

// notesVersion is that of the one form there is.
const notesVersion = 1

// Markdown returns the format of the product's Markdown exports.
func Markdown() *store.FileFormat {
	return &store.FileFormat{
		Name: "memorygraph-markdown", Engine: "folder", Layout: Name, Endings: []string{".md"}, Folder: true,
		Schema: notesSchema, Version: notesVersion,
		Within: map[string]store.Within{"relationships": {Column: "from_id", Table: "nodes", Key: "id"}},
		Is:     isNote, Read: readNotes, Write: writeNotes, Normal: normalNotes,
	}
}

// notesMaps are the maps of all engines, but that a relation has no identifier.
func notesMaps() []store.TableMap {
	out := slices.Clone(sqliteMaps)
	for i := range out {
		if out[i].Table == "relationships" {
			out[i].Columns = slices.DeleteFunc(slices.Clone(out[i].Columns), func(c store.ColumnMap) bool { return c.Column == "id" })
		}
	}
	return out
}

// front is the front matter, in its order.
var front = []textfile.Field{
	{Member: "title", Column: "properties.title"},
	{Member: "id", Column: "id", Needed: true},
	{Member: "type", Column: "properties.type"},
	{Member: "importance", Column: "properties.importance", Kind: textfile.Number},
	{Member: "confidence", Column: "properties.confidence", Kind: textfile.Number},
	{Member: "tags", Column: "properties.tags", Kind: textfile.List},
	{Member: "created_at", Column: "properties.created_at"},
	{Member: "updated_at", Column: "properties.updated_at"},
	{Member: "project", Column: "properties.context_project_path"},
	{Member: "languages", Column: "properties.context_languages", Kind: textfile.List},
	{Member: "technologies", Column: "properties.context_technologies", Kind: textfile.List},
}

const (
	summaryColumn = "properties.summary"
	contentColumn = "properties.content"
)

// noteColumns are the columns of a memory: the front matter, the sections, and the lines of
// the front matter that are none of the product's.
var noteColumns = func() (names []string) {
	for _, f := range front {
		names = append(names, f.Column)
	}
	return append(names, summaryColumn, contentColumn, textfile.Other)
}()

var edgeColumns = []string{"from_id", "to_id", "rel_type"}

var notesSchema = &store.Schema{Tables: []store.TableDef{
	{Name: "nodes", Columns: append((&textfile.Form{Fields: front}).Definitions(), store.ColumnDef{Name: summaryColumn, Decl: "TEXT"}, store.ColumnDef{Name: contentColumn, Decl: "TEXT"})},
	{Name: "relationships", Columns: []store.ColumnDef{{Name: "from_id", Decl: "TEXT NOT NULL"}, {Name: "to_id", Decl: "TEXT NOT NULL"}, {Name: "rel_type", Decl: "TEXT NOT NULL"}, {Name: "valid_until", Decl: "TEXT"}},
		Constraints: []store.Statement{{SQL: "PRIMARY KEY (from_id, to_id, rel_type)"}}},
}}

// The parts of a file. A file of memarc's own says so, and lists a relation only where it
// begins.
const (
	fence        = "---\n"
	written      = "written_by: memarc"
	summaryHead  = "## Summary\n\n"
	contentHead  = "## Content\n\n"
	relationHead = "## Relationships\n\n"
)

func isNote(head []byte) bool {
	head = unixLines(head)
	return bytes.HasPrefix(head, []byte(fence+"title: ")) && bytes.Contains(head, []byte("\nid: ")) && bytes.Contains(head, []byte("\ntype: "))
}

// unixLines takes the carriage returns of a file away that has them in its first line.
func unixLines(raw []byte) []byte {
	if bytes.HasPrefix(raw, []byte("---\r\n")) {
		return bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	}
	return raw
}

// A note is one file.
type note struct {
	values    map[string]string // by column
	relations [][2]string       // type and identifier
	ours      bool
}

var errFront = errors.New("its front matter has no end")

func parseNote(raw []byte) (*note, error) {
	text, ok := strings.CutPrefix(string(unixLines(raw)), fence)
	if !ok {
		return nil, errors.New("it has no front matter")
	}
	head, body, ok := strings.Cut(text, "\n"+fence)
	if !ok {
		return nil, errFront
	}
	n := &note{values: map[string]string{}}
	if err := n.front(head); err != nil {
		return nil, err
	}
	return n, n.body(strings.TrimPrefix(body, "\n"))
}

// front reads the lines of the front matter. The product does not quote line breaks: what is
// no member goes on with the line before.
func (n *note) front(head string) error {
	last := ""
	for _, line := range strings.Split(head, "\n") {
		name, value, _ := strings.Cut(line, ":")
		i := slices.IndexFunc(front, func(f textfile.Field) bool { return f.Member == name })
		switch {
		case line == written:
			n.ours = true
		case i >= 0 && strings.HasPrefix(line, name+":"):
			last = front[i].Column
			if _, twice := n.values[last]; twice {
				return fmt.Errorf("its front matter has %q twice", name)
			}
			n.values[last] = strings.TrimPrefix(value, " ")
		case last == "" || isName(name) && strings.HasPrefix(line, name+":"):
			if last = textfile.Other; n.values[last] != "" {
				line = "\n" + line
			}
			n.values[last] += line
		default:
			n.values[last] += "\n" + line
		}
	}
	if n.values["id"] == "" {
		return errors.New("its front matter has no id")
	}
	return nil
}

func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

func (n *note) body(body string) error {
	if rest, ok := strings.CutPrefix(body, summaryHead); ok {
		summary, after, ok := strings.Cut(rest, "\n\n"+contentHead)
		if !ok {
			return errors.New("it has no section Content")
		}
		n.values[summaryColumn], body = summary, after
	} else if body, ok = strings.CutPrefix(body, contentHead); !ok {
		return errors.New("it has no section Content")
	}
	body, n.relations = cutRelations(body)
	n.values[contentColumn] = strings.TrimSuffix(body, "\n")
	return nil
}

// cutRelations splits the section of relations off, if the file ends with one.
func cutRelations(body string) (string, [][2]string) {
	at := strings.LastIndex("\n"+body, "\n\n"+relationHead)
	if at < 0 {
		return body, nil
	}
	rest := ("\n" + body)[at+len("\n\n"+relationHead):]
	var out [][2]string
	for _, line := range strings.Split(strings.TrimSuffix(rest, "\n"), "\n") {
		line, ok := strings.CutPrefix(line, "- **")
		kind, line, ok2 := strings.Cut(line, "** → [")
		from := strings.LastIndex(line, "](")
		if !ok || !ok2 || from < 0 || !strings.HasSuffix(line, ")") || len(line) < from+4 {
			return body, nil
		}
		out = append(out, [2]string{kind, line[from+2 : len(line)-1]})
	}
	return body[:max(at-1, 0)] + "\n", out
}

// maxNote is the size of a file that a person may have written.
const maxNote = 256 << 20

func readNotes(ctx context.Context, files fs.FS, names []string, into store.Target) ([]store.SchemaLoss, error) {
	nodes := textfile.NewLoad(into, "nodes", noteColumns)
	nodes.Refused = func(rows *store.Rows, row int, _ error) error {
		return fmt.Errorf("two files have the id %q", rows.Columns[slices.Index(noteColumns, "id")].Bytes(row))
	}
	edges := &edgeReader{load: textfile.NewLoad(into, "relationships", edgeColumns), seen: map[[3]string]bool{}}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		info, err := fs.Stat(files, name)
		if err == nil && info.Size() > maxNote {
			err = fmt.Errorf("it has %d bytes, which is too much for one memory", info.Size())
		}
		var raw []byte
		var n *note
		if err == nil {
			raw, err = fs.ReadFile(files, name)
		}
		if err == nil {
			n, err = parseNote(raw)
		}
		if err != nil {
			return nil, fmt.Errorf("file %q: %w", name, err)
		}
		for i, column := range noteColumns {
			appendValue(&nodes.Rows.Columns[i], column, n)
		}
		if err := nodes.Next(ctx); err != nil {
			return nil, err
		}
		if err := edges.take(ctx, n); err != nil {
			return nil, err
		}
	}
	return edges.losses(), errors.Join(nodes.Flush(ctx), edges.load.Flush(ctx))
}

// edgeReader collects relations. Those of the product stand in the files of both their
// ends.
type edgeReader struct {
	load              *textfile.Load
	seen              map[[3]string]bool
	undirected, twice int
}

func (r *edgeReader) take(ctx context.Context, n *note) error {
	id := n.values["id"]
	for _, rel := range n.relations {
		key, back := [3]string{id, rel[1], rel[0]}, [3]string{rel[1], id, rel[0]}
		switch {
		case r.seen[key]:
			r.twice++
			continue
		case !n.ours && r.seen[back]:
			continue
		case !n.ours:
			r.undirected++
		}
		r.seen[key] = true
		for i, v := range key {
			r.load.Rows.Columns[i].AppendString(v)
		}
		if err := r.load.Next(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *edgeReader) losses() (out []store.SchemaLoss) {
	lose := func(code string, n int, reason string) {
		if n > 0 {
			out = append(out, store.SchemaLoss{Code: code, Where: "relationships", Count: n, Reason: reason})
		}
	}
	lose("direction-unknown", r.undirected, "the files do not say where these relations lead; they are taken to begin in the file that comes first")
	lose("relation-twice", r.twice, "a file lists these relations more than once, and nothing tells them apart")
	return out
}

// appendValue appends the cell that a file gives for a column.
func appendValue(c *store.Cells, column string, n *note) {
	v, ok := n.values[column]
	i := slices.IndexFunc(front, func(f textfile.Field) bool { return f.Column == column })
	switch {
	case !ok:
		c.AppendNull()
	case i >= 0 && front[i].Kind == textfile.Number:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			c.AppendInt(n)
		} else if f, err := strconv.ParseFloat(v, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			c.AppendFloat(f)
		} else {
			c.AppendString(v)
		}
	case i >= 0 && front[i].Kind == textfile.List:
		if list, ok := splitList(v); ok {
			c.AppendText(list)
		} else {
			c.AppendString(v)
		}
	default:
		c.AppendString(v)
	}
}

// splitList turns [a, b] into a JSON list. No comma in it is quoted.
func splitList(v string) ([]byte, bool) {
	if len(v) < 2 || v[0] != '[' || v[len(v)-1] != ']' {
		return nil, false
	}
	out := []byte{'['}
	if v = v[1 : len(v)-1]; v != "" {
		for i, item := range strings.Split(v, ", ") {
			if i > 0 {
				out = append(out, ", "...)
			}
			out = textfile.AppendText(out, []byte(item))
		}
	}
	return append(out, ']'), true
}

// joinList turns a JSON list into [a, b].
func joinList(raw []byte) (string, bool) {
	var items []string
	if json.Unmarshal(raw, &items) != nil {
		return "", false
	}
	return oneLine("[" + strings.Join(items, ", ") + "]"), true
}

// oneLine puts blanks for what would break a line of the front matter.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, s)
}

// awkward tells what an identifier in a file must not have.
func awkward(id string) bool {
	return id == "" || strings.ContainsFunc(id, unicode.IsControl) || strings.Contains(id, "](") || strings.HasPrefix(id, " ")
}
