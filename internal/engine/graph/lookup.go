package graph

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// lookupRows is how many keys are asked for at once.
const lookupRows = 1000

// Lookup returns the rows with the given keys.
func (d *DB) Lookup(ctx context.Context, table string, keys, columns []string, rows *store.Rows) (*store.Rows, []int, error) {
	out := store.NewRows(len(columns))
	found := slices.Repeat([]int{-1}, rows.N)
	_, take, err := d.reading(ctx, table, columns)
	if err != nil {
		return nil, nil, d.failed("read", err)
	}
	err = d.locate(ctx, table, keys, rows, func(row int, values []Value) error {
		if found[row] >= 0 {
			return nil // one of several with the key
		}
		found[row] = out.N
		return take(values, out)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("table %q: %w", table, d.failed("look up rows of", err))
	}
	return out, found, nil
}

// locate calls take for each row of the table with one of the keys, and the row of
// keys, with what a reading returns of it.
func (d *DB) locate(ctx context.Context, table string, keys []string, rows *store.Rows, take func(row int, values []Value) error) error {
	if rows.N == 0 {
		return nil
	}
	if table == edges {
		return d.locateEdges(ctx, keys, rows, take)
	}
	r, again, err := d.reading(ctx, table, keys)
	if err != nil {
		return err
	}
	r.On = "" // the keys say where
	base := r.Where
	byNumber := slices.Contains(keys, nodeColumn) && !isPlain(table)
	r.Return = append(r.Return, "row[0]")
	check := store.NewRows(len(keys))
	run := func(asked []any) error {
		r.Unwind = asked
		return d.c.Read(ctx, r, func(values []Value) error {
			row, ok := values[len(values)-1].(int64)
			if !ok || row < 0 || int(row) >= rows.N {
				return errReply
			}
			values = values[:len(values)-1]
			check.Reset()
			if err := again(values, check); err != nil {
				return err
			}
			for i := range keys { // 1 and 1.0 are equal to the server
				if !check.Columns[i].Equal(0, &rows.Columns[i], int(row)) {
					return nil
				}
			}
			return take(int(row), values)
		})
	}
	for from := 0; from < rows.N; from += lookupRows {
		byForm := map[string][]any{} // rows by which of their keys the server can compare
		for row := from; row < min(rows.N, from+lookupRows); row++ {
			if one, form, ok := d.keyOf(rows, row, isPlain(table)); ok {
				byForm[form] = append(byForm[form], one)
			}
		}
		for _, form := range slices.Sorted(maps.Keys(byForm)) {
			where, err := d.conditions(keys, form, byNumber)
			if err != nil {
				return err
			}
			if !byNumber {
				r.Where = and(base, where)
				if err := run(byForm[form]); err != nil {
					return err
				}
				continue
			}
			at := fmt.Sprintf("row[%d]", slices.Index(keys, nodeColumn)+1)
			for _, by := range []string{"n:" + numbered + " AND n." + numberKey + " = " + at, fmt.Sprintf("id(n) = %s - %d AND n.%s IS NULL", at, d.offset, numberKey)} {
				r.Where = and(by, base, where)
				if err := run(byForm[form]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// What the server does with a key: it compares it, it looks that there is none, or it
// leaves it to us.
const (
	compared = 'c'
	searched = 's' // as no index does it
	none     = 'n'
	unsaid   = 'u'
)

// conditions are those of rows whose keys have a form.
func (d *DB) conditions(keys []string, form string, byNumber bool) (string, error) {
	var out []string
	for i, k := range keys {
		if k == nodeColumn && byNumber || form[i] == unsaid || strings.HasPrefix(k, "$") {
			continue
		}
		name, err := d.c.QuoteName(k)
		if errors.Is(err, ErrRefused) {
			continue // no node has the key
		} else if err != nil {
			return "", err
		}
		if form[i] == none {
			out = append(out, "n."+name+" IS NULL")
		} else {
			out = append(out, equal(d.c, "n."+name, fmt.Sprintf("row[%d]", i+1), form[i] == compared))
		}
	}
	return and(out...), nil
}

// keyOf returns the number of a row and its cells as what stands in the graph, and
// their form; false if no node can have them.
func (d *DB) keyOf(rows *store.Rows, row int, plain bool) (one []any, form string, ok bool) {
	one = make([]any, 1, 1+len(rows.Columns))
	one[0] = int64(row)
	kinds := make([]byte, len(rows.Columns))
	for i := range rows.Columns {
		cells := &rows.Columns[i]
		var v Value
		if plain {
			v = packCell(cells, row)
		} else {
			var err error
			if v, err = valueOf(cells, row); err != nil {
				return nil, "", false
			}
		}
		if _, _, err := d.c.Encode(v); err != nil {
			return nil, "", false
		}
		switch f, float := v.(float64); v.(type) {
		case string, int64, float64, bool:
			switch kinds[i] = compared; {
			case float && math.IsNaN(f):
				kinds[i], v = unsaid, nil
			case !d.c.Finds(v):
				kinds[i] = searched
			}
		case nil:
			kinds[i] = none
		default:
			kinds[i], v = unsaid, nil
		}
		one = append(one, v)
	}
	return one, string(kinds), true
}

// An edgeIndex finds relationships by a key, for which servers have no index over all
// types: the places of the keys' values with the ids of start and relationship.
type edgeIndex struct {
	keys []string
	at   map[[16]byte][][2]int64
}

func (d *DB) locateEdges(ctx context.Context, keys []string, rows *store.Rows, take func(row int, values []Value) error) error {
	ix, err := d.edgeIndex(ctx, keys)
	if err != nil {
		return err
	}
	r, again, err := d.reading(ctx, edges, keys)
	if err != nil {
		return err
	}
	r.On = ""
	r.Where = "id(a) = row[1] AND id(r) = row[2]"
	width := len(r.Return)
	r.Return = append(r.Return, "row[0]")
	check := store.NewRows(len(keys))
	for from := 0; from < rows.N; from += lookupRows {
		r.Unwind = nil
		for row := from; row < min(rows.N, from+lookupRows); row++ {
			for _, at := range ix.at[placeOf(rows, row)] {
				r.Unwind = append(r.Unwind, []any{int64(row), at[0], at[1]})
			}
		}
		if r.Unwind == nil {
			continue
		}
		err := d.c.Read(ctx, r, func(values []Value) error {
			row, ok := values[1+width].(int64)
			if !ok || row < 0 || int(row) >= rows.N {
				return errReply
			}
			values = values[:1+width]
			check.Reset()
			if err := again(values, check); err != nil {
				return err
			}
			for i := range keys {
				if !check.Columns[i].Equal(0, &rows.Columns[i], int(row)) {
					return nil
				}
			}
			return take(int(row), values)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func placeOf(rows *store.Rows, row int) [16]byte {
	var buf []byte
	for i := range rows.Columns {
		buf = rows.Columns[i].Value(row).Append(buf)
	}
	return format.Place(buf)
}

// edgeIndex reads all relationships once.
func (d *DB) edgeIndex(ctx context.Context, keys []string) (*edgeIndex, error) {
	if ix := d.edgeIndexes[strings.Join(keys, "\x00")]; ix != nil {
		return ix, nil
	}
	r, take, err := d.reading(ctx, edges, keys)
	if err != nil {
		return nil, err
	}
	ix := &edgeIndex{keys, map[[16]byte][][2]int64{}}
	one := store.NewRows(len(keys))
	err = d.c.Read(ctx, r, func(values []Value) error {
		one.Reset()
		if err := take(values, one); err != nil {
			return err
		}
		return ix.add(one, 0, values[edgeStart], values[edgeID])
	})
	if err != nil {
		return nil, err
	}
	if d.edgeIndexes == nil {
		d.edgeIndexes = map[string]*edgeIndex{}
	}
	d.edgeIndexes[strings.Join(keys, "\x00")] = ix
	return ix, nil
}

func (ix *edgeIndex) add(keys *store.Rows, row int, start, id Value) error {
	a, ok1 := start.(int64)
	b, ok2 := id.(int64)
	if !ok1 || !ok2 {
		return errReply
	}
	p := placeOf(keys, row)
	ix.at[p] = append(ix.at[p], [2]int64{a, b})
	return nil
}
