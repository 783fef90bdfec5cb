// Package matrix proves that whatever holds memories goes into every other store and
// comes home as it was: its test takes every kind of store as source and as target.
package matrix
