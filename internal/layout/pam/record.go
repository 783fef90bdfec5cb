package pam

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// A table has the records of a member.
type table struct {
	name string
	form *textfile.Form
	// fold makes columns of what a form reader gives, and unfold the reverse.
	fold, unfold func(t *table, rows *store.Rows)
	// columns are the form's and spelling.
	columns []string
}

func newTable(name string, form *textfile.Form, fold, unfold func(*table, *store.Rows)) *table {
	return &table{name, form, fold, unfold, append(form.Columns(), spelling)}
}

func same(*table, *store.Rows) {}

var tables = map[string]*table{
	memories:   newTable(memories, memoryForm, foldMemories, unfoldMemories),
	relations:  newTable(relations, relationForm, same, same),
	embeddings: newTable(embeddings, vectorForm, foldVectors, unfoldVectors),
}

// at is the place of a column.
func (t *table) at(column string) int { return slices.Index(t.columns, column) }

// foldMemories makes one word of a type and a custom one, and takes out a hash that says
// what the content does.
func foldMemories(t *table, rows *store.Rows) {
	kind, own, hash, content := t.at("kind"), t.at("custom_type"), t.at("content_hash"), t.at("content")
	var words, types, hashes store.Cells
	words.Reset()
	types.Reset()
	hashes.Reset()
	for row := range rows.N {
		k, o := &rows.Columns[kind], &rows.Columns[own]
		if string(k.Bytes(row)) == custom && o.Kinds[row] == store.Text && len(o.Bytes(row)) > 0 && !slices.Contains(kinds, string(o.Bytes(row))) {
			words.AppendText(o.Bytes(row))
			types.AppendNull()
		} else if words.AppendRow(k, row); slices.Contains(kinds, string(k.Bytes(row))) {
			types.AppendRow(o, row)
		} else { // a type that the format does not know; the spelling says it
			types.AppendNull()
		}
		h := &rows.Columns[hash]
		if h.Kinds[row] == store.Text && string(h.Bytes(row)) == contentHash(rows.Columns[content].Bytes(row)) {
			hashes.AppendNull()
		} else {
			hashes.AppendRow(h, row)
		}
	}
	rows.Columns[kind], rows.Columns[own], rows.Columns[hash] = words, types, hashes
}

func unfoldMemories(t *table, rows *store.Rows) {
	kind, own, hash, content := t.at("kind"), t.at("custom_type"), t.at("content_hash"), t.at("content")
	var words, types, hashes store.Cells
	words.Reset()
	types.Reset()
	hashes.Reset()
	for row := range rows.N {
		if k := &rows.Columns[kind]; !slices.Contains(kinds, string(k.Bytes(row))) {
			words.AppendString(custom)
			types.AppendRow(k, row)
		} else {
			words.AppendRow(k, row)
			types.AppendRow(&rows.Columns[own], row)
		}
		if h := &rows.Columns[hash]; h.Kinds[row] == store.Null {
			hashes.AppendString(contentHash(rows.Columns[content].Bytes(row)))
		} else {
			hashes.AppendRow(h, row)
		}
	}
	rows.Columns[kind], rows.Columns[own], rows.Columns[hash] = words, types, hashes
}

// foldVectors makes f32 of lists of numbers. A list that is none stays a text.
func foldVectors(t *table, rows *store.Rows) {
	at := t.at("vector")
	var out store.Cells
	out.Reset()
	for row := range rows.N {
		c := &rows.Columns[at]
		if v, ok := parseVector(c.Bytes(row)); ok && c.Kinds[row] == store.Text {
			out.AppendBlob(v)
		} else {
			out.AppendRow(c, row)
		}
	}
	rows.Columns[at] = out
}

func unfoldVectors(t *table, rows *store.Rows) {
	at := t.at("vector")
	var out store.Cells
	out.Reset()
	for row := range rows.N {
		if c := &rows.Columns[at]; c.Kinds[row] == store.Blob {
			out.AppendText(appendVector(nil, c.Bytes(row)))
		} else {
			out.AppendRow(c, row)
		}
	}
	rows.Columns[at] = out
}

// parseVector makes little-endian f32 of a list of numbers, the nearest ones.
func parseVector(list []byte) (out []byte, ok bool) {
	if len(list) == 0 || list[0] != '[' {
		return nil, false
	}
	dec := jsontext.NewDecoder(bytes.NewReader(list))
	if _, err := dec.ReadToken(); err != nil {
		return nil, false
	}
	for dec.PeekKind() == '0' {
		v, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil || math.IsInf(float64(float32(f)), 0) {
			return nil, false
		}
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(f)))
	}
	return out, dec.PeekKind() == ']' && len(out) > 0
}

// appendVector appends the shortest numbers that are nearest to these.
func appendVector(dst, vector []byte) []byte {
	dst = append(dst, '[')
	var short []byte
	for i := 0; i+4 <= len(vector); i += 4 {
		if i > 0 {
			dst = append(dst, ',')
		}
		f := math.Float32frombits(binary.LittleEndian.Uint32(vector[i:]))
		short = strconv.AppendFloat(short[:0], float64(f), 'g', -1, 32)
		wide, _ := strconv.ParseFloat(string(short), 64) // of what was just written
		dst = textfile.AppendFloat(dst, wide)
	}
	return append(dst, ']')
}

// finite tells whether a file can hold a vector.
func finite(vector []byte) bool {
	for i := 0; i+4 <= len(vector); i += 4 {
		if f := float64(math.Float32frombits(binary.LittleEndian.Uint32(vector[i:]))); math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
	}
	return len(vector) > 0 && len(vector)%4 == 0
}

// unfolded are rows as the form has them, with the column spelling.
func (t *table) unfolded(rows *store.Rows) *store.Rows {
	out := store.NewRows(len(rows.Columns))
	for row := range rows.N {
		out.AppendRow(rows, row)
	}
	t.unfold(t, out)
	return out
}

// before is what stands before a record, behind the comma.
const before = "\n    "

// piece is the text of an unfolded row, without the comma before it, as the format's
// library saves it.
func (t *table) piece(unfolded *store.Rows, row int) ([]byte, error) {
	record, err := t.form.AppendRecord([]byte("{"), t.form.All(), unfolded, row)
	if err != nil {
		return nil, err
	}
	v := jsontext.Value(append(record, '}'))
	if err := v.Indent(jsontext.WithIndentPrefix(before[1:]), jsontext.WithIndent("  ")); err != nil {
		return nil, err
	}
	return append([]byte(before), v...), nil
}

// parse appends the row of a piece, folded, with its spelling if it is not the table's own.
func (t *table) parse(p *textfile.FormReader, piece []byte, rows *store.Rows) error {
	one := store.NewRows(len(t.columns))
	text := cutComma(piece)
	if err := p.Record(jsontext.NewDecoder(bytes.NewReader(text)), one); err != nil {
		return err
	}
	last := len(t.columns) - 1
	one.Columns[last].AppendNull()
	one.N = 1
	t.fold(t, one)
	own, err := t.piece(t.unfolded(one), 0)
	if err != nil {
		return err
	}
	if !bytes.Equal(append([]byte{','}, own...), piece) {
		one.Columns[last].Reset()
		one.Columns[last].AppendText(piece)
	}
	rows.AppendRow(one, 0)
	return nil
}

// cutComma is a piece without its comma, before which there may be blanks.
func cutComma(piece []byte) []byte {
	at := bytes.IndexByte(piece, ',')
	return append(bytes.Clone(piece[:at]), piece[at+1:]...)
}

// says tells whether a spelling is one of the rest of a row, and not the table's own.
func (t *table) says(p *textfile.FormReader, rows *store.Rows, row int) bool {
	last := len(t.columns) - 1
	piece := rows.Columns[last].Bytes(row)
	at := bytes.IndexByte(piece, ',')
	if at < 0 || len(bytes.Trim(piece[:at], " \t\r\n")) > 0 || !textfile.StrictJSON(piece[at+1:]) {
		return false
	}
	one := store.NewRows(len(t.columns))
	if t.parse(p, piece, one) != nil || one.Columns[last].Kinds[0] == store.Null {
		return false
	}
	for i := range last {
		if !one.Columns[i].Equal(0, &rows.Columns[i], row) {
			return false
		}
	}
	return true
}

// normal makes of rows what a file gives of them.
func normal(name string, columns []string, rows *store.Rows, refuse func(int, string)) {
	t := tables[name]
	if t == nil {
		if name == documents {
			normalDocuments(columns, rows, refuse)
		}
		return
	}
	whole := store.NewRows(len(t.columns)) // columns that are not given are NULL
	for i, column := range t.columns {
		at := slices.Index(columns, column)
		for row := range rows.N {
			if at < 0 {
				whole.Columns[i].AppendNull()
			} else {
				whole.Columns[i].AppendRow(&rows.Columns[at], row)
			}
		}
	}
	whole.N = rows.N
	refused := map[int]bool{}
	no := func(row int, why string) {
		refused[row] = true
		refuse(row, why)
	}
	t.refuseEmpty(whole, no)
	t.unfold(t, whole)
	t.form.Normal(t.columns, whole, no)
	t.fold(t, whole)
	p := textfile.NewFormReader(t.form)
	last := len(t.columns) - 1
	var spellings store.Cells
	spellings.Reset()
	for row := range rows.N {
		if !refused[row] && whole.Columns[last].Kinds[row] == store.Text && t.says(p, whole, row) {
			spellings.AppendRow(&whole.Columns[last], row)
		} else {
			spellings.AppendNull()
		}
	}
	whole.Columns[last] = spellings
	for i, column := range columns {
		if at := t.at(column); at >= 0 {
			rows.Columns[i] = whole.Columns[at]
		}
	}
}

// refuseEmpty refuses rows of which the format wants a value that is not empty, and vectors
// that JSON has no numbers for.
func (t *table) refuseEmpty(rows *store.Rows, refuse func(int, string)) {
	for i, m := range t.form.All() {
		c := &rows.Columns[i]
		for row := range rows.N {
			switch {
			case m.Needed && c.Kinds[row] == store.Text && len(c.Bytes(row)) == 0:
				refuse(row, "the format takes no empty "+m.Member)
			case m.Column == "vector" && c.Kinds[row] == store.Blob && !finite(c.Bytes(row)):
				refuse(row, "the vector is empty or has elements that are no numbers, which JSON cannot say")
			}
		}
	}
}
