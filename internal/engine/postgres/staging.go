package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/memarc/memarc/internal/store"
)

// A staging table takes rows before they go where they belong: n is the number of
// the row, and c0, c1 and so on are its columns, as text where the type has no codec.

// stage copies rows into a new staging table and returns its name.
func (t *Target) stage(ctx context.Context, columns []*column, rows *store.Rows, which []int) (string, error) {
	t.stages++
	name := fmt.Sprintf("pg_temp.memarc_stage_%d", t.stages)
	parts := []string{"n bigint"}
	for i, c := range columns {
		parts = append(parts, fmt.Sprintf("c%d %s", i, c.staged()))
	}
	if err := t.exec(ctx, "CREATE TEMP TABLE "+strings.TrimPrefix(name, "pg_temp.")+" ("+strings.Join(parts, ", ")+") ON COMMIT DROP"); err != nil {
		return "", err
	}
	return name, t.copyIn(ctx, name, newCopyStream(columns, rows, which, true))
}

func (t *Target) dropStage(ctx context.Context, name string) error {
	return t.exec(ctx, "DROP TABLE "+name)
}

// staged is the type of the column in a staging table.
func (c *column) staged() string {
	if c.codec == nil {
		return "text"
	}
	return c.decl
}

// value is the staged value in the column's own type.
func (c *column) value(i int) string {
	if c.codec == nil {
		return fmt.Sprintf("s.c%d::%s", i, c.decl)
	}
	return fmt.Sprintf("s.c%d", i)
}

// among limits a statement to some rows of a staging table: those of a sorted list.
func among(which []int) string {
	return fmt.Sprintf("s.n BETWEEN %d AND %d", which[0], which[len(which)-1])
}

// insertStaged inserts rows with values that only casts can make.
func (t *Target) insertStaged(ctx context.Context, tab *table, columns []*column, rows *store.Rows, which []int, reject func(int, error)) error {
	if len(which) == 0 {
		return nil
	}
	stage, err := t.stage(ctx, columns, rows, which)
	if err != nil {
		return err
	}
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = c.value(i)
	}
	into := "INSERT INTO " + t.qualified(tab.name) + " (" + writtenColumns(columns) + ") OVERRIDING SYSTEM VALUE SELECT " + strings.Join(values, ", ") + " FROM " + stage + " s WHERE "
	err = t.halve(ctx, which, reject, func(which []int) error { return t.exec(ctx, into+among(which)+" ORDER BY s.n") })
	if err != nil {
		return err
	}
	return t.dropStage(ctx, stage)
}

// match is the condition under which a row of the table has the staged key.
func match(keys []*column) string {
	parts := make([]string, len(keys))
	for i, c := range keys {
		left, right := c.comparand("t."), c.value(i)
		if !c.comparable {
			right = fmt.Sprintf("s.c%d::text", i)
		}
		parts[i] = left + " = " + right
		if !c.notNull {
			parts[i] = "(" + parts[i] + fmt.Sprintf(" OR t.%s IS NULL AND s.c%d IS NULL)", store.QuoteName(c.name), i)
		}
	}
	return strings.Join(parts, " AND ")
}

var errNoRow = errors.New("there is no row with this key")

// Update sets columns of the rows with the given keys.
func (t *Target) Update(ctx context.Context, name string, keys, columns []string, rows *store.Rows, reject func(row int, err error)) error {
	if len(columns) == 0 || rows.N == 0 {
		return nil
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
	stage, err := t.stage(ctx, picked, rows, which)
	if err != nil {
		return wrong(err)
	}
	sets := make([]string, len(columns))
	for i, c := range picked[len(keys):] {
		sets[i] = store.QuoteName(c.name) + " = " + c.value(len(keys)+i)
	}
	update := "UPDATE " + t.qualified(name) + " t SET " + strings.Join(sets, ", ") + " FROM " + stage + " s WHERE " + match(picked[:len(keys)]) + " AND "
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
		return wrong(err)
	}
	for _, row := range which {
		if !met[row] {
			reject(row, errNoRow)
		}
	}
	if err := t.dropStage(ctx, stage); err != nil {
		return wrong(err)
	}
	return nil
}

// Delete deletes the rows with the given keys.
func (t *Target) Delete(ctx context.Context, name string, keys []string, rows *store.Rows) error {
	if rows.N == 0 {
		return nil
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
	stage, err := t.stage(ctx, picked, rows, which)
	if err == nil {
		err = t.exec(ctx, "DELETE FROM "+t.qualified(name)+" t USING "+stage+" s WHERE "+match(picked))
	}
	if err == nil {
		err = t.dropStage(ctx, stage)
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", name, t.failed("write", err))
	}
	return nil
}
