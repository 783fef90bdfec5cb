package aimemory

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// detectSQLite recognises the product's SQLite stores.
func detectSQLite(ctx context.Context, c *store.Catalog, db store.Tables) (int, bool) {
	if !c.Has("memories", "id", "tier", "namespace", "title", "content", "priority", "access_count") ||
		!c.Has("memory_links", "source_id", "target_id", "relation") || !c.Has("schema_version", "version") {
		return 0, false
	}
	return version(ctx, sqliteSchema, 1, c, db), true
}

// detectPostgres recognises the product's PostgreSQL stores, the first of which have
// no table of versions.
func detectPostgres(ctx context.Context, c *store.Catalog, db store.Tables) (int, bool) {
	if !c.Has("memories", "id", "tier", "namespace", "title", "content", "priority", "access_count", "metadata", "embedding") ||
		!c.Has("memory_links", "source_id", "target_id", "relation") || !c.Has("archived_memories", "archive_reason") ||
		!c.Has("namespace_meta", "standard_id") || !c.Has("pending_actions", "approvals") {
		return 0, false
	}
	return version(ctx, pgSchema, pgBootstrap, c, db), true
}

// version finds the version by what each brought. The number that the store says of
// itself lags, leads and may be missing, so it decides only between versions of the
// same tables and columns.
func version(ctx context.Context, s *store.Schema, least int, c *store.Catalog, db store.Tables) int {
	shape := least
	for v := least + 1; v <= latestVersion; v++ {
		if added := additions(s, v); len(added) > 0 && hasAll(c, added) {
			shape = v
		}
	}
	says := shape
	if rows, err := db.Distinct(ctx, "schema_version", []string{"version"}, 1000); err == nil {
		for row := range rows.N {
			if v := rows.Columns[0]; v.Kinds[row] == store.Integer && v.Int(row) > int64(says) && v.Int(row) <= latestVersion {
				says = int(v.Int(row))
			}
		}
	}
	for v := shape + 1; v <= says; v++ {
		if len(additions(s, v)) > 0 {
			break
		}
		shape = v
	}
	return shape
}

// addition is a table, or a column of one, that a version brought.
type addition struct{ table, column string }

// replayed are tables that products of several versions make whenever they open a
// store, whatever its version, so that they tell nothing.
var replayed = []string{"lineage_integrity_watermark"}

func additions(s *store.Schema, version int) []addition {
	var out []addition
	for i := range s.Tables {
		t := &s.Tables[i]
		if slices.Contains(replayed, t.Name) {
			continue
		}
		if t.Since == version {
			out = append(out, addition{table: t.Name})
			continue
		}
		for _, col := range t.Columns {
			if col.Since == version && !redefined(t, col) {
				out = append(out, addition{t.Name, col.Name})
			}
		}
	}
	return out
}

// redefined tells that the version gave a column another definition.
func redefined(t *store.TableDef, c store.ColumnDef) bool {
	return slices.ContainsFunc(t.Columns, func(old store.ColumnDef) bool { return old.Name == c.Name && old.Until == c.Since })
}

func hasAll(c *store.Catalog, all []addition) bool {
	for _, a := range all {
		t := c.Table(a.table)
		if t == nil || a.column != "" && !t.HasColumn(a.column) && !slices.Contains(t.Generated, a.column) {
			return false
		}
	}
	return true
}

// versionOf reads the version of an origin; 0 if it says none that is known.
func versionOf(origin format.StoreID) int {
	v, err := strconv.Atoi(strings.TrimSpace(origin.Version))
	if err != nil || v < 0 || v > latestVersion {
		return 0
	}
	return v
}
