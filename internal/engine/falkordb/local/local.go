// Package local finds the programs of FalkorDB on this machine, to start a private
// server from.
package local

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Home is the environment variable with the folder of the programs: redis-server,
// falkordb.so and, where the system's C library is too old for them, lib with the
// libraries and their loader.
const Home = "MEMARC_FALKORDB_HOME"

// Programs say where FalkorDB's are.
type Programs struct {
	Server    string // redis-server
	Module    string // falkordb.so
	Loader    string // that starts the server; empty if the system's will do
	Libraries string // a folder for the loader
}

// ErrNone means that there are none.
var ErrNone = errors.New("FalkorDB's programs are not on this machine")

// Find looks in the folder that the environment names, or else in those where the
// programs usually are.
func Find() (Programs, error) {
	if home := os.Getenv(Home); home != "" {
		p, err := In(home)
		if err != nil {
			return Programs{}, fmt.Errorf("%s: %w", Home, err)
		}
		return p, nil
	}
	if cache, err := os.UserCacheDir(); err == nil {
		found, err := filepath.Glob(filepath.Join(cache, "memarc-test", "falkordb-*"))
		if err != nil {
			return Programs{}, err
		}
		slices.Sort(found)
		for _, home := range slices.Backward(found) { // the newest version first
			if p, err := In(home); err == nil {
				return p, nil
			}
		}
	}
	// Where FalkorDB's own image has its module.
	const module = "/var/lib/falkordb/bin/falkordb.so"
	if server, err := exec.LookPath("redis-server"); err == nil && isFile(module) {
		return Programs{Server: server, Module: module}, nil
	}
	return Programs{}, fmt.Errorf("%w: %s names no folder of them", ErrNone, Home)
}

// In returns the programs of a folder.
func In(home string) (Programs, error) {
	home, err := filepath.Abs(home)
	if err != nil {
		return Programs{}, err
	}
	p := Programs{Server: filepath.Join(home, "redis-server"), Module: filepath.Join(home, "falkordb.so")}
	for _, file := range []string{p.Server, p.Module} {
		if !isFile(file) {
			return Programs{}, fmt.Errorf("%w: there is no file %q", ErrNone, file)
		}
	}
	libraries := filepath.Join(home, "lib")
	loaders, err := filepath.Glob(filepath.Join(libraries, "ld-linux-*.so.*"))
	if err != nil {
		return Programs{}, err
	}
	if len(loaders) > 0 {
		p.Loader, p.Libraries = loaders[0], libraries
	}
	return p, nil
}

// Command is the server with the module, given arguments of Redis.
func (p Programs) Command(args ...string) *exec.Cmd {
	line := []string{p.Server}
	if p.Loader != "" {
		line = []string{p.Loader, "--library-path", p.Libraries, p.Server}
	}
	line = append(append(line, args...), "--loadmodule", p.Module)
	return exec.Command(line[0], line[1:]...)
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
