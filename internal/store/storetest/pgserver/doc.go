// Package pgserver gives tests and measurements a PostgreSQL server with pgvector.
//
//	url := pgserver.New(t)       a fresh, empty database, dropped when the test ends
//	server := pgserver.Server(t) a server of the test's own, to be stopped and killed
//
// The server is the one that MEMARC_TEST_POSTGRES names, by the URL of a role that
// may create databases; else one in a container, where a container engine answers;
// else one that is started from the programs on this machine. Where none can be
// had, tests are skipped and say what they have not proven and why;
// MEMARC_TEST_REQUIRE="postgres" makes that a failure.
//
// A server that was started dies with the process that started it, however that
// ends, and its folder goes with it.
package pgserver

// Variable is the environment variable with the URL of the server to be used.
const Variable = "MEMARC_TEST_POSTGRES"
