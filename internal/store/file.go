package store

import (
	"context"
	"io"
	"io/fs"
)

// A FileFormat is how a product writes memories into text files. To layouts its records
// are rows of tables: the engine of files keeps these tables while a store is open, so a
// format only says how files become rows and rows become files.
type FileFormat struct {
	// Name as messages and ?format=NAME have it.
	Name string
	// Engine is the name of the engine in manifests: formats with other tables have another.
	Engine string
	// Layout is the layout of a new store.
	Layout string
	// Endings are those of files' names, the first of which a new file should have.
	Endings []string
	// Folder says that a store is a folder of files; else it is one file.
	Folder bool
	// Sidecar says that a file can hold tables of memarc's own beside the product's.
	Sidecar bool
	// Beside, if set, is what follows the name of a store's file in the name of a second one,
	// which holds memarc's own tables: for products that keep nothing of what is not theirs.
	// Write creates it by this name, behind the store's own and only if there are such
	// tables; Read finds it as the second of its names, if it is there.
	Beside string
	// Schema has the format's tables at Version.
	Schema  *Schema
	Version int
	// Within says for tables whose rows have no file of their own in whose file they stand.
	Within map[string]Within
	// Is tells by the beginning of one file whether it is of this format.
	Is func(head []byte) bool
	// Read loads the named files. The tables of the schema are there; it returns what of the
	// files it cannot give as rows.
	Read func(ctx context.Context, files fs.FS, names []string, into Target) ([]SchemaLoss, error)
	// Write writes the tables. create begins the next file; for a format without folders it
	// takes any name.
	Write func(ctx context.Context, from Tables, create func(name string) (io.Writer, error)) error
	// Normal makes of rows that are to be written what Read will give of them, and
	// refuses those that it can not give at all.
	Normal func(table string, columns []string, rows *Rows, refuse func(row int, reason string))
	// Fits, if set, refuses normal rows that the file cannot give beside those that the tables
	// hold: with an Unfit, or with a Dangling if others may still come that make them fit.
	Fits func(ctx context.Context, from Tables, table string, columns []string, rows *Rows, refuse func(row int, err error)) error
}

// Within says that a row stands in the file of the row of Table whose Key its Column has.
type Within struct{ Column, Table, Key string }

// Unfit is why a target does not take rows, in words that are the same for all of them.
type Unfit string

// Error is the reason.
func (e Unfit) Error() string { return string(e) }

// Dangling is why a target does not take rows that refer to what is not there, or not yet.
type Dangling struct{ Unfit }

// Unwrap lets a Dangling be an Unfit.
func (e Dangling) Unwrap() error { return e.Unfit }

// Is lets it be ErrDangling.
func (e Dangling) Is(err error) bool { return err == ErrDangling }

// Sidecarless is the ability of a target that has no place beside the product's own
// records: what these cannot hold is left out, and the ledger says so.
type Sidecarless interface{ Sidecarless() bool }
