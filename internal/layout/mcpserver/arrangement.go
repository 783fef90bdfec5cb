package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/memarc/memarc/internal/store"
)

// The server writes all entities, then all relations, with a newline between two lines. A
// file that is otherwise has an arrangement: one record, whose text is a JSON array of runs,
// each an array of what its lines are, how many there are, and their text:
//
//	["bom"]              a byte order mark
//	["marker",1,"..."]   the first line of the fork's files
//	["entities",3]       lines of the next 3 rows of the table; without a number, of all that
//	["relations"]        are left
//	["others"]
//	["blank",2,"\r"]     two lines of this text; an empty one at the end is a newline there
//
// The last run of each table has no number, so that a row more or less is no other
// arrangement. Each of the tables has a run.

// What an arrangement may be, so that one of a small archive makes no big file: the ledger
// says of a file whose own would be more that its lines come back in the server's order.
const (
	maxArrangement = 4 << 20 // bytes of its text
	maxBlanks      = 1 << 20 // bytes of blank lines
)

// What runs are of, beside tables.
const (
	mark   = "bom"
	marker = "marker"
	blanks = "blank"
)

// A run is lines of one kind that stand together; n is 0 for all that are left.
type run struct {
	what string
	n    int64
	text string
}

// rowTables are the tables whose rows are lines, in the order in which they stand in a file
// of memarc's.
var rowTables = []string{entities, relations, others}

var ofTables = []run{{what: entities}, {what: relations}, {what: others}}

// MarshalJSON gives the form above.
func (r run) MarshalJSON() ([]byte, error) {
	switch {
	case r.text != "" || r.what == blanks || r.what == marker:
		return json.Marshal([]any{r.what, r.n, r.text})
	case r.n > 0:
		return json.Marshal([]any{r.what, r.n})
	}
	return json.Marshal([]any{r.what})
}

var errArrangement = errors.New("it is no arrangement of lines")

// UnmarshalJSON reads it.
func (r *run) UnmarshalJSON(raw []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil || len(parts) == 0 || len(parts) > 3 {
		return errArrangement
	}
	for i, into := range []any{&r.what, &r.n, &r.text}[:len(parts)] {
		if json.Unmarshal(parts[i], into) != nil {
			return errArrangement
		}
	}
	return r.check(len(parts))
}

// check refuses what no file that is read gives.
func (r *run) check(parts int) error {
	ok := false
	switch r.what {
	case mark:
		ok = parts == 1
	case marker:
		ok = parts == 3 && r.n == 1 && isMarker([]byte(r.text)) && !slices.Contains([]byte(r.text), '\n')
	case blanks:
		ok = parts == 3 && r.n > 0 && blank([]byte(r.text)) && !slices.Contains([]byte(r.text), '\n')
	case entities, relations, others:
		ok = parts < 3 && r.n >= 0
	}
	if !ok {
		return errArrangement
	}
	return nil
}

func parseRuns(text []byte) (runs []run, err error) {
	if len(text) > maxArrangement || json.Unmarshal(text, &runs) != nil || !standing(runs) {
		return nil, errArrangement
	}
	return runs, nil
}

// standing tells whether a file can begin like the runs, and has not too many blank lines.
func standing(runs []run) bool {
	begun, size := false, int64(0)
	for i, r := range runs {
		switch r.what {
		case mark:
			if i > 0 {
				return false
			}
		case marker:
			if begun {
				return false
			}
			begun = true
		case blanks:
			if r.n > maxBlanks {
				return false
			}
			size += r.n * int64(len(r.text)+1)
		default:
			begun = true
		}
	}
	return size <= maxBlanks
}

// appendRun adds lines to the runs of a file.
func appendRun(runs []run, r run) []run {
	if last := len(runs) - 1; last >= 0 && runs[last].what == r.what && runs[last].text == r.text && r.what != mark {
		runs[last].n += r.n
		return runs
	}
	return append(runs, r)
}

// arranged is the arrangement of a file that has these runs, with their numbers; nil if it
// is as the server would write it.
func arranged(runs []run) []run {
	lastOf := func(what string) int {
		for i := len(runs) - 1; i >= 0; i-- {
			if runs[i].what == what {
				return i
			}
		}
		return -1
	}
	for i, what := range rowTables {
		at := lastOf(what)
		if at < 0 { // before what would follow it, else before the blanks at the end
			at = len(runs)
			for at > 0 && runs[at-1].what == blanks {
				at--
			}
			for _, next := range rowTables[i+1:] {
				if n := lastOf(next); n >= 0 {
					at = n
					break
				}
			}
			runs = slices.Insert(runs, at, run{what: what})
		}
		runs[at].n = 0
	}
	if slices.Equal(runs, ofTables) {
		return nil
	}
	return runs
}

// realised are the runs of a file that is written from an arrangement and so many rows.
func realised(runs []run, left map[string]int64) (out []run) {
	for _, r := range runs {
		if slices.Contains(rowTables, r.what) {
			if r.n == 0 || r.n > left[r.what] {
				r.n = left[r.what]
			}
			if left[r.what] -= r.n; r.n == 0 {
				continue
			}
		}
		out = appendRun(out, r)
	}
	return out
}

// fits refuses rows of which a file with the rows of the tables would not tell.
func fits(ctx context.Context, from store.Tables, table string, columns []string, rows *store.Rows, refuse func(int, error)) error {
	at := -1
	switch table {
	case arrangement:
		at = slices.Index(columns, arrangementColumns[1])
	case others:
		at = slices.Index(columns, otherColumns[0])
	}
	if at < 0 {
		return nil
	}
	left := map[string]int64{}
	for _, name := range rowTables {
		var err error
		if left[name], err = from.Count(ctx, name); err != nil {
			return err
		}
	}
	if table == others {
		return fitOthers(ctx, from, left, &rows.Columns[at], refuse)
	}
	for row := range rows.N {
		runs, err := parseRuns(rows.Columns[at].Bytes(row))
		if err != nil {
			refuse(row, store.Unfit(err.Error()))
		} else if !slices.Equal(arranged(realised(slices.Clone(runs), maps.Clone(left))), runs) {
			refuse(row, store.Dangling{Unfit: "lines are missing whose places it says; the others stand in the order in which the server writes them"})
		}
	}
	return nil
}

// fitOthers refuses lines that would be read as something else: those that repeat what is no
// longer there, and a fork's mark where nothing stands before it.
func fitOthers(ctx context.Context, from store.Tables, left map[string]int64, lines *store.Cells, refuse func(int, error)) error {
	for row := range lines.Kinds {
		line := lines.Bytes(row)
		if isMarker(line) && left[entities]+left[relations] == 0 {
			refuse(row, store.Dangling{Unfit: "as the first line it would say that the file is the fork's"})
		}
		r, err := parseLine(line)
		if err != nil || r.kind == others {
			continue // normal has refused what is no line
		}
		names, cells := r.key()
		key := store.NewRows(len(cells))
		for i, cell := range cells {
			key.Columns[i].AppendText(cell)
		}
		key.N = 1
		_, found, err := from.Lookup(ctx, r.kind, names, names, key)
		if err != nil {
			return err
		}
		if found[0] < 0 {
			refuse(row, store.Dangling{Unfit: "the line that it repeats is gone"})
		}
	}
	return nil
}

// readRuns reads the arrangement of a store; the server's own if it has none.
func readRuns(ctx context.Context, from store.Tables) ([]run, error) {
	runs := ofTables
	for rows, err := range from.Scan(ctx, store.Query{Table: arrangement, Columns: arrangementColumns[1:]}) {
		if err != nil {
			return nil, err
		}
		for row := range rows.N {
			if runs, err = parseRuns(rows.Columns[0].Bytes(row)); err != nil {
				return nil, fmt.Errorf("table %q: %w", arrangement, err)
			}
		}
	}
	return runs, nil
}
