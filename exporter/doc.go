// Package exporter is the flow from a store to an archive: one snapshot, every
// section in its order, and a ledger of what could not be carried. It cannot
// write to a store.
//
//	report, err := exporter.Export(ctx, source, out, exporter.Options{})
//
// Export streams: it holds a few batches at a time, whatever the store holds.
// The archive is complete only if Export returns no error; losses do not make it
// fail, they stand in the report and in the archive, and the caller decides.
// A Source is for one Export at a time.
package exporter
