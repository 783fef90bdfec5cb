package store

import (
	"context"
	"slices"

	"github.com/memarc/memarc/format"
)

// A Layout is what one product keeps in an engine that has tables: data, used in
// both directions.
type Layout struct {
	// Name as it stands in manifests and on the command line.
	Name string
	// Engines whose stores it describes.
	Engines []string
	// Detect recognises the product and its version by tables and columns.
	Detect func(ctx context.Context, c *Catalog, db Tables) (version int, ok bool)
	// Any says that Detect recognises every database.
	Any bool
	// Alike says that the layout's stores have the same tables in all its engines, so that
	// one engine's store is made again in another as it is.
	Alike bool
	// Label and Key say, for engines that have labels, whose rows stand in one table and
	// what names them: see Labeled.
	Label, Key string
	// Latest is the version of a new target that is given none.
	Latest int
	// Twin returns the version of a new target for a store of the same product in
	// another engine; nil for Latest.
	Twin func(origin format.StoreID) int
	// Schema is the product's reference schema; nil if the layout has none.
	Schema *Schema
	// Maps says which columns are which fields. Columns that no map names become
	// fields of the layout's own; tables that no map names become passthrough
	// sections.
	Maps []TableMap
	// Documents are columns that hold a record's fields as one JSON object. Maps name
	// its members as columns: COLUMN.MEMBER.
	Documents []JSONColumn
	// Surrogates are numbers by which tables refer to the rows of others that are known
	// by something else.
	Surrogates []Surrogate
	// Skip names tables that are derived or not user data.
	Skip []string
	// Fixed names tables that say what a store is, such as its version, or that
	// its own triggers fill: an existing target keeps its rows.
	Fixed []string
	// Secrets names what an archive does not hold unless it is asked to: passwords, keys
	// and tokens, and tables of them.
	Secrets []Secret
	// Adapt returns the layout for a store whose tables have names that its user chose,
	// or nil if none of them is the product's. A new store has those of the layout itself.
	Adapt func(tables []format.Table) *Layout
	// Instance is the name that Adapt has found.
	Instance string
	// Spaces derives the embedding spaces, where the product has no table of them.
	Spaces *SpacesFrom
	// Model is where a product that takes vectors of one space alone registers it.
	Model *Model
	// Locations lists where the product keeps its store.
	Locations func(getenv func(string) string) []string
	// Own is set for memarc's own layout alone, which holds any section as it is.
	Own *OwnLayout
}

// Takes tells whether the tables of an archive's origin are those of the layout's stores
// in an engine.
func (l *Layout) Takes(o *format.Origin, engine string) bool {
	switch {
	case o == nil || o.Layout != l.Name:
		return false
	case l.Alike:
		return slices.Contains(l.Engines, o.Engine)
	}
	return o.Engine == engine
}

// A Secret is a column of a table, or the table as a whole.
type Secret struct{ Table, Column string }

// A JSONColumn is a column whose texts are JSON objects: to the maps each member is a
// column of its own, as it is in an engine of graphs. The column's own name stands for
// the text as a whole, which is NULL wherever the members say it all; what they do not
// say, such as a member that is not listed or another spelling, comes back through it.
// Which members a text has, if not those that the product writes today, or not in its
// order, is a column too: COLUMN.order.
type JSONColumn struct {
	Table, Column string
	// Members in the order in which the product writes them.
	Members []Member
	// Spelling is how it writes them; the zero value is Python's.
	Spelling Spelling
}

// A Spelling is how a program writes JSON.
type Spelling uint8

// The spellings.
const (
	Python     Spelling = iota // json.dumps
	JavaScript                 // JSON.stringify
	JSONB                      // PostgreSQL's type jsonb, which has an order of its own
)

// OtherMembers is the name of a Member that stands for all that are not listed. Its
// cells are JSON objects: COLUMN.*.
const OtherMembers = "*"

// A Member is a member of such an object.
type Member struct {
	Name string
	// Kind is what its values are: Text, Integer, Real, or Array for a list of strings and
	// Document for any value, whose cells are JSON texts. A value of another of the first
	// three is carried as what it is.
	Kind Kind
	// Null says that the product writes null where it has no value, and does not leave
	// the member out.
	Null bool
	// EmptyText says that an empty list is written as the string "[]".
	EmptyText bool
	// Key is what the text calls the member, if not by its name, and Also what others
	// who write such texts call it.
	Key  string
	Also []string
	// Copy names a column of the table that says the same. If the table has it, the
	// column's value counts, and the member is a column only of what it says otherwise,
	// as JSON: COLUMN.MEMBER.stale.
	Copy string
}

// A Surrogate says that Column of Table is the number Key of a row of Owner, which only
// the store itself gives and which is known outside as Name. To the maps there is a column
// COLUMN.NAME, and the number stands only where no row has it. Rows of both tables are
// found by what they are known as.
type Surrogate struct{ Table, Column, Owner, Key, Name string }

// A TableMap says that the rows of a native table are records of a section. A map
// without a section names lenses for columns of a table that is carried as it is.
type TableMap struct {
	Table   string
	Section string
	Columns []ColumnMap
	// As names the passthrough section of a table whose own name is not always the same.
	As string
	// Part means that another map of the same table creates the rows, and this
	// one only fills columns of them. With Optional a row has no such record if all
	// its columns here, but for the key, are NULL.
	Part, Optional bool
	// Updated names the column that says when a row was last changed.
	Updated string
}

// A ColumnMap says that a native column is a field, read and written by the lens
// of that name. Without a Field it is one of the layout's own: LAYOUT.COLUMN.
type ColumnMap struct {
	Column, Field, Lens string
	// Else names fields to take instead, and Default the native value to write
	// at last, for a record of another product that lacks the field. Records of
	// the layout's own keep their NULL.
	Else    []string
	Default *format.Value
	// Make, if set, makes the native value of every record of another product, by what
	// its fields say: field returns the zero value for what is null.
	Make func(field func(name string) format.Value) format.Value
	// Apart, if set, says that no two rows of a new store have the same value.
	Apart *Apart
	// Mint, if set, makes the native value for a record of another product, whose own
	// identifier the column cannot hold.
	Mint *Mint
	// Blank says that the column must not be NULL, and that an empty BLOB stands for no
	// value. A table has one such column at most.
	Blank bool
	// Refers names the section whose records the column refers to, if their table mints.
	Refers string
	// Shown, for a field that no column is, makes it of the record's other fields whenever
	// a record is read. Column is empty then.
	Shown func(field func(name string) format.Value) format.Value
	// Leave, if set, is what of the field's value is left where fields that are Shown say
	// the rest, and Agree puts that rest into the native value again. Leave keeps a value
	// whole that would not come back bit for bit.
	Leave func(value format.Value) format.Value
	Agree func(native format.Value, field func(name string) format.Value) format.Value
	// Const is not empty for a field that the table has no column for, because it is
	// the same for the whole store: its native value stands in the column of the
	// one row of the table Layout.Model. Column is empty then.
	Const string
}

// Apart tells rows apart whose columns must not all have the same values, where records
// of another product may.
type Apart struct {
	// With names the other columns.
	With []string
	// Mark makes of a text that an earlier row has already one that none has, by the
	// record's identifier.
	Mark func(text, id string) string
}

// A Mint makes native identifiers for records of another product: without a function,
// the next number. What the records call themselves stays in the sidecar, and columns
// that refer to them hold what was minted.
type Mint struct {
	// Of makes it of the identifier alone.
	Of func(id string) format.Value
	// Propose makes a text of what the fields say. Where a record has it already, Mark
	// makes one that none has, for n = 2, 3, ...; without Mark the table refuses the record.
	Propose func(field func(name string) format.Value) string
	Mark    func(text, id string, n int) string
}

// SpacesFrom says where embedding spaces show: the distinct values of two columns.
type SpacesFrom struct {
	Tables []string
	// Space and Dimension are columns of all these tables.
	Space, Dimension string
	// Vector, instead, is a column of vectors that nothing names, all of one dimension.
	Vector string
}

// A Model is where a product registers the one embedding space that its store
// takes. A target that has registered another one refuses an import.
type Model struct {
	// Table holds one row at most, whose columns are Name, Dimension and Hash; those
	// that the product does not have are empty.
	Table, Name, Dimension, Hash string
	// Vectors names columns, as table and column, whose declared type fixes the
	// dimension of vectors: vector(384).
	Vectors [][2]string
	// Assumed is the dimension of a new store for an archive that says none: the
	// product's own default.
	Assumed int64
	// Register are statements that a new target runs once the space of an archive
	// is known, with $NAME and $HASH replaced by literals and $DIMENSION by a number.
	Register []Statement
	// Replace are statements that take another space from now on, and lose all vectors
	// of the one before; Remark are those that follow once vectors have come. Both with
	// the same marks; a statement whose Object the store does not have is left out.
	Replace, Remark []Statement
}

// OwnLayout is how memarc's own layout keeps any section: one table each, and a
// table of metadata.
type OwnLayout struct {
	// MetaTable holds names and JSON texts.
	MetaTable string
	// Lens names the lens by which a field type is kept, and Decl the declared
	// type of its column.
	Lens, Decl func(t format.Type) string
	// Rest, if not empty, is a column for what the others cannot hold exactly: bytes
	// that are a map, in canonical encoding, of fields to their values.
	Rest string
	// RestDecl is its declared type.
	RestDecl string
}
