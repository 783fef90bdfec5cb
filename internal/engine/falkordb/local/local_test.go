package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/memarc/memarc/internal/engine/falkordb/local"
)

func TestFind(t *testing.T) {
	home := t.TempDir()
	t.Setenv(local.Home, home)
	if _, err := local.Find(); !errors.Is(err, local.ErrNone) {
		t.Fatalf("an empty folder: %v", err)
	}
	touch := func(name string) {
		t.Helper()
		name = filepath.Join(home, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, nil, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	touch("redis-server")
	if _, err := local.Find(); !errors.Is(err, local.ErrNone) {
		t.Fatalf("no module: %v", err)
	}
	touch("falkordb.so")
	p, err := local.Find()
	if err != nil || p.Loader != "" {
		t.Fatalf("%+v, %v", p, err)
	}
	if got, want := p.Command("--port", "0").Args, []string{p.Server, "--port", "0", "--loadmodule", p.Module}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	touch("lib/ld-linux-x86-64.so.2")
	if p, err = local.Find(); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Command().Args, []string{p.Loader, "--library-path", p.Libraries, p.Server, "--loadmodule", p.Module}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
