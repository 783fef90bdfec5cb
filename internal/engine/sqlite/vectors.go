package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/engine/sqlite/vec0"
	"github.com/memarc/memarc/internal/store"
)

// rowidsSuffix ends the name of the shadow table that numbers a vec0 table's rows.
const rowidsSuffix = "_rowids"

// vectorSet are the vec0 tables of a database that can be read, and where they keep
// their rows. The shadow tables of others are carried as what they are.
type vectorSet struct {
	tables  map[string]*vec0.Definition
	shadows map[string]bool
}

func vectorTables(rows []schemaRow, kinds map[string]string) vectorSet {
	set := vectorSet{map[string]*vec0.Definition{}, map[string]bool{}}
	for _, r := range rows {
		if r.typ != "table" || kinds[r.name] != "virtual" || module(r.sql) != vec0.Module {
			continue
		}
		d, err := vec0.ParseSQL(r.sql)
		if err != nil {
			continue
		}
		set.tables[r.name] = d
		for _, name := range d.Shadows(r.name) {
			set.shadows[name] = true
		}
	}
	return set
}

// describeVectors shows a vec0 table as one that has rows: its key and its columns.
func describeVectors(t *store.CatalogTable, d *vec0.Definition) {
	t.Kind, t.Options, t.Autoincrement = store.Ordinary, d.Options, true
	key, class := format.TableColumn{Name: d.Key, Type: d.KeyDecl, NotNull: true}, store.Integer
	if d.TextKey {
		class = store.Text
	}
	t.Columns, t.Classes, t.Primary = []format.TableColumn{key}, []store.Kind{class}, []string{d.Key}
	for _, c := range d.Columns {
		nullable := c.Kind == vec0.Partition || c.Kind == vec0.Auxiliary
		t.Columns = append(t.Columns, format.TableColumn{Name: c.Name, Type: c.Decl, NotNull: !nullable})
		t.Classes = append(t.Classes, c.Class)
	}
}

// createVectors creates a vec0 table from a shape that may come from an archive. What
// it says is made anew from what was understood of it.
func (t *Target) createVectors(ctx context.Context, table *format.Table) error {
	if table.Module != vec0.Module {
		return fmt.Errorf("create table %q: it is of module %q, which is not known", table.Name, table.Module)
	}
	var args []string
	for _, c := range table.Columns {
		if c.Type != "" { // a key that is not declared is rowid
			args = append(args, vec0.Arg(c.Name, c.Type))
		}
	}
	d, err := vec0.Parse(append(args, table.Options...))
	if err != nil {
		return fmt.Errorf("create table %q: %w", table.Name, err)
	}
	return t.Exec(ctx, d.CreateSQL(table.Name))
}

// sequenced returns the table whose generated keys a row of sqlite_sequence counts.
func sequenced(c *store.Catalog, name string) *store.CatalogTable {
	if of, ok := strings.CutSuffix(name, rowidsSuffix); ok {
		if t := c.Table(of); t != nil && t.Kind == store.Ordinary && t.Module == vec0.Module {
			return t
		}
	}
	return c.Table(name)
}

// sequenceOf is the opposite of sequenced.
func (t *Target) sequenceOf(ctx context.Context, table string) (string, error) {
	c, err := t.Catalog(ctx)
	if err != nil {
		return "", err
	}
	if of := c.Table(table); of != nil && of.Kind == store.Ordinary && of.Module == vec0.Module {
		return table + rowidsSuffix, nil
	}
	return table, nil
}
