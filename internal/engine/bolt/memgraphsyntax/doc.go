// Package memgraphsyntax tells whether Memgraph would read a statement, for tests: no
// Memgraph can be had for them.
//
// It is a recursive-descent parser of the rules of Memgraph's grammar (of August 2026:
// src/query/frontend/opencypher/grammar, Cypher.g4 and MemgraphCypher.g4) that concern
// data, indexes, constraints and what a server says of itself; users, replicas, streams
// and the like are unknown to it. Each function names its rule. Beyond the grammar it
// checks what Memgraph refuses before it runs anything: the order of clauses, unknown
// functions, unknown and repeated variables, aggregations where there are none, and
// relationships to be created without a type or a direction. It says nothing of what a
// statement does.
package memgraphsyntax
