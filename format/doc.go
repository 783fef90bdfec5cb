// Package format reads and writes .marc archives: records of typed sections in
// checksummed, zstd-compressed chunks, as FORMAT.md specifies them.
//
// Writing:
//
//	w, err := format.NewWriter(out, manifest, format.WriterOptions{})
//	err = w.Write(batch) // as often as there are batches
//	end, err := w.Close(losses)
//
// Reading:
//
//	r, err := format.NewReader(in, format.ReaderOptions{})
//	for batch, err := range r.Batches() { ... }
//	end := r.End()
//
// A [Batch] is columnar: one [Column] per field of its [Section]. Batches that
// a Reader yields stay valid until [Batch.Release] is called on them.
//
// The package promises: what a Reader yields was verified by the chunk's
// SHA-256 and checked value by value against the manifest's schema; memory is
// bounded by a few chunks whatever the archive holds ([ReaderOptions] has the
// limits of FORMAT.md section 9); an archive that lacks its end block is
// reported as [ErrTruncated]; the same batches and options give the same bytes.
// Every archive of version 1 stays readable by every later version.
//
// Readers and Writers are for one goroutine at a time; they use several
// goroutines inside. The package leaves out: files and their atomic creation,
// stores, encryption, terminal output.
package format
