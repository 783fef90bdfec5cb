package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store/storetest"
)

// mostMemory is what memarc may take, however large the store is.
const mostMemory = 128 << 20

// generateVariable asks the test program to make a store instead of testing.
const generateVariable = "MEMARC_BENCH_GENERATE"

func TestMain(m *testing.M) {
	if want := os.Getenv(generateVariable); want != "" {
		var size sample.Size
		var path string
		_, err := fmt.Sscan(want, &size.Memories, &size.Relations, &size.Dimension, &size.Least, &size.Most, &path)
		if err == nil {
			err = sample.Large(path, size)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Memory stays flat: 100 000 memories, or a million in the long run, pass through
// every flow within the same bound.
func TestMemoryIsFlat(t *testing.T) {
	if !storetest.Long() {
		t.Log("NOT PROVEN here: the bound for 1 000 000 memories, and for long texts and vectors; MEMARC_TEST_LONG=1 proves it")
		memoryIsFlat(t, sample.Lean(100_000))
		return
	}
	t.Run("many", func(t *testing.T) { memoryIsFlat(t, sample.Lean(1_000_000)) })
	t.Run("long", func(t *testing.T) { memoryIsFlat(t, sample.Full(100_000)) })
}

func memoryIsFlat(t *testing.T, size sample.Size) {
	dir := t.TempDir()
	memarc, err := buildMemarc(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	source, archive, lines := filepath.Join(dir, "source.db"), filepath.Join(dir, "arrow.marc"), filepath.Join(dir, "lines.marc")
	spent := func(args []string, env ...string) (int64, string) {
		t.Helper()
		c, printed, err := spend(t.Context(), stage{args: args, env: env})
		if err != nil {
			t.Fatal(err)
		}
		return c.rss, printed
	}
	if rss, _ := spent([]string{self}, fmt.Sprintf("%s=%d %d %d %d %d %s", generateVariable, size.Memories, size.Relations, size.Dimension, size.Least, size.Most, source)); rss == 0 {
		t.Skip("NOT PROVEN: this system does not say how much memory a process took")
	}
	_, printed := spent([]string{memarc, "digest", "-q", source})
	digest, _, _ := strings.Cut(printed, " ")
	for _, flow := range []struct {
		name string
		args []string
		made string // whose digest must be the source's
	}{
		{"export", []string{"export", "-o", archive, source}, archive},
		{"export as NDJSON", []string{"export", "--encoding", "ndjson", "-o", lines, source}, lines},
		{"verify", []string{"verify", archive}, ""},
		{"verify NDJSON", []string{"verify", lines}, ""},
		{"import, vestige layout", []string{"import", filepath.Join(dir, "vestige.db"), archive}, filepath.Join(dir, "vestige.db")},
		{"import, memarc layout", []string{"import", "--layout", "memarc", filepath.Join(dir, "memarc.db"), archive}, filepath.Join(dir, "memarc.db")},
		{"import again", []string{"import", filepath.Join(dir, "vestige.db"), archive}, ""},
		{"verify against the store", []string{"verify", archive, "--against", source}, ""},
		{"migrate", []string{"migrate", source, filepath.Join(dir, "moved.db")}, filepath.Join(dir, "moved.db")},
	} {
		rss, _ := spent(append([]string{memarc}, append(flow.args, "-q")...))
		t.Logf("%s: %s", flow.name, mib(rss))
		if rss > mostMemory {
			t.Errorf("%s of %d memories takes %s, the bound is %s", flow.name, size.Memories, mib(rss), mib(mostMemory))
		}
		if flow.made == "" {
			continue
		}
		rss, printed := spent([]string{memarc, "digest", "-q", flow.made})
		if got, _, _ := strings.Cut(printed, " "); got != digest {
			t.Errorf("%s: content digest %s, of the source %s", flow.name, got, digest)
		}
		if rss > mostMemory {
			t.Errorf("digest of what %s makes takes %s, the bound is %s", flow.name, mib(rss), mib(mostMemory))
		}
	}
}
