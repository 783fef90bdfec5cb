//go:build !unix

package neo4jserver

import "os"

// lock cannot keep other processes out here: run one package at a time.
func lock(path string) (*os.File, error) { return os.Create(path) }
