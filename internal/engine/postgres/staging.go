package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/memarc/memarc/internal/store"
)

// A staging table takes rows before they go where they belong: n is the number of
// the row, and c0, c1 and so on are its columns, as text where the type has no codec.

// stage copies rows into a staging table, and returns its name and the rows that it
// holds. The table is used again for the same columns: each new one would hold locks
// until the end of the transaction.
func (t *Target) stage(ctx context.Context, columns []*column, rows *store.Rows, which []int, reject func(int, error)) (string, []int, error) {
	parts := []string{"n bigint"}
	for i, c := range columns {
		parts = append(parts, fmt.Sprintf("c%d %s", i, c.staged()))
	}
	list := strings.Join(parts, ", ")
	name, ok := t.staged[list]
	if ok {
		if err := t.exec(ctx, "TRUNCATE "+name); err != nil {
			return "", nil, err
		}
	} else {
		t.stages++
		plain := fmt.Sprintf("memarc_stage_%d", t.stages)
		if err := t.exec(ctx, "CREATE TEMP TABLE "+plain+" ("+list+") ON COMMIT DROP"); err != nil {
			return "", nil, err
		}
		name = "pg_temp." + plain
		t.staged[list] = name
	}
	bad := map[int]bool{}
	err := t.halve(ctx, which, func(row int, err error) { bad[row] = true; reject(row, err) }, func(which []int) error {
		return copyIn(ctx, t.client().PgConn(), name, newCopyStream(columns, rows, which, true))
	})
	return name, slices.DeleteFunc(which, func(row int) bool { return bad[row] }), err
}

// staged is the type of the column in a staging table.
func (c *column) staged() string {
	if c.codec == nil {
		return "text"
	}
	return c.decl
}

// value is the staged value in the column's own type, but for its length: a cast to
// that would cut where an assignment refuses.
func (c *column) value(i int) string {
	if c.codec == nil {
		return fmt.Sprintf("s.c%d::%s", i, c.cast)
	}
	return fmt.Sprintf("s.c%d", i)
}

// among limits a statement to some rows of a staging table: those of a sorted list.
func among(which []int) string {
	first, last := which[0], which[len(which)-1]
	if last-first == len(which)-1 {
		return fmt.Sprintf("s.n BETWEEN %d AND %d", first, last)
	}
	list := strconv.AppendInt([]byte("s.n = ANY ('{"), int64(first), 10)
	for _, row := range which[1:] {
		list = strconv.AppendInt(append(list, ','), int64(row), 10)
	}
	return string(list) + "}'::bigint[])"
}

// insertStaged inserts rows with values that only casts can make.
func (t *Target) insertStaged(ctx context.Context, tab *table, columns []*column, rows *store.Rows, which []int, reject func(int, error)) error {
	stage, which, err := t.stage(ctx, columns, rows, which, reject)
	if err != nil {
		return err
	}
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = c.value(i)
	}
	into := "INSERT INTO " + t.qualified(tab.name) + " (" + writtenColumns(columns) + ") OVERRIDING SYSTEM VALUE SELECT " + strings.Join(values, ", ") + " FROM " + stage + " s WHERE "
	return t.insertAll(ctx, which, reject, func(which []int) error { return t.exec(ctx, into+among(which)+" ORDER BY s.n") })
}

// match is the condition under which a row of the table has the staged key. Only where
// a key has NULL it asks for that too, at the price of the index.
func match(keys []*column, rows *store.Rows) string {
	parts := make([]string, len(keys))
	for i, c := range keys {
		left, right := c.comparand("t."), c.value(i)
		if !c.comparable {
			right = fmt.Sprintf("s.c%d::text", i)
		}
		parts[i] = left + " = " + right
		if slices.Contains(rows.Columns[i].Kinds, store.Null) {
			parts[i] = "(" + parts[i] + fmt.Sprintf(" OR t.%s IS NULL AND s.c%d IS NULL)", store.QuoteName(c.name), i)
		}
	}
	return strings.Join(parts, " AND ")
}

// Update sets columns of the rows with the given keys.
func (t *Target) Update(ctx context.Context, name string, keys, columns []string, rows *store.Rows, reject func(row int, err error)) error {
	if len(columns) == 0 || rows.N == 0 {
		return nil
	}
	if err := t.restoreKeys(ctx, name); err != nil {
		return err
	}
	tab, err := t.ready(ctx, name)
	if err != nil {
		return err
	}
	picked, err := tab.pick(append(append([]string(nil), keys...), columns...))
	if err != nil {
		return t.failed("write", err)
	}
	which := holds(picked, rows, reject)
	if len(which) == 0 {
		return nil
	}
	if err := t.count(ctx, tab, len(which)); err != nil {
		return err
	}
	wrong := func(err error) error { return fmt.Errorf("table %q: %w", name, t.failed("write", err)) }
	enable, err := t.silence(ctx, tab)
	if err != nil {
		return wrong(err)
	}
	for _, round := range rounds(picked[:len(keys)], rows, which) {
		if err := t.updateRound(ctx, tab, picked, len(keys), rows, round, reject); err != nil {
			return wrong(err)
		}
	}
	if err := enable(); err != nil {
		return wrong(err)
	}
	return nil
}

// rounds parts rows so that no key comes twice in one of them: the last row with a key
// is the one that stays.
func rounds(keys []*column, rows *store.Rows, which []int) [][]int {
	var out [][]int
	seen := map[string]int{}
	var key []byte
	for _, row := range which {
		key = key[:0]
		for i, c := range keys {
			key = c.appendKey(key, &rows.Columns[i], row)
		}
		n := seen[string(key)]
		seen[string(key)] = n + 1
		if n == len(out) {
			out = append(out, nil)
		}
		out[n] = append(out[n], row)
	}
	return out
}

// updateRound updates rows of different keys.
func (t *Target) updateRound(ctx context.Context, tab *table, picked []*column, keys int, rows *store.Rows, which []int, reject func(int, error)) error {
	stage, which, err := t.stage(ctx, picked, rows, which, reject)
	if err != nil {
		return err
	}
	sets := make([]string, len(picked)-keys)
	for i, c := range picked[keys:] {
		sets[i] = store.QuoteName(c.name) + " = " + c.value(keys+i)
	}
	update := "UPDATE " + t.qualified(tab.name) + " t SET " + strings.Join(sets, ", ") + " FROM " + stage + " s WHERE " + match(picked[:keys], rows) + " AND "
	met := map[int]bool{}
	err = t.halve(ctx, which, func(row int, err error) { met[row] = true; reject(row, err) }, func(which []int) error {
		var found []int
		_, err := t.collect(ctx, update+among(which)+" RETURNING s.n", nil, nil, func(values [][]byte) error {
			if len(values) != 1 || len(values[0]) != 8 {
				return errValue
			}
			found = append(found, int(binary.BigEndian.Uint64(values[0])))
			return nil
		})
		if err != nil {
			return err
		}
		for _, row := range found {
			met[row] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, row := range which {
		if !met[row] {
			reject(row, store.ErrNoRow)
		}
	}
	return nil
}

// silence turns off the triggers that would change updated rows once more, such as
// one that says when a row was changed: what is written is what was archived. It
// returns what turns them on again. Without the right to do so they stay on, and the
// proof at the end shows what they did.
func (t *Target) silence(ctx context.Context, tab *table) (enable func() error, err error) {
	const row, before, update = 1, 2, 16
	found, err := t.client().Query(ctx, `SELECT CASE tgenabled WHEN 'A' THEN 'ALWAYS ' ELSE '' END, tgname::text FROM pg_catalog.pg_trigger
		WHERE tgrelid = $1 AND NOT tgisinternal AND tgenabled IN ('O', 'A') AND tgtype & $2 <> 0 AND tgtype & $3 <> 0 AND tgtype & $4 <> 0`, tab.oid, row, before, update)
	if err != nil {
		return nil, err
	}
	var off, on []string
	var always, name string
	_, err = pgx.ForEachRow(found, []any{&always, &name}, func() error {
		name = "TRIGGER " + store.QuoteName(name)
		off, on = append(off, "DISABLE "+name), append(on, "ENABLE "+always+name)
		return nil
	})
	if err != nil || len(on) == 0 {
		return func() error { return nil }, err
	}
	alter := "ALTER TABLE " + t.qualified(tab.name) + " "
	err = t.guarded(ctx, func() error { return t.exec(ctx, alter+strings.Join(off, ", ")) })
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" {
		return func() error { return nil }, nil
	}
	return func() error { return t.exec(ctx, alter+strings.Join(on, ", ")) }, err
}

// Delete deletes the rows with the given keys.
func (t *Target) Delete(ctx context.Context, name string, keys []string, rows *store.Rows) error {
	if rows.N == 0 {
		return nil
	}
	if err := t.restoreKeys(ctx, name); err != nil {
		return err
	}
	tab, err := t.ready(ctx, name)
	if err != nil {
		return err
	}
	picked, err := tab.pick(keys)
	if err != nil {
		return t.failed("write", err)
	}
	which := holds(picked, rows, func(int, error) {}) // what no column holds is not there
	if len(which) == 0 {
		return nil
	}
	var refused error
	absent := func(_ int, err error) { // so is what is no text of the type
		if refused == nil && !errors.Is(err, errData) {
			refused = err
		}
	}
	stage, which, err := t.stage(ctx, picked, rows, which, func(int, error) {})
	if err == nil {
		err = t.halve(ctx, which, absent, func(which []int) error {
			return t.exec(ctx, "DELETE FROM "+t.qualified(name)+" t USING "+stage+" s WHERE "+match(picked, rows)+" AND "+among(which))
		})
	}
	if err = errors.Join(err, refused); err != nil {
		return fmt.Errorf("table %q: %w", name, t.failed("write", err))
	}
	return nil
}
