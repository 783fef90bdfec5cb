package graph

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/memarc/memarc/internal/store"
)

// Update sets columns of the rows with the given keys.
func (t *Target) Update(ctx context.Context, table string, keys, columns []string, rows *store.Rows, reject func(row int, err error)) error {
	if rows.N == 0 {
		return nil
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	all := append(slices.Clone(keys), columns...)
	rows, _ = t.held(table, all, rows)
	found := make([]bool, rows.N)
	type change struct {
		row        int
		ids        []any
		properties map[string]any
		ends       []any // type, from and to of a relationship, as they are
	}
	var changes []change
	asked := &store.Rows{N: rows.N, Columns: rows.Columns[:len(keys)]}
	err := t.locate(ctx, table, keys, asked, func(row int, values []Value) error {
		if found[row] {
			return nil
		}
		found[row] = true
		properties, ok := values[0].(map[string]any)
		if !ok {
			return errReply
		}
		ch := change{row: row, ids: []any{values[1]}, properties: properties}
		if table == edges {
			ch.ids, ch.ends = []any{values[edgeID], values[edgeStart], values[edgeEnd]}, []any{values[edgeType]}
		}
		changes = append(changes, ch)
		return nil
	})
	if err != nil {
		return fmt.Errorf("table %q: %w", table, t.failed("look up rows of", err))
	}
	for row := range rows.N {
		if !found[row] {
			reject(row, errors.New("there is no such row"))
		}
	}
	of, find := "n", "MATCH (n) WHERE id(n) = row.id"
	if table == edges {
		of, find = "r", "MATCH (a)-[r]->() WHERE id(a) = row.start AND id(r) = row.id"
	}
	b := t.newBatch(of)
	for _, ch := range changes {
		if table == edges {
			same, err := t.sameEnds(ctx, columns, rows, len(keys), ch.row, ch.ids, ch.ends[0])
			if err != nil {
				return fmt.Errorf("table %q: %w", table, t.failed("write", err))
			}
			if !same {
				if err := t.replaceEdge(ctx, keys, columns, rows, ch.row, ch.ids, ch.ends[0], ch.properties, reject); err != nil {
					return fmt.Errorf("table %q: %w", table, t.failed("write", err))
				}
				continue
			}
		}
		after, err := t.after(table, ch.properties, all, rows, ch.row)
		if err != nil {
			return fmt.Errorf("table %q: %w", table, t.failed("write", err))
		}
		fields := map[string]any{"id": ch.ids[0]}
		if table == edges {
			fields["start"] = ch.ids[1]
		}
		err = b.add(after, fields)
		if errors.Is(err, errOther) || err == nil && len(b.rows) >= writeRows {
			again := err
			if err = b.run(ctx, find, "", nil); err == nil {
				if b = t.newBatch(of); again != nil {
					err = b.add(after, fields)
				}
			}
		}
		if err != nil {
			return fmt.Errorf("table %q: %w", table, t.failed("write", err))
		}
	}
	if err := b.run(ctx, find, "", nil); err != nil {
		return fmt.Errorf("table %q: %w", table, t.failed("write", err))
	}
	if table == edges {
		t.edgeIndexes = nil
	}
	t.catalogGrew(table, columns)
	return nil
}

// after returns the properties that a changed row has, with what they were before.
func (t *Target) after(table string, before map[string]any, columns []string, rows *store.Rows, row int) (map[string]any, error) {
	set, err := t.properties(table, columns, rows, row)
	if err != nil {
		return nil, err
	}
	after := maps.Clone(before)
	if !isPlain(table) && slices.Contains(columns, moreColumn) {
		maps.DeleteFunc(after, func(key string, _ any) bool { return !isColumn(key) })
		maps.Copy(after, set)
	}
	for _, name := range columns {
		if (name == nodeColumn || name == edgeColumn) && !isPlain(table) {
			name = numberKey
		}
		if v, ok := set[name]; ok {
			after[name] = v
		} else if !strings.HasPrefix(name, "$") && name != numberKey {
			delete(after, name)
		}
	}
	if before[runKey] == nil {
		raw, err := appendJSON(nil, before)
		if err != nil {
			return nil, err
		}
		after[beforeKey], after[runKey] = string(raw), t.run
	}
	return after, nil
}

// sameEnds tells whether a row says the same of a relationship's type and ends as it
// has.
func (t *Target) sameEnds(ctx context.Context, columns []string, rows *store.Rows, skip, row int, ids []any, typ any) (bool, error) {
	asked := store.NewRows(1)
	now, err := t.endsOf(ctx, ids)
	if err != nil {
		return false, err
	}
	now[typeColumn] = typ
	for i, name := range columns {
		if !strings.HasPrefix(name, "$") {
			continue
		}
		have, ok := now[name]
		if !ok {
			continue
		}
		asked.Reset()
		if err := appendCell(&asked.Columns[0], have); err != nil {
			return false, err
		}
		if !asked.Columns[0].Equal(0, &rows.Columns[skip+i], row) {
			return false, nil
		}
	}
	return true, nil
}

// endsOf returns what the columns of a relationship's ends hold.
func (t *Target) endsOf(ctx context.Context, ids []any) (map[string]Value, error) {
	columns := []string{fromNode, toNode}
	if t.label != "" {
		columns = append(columns, fromColumn, toColumn)
	}
	r, take, err := t.reading(ctx, edges, columns)
	if err != nil {
		return nil, err
	}
	r.On, r.Unwind, r.Where = "", []any{[]any{ids[1], ids[0]}}, "id(a) = row[0] AND id(r) = row[1]"
	rows := store.NewRows(len(columns))
	if err := t.c.Read(ctx, r, func(v []Value) error { return take(v, rows) }); err != nil {
		return nil, err
	}
	out := map[string]Value{}
	for i, name := range columns {
		if rows.N == 0 {
			return nil, errReply
		}
		if out[name], err = valueOf(&rows.Columns[i], 0); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// replaceEdge puts another relationship in the place of one: none changes its type or
// its ends.
func (t *Target) replaceEdge(ctx context.Context, keys, columns []string, rows *store.Rows, row int, ids []any, typ any, properties map[string]any, reject func(int, error)) error {
	all := append(slices.Clone(keys), columns...)
	one := store.NewRows(len(all))
	one.AppendRow(rows, row)
	var refused error
	if err := t.Insert(ctx, edges, all, one, func(_ int, err error) { refused = err }); err != nil {
		return err
	}
	if refused != nil {
		reject(row, refused)
		return nil
	}
	return t.removeEdge(ctx, ids, typ, properties)
}

// removeEdge deletes a relationship, so that it can be had back.
func (t *Target) removeEdge(ctx context.Context, ids []any, typ any, properties map[string]any) error {
	params := map[string]Value{"id": ids[0], "start": ids[1], "end": ids[2], "type": typ, "run": t.run, "table": edges}
	find := "MATCH (a)-[r]->() WHERE id(a) = $start AND id(r) = $id "
	if properties[runKey] == nil {
		raw, err := appendJSON(nil, properties)
		if err != nil {
			return err
		}
		params["before"] = string(raw)
		find += "CREATE (n:" + deleted + ") SET n." + tableKey + " = $table, n." + runKey + " = $run, n.start = $start, n.end = $end, n.type = $type, n." + beforeKey + " = $before "
	}
	return t.c.Run(ctx, find+"DELETE r", params, nil)
}

// Delete deletes the rows with the given keys.
func (t *Target) Delete(ctx context.Context, table string, keys []string, rows *store.Rows) error {
	if rows.N == 0 {
		return nil
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	var ids []any
	var edgeIDs [][]any
	var before []map[string]any
	err := t.locate(ctx, table, keys, rows, func(_ int, values []Value) error {
		if table == edges {
			properties, _ := values[0].(map[string]any)
			edgeIDs, before = append(edgeIDs, []any{values[edgeID], values[edgeStart], values[edgeEnd], values[edgeType]}), append(before, properties)
			return nil
		}
		ids = append(ids, values[1])
		return nil
	})
	for i := 0; err == nil && i < len(edgeIDs); i++ {
		err = t.removeEdge(ctx, edgeIDs[i][:3], edgeIDs[i][3], before[i])
	}
	if table == edges {
		t.edgeIndexes = nil
	}
	label := plainLabel(table)
	if err == nil && len(ids) > 0 && !isPlain(table) {
		var labels []string
		if labels, err = labelsOf(table); err == nil && len(labels) == 0 {
			err = errors.New("nodes without a label are not deleted")
		} else if err == nil {
			label = labels[0]
		}
	}
	for from := 0; err == nil && from < len(ids); from += writeRows {
		some := map[string]Value{"ids": ids[from:min(len(ids), from+writeRows)]}
		err = t.removeIDs(ctx, label, some)
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", table, t.failed("delete rows of", err))
	}
	return nil
}

func (t *Target) removeIDs(ctx context.Context, label string, params map[string]Value) error {
	quoted, err := t.c.QuoteName(label)
	if err != nil {
		return err
	}
	params["run"], params["table"] = t.run, label
	const find = "UNWIND $ids AS i MATCH (n) WHERE id(n) = i "
	if err := t.c.Run(ctx, find+"AND n."+runKey+" = $run AND n."+beforeKey+" IS NULL DETACH DELETE n", params, nil); err != nil {
		return err
	}
	return t.c.Run(ctx, find+"SET n:"+deleted+", n."+tableKey+" = $table, n."+runKey+" = $run REMOVE n:"+quoted, params, nil)
}
