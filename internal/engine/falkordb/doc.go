// Package falkordb talks to FalkorDB, a graph database inside a Redis server. It
// knows no product.
//
// Statements are text, and so are their parameters: one encoder writes all of
// them, and refuses what the server's grammar cannot say. Replies are read in
// their compact form, the only one that tells the types of values; doubles in it
// have 15 digits, and Split asks for the rest.
package falkordb
