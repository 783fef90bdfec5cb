// Package spec holds what stands beside FORMAT.md for those who write a reader
// or a writer of their own, as one file system: the schema of the standard
// sections, the test vectors, and a small reader in Python that was written
// from the document alone.
//
// A vector is an archive, vectors/NAME.marc, and what a reader must say of it,
// vectors/NAME.json:
//
//	name      NAME
//	comment   what the archive tests
//	expect    ok or fail
//	class     of a failure: guide, version, feature, header, chain, limit, payload, zstd, manifest, arrow,
//	          ndjson, record, end, trailer, trailing or truncated
//	exit      0; 3 for an archive that is corrupt or truncated; 7 for an unknown version or incompatible flag
//	records   records in blocks that were wholly verified before the error
//	released  SHA-256 over these records in file order: u16 length of the section name, section name, u32 length
//	          of the canonical record, canonical record (FORMAT.md section 5.2)
//	root      the file root, of a good archive
//	content   the content digest, of a good archive
//
// A reader need not tell the classes apart: an archive with one fault may
// show it in another place to a reader that looks in another order.
//
//	python3 spec/reader/marc.py vectors spec/vectors
package spec

import "embed"

// FS holds schema.json, vectors and reader.
//
//go:generate go run ./internal/generate
//go:embed schema.json vectors/*.json vectors/*.marc reader/*.py
var FS embed.FS
