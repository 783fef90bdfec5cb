package mem0

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// scriptVersion is that of a database which the TypeScript library has opened.
const scriptVersion = version + 1

// DefaultCollection is what the Python library calls a collection that its user has not
// named.
const DefaultCollection = "mem0"

// counted is the collection by which the Python library counts its users: one row of no
// memory. It is made again, so that it is left out.
const counted = "mem0migrations"

// preferred are the names of collections that hold the memories, where a database has
// several: the Python library's, those of the TypeScript library and of the server, and
// OpenMemory's. Else it is the first by name.
var preferred = []string{DefaultCollection, "memories", "openmemory"}

// entitiesOf is the name of the collection of a collection's entities.
func entitiesOf(collection string) string { return named(collection, "_entities") }

// named is the name of a table or an index as the server cuts it.
func named(collection, suffix string) string {
	const most = 63 // bytes
	name := collection + suffix
	if len(name) <= most {
		return name
	}
	at := most
	for at > 0 && !utf8.RuneStart(name[at]) {
		at--
	}
	return name[:at]
}

// Postgres returns the layout of the databases of both libraries: each collection is a
// table, and one of them is the store's. Others are carried as they are.
func Postgres() *store.Layout { return collectionLayout(DefaultCollection, nil) }

// collectionLayout returns the layout for a collection and others beside it.
func collectionLayout(name string, beside []string) *store.Layout {
	all := append([]string{name, entitiesOf(name)}, beside...)
	l := &store.Layout{
		Name:      Name,
		Engines:   []string{"postgres"},
		Instance:  name,
		Detect:    detectCollection,
		Adapt:     adapt,
		Latest:    version,
		Schema:    &store.Schema{Before: []store.Statement{{SQL: "CREATE EXTENSION IF NOT EXISTS vector"}}},
		Documents: []store.JSONColumn{payload(name, snake, store.JSONB)},
		Maps:      append(memoryMaps(name, inPostgres), store.TableMap{Table: entitiesOf(name), As: "entities"}),
		Skip:      []string{counted},
		Fixed:     []string{telemetry},
		Spaces:    &store.SpacesFrom{Tables: []string{name}, Vector: "vector"},
		Model:     &store.Model{Assumed: 1536}, // of the model that the product takes
	}
	l.Schema.Tables = []store.TableDef{{Name: telemetry, Since: scriptVersion, Columns: []store.ColumnDef{
		{Name: "id", Decl: "serial PRIMARY KEY"},
		{Name: "user_id", Decl: "text NOT NULL UNIQUE"},
	}}}
	for _, table := range all {
		l.Schema.Tables = append(l.Schema.Tables, store.TableDef{Name: table, Columns: []store.ColumnDef{
			{Name: "id", Decl: "uuid PRIMARY KEY"},
			{Name: "vector", Decl: "vector(" + store.DimensionMark + ")"},
			{Name: "payload", Decl: "jsonb"},
		}})
		l.Schema.Objects = append(l.Schema.Objects, indexes(table)...)
		l.Model.Vectors = append(l.Model.Vectors, [2]string{table, "vector"})
	}
	for _, table := range all[:2] {
		o := indexes(table)[0]
		l.Model.Replace = append(l.Model.Replace,
			store.Statement{SQL: "DROP INDEX IF EXISTS " + store.QuoteName(o.Name), Object: table},
			store.Statement{SQL: "DROP INDEX IF EXISTS " + store.QuoteName(named(table, "_diskann_idx")), Object: table},
			store.Statement{SQL: "ALTER TABLE " + store.QuoteName(table) + " ALTER COLUMN vector TYPE vector($DIMENSION) USING NULL", Object: table})
		l.Model.Remark = append(l.Model.Remark, store.Statement{SQL: strings.ReplaceAll(o.SQL, store.DimensionMark, "$DIMENSION"), Object: table})
	}
	return l
}

// indexes are those of a collection. The first two cannot be where vectors have more
// elements, or the server lacks the extension; the product goes without them, too.
func indexes(table string) []store.ObjectDef {
	hnsw, diskann, lemmas := named(table, "_hnsw_idx"), named(table, "_diskann_idx"), named(table, "_text_lemmatized_idx")
	const mostHNSW = 2000 // elements
	where := func(name, condition, using string) string {
		return fmt.Sprintf("DO $memarc$ BEGIN IF %s THEN CREATE INDEX IF NOT EXISTS %s ON %s USING %s; END IF; END $memarc$",
			condition, store.QuoteName(name), store.QuoteName(table), using)
	}
	return []store.ObjectDef{
		{Name: hnsw, Table: table, Slow: true,
			SQL: where(hnsw, fmt.Sprintf("%s <= %d", store.DimensionMark, mostHNSW), "hnsw (vector vector_cosine_ops)")},
		{Name: diskann, Table: table, Slow: true, Optional: true,
			SQL: where(diskann, "EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'vectorscale')", "diskann (vector)")},
		{Name: lemmas, Table: table, Slow: true,
			SQL: fmt.Sprintf("CREATE INDEX %s ON %s USING gin (to_tsvector('simple', payload->>'text_lemmatized'))", store.QuoteName(lemmas), store.QuoteName(table))},
	}
}

// marks are characters of what is replaced in the layout's statements, and of their quotes.
const marks = "${"

// isCollection tells whether a table is one. A name with marks, which may come from an
// archive, would have the layout's statements say something else.
func isCollection(t *format.Table) bool {
	if len(t.Columns) != 3 || t.Name == counted || strings.ContainsAny(t.Name, marks) {
		return false
	}
	for _, want := range []string{"id uuid", "vector vector", "payload jsonb"} {
		if !slices.ContainsFunc(t.Columns, func(c format.TableColumn) bool {
			typ, _, _ := strings.Cut(c.Type, "(")
			return c.Name+" "+typ[strings.LastIndexByte(typ, '.')+1:] == want
		}) {
			return false
		}
	}
	return true
}

// adapt returns the layout for the collections of a database, nil if there are none.
func adapt(tables []format.Table) *store.Layout {
	var names []string
	for i := range tables {
		if isCollection(&tables[i]) {
			names = append(names, tables[i].Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a, names), rank(b, names)), cmp.Compare(a, b)) })
	return collectionLayout(names[0], slices.DeleteFunc(names[1:], func(n string) bool { return n == entitiesOf(names[0]) }))
}

// rank orders collections by which of them holds the memories.
func rank(name string, names []string) int {
	if slices.ContainsFunc(names, func(other string) bool { return entitiesOf(other) == name }) {
		return len(preferred) + 1
	}
	if at := slices.Index(preferred, strings.ToLower(name)); at >= 0 {
		return at
	}
	return len(preferred)
}

func detectCollection(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
	found := slices.ContainsFunc(c.Tables, func(t store.CatalogTable) bool { return t.Kind == store.Ordinary && isCollection(&t.Table) })
	if c.Has(telemetry, "id", "user_id") {
		return scriptVersion, found
	}
	return version, found
}
