package postgres

import (
	"context"
	"slices"

	"github.com/memarc/memarc/internal/store"
)

// Engine returns the engine for the registry.
func Engine() *store.Engine {
	return &store.Engine{
		Name:   "postgres",
		Claims: func(l store.Location) bool { return slices.Contains(schemes, l.Scheme) },
		Open: func(ctx context.Context, l store.Location) (store.Tables, error) {
			d, err := Open(ctx, l)
			if err != nil {
				return nil, err
			}
			return d, nil
		},
		OpenTarget: func(ctx context.Context, l store.Location) (store.Target, error) {
			t, err := OpenTarget(ctx, l)
			if err != nil {
				return nil, err
			}
			return t, nil
		},
	}
}
