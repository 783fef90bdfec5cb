package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// built builds the program once.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "memarc-binary-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "memarc")
	// Programs that write to graphs need not be waited for long once they are dead.
	args := []string{"build", "-o", path, "-ldflags", "-X github.com/memarc/memarc/internal/engine/graph.pulse=150ms"}
	if overlay := os.Getenv("MEMARC_TEST_OVERLAY"); overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

// A ran is what came of one run of the program.
type ran struct {
	code   int // -1 if it was killed
	output string
}

// memarc runs the program; kill, if not nil, is told how to kill it.
func memarc(t testing.TB, kill func(func()), args ...string) ran {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(os.Environ(), "MEMARC_DEBUG=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if kill != nil {
		kill(func() { _ = cmd.Process.Kill() })
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("run: %v: %s", errors.Join(err, ctx.Err()), out.String())
	}
	return ran{cmd.ProcessState.ExitCode(), out.String()}
}

// A crossing is one archive on its way into a database, and what is there in the end
// if nothing comes between.
type crossing struct {
	archive string
	digest  string
	flags   []string
	prepare func(t testing.TB, database string)
	before  tables // what the target holds of its own
	after   tables
	moments int   // that an import passes
	bytes   int64 // that it sends
}

// tables are a database's rows as text, sorted, by table.
type tables map[string][]string

var (
	started   = time.Now().Add(-time.Minute)
	timestamp = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d`)
)

// dump reads all tables of the schema public but the one that says how far an import is.
func dump(t testing.TB, database string) tables {
	t.Helper()
	out := tables{}
	names, err := answers(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if name == "memarc_progress" {
			continue
		}
		what := "t::text"
		if name == "memarc_sidecar" { // the hashes are of rows with the time of the import in them
			what = "(section, place, native IS NULL, record, gone)::text"
		}
		rows, err := answers(database, `SELECT `+what+` FROM public."`+name+`" t`)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			rows[i] = timestamp.ReplaceAllStringFunc(rows[i], func(at string) string {
				if v, err := time.Parse("2006-01-02 15:04:05.999999-07", at); err == nil && v.After(started) {
					return "now" // a default of the product's
				}
				return at
			})
		}
		slices.Sort(rows)
		out[name] = rows
	}
	return out
}

func same(t testing.TB, what string, want, got tables) {
	t.Helper()
	diff := storetest.Diff(storetest.Dump(want), storetest.Dump(got))
	for i, line := range diff {
		if i == 5 {
			t.Errorf("... and %d more", len(diff)-i)
			break
		}
		t.Errorf("%s: %.300s", what, line)
	}
}

// one returns the first column of a query's only row.
func one(t testing.TB, database, statement string) string {
	t.Helper()
	lines, err := answers(database, statement)
	if err != nil || len(lines) != 1 {
		t.Fatalf("%s: %d rows, %v", statement, len(lines), err)
	}
	return lines[0]
}

// interrupted tells whether the target is marked as one of an import that is not done.
func interrupted(t testing.TB, database string) bool {
	return one(t, database, "SELECT to_regclass('public.memarc_progress') IS NOT NULL") == "t"
}

// alone waits until the sessions of programs that are gone have ended.
func alone(t testing.TB, database string) {
	t.Helper()
	const others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
	for until := time.Now().Add(20 * time.Second); one(t, database, others) != "0"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the session of a program that was killed does not end")
		}
	}
}

// archiveOf makes a store and exports it.
func archiveOf(t testing.TB, name string, make func(string) error) (archive, digest string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name+".db")
	archive = filepath.Join(dir, name+".marc")
	if err := make(path); err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(dir, "report.json")
	if r := memarc(t, nil, "export", path, "-o", archive, "--report", report); r.code != 0 {
		t.Fatal(r.output)
	}
	return archive, reported(t, report).Digest.Archive
}

func reported(t testing.TB, path string) (r report) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// aiMemory is so large that the archive has its memories in several batches.
func aiMemory(path string) error {
	return sample.AIMemory(path, sample.Size{Memories: 130, Relations: 150, Dimension: 384, Least: 34000, Most: 38000})
}

func vestigeStore(path string) error {
	return sample.Large(path, sample.Size{Memories: 130, Relations: 150, Dimension: 384, Least: 34000, Most: 38000})
}

// crossings are the ways to be tried: each product into its own layout on
// PostgreSQL, one into another's and one into memarc's, all into an empty database
// and into one that holds memories.
func crossings(t testing.TB) map[string]*crossing {
	freshDatabase(t) // or there is nothing to do
	mine, mineDigest := archiveOf(t, "aimemory", aiMemory)
	other, otherDigest := archiveOf(t, "vestige", vestigeStore)
	few := sample.Size{Memories: 7, Relations: 9, Dimension: 384, Least: 100, Most: 200}
	fewMine, _ := archiveOf(t, "fewmine", func(path string) error { return sample.AIMemory(path, few) })
	fewOther, _ := archiveOf(t, "fewother", func(path string) error { return sample.Large(path, few) })
	with := func(archive string, flags ...string) func(testing.TB, string) {
		return func(t testing.TB, database string) {
			if r := memarc(t, nil, append([]string{"import", database, archive}, flags...)...); r.code != 0 {
				t.Fatal(r.output)
			}
		}
	}
	out := map[string]*crossing{
		"ai-memory":         {archive: mine, digest: mineDigest, prepare: with(fewMine)},
		"vestige":           {archive: other, digest: otherDigest, prepare: with(fewOther)},
		"vestige>ai-memory": {archive: other, digest: otherDigest, flags: []string{"--layout", "ai-memory"}, prepare: with(fewMine)},
		"ai-memory>memarc":  {archive: mine, digest: mineDigest, flags: []string{"--layout", "memarc"}, prepare: with(fewMine, "--layout", "memarc")},
	}
	for _, name := range slices.Collect(maps.Keys(out)) {
		c := out[name]
		full := *c
		out[name+" and earlier ones"] = &full
		full.digest = ""
		c.prepare = nil
	}
	return out
}

// imports runs one import, under a strike if p is not nil.
func (c *crossing) imports(t testing.TB, target string, p *proxy, steps bool) ran {
	t.Helper()
	args := append([]string{"import", target, c.archive, "--on-conflict", "fail"}, c.flags...)
	if steps {
		args = append(args, "--commit-every", stepSize())
	}
	var kill func(func())
	if p != nil && p.kills {
		kill = func(now func()) { p.strikes(now) }
	}
	return memarc(t, kill, args...)
}

// stepSize is for --commit-every: each batch is a step, or each batch of memories.
func stepSize() string {
	if storetest.Long() {
		return "1"
	}
	return "60"
}

// start makes the target of a crossing.
func (c *crossing) start(t testing.TB) string {
	t.Helper()
	database := freshDatabase(t)
	if c.prepare != nil {
		c.prepare(t, database)
	}
	return database
}

// learn imports without a disturbance, and notes what there is to be disturbed.
func (c *crossing) learn(t testing.TB, steps bool) {
	t.Helper()
	database := c.start(t)
	c.before = dump(t, database)
	p, through := newProxy(t, database)
	r := c.imports(t, through, nil, steps)
	p.close()
	if r.code != 0 {
		t.Fatal(r.output)
	}
	c.moments, c.bytes = len(p.moments), p.sent
	c.after = dump(t, database)
	c.holds(t, "undisturbed", database)
}

// holds proves that the target is complete.
func (c *crossing) holds(t testing.TB, what, database string) {
	t.Helper()
	if interrupted(t, database) {
		t.Errorf("%s: memarc_progress is still there", what)
	}
	same(t, what, c.after, dump(t, database))
	if c.digest == "" {
		return
	}
	if r := memarc(t, nil, "digest", database); !strings.HasPrefix(r.output, c.digest) {
		t.Errorf("%s: digest %s, want %s", what, r.output, c.digest)
	}
}

// consistent proves that an interrupted import has left earlier rows as they were and
// has added none that the whole import would not.
func (c *crossing) consistent(t testing.TB, what, database string) {
	t.Helper()
	now := dump(t, database)
	for name, rows := range c.before {
		for _, row := range rows {
			if name == "memarc_sidecar" || name == "memarc_meta" {
				continue // derived entries are settled at the end
			}
			if _, found := slices.BinarySearch(now[name], row); !found {
				t.Errorf("%s: the target's own row of %q is gone: %.200s", what, name, row)
			}
		}
	}
	for name, rows := range now {
		if len(rows) > len(c.after[name]) && name != "memarc_sidecar" {
			t.Errorf("%s: %d rows of %q, the whole import makes %d", what, len(rows), name, len(c.after[name]))
		}
	}
}

// struck imports and strikes once. It returns whether the strike came before the end.
func (c *crossing) struck(t testing.TB, what, database string, steps, kills bool, only string, moment int, byte int64) bool {
	t.Helper()
	p, through := newProxy(t, database)
	p.moment, p.byte, p.kills, p.only = moment, byte, kills, only
	r := c.imports(t, through, p, steps)
	p.close()
	alone(t, database)
	switch {
	case !p.struck && r.code != 0:
		t.Errorf("%s: exit %d: %s", what, r.code, r.output)
	case p.struck && kills && r.code != -1:
		t.Errorf("%s: exit %d after it was killed: %s", what, r.code, r.output)
	case p.struck && !kills && r.code != 1:
		t.Errorf("%s: exit %d after the connection was cut: %s", what, r.code, r.output)
	case p.struck && !kills && strings.Contains(r.output, password(database)):
		t.Errorf("%s: the password is printed: %s", what, r.output)
	}
	return p.struck
}

func password(database string) string {
	u, err := url.Parse(database)
	if err != nil {
		return "?"
	}
	text, _ := u.User.Password()
	return text
}

// once strikes one import at one moment, and imports again until it is done.
func (c *crossing) once(t testing.TB, what string, steps, kills bool, moment int, byte int64) {
	t.Helper()
	database := c.start(t)
	if c.struck(t, what, database, steps, kills, "", moment, byte) {
		c.consistent(t, what, database)
		if !steps && !slices.Equal(flat(dump(t, database)), flat(c.after)) {
			same(t, what+": nothing must be there", c.before, dump(t, database))
		}
	}
	if r := c.imports(t, database, nil, steps && moment%2 == 0); r.code != 0 { // resuming takes no flag
		t.Errorf("%s: again: exit %d: %s", what, r.code, r.output)
		return
	}
	c.holds(t, what, database)
}

func flat(d tables) (out []string) {
	for name, rows := range d {
		out = append(out, name)
		for _, row := range rows {
			out = append(out, name+" "+row)
		}
	}
	slices.Sort(out)
	return out
}

// An import in steps that is killed before and after each of its commits goes on
// each time, and makes what an undisturbed one makes.
func TestKilledAtEveryStep(t *testing.T) {
	for name, c := range crossings(t) {
		if !storetest.Long() && !slices.Contains([]string{"ai-memory and earlier ones", "vestige>ai-memory", "ai-memory>memarc"}, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			c.learn(t, true)
			database := c.start(t)
			runs := 0
			for moment, done := 1, false; !done; runs++ {
				what := fmt.Sprintf("run %d, killed at %d", runs+1, moment)
				state := ""
				if interrupted(t, database) {
					state = one(t, database, "SELECT state FROM memarc_progress")
				}
				if !c.struck(t, what, database, true, true, "COMMIT", moment, 0) {
					break
				}
				c.consistent(t, what, database)
				now := ""
				if interrupted(t, database) {
					now = one(t, database, "SELECT state FROM memarc_progress")
				}
				switch {
				case now == state:
					moment++ // it came no step further
				case now == "": // killed after the last commit: all is there
					done = true
				default:
					moment = 3 // the first two are of the transaction that finds out how far it is
				}
				if runs > 80 || t.Failed() {
					t.Fatalf("it does not get to its end: %s", what)
				}
			}
			c.holds(t, "in the end", database)
			t.Logf("%d moments, killed %d times", c.moments, runs)
			if runs < 6 {
				t.Errorf("killed %d times only: the archive has too few batches", runs)
			}
		})
	}
}

// An import that is killed, or whose connection is cut, at any moment finishes when it
// is run again, be it in steps or in one transaction.
func TestStruckAnywhere(t *testing.T) {
	r := rand.New(rand.NewPCG(storetest.Seed(t), 0))
	times := 2
	if storetest.Long() {
		times = 12
	}
	all := crossings(t)
	for _, steps := range []bool{true, false} {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			c := *all[name]
			if !storetest.Long() && name != "ai-memory and earlier ones" && (name != "ai-memory" || !steps) {
				continue
			}
			t.Run(fmt.Sprintf("%s, steps %v", name, steps), func(t *testing.T) {
				c.learn(t, steps)
				for n := range times {
					kills := (n+r.IntN(2))%2 == 0
					if moment := 1 + r.IntN(c.moments); n%2 == 1 {
						c.once(t, fmt.Sprintf("moment %d of %d, killed %v", moment, c.moments, kills), steps, kills, moment, 0)
					} else {
						byte := 1 + r.Int64N(c.bytes)
						c.once(t, fmt.Sprintf("byte %d of %d, killed %v", byte, c.bytes, kills), steps, kills, 0, byte)
					}
				}
			})
		}
	}
}

// A server that dies in the middle of a COPY, and comes back, has what was committed.
func TestServerDies(t *testing.T) {
	server := pgserver.Server(t)
	archive, digest := archiveOf(t, "aimemory", aiMemory)
	database, _, err := pgserver.CreateDatabase(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	c := &crossing{archive: archive, digest: digest}
	for n, stop := range []func() error{func() error { return server.Stop(true) }, server.Kill} {
		p, through := newProxy(t, database)
		p.byte, p.kills = 3_000_000/int64(n+1), true // not at a message's end
		failed := make(chan error, 1)
		p.strike = func() { failed <- stop() }
		r := memarc(t, nil, "import", through, c.archive, "--commit-every", "1")
		p.close()
		if !p.struck {
			t.Fatal("the import was done before the server died")
		}
		if err := errors.Join(<-failed, server.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
		if r.code != 1 || strings.Contains(r.output, password(database)) {
			t.Errorf("exit %d: %s", r.code, r.output)
		}
		t.Log(r.output)
		if n == 0 && !interrupted(t, database) {
			t.Error("nothing was committed")
		}
	}
	if r := c.imports(t, database, nil, false); r.code != 0 {
		t.Fatal(r.output)
	}
	if r := memarc(t, nil, "digest", database); interrupted(t, database) || !strings.HasPrefix(r.output, digest) {
		t.Errorf("digest %s, want %s", r.output, digest)
	}
}

// An interrupted import keeps its target to itself: another archive is refused, with
// the way out, also one that begins alike.
func TestInterruptedTarget(t *testing.T) {
	database := freshDatabase(t)
	archive, digest := archiveOf(t, "aimemory", aiMemory)
	fewer, _ := archiveOf(t, "fewer", func(path string) error {
		return sample.AIMemory(path, sample.Size{Memories: 3, Relations: 2, Dimension: 384, Least: 100, Most: 200})
	})
	other, _ := archiveOf(t, "other", func(path string) error {
		return sample.Large(path, sample.Size{Memories: 3, Relations: 2, Dimension: 384, Least: 100, Most: 200})
	})
	c := &crossing{archive: archive, digest: digest}
	if !c.struck(t, "cut", database, true, false, "", 0, 3_500_000) || !interrupted(t, database) {
		t.Fatal("the import was not interrupted")
	}
	before := dump(t, database)
	for _, refused := range [][]string{{fewer}, {other, "--layout", "ai-memory"}, {fewer, "--no-verify"}} {
		r := memarc(t, nil, append([]string{"import", database}, refused...)...)
		if r.code != 2 || !strings.Contains(r.output, `dropping the table "memarc_progress"`) || !strings.Contains(r.output, "import that archive again") {
			t.Errorf("%v: exit %d: %s", refused[1:], r.code, r.output)
		}
		same(t, "refused", before, dump(t, database))
	}
	if r := c.imports(t, database, nil, false); r.code != 0 { // without --commit-every
		t.Fatal(r.output)
	}
	if r := memarc(t, nil, "digest", database); interrupted(t, database) || !strings.HasPrefix(r.output, digest) {
		t.Errorf("digest %s, want %s", r.output, digest)
	}
}
