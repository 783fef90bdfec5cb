package declared

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// An Error says what is wrong with a layout file, and where.
type Error struct {
	File   string
	Line   int
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason) }

const (
	maxFile  = 8 << 20 // bytes of a file
	maxDepth = 8       // nesting of brackets
	maxKeys  = 64      // keys before the next item of a list
)

// A file is a layout file that is being read; it makes errors of it.
type file struct{ name string }

func (f *file) failed(line int, message string, args ...any) error {
	return &Error{File: f.name, Line: line, Reason: fmt.Sprintf(message, args...)}
}

// body reads the one document of the file.
func (f *file) body(raw []byte) (node ast.Node, err error) {
	if len(raw) > maxFile {
		return nil, f.failed(1, "the file has %d bytes, more than %d", len(raw), maxFile)
	}
	if line := badLine(raw); line > 0 {
		return nil, f.failed(line, "the line is not UTF-8 text")
	}
	defer func() { // a fault of the YAML package is a fault of the file
		if r := recover(); r != nil {
			node, err = nil, f.failed(1, "the file is not YAML")
		}
	}()
	tokens := lexer.Tokenize(strings.TrimPrefix(string(raw), "\uFEFF"))
	if err := f.plain(tokens); err != nil {
		return nil, err
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var located yaml.Error
		if !errors.As(err, &located) || located.GetToken() == nil {
			return nil, f.failed(1, "the file is not YAML")
		}
		message, _, _ := strings.Cut(located.GetMessage(), "\n")
		return nil, f.failed(line(located.GetToken()), "the file is not YAML: %s", message)
	}
	for _, doc := range parsed.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType || doc.Body.Type() == ast.NullType:
		case node == nil:
			node = doc.Body
		default:
			return nil, f.failed(lineOf(doc.Body), "a second document begins; a file holds one layout")
		}
	}
	if node == nil {
		return nil, f.failed(1, "the file is empty")
	}
	return node, nil
}

// badLine returns the first line that is not UTF-8 or holds a NUL, or 0.
func badLine(raw []byte) int {
	if utf8.Valid(raw) && !slices.Contains(raw, 0) {
		return 0
	}
	for i, l := range strings.Split(string(raw), "\n") {
		if !utf8.ValidString(l) || strings.Contains(l, "\x00") {
			return i + 1
		}
	}
	return 1
}

// plain refuses the parts of YAML that a layout has no use for before anything
// follows them, and what would take the parser long.
func (f *file) plain(tokens token.Tokens) error {
	depth, entries, keys, last := 0, 0, 0, 0
	for _, t := range tokens {
		if l := line(t); l != last {
			entries, last = 0, l
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.DirectiveType, token.MappingKeyType,
			token.LiteralType, token.FoldedType:
			return f.failed(line(t), "%q: anchors, aliases, tags, directives, complex keys and block texts have no place in a layout; a text with such a sign in front goes in double quotes", t.Value)
		case token.SequenceStartType, token.MappingStartType:
			depth++
			keys = 0
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType:
			entries++
			keys = 0
		case token.MappingValueType:
			keys++
		}
		if depth > maxDepth || entries > maxDepth {
			return f.failed(line(t), "lists and objects are nested too deep")
		}
		if keys > maxKeys {
			return f.failed(line(t), "an object has more keys than any of a layout")
		}
	}
	return nil
}

func line(t *token.Token) int {
	if t == nil || t.Position == nil || t.Position.Line < 1 {
		return 1
	}
	return t.Position.Line
}

func lineOf(n ast.Node) int {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		return line(m.Values[0].Key.GetToken())
	}
	if v, ok := n.(*ast.MappingValueNode); ok {
		return line(v.Key.GetToken())
	}
	return line(n.GetToken())
}

// A member is a named value of an object.
type member struct {
	line  int
	value ast.Node
}

// object reads an object that has no keys but the known ones. what names it.
func (f *file) object(n ast.Node, what string, known ...string) (map[string]member, error) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, f.failed(lineOf(n), "%s must be an object with the keys %s", what, strings.Join(known, ", "))
	}
	out := map[string]member{}
	for _, v := range values {
		key, ok := v.Key.(*ast.StringNode)
		at := line(v.Key.GetToken())
		if !ok || !slices.Contains(known, key.Value) {
			return nil, f.failed(at, "unknown key %q in %s; the keys are %s", v.Key.GetToken().Value, what, strings.Join(known, ", "))
		}
		if have, twice := out[key.Value]; twice {
			return nil, f.failed(at, "key %q stands twice in %s, first on line %d", key.Value, what, have.line)
		}
		out[key.Value] = member{at, v.Value}
	}
	return out, nil
}

// list reads a list.
func (f *file) list(m member, key string) ([]ast.Node, error) {
	n, ok := m.value.(*ast.SequenceNode)
	if !ok {
		return nil, f.failed(m.line, "%s must be a list", key)
	}
	return n.Values, nil
}

// text reads a text.
func (f *file) text(n ast.Node, at int, key string) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.NullNode, nil:
		return "", f.failed(at, "%s has no value", key)
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return "", f.failed(at, "%s must be a text", key)
	}
	return "", f.failed(at, "%s must be a text; write %q in double quotes", key, n.GetToken().Value)
}
