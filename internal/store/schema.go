package store

import (
	"strings"

	"github.com/memarc/memarc/format"
)

// A Schema is the reference schema of one product over all its versions: a
// table of facts with the version range in which each holds. It is owned by
// the product's layout folder and is the only source of DDL text; nothing of
// it ever comes out of an archive.
//
// Since is the first version that has the thing, Until the first version that
// no longer has it; zero means "from the beginning" and "to this day".
type Schema struct {
	// Pragmas are statements run before the first table is created, for
	// example a page size.
	Pragmas []Statement
	// Before are statements that a target runs before the first table is created, for
	// example to have an extension.
	Before []Statement
	// Tables in creation order: a table stands after those it refers to.
	Tables []TableDef
	// Objects are indexes, virtual tables, triggers and views, in creation
	// order. All of them are derived: created after the rows are loaded.
	Objects []ObjectDef
	// Seeds are statements that write the rows with which the product starts.
	Seeds []Statement
	// Adopt are statements that add rows to the table that is their Object, before and
	// again after records of another product have come: those to which the product wants
	// every record to refer, and of which no other product knows. A statement adds nothing
	// that is there already. While the rows stay what they are, they are no records.
	Adopt []Statement
	// Rebuild are statements that fill derived objects after a load, for
	// example a full-text index.
	Rebuild []Statement
}

// A TableDef is one native table.
type TableDef struct {
	Name    string
	Columns []ColumnDef
	// Constraints are table constraints such as "PRIMARY KEY (a, b)".
	Constraints []Statement
	// Foreign are references that are created once all rows are there. In SQLite,
	// which cannot add them later, they stand in Columns or Constraints instead.
	Foreign []ForeignDef
	// Options stands behind the closing parenthesis, for example "STRICT".
	Options string
	// Module is the extension whose virtual table it is; the columns are its arguments then.
	Module string
	// Spaced says that a new store has the table only for records with embeddings: it is
	// made for vectors of one space, and the product makes it itself for any other.
	Spaced       bool
	Since, Until int
}

// A ColumnDef is one column: its name and the rest of its definition, for
// example "TEXT NOT NULL DEFAULT 'fact'". Columns stand in the order in which
// the product's own file has them (a column added later stands last).
type ColumnDef struct {
	Name, Decl   string
	Since, Until int
}

// A ForeignDef is a reference to another table, or to the same.
type ForeignDef struct {
	format.ForeignKey
	Since, Until int
}

// Computed tells whether the engine computes the column, so that nobody writes it.
func (c *ColumnDef) Computed() bool {
	return strings.Contains(strings.ToUpper(c.Decl), "GENERATED ALWAYS AS (")
}

// An ObjectDef is one derived object and the statement that creates it.
// Table is the table it belongs to.
type ObjectDef struct {
	Name, Table, SQL string
	Since, Until     int
	// Optional marks what the product makes only when it is told to: a new target has it
	// if the store had it that the records come from.
	Optional bool
	// Slow marks an index that takes long to make over many rows: over vectors or a
	// full text. The product finds the same without it, only later.
	Slow bool
}

// A Statement is a piece of SQL with the versions it holds for.
type Statement struct {
	SQL          string
	Since, Until int
	// Object, if set, is a table that must exist for the statement to make sense.
	Object string
}

func holds(version, since, until int) bool {
	return version >= since && (until == 0 || version < until)
}

// At returns the schema with just what holds at one version.
func (s *Schema) At(version int) *Schema {
	out := &Schema{Pragmas: statementsAt(s.Pragmas, version), Before: statementsAt(s.Before, version), Rebuild: statementsAt(s.Rebuild, version), Seeds: statementsAt(s.Seeds, version), Adopt: statementsAt(s.Adopt, version)}
	for _, t := range s.Tables {
		if !holds(version, t.Since, t.Until) {
			continue
		}
		at := TableDef{Name: t.Name, Options: t.Options, Module: t.Module, Spaced: t.Spaced, Constraints: statementsAt(t.Constraints, version)}
		for _, c := range t.Columns {
			if holds(version, c.Since, c.Until) {
				at.Columns = append(at.Columns, c)
			}
		}
		for _, f := range t.Foreign {
			if holds(version, f.Since, f.Until) {
				at.Foreign = append(at.Foreign, f)
			}
		}
		out.Tables = append(out.Tables, at)
	}
	for _, o := range s.Objects {
		if holds(version, o.Since, o.Until) {
			out.Objects = append(out.Objects, o)
		}
	}
	return out
}

func statementsAt(all []Statement, version int) []Statement {
	var out []Statement
	for _, s := range all {
		if holds(version, s.Since, s.Until) {
			out = append(out, s)
		}
	}
	return out
}

// Table returns the definition of the named table, or nil.
func (s *Schema) Table(name string) *TableDef {
	for i := range s.Tables {
		if s.Tables[i].Name == name {
			return &s.Tables[i]
		}
	}
	return nil
}

// HasColumn tells whether the table has a column of that name.
func (t *TableDef) HasColumn(name string) bool {
	for _, c := range t.Columns {
		if strings.EqualFold(c.Name, name) {
			return true
		}
	}
	return false
}

// CreateSQL returns the CREATE TABLE statement, names quoted as identifiers of
// standard SQL.
func (t *TableDef) CreateSQL() string {
	var b strings.Builder
	if t.Module != "" {
		args := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			args[i] = c.Name + " " + c.Decl
		}
		return "CREATE VIRTUAL TABLE " + QuoteName(t.Name) + " USING " + t.Module + "(" + strings.Join(args, ", ") + ")"
	}
	b.WriteString("CREATE TABLE ")
	b.WriteString(QuoteName(t.Name))
	b.WriteString(" (")
	for i, c := range t.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(QuoteName(c.Name))
		if c.Decl != "" {
			b.WriteString(" ")
			b.WriteString(c.Decl)
		}
	}
	for _, c := range t.Constraints {
		b.WriteString(", ")
		b.WriteString(c.SQL)
	}
	b.WriteString(")")
	if t.Options != "" {
		b.WriteString(" ")
		b.WriteString(t.Options)
	}
	return b.String()
}

// DimensionMark stands in the statements of a schema for the number of elements of
// the vectors that a store takes.
const DimensionMark = "{EMBEDDING_DIM}"

// QuoteText quotes a text as a literal of standard SQL. No statement can hold U+0000,
// so a text must not have it.
func QuoteText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// QuoteName quotes a name as an identifier of standard SQL: in double quotes,
// with every double quote in it doubled.
func QuoteName(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
