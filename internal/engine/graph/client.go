package graph

import (
	"context"

	"github.com/memarc/memarc/internal/store"
)

// A Client runs statements on one graph of a server.
type Client interface {
	// Engine is the name of the kind of server in archives.
	Engine() string
	// Read runs a reading, and calls row with the values of each record, which are
	// row's to keep: the properties first, each a map[string]any, then what Return
	// asks for.
	Read(ctx context.Context, r Reading, row func(values []Value) error) error
	// Run runs a statement that writes, all or nothing.
	Run(ctx context.Context, statement string, params map[string]Value, row func(values []Value) error) error
	// Limit is how many rows Run can return, 0 for any number.
	Limit() int64
	// Sweep runs an action on all that a pattern matches, in as many transactions as the
	// server needs. It must be safe to run again.
	Sweep(ctx context.Context, match, action string, params map[string]Value) error
	// AboutRows tells whether an error of Run concerns the rows that were written alone:
	// a constraint, or a value that the server refuses.
	AboutRows(err error) bool
	// Encode returns how a value is written as a property: the function that makes it of
	// an argument, if it needs one, and what is sent. It fails with ErrRefused if the
	// server cannot hold the value exactly.
	Encode(v Value) (function string, argument Value, err error)
	// QuoteName quotes a label, a type or a key for a statement, or fails with ErrRefused.
	QuoteName(name string) (string, error)
	// Finds tells whether the server's indexes find a value by which it is looked for. Exact
	// makes a condition one that no index decides; what indexes find may be too much.
	Finds(v Value) bool
	Exact(condition string) string
	// Index makes nodes with a label be found by a property at once, and waits for it.
	Index(ctx context.Context, label, property string) error
	// Unique makes a property tell the nodes with a label apart.
	Unique(ctx context.Context, label, property string) error
	// Define runs a statement of a layout's own schema. What is there already is no error.
	Define(ctx context.Context, statement string) error
	// Definitions lists the indexes and constraints of the graph.
	Definitions(ctx context.Context) ([]Definition, error)
	// Discard removes what Index, Unique and Define have made in a graph that was empty.
	Discard(ctx context.Context) error
	// Unchanged fails if somebody else may have written since the first Read.
	Unchanged(ctx context.Context) error
	// Losses returns values that could not be read exactly.
	Losses() []Inexact
	Close() error
}

// A Reading is a pattern and what to return of each of its matches.
type Reading struct {
	// Unwind, if not nil, is repeated over as row.
	Unwind []any
	Match  string // a pattern
	Where  string // a condition, or empty
	// On is a variable for a node of the pattern: matches of different nodes may be
	// read one part after the other.
	On         string
	Properties []string // variables
	Return     []string // expressions
	Params     map[string]Value
}

// A Definition is an index or a constraint.
type Definition struct {
	Name       string
	Constraint bool
	// Node tells that it is over nodes and not over relationships.
	Node   bool
	Labels []string // or relationship types
	Keys   []string
	// Kind is range or unique for what CreateIndex and Unique make, else what the
	// server calls it.
	Kind string
}

// An Inexact names a property with values that were read, but not exactly.
type Inexact struct {
	Where string
	Count uint64
}

// Opener opens a client at a location.
type Opener func(ctx context.Context, l store.Location, write bool) (Client, error)

// equal is the condition that two expressions are equal, the second of which has a value
// that indexes find, or has not.
func equal(c Client, left, right string, finds bool) string {
	condition := left + " = " + right
	exact := c.Exact(condition)
	switch {
	case !finds:
		return exact
	case exact == condition:
		return condition
	}
	return condition + " AND " + exact
}
