// Package mapping makes a Source and a Sink of an engine that has tables and a
// Layout. Both directions run over the same parts: a part says how the rows of
// a native table are records of one section, column by column, each with its
// lens.
//
// Reading: rows of a table are scanned once, in runs; each part of the table
// turns a run into a batch. What a lens does not give back bit for bit goes into
// the record's leftovers.
//
// Writing: the same parts turn a batch into rows. Where the target is the layout
// that the records came from, that is all. Where it is another, the sink reads
// each row back through the part before it is written; what then differs from
// the record goes to the sidecar, with a hash of the row as it was written
// (sidecar.go), and the source puts it back.
package mapping
