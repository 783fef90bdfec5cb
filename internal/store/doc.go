// Package store is the stair between archives and databases: what a native
// store is (Source, Sink), how an engine that has tables is talked to (Tables,
// Target), what a product keeps in one (Layout, Schema), and the Registry that
// finds the right ones for a location. It imports no database driver.
//
// Engines know no product, layouts know no driver. A Layout is a table of
// lenses: which native column is which field of which section, and by which
// codec. Package mapping turns a Layout and an engine into a Source and a Sink.
package store
