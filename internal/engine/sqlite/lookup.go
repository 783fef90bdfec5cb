package sqlite

import (
	"context"
	"errors"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/internal/store"
)

func (db *DB) prepare(query string) (*sqlite3.Stmt, error) {
	if s := db.statements[query]; s != nil {
		return s, nil
	}
	s, _, err := db.conn.Prepare(query)
	if err != nil {
		return nil, db.failed("write", err)
	}
	if db.statements == nil {
		db.statements = map[string]*sqlite3.Stmt{}
	}
	db.statements[query] = s
	return s, nil
}

// bind binds a cell to parameter n, from 1.
func bind(s *sqlite3.Stmt, n int, c *store.Cells, row int) error {
	switch c.Kinds[row] {
	case store.Integer:
		return s.BindInt64(n, c.Int(row))
	case store.Real:
		return s.BindFloat(n, c.Float(row))
	case store.Text:
		return s.BindRawText(n, c.Bytes(row))
	case store.Blob:
		return s.BindBlob(n, c.Bytes(row))
	}
	return s.BindNull(n)
}

func conditions(keys []string) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = store.QuoteName(k) + " IS ?"
	}
	return strings.Join(parts, " AND ")
}

// Lookup returns, for each row of keys, the row of the table with that key.
func (db *DB) Lookup(ctx context.Context, table string, keys, columns []string, rows *store.Rows) (*store.Rows, []int, error) {
	s, err := db.prepare("SELECT " + nameList(columns) + " FROM " + store.QuoteName(table) + " WHERE " + conditions(keys) + " LIMIT 1")
	if err != nil {
		return nil, nil, err
	}
	defer db.conn.SetInterrupt(db.conn.SetInterrupt(ctx))
	result, found := store.NewRows(len(columns)), make([]int, rows.N)
	for row := range rows.N {
		for i := range keys {
			if err := bind(s, i+1, &rows.Columns[i], row); err != nil {
				return nil, nil, db.failed("read", err)
			}
		}
		found[row] = -1
		if s.Step() {
			found[row] = result.N
			appendRow(s, result)
		}
		err := s.Err()
		if resetErr := s.Reset(); err == nil {
			err = resetErr
		}
		if err != nil {
			return nil, nil, db.failed("read", err)
		}
	}
	return result, found, nil
}

// finalize closes the prepared statements.
func (db *DB) finalize() error {
	var err error
	for query, s := range db.statements {
		err = errors.Join(err, s.Close())
		delete(db.statements, query)
	}
	return err
}
