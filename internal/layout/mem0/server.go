package mem0

import (
	"context"
	"slices"

	"github.com/memarc/memarc/internal/store"
)

// Accounts returns the layout of the database in which the product's server keeps who may
// use it. The memories stand in another one; the accounts are not their users. All but the
// log of requests is secret: who may log in with what, and the keys of models in the
// settings.
func Accounts() *store.Layout {
	return &store.Layout{
		Name:    Server,
		Engines: []string{"postgres"},
		Detect:  detectServer,
		Latest:  version,
		Maps:    slices.DeleteFunc(slices.Clone(historyMaps), func(m store.TableMap) bool { return m.Table != "history" }),
		Fixed:   []string{"alembic_version"},
		Secrets: []store.Secret{{Table: "users"}, {Table: "api_keys"}, {Table: "settings"}, {Table: "refresh_token_jtis"}},
	}
}

func detectServer(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
	return version, c.Has("users", "email", "password_hash", "role", "last_login_at") && c.Has("api_keys", "key_prefix", "key_hash", "created_by")
}
