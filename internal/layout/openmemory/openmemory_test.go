package openmemory_test

import (
	"testing"

	"github.com/memarc/memarc/internal/layout/openmemory"
	"github.com/memarc/memarc/internal/store/storetest"
)

// The product's variable names a file if it names SQLite, from the root with four slashes.
func TestLocations(t *testing.T) {
	usual := []string{"openmemory.db", "api/openmemory.db", "openmemory/api/openmemory.db", "/usr/src/openmemory/openmemory.db"}
	for url, want := range map[string][]string{
		"": nil, "sqlite:///./here.db": {"./here.db"}, "sqlite:////var/lib/there.db": {"/var/lib/there.db"},
		"sqlite:///": nil, "sqlite://": nil, "postgresql://u:p@host/db": nil,
	} {
		got := openmemory.Layout().Locations(func(name string) string {
			if name == "DATABASE_URL" {
				return url
			}
			return ""
		})
		storetest.SameLines(t, append(want, usual...), got)
	}
}
