package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store/all"
)

// stores are the stores of testdata, by file and version.
var stores = []struct {
	file    string
	version int
}{{"vestige-v4.db", 4}, {"vestige-v11.db", 11}}

// golden are the archives of testdata.
var golden = []struct {
	file     string
	version  int // of the store
	encoding format.Encoding
}{
	{"v1-arrow.marc", 11, format.Arrow},
	{"v1-ndjson.marc", 11, format.NDJSON},
	{"v1-vestige-v39.marc", 39, format.Arrow},
}

// makeTestdata makes the files that are missing and records the digests of new
// ones in golden.json. What is there stays: an archive of a format version must
// be readable for ever as it was written.
func makeTestdata(ctx context.Context, dir string) error {
	index := filepath.Join(dir, "golden.json")
	digests := map[string]string{}
	if raw, err := os.ReadFile(index); err == nil {
		if err := json.Unmarshal(raw, &digests); err != nil {
			return fmt.Errorf("%s: %w", index, err)
		}
	}
	for _, s := range stores {
		path := filepath.Join(dir, s.file)
		if there(path) {
			continue
		}
		if err := sample.Project(path, s.version); err != nil {
			return err
		}
		_, digest, err := archiveOf(ctx, path, format.Arrow)
		if err != nil {
			return err
		}
		digests[s.file] = digest
	}
	for _, g := range golden {
		path := filepath.Join(dir, g.file)
		if there(path) {
			continue
		}
		source := filepath.Join(dir, fmt.Sprintf("vestige-v%d.db", g.version))
		if !there(source) { // too large to be kept
			temporary, err := os.MkdirTemp("", "memarc-testdata-*")
			if err != nil {
				return err
			}
			defer os.RemoveAll(temporary)
			source = filepath.Join(temporary, "store.db")
			if err := sample.Project(source, g.version); err != nil {
				return err
			}
		}
		archive, digest, err := archiveOf(ctx, source, g.encoding)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, archive, 0o644); err != nil {
			return err
		}
		digests[g.file] = digest
	}
	raw, err := json.MarshalIndent(digests, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(index, append(raw, '\n'), 0o644)
}

func there(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// archiveOf exports a store and returns the archive and its content digest.
func archiveOf(ctx context.Context, path string, encoding format.Encoding) ([]byte, string, error) {
	src, err := all.Registry().OpenSource(ctx, path, "")
	if err != nil {
		return nil, "", err
	}
	defer src.Close()
	var out bytes.Buffer
	report, err := exporter.Export(ctx, src, &out, exporter.Options{Encoding: encoding, Writer: "memarc"})
	if err != nil {
		return nil, "", err
	}
	if len(report.Losses) > 0 {
		return nil, "", fmt.Errorf("%s: losses %v", path, report.Losses)
	}
	return out.Bytes(), report.End.Content.String(), nil
}
