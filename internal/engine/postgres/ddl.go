package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// typeNames is the closed list of types that a table may get, as format_type writes
// them. Nothing else of a shape that comes from an archive stands in a statement but
// quoted names and literals.
var typeNames = regexp.MustCompile(`^(?:smallint|integer|bigint|oid|boolean|real|double precision|text|bytea|uuid|json|jsonb|date|name|inet|cidr|macaddr|interval|tsvector|tsquery|xml|money|"char"|` +
	`numeric(?:\(\d{1,4}(?:,-?\d{1,4})?\))?|(?:character|character varying|bit|bit varying)(?:\(\d{1,8}\))?|` +
	`(?:timestamp|time)(?:\(\d\))? with(?:out)? time zone|(?:[a-z_][a-z0-9_]*\.)?(?:vector|halfvec|sparsevec)(?:\(\d{1,10}\))?)(?:\[\])*$`)

// plainTypes are the types of columns that are declared for any engine.
var plainTypes = map[string]string{"TEXT": "text", "BLOB": "bytea", "INTEGER": "bigint", "REAL": "double precision"}

// maxName is the length in bytes at which the server cuts names.
const maxName = 63

func typeSQL(decl string) (string, error) {
	if plain, ok := plainTypes[decl]; ok {
		return plain, nil
	}
	if !typeNames.MatchString(decl) {
		return "text", nil // cells of a type that is a database's own come as its text
	}
	if dot := strings.IndexByte(decl, '.'); dot >= 0 { // the schema of the extension is on the path
		decl = decl[dot+1:]
	}
	return decl, nil
}

// ofVectors tells whether the type is one of pgvector's.
func ofVectors(decl string) bool {
	decl = decl[strings.LastIndexByte(decl, '.')+1:]
	return strings.HasPrefix(decl, "vector") || strings.HasPrefix(decl, "halfvec") || strings.HasPrefix(decl, "sparsevec")
}

func checkName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("the name %.200q is longer than the %d bytes that PostgreSQL keeps", name, maxName)
	}
	if name == "" || strings.ContainsRune(name, 0) || !utf8.ValidString(name) {
		return fmt.Errorf("%q is no name", name)
	}
	return nil
}

// indexName shortens the name of an index that the server would cut.
func indexName(name string) string {
	if len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	cut := maxName - 9
	for cut > 0 && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return fmt.Sprintf("%s_%x", name[:cut], sum[:4])
}

// checkKey says what is wrong with a key of a shape.
func checkKey(shape *format.Table, names []string) error {
	if len(names) == 0 {
		return errors.New("a key has no column")
	}
	for _, name := range names {
		if !slices.ContainsFunc(shape.Columns, func(c format.TableColumn) bool { return c.Name == name }) {
			return fmt.Errorf("a key names column %.200q, which the table does not have", name)
		}
	}
	return nil
}

func nameList(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = store.QuoteName(n)
	}
	return strings.Join(out, ", ")
}

// keywords are the defaults that are words.
var keywords = []string{"TRUE", "FALSE", "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "LOCALTIMESTAMP", "LOCALTIME", "clock_timestamp()", "gen_random_uuid()"}

// columnSQL defines a column.
func columnSQL(c *format.TableColumn) (string, error) {
	if err := checkName(c.Name); err != nil {
		return "", err
	}
	decl, err := typeSQL(c.Type)
	if err != nil {
		return "", fmt.Errorf("column %q: %w", c.Name, err)
	}
	sql := store.QuoteName(c.Name) + " " + decl
	if c.NotNull {
		sql += " NOT NULL"
	}
	switch {
	case c.Keyword != "":
		if !slices.Contains(keywords, c.Keyword) {
			return "", fmt.Errorf("column %q: the default %.200q is not one that memarc writes", c.Name, c.Keyword)
		}
		sql += " DEFAULT " + c.Keyword
	case len(c.Default) > 0:
		literal, err := defaultSQL(c.Default)
		if err != nil {
			return "", fmt.Errorf("column %q: %w", c.Name, err)
		}
		sql += " DEFAULT " + literal
	}
	return sql, nil
}

// defaultSQL writes a default that is a constant.
func defaultSQL(raw json.RawMessage) (string, error) {
	v, err := format.ParseValueJSON(raw)
	if err != nil {
		return "", fmt.Errorf("default %.200q: %w", raw, err)
	}
	switch v.Type {
	case format.Null:
		return "NULL", nil
	case format.Bool:
		return strconv.FormatBool(v.Cell == 1), nil
	case format.Int:
		return "(" + strconv.FormatInt(int64(v.Cell), 10) + ")", nil
	case format.Float:
		return "'" + strconv.FormatFloat(math.Float64frombits(v.Cell), 'g', -1, 64) + "'", nil
	case format.Text, format.JSON:
		return literal(string(v.Bytes))
	}
	return "", fmt.Errorf("default %.200q is of a type that has no literal", raw)
}

// literal quotes a text.
func literal(s string) (string, error) {
	if strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
		return "", fmt.Errorf("the text %.200q has a NUL or is not UTF-8", s)
	}
	return store.QuoteText(s), nil
}

// CreateTable creates a table from a shape that may come from an archive, but for its
// references.
func (t *Target) CreateTable(ctx context.Context, shape *format.Table) error {
	sql, err := tableSQL(t.schema, shape)
	if err != nil {
		return fmt.Errorf("create table %.200q: %w", shape.Name, err)
	}
	if slices.ContainsFunc(shape.Columns, func(c format.TableColumn) bool { return ofVectors(c.Type) }) {
		if err := t.needVectors(ctx); err != nil {
			return err
		}
	}
	return t.Exec(ctx, sql)
}

// tableSQL defines a table.
func tableSQL(schema string, shape *format.Table) (string, error) {
	if err := checkName(shape.Name); err != nil {
		return "", err
	}
	var parts []string
	for i := range shape.Columns {
		c := shape.Columns[i]
		counts := shape.Autoincrement && len(shape.Primary) == 1 && shape.Primary[0] == c.Name
		if counts {
			c.Default, c.Keyword = nil, ""
		}
		sql, err := columnSQL(&c)
		if err != nil {
			return "", err
		}
		if counts {
			sql += " GENERATED BY DEFAULT AS IDENTITY"
		}
		parts = append(parts, sql)
	}
	if len(shape.Primary) > 0 {
		if err := checkKey(shape, shape.Primary); err != nil {
			return "", err
		}
		parts = append(parts, "PRIMARY KEY ("+nameList(shape.Primary)+")")
	}
	for _, u := range shape.Unique {
		if err := checkKey(shape, u); err != nil {
			return "", err
		}
		parts = append(parts, "UNIQUE ("+nameList(u)+")")
	}
	return "CREATE TABLE " + store.QuoteName(schema) + "." + store.QuoteName(shape.Name) + " (" + strings.Join(parts, ", ") + ")", nil
}

// CreateIndex creates an index over whole columns.
func (t *Target) CreateIndex(ctx context.Context, table string, ix *format.Index) error {
	name := indexName(ix.Name)
	tab, err := t.table(ctx, table)
	if err == nil {
		_, err = tab.pick(ix.Columns)
	}
	if err == nil {
		err = checkName(name)
	}
	if err != nil {
		return fmt.Errorf("create index %.200q: %w", ix.Name, err)
	}
	unique := ""
	if ix.Unique {
		unique = "UNIQUE "
	}
	return t.Exec(ctx, "CREATE "+unique+"INDEX "+store.QuoteName(name)+" ON "+t.qualified(table)+" ("+nameList(ix.Columns)+")")
}

// AddColumn adds a column to a table.
func (t *Target) AddColumn(ctx context.Context, table string, c *format.TableColumn) error {
	plain := *c
	if len(plain.Default) == 0 && plain.Keyword == "" {
		plain.NotNull = false // rows that are there have no value for it
	}
	if ofVectors(plain.Type) {
		if err := t.needVectors(ctx); err != nil {
			return err
		}
	}
	sql, err := columnSQL(&plain)
	if err != nil {
		return fmt.Errorf("add column to table %q: %w", table, err)
	}
	return t.Exec(ctx, "ALTER TABLE "+t.qualified(table)+" ADD COLUMN "+sql)
}

// needVectors sees to it that the database has pgvector.
func (t *Target) needVectors(ctx context.Context) error {
	var there, available, public bool
	err := t.client().QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'vector'),
		EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'vector'),
		EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'public')`).Scan(&there, &available, &public)
	switch {
	case err != nil:
		return t.failed("open", err)
	case there:
		return nil
	case !available:
		return fmt.Errorf("write %q: %w: the server does not have the extension vector; install pgvector on it", t.name, store.ErrUsage)
	}
	schema := t.schema
	if public { // where it is found from every schema
		schema = "public"
	}
	return t.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA "+store.QuoteName(schema))
}

// referenceActions are what a reference does when what it refers to goes or changes.
var referenceActions = []string{"CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"}

// AddForeignKey creates a reference.
func (t *Target) AddForeignKey(ctx context.Context, table string, f *format.ForeignKey) error {
	if err := t.restoreKeys(ctx); err != nil {
		return err
	}
	tab, err := t.table(ctx, table)
	if err != nil {
		return err
	}
	to, err := t.target(ctx, tab, f)
	if err != nil {
		return err
	}
	sql := "ALTER TABLE " + t.qualified(table) + " ADD FOREIGN KEY (" + nameList(f.Columns) + ") REFERENCES " + t.qualified(f.Table) + " (" + nameList(to) + ")"
	for _, on := range [][2]string{{" ON DELETE ", f.OnDelete}, {" ON UPDATE ", f.OnUpdate}} {
		if on[1] == "" {
			continue
		}
		if !slices.Contains(referenceActions, strings.ToUpper(on[1])) {
			return fmt.Errorf("reference of table %q: action %.200q is unknown", table, on[1])
		}
		sql += on[0] + strings.ToUpper(on[1])
	}
	err = t.guarded(ctx, func() error { return t.exec(ctx, sql) })
	t.forget()
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23503" {
		return fmt.Errorf("table %q: %w", table, store.ErrDangling)
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", table, t.failed("create a reference in", err))
	}
	return nil
}
