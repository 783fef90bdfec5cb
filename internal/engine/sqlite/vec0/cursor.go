package vec0

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/internal/store"
)

// The plans of a query.
const (
	planAll = iota // in the order of rowids
	planRowid
	planID
)

// BestIndex finds rows by their key; all else is left to SQLite.
func (t *table) BestIndex(info *sqlite3.IndexInfo) error {
	info.IdxNum, info.EstimatedCost, info.EstimatedRows = planAll, 1e6, 1e6
	for i, c := range info.Constraint {
		if !c.Usable || c.Op != sqlite3.INDEX_CONSTRAINT_EQ && c.Op != sqlite3.INDEX_CONSTRAINT_IS || c.Column > 0 {
			continue
		}
		info.IdxNum = planRowid
		if c.Column == 0 && t.TextKey {
			info.IdxNum = planID
		}
		info.ConstraintUsage[i].ArgvIndex = 1
		info.EstimatedCost, info.EstimatedRows = 1, 1
		break
	}
	info.OrderByConsumed = len(info.OrderBy) == 1 && !info.OrderBy[0].Desc && t.isRowid(info.OrderBy[0].Column)
	return nil
}

// isRowid tells whether a column of a query is the rowid: it has one beside a text key.
func (t *table) isRowid(column int) bool { return column == -1 || column == 0 && !t.TextKey }

// Open starts a query.
func (t *table) Open() (sqlite3.VTabCursor, error) {
	return &cursor{table: t, blobs: make([]*sqlite3.Blob, len(t.Columns))}, nil
}

// A cursor is at one row of a query.
type cursor struct {
	*table
	rows   *sqlite3.Stmt // rowid, id, chunk and slot
	eof    bool
	rowid  int64
	chunk  int64
	slot   int64
	loaded *sqlite3.Stmt   // the chunk's row
	at     int64           // chunk of loaded
	blobs  []*sqlite3.Blob // by column, at their chunk
	held   []int64         // chunks of blobs
	buf    []byte
}

var _ io.Closer = (*cursor)(nil)

// Filter starts at the first row.
func (c *cursor) Filter(plan int, _ string, args ...sqlite3.Value) error {
	if err := errors.Join(c.settle(), c.Close()); err != nil {
		return err
	}
	query := "SELECT rowid, id, chunk_id, chunk_offset FROM " + c.shadow("rowids")
	switch plan {
	case planRowid:
		query += " WHERE rowid = ?"
	case planID:
		query += " WHERE id = ?"
	default:
		query += " ORDER BY rowid"
	}
	var err error
	if c.rows, _, err = c.db.Prepare(query); err != nil {
		return c.damaged("%w", err)
	}
	if plan != planAll {
		if err := c.rows.BindValue(1, args[0]); err != nil {
			return err
		}
	}
	return c.Next()
}

// Next goes on to the next row.
func (c *cursor) Next() error {
	c.eof = !c.rows.Step()
	if err := c.rows.Err(); err != nil || c.eof {
		return err
	}
	c.rowid = c.rows.ColumnInt64(0)
	if c.rows.ColumnType(2) != sqlite3.INTEGER || c.rows.ColumnType(3) != sqlite3.INTEGER {
		return c.damaged("row %d has no place in a chunk", c.rowid)
	}
	c.chunk, c.slot = c.rows.ColumnInt64(2), c.rows.ColumnInt64(3)
	if c.slot < 0 || c.slot >= int64(c.Definition.chunk) {
		return c.damaged("row %d is at place %d of a chunk of %d", c.rowid, c.slot, c.Definition.chunk)
	}
	return nil
}

// EOF tells that there are no more rows.
func (c *cursor) EOF() bool { return c.eof }

// RowID returns the row's number.
func (c *cursor) RowID() (int64, error) { return c.rowid, nil }

// Column returns a value of the row.
func (c *cursor) Column(ctx sqlite3.Context, n int) error {
	if n == 0 {
		if c.TextKey {
			ctx.ResultValue(c.rows.ColumnValue(1))
		} else {
			ctx.ResultInt64(c.rowid)
		}
		return nil
	}
	col := &c.Columns[n-1]
	if col.Kind == Auxiliary {
		return c.auxiliary(ctx, col)
	}
	if err := c.load(); err != nil {
		return err
	}
	switch col.Kind {
	case Partition:
		ctx.ResultValue(c.loaded.ColumnValue(3 + col.at))
		return nil
	case Vector:
		vector, err := c.read(n-1, c.slot*int64(col.size), col.size)
		if err == nil {
			ctx.ResultBlob(vector)
		}
		return err
	}
	return c.metadata(ctx, n-1)
}

// load reads the row of the chunk and checks that the cursor's row stands in it.
func (c *cursor) load() error {
	if c.loaded == nil {
		partitions := ""
		for i := range c.Columns {
			if c.Columns[i].Kind == Partition {
				partitions += ", " + c.Columns[i].partition()
			}
		}
		var err error
		c.loaded, _, err = c.db.Prepare("SELECT size, CASE WHEN length(validity) <= 512 THEN validity END, CASE WHEN length(rowids) <= 32768 THEN rowids END" + partitions +
			" FROM " + c.shadow("chunks") + " WHERE chunk_id = ?")
		if err != nil {
			return c.damaged("%w", err)
		}
		c.at = c.chunk - 1
	}
	if c.at != c.chunk {
		if err := c.loaded.Reset(); err != nil {
			return err
		}
		if err := c.loaded.BindInt64(1, c.chunk); err != nil {
			return err
		}
		if !c.loaded.Step() {
			if err := c.loaded.Err(); err != nil {
				return err
			}
			return c.damaged("row %d is in chunk %d, which is not there", c.rowid, c.chunk)
		}
		c.at = c.chunk
	}
	validity, rowids := c.loaded.ColumnRawBlob(1), c.loaded.ColumnRawBlob(2)
	size := c.Definition.chunk
	if c.loaded.ColumnInt64(0) != int64(size) || len(validity) != size/8 || len(rowids) != size*8 {
		return c.damaged("chunk %d does not have the size of %d rows", c.chunk, size)
	}
	if validity[c.slot/8]>>(c.slot%8)&1 == 0 || int64(binary.LittleEndian.Uint64(rowids[8*c.slot:])) != c.rowid {
		return c.damaged("chunk %d does not know row %d", c.chunk, c.rowid)
	}
	return nil
}

// read returns bytes of a column's chunk, until the next call.
func (c *cursor) read(column int, from int64, n int) ([]byte, error) {
	col := &c.Columns[column]
	blob := c.blobs[column]
	var err error
	switch {
	case blob == nil:
		if c.held == nil {
			c.held = make([]int64, len(c.Columns))
		}
		blob, err = c.db.OpenBlob(c.schema, c.name+"_"+col.chunks(), col.blob(), c.chunk, false)
		c.blobs[column] = blob
	case c.held[column] != c.chunk:
		err = blob.Reopen(c.chunk)
	}
	if err != nil {
		return nil, c.damaged("chunk %d of column %q: %w", c.chunk, col.Name, err)
	}
	c.held[column] = c.chunk
	if want := c.bytesOf(col); blob.Size() != want {
		return nil, c.damaged("chunk %d of column %q has %d bytes, not %d", c.chunk, col.Name, blob.Size(), want)
	}
	if cap(c.buf) < n {
		c.buf = make([]byte, n)
	}
	if _, err := blob.Seek(from, io.SeekStart); err != nil {
		return nil, err
	}
	_, err = io.ReadFull(blob, c.buf[:n])
	return c.buf[:n], err
}

func (c *cursor) auxiliary(ctx sqlite3.Context, col *Column) error {
	return c.stored(ctx, "SELECT "+col.value()+" FROM "+c.shadow("auxiliary")+" WHERE rowid = ?", col)
}

// stored returns what a shadow table has for the row.
func (c *cursor) stored(ctx sqlite3.Context, query string, col *Column) error {
	s, err := c.statement(query)
	if err != nil {
		return err
	}
	if err := s.BindInt64(1, c.rowid); err != nil {
		return err
	}
	ok := s.Step()
	if ok {
		ctx.ResultValue(s.ColumnValue(0))
	}
	if err := errors.Join(s.Err(), s.Reset()); err != nil {
		return err
	}
	if !ok {
		return c.damaged("row %d has no value for column %q", c.rowid, col.Name)
	}
	return nil
}

func (c *cursor) metadata(ctx sqlite3.Context, column int) error {
	col := &c.Columns[column]
	if col.bits {
		b, err := c.read(column, c.slot/8, 1)
		if err == nil {
			ctx.ResultInt64(int64(b[0] >> (c.slot % 8) & 1))
		}
		return err
	}
	b, err := c.read(column, c.slot*int64(col.slot()), col.slot())
	if err != nil {
		return err
	}
	switch col.Class {
	case store.Integer:
		ctx.ResultInt64(int64(binary.LittleEndian.Uint64(b)))
	case store.Real:
		ctx.ResultFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	default:
		n := int32(binary.LittleEndian.Uint32(b))
		if n < 0 {
			return c.damaged("row %d has a text of %d bytes in column %q", c.rowid, n, col.Name)
		}
		if n > textStart {
			return c.stored(ctx, "SELECT data FROM "+c.shadow(col.texts())+" WHERE rowid = ?", col)
		}
		ctx.ResultRawText(bytes.Clone(b[4 : 4+n]))
	}
	return nil
}

// Close ends the query.
func (c *cursor) Close() error {
	err := errors.Join(c.rows.Close(), c.loaded.Close())
	c.rows, c.loaded = nil, nil
	for i, blob := range c.blobs {
		err = errors.Join(err, blob.Close())
		c.blobs[i] = nil
	}
	return err
}
