// Package mcp offers memarc's commands to a model over the Model Context Protocol.
//
// A tool makes a command line of its arguments, of which every location has passed the
// limits, and Options.Run runs it: what a command does stands in one place. Whoever
// calls is taken for hostile: see package confine for what is kept from it.
package mcp
