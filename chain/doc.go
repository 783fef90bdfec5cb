// Package chain reads a whole archive and the incremental ones on top of it as one
// state: what a store held when the last of them was written.
//
//	c, err := chain.Open(ctx, files, format.ReaderOptions{})
//	end, err := c.Write(ctx, out, chain.WriteOptions{}) // a whole archive
//
// Open verifies every archive and every step between two of them: that the base of
// each is the state before it, that what its tombstones bury was there, and that its
// result is what comes out. Memory stays flat but for 20 bytes a tombstone.
package chain
