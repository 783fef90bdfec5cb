// Package file is the engine of stores that are text files: one file, or a folder of
// them. It knows no format; those that it is given turn files into rows of tables and
// back. While a store is open the tables stand in a private database on disk, so that
// memory stays flat however big a file is, rows are found by key, and a condition of
// the user's is SQL. A source is read once, from beginning to end, and never written.
//
// A target is written as a whole: when everything is in the tables, a new file is
// written beside the final one and read again, so that what proves the import is the
// file itself; Commit gives it its name.
package file
