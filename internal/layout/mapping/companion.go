package mapping

import (
	"context"
	"iter"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Vectors that stand in a table of their own are mostly in the order of the memories
// they belong to. Where an engine reads two tables at once for nothing, those that come
// next go right behind their memories, so that a target which keeps both in one row
// writes it once.

// concurrent is the ability of an engine that reads several tables at once as fast as
// one after the other.
type concurrent interface{ Concurrent() bool }

// A companion is a table of vectors that is read along with the memories.
type companion struct {
	table  tableShape
	id, of int // columns: of the memories' identifiers, and of those in the table
	next   func() (*store.Rows, error, bool)
	stop   func()
	run    *store.Rows
	at     int
	ended  bool
	out    *store.Rows
}

// accompany begins to read the vectors of the table of memories; nil if there are none
// in a table of their own.
func (s *source) accompany(ctx context.Context, t tableShape, sel store.Selection) (*companion, error) {
	db, ok := s.db.(concurrent)
	if !ok || !db.Concurrent() || !memoriesTable(t) || sel.Where != "" || !sel.Wants(format.Memories) || !sel.Wants(format.Embeddings) {
		return nil, nil
	}
	for _, e := range s.shape.tables {
		if e.parts[0].section.Name != format.Embeddings || len(e.parts) != 1 {
			continue
		}
		c := &companion{table: e, id: columnOf(t.parts[0], "id"), of: columnOf(e.parts[0], "memory_id"), out: store.NewRows(len(e.columns))}
		if c.id < 0 || c.of < 0 {
			continue
		}
		c.next, c.stop = iter.Pull2(s.db.Scan(ctx, store.Query{Table: e.table.Name, Columns: e.columns, Shared: true}))
		s.companions[e.table.Name] = c
		return c, nil
	}
	return nil, nil
}

// columnOf returns the scanned column that a field comes from, or -1.
func columnOf(p *part, field string) int {
	at := p.section.Field(field)
	i := slices.IndexFunc(p.columns, func(c bound) bool { return c.field == at })
	if at < 0 || i < 0 {
		return -1
	}
	return p.columns[i].at
}

// peek makes sure that there is a row at hand; false at the end.
func (c *companion) peek() (bool, error) {
	for c.run == nil || c.at == c.run.N {
		if c.ended {
			return false, nil
		}
		rows, err, ok := c.next()
		if err != nil {
			return false, err
		}
		c.run, c.at, c.ended = rows, 0, !ok
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// take returns the rows that come next, as far as they belong to a run of memories.
func (c *companion) take(memories *store.Rows) (*store.Rows, error) {
	c.out.Reset()
	for row := range memories.N {
		ok, err := c.peek()
		if err != nil || !ok {
			return c.out, err
		}
		if memories.Columns[c.id].Equal(row, &c.run.Columns[c.of], c.at) {
			c.out.AppendRow(c.run, c.at)
			c.at++
		}
	}
	return c.out, nil
}

// rest yields the rows that belonged to no run of memories.
func (r *reading) rest(ctx context.Context, c *companion) bool {
	for {
		ok, err := c.peek()
		if err != nil {
			r.ahead.drop()
			r.yield(nil, err)
			return false
		}
		if !ok {
			return true
		}
		rows := c.run
		if c.at > 0 {
			rows = store.NewRows(len(c.run.Columns))
			for row := c.at; row < c.run.N; row++ {
				rows.AppendRow(c.run, row)
			}
		}
		c.run = nil
		if !r.take(ctx, rows) {
			return false
		}
	}
}

// dismiss ends the reading of companions.
func (s *source) dismiss() {
	for _, c := range s.companions {
		c.stop()
	}
	s.companions = nil
}
