package vec0

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/internal/store"
)

// waitingBytes is how many bytes of vectors may wait until they are written together.
const waitingBytes = 1 << 20

// A chunk is the one into which rows go. What its row and its vectors have new waits
// here.
type chunk struct {
	id               int64
	partition        []byte // of its rows, see partitionOf
	validity, rowids []byte
	changed          bool
	first, waiting   int      // slots whose vectors wait
	vectors          [][]byte // by column
}

// Update inserts, changes or deletes a row. All that can be wrong with the values is found
// before anything is written.
func (t *table) Update(args ...sqlite3.Value) (int64, error) {
	old := args[0].Type() != sqlite3.NULL
	if len(args) == 1 {
		return 0, t.remove(args[0].Int64())
	}
	values := args[2:]
	if err := t.check(values); err != nil {
		return 0, err
	}
	key := values[0]
	if t.TextKey || key.Type() == sqlite3.NULL {
		key = args[1]
	}
	if old && key.Int64() != args[0].Int64() {
		if taken, err := t.holds(key.Int64()); err != nil || taken {
			return 0, errors.Join(err, fmt.Errorf("%w: row %d is there already", sqlite3.CONSTRAINT_ROWID, key.Int64()))
		}
	}
	if !old {
		return t.insert(key, values)
	}
	if err := t.remove(args[0].Int64()); err != nil {
		return 0, err
	}
	return t.insert(key, values)
}

// check refuses values that the columns do not take.
func (t *table) check(values []sqlite3.Value) error {
	refuse := func(name, want string) error {
		return fmt.Errorf("%w: column %q takes %s", sqlite3.CONSTRAINT_DATATYPE, name, want)
	}
	switch typ := values[0].Type(); {
	case t.TextKey && typ != sqlite3.TEXT:
		return refuse(t.Key, "a text")
	case !t.TextKey && typ != sqlite3.INTEGER && typ != sqlite3.NULL:
		return refuse(t.Key, "an integer")
	}
	for i := range t.Columns {
		c, v := &t.Columns[i], values[1+i]
		typ := v.Type()
		switch {
		case typ == sqlite3.NULL && (c.Kind == Partition || c.Kind == Auxiliary):
		case c.Kind == Vector && (typ != sqlite3.BLOB || len(v.RawBlob()) != c.size):
			return refuse(c.Name, fmt.Sprintf("%d bytes", c.size))
		case c.Kind != Vector && typ != datatypes[c.Class]:
			return refuse(c.Name, "no value of this type")
		case c.bits && v.Int64()&^1 != 0:
			return refuse(c.Name, "0 or 1")
		}
	}
	return nil
}

var datatypes = map[store.Kind]sqlite3.Datatype{
	store.Integer: sqlite3.INTEGER, store.Real: sqlite3.FLOAT, store.Text: sqlite3.TEXT, store.Blob: sqlite3.BLOB,
}

// run runs a statement, whose parameters bind sets, to its end.
func (t *table) run(sql string, bind func(s *sqlite3.Stmt) error, row func(s *sqlite3.Stmt)) error {
	s, err := t.statement(sql)
	if err != nil {
		return err
	}
	if err := bind(s); err != nil {
		return err
	}
	for s.Step() {
		row(s)
	}
	return errors.Join(s.Err(), s.Reset(), s.ClearBindings())
}

// exec runs a statement with numbers for parameters.
func (t *table) exec(sql string, numbers ...int64) error {
	return t.run(sql, bindNumbers(numbers), func(*sqlite3.Stmt) {})
}

func bindNumbers(numbers []int64) func(*sqlite3.Stmt) error {
	return func(s *sqlite3.Stmt) error {
		for i, n := range numbers {
			if err := s.BindInt64(i+1, n); err != nil {
				return err
			}
		}
		return nil
	}
}

func (t *table) holds(rowid int64) (found bool, err error) {
	err = t.run("SELECT 1 FROM "+t.shadow("rowids")+" WHERE rowid = ?", bindNumbers([]int64{rowid}), func(*sqlite3.Stmt) { found = true })
	return found, err
}

// insert adds a row under a key, or the next one for NULL.
func (t *table) insert(key sqlite3.Value, values []sqlite3.Value) (int64, error) {
	slot, err := t.place(values)
	if err != nil {
		return 0, err
	}
	open := t.open
	last := t.db.LastInsertRowID()
	err = t.run("INSERT INTO "+t.shadow("rowids")+" (rowid, id, chunk_id, chunk_offset) VALUES (?, ?, ?, ?)", func(s *sqlite3.Stmt) error {
		id := s.BindNull(2)
		if t.TextKey {
			id = s.BindValue(2, values[0])
		}
		return errors.Join(s.BindValue(1, key), id, s.BindInt64(3, open.id), s.BindInt64(4, int64(slot)))
	}, func(*sqlite3.Stmt) {})
	if err != nil {
		return 0, err
	}
	rowid := t.db.LastInsertRowID()
	t.db.SetLastInsertRowID(last)
	open.validity[slot/8] |= 1 << (slot % 8)
	binary.LittleEndian.PutUint64(open.rowids[8*slot:], uint64(rowid))
	open.changed = true
	if err := t.hold(slot, values); err != nil {
		return 0, err
	}
	return rowid, t.insertBeside(rowid, slot, values)
}

// hold lets the vectors of a slot wait.
func (t *table) hold(slot int, values []sqlite3.Value) error {
	open := t.open
	if open.waiting > 0 && (slot != open.first+open.waiting || len(open.vectors[0])*len(open.vectors) >= waitingBytes) {
		if err := t.writeVectors(); err != nil {
			return err
		}
	}
	if open.waiting == 0 {
		open.first = slot
	}
	open.waiting++
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Kind == Vector {
			open.vectors[c.at] = append(open.vectors[c.at], values[1+i].RawBlob()...)
		}
	}
	return nil
}

// partitionOf is the partition to which a row belongs.
func (t *table) partitionOf(values []sqlite3.Value) []byte {
	var out []byte
	for i := range t.Columns {
		if t.Columns[i].Kind != Partition {
			continue
		}
		switch v := values[1+i]; v.Type() {
		case sqlite3.INTEGER:
			out = binary.LittleEndian.AppendUint64(append(out, 1), uint64(v.Int64()))
		case sqlite3.TEXT:
			text := v.RawText()
			out = append(binary.LittleEndian.AppendUint64(append(out, 2), uint64(len(text))), text...)
		default:
			out = append(out, 0)
		}
	}
	return out
}

// place finds a free slot in the last chunk of the row's partition, or makes a new chunk,
// which is then the open one.
func (t *table) place(values []sqlite3.Value) (int, error) {
	partition := t.partitionOf(values)
	if t.open == nil || !bytes.Equal(t.open.partition, partition) {
		if err := t.settle(); err != nil {
			return 0, err
		}
		if err := t.openLast(partition, values); err != nil {
			return 0, err
		}
	}
	if t.open != nil {
		if slot := free(t.open.validity); slot >= 0 {
			return slot, nil
		}
		if err := t.settle(); err != nil {
			return 0, err
		}
	}
	return 0, t.newChunk(partition, values)
}

// free returns the first slot that is not taken, or -1.
func free(validity []byte) int {
	for i, b := range validity {
		for bit := 0; b != 0xff && bit < 8; bit++ {
			if b>>bit&1 == 0 {
				return 8*i + bit
			}
		}
	}
	return -1
}

// bindPartition binds the values of the partition from parameter n on.
func (t *table) bindPartition(s *sqlite3.Stmt, n int, values []sqlite3.Value) error {
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Kind == Partition {
			if err := s.BindValue(n+c.at, values[1+i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// openLast opens the last chunk of a partition, if there is one.
func (t *table) openLast(partition []byte, values []sqlite3.Value) error {
	where := ""
	for i := range t.count[Partition] {
		where += fmt.Sprintf(" AND partition%02d IS ?", i)
	}
	query := "SELECT chunk_id, validity, rowids FROM " + t.shadow("chunks") + strings.Replace(where, " AND", " WHERE", 1) + " ORDER BY chunk_id DESC LIMIT 1"
	err := t.run(query, func(s *sqlite3.Stmt) error { return t.bindPartition(s, 1, values) }, func(s *sqlite3.Stmt) {
		t.open = &chunk{id: s.ColumnInt64(0), partition: partition, validity: s.ColumnBlob(1, nil), rowids: s.ColumnBlob(2, nil), vectors: make([][]byte, t.count[Vector])}
	})
	if err == nil && t.open != nil && (len(t.open.validity) != t.Definition.chunk/8 || len(t.open.rowids) != t.Definition.chunk*8) {
		id := t.open.id
		t.open = nil
		return t.damaged("chunk %d does not have the size of %d rows", id, t.Definition.chunk)
	}
	return err
}

// newChunk makes an empty chunk and opens it.
func (t *table) newChunk(partition []byte, values []sqlite3.Value) error {
	size := t.Definition.chunk
	columns, marks := "", ""
	for i := range t.count[Partition] {
		columns, marks = columns+fmt.Sprintf(", partition%02d", i), marks+", ?"
	}
	open := &chunk{partition: partition, validity: make([]byte, size/8), rowids: make([]byte, size*8), vectors: make([][]byte, t.count[Vector])}
	last := t.db.LastInsertRowID()
	defer func() { t.db.SetLastInsertRowID(last) }()
	err := t.run("INSERT INTO "+t.shadow("chunks")+" (size, validity, rowids"+columns+") VALUES (?, ?, ?"+marks+")", func(s *sqlite3.Stmt) error {
		return errors.Join(s.BindInt64(1, int64(size)), s.BindBlob(2, open.validity), s.BindBlob(3, open.rowids), t.bindPartition(s, 4, values))
	}, func(*sqlite3.Stmt) {})
	if err != nil {
		return err
	}
	open.id = t.db.LastInsertRowID()
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Kind != Vector && c.Kind != Metadata {
			continue
		}
		// The column rowid is not the row's number, by which blobs are opened: both are set.
		err := t.run("INSERT INTO "+t.shadow(c.chunks())+" (_rowid_, rowid, "+c.blob()+") VALUES (?, ?, ?)", func(s *sqlite3.Stmt) error {
			return errors.Join(s.BindInt64(1, open.id), s.BindInt64(2, open.id), s.BindZeroBlob(3, t.bytesOf(c)))
		}, func(*sqlite3.Stmt) {})
		if err != nil {
			return err
		}
	}
	t.open = open
	return nil
}

// settle writes what waits and closes the open chunk.
func (t *table) settle() error {
	if t.open == nil {
		return nil
	}
	if err := t.writeVectors(); err != nil {
		return err
	}
	open := t.open
	t.open = nil
	if !open.changed {
		return nil
	}
	return t.writeChunk(open)
}

// writeChunk writes the row of a chunk.
func (t *table) writeChunk(c *chunk) error {
	return t.run("UPDATE "+t.shadow("chunks")+" SET validity = ?, rowids = ? WHERE chunk_id = ?", func(s *sqlite3.Stmt) error {
		return errors.Join(s.BindBlob(1, c.validity), s.BindBlob(2, c.rowids), s.BindInt64(3, c.id))
	}, func(*sqlite3.Stmt) {})
}

// writeVectors writes the vectors that wait.
func (t *table) writeVectors() error {
	open := t.open
	if open.waiting == 0 {
		return nil
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Kind != Vector {
			continue
		}
		if err := t.write(c, open.id, int64(open.first)*int64(c.size), open.vectors[c.at]); err != nil {
			return err
		}
		open.vectors[c.at] = open.vectors[c.at][:0]
	}
	open.waiting = 0
	return nil
}

// write writes bytes of a column's chunk.
func (t *table) write(c *Column, chunk, at int64, b []byte) error {
	return t.edit(c, chunk, at, len(b), func(into []byte) { copy(into, b) })
}

// edit changes bytes of a column's chunk.
func (t *table) edit(c *Column, chunk, at int64, n int, change func([]byte)) error {
	blob, err := t.db.OpenBlob(t.schema, t.name+"_"+c.chunks(), c.blob(), chunk, true)
	if err != nil {
		return t.damaged("chunk %d of column %q: %w", chunk, c.Name, err)
	}
	defer blob.Close()
	if want := t.bytesOf(c); blob.Size() != want {
		return t.damaged("chunk %d of column %q has %d bytes, not %d", chunk, c.Name, blob.Size(), want)
	}
	b := make([]byte, n)
	if c.bits {
		if _, err := blob.Seek(at, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.ReadFull(blob, b); err != nil {
			return err
		}
	}
	change(b)
	if _, err := blob.Seek(at, io.SeekStart); err != nil {
		return err
	}
	_, err = blob.Write(b)
	return err
}

// insertBeside writes the values of a row that stand in no vector chunk.
func (t *table) insertBeside(rowid int64, slot int, values []sqlite3.Value) error {
	var names []string
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Kind == Auxiliary {
			names = append(names, c.value())
		}
		if c.Kind == Metadata {
			if err := t.writeMetadata(c, t.open.id, rowid, slot, values[1+i]); err != nil {
				return err
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	last := t.db.LastInsertRowID()
	defer func() { t.db.SetLastInsertRowID(last) }()
	return t.run("INSERT INTO "+t.shadow("auxiliary")+" (rowid, "+strings.Join(names, ", ")+") VALUES (?"+strings.Repeat(", ?", len(names))+")", func(s *sqlite3.Stmt) error {
		err := s.BindInt64(1, rowid)
		for i := range t.Columns {
			if c := &t.Columns[i]; c.Kind == Auxiliary {
				err = errors.Join(err, s.BindValue(2+c.at, values[1+i]))
			}
		}
		return err
	}, func(*sqlite3.Stmt) {})
}

func (t *table) writeMetadata(c *Column, chunk, rowid int64, slot int, v sqlite3.Value) error {
	if c.bits {
		return t.edit(c, chunk, int64(slot/8), 1, func(b []byte) { b[0] = b[0]&^(1<<(slot%8)) | byte(v.Int64())<<(slot%8) })
	}
	b := make([]byte, c.slot())
	switch c.Class {
	case store.Integer:
		binary.LittleEndian.PutUint64(b, uint64(v.Int64()))
	case store.Real:
		binary.LittleEndian.PutUint64(b, math.Float64bits(v.Float()))
	default:
		text := v.RawText()
		if len(text) > math.MaxInt32 {
			return fmt.Errorf("%w: column %q takes no text of %d bytes", sqlite3.CONSTRAINT_DATATYPE, c.Name, len(text))
		}
		binary.LittleEndian.PutUint32(b, uint32(len(text)))
		copy(b[4:], text)
		if len(text) > textStart {
			last := t.db.LastInsertRowID()
			err := t.run("INSERT INTO "+t.shadow(c.texts())+" (rowid, data) VALUES (?, ?)", func(s *sqlite3.Stmt) error {
				return errors.Join(s.BindInt64(1, rowid), s.BindRawText(2, slices.Clone(text)))
			}, func(*sqlite3.Stmt) {})
			t.db.SetLastInsertRowID(last)
			if err != nil {
				return err
			}
		}
	}
	return t.write(c, chunk, int64(slot*c.slot()), b)
}
