package pam_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
)

// What is wrong with a bundle is said in one line, and nothing is read of it.
func TestHostileBundles(t *testing.T) {
	deep := strings.Repeat("[", 20_000)
	for name, c := range map[string]struct {
		bundle [2]string
		want   string
	}{
		"cut short":        {[2]string{head + `"memories": [` + one}, "cut short"},
		"no JSON":          {[2]string{head + `"memories": [` + one + `}`}, "not valid JSON"},
		"more behind":      {[2]string{head + `"memories": []} {}`}, "something follows"},
		"no memories":      {[2]string{head + `"relations": []}`}, `no member "memories"`},
		"member twice":     {[2]string{head + `"memories": [], "memories": []}`}, "member twice"},
		"memory twice":     {[2]string{head + `"memories": [` + one + `,` + one + `]}`}, `"m1" stands in it twice`},
		"no object":        {[2]string{head + `"memories": [7]}`}, "memory 1 is no object"},
		"no id":            {[2]string{head + `"memories": [` + strings.Replace(one, `"m1"`, "7", 1) + `]}`}, `no "id"`},
		"another version":  {[2]string{strings.Replace(head, "1.0", "2.0", 1) + `"memories": []}`}, `schema_version is "2.0"`},
		"deep nesting":     {[2]string{head + `"memories": [], "x": ` + deep}, "depth"},
		"deep record":      {[2]string{head + `"memories": [{"metadata": ` + deep}, "depth"},
		"lone surrogate":   {[2]string{head + `"memories": [` + strings.Replace(one, "tea", `\ud800`, 1) + `]}`}, "not valid JSON"},
		"vectors alone":    {[2]string{"", bare + "]}"}, "no memory-store.json"},
		"big member":       {[2]string{head + `"x": "` + strings.Repeat("a", 17<<20) + `", "memories": []}`}, "more than 16 MiB"},
		"vectors not JSON": {[2]string{head + `"memories": []}`, bare + "]"}, "embeddings.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			put(t, dir, c.bundle)
			src, err := all.Registry().OpenSource(context.Background(), dir, "")
			if err == nil {
				src.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// Two memory stores in a folder are no bundle, and what a bundle has beside its files is
// told of.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, bundles["plain"])
	if err := os.Mkdir(filepath.Join(dir, "conversations"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "conversations", "c.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	archive, report := storetest.Export(t, dir, exporter.Options{})
	if len(report.Losses) != 1 || report.Losses[0].Code != "conversations" {
		t.Errorf("%+v", report.Losses)
	}
	if _, err := storetest.Import(dir, archive, store.SinkOptions{}, importer.Options{}); err == nil {
		t.Error("a folder with files is written")
	}
	if err := os.WriteFile(filepath.Join(dir, "other.json"), []byte(bundles["plain"][0]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := all.Registry().OpenSource(context.Background(), dir, ""); err == nil || !strings.Contains(err.Error(), "a bundle has one") {
		t.Error(err)
	}
	// A memory store alone is a store.
	alone := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(alone, []byte(bundles["vectors"][0]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, report := storetest.Export(t, alone, exporter.Options{}); report.Source.Layout != "pam" || report.Sections["memories"].Written != 2 {
		t.Errorf("%+v", report)
	}
}
