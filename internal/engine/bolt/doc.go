// Package bolt talks to graph databases over the Bolt protocol: Neo4j and Memgraph.
// It knows no product.
//
// Reading happens in one explicit transaction that cannot write. On Memgraph it sees
// one moment; on Neo4j it sees what others have committed, statement by statement, and
// bookmarks tell whether they have.
// Nothing is run twice behind the caller's back: the driver retries nothing, and a
// write whose outcome is not known is reported as such.
//
// Where a URL of a plain scheme, such as neo4j://, names another computer, the
// connection is over TLS and the certificate is checked; tls=disable behind a question
// mark goes without, in clear text, and tls=trust takes any certificate. On this
// computer a plain scheme is clear text.
//
// No Memgraph could be had for tests: memgraphsyntax checks its statements by its
// grammar, and what values become of in it was read in its source.
//
// Names of labels, types and properties stand in statements, quoted; values travel
// as parameters alone.
package bolt
