package langgraph

import (
	"fmt"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// sqliteSchema is what the store's own setup makes in SQLite. The tables of vectors it
// makes only for an index.
var sqliteSchema = &store.Schema{
	Tables: []store.TableDef{
		steps("store_migrations"),
		items("text NOT NULL", "TIMESTAMP", "REAL"),
		spaced(steps("vector_migrations")),
		spaced(vectors("BLOB", "TIMESTAMP", store.Statement{SQL: "FOREIGN KEY (prefix, key) REFERENCES store(prefix, key) ON DELETE CASCADE"})),
	},
	Objects: []store.ObjectDef{
		{Name: "store_prefix_idx", Table: "store", SQL: "CREATE INDEX store_prefix_idx ON store (prefix)"},
		expiryIndex,
	},
	Seeds: append(seeds("store_migrations", 5), seeds("vector_migrations", 1)...),
}

// pgSchema is what it makes in PostgreSQL. Which index over vectors there is, or none,
// is the user's choice; where there was one, the kind that is made unless another is asked
// for is made again.
var pgSchema = &store.Schema{
	Before: []store.Statement{{Object: "store_vectors", SQL: "CREATE EXTENSION IF NOT EXISTS vector"}},
	Tables: []store.TableDef{
		steps("store_migrations"),
		items("jsonb NOT NULL", "TIMESTAMP WITH TIME ZONE", "INT"),
		spaced(steps("vector_migrations")),
		spaced(pgVectors()),
	},
	Objects: []store.ObjectDef{
		{Name: "store_prefix_idx", Table: "store", SQL: "CREATE INDEX store_prefix_idx ON store USING btree (prefix text_pattern_ops)"},
		expiryIndex,
		{Name: "store_vectors_embedding_idx", Table: "store_vectors", Optional: true, Slow: true, SQL: "CREATE INDEX store_vectors_embedding_idx ON store_vectors USING hnsw (embedding vector_cosine_ops)"},
	},
	Seeds: append(seeds("store_migrations", 4), seeds("vector_migrations", 2)...),
}

var expiryIndex = store.ObjectDef{Name: "idx_store_expires_at", Table: "store", SQL: "CREATE INDEX idx_store_expires_at ON store (expires_at) WHERE expires_at IS NOT NULL"}

// steps is a table that names the steps which a store has taken.
func steps(name string) store.TableDef {
	return store.TableDef{Name: name, Columns: []store.ColumnDef{{Name: "v", Decl: "INTEGER PRIMARY KEY"}}}
}

// seeds say which steps a new store need not take any more.
func seeds(table string, n int) (out []store.Statement) {
	for v := range n {
		out = append(out, store.Statement{Object: table, SQL: fmt.Sprintf("INSERT INTO %s (v) VALUES (%d)", table, v)})
	}
	return out
}

func items(value, moment, ttl string) store.TableDef {
	return store.TableDef{Name: "store", Columns: []store.ColumnDef{
		{Name: "prefix", Decl: "text NOT NULL"},
		{Name: "key", Decl: "text NOT NULL"},
		{Name: "value", Decl: value},
		{Name: "created_at", Decl: moment + " DEFAULT CURRENT_TIMESTAMP"},
		{Name: "updated_at", Decl: moment + " DEFAULT CURRENT_TIMESTAMP"},
		{Name: "expires_at", Decl: moment},
		{Name: "ttl_minutes", Decl: ttl},
	}, Constraints: []store.Statement{{SQL: "PRIMARY KEY (prefix, key)"}}}
}

func vectors(vector, moment string, more ...store.Statement) store.TableDef {
	return store.TableDef{Name: "store_vectors", Columns: []store.ColumnDef{
		{Name: "prefix", Decl: "text NOT NULL"},
		{Name: "key", Decl: "text NOT NULL"},
		{Name: "field_name", Decl: "text NOT NULL"},
		{Name: "embedding", Decl: vector},
		{Name: "created_at", Decl: moment + " DEFAULT CURRENT_TIMESTAMP"},
		{Name: "updated_at", Decl: moment + " DEFAULT CURRENT_TIMESTAMP"},
	}, Constraints: append([]store.Statement{{SQL: "PRIMARY KEY (prefix, key, field_name)"}}, more...)}
}

func pgVectors() store.TableDef {
	t := vectors("vector("+store.DimensionMark+")", "TIMESTAMP WITH TIME ZONE")
	t.Foreign = []store.ForeignDef{{ForeignKey: format.ForeignKey{Columns: []string{"prefix", "key"}, Table: "store", To: []string{"prefix", "key"}, OnDelete: "CASCADE"}}}
	return t
}

func spaced(t store.TableDef) store.TableDef {
	t.Spaced = true
	return t
}
