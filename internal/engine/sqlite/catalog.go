package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/engine/sqlite/vec0"
	"github.com/memarc/memarc/internal/store"
)

// emptyCatalog is the catalog of a database without tables.
func emptyCatalog() *store.Catalog {
	return &store.Catalog{Engine: "sqlite", MostDimensions: vec0.MostDimensions}
}

// Catalog lists what the database holds.
func (db *DB) Catalog(ctx context.Context) (*store.Catalog, error) {
	if db.catalog == nil {
		c, err := db.readCatalog(ctx)
		if err != nil {
			return nil, err
		}
		db.catalog = c
	}
	return db.catalog, nil
}

type schemaRow struct{ typ, name, table, sql string }

func (db *DB) readCatalog(ctx context.Context) (*store.Catalog, error) {
	var rows []schemaRow
	err := db.each(ctx, "SELECT type, name, tbl_name, coalesce(sql,'') FROM sqlite_schema ORDER BY rowid", func(s *sqlite3.Stmt) error {
		rows = append(rows, schemaRow{s.ColumnText(0), s.ColumnText(1), s.ColumnText(2), s.ColumnText(3)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	kinds := map[string]string{}
	err = db.each(ctx, "SELECT name, type FROM pragma_table_list WHERE schema='main'", func(s *sqlite3.Stmt) error {
		kinds[s.ColumnText(0)] = s.ColumnText(1)
		return nil
	})
	if err != nil {
		return nil, err
	}
	c := emptyCatalog()
	vectors := vectorTables(rows, kinds)
	for _, r := range rows {
		if r.typ != "table" {
			continue
		}
		t := store.CatalogTable{Table: format.Table{Name: r.name}}
		switch {
		case strings.HasPrefix(r.name, "sqlite_"):
			t.Kind = store.Internal
		case kinds[r.name] == "virtual":
			t.Kind = store.Virtual
			t.Module = module(r.sql)
			if d := vectors.tables[r.name]; d != nil {
				describeVectors(&t, d)
			}
		case kinds[r.name] == "shadow" || vectors.shadows[r.name]:
			t.Kind = store.Shadow
		}
		if t.Kind == store.Ordinary && t.Module == "" {
			if err := db.describe(ctx, &t, r.sql); err != nil {
				return nil, err
			}
		}
		c.Tables = append(c.Tables, t)
	}
	for _, r := range rows {
		if r.typ == "table" || strings.HasPrefix(r.name, "sqlite_autoindex_") {
			continue
		}
		o := store.CatalogObject{Type: r.typ, Name: r.name, Table: r.table}
		if r.typ == "index" {
			if t := c.Table(r.table); t != nil {
				ix, plain, err := db.index(ctx, r.name)
				if err != nil {
					return nil, err
				}
				if plain {
					t.Indexes = append(t.Indexes, ix)
				}
				o.Plain = plain
			}
		}
		c.Objects = append(c.Objects, o)
	}
	if err := db.settings(ctx, c); err != nil {
		return nil, err
	}
	return c, db.sequences(ctx, c)
}

// settingNames are the numbers that programs keep in the database's header.
var settingNames = []string{"application_id", "user_version"}

// settings reads those that are set.
func (db *DB) settings(ctx context.Context, c *store.Catalog) error {
	for _, name := range settingNames {
		err := db.each(ctx, "PRAGMA "+name, func(s *sqlite3.Stmt) error {
			if v := s.ColumnInt64(0); v != 0 {
				if c.Settings == nil {
					c.Settings = map[string]int64{}
				}
				c.Settings[name] = v
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// module returns the module's name of a CREATE VIRTUAL TABLE statement.
func module(sql string) string {
	words := strings.FieldsFunc(sql, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == '\r' || r == '(' })
	for i, w := range words {
		if strings.EqualFold(w, "USING") && i+1 < len(words) {
			return strings.ToLower(words[i+1])
		}
	}
	return ""
}

// sequences adds what AUTOINCREMENT tables remember.
func (db *DB) sequences(ctx context.Context, c *store.Catalog) error {
	if c.Table("sqlite_sequence") == nil {
		return nil
	}
	return db.each(ctx, "SELECT name, seq FROM sqlite_sequence", func(s *sqlite3.Stmt) error {
		if t := sequenced(c, s.ColumnText(0)); t != nil && s.ColumnType(1) == sqlite3.INTEGER {
			last := s.ColumnInt64(1)
			t.Sequence = &last
		}
		return nil
	})
}

// literal makes a string literal of SQL.
func literal(s string) string { return store.QuoteText(s) }

// describe fills the shape of an ordinary table.
func (db *DB) describe(ctx context.Context, t *store.CatalogTable, sql string) error {
	type keyed struct {
		name  string
		place int
	}
	var primary []keyed
	err := db.each(ctx, `SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(`+literal(t.Name)+`)`, func(s *sqlite3.Stmt) error {
		col := format.TableColumn{Name: s.ColumnText(0), Type: s.ColumnText(1), NotNull: s.ColumnInt(2) != 0}
		if s.ColumnType(3) != sqlite3.NULL {
			var ok bool
			if col.Default, col.Keyword, ok = parseDefault(s.ColumnText(3)); !ok {
				t.Code = append(t.Code, store.SchemaLoss{Code: "schema-default", Where: t.Name + "." + col.Name, Reason: "the default is an expression, which is code", Count: 1})
			}
		}
		if pk := s.ColumnInt(4); pk > 0 {
			primary = append(primary, keyed{col.Name, pk})
		}
		if hidden := s.ColumnInt(5); hidden >= 2 {
			t.Generated = append(t.Generated, col.Name)
		}
		t.Columns = append(t.Columns, col)
		t.Classes = append(t.Classes, class(col.Type))
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(primary, func(a, b keyed) int { return a.place - b.place })
	for _, k := range primary {
		t.Primary = append(t.Primary, k.name)
	}
	words := bareWords(sql)
	t.Autoincrement = slices.Contains(words, "AUTOINCREMENT")
	code := func(code, where, reason, word string) {
		loss := store.SchemaLoss{Code: code, Where: where, Reason: reason, Word: word, Count: 1}
		if word != "" {
			loss.Count = 0
			for _, w := range words {
				if w == word {
					loss.Count++
				}
			}
		}
		t.Code = append(t.Code, loss)
	}
	if slices.Contains(words, "CHECK") {
		code("schema-check", t.Name, "a CHECK constraint is code", "CHECK")
	}
	if slices.Contains(words, "COLLATE") {
		code("schema-collation", t.Name, "a column has a collation of its own", "COLLATE")
	}
	if slices.Contains(words, "DEFERRABLE") {
		code("schema-deferrable", t.Name, "a foreign key is checked at the end of a transaction", "DEFERRABLE")
	}
	for i, w := range words[:max(0, len(words)-1)] {
		if w == "ON" && words[i+1] == "CONFLICT" {
			code("schema-conflict", t.Name, "a constraint says what to do about a row that breaks it", "CONFLICT")
			break
		}
	}
	for _, name := range t.Generated {
		code("schema-generated", t.Name+"."+name, "a generated column's expression is code; its values are carried", "")
	}
	err = db.each(ctx, `SELECT wr, strict FROM pragma_table_list WHERE schema='main' AND name=`+literal(t.Name), func(s *sqlite3.Stmt) error {
		t.WithoutRowid, t.Strict = s.ColumnInt(0) != 0, s.ColumnInt(1) != 0
		return nil
	})
	if err != nil {
		return err
	}
	if err := db.foreignKeys(ctx, t); err != nil {
		return err
	}
	type constraint struct{ name, origin string }
	var unique []constraint
	err = db.each(ctx, `SELECT name, origin FROM pragma_index_list(`+literal(t.Name)+`) WHERE origin IN ('u', 'pk') ORDER BY seq DESC`, func(s *sqlite3.Stmt) error {
		unique = append(unique, constraint{s.ColumnText(0), s.ColumnText(1)})
		return nil
	})
	if err != nil {
		return err
	}
	for _, u := range unique {
		ix, plain, err := db.index(ctx, u.name)
		if err != nil {
			return err
		}
		if u.origin == "u" {
			t.Unique = append(t.Unique, ix.Columns)
		}
		if !plain && !slices.Contains(words, "COLLATE") {
			code("schema-order", t.Name, "a key is kept in descending order", "DESC")
		}
	}
	return nil
}

func (db *DB) foreignKeys(ctx context.Context, t *store.CatalogTable) error {
	byID := map[int]*format.ForeignKey{}
	var ids []int
	err := db.each(ctx, `SELECT id, "table", "from", coalesce("to",''), on_update, on_delete FROM pragma_foreign_key_list(`+literal(t.Name)+`) ORDER BY id, seq`, func(s *sqlite3.Stmt) error {
		id := s.ColumnInt(0)
		fk := byID[id]
		if fk == nil {
			fk = &format.ForeignKey{Table: s.ColumnText(1)}
			if v := s.ColumnText(4); v != "NO ACTION" {
				fk.OnUpdate = v
			}
			if v := s.ColumnText(5); v != "NO ACTION" {
				fk.OnDelete = v
			}
			byID[id] = fk
			ids = append(ids, id)
		}
		fk.Columns = append(fk.Columns, s.ColumnText(2))
		if to := s.ColumnText(3); to != "" {
			fk.To = append(fk.To, to)
		}
		return nil
	})
	slices.Reverse(ids) // SQLite lists the last one first
	for _, id := range ids {
		t.Foreign = append(t.Foreign, *byID[id])
	}
	return err
}

// index returns an index's shape. It is plain if it names whole columns in
// ascending order under the BINARY collation, for all rows.
func (db *DB) index(ctx context.Context, name string) (ix format.Index, plain bool, err error) {
	ix.Name, plain = name, true
	err = db.each(ctx, `SELECT "unique", partial FROM pragma_index_list((SELECT tbl_name FROM sqlite_schema WHERE type='index' AND name=`+literal(name)+`)) WHERE name=`+literal(name), func(s *sqlite3.Stmt) error {
		ix.Unique = s.ColumnInt(0) != 0
		plain = plain && s.ColumnInt(1) == 0
		return nil
	})
	if err != nil {
		return ix, false, err
	}
	err = db.each(ctx, `SELECT cid, coalesce(name,''), "desc", coll FROM pragma_index_xinfo(`+literal(name)+`) WHERE key=1 ORDER BY seqno`, func(s *sqlite3.Stmt) error {
		ix.Columns = append(ix.Columns, s.ColumnText(1))
		plain = plain && s.ColumnInt(0) >= 0 && s.ColumnInt(2) == 0 && s.ColumnText(3) == "BINARY"
		return nil
	})
	return ix, plain, err
}

// bareWords returns the words of a statement, in capitals, that stand outside of
// quotes, brackets and comments.
func bareWords(sql string) []string {
	var words []string
	for i := 0; i < len(sql); {
		switch ch := sql[i]; {
		case ch == '\'' || ch == '"' || ch == '`':
			i++
			for i < len(sql) && sql[i] != ch {
				i++
			}
			i++
		case ch == '[':
			for i < len(sql) && sql[i] != ']' {
				i++
			}
			i++
		case strings.HasPrefix(sql[i:], "--"):
			for i < len(sql) && sql[i] != '\n' {
				i++
			}
		case strings.HasPrefix(sql[i:], "/*"):
			end := strings.Index(sql[i+2:], "*/")
			if end < 0 {
				return words
			}
			i += 2 + end + 2
		case isWord(ch):
			start := i
			for i < len(sql) && isWord(sql[i]) {
				i++
			}
			words = append(words, strings.ToUpper(sql[start:i]))
		default:
			i++
		}
	}
	return words
}

func isWord(b byte) bool {
	return b == '_' || b == '$' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b >= 0x80
}

// keywords are the defaults that are words.
var keywords = []string{"CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME"}

// parseDefault reads a column's default as data: a literal or a keyword.
func parseDefault(sql string) (value json.RawMessage, keyword string, ok bool) {
	s := strings.TrimSpace(sql)
	for len(s) >= 2 && s[0] == '(' && s[len(s)-1] == ')' && !strings.ContainsAny(s[1:len(s)-1], "()") {
		s = strings.TrimSpace(s[1 : len(s)-1])
	}
	upper := strings.ToUpper(s)
	v := format.Value{}
	switch {
	case upper == "NULL":
		return nil, "", true
	case upper == "TRUE" || upper == "FALSE":
		return nil, upper, true
	case slices.Contains(keywords, upper):
		return nil, upper, true
	case len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' && !strings.Contains(strings.ReplaceAll(s[1:len(s)-1], "''", ""), "'"):
		v = format.TextValue(strings.ReplaceAll(s[1:len(s)-1], "''", "'"))
	default:
		if v, ok = parseNumber(s); !ok {
			return nil, "", false
		}
	}
	raw, err := v.AppendJSON(nil)
	return raw, "", err == nil
}

// CreateTable creates a table from a shape that may come from an archive.
func (t *Target) CreateTable(ctx context.Context, table *format.Table) error {
	if table.Module != "" {
		return t.createVectors(ctx, table)
	}
	var parts []string
	single := ""
	if len(table.Primary) == 1 {
		single = table.Primary[0]
	}
	for i := range table.Columns {
		c := &table.Columns[i]
		decl, err := columnSQL(c, table.Strict)
		if err != nil {
			return fmt.Errorf("create table %q: %w", table.Name, err)
		}
		if c.Name == single {
			decl += " PRIMARY KEY"
			if table.Autoincrement {
				decl += " AUTOINCREMENT"
			}
		}
		parts = append(parts, decl)
	}
	if len(table.Primary) > 1 {
		parts = append(parts, "PRIMARY KEY ("+nameList(table.Primary)+")")
	}
	for _, u := range table.Unique {
		parts = append(parts, "UNIQUE ("+nameList(u)+")")
	}
	for _, fk := range table.Foreign {
		part := "FOREIGN KEY (" + nameList(fk.Columns) + ") REFERENCES " + store.QuoteName(fk.Table)
		if len(fk.To) > 0 {
			part += " (" + nameList(fk.To) + ")"
		}
		for _, action := range []struct{ word, what string }{{"ON UPDATE", fk.OnUpdate}, {"ON DELETE", fk.OnDelete}} {
			if action.what == "" {
				continue
			}
			if !slices.Contains(actions, action.what) {
				return fmt.Errorf("create table %q: foreign key action %q is unknown", table.Name, action.what)
			}
			part += " " + action.word + " " + action.what
		}
		parts = append(parts, part)
	}
	sql := "CREATE TABLE " + store.QuoteName(table.Name) + " (" + strings.Join(parts, ", ") + ")"
	var options []string
	if table.Strict {
		options = append(options, "STRICT")
	}
	if table.WithoutRowid {
		options = append(options, "WITHOUT ROWID")
	}
	return t.Exec(ctx, sql+" "+strings.Join(options, ", "))
}

var actions = []string{"CASCADE", "RESTRICT", "SET NULL", "SET DEFAULT", "NO ACTION"}

// typeWords are the words of which a declared type may consist.
var typeWords = func() map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields("ANY BIG BIGINT BINARY BIT BLOB BOOL BOOLEAN BYTEA CHAR CHARACTER CLOB DATE DATETIME DECIMAL DOUBLE FLOAT INT INT2 INT4 INT8 INTEGER " +
		"JSON JSONB LONG LONGTEXT MEDIUMINT MEDIUMTEXT NATIVE NCHAR NUMBER NUMERIC NVARCHAR PRECISION REAL SMALLINT STRING TEXT TIME TIMESTAMP " +
		"TIMESTAMPTZ TIMESTAMP_NTZ TINYINT TINYTEXT UNSIGNED UUID VARBINARY VARCHAR VARYING WITH WITHOUT ZONE") {
		out[w] = true
	}
	return out
}()

// declaredType returns a declared type made of known words and a length, or, for
// any other, a type of the same affinity.
func declaredType(t string) string {
	base, length, hasLength := strings.Cut(t, "(")
	ok := true
	if hasLength {
		digits, rest, closed := strings.Cut(length, ")")
		ok = closed && strings.TrimSpace(rest) == "" && strings.Trim(digits, "0123456789, ") == "" && digits != ""
	}
	for _, w := range strings.Fields(base) {
		ok = ok && typeWords[strings.ToUpper(w)]
	}
	if ok {
		return t
	}
	return affinityName[affinity(t)]
}

type affinityOf uint8

const (
	affinityBlob affinityOf = iota
	affinityText
	affinityInteger
	affinityReal
	affinityNumeric
)

var affinityName = map[affinityOf]string{affinityBlob: "", affinityText: "TEXT", affinityInteger: "INTEGER", affinityReal: "REAL", affinityNumeric: "NUMERIC"}

// affinity by https://sqlite.org/datatype3.html section 3.1.
func affinity(t string) affinityOf {
	u := strings.ToUpper(t)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(u, w) })
	}
	switch {
	case has("INT"):
		return affinityInteger
	case has("CHAR", "CLOB", "TEXT"):
		return affinityText
	case u == "" || has("BLOB"):
		return affinityBlob
	case has("REAL", "FLOA", "DOUB"):
		return affinityReal
	}
	return affinityNumeric
}

// class is the storage class that a declared type asks for. Types of numeric
// affinity that name a truth value or a time say more than their affinity.
func class(t string) store.Kind {
	switch affinity(t) {
	case affinityText:
		return store.Text
	case affinityInteger:
		return store.Integer
	case affinityReal:
		return store.Real
	case affinityBlob:
		if t != "" {
			return store.Blob
		}
		return store.Null
	}
	u := strings.ToUpper(t)
	switch {
	case strings.HasPrefix(u, "BOOL"):
		return store.Integer
	case strings.HasPrefix(u, "DATE"), strings.HasPrefix(u, "TIME"), strings.HasPrefix(u, "JSON"), u == "UUID", u == "STRING":
		return store.Text
	}
	return store.Null
}

func columnSQL(c *format.TableColumn, strict bool) (string, error) {
	sql := store.QuoteName(c.Name)
	if typ := declaredType(c.Type); typ != "" {
		sql += " " + typ
	} else if strict {
		sql += " ANY"
	}
	if c.NotNull {
		sql += " NOT NULL"
	}
	switch {
	case c.Keyword != "":
		if c.Keyword != "TRUE" && c.Keyword != "FALSE" && !slices.Contains(keywords, c.Keyword) {
			return "", fmt.Errorf("default keyword %q is unknown", c.Keyword)
		}
		sql += " DEFAULT " + c.Keyword
	case len(c.Default) > 0:
		v, err := format.ParseValueJSON(c.Default)
		if err != nil {
			return "", fmt.Errorf("default of column %q: %w", c.Name, err)
		}
		sql += " DEFAULT " + valueLiteral(v)
	}
	return sql, nil
}
