package pgserver

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// folders are where PostgreSQL's server programs may be, newest versions first;
// distributions keep them off the PATH.
func folders() ([]string, error) {
	var out []string
	add := func(folder string) {
		initdb, err := filepath.EvalSymlinks(filepath.Join(folder, "initdb"))
		if err != nil {
			return
		}
		folder = filepath.Dir(initdb)
		if _, err := os.Stat(filepath.Join(folder, "postgres")); err == nil && !slices.Contains(out, folder) {
			out = append(out, folder)
		}
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		add(filepath.Dir(initdb))
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	for _, folder := range found {
		add(folder)
	}
	if len(out) == 0 {
		return nil, errors.New("initdb and postgres are not installed")
	}
	return out, nil
}

// version is the number in a path like /usr/lib/postgresql/15/bin.
func version(folder string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	if err != nil {
		return 0
	}
	return n
}
