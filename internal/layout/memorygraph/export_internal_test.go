package memorygraph

import (
	"slices"
	"testing"

	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// CheckNote checks that a text which can be read as a note is read again as it was
// written.
func CheckNote(t *testing.T, text string) {
	t.Helper()
	n, err := parseNote([]byte(text))
	if err != nil {
		return
	}
	rows := store.NewRows(len(noteColumns))
	for i, column := range noteColumns {
		appendValue(&rows.Columns[i], column, n)
	}
	rows.N = 1
	refused := false
	normalNotes("nodes", noteColumns, rows, func(int, string) { refused = true })
	if refused {
		return
	}
	written := noteText(rows, 0, "")
	again, err := parseNote([]byte(written))
	if err != nil {
		t.Fatalf("%q: %v", written, err)
	}
	back := store.NewRows(len(noteColumns))
	for i, column := range noteColumns {
		appendValue(&back.Columns[i], column, again)
		if !rows.Columns[i].Equal(0, &back.Columns[i], 0) && !slices.Contains([]string{textfile.Other}, column) {
			t.Fatalf("%s: %q became %q in %q", column, rows.Columns[i].Bytes(0), back.Columns[i].Bytes(0), written)
		}
	}
}
