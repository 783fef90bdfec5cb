package file

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/memarc/memarc/internal/store"
)

// Two files cannot be replaced at one moment. So that a store is never read with memarc's
// own tables of another state of it, a new second file first gets a name that says of which
// bytes of the store it is; then the store is replaced; then the second file gets its lasting
// name and so replaces the one before:
//
//	1  FILE.memarc-HASH is there   a reader hashes FILE, finds another hash and takes the old
//	                               FILE.memarc, which goes with the old FILE
//	2  FILE is the new one         a reader finds the hash and takes FILE.memarc-HASH
//	3  FILE.memarc is the new one  the product may write FILE from now on
//
// A crash leaves the state of before the import or of after it. Only if the product writes
// FILE between a crash in 2 and the next import is the old FILE.memarc taken, which knows its
// rows by their hashes: those that came last are then read as the product has them.

// hashed is how many digits of a file's SHA-256 stand in a name.
const hashed = 16

// findBeside adds the name of the file beside a store's own, if there is one. It stands
// beside the file itself, not beside a link to it.
func (p *place) findBeside() error {
	if p.format == nil || p.format.Beside == "" {
		return nil
	}
	path, err := filepath.EvalSymlinks(filepath.Join(p.dir, p.names[0]))
	if err != nil {
		return err
	}
	p.dir, p.names = filepath.Dir(path), []string{filepath.Base(path)}
	candidates := []string{path + p.format.Beside}
	staged, err := stagedBeside(path, p.format.Beside)
	if err != nil {
		return err
	}
	if len(staged) > 0 {
		name, err := besideOf(path, path, p.format.Beside)
		if err != nil {
			return err
		}
		candidates = []string{name, path + p.format.Beside}
	}
	for _, name := range candidates {
		info, err := os.Stat(name)
		if err == nil && info.Mode().IsRegular() {
			p.names = append(p.names, filepath.Base(name))
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// orphaned fails if a file stands beside a new store that was beside another one: it may hold
// records that stand nowhere else, and would be taken for the new one's. What an import has
// left that was broken off before there was a store is replaced by the next.
func orphaned(path, beside string) error {
	_, err := os.Lstat(path + beside)
	switch {
	case err == nil:
		return fmt.Errorf("%w: %q holds what memarc has kept of a store that is no longer there; move it away, or bring back that store", store.ErrUsage, path+beside)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

// besideOf is the name that says that a file is of the store's bytes that stand at written.
func besideOf(written, final, beside string) (string, error) {
	f, err := os.Open(written)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return final + beside + "-" + hex.EncodeToString(sum.Sum(nil))[:hashed], nil
}

// stagedBeside lists the files beside a store whose names say of which bytes they are.
func stagedBeside(final, beside string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(final))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		hash, ok := strings.CutPrefix(e.Name(), filepath.Base(final)+beside+"-")
		if _, err := hex.DecodeString(hash); ok && err == nil && len(hash) == hashed {
			out = append(out, filepath.Join(filepath.Dir(final), e.Name()))
		}
	}
	return out, nil
}

// publishPair gives a store and, if it was written, the file beside it their names.
func publishPair(written, final, beside string) error {
	steps, err := pairSteps(written, final, beside)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// pairSteps are the changes of names, each of which is durable before the next.
func pairSteps(written, final, beside string) ([]func() error, error) {
	rename := func(from, to string) func() error {
		return func() error {
			if err := os.Rename(from, to); err != nil {
				return err
			}
			return syncPath(filepath.Dir(to))
		}
	}
	remove := func(names ...string) func() error {
		return func() error {
			for _, name := range names {
				if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
			return syncPath(filepath.Dir(final))
		}
	}
	void, err := stagedBeside(final, beside) // of imports that did not come to their end
	if err != nil {
		return nil, err
	}
	switch info, err := os.Stat(written); {
	case err != nil:
		return nil, err
	default:
		if err := os.Chmod(written+beside, info.Mode().Perm()); errors.Is(err, fs.ErrNotExist) {
			return []func() error{rename(written, final), remove(void...)}, nil // nothing is to stand beside it
		} else if err != nil {
			return nil, err
		}
	}
	staged, err := besideOf(written, final, beside)
	if err != nil {
		return nil, err
	}
	return []func() error{rename(written+beside, staged), rename(written, final), rename(staged, final+beside), remove(void...)}, nil
}
