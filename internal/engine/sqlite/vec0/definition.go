package vec0

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/memarc/memarc/internal/store"
)

// Module is the name by which tables are declared.
const Module = "vec0"

// MostDimensions is how many dimensions a vector may have.
const MostDimensions = 8192

// The other limits of sqlite-vec.
const (
	maxChunk      = 4096 // slots
	defaultChunk  = 1024
	maxVectors    = 16
	maxPartitions = 4
	maxAuxiliary  = 16
	maxMetadata   = 16
)

// Kind is what a column is to the table.
type Kind uint8

// The kinds of columns.
const (
	Vector Kind = iota
	Partition
	Auxiliary
	Metadata
)

// A Column is one declared column.
type Column struct {
	Name string
	// Decl is the rest of its declaration, with "+" before an auxiliary column's.
	Decl string
	Kind Kind
	// Class is the storage class of its values; store.Vector for float32.
	Class store.Kind
	size  int // bytes of a vector
	bits  bool
	at    int // among the columns of its kind
}

// A Definition is what a CREATE VIRTUAL TABLE statement declares.
type Definition struct {
	// Key is the name of the primary key, which sqlite-vec calls rowid if it has none,
	// and KeyDecl the rest of its declaration.
	Key, KeyDecl string
	// TextKey says that keys are texts; else they are the rowids.
	TextKey bool
	Columns []Column
	// Options are what was declared of the table as a whole.
	Options []string
	chunk   int // slots
	count   [Metadata + 1]int
}

// ErrUnsupported is why a table is left alone: its declaration says something that this
// package does not know.
var ErrUnsupported = errors.New("the declaration of a vec0 table is not understood")

// Parse reads the arguments of a declaration, one a column or an option.
func Parse(args []string) (*Definition, error) {
	d := &Definition{Key: "rowid", chunk: defaultChunk}
	for _, arg := range args {
		if !d.add(arg) {
			return nil, fmt.Errorf("%w: %q", ErrUnsupported, arg)
		}
	}
	names := []string{strings.ToLower(d.Key)}
	for _, c := range d.Columns {
		if name := strings.ToLower(c.Name); slices.Contains(names, name) || name == "distance" || name == "k" {
			return nil, fmt.Errorf("%w: column %q is there twice", ErrUnsupported, c.Name)
		}
		names = append(names, strings.ToLower(c.Name))
	}
	for kind, most := range [...]int{maxVectors, maxPartitions, maxAuxiliary, maxMetadata} {
		if d.count[kind] > most {
			return nil, fmt.Errorf("%w: it has too many columns", ErrUnsupported)
		}
	}
	if d.count[Vector] == 0 {
		return nil, fmt.Errorf("%w: it has no column of vectors", ErrUnsupported)
	}
	return d, nil
}

// ParseSQL reads a CREATE VIRTUAL TABLE statement as a schema holds it.
func ParseSQL(sql string) (*Definition, error) {
	open, end := strings.IndexByte(sql, '('), strings.LastIndexByte(sql, ')')
	if quoted := strings.ToLower(sql); open >= 0 {
		// The table's name may hold brackets; the module's name stands before the right one.
		if using := strings.LastIndex(quoted, Module); using > open {
			open = using + strings.IndexByte(sql[using:], '(')
			if open < using {
				open = -1
			}
		}
	}
	if open < 0 || end < open {
		return nil, fmt.Errorf("%w: %.60q", ErrUnsupported, sql)
	}
	return Parse(strings.Split(sql[open+1:end], ","))
}

// add takes one argument.
func (d *Definition) add(arg string) bool {
	words, ok := split(arg)
	if !ok || len(words) < 2 {
		return false
	}
	decl := strings.Join(strings.Fields(arg), " ")
	c := Column{Name: words[0], Decl: strings.TrimSpace(strings.TrimPrefix(decl, words[0]))}
	switch {
	case words[0] == "+":
		if len(words) < 3 || !isName(words[1]) {
			return false
		}
		c.Name, c.Kind = words[1], Auxiliary
		rest := strings.TrimSpace(decl[1:])
		c.Decl = "+ " + strings.TrimSpace(strings.TrimPrefix(rest, c.Name))
		c.Class = auxiliaryClass(words[2])
	case !isName(words[0]):
		return false
	case words[1] == "=":
		return d.option(words, decl)
	case len(words) >= 5 && words[2] == "[":
		if !c.vector(words) {
			return false
		}
	case len(words) >= 4 && short(words[2], "partition") && short(words[3], "key"):
		c.Kind, c.Class = Partition, keyClass(words[1])
	case len(words) >= 4 && short(words[2], "primary") && short(words[3], "key"):
		class := keyClass(words[1])
		if d.KeyDecl != "" || class == store.Null {
			return false
		}
		d.Key, d.KeyDecl, d.TextKey = c.Name, c.Decl, class == store.Text
		return true
	case len(words) == 2:
		c.Kind = Metadata
		c.Class, c.bits = metadataClass(words[1])
	default:
		return false
	}
	if c.Class == store.Null {
		return false
	}
	c.at = d.count[c.Kind]
	d.count[c.Kind]++
	d.Columns = append(d.Columns, c)
	return true
}

// option takes chunk_size=N.
func (d *Definition) option(words []string, decl string) bool {
	if len(words) != 3 || !short(words[0], "chunk_size") {
		return false
	}
	n, err := strconv.Atoi(words[2])
	if err != nil || n <= 0 || n%8 != 0 || n > maxChunk {
		return false
	}
	d.chunk, d.Options = n, append(d.Options, decl)
	return true
}

// vector takes NAME TYPE [ N ] and what follows.
func (c *Column) vector(words []string) bool {
	n, err := strconv.Atoi(words[3])
	if err != nil || n <= 0 || n > MostDimensions || words[4] != "]" {
		return false
	}
	starts := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(strings.ToLower(words[1]), name) })
	}
	c.Class = store.Blob
	switch {
	case starts("float", "f32"):
		c.Class, c.size = store.Vector, 4*n
	case starts("int8", "i8"):
		c.size = n
	case starts("bit") && n%8 == 0:
		c.size = n / 8
	default:
		return false
	}
	rest := words[5:]
	for ; len(rest) >= 3 && short(rest[0], "distance_metric") && rest[1] == "=" && isName(rest[2]); rest = rest[3:] {
	}
	return len(rest) == 0
}

func keyClass(word string) store.Kind {
	switch {
	case short(word, "text"):
		return store.Text
	case short(word, "integer"):
		return store.Integer
	}
	return store.Null
}

func auxiliaryClass(word string) store.Kind {
	switch {
	case short(word, "text"):
		return store.Text
	case short(word, "integer"):
		return store.Integer
	case short(word, "float"), short(word, "double"):
		return store.Real
	case short(word, "blob"):
		return store.Blob
	}
	return store.Null
}

func metadataClass(word string) (class store.Kind, bits bool) {
	switch {
	case short(word, "boolean"):
		return store.Integer, true
	case short(word, "integer64"), short(word, "int64"):
		return store.Integer, false
	case short(word, "float64"), short(word, "double"), short(word, "f64"):
		return store.Real, false
	case short(word, "text"):
		return store.Text, false
	}
	return store.Null, false
}

// short tells whether a word is the beginning of another: so sqlite-vec compares.
func short(word, of string) bool { return strings.HasPrefix(of, strings.ToLower(word)) }

func isName(word string) bool {
	return word[0] >= 'a' && word[0] <= 'z' || word[0] >= 'A' && word[0] <= 'Z'
}

// split returns the words and signs of an argument, if sqlite-vec knows them all.
func split(arg string) (words []string, ok bool) {
	for i := 0; i < len(arg); {
		switch ch := arg[i]; {
		case strings.IndexByte(" \t\n\r", ch) >= 0:
			i++
		case strings.IndexByte("+[]=(),", ch) >= 0:
			words = append(words, arg[i:i+1])
			i++
		case isName(arg[i : i+1]):
			start := i
			for i < len(arg) && (isName(arg[i:i+1]) || isDigit(arg[i]) || arg[i] == '_') {
				i++
			}
			words = append(words, arg[start:i])
		case isDigit(ch):
			start := i
			for i < len(arg) && isDigit(arg[i]) {
				i++
			}
			words = append(words, arg[start:i])
		default:
			return nil, false
		}
	}
	return words, true
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// Args returns the arguments of the declaration.
func (d *Definition) Args() []string {
	var args []string
	if d.KeyDecl != "" {
		args = append(args, d.Key+" "+d.KeyDecl)
	}
	for _, c := range d.Columns {
		args = append(args, Arg(c.Name, c.Decl))
	}
	return append(args, d.Options...)
}

// Arg makes one argument of a column's name and declaration.
func Arg(name, decl string) string {
	if rest, ok := strings.CutPrefix(decl, "+"); ok {
		return "+" + name + " " + strings.TrimSpace(rest)
	}
	return name + " " + decl
}

// CreateSQL returns the statement that creates a table.
func (d *Definition) CreateSQL(table string) string {
	return "CREATE VIRTUAL TABLE " + store.QuoteName(table) + " USING " + Module + "(" + strings.Join(d.Args(), ", ") + ")"
}

// Shadows returns the names of the tables in which a table keeps its rows.
func (d *Definition) Shadows(table string) []string {
	names := []string{table + "_info", table + "_chunks", table + "_rowids"}
	for i := range d.count[Vector] {
		names = append(names, fmt.Sprintf("%s_vector_chunks%02d", table, i))
	}
	for _, c := range d.Columns {
		if c.Kind != Metadata {
			continue
		}
		names = append(names, fmt.Sprintf("%s_metadatachunks%02d", table, c.at))
		if c.Class == store.Text {
			names = append(names, fmt.Sprintf("%s_metadatatext%02d", table, c.at))
		}
	}
	if d.count[Auxiliary] > 0 {
		names = append(names, table+"_auxiliary")
	}
	return names
}

// slot is how many bytes of a metadata chunk a slot takes; bits take none of their own.
func (c *Column) slot() int {
	if c.Class == store.Text {
		return textSlot
	}
	return 8
}

// bytesOf is how many bytes a chunk of the column has.
func (d *Definition) bytesOf(c *Column) int64 {
	switch {
	case c.Kind == Vector:
		return int64(d.chunk) * int64(c.size)
	case c.bits:
		return int64(d.chunk / 8)
	}
	return int64(d.chunk) * int64(c.slot())
}

// A text of metadata stands in its slot with its length and its first bytes.
const (
	textSlot  = 16
	textStart = 12
)
