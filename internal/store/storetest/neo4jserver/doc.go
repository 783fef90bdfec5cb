// Package neo4jserver gives tests and measurements a Neo4j server.
//
//	url := neo4jserver.New(t)       an empty graph, the test's alone until it ends
//	server := neo4jserver.Server(t) a server of the test's own, to be stopped and killed
//
// The server is the one that MEMARC_TEST_NEO4J names, by a URL with user and
// password; else one in a container, where a container engine answers; else one
// that is started with Java from the files that .ci/neo4j fetches into the folder
// that MEMARC_NEO4J_HOME names, or one of the user's cache. Where none can be had,
// tests are skipped and say what they have not proven and why;
// MEMARC_TEST_REQUIRE="neo4j" makes that a failure.
//
// The community edition has one graph. So a server is lent to one test at a time,
// and emptied in between; a test that asks for a second graph gets a second server.
// Each process of a test run has servers of its own, five to ten seconds to start
// and half a gigabyte each: a shared one would make packages wait for each other.
//
// A server that was started dies with the process that started it, however that
// ends, and its folder goes with it. One that the environment names must be empty,
// and is used by one process at a time.
package neo4jserver

// Variable is the environment variable with the URL of the server to be used.
const Variable = "MEMARC_TEST_NEO4J"

// HomeVariable is the one with the folder of Neo4j's files.
const HomeVariable = "MEMARC_NEO4J_HOME"
