package pam

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strconv"

	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// write writes the files of a bundle.
func write(ctx context.Context, db store.Tables, create func(string) (io.Writer, error)) error {
	n, err := counts(ctx, db)
	if err != nil {
		return err
	}
	owner, err := ownerOf(ctx, db)
	if err != nil {
		return err
	}
	for _, name := range []string{storeFile, vectorFile} {
		p, err := partsOf(ctx, db, name)
		if err != nil {
			return err
		}
		switch {
		case p == nil && name == vectorFile && n[embeddings] == 0:
			continue
		case p == nil:
			p = newParts(name, owner, n)
		case name == storeFile && n[relations] > 0 && !p.has(relations):
			p = p.withRelations()
		}
		out, err := create(name)
		if err != nil {
			return err
		}
		if err := writeDocument(ctx, db, p, n, bufio.NewWriterSize(out, 64<<10)); err != nil {
			return err
		}
	}
	return textfile.WriteBeside(ctx, db, func() (io.Writer, error) { return create(sidecarFile) })
}

func writeDocument(ctx context.Context, db store.Tables, p parts, n map[string]int64, w *bufio.Writer) error {
	var sums *checksums
	if p.has(dumpedSum) || p.has(standingSum) {
		var err error
		if sums, err = checksumsOf(ctx, db); err != nil {
			return err
		}
	}
	for i, s := range p {
		switch {
		case i%2 == 0:
			w.WriteString(s)
		case s == total:
			w.WriteString(strconv.FormatInt(n[memories], 10))
		case s == dumpedSum:
			w.WriteString(sums.dumped)
		case s == standingSum:
			w.WriteString(sums.standing)
		default:
			if err := writeRecords(ctx, db, tables[s], w); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}

func writeRecords(ctx context.Context, db store.Tables, t *table, w *bufio.Writer) error {
	first := true
	for rows, err := range db.Scan(ctx, store.Query{Table: t.name, Columns: t.columns}) {
		if err != nil {
			return err
		}
		unfolded := t.unfolded(rows)
		spelled := &rows.Columns[len(t.columns)-1]
		for row := range rows.N {
			piece := spelled.Bytes(row)
			if spelled.Kinds[row] != store.Text {
				own, err := t.piece(unfolded, row)
				if err != nil {
					return err
				}
				piece = append([]byte{','}, own...)
			}
			if first {
				piece = cutComma(piece)
			}
			first = false
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
	}
	return nil
}

// fits refuses what the format's library refuses beside what there is: an end of a relation
// or an owner of a vector that is not there, and a second vector of a memory.
func fits(ctx context.Context, db store.Tables, name string, columns []string, rows *store.Rows, refuse func(int, error)) error {
	missing := func(column, table, key string, there bool, why error) error {
		at := slices.Index(columns, column)
		if at < 0 {
			return nil
		}
		_, found, err := db.Lookup(ctx, table, []string{key}, []string{key}, &store.Rows{N: rows.N, Columns: rows.Columns[at : at+1]})
		for row, i := range found {
			if (i >= 0) == there {
				refuse(row, why)
			}
		}
		return err
	}
	absent := store.Dangling{Unfit: "the format wants its memory to be there"}
	switch name {
	case relations:
		for _, end := range []string{"from", "to"} {
			if err := missing(end, memories, "id", false, absent); err != nil {
				return err
			}
		}
	case embeddings:
		if err := missing("memory_id", memories, "id", false, absent); err != nil {
			return err
		}
		return twice(ctx, db, columns, rows, refuse)
	}
	return nil
}

// twice refuses vectors of memories that have one in another space.
func twice(ctx context.Context, db store.Tables, columns []string, rows *store.Rows, refuse func(int, error)) error {
	id, model := slices.Index(columns, "memory_id"), slices.Index(columns, "model")
	if id < 0 || model < 0 {
		return nil
	}
	keys := &store.Rows{N: rows.N, Columns: rows.Columns[id : id+1]}
	there, found, err := db.Lookup(ctx, embeddings, []string{"memory_id"}, []string{"model"}, keys)
	if err != nil {
		return err
	}
	first := map[string]int{}
	for row := range rows.N {
		key := string(rows.Columns[id].Bytes(row))
		at, met := first[key]
		if !met {
			first[key] = row
		}
		if met && !rows.Columns[model].Equal(row, &rows.Columns[model], at) ||
			found[row] >= 0 && !rows.Columns[model].Equal(row, &there.Columns[0], found[row]) {
			refuse(row, store.Unfit("the format has one vector for each memory"))
		}
	}
	return nil
}
