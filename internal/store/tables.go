package store

import (
	"context"
	"iter"
	"strings"

	"github.com/memarc/memarc/format"
)

// TableKind says what a name in a database's schema stands for.
type TableKind uint8

// The kinds. Only ordinary tables hold rows that are carried; of the others a
// layout says that they are derived, or the ledger says that they are left out.
const (
	Ordinary TableKind = iota
	Virtual            // a module's table, for example full-text search
	Shadow             // a table in which a virtual table keeps its data
	Internal           // a table of the engine's own, for example statistics
)

// A CatalogTable is a table that a database has.
type CatalogTable struct {
	// Table's Module is that of a Virtual table too.
	format.Table
	Kind TableKind
	// Classes holds, for each column, what its declared type asks for; Null where
	// it asks for nothing.
	Classes []Kind
	// Generated names the columns that the engine computes.
	Generated []string
	// Code lists what of the table's definition is code and so not part of
	// Table: pairs of a loss code and what it concerns.
	Code []SchemaLoss
}

// A SchemaLoss is a part of a schema that is code and cannot be carried as data.
// Word, if not empty, is the word of the definition that shows it, and Count how
// often it stands there.
type SchemaLoss struct {
	Code, Where, Reason, Word string
	Count                     int
}

// A CatalogObject is an index, trigger or view that a database has.
type CatalogObject struct {
	Type  string // index, trigger or view
	Name  string
	Table string
	// Plain means that the object is carried as part of its table's shape.
	Plain bool
}

// A Catalog is what a database holds, in the order of creation.
type Catalog struct {
	Engine  string
	Tables  []CatalogTable
	Objects []CatalogObject
	// Settings are numbers that are kept with the database as a whole, by name.
	Settings map[string]int64
	// Bound says that the engine acts on foreign keys while rows are written.
	Bound bool
	// MostDimensions is how many dimensions a column of vectors may have; 0 where the
	// engine has no type of vectors.
	MostDimensions int64
}

// Table returns the named table, or nil.
func (c *Catalog) Table(name string) *CatalogTable {
	for i := range c.Tables {
		if c.Tables[i].Name == name {
			return &c.Tables[i]
		}
	}
	return nil
}

// Has tells whether the database has the table and all the columns.
func (c *Catalog) Has(table string, columns ...string) bool {
	t := c.Table(table)
	if t == nil {
		return false
	}
	for _, name := range columns {
		if !t.HasColumn(name) {
			return false
		}
	}
	return true
}

// HasColumn tells whether the table has the column.
func (t *CatalogTable) HasColumn(name string) bool {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return true
		}
	}
	return false
}

// A Query asks for rows of one table in the engine's natural order, which is the
// same whenever the content is the same.
type Query struct {
	Table   string
	Columns []string
	// Where is a condition in the engine's own language, given by the user.
	Where string
	// Filters are conditions of ours, which all hold for each row.
	Filters []Filter
	// Shared says that other methods are called before the last row was taken.
	Shared bool
}

// A Filter is a condition on one column that every engine can express.
type Filter struct {
	Column string
	Is     Test
	Text   string // for Equal
}

// A Test is what a Filter asks of a cell.
type Test uint8

// The tests.
const (
	IsNull Test = iota
	NotNull
	Equal // to a text
)

// Condition is what a query asks of rows in standard SQL; "" if it takes them all.
func (q *Query) Condition() string {
	var all []string
	if q.Where != "" {
		all = append(all, "("+q.Where+"\n)")
	}
	for _, f := range q.Filters {
		name := QuoteName(f.Column)
		switch f.Is {
		case IsNull:
			all = append(all, name+" IS NULL")
		case NotNull:
			all = append(all, name+" IS NOT NULL")
		case Equal:
			all = append(all, name+" = "+QuoteText(strings.ReplaceAll(f.Text, "\x00", "")))
		}
	}
	return strings.Join(all, " AND ")
}

// Tables is an engine that has tables, opened for reading: one snapshot for all
// its methods.
type Tables interface {
	// Catalog lists what the database holds.
	Catalog(ctx context.Context) (*Catalog, error)
	// Count returns the number of rows of a table.
	Count(ctx context.Context, table string) (int64, error)
	// Distinct returns the distinct combinations of columns of a table, ordered,
	// and fails when there are more than limit.
	Distinct(ctx context.Context, table string, columns []string, limit int) (*Rows, error)
	// Scan yields the rows in runs, and at most one error, as its last pair.
	// A run is the consumer's until the next one is asked for; its slices may be
	// taken if others are left in their place.
	Scan(ctx context.Context, q Query) iter.Seq2[*Rows, error]
	// Lookup returns, for each row of keys, the row of the table with that key:
	// found[i] is the row of the result, or -1.
	Lookup(ctx context.Context, table string, keys, columns []string, rows *Rows) (result *Rows, found []int, err error)
	// Unchanged fails if the rows read so far may not be of one moment.
	Unchanged() error
	Close() error
}

// Schemas is the ability of an engine whose databases hold several name spaces of
// tables, each of which may be a store.
type Schemas interface {
	// Schemas lists the name spaces that hold tables. The one in use stands first,
	// whether it holds any or not.
	Schemas(ctx context.Context) ([]string, error)
	// Use makes the methods of Tables concern the named one.
	Use(ctx context.Context, schema string) error
}

// A Target is an engine that has tables, opened for writing. Nothing that it does
// is visible to others before Commit; Close without Commit undoes everything.
type Target interface {
	Tables
	// Fresh tells that the target held nothing before.
	Fresh() bool
	// Exec runs statements of a layout's own schema.
	Exec(ctx context.Context, statement string) error
	// Drop removes a table that memarc has created.
	Drop(ctx context.Context, table string) error
	// CreateTable creates a table from a shape that may come from an archive.
	// It takes types from a closed list and reports what it cannot express.
	CreateTable(ctx context.Context, t *format.Table) error
	// CreateIndex creates an index over whole columns, likewise.
	CreateIndex(ctx context.Context, table string, ix *format.Index) error
	// AddColumn adds a column to a table, likewise.
	AddColumn(ctx context.Context, table string, c *format.TableColumn) error
	// Stored returns what a Lookup of the columns want would give of rows that
	// Insert takes into a table that this target has created, row by row, without
	// asking the database; nil if only the database can tell.
	Stored(ctx context.Context, table string, columns []string, rows *Rows, want []string) (*Rows, error)
	// Insert inserts rows. A row that its columns or a constraint refuse is
	// reported by reject and left out; any other error ends the insert.
	Insert(ctx context.Context, table string, columns []string, rows *Rows, reject func(row int, err error)) error
	// Update sets columns of the rows with the given keys: the first len(keys)
	// columns of rows are the key. Rows that are not there are reported.
	Update(ctx context.Context, table string, keys, columns []string, rows *Rows, reject func(row int, err error)) error
	// Delete deletes the rows with the given keys.
	Delete(ctx context.Context, table string, keys []string, rows *Rows) error
	// SetSequence sets the number after which a table's generated keys go on; nil
	// makes the table forget it.
	SetSequence(ctx context.Context, table string, last *int64) error
	// SetSetting sets a number of the database that Catalog.Settings names.
	SetSetting(ctx context.Context, name string, v int64) error
	// Dangling returns the rows of a table, by the given columns, whose reference
	// has nothing to refer to.
	Dangling(ctx context.Context, table string, key []string, f *format.ForeignKey) (*Rows, error)
	// AddForeignKey creates a reference, or fails with ErrDangling. Engines that write references into the
	// definition of a table do nothing, and neither do they know Dangling rows.
	AddForeignKey(ctx context.Context, table string, f *format.ForeignKey) error
	// Settle ends the load: what Insert and Update have set aside for speed, such as
	// an index over vectors, is made again.
	Settle(ctx context.Context) error
	// Checkpoint makes what was done so far visible, durably, and goes on. Engines
	// that only know all or nothing fail with ErrUsage.
	Checkpoint(ctx context.Context) error
	// Commit makes everything visible, durably.
	Commit(ctx context.Context) error
}

// Behind is the ability of a target to be written while the caller goes on: work is done
// with the target that it is given, and all methods of the target itself wait for its
// end, but for a Stored that has nothing to ask of the engine. end waits for it too, and
// returns the error of work. Once that has failed, so does Commit.
type Behind interface {
	Behind(work func(Target) error) (end func() error)
}

// Schemaless is the ability of an engine whose tables exist by their rows alone:
// Declare says which columns a table of a layout's schema has, instead of Exec.
type Schemaless interface {
	Declare(ctx context.Context, def *TableDef) error
}

// Labeled is the ability of an engine whose rows stand in tables by their labels:
// Prefer makes those with one label stand in one table, whatever other labels they
// have, and be referred to by the column that is their key.
type Labeled interface {
	Prefer(label, key string)
}

// Lossy is the ability of an engine to say which values it could not read exactly.
type Lossy interface {
	Losses() []format.Loss
}
