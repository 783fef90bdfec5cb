// Package sqlite talks to SQLite files through their own page format: no server
// and no cgo. It knows no product.
//
// Reading never touches the file: it is opened read-only in one read
// transaction, with the content of the write-ahead log, and where the folder
// or the log do not allow that, a private copy is read instead. Writing goes to a
// new file under a temporary name, or into an existing one in one transaction.
package sqlite
