package bolt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"

	"github.com/memarc/memarc/internal/store"
)

// A Rule is an index or a constraint.
type Rule struct {
	Name         string   // empty on Memgraph
	Type         string   // as the server says: "RANGE", "UNIQUENESS", "label+property", ...
	Relationship bool     // on relationships and not on nodes
	Labels       []string // labels, or types of relationships; none means all
	Properties   []string
	Constraint   bool
	Owner        string // of an index: the name of the constraint that it belongs to
	Online       bool
}

// is tells whether two rules are one, whether it is online or not.
func (r Rule) is(other Rule) bool {
	return r.Name == other.Name && r.Type == other.Type && r.Relationship == other.Relationship && r.Constraint == other.Constraint &&
		slices.Equal(r.Labels, other.Labels) && slices.Equal(r.Properties, other.Properties)
}

// Unique makes a constraint that no two nodes of a label have the same value of a
// property, and what finds them by it. On Neo4j it gets the name. One that is there
// is no error; data that violates it is, ErrConstraint.
func (d *DB) Unique(ctx context.Context, name, label, property string) error {
	l, p, err := d.quotePair(label, property)
	if err != nil {
		return err
	}
	if d.server.Product == Memgraph {
		// A constraint of Memgraph's finds nothing.
		if err := d.Index(ctx, name, label, property); err != nil {
			return err
		}
		return d.define(ctx, "CREATE CONSTRAINT ON (n:"+l+") ASSERT n."+p+" IS UNIQUE")
	}
	n, err := d.QuoteName(name)
	if err != nil {
		return err
	}
	return d.define(ctx, "CREATE CONSTRAINT "+n+" IF NOT EXISTS FOR (n:"+l+") REQUIRE n."+p+" IS UNIQUE")
}

// Index makes an index on a property of nodes with a label. One that is there is no
// error.
func (d *DB) Index(ctx context.Context, name, label, property string) error {
	l, p, err := d.quotePair(label, property)
	if err != nil {
		return err
	}
	if d.server.Product == Memgraph {
		return d.define(ctx, "CREATE INDEX ON :"+l+"("+p+")")
	}
	n, err := d.QuoteName(name)
	if err != nil {
		return err
	}
	return d.define(ctx, "CREATE INDEX "+n+" IF NOT EXISTS FOR (n:"+l+") ON (n."+p+")")
}

func (d *DB) quotePair(label, property string) (l, p string, err error) {
	if l, err = d.QuoteName(label); err == nil {
		p, err = d.QuoteName(property)
	}
	return l, p, err
}

// define runs a statement about the schema.
func (d *DB) define(ctx context.Context, statement string) error {
	if _, _, err := d.auto(ctx, neo4j.AccessModeWrite, statement, nil); err != nil {
		return d.failed("change the schema of", err)
	}
	return nil
}

// Online waits until Neo4j has filled its indexes; Memgraph fills them at once.
func (d *DB) Online(ctx context.Context) error {
	if d.server.Product == Memgraph {
		return nil
	}
	if _, _, err := d.auto(ctx, neo4j.AccessModeRead, "CALL db.awaitIndexes(86400)", nil); err != nil {
		return d.failed("wait for the indexes of", err)
	}
	return nil
}

// DropRule removes an index or a constraint that Rules has listed.
func (d *DB) DropRule(ctx context.Context, r Rule) error {
	if d.server.Product != Memgraph {
		name, err := d.QuoteName(r.Name)
		if err != nil {
			return err
		}
		if r.Constraint {
			return d.define(ctx, "DROP CONSTRAINT "+name+" IF EXISTS")
		}
		return d.define(ctx, "DROP INDEX "+name+" IF EXISTS")
	}
	if len(r.Labels) != 1 || r.Relationship || r.Constraint != (r.Type == "unique" || r.Type == "exists") || !r.Constraint && r.Type != "label" && r.Type != "label+property" {
		return fmt.Errorf("%w: no statement is known to drop %+v", store.ErrUsage, r)
	}
	label, err := d.QuoteName(r.Labels[0])
	if err != nil {
		return err
	}
	if r.Type == "label" {
		return d.define(ctx, "DROP INDEX ON :"+label)
	}
	if !r.Constraint {
		properties, err := d.quoteAll("", ", ", r.Properties...)
		if err != nil {
			return err
		}
		return d.define(ctx, "DROP INDEX ON :"+label+"("+properties+")")
	}
	properties, err := d.quoteAll("n.", ", ", r.Properties...)
	if err != nil {
		return err
	}
	if r.Type == "exists" {
		return d.define(ctx, "DROP CONSTRAINT ON (n:"+label+") ASSERT EXISTS ("+properties+")")
	}
	return d.define(ctx, "DROP CONSTRAINT ON (n:"+label+") ASSERT "+properties+" IS UNIQUE")
}

// Rules lists all indexes and constraints.
func (d *DB) Rules(ctx context.Context) ([]Rule, error) {
	if d.server.Product == Memgraph {
		return d.memgraphRules(ctx)
	}
	var out []Rule
	err := d.table(ctx, "SHOW INDEXES YIELD name, type, entityType, labelsOrTypes, properties, owningConstraint, state", func(row map[string]any) {
		out = append(out, Rule{
			Name: text(row["name"]), Type: text(row["type"]), Relationship: row["entityType"] == "RELATIONSHIP",
			Labels: texts(row["labelsOrTypes"]), Properties: texts(row["properties"]),
			Owner: text(row["owningConstraint"]), Online: row["state"] == "ONLINE",
		})
	})
	if err != nil {
		return nil, err
	}
	err = d.table(ctx, "SHOW CONSTRAINTS YIELD name, type, entityType, labelsOrTypes, properties", func(row map[string]any) {
		out = append(out, Rule{
			Name: text(row["name"]), Type: text(row["type"]), Relationship: row["entityType"] == "RELATIONSHIP",
			Labels: texts(row["labelsOrTypes"]), Properties: texts(row["properties"]), Constraint: true, Online: true,
		})
	})
	return out, err
}

// memgraphRules reads columns by their names: versions differ in which there are.
func (d *DB) memgraphRules(ctx context.Context) ([]Rule, error) {
	var out []Rule
	rule := func(row map[string]any, typ string) Rule {
		r := Rule{Type: text(row[typ]), Properties: texts(row["property"]), Online: true}
		r.Relationship = strings.HasPrefix(r.Type, "edge")
		r.Labels = texts(row["label"])
		if len(r.Properties) == 0 {
			r.Properties = texts(row["properties"])
		}
		return r
	}
	if err := d.table(ctx, "SHOW INDEX INFO", func(row map[string]any) { out = append(out, rule(row, "index type")) }); err != nil {
		return nil, err
	}
	err := d.table(ctx, "SHOW CONSTRAINT INFO", func(row map[string]any) {
		r := rule(row, "constraint type")
		r.Constraint = true
		out = append(out, r)
	})
	return out, err
}

// Settings returns what Memgraph says of its storage and its configuration, by name;
// Neo4j has nothing of interest.
func (d *DB) Settings(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	if d.server.Product != Memgraph {
		return out, nil
	}
	storage := func(row map[string]any) { out[text(row["storage info"])] = fmt.Sprint(row["value"]) }
	// Since 3.11 the short form leaves out the graph; before, there was no other.
	err := d.table(ctx, "SHOW STORAGE INFO ON CURRENT DATABASE", storage)
	var refused *neo4j.Neo4jError
	if errors.As(err, &refused) {
		err = d.table(ctx, "SHOW STORAGE INFO", storage)
	}
	if err != nil {
		return nil, err
	}
	err = d.table(ctx, "SHOW CONFIG", func(row map[string]any) { out[text(row["name"])] = fmt.Sprint(row["current_value"]) })
	return out, err
}

// table runs a statement that lists something, outside of transactions.
func (d *DB) table(ctx context.Context, statement string, each func(map[string]any)) error {
	columns, rows, err := d.auto(ctx, neo4j.AccessModeRead, statement, nil)
	if err != nil {
		return d.failed("read the schema of", err)
	}
	for _, row := range rows {
		named := map[string]any{}
		for i, c := range columns {
			named[c] = row[i]
		}
		each(named)
	}
	return nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// texts are those of a list, or one that stands alone.
func texts(v any) (out []string) {
	switch v := v.(type) {
	case string:
		if v != "" {
			out = append(out, v)
		}
	case []any:
		for _, e := range v {
			out = append(out, text(e))
		}
	}
	return out
}
