package sqlite

// CopyAlways sets the size up to which an open database is copied.
func CopyAlways(n int64) (undo func()) {
	old := copyAlways
	copyAlways = n
	return func() { copyAlways = old }
}

// Patience sets how long to wait for a lock, in milliseconds.
func Patience(n int) (undo func()) {
	old := patience
	patience = n
	return func() { patience = old }
}
