package bolt

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// errName is a name's that no server takes.
var errName = errors.New("name cannot be used")

// maxName is how long Neo4j lets a name be; longer ones are refused by it in the
// middle of a transaction.
const maxName = 16383

// quoteName quotes the name of a label, a type, a property, an index or a variable,
// so that it cannot be anything else in a statement. Where the server reads \uXXXX
// as a character wherever it stands, each backslash is written that way: it could
// be the beginning of such a back-quote.
func quoteName(name string, escapes bool) (string, error) {
	switch {
	case name == "":
		return "", fmt.Errorf("%w: it is empty", errName)
	case !utf8.ValidString(name):
		return "", fmt.Errorf("%w: %q is not UTF-8", errName, name)
	case strings.IndexByte(name, 0) >= 0:
		return "", fmt.Errorf("%w: %q holds NUL", errName, name)
	case len(name) > maxName:
		return "", fmt.Errorf("%w: %q… has %d bytes, and %d are the most", errName, name[:32], len(name), maxName)
	}
	if escapes {
		name = strings.ReplaceAll(name, `\`, `\u005C`)
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`", nil
}

// QuoteName quotes a name for the server's statements.
func (d *DB) QuoteName(name string) (string, error) { return quoteName(name, d.escapes) }

// quoteAll quotes names and joins them, each with something before it.
func (d *DB) quoteAll(before, between string, names ...string) (string, error) {
	var out []string
	for _, n := range names {
		q, err := d.QuoteName(n)
		if err != nil {
			return "", err
		}
		out = append(out, before+q)
	}
	return strings.Join(out, between), nil
}
