// Package importer is the flow from an archive to a store: a plan, the records
// under a conflict policy, what is derived, and the proof that the target holds
// them, by reading it back. Only then does the target become visible.
//
//	reader, err := format.NewReader(in, format.ReaderOptions{})
//	report, err := importer.Import(ctx, reader, sink, importer.Options{})
//
// If Import returns an error, the target is as it was before.
package importer
