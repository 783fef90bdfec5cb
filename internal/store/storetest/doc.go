// Package storetest is the conformance suite that every layout runs: one run,
// one poison store, and a reader of SQLite files that is independent of memarc's
// own, so that what comes back is compared with what was there and not with what
// memarc believes to have been there.
//
//	storetest.Run(t, storetest.Config{Layout: "vestige", Create: create, ...})
//
// Long enumerations are sampled from a seed that is printed. MEMARC_TEST_SEED
// repeats a run, MEMARC_TEST_LONG=1 takes everything.
package storetest
