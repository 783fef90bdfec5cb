package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/memarc/memarc/internal/store"
)

// endings are the file name endings of databases; a file without one of them is
// claimed by its content.
var endings = []string{".db", ".sqlite", ".sqlite3", ".db3"}

// Engine returns the engine for the registry.
func Engine() *store.Engine {
	return &store.Engine{
		Name:   "sqlite",
		Claims: claims,
		Open: func(ctx context.Context, l store.Location) (store.Tables, error) {
			return Open(ctx, l.Path, OpenOptions{})
		},
		OpenTarget: func(ctx context.Context, l store.Location) (store.Target, error) {
			return OpenTarget(ctx, l.Path)
		},
		Beside: func(l store.Location) ([]string, error) { return beside(l.Path) },
	}
}

func claims(l store.Location) bool {
	if l.Scheme != "" {
		return l.Scheme == "sqlite"
	}
	if slices.Contains(endings, strings.ToLower(filepath.Ext(l.Path))) {
		return true
	}
	f, err := os.Open(l.Path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(magic))
	n, _ := f.Read(head)
	return string(head[:n]) == magic
}
