package vec0

import (
	"encoding/binary"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/internal/store"
)

// remove deletes a row, and its chunk with the last one.
func (t *table) remove(rowid int64) error {
	if err := t.settle(); err != nil {
		return err
	}
	var id, slot int64
	var c *chunk
	err := t.run("SELECT c.chunk_id, r.chunk_offset, c.validity, c.rowids FROM "+t.shadow("rowids")+" r JOIN "+t.shadow("chunks")+" c USING (chunk_id) WHERE r.rowid = ?",
		bindNumbers([]int64{rowid}), func(s *sqlite3.Stmt) {
			id, slot = s.ColumnInt64(0), s.ColumnInt64(1)
			c = &chunk{id: id, validity: s.ColumnBlob(2, nil), rowids: s.ColumnBlob(3, nil)}
		})
	if err != nil {
		return err
	}
	size := t.Definition.chunk
	if c == nil || slot < 0 || slot >= int64(size) || len(c.validity) != size/8 || len(c.rowids) != size*8 {
		return t.damaged("row %d has no place in a chunk", rowid)
	}
	c.validity[slot/8] &^= 1 << (slot % 8)
	binary.LittleEndian.PutUint64(c.rowids[8*slot:], 0)
	if err := t.exec("DELETE FROM "+t.shadow("rowids")+" WHERE rowid = ?", rowid); err != nil {
		return err
	}
	if err := t.clear(c, rowid, int(slot)); err != nil {
		return err
	}
	for _, b := range c.validity {
		if b != 0 {
			return t.writeChunk(c)
		}
	}
	return t.removeChunk(c.id)
}

// clear takes the values of a row away.
func (t *table) clear(from *chunk, rowid int64, slot int) error {
	for i := range t.Columns {
		c := &t.Columns[i]
		var err error
		switch {
		case c.Kind == Vector:
			err = t.write(c, from.id, int64(slot*c.size), make([]byte, c.size))
		case c.bits:
			err = t.edit(c, from.id, int64(slot/8), 1, func(b []byte) { b[0] &^= 1 << (slot % 8) })
		case c.Kind == Metadata:
			err = t.write(c, from.id, int64(slot*c.slot()), make([]byte, c.slot()))
			if err == nil && c.Class == store.Text {
				err = t.exec("DELETE FROM "+t.shadow(c.texts())+" WHERE rowid = ?", rowid)
			}
		}
		if err != nil {
			return err
		}
	}
	if t.count[Auxiliary] == 0 {
		return nil
	}
	return t.exec("DELETE FROM "+t.shadow("auxiliary")+" WHERE rowid = ?", rowid)
}

// removeChunk deletes a chunk in which no row stands.
func (t *table) removeChunk(id int64) error {
	if err := t.exec("DELETE FROM "+t.shadow("chunks")+" WHERE chunk_id = ?", id); err != nil {
		return err
	}
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Kind == Vector || c.Kind == Metadata {
			if err := t.exec("DELETE FROM "+t.shadow(c.chunks())+" WHERE _rowid_ = ?", id); err != nil {
				return err
			}
		}
	}
	return nil
}
