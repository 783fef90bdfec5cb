// Package falkorserver gives tests and measurements a FalkorDB server.
//
//	url := falkorserver.New(t)       of a graph that does not exist, deleted when the test ends
//	server := falkorserver.Server(t) a server of the test's own, to be stopped and killed
//
// The server is the one that MEMARC_TEST_FALKORDB names, by the URL of a user that
// may do everything; else one in a container, where a container engine answers;
// else one that is started from the programs on this machine, which .ci/falkordb
// gets. Where none can be had, tests are skipped and say what they have not proven
// and why; MEMARC_TEST_REQUIRE="falkordb" makes that a failure.
//
// A server that was started dies with the process that started it, however that
// ends, and its folder goes with it.
package falkorserver

// Variable is the environment variable with the URL of the server to be used.
const Variable = "MEMARC_TEST_FALKORDB"
