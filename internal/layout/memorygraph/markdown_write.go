package memorygraph

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// writeNotes writes a file for each memory.
func writeNotes(ctx context.Context, db store.Tables, create func(string) (io.Writer, error)) error {
	taken := map[string]bool{}
	for rows, err := range db.Scan(ctx, store.Query{Table: "nodes", Columns: noteColumns, Shared: true}) {
		if err != nil {
			return err
		}
		for row := range rows.N {
			relations, err := relationsOf(ctx, db, rows, row)
			if err != nil {
				return err
			}
			w, err := create(noteName(rows, row, taken))
			if err != nil {
				return err
			}
			if _, err := io.WriteString(w, noteText(rows, row, relations)); err != nil {
				return err
			}
		}
	}
	return nil
}

func textAt(rows *store.Rows, row int, column string) string {
	return string(rows.Columns[slices.Index(noteColumns, column)].Bytes(row))
}

// maxName is how many bytes of a title a file's name has: file systems take 255.
const maxName = 200

// noteName names a file as the product does, but that no two have one name and that
// none is too long.
func noteName(rows *store.Rows, row int, taken map[string]bool) string {
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r), unicode.IsNumber(r), r == '-', r == '_':
				return r
			}
			return '_'
		}, strings.ToValidUTF8(s, "_"))
	}
	title := plain(textAt(rows, row, "properties.title"))
	for len(title) > maxName {
		runes := []rune(title)
		title = string(runes[:len(runes)-1-(len(title)-maxName)/4])
	}
	id := []rune(textAt(rows, row, "id"))
	stem := title + "_" + plain(string(id[:min(8, len(id))]))
	if strings.HasPrefix(stem, ".") {
		stem = "_" + stem
	}
	name := stem
	for n := 2; taken[strings.ToLower(name)]; n++ {
		name = fmt.Sprintf("%s_%d", stem, n)
	}
	taken[strings.ToLower(name)] = true
	return name + ".md"
}

// relationsOf writes the lines of the relations that begin at a memory.
func relationsOf(ctx context.Context, db store.Tables, rows *store.Rows, row int) (string, error) {
	var out strings.Builder
	query := store.Query{Table: "relationships", Columns: []string{"to_id", "rel_type"}, Shared: true,
		Filters: []store.Filter{{Column: "from_id", Is: store.Equal, Text: textAt(rows, row, "id")}}}
	for edges, err := range db.Scan(ctx, query) {
		if err != nil {
			return "", err
		}
		keys := &store.Rows{N: edges.N, Columns: edges.Columns[:1]}
		titles, found, err := db.Lookup(ctx, "nodes", []string{"id"}, []string{"properties.title"}, keys)
		if err != nil {
			return "", err
		}
		for i := range edges.N {
			title := ""
			if found[i] >= 0 {
				title = string(titles.Columns[0].Bytes(found[i]))
			}
			fmt.Fprintf(&out, "- **%s** → [%s](%s)\n", edges.Columns[1].Bytes(i), oneLine(title), edges.Columns[0].Bytes(i))
		}
	}
	return out.String(), nil
}

// noteText is a file as the product writes it, with one line more.
func noteText(rows *store.Rows, row int, relations string) string {
	var out strings.Builder
	out.WriteString(fence)
	for i, f := range front {
		c := &rows.Columns[i]
		if c.Kinds[row] == store.Null {
			continue
		}
		value := string(c.Bytes(row))
		switch {
		case c.Kinds[row] == store.Integer:
			value = strconv.FormatInt(c.Int(row), 10)
		case c.Kinds[row] == store.Real:
			value = string(textfile.AppendFloat(nil, c.Float(row)))
		case f.Kind == textfile.List:
			if list, ok := joinList(c.Bytes(row)); ok {
				value = list
			}
		}
		out.WriteString(f.Member + ": " + value + "\n")
	}
	if more := textAt(rows, row, textfile.Other); more != "" {
		out.WriteString(more + "\n")
	}
	out.WriteString(written + "\n" + fence + "\n")
	if c := &rows.Columns[slices.Index(noteColumns, summaryColumn)]; c.Kinds[row] != store.Null {
		out.WriteString(summaryHead + string(c.Bytes(row)) + "\n\n")
	}
	out.WriteString(contentHead + textAt(rows, row, contentColumn) + "\n")
	if relations != "" {
		out.WriteString("\n" + relationHead + relations)
	}
	return out.String()
}

// normalNotes makes of cells what a file gives of them.
func normalNotes(table string, columns []string, rows *store.Rows, refuse func(int, string)) {
	for i, name := range columns {
		c := &rows.Columns[i]
		var out store.Cells
		out.Reset()
		for row, kind := range c.Kinds {
			switch {
			case name == "valid_until":
				if kind != store.Null {
					refuse(row, ended)
				}
				out.AppendNull()
			case table == "relationships":
				if kind != store.Text || awkward(string(c.Bytes(row))) || name == "rel_type" && strings.Contains(string(c.Bytes(row)), "** → [") {
					refuse(row, "its ends or its type cannot stand in a line")
				}
				out.AppendRow(c, row)
			case name == "id":
				if kind != store.Text || awkward(string(c.Bytes(row))) {
					refuse(row, "its identifier cannot stand in a line")
				}
				out.AppendRow(c, row)
			default:
				appendNormalNote(&out, c, row, name)
			}
		}
		rows.Columns[i] = out
	}
}

func appendNormalNote(out, c *store.Cells, row int, column string) {
	i := slices.IndexFunc(front, func(f textfile.Field) bool { return f.Column == column })
	kind := c.Kinds[row]
	v := string(c.Bytes(row))
	switch {
	case column == contentColumn:
		out.AppendString(normalContent(v)) // NULL too
	case column == summaryColumn && kind == store.Text && v != "":
		out.AppendString(normalSummary(v))
	case i >= 0 && front[i].Kind == textfile.Number && kind == store.Integer:
		out.AppendInt(c.Int(row))
	case i >= 0 && front[i].Kind == textfile.Number && kind == store.Real && !math.IsNaN(c.Float(row)) && !math.IsInf(c.Float(row), 0):
		out.AppendFloat(c.Float(row))
	case i >= 0 && front[i].Kind == textfile.List && kind == store.Text:
		if list, ok := joinList([]byte(v)); !ok {
			out.AppendNull()
		} else if items, ok := splitList(list); ok {
			out.AppendText(items)
		}
	case column == textfile.Other && kind == store.Text:
		n := &note{values: map[string]string{}}
		if err := n.front("title: \nid: id\n" + v); err == nil && n.values[textfile.Other] == v && !n.ours {
			out.AppendString(v)
		} else {
			out.AppendNull()
		}
	case i >= 0 && front[i].Kind == textfile.Text && kind == store.Text:
		out.AppendString(oneLine(v))
	default:
		out.AppendNull()
	}
}

// normalSummary keeps a summary from having the heading of the next section.
func normalSummary(v string) string {
	for strings.Contains(v+"\n\n"+contentHead, "\n\n"+contentHead) && strings.Index(v+"\n\n"+contentHead, "\n\n"+contentHead) < len(v) {
		v = strings.Replace(v, "\n\n## Content", "\n\n### Content", 1)
	}
	return v
}

// normalContent keeps a content from ending like the section of relations.
func normalContent(v string) string {
	for {
		if _, relations := cutRelations(v + "\n"); relations == nil {
			return v
		}
		at := strings.LastIndex(v, relationHead)
		v = v[:at] + "#" + v[at:]
	}
}
