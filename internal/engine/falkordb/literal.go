package falkordb

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/memarc/memarc/internal/engine/graph"
)

// ErrRefused means that FalkorDB's language cannot say a value or a name.
var ErrRefused = errors.New("FalkorDB does not hold it")

// A RefusedError says why. It is an ErrRefused.
type RefusedError struct {
	Reason string
}

// Error implements error.
func (e *RefusedError) Error() string { return ErrRefused.Error() + ": " + e.Reason }

// Unwrap returns ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }

func refused(format string, args ...any) error {
	return &RefusedError{fmt.Sprintf(format, args...)}
}

// maxNesting bounds what the server's parser, which is recursive, is given.
const maxNesting = 64

// AppendLiteral appends what FalkorDB reads as the value where it reads a
// parameter: null, booleans, numbers, texts, lists and maps. A value of another
// type comes out of a Constructor. A graph.Vector32 is written as the list of its
// numbers, which vecf32 takes exactly.
func AppendLiteral(dst []byte, v graph.Value) ([]byte, error) {
	return appendLiteral(dst, v, 0)
}

func appendLiteral(dst []byte, v graph.Value, depth int) ([]byte, error) {
	if depth > maxNesting {
		return dst, refused("it is nested more than %d deep", maxNesting)
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		return appendFloat(dst, v)
	case string:
		return appendText(dst, v)
	case []any:
		return appendList(dst, v, depth)
	case graph.Vector32:
		return appendVector(dst, v)
	case map[string]any:
		return appendMap(dst, v, depth)
	}
	return dst, refused("a parameter is no %T", v)
}

// appendFloat writes the digits that tell a number from its neighbours, always
// with an exponent: without a sign of a fraction it would be an integer.
func appendFloat(dst []byte, v float64) ([]byte, error) {
	switch {
	case math.IsNaN(v):
		return dst, refused("no literal is NaN")
	case math.IsInf(v, 0):
		// The parameters' parser reads what is too great as infinite; of a statement's
		// own literals it says that they overflow.
		if v < 0 {
			dst = append(dst, '-')
		}
		return append(dst, "1e999"...), nil
	}
	return strconv.AppendFloat(dst, v, 'e', -1, 64), nil
}

// appendText quotes a text. The server knows more escapes than these two, and not
// those that others have for every character: all else is written as it is.
func appendText(dst []byte, v string) ([]byte, error) {
	if err := checkText(v, "the text"); err != nil {
		return dst, err
	}
	dst = append(dst, '"')
	for {
		at := strings.IndexAny(v, `\"`)
		if at < 0 {
			break
		}
		dst = append(append(dst, v[:at]...), '\\', v[at])
		v = v[at+1:]
	}
	return append(append(dst, v...), '"'), nil
}

// checkText refuses a NUL, which would end the statement, and what is not UTF-8,
// which the server would take.
func checkText(v, what string) error {
	switch {
	case strings.IndexByte(v, 0) >= 0:
		return refused("%s has a NUL", what)
	case !utf8.ValidString(v):
		return refused("%s is not UTF-8", what)
	}
	return nil
}

func appendList(dst []byte, list []any, depth int) ([]byte, error) {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendLiteral(dst, v, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendVector(dst []byte, vector graph.Vector32) ([]byte, error) {
	dst = append(dst, '[')
	for i, v := range vector {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendFloat(dst, float64(v)); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendMap(dst []byte, m map[string]any, depth int) ([]byte, error) {
	dst = append(dst, '{')
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendName(dst, key); err != nil {
			return dst, err
		}
		if dst, err = appendLiteral(append(dst, ':'), m[key], depth+1); err != nil {
			return dst, fmt.Errorf("key %q: %w", key, err)
		}
	}
	return append(dst, '}'), nil
}

// QuoteName makes of a label, a type of relationships or a key what stands for it
// in a statement. It refuses a back-quote, for which the grammar has no escape; no
// other character, a backslash included, means anything between back-quotes.
func QuoteName(name string) (string, error) {
	quoted, err := appendName(nil, name)
	return string(quoted), err
}

func appendName(dst []byte, name string) ([]byte, error) {
	if strings.IndexByte(name, '`') >= 0 {
		return dst, refused("the name %q has a back-quote", name)
	}
	if err := checkText(name, fmt.Sprintf("the name %q", name)); err != nil {
		return dst, err
	}
	dst = append(dst, '`')
	dst = append(dst, name...)
	return append(dst, '`'), nil
}

// compose puts the parameters before a statement.
func compose(statement string, params map[string]any) (string, error) {
	if err := checkText(statement, "the statement"); err != nil {
		return "", err
	}
	if len(params) == 0 {
		return statement, nil
	}
	dst := []byte("CYPHER ")
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !isIdentifier(name) {
			return "", refused("no parameter is named %q", name)
		}
		var err error
		if dst, err = AppendLiteral(append(append(dst, name...), '='), params[name]); err != nil {
			return "", fmt.Errorf("parameter %q: %w", name, err)
		}
		dst = append(dst, ' ')
	}
	return string(append(dst, statement...)), nil
}

func isIdentifier(name string) bool {
	for i := range len(name) {
		c := name[i]
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'; !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
