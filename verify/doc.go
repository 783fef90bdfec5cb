// Package verify recomputes what archives and stores claim: an archive against
// itself, and the records of any two sides, archive or store, against each other.
// It reports every finding and changes nothing.
//
//	end, findings, err := verify.Archive(ctx, in, verify.Options{})
//	diff, err := verify.Compare(ctx, a, b, verify.CompareOptions{})
package verify
