package sqlite

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/internal/store"
)

// A run of rows ends at so many rows or bytes, whichever comes first; about
// what a chunk should hold. FORMAT.md section 6.
const (
	runRows  = 8192
	runBytes = 2 << 20
)

// Count returns the number of rows of a table.
func (db *DB) Count(ctx context.Context, table string) (n int64, err error) {
	err = db.each(ctx, "SELECT count(*) FROM "+store.QuoteName(table), func(s *sqlite3.Stmt) error {
		n = s.ColumnInt64(0)
		return nil
	})
	return n, err
}

// each runs a query and calls f for every row.
func (db *DB) each(ctx context.Context, query string, f func(*sqlite3.Stmt) error) error {
	s, _, err := db.conn.Prepare(query)
	if err != nil {
		return db.failed("query", err)
	}
	defer s.Close()
	defer db.conn.SetInterrupt(db.conn.SetInterrupt(ctx))
	for s.Step() {
		if err := f(s); err != nil {
			return err
		}
	}
	if err := s.Err(); err != nil {
		return db.failed("query", err)
	}
	return nil
}

func nameList(columns []string) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = store.QuoteName(c)
	}
	return strings.Join(quoted, ", ")
}

// Distinct returns the distinct combinations of columns of a table, ordered. It
// asks again and again for a row that is not among those it has, which is faster
// than sorting where combinations are few.
func (db *DB) Distinct(ctx context.Context, table string, columns []string, limit int) (*store.Rows, error) {
	const few = 8
	names := nameList(columns)
	from := fmt.Sprintf("SELECT %s FROM %s", names, store.QuoteName(table))
	rows := store.NewRows(len(columns))
	s, _, err := db.conn.Prepare(from + " LIMIT 1")
	if err != nil {
		return nil, db.failed("query", err)
	}
	defer func() { s.Close() }()
	defer db.conn.SetInterrupt(db.conn.SetInterrupt(ctx))
	for rows.N < few {
		if rows.N > 0 {
			s.Close()
			unlike := strings.TrimSuffix(strings.Repeat("NOT ("+conditions(columns)+") AND ", rows.N), " AND ")
			if s, _, err = db.conn.Prepare(from + " WHERE " + unlike + " LIMIT 1"); err != nil {
				return nil, db.failed("query", err)
			}
			for row := range rows.N {
				for i := range columns {
					if err := bind(s, row*len(columns)+i+1, &rows.Columns[i], row); err != nil {
						return nil, db.failed("query", err)
					}
				}
			}
		}
		if !s.Step() {
			break
		}
		appendRow(s, rows)
	}
	if err := s.Err(); err != nil {
		return nil, db.failed("query", err)
	}
	if rows.N == few { // not so few
		rows.Reset()
		query := fmt.Sprintf("SELECT DISTINCT %s FROM %s ORDER BY %s LIMIT %d", names, store.QuoteName(table), names, limit+1)
		if err := db.each(ctx, query, func(s *sqlite3.Stmt) error { appendRow(s, rows); return nil }); err != nil {
			return nil, err
		}
	}
	if rows.N > limit {
		return nil, fmt.Errorf("read %q: table %q has more than %d combinations of %s", db.name, table, limit, names)
	}
	return rows, nil
}

// appendRow appends the statement's current row.
func appendRow(s *sqlite3.Stmt, rows *store.Rows) {
	for i := range rows.Columns {
		c := &rows.Columns[i]
		switch s.ColumnType(i) {
		case sqlite3.INTEGER:
			c.AppendInt(s.ColumnInt64(i))
		case sqlite3.FLOAT:
			c.AppendFloat(s.ColumnFloat(i))
		case sqlite3.TEXT:
			c.AppendText(s.ColumnRawText(i))
		case sqlite3.BLOB:
			c.AppendBlob(s.ColumnRawBlob(i))
		default:
			c.AppendNull()
		}
	}
	rows.N++
}

// Scan yields the rows of a table in the order of its rowid, or of its primary
// key where it has none.
func (db *DB) Scan(ctx context.Context, q store.Query) iter.Seq2[*store.Rows, error] {
	return func(yield func(*store.Rows, error) bool) {
		query, err := db.selectSQL(ctx, q)
		if err != nil {
			yield(nil, err)
			return
		}
		s, tail, err := db.conn.Prepare(query)
		if err != nil {
			if q.Where != "" {
				err = fmt.Errorf("%w: condition %q: %w", store.ErrUsage, q.Where, err)
			}
			yield(nil, db.failed("read table of", err))
			return
		}
		defer s.Close()
		if strings.TrimSpace(tail) != "" || !s.ReadOnly() {
			yield(nil, fmt.Errorf("%w: condition %q is not one condition", store.ErrUsage, q.Where))
			return
		}
		rows := store.NewRows(len(q.Columns))
		defer db.conn.SetInterrupt(db.conn.SetInterrupt(ctx))
		for s.Step() {
			appendRow(s, rows)
			if rows.N >= runRows || rows.N%64 == 0 && rows.Size() >= runBytes || rows.N < 64 && rows.Size() >= runBytes {
				if !yield(rows, nil) {
					return
				}
				rows.Reset()
			}
		}
		if err := s.Err(); err != nil {
			yield(nil, fmt.Errorf("table %q: %w", q.Table, db.failed("read", err)))
			return
		}
		if rows.N > 0 {
			yield(rows, nil)
		}
	}
}

func (db *DB) selectSQL(ctx context.Context, q store.Query) (string, error) {
	catalog, err := db.Catalog(ctx)
	if err != nil {
		return "", err
	}
	t := catalog.Table(q.Table)
	if t == nil {
		return "", fmt.Errorf("read %q: there is no table %q", db.name, q.Table)
	}
	query := "SELECT " + nameList(q.Columns) + " FROM " + store.QuoteName(q.Table)
	if where := q.Condition(); where != "" {
		query += " WHERE " + where
	}
	if t.WithoutRowid {
		return query + " ORDER BY " + nameList(t.Primary), nil
	}
	// A column may have taken one of the rowid's names.
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		if !hasColumnFold(t, name) {
			return query + " ORDER BY " + name, nil
		}
	}
	return query, nil
}

func hasColumnFold(t *store.CatalogTable, name string) bool {
	for i := range t.Columns {
		if strings.EqualFold(t.Columns[i].Name, name) {
			return true
		}
	}
	return false
}

// Concurrent tells that several scans at once take no longer than one after the other.
func (db *DB) Concurrent() bool { return true }
