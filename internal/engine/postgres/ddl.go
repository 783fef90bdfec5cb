package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

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
		return fmt.Errorf("the name %q is longer than the %d bytes that PostgreSQL keeps", name, maxName)
	}
	if name == "" || strings.ContainsRune(name, 0) {
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
	cut := name[:maxName-9]
	for len(cut) > 0 && cut[len(cut)-1]&0xC0 == 0x80 {
		cut = cut[:len(cut)-1]
	}
	if len(cut) > 0 && cut[len(cut)-1] >= 0xC0 {
		cut = cut[:len(cut)-1]
	}
	return fmt.Sprintf("%s_%x", cut, sum[:4])
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
			return "", fmt.Errorf("column %q: the default %q is not one that memarc writes", c.Name, c.Keyword)
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
		return "", fmt.Errorf("default %q: %w", raw, err)
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
	return "", fmt.Errorf("default %q is of a type that has no literal", raw)
}

// literal quotes a text.
func literal(s string) (string, error) {
	if strings.ContainsRune(s, 0) {
		return "", fmt.Errorf("the text %q has a NUL", s)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'", nil
}

// CreateTable creates a table from a shape that may come from an archive, but for its
// references.
func (t *Target) CreateTable(ctx context.Context, shape *format.Table) error {
	if err := checkName(shape.Name); err != nil {
		return fmt.Errorf("create table: %w", err)
	}
	var parts []string
	for i := range shape.Columns {
		c := shape.Columns[i]
		if ofVectors(c.Type) {
			if err := t.needVectors(ctx); err != nil {
				return err
			}
		}
		counts := shape.Autoincrement && len(shape.Primary) == 1 && shape.Primary[0] == c.Name
		if counts {
			c.Default, c.Keyword = nil, ""
		}
		sql, err := columnSQL(&c)
		if err != nil {
			return fmt.Errorf("create table %q: %w", shape.Name, err)
		}
		if counts {
			sql += " GENERATED BY DEFAULT AS IDENTITY"
		}
		parts = append(parts, sql)
	}
	if len(shape.Primary) > 0 {
		parts = append(parts, "PRIMARY KEY ("+nameList(shape.Primary)+")")
	}
	for _, u := range shape.Unique {
		parts = append(parts, "UNIQUE ("+nameList(u)+")")
	}
	return t.Exec(ctx, "CREATE TABLE "+t.qualified(shape.Name)+" ("+strings.Join(parts, ", ")+")")
}

// CreateIndex creates an index over whole columns.
func (t *Target) CreateIndex(ctx context.Context, table string, ix *format.Index) error {
	unique := ""
	if ix.Unique {
		unique = "UNIQUE "
	}
	return t.Exec(ctx, "CREATE "+unique+"INDEX "+store.QuoteName(indexName(ix.Name))+" ON "+t.qualified(table)+" ("+nameList(ix.Columns)+")")
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
	var there, available bool
	err := t.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'vector'),
		EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'vector')`).Scan(&there, &available)
	switch {
	case err != nil:
		return t.failed("open", err)
	case there:
		return nil
	case !available:
		return fmt.Errorf("write %q: %w: the server does not have the extension vector; install pgvector on it", t.name, store.ErrUsage)
	}
	return t.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA "+t.extensionSchema(ctx))
}

// extensionSchema is where the extension is found from every schema: public, if there
// is one.
func (t *Target) extensionSchema(ctx context.Context) string {
	var there bool
	err := t.conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'public')").Scan(&there)
	if err == nil && there {
		return "public"
	}
	return store.QuoteName(t.schema)
}

// referenceActions are what a reference does when what it refers to goes or changes.
var referenceActions = []string{"CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"}

// AddForeignKey creates a reference.
func (t *Target) AddForeignKey(ctx context.Context, table string, f *format.ForeignKey) error {
	sql := "ALTER TABLE " + t.qualified(table) + " ADD FOREIGN KEY (" + nameList(f.Columns) + ") REFERENCES " + t.qualified(f.Table)
	if len(f.To) > 0 {
		sql += " (" + nameList(f.To) + ")"
	}
	for _, on := range [][2]string{{" ON DELETE ", f.OnDelete}, {" ON UPDATE ", f.OnUpdate}} {
		if on[1] == "" {
			continue
		}
		if !slices.Contains(referenceActions, strings.ToUpper(on[1])) {
			return fmt.Errorf("reference of table %q: action %q is unknown", table, on[1])
		}
		sql += on[0] + strings.ToUpper(on[1])
	}
	return t.Exec(ctx, sql)
}
