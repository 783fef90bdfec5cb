package memorygraph

import (
	"slices"

	"github.com/memarc/memarc/internal/store"
)

// schema is what the product creates. Its full-text table names columns that its table
// of nodes does not have, and nothing ever fills it.
var schema = &store.Schema{
	Tables: []store.TableDef{
		{Name: "nodes", Columns: []store.ColumnDef{
			{Name: "id", Decl: "TEXT PRIMARY KEY"},
			{Name: "label", Decl: "TEXT NOT NULL"},
			{Name: "properties", Decl: "TEXT NOT NULL"},
			{Name: "created_at", Decl: "TIMESTAMP DEFAULT CURRENT_TIMESTAMP"},
			{Name: "updated_at", Decl: "TIMESTAMP DEFAULT CURRENT_TIMESTAMP"},
		}},
		{Name: "relationships", Columns: []store.ColumnDef{
			{Name: "id", Decl: "TEXT PRIMARY KEY"},
			{Name: "from_id", Decl: "TEXT NOT NULL"},
			{Name: "to_id", Decl: "TEXT NOT NULL"},
			{Name: "rel_type", Decl: "TEXT NOT NULL"},
			{Name: "properties", Decl: "TEXT NOT NULL"},
			{Name: "created_at", Decl: "TIMESTAMP DEFAULT CURRENT_TIMESTAMP"},
			{Name: "valid_from", Decl: "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP", Since: temporalVersion},
			{Name: "valid_until", Decl: "TIMESTAMP", Since: temporalVersion},
			{Name: "recorded_at", Decl: "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP", Since: temporalVersion},
			{Name: "invalidated_by", Decl: "TEXT", Since: temporalVersion},
		}, Constraints: []store.Statement{
			{SQL: "FOREIGN KEY (from_id) REFERENCES nodes(id) ON DELETE CASCADE"},
			{SQL: "FOREIGN KEY (to_id) REFERENCES nodes(id) ON DELETE CASCADE"},
			{SQL: "FOREIGN KEY (invalidated_by) REFERENCES relationships(id) ON DELETE SET NULL", Since: temporalVersion},
		}},
	},
	Objects: slices.Concat([]store.ObjectDef{
		index("idx_nodes_label", "nodes", "label"),
		index("idx_nodes_created", "nodes", "created_at"),
		index("idx_rel_from", "relationships", "from_id"),
		index("idx_rel_to", "relationships", "to_id"),
		index("idx_rel_type", "relationships", "rel_type"),
	}, temporal(
		index("idx_relationships_temporal", "relationships", "valid_from, valid_until"),
		partial(index("idx_relationships_current", "relationships", "valid_until"), "valid_until IS NULL"),
		index("idx_relationships_recorded", "relationships", "recorded_at"),
	), []store.ObjectDef{
		tenant("idx_memory_tenant", "$.context.tenant_id"),
		tenant("idx_memory_team", "$.context.team_id"),
		tenant("idx_memory_visibility", "$.context.visibility"),
		tenant("idx_memory_created_by", "$.context.created_by"),
		tenant("idx_memory_tenant_visibility", "$.context.tenant_id", "$.context.visibility"),
		tenant("idx_memory_version", "$.version"),
		{Name: "nodes_fts", Table: "nodes", SQL: "CREATE VIRTUAL TABLE nodes_fts USING fts5(id, title, content, summary, content='nodes', content_rowid='rowid')"},
		partial(index("idx_nodes_memory", "nodes", "label"), "label = 'Memory'"),
	}),
}

func index(name, table, columns string) store.ObjectDef {
	return store.ObjectDef{Name: name, Table: table, SQL: "CREATE INDEX " + name + " ON " + table + "(" + columns + ")"}
}

func partial(o store.ObjectDef, where string) store.ObjectDef {
	o.SQL += " WHERE " + where
	return o
}

// temporal are indexes of the newer version. An empty store of the older one that was
// brought to it has them too, though its table is not quite the same.
func temporal(objects ...store.ObjectDef) (out []store.ObjectDef) {
	for _, o := range objects {
		before := o
		o.Since = temporalVersion
		before.Until, before.Optional = temporalVersion, true
		out = append(out, o, before)
	}
	return out
}

// tenant is an index for several tenants, which the product makes if it is told that
// there are any. It looks where no record has anything.
func tenant(name string, paths ...string) store.ObjectDef {
	columns := ""
	for i, p := range paths {
		if i > 0 {
			columns += ", "
		}
		columns += "json_extract(properties, '" + p + "')"
	}
	o := partial(index(name, "nodes", columns), "label = 'Memory'")
	o.Optional = true
	return o
}

// CreateStatements returns what creates an empty store of a version.
func CreateStatements(version int) []string {
	at := schema.At(version)
	var out []string
	for i := range at.Tables {
		out = append(out, at.Tables[i].CreateSQL())
	}
	for _, o := range at.Objects {
		if !o.Optional {
			out = append(out, o.SQL)
		}
	}
	return out
}

// graphSchema is what the product makes in a graph: nothing that a FalkorDB takes, and
// in a Memgraph at least what it means to make.
func graphSchema(engine string) *store.Schema {
	s := &store.Schema{Tables: []store.TableDef{columnsOf(nodes, graphMaps(inNeo4j)[0]), columnsOf(edges, graphMaps(inNeo4j)[1])}}
	switch engine {
	case "neo4j":
		s.Before = []store.Statement{
			{SQL: "CREATE CONSTRAINT memory_id_unique IF NOT EXISTS FOR (m:Memory) REQUIRE m.id IS UNIQUE"},
			{SQL: "CREATE CONSTRAINT relationship_id_unique IF NOT EXISTS FOR (r:RELATIONSHIP) REQUIRE r.id IS UNIQUE"},
		}
		s.Objects = []store.ObjectDef{
			neo4jIndex("memory_type_index", "type"), neo4jIndex("memory_created_at_index", "created_at"), neo4jIndex("memory_tags_index", "tags"),
			{Name: "memory_content_index", Table: nodes, SQL: "CREATE FULLTEXT INDEX memory_content_index IF NOT EXISTS FOR (m:Memory) ON EACH [m.title, m.content, m.summary]"},
			neo4jIndex("memory_importance_index", "importance"), neo4jIndex("memory_confidence_index", "confidence"),
			neo4jIndex("memory_project_path_index", "context_project_path"),
			tenants(neo4jIndex("memory_tenant_index", "context_tenant_id")), tenants(neo4jIndex("memory_team_index", "context_team_id")),
			tenants(neo4jIndex("memory_visibility_index", "context_visibility")), tenants(neo4jIndex("memory_created_by_index", "context_created_by")),
			tenants(neo4jIndex("memory_version_index", "version")),
			{Name: "memory_id_unique", Table: nodes, Optional: true, SQL: s.Before[0].SQL},
			{Name: "relationship_id_unique", Table: nodes, Optional: true, SQL: s.Before[1].SQL},
		}
	case "memgraph":
		s.Before = []store.Statement{
			{SQL: "CREATE INDEX ON :Memory(id)"},
			{SQL: "CREATE CONSTRAINT ON (m:Memory) ASSERT m.id IS UNIQUE"},
		}
		for _, key := range []string{"type", "created_at", "tags", "importance", "confidence"} {
			s.Objects = append(s.Objects, store.ObjectDef{Name: "range Memory (" + key + ")", Table: nodes, SQL: "CREATE INDEX ON :Memory(" + key + ")"})
		}
	}
	return s
}

func neo4jIndex(name, property string) store.ObjectDef {
	return store.ObjectDef{Name: name, Table: nodes, SQL: "CREATE INDEX " + name + " IF NOT EXISTS FOR (m:Memory) ON (m." + property + ")"}
}

func tenants(o store.ObjectDef) store.ObjectDef {
	o.Optional = true
	return o
}

func columnsOf(table string, m store.TableMap) store.TableDef {
	def := store.TableDef{Name: table}
	for _, c := range m.Columns {
		def.Columns = append(def.Columns, store.ColumnDef{Name: c.Column})
	}
	return def
}
