// Package embed asks a server for the vectors of texts. It speaks two interfaces: that
// of OpenAI, which most servers offer, and Ollama's own.
//
// A server is not trusted: every answer is bounded, counted and checked before a
// vector of it is used, and no error shows the key or a password.
package embed
