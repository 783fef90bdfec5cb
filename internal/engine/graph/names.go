package graph

import (
	"fmt"
	"slices"
	"strings"
)

// To the layouts a graph is a database of tables. Its nodes stand in one table for
// each set of labels, and its relationships in one table together:
//
//	":Person"        nodes with the one label Person
//	":Person:Admin"  nodes with both labels, which ascend
//	":"              nodes without a label
//	"-->"            relationships
//
// What memarc itself keeps in a graph stands beside, under labels of its own: each
// other name of a table, such as memarc_sidecar, is a label, MemarcSidecar.
const edges = "-->"

// Columns that are no properties.
const (
	nodeColumn   = "$node"   // the number of a node, where nothing else names it
	labelsColumn = "$labels" // the labels of a node beyond that of its table
	edgeColumn   = "$edge"   // the number of a relationship, where it has no key
	typeColumn   = "$type"
	fromColumn   = "$from" // the key of the node where a relationship starts
	toColumn     = "$to"
	fromNode     = "$from.node" // its number, where it has no key
	toNode       = "$to.node"
	moreColumn   = "$more" // the properties whose keys are no names of columns, as a map
)

// maxKey is how long a key is that is a column's name: a name in an archive has 1024
// bytes at most, and the layout's stands before it.
const maxKey = 960

// isColumn tells whether a key is the name of a column.
func isColumn(key string) bool {
	return !strings.HasPrefix(key, "$") && len(key) <= maxKey && strings.IndexByte(key, 0) < 0
}

// What memarc writes into a graph beside properties.
const (
	runKey    = "memarc_run"    // of what the import under way has written
	beforeKey = "memarc_before" // the properties that it has replaced, in the form of packed
	numberKey = "memarc_id"     // the number of a node or relationship that came from another graph
	numbered  = "MemarcNode"    // label of nodes with a number
	ourPrefix = "Memarc"
	deleted   = "MemarcDeleted" // label of what the import under way has deleted
)

// tableOf names the table for a set of labels.
func tableOf(labels []string) string {
	if len(labels) == 0 {
		return ":"
	}
	sorted := slices.Clone(labels)
	slices.Sort(sorted)
	var b strings.Builder
	for _, l := range sorted {
		b.WriteByte(':')
		b.WriteString(strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(l))
	}
	return b.String()
}

// labelsOf reads the name of a table of nodes.
func labelsOf(table string) ([]string, error) {
	if table == ":" {
		return nil, nil
	}
	var labels []string
	var b strings.Builder
	for i := 1; i < len(table); i++ {
		switch c := table[i]; {
		case c == ':':
			labels = append(labels, b.String())
			b.Reset()
		case c == '\\' && i+1 < len(table):
			i++
			b.WriteByte(table[i])
		default:
			b.WriteByte(c)
		}
	}
	labels = append(labels, b.String())
	if !isNodes(table) || tableOf(labels) != table || len(slices.Compact(slices.Clone(labels))) != len(labels) {
		return nil, fmt.Errorf("table name %q is none of a graph's", table)
	}
	return labels, nil
}

// isNodes and isPlain tell what a table's name stands for, if it is not edges.
func isNodes(table string) bool { return strings.HasPrefix(table, ":") }

func isPlain(table string) bool { return !isNodes(table) && table != edges }

// plainLabel is the label under which rows of a table of memarc's own stand. No two
// tables have the same, and every server takes it.
func plainLabel(table string) string {
	name := strings.TrimPrefix(table, "memarc_")
	lower := func(i int) bool { return i < len(name) && name[i] >= 'a' && name[i] <= 'z' }
	var b strings.Builder
	b.WriteString(ourPrefix)
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case i == 0 && lower(i):
			b.WriteByte(c - 'a' + 'A')
		case c == '_' && lower(i+1):
			i++
			b.WriteByte(name[i] - 'a' + 'A')
		case c >= 'A' && c <= 'Z' || c == '_' || c < ' ' || strings.IndexByte("`\\%\x7f", c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
