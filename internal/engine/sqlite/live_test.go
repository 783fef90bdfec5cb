package sqlite_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/engine/sqlite"
	"github.com/memarc/memarc/internal/layout/vestige"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
)

// Children of the tests are this binary again.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("MEMARC_TEST_WRITE") != "":
		write(os.Getenv("MEMARC_TEST_WRITE"))
	case os.Getenv("MEMARC_TEST_FULL") != "":
		full(os.Getenv("MEMARC_TEST_FULL"))
	default:
		os.Exit(m.Run())
	}
}

// transaction returns the statements of transaction n. All that belongs together
// is in one: memories, the relations between them, and a tally of both.
func transaction(rng *rand.Rand, n int) string {
	var b strings.Builder
	b.WriteString("BEGIN IMMEDIATE;\n")
	const stamp = "'2026-02-12T10:11:12.123456789+00:00'"
	memories := 2 + rng.IntN(4)
	for i := range memories {
		fmt.Fprintf(&b, "INSERT INTO knowledge_nodes (id, content, created_at, updated_at, last_accessed) VALUES ('m%d-%d', '%s', %s, %s, %s);\n",
			n, i, strings.Repeat("words ", rng.IntN(400)), stamp, stamp, stamp)
		if i > 0 {
			fmt.Fprintf(&b, "INSERT INTO memory_connections VALUES ('m%d-%d', 'm%d-%d', 1, 'next', %s, %s, 0);\n", n, i-1, n, i, stamp, stamp)
		}
	}
	fmt.Fprintf(&b, "UPDATE fsrs_config SET value = value + %d WHERE key = 'memories';\nUPDATE fsrs_config SET value = value + %d WHERE key = 'relations';\n", memories, memories-1)
	if n%5 == 4 { // forget an older chain
		fmt.Fprintf(&b, "UPDATE fsrs_config SET value = value - (SELECT count(*) FROM memory_connections WHERE source_id LIKE 'm%d-%%') WHERE key = 'relations';\n", n-2)
		fmt.Fprintf(&b, "UPDATE fsrs_config SET value = value - (SELECT count(*) FROM knowledge_nodes WHERE id LIKE 'm%d-%%') WHERE key = 'memories';\n", n-2)
		fmt.Fprintf(&b, "DELETE FROM memory_connections WHERE source_id LIKE 'm%d-%%';\nDELETE FROM knowledge_nodes WHERE id LIKE 'm%d-%%';\n", n-2, n-2)
	}
	b.WriteString("COMMIT;\n")
	return b.String()
}

// write commits until its input ends, and says so after each transaction.
func write(path string) {
	done := make(chan struct{})
	go func() { io.Copy(io.Discard, os.Stdin); close(done) }()
	storetest.Extensions()
	c, err := sqlite3.Open("file:" + path)
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 0; ; n++ {
		select {
		case <-done:
			c.Close()
			os.Exit(0)
		default:
		}
		if n == 0 {
			err = c.Exec("PRAGMA busy_timeout=10000; PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=50")
		}
		if err == nil {
			err = c.Exec(transaction(rng, n))
		}
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

// startWriter starts a writer in another process: this binary, or the sqlite3
// program. It returns how many transactions there are so far.
func startWriter(t *testing.T, path, program string) (stop func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "MEMARC_TEST_WRITE="+path)
	if program != "" {
		cmd = exec.Command(program, path)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	quit := make(chan struct{})
	if program != "" {
		go func() {
			rng := rand.New(rand.NewPCG(3, 4))
			io.WriteString(in, ".bail on\nPRAGMA busy_timeout=10000;\nPRAGMA synchronous=OFF;\nPRAGMA wal_autocheckpoint=50;\n")
			for n := 0; ; n++ {
				select {
				case <-quit:
					in.Close()
					return
				default:
					io.WriteString(in, transaction(rng, n)+fmt.Sprintf("SELECT %d;\n", n))
				}
			}
		}()
	}
	lines := bufio.NewScanner(out)
	for range 20 { // it is writing
		if !lines.Scan() {
			t.Fatal("the writer has stopped")
		}
		if strings.HasPrefix(lines.Text(), "error") {
			t.Fatal(lines.Text())
		}
	}
	rest := make(chan string, 1)
	go func() {
		last := ""
		for lines.Scan() {
			last = lines.Text()
		}
		rest <- last
	}()
	return func() {
		close(quit)
		if program == "" {
			in.Close()
		}
		last := <-rest
		if err := cmd.Wait(); err != nil {
			t.Errorf("writer: %v, last said %q", err, last)
		}
		t.Logf("the writer committed %s transactions", last)
	}
}

// Exports beside a program that writes all the time are each of one moment.
func TestLiveSource(t *testing.T) {
	for _, test := range []struct {
		name, program string
		threshold     int64
		journal       string
	}{
		{"copied", "", 64 << 20, "WAL"},
		{"beside", "", 0, "WAL"},
		{"beside, sqlite3", "sqlite3", 0, "WAL"},
		{"copied, sqlite3", "sqlite3", 64 << 20, "WAL"},
		{"rollback journal", "", 64 << 20, "DELETE"},
		{"rollback journal, sqlite3", "sqlite3", 64 << 20, "DELETE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			program := ""
			if test.program != "" {
				var err error
				if program, err = exec.LookPath(test.program); err != nil {
					t.Skipf("NOT PROVEN, %s is missing: that its commits are seen whole", test.program)
				}
			}
			defer sqlite.CopyAlways(test.threshold)()
			path := filepath.Join(t.TempDir(), "live.db")
			storetest.Exec(t, path, append(vestige.CreateStatements(11), "PRAGMA journal_mode="+test.journal,
				"INSERT INTO fsrs_config VALUES ('memories', 0, 'now'), ('relations', 0, 'now')")...)
			stop := startWriter(t, path, program)
			defer stop()
			moments := map[string]bool{}
			exports := 5
			if storetest.Long() {
				exports = 25
			}
			for range exports {
				archive, report := storetest.Export(t, path, exporter.Options{})
				restored := filepath.Join(t.TempDir(), "restored.db")
				storetest.MustImport(t, restored, archive, store.SinkOptions{})
				for _, check := range []struct{ what, query, want string }{
					{"memories beyond the tally", "SELECT (SELECT count(*) FROM knowledge_nodes) - (SELECT value FROM fsrs_config WHERE key = 'memories')", "0.0"},
					{"relations beyond the tally", "SELECT (SELECT count(*) FROM memory_connections) - (SELECT value FROM fsrs_config WHERE key = 'relations')", "0.0"},
					{"dangling relations", "SELECT count(*) FROM memory_connections WHERE source_id NOT IN (SELECT id FROM knowledge_nodes) OR target_id NOT IN (SELECT id FROM knowledge_nodes)", "0"},
				} {
					if got := storetest.One(t, restored, check.query); got != check.want {
						t.Errorf("%s: %s", check.what, got)
					}
				}
				if report.Sections["relations"].Written == 0 {
					t.Error("no relations")
				}
				moments[report.End.Content.String()] = true
				time.Sleep(20 * time.Millisecond)
			}
			if len(moments) < 2 {
				t.Error("the writer wrote nothing between exports")
			}
		})
	}
}
