package postgres

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/memarc/memarc/internal/store"
)

// Count returns the number of rows of a table.
func (d *DB) Count(ctx context.Context, name string) (n int64, err error) {
	t, err := d.table(ctx, name)
	if err != nil {
		return 0, err
	}
	if err := d.client().QueryRow(ctx, "SELECT count(*) FROM "+d.from(t)).Scan(&n); err != nil {
		return 0, fmt.Errorf("table %q: %w", name, d.failed("count rows of", err))
	}
	return n, nil
}

// Distinct returns the distinct combinations of columns of a table, ordered by
// their cells: NULL, numbers, texts, bytes, whatever the database's collation.
func (d *DB) Distinct(ctx context.Context, name string, columns []string, limit int) (*store.Rows, error) {
	t, err := d.table(ctx, name)
	if err != nil {
		return nil, err
	}
	picked, err := t.pick(columns)
	if err != nil {
		return nil, d.failed("read", err)
	}
	var names, keys []string
	for _, c := range picked {
		names = append(names, c.expression())
		keys = append(keys, c.comparand(""))
	}
	by := strings.Join(keys, ", ")
	query := fmt.Sprintf("SELECT DISTINCT ON (%s) %s FROM %s ORDER BY %s LIMIT %d", by, strings.Join(names, ", "), d.from(t), by, limit+1)
	rows := store.NewRows(len(columns))
	_, err = d.collect(ctx, query, nil, nil, func(values [][]byte) error { return appendValues(rows, picked, values) })
	if err != nil {
		return nil, fmt.Errorf("table %q: %w", name, d.failed("read", err))
	}
	if rows.N > limit {
		return nil, fmt.Errorf("read %q: table %q has more than %d combinations of %s", d.name, name, limit, strings.Join(columns, ", "))
	}
	order := make([]int, rows.N)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compareRows(rows, a, b) })
	sorted := store.NewRows(len(columns))
	for _, row := range order {
		sorted.AppendRow(rows, row)
	}
	return sorted, nil
}

// compareRows orders two rows by class, then by value.
func compareRows(rows *store.Rows, a, b int) int {
	for i := range rows.Columns {
		c := &rows.Columns[i]
		order := cmp.Compare(c.Kinds[a], c.Kinds[b])
		if order == 0 {
			switch c.Kinds[a] {
			case store.Integer:
				order = cmp.Compare(c.Int(a), c.Int(b))
			case store.Real:
				order = cmp.Compare(c.Float(a), c.Float(b))
			case store.Text, store.Blob:
				order = bytes.Compare(c.Bytes(a), c.Bytes(b))
			}
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// comparand is what stands for the column in a comparison.
func (c *column) comparand(table string) string {
	name := table + store.QuoteName(c.name)
	if !c.comparable {
		name += "::text"
	}
	return name
}

// Lookup returns, for each row of keys, a row of the table with that key. NULL is
// the key of NULL.
func (d *DB) Lookup(ctx context.Context, name string, keys, columns []string, rows *store.Rows) (*store.Rows, []int, error) {
	t, err := d.table(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	l := &lookup{db: d, table: t, rows: rows, result: store.NewRows(len(columns)), found: make([]int, rows.N)}
	if l.keys, err = t.pick(keys); err == nil {
		l.columns, err = t.pick(columns)
	}
	if err != nil {
		return nil, nil, d.failed("read", err)
	}
	for _, g := range l.groups() {
		if err := l.find(ctx, g.nulls, g.wanted); err != nil {
			return nil, nil, fmt.Errorf("table %q: %w", name, d.failed("read", err))
		}
	}
	return l.result, l.found, nil
}

// A lookup is one call of Lookup.
type lookup struct {
	db            *DB
	table         *table
	keys, columns []*column
	rows          *store.Rows
	result        *store.Rows
	found         []int
}

// A wanted key has the binary value of each key column that is not NULL, and the
// rows that ask for it.
type wanted struct {
	values [][]byte
	rows   []int
}

// A group is the keys in which the same columns are NULL, so that the others are
// compared by an equality for which indexes are used.
type group struct {
	nulls  string // one byte a column, 1 for NULL
	wanted []*wanted
}

// groups encodes the keys. One that its column cannot hold is not to be found.
func (l *lookup) groups() []*group {
	var out []*group
	byNulls, byKey := map[string]*group{}, map[string]*wanted{}
	nulls := make([]byte, len(l.keys))
	var key []byte
	for row := range l.rows.N {
		l.found[row] = -1
		w := &wanted{values: make([][]byte, len(l.keys))}
		possible := true
		key = key[:0]
		for i, c := range l.keys {
			nulls[i] = 0
			cells := &l.rows.Columns[i]
			if cells.Kinds[row] == store.Null {
				nulls[i], possible = 1, possible && !c.notNull
				key = binary.BigEndian.AppendUint32(key, math.MaxUint32)
				continue
			}
			v, err := c.parameter(cells, row)
			possible = possible && err == nil
			w.values[i] = v
			key = append(binary.BigEndian.AppendUint32(key, uint32(len(v))), v...)
		}
		if !possible {
			continue
		}
		if same := byKey[string(key)]; same != nil {
			same.rows = append(same.rows, row)
			continue
		}
		w.rows = []int{row}
		byKey[string(key)] = w
		g := byNulls[string(nulls)]
		if g == nil {
			g = &group{nulls: string(nulls)}
			byNulls[g.nulls] = g
			out = append(out, g)
		}
		g.wanted = append(g.wanted, w)
	}
	return out
}

// asText tells whether keys of the column travel as text, to be cast.
func (c *column) asText() bool { return c.codec == nil || c.codec.array == 0 || !c.comparable }

// parameter returns a cell as an element of the array of keys.
func (c *column) parameter(cells *store.Cells, row int) ([]byte, error) {
	switch {
	case c.codec != nil && !c.asText():
		return c.codec.encode(nil, cells, row)
	case c.codec != nil && c.codec.literal != nil:
		if err := checkText(cells, row); err != nil {
			return nil, err
		}
		return c.codec.literal(cells.Bytes(row))
	}
	if err := checkText(cells, row); err != nil {
		return nil, err
	}
	return slices.Clone(cells.Bytes(row)), nil
}

// find asks for the keys of a group. Where a text is not one of its type, the
// server refuses all: then halves are asked for, down to that key.
func (l *lookup) find(ctx context.Context, nulls string, keys []*wanted) error {
	risky := false
	for i, c := range l.keys {
		risky = risky || nulls[i] == 0 && c.asText() && c.comparable
	}
	if !risky {
		return l.ask(ctx, nulls, keys)
	}
	at := l.result.N
	err := l.db.guarded(ctx, func() error { return l.ask(ctx, nulls, keys) })
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || !strings.HasPrefix(pg.Code, "22") {
		return err
	}
	if l.result.N != at {
		return err // it has come after rows were given: not of a cast
	}
	if len(keys) == 1 {
		return nil
	}
	if err := l.find(ctx, nulls, keys[:len(keys)/2]); err != nil {
		return err
	}
	return l.find(ctx, nulls, keys[len(keys)/2:])
}

// ask runs one query for keys.
func (l *lookup) ask(ctx context.Context, nulls string, keys []*wanted) error {
	var params [][]byte
	var oids []uint32
	var arrays, names, conditions []string
	for i, c := range l.keys {
		name := "t." + store.QuoteName(c.name)
		if nulls[i] == 1 {
			conditions = append(conditions, name+" IS NULL")
			continue
		}
		elem, list, cast := uint32(pgtype.TextOID), uint32(pgtype.TextArrayOID), ""
		if !c.asText() {
			elem, list = c.codec.oid, c.codec.array
		} else if c.comparable {
			cast = "::" + c.cast
		}
		params, oids = append(params, arrayParameter(elem, keys, i)), append(oids, list)
		arrays, names = append(arrays, fmt.Sprintf("$%d", len(params))), append(names, fmt.Sprintf("k%d", i))
		conditions = append(conditions, fmt.Sprintf("%s = k.k%d%s", c.comparand("t."), i, cast))
	}
	list := []string{}
	for _, c := range l.columns {
		list = append(list, "t."+c.expression())
	}
	var query string
	if len(params) == 0 { // all columns are NULL, so there is one key
		query = "SELECT " + strings.Join(append([]string{"1::int8"}, list...), ", ") + " FROM " + l.db.from(l.table) + " t WHERE " + strings.Join(conditions, " AND ") + " LIMIT 1"
	} else {
		query = "SELECT " + strings.Join(append([]string{"k.n"}, list...), ", ") + " FROM ROWS FROM (unnest(" + strings.Join(arrays, ", ") + ")) WITH ORDINALITY k (" +
			strings.Join(names, ", ") + ", n) JOIN " + l.db.from(l.table) + " t ON " + strings.Join(conditions, " AND ")
	}
	_, err := l.db.collect(ctx, query, params, oids, func(values [][]byte) error {
		if len(values) == 0 || len(values[0]) != 8 {
			return errValue
		}
		n := binary.BigEndian.Uint64(values[0]) - 1
		if n >= uint64(len(keys)) {
			return errValue
		}
		w := keys[n]
		if l.found[w.rows[0]] >= 0 {
			return nil // another row with the same key
		}
		for _, row := range w.rows {
			l.found[row] = l.result.N
		}
		return appendValues(l.result, l.columns, values[1:])
	})
	return err
}

// arrayParameter makes the binary array of the keys' values of one column.
func arrayParameter(elem uint32, keys []*wanted, column int) []byte {
	size := 20
	for _, k := range keys {
		size += 4 + len(k.values[column])
	}
	out := make([]byte, 0, size)
	for _, v := range []uint32{1, 0, elem, uint32(len(keys)), 1} { // dimensions, no NULL, element, length, first subscript
		out = binary.BigEndian.AppendUint32(out, v)
	}
	for _, k := range keys {
		v := k.values[column]
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(v))), v...)
	}
	return out
}
