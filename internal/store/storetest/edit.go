package storetest

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// An Edit is a change of one cell of a product's table, or of both ends of an edge.
type Edit struct {
	Table   string
	Columns []string
	// Before and After hold the row's cells as text, by column; NULL has none.
	Before, After map[string]string
}

func (e Edit) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", e.Table)
	for _, c := range e.Columns {
		fmt.Fprintf(&b, " %s %.200q -> %.200q", c, e.Before[c], e.After[c])
	}
	return b.String()
}

// classOf stands before the name of a column where the class of its cell is kept.
const classOf = "\x00"

// A cellColumn is a column that may be edited: its name, its type as editedText
// knows it, and whether it may be NULL.
type cellColumn struct {
	name, typ string
	nullable  bool
}

// edges are the names that the two ends of an edge have.
var edges = [][2]string{{"source_id", "target_id"}, {"from_action", "to_action"}}

// choose picks one to three columns of a row and their new texts; a nil text is NULL.
func choose(rng *rand.Rand, columns []cellColumn, row map[string]string) map[string]*string {
	for _, e := range edges {
		a, oka := row[e[0]]
		b, okb := row[e[1]]
		if oka && okb && a != b && row[classOf+e[0]] == row[classOf+e[1]] && rng.IntN(3) == 0 {
			return map[string]*string{e[0]: &b, e[1]: &a}
		}
	}
	c := columns[rng.IntN(len(columns))]
	old, there := row[c.name]
	text := c.typ == "text"
	switch {
	case !there && !text:
		return nil // NULL has no neighbour
	case !there:
		old = ""
		return map[string]*string{c.name: &old}
	case text && old == "" && c.nullable:
		return map[string]*string{c.name: nil}
	}
	changed, ok := editedText(rng, c.typ, old)
	if !ok || changed == old {
		return nil
	}
	return map[string]*string{c.name: &changed}
}

// editedText is the least change of a value of a type, each as text.
func editedText(rng *rand.Rand, typ, old string) (string, bool) {
	switch {
	case typ == "text":
		return editedCharacter(rng, old), true
	case typ == "uuid", typ == "bytea", typ == "blob":
		return editedHex(rng, old)
	case typ == "bool":
		return map[string]string{"true": "false", "false": "true"}[old], true
	case typ == "float8", typ == "real":
		return editedFloat(rng, old, 64)
	case typ == "vector":
		return editedElement(rng, old)
	case typ == "jsonb", typ == "json":
		return editedJSON(rng, old)
	case typ == "_text", typ == "_uuid":
		return editedList(rng, old, typ == "_uuid")
	case typ == "timestamptz", strings.HasPrefix(typ, "int"):
		n, err := strconv.ParseInt(old, 10, 64) // moments come as microseconds
		return strconv.FormatInt(n+1-2*int64(rng.IntN(2)), 10), err == nil
	}
	return "", false
}

func editedCharacter(rng *rand.Rand, old string) string {
	runes := []rune(old)
	if len(runes) == 0 {
		return "x"
	}
	at := rng.IntN(len(runes))
	if runes[at]++; runes[at] == 0xD800 || runes[at] > 0x10FFFF {
		runes[at] = 'x'
	}
	return string(runes)
}

// editedHex flips the lowest bit of one hexadecimal digit.
func editedHex(rng *rand.Rand, old string) (string, bool) {
	out := []byte(old)
	for range 100 {
		if len(out) == 0 {
			break
		}
		if at := rng.IntN(len(out)); strings.IndexByte("0123456789abcdef", out[at]) >= 0 {
			n, err := strconv.ParseUint(string(out[at]), 16, 8)
			out[at] = "0123456789abcdef"[n^1]
			return string(out), err == nil
		}
	}
	return "01", old == ""
}

// editedFloat moves a number by one unit in the last place.
func editedFloat(rng *rand.Rand, old string, bits int) (string, bool) {
	v, err := strconv.ParseFloat(old, bits)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return "", false
	}
	to := math.Inf(1 - 2*rng.IntN(2))
	if bits == 32 {
		v = float64(math.Nextafter32(float32(v), float32(to)))
	} else {
		v = math.Nextafter(v, to)
	}
	return strconv.FormatFloat(v, 'g', -1, bits), true
}

func editedElement(rng *rand.Rand, old string) (string, bool) {
	elements := strings.Split(strings.Trim(old, "[]"), ",")
	at := rng.IntN(len(elements))
	changed, ok := editedFloat(rng, elements[at], 32)
	elements[at] = changed
	return "[" + strings.Join(elements, ",") + "]", ok
}

// editedJSON changes the value: a member or an element more, or another scalar.
func editedJSON(rng *rand.Rand, old string) (string, bool) {
	n := rng.IntN(1000)
	trimmed := strings.TrimSpace(old)
	switch {
	case trimmed == "{}":
		return fmt.Sprintf(`{"edited": %d}`, n), true
	case strings.HasPrefix(trimmed, "{"):
		return fmt.Sprintf(`{"edited": %d, %s`, n, trimmed[1:]), true
	case trimmed == "[]":
		return fmt.Sprintf(`["edited %d"]`, n), true
	case strings.HasPrefix(trimmed, "["):
		return fmt.Sprintf(`["edited %d", %s`, n, trimmed[1:]), true
	}
	return fmt.Sprintf(`"edited %d"`, n), true
}

// editedList adds an element in front of a list in PostgreSQL's text form.
func editedList(rng *rand.Rand, old string, uuids bool) (string, bool) {
	element := fmt.Sprintf("edited%d", rng.IntN(1000))
	if uuids {
		element = fmt.Sprintf("ed17ed00-0000-4000-8000-%012x", rng.IntN(1000))
	}
	if old == "{}" {
		return "{" + element + "}", true
	}
	return "{" + element + "," + strings.TrimPrefix(old, "{"), strings.HasPrefix(old, "{")
}

// A place is a row that may be edited.
type place struct {
	table string
	row   string // by which the engine finds it
	cells map[string]string
}

// edit changes so many rows, each once, in an order of chance. apply makes one change
// and returns the row's cells after it; false means that a constraint refuses it.
func edit(rng *rand.Rand, n int, places []place, columns map[string][]cellColumn, apply func(p place, set map[string]*string) (map[string]string, bool)) (done []Edit) {
	rng.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	for _, p := range places {
		if len(done) == n {
			break
		}
		for range 8 { // another column may do where one refuses
			set := choose(rng, columns[p.table], p.cells)
			if set == nil {
				continue
			}
			after, ok := apply(p, set)
			if !ok || maps.Equal(after, p.cells) {
				continue
			}
			e := Edit{Table: p.table, Before: p.cells, After: after}
			for c := range set {
				e.Columns = append(e.Columns, c)
			}
			slices.Sort(e.Columns)
			done = append(done, e)
			break
		}
	}
	return done
}
